"""Keys in texts: what they look like, and the markers that stand in their place.

Pure. Which keys are held here is told by `runtime/redacting.py`; what an agent is told, and what is
kept of it, goes through both. Each pattern begins with letters that are searched for fast, and
looks only so far: time is linear in the text, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Letters that providers' keys begin with. In the words of an error any of them, followed by a few
# letters, is taken for a key; in data it takes more, below.
KEY_PREFIXES = "sk pk rk gsk xai key AIza AKIA ASIA ghp hf pplx fw csk tgp nvapi".split()
SHORTEST = 8  # characters of a key that is known
_MARKER = re.compile(r"\[redacted: [^\[\]\n]{1,60}\]")
_WORD = "A-Za-z0-9_-"
# At least one digit, not far: what has none is a name.
_DIGIT = r"(?=[A-Za-z_-]{0,60}[0-9])"


@dataclass(frozen=True, slots=True)
class _Shape:
    """A kind of key. Looked for only where one of `signs` is; group 1 of the pattern is kept."""

    kind: str
    signs: tuple[str, ...]
    pattern: re.Pattern[str]


def _begins(kind: str, prefix: str, rest: str) -> _Shape:
    """Return keys that begin with these letters, which are not the middle of a word."""
    apart = rf"(?:(?<![{_WORD}]{prefix})|(?<=\\[nrt]{prefix}))"
    return _Shape(kind, (prefix.replace("\\", ""),), re.compile(f"(){prefix}{apart}{rest}"))


_API_KEYS = {
    "sk-": rf"{_DIGIT}[{_WORD}]{{16,}}",
    "gsk_": rf"{_DIGIT}[A-Za-z0-9]{{20,}}",
    "xai-": rf"{_DIGIT}[A-Za-z0-9]{{20,}}",
    "hf_": r"[A-Za-z0-9]{30,}",
    "pplx-": r"[A-Za-z0-9]{30,}",
    "nvapi-": rf"[{_WORD}]{{30,}}",
    "csk-": r"[a-z0-9]{30,}",
    "fw_": rf"{_DIGIT}[A-Za-z0-9]{{20,}}",
    "tgp_v1_": rf"[{_WORD}]{{20,}}",
    "r8_": r"[A-Za-z0-9]{30,}",
    "AIza": rf"[{_WORD}]{{35}}(?![{_WORD}])",
    "sk_live_": r"[A-Za-z0-9]{16,}",
    "rk_live_": r"[A-Za-z0-9]{16,}",
    "pypi-AgE": rf"[{_WORD}]{{30,}}",
    "npm_": r"[A-Za-z0-9]{36}(?![A-Za-z0-9])",
}
_GAP = r"""(?:\\[nr]|[\s"',])"""  # between the lines of a block, also in a string's repr
_ENDING = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_NAMED = r"""["']?\s{0,3}[:=]\s{0,3}["']?"""  # between a name and its value
_SHAPES = (
    _Shape(
        "private key",
        ("-----BEGIN ",),
        re.compile(
            r"()-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            rf"(?:{_GAP}{{0,8}}[A-Za-z-]{{1,40}}: [^\n\\]{{1,200}}){{0,6}}"
            rf"(?:{_GAP}{{0,8}}[A-Za-z0-9+/=]{{16,}}){{0,400}}"
            rf"(?:{_GAP}{{0,8}}[A-Za-z0-9+/=]{{0,80}}{_GAP}{{0,8}}{_ENDING})?"
        ),
    ),
    *(_begins("API key", prefix, rest) for prefix, rest in _API_KEYS.items()),
    _begins("AWS access key", "AKIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _begins("AWS access key", "ASIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    *(_begins("GitHub token", f"gh{kind}_", r"[A-Za-z0-9]{36,}") for kind in "pousr"),
    _begins("GitHub token", "github_pat_", r"[A-Za-z0-9_]{22,}"),
    _begins("GitLab token", "glpat-", rf"[{_WORD}]{{20,}}"),
    *(_begins("Slack token", f"xox{kind}-", r"[A-Za-z0-9-]{10,}") for kind in "abeoprs"),
    _begins("Slack token", "xapp-", r"[0-9]-[A-Za-z0-9-]{10,}"),
    _begins("Google token", r"ya29\.", rf"[{_WORD}]{{20,}}"),
    _begins("token", "eyJ", rf"[{_WORD}]{{10,}}\.eyJ[{_WORD}]{{10,}}\.[{_WORD}]{{10,}}"),
    _Shape(
        "Slack webhook",
        ("hooks.slack.com/services/",),
        re.compile(r"(hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}"),
    ),
    _Shape(
        "AWS secret key",
        ("ecret", "ECRET"),
        re.compile(
            rf"((?:aws_?)?secret_?(?:access_?)?key{_NAMED})[A-Za-z0-9/+]{{40}}(?![A-Za-z0-9/+])",
            re.IGNORECASE,
        ),
    ),
    _Shape(
        "credentials",
        ("uthorization", "UTHORIZATION"),
        re.compile(
            rf"(authorization{_NAMED}(?:bearer|token|basic)\s{{1,3}})[A-Za-z0-9._~+/=-]{{8,}}",
            re.IGNORECASE,
        ),
    ),
    _Shape(
        "token",
        ("earer ", "EARER "),
        re.compile(
            r"(\bbearer )(?=[A-Za-z._~+/-]{0,60}[0-9])[A-Za-z0-9._~+/-]{20,}={0,2}", re.IGNORECASE
        ),
    ),
    _Shape(
        "API key",
        ("pi-key", "PI-KEY", "pi-Key", "PI-Key"),
        re.compile(rf"(api-key{_NAMED})[A-Za-z0-9._-]{{16,}}", re.IGNORECASE),
    ),
    _Shape(
        "password",
        ("://",),
        re.compile(r"""(://[^\s/:@"'<>{}$]{0,100}:)[^\s/@"'<>{}$\[\]]{1,200}(?=@)"""),
    ),
    _Shape(
        "key",
        ("key=", "token=", "sig=", "ignature="),
        re.compile(
            r"""([?&](?:api_?key|key|access_token|token|sig|X-Amz-Signature)=)"""
            r"""(?=[A-Za-z_-]{0,60}[0-9])[^&\s"'<>#\[\]]{12,}"""
        ),
    ),
)
_TAIL = re.compile(_ENDING)
_TAIL_LINES = 30_000  # characters of a key's end whose beginning was cut off


def marker(kind: str) -> str:
    """Return what stands in the place of a key of a kind."""
    return f"[redacted: {re.sub(r'[^A-Za-z0-9 ._-]', ' ', kind)[:60]}]"


def markers(text: str) -> list[str]:
    """Return the markers in a text."""
    return _MARKER.findall(text)


def redact(text: str, known: Mapping[str, str] | None = None) -> str:
    """Replace what is a key, or looks like one, by a marker. Twice is as good as once.

    Args:
        text: any text; of cut ones also the rest of a key's block is found.
        known: keys that are held, and what each is called.
    """
    # The longest first: one may be the beginning of another.
    for value in sorted(known or (), key=len, reverse=True):
        if len(value) >= SHORTEST and value in text:
            text = text.replace(value, marker((known or {})[value]))
    for shape in _SHAPES:
        if any(sign in text for sign in shape.signs):
            text = shape.pattern.sub(rf"\g<1>{marker(shape.kind)}", text)
    return _without_tails(text) if "PRIVATE KEY" in text else text


def _without_tails(text: str) -> str:
    """Remove the ends of private keys whose beginnings were cut off."""
    pieces: list[str] = []
    done = 0
    for ending in _TAIL.finditer(text):
        start = ending.start()
        lowest = max(done, start - _TAIL_LINES)
        while start > lowest and (text[start - 1].isalnum() or text[start - 1] in "+/=\r\n"):
            start -= 1
        pieces += [text[done:start], marker("private key")]
        done = ending.end()
    return "".join([*pieces, text[done:]])
