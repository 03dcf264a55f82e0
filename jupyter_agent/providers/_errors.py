"""The one classifier of what providers report: status, headers and body → our error tree.

Sentences are ours. The provider's own words are quoted only where they help, cleaned of keys, and
never where they may echo one; the raw body is kept on the error for logs and the doctor.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ..protocol.errors import (
    BadRequest,
    ConnectionFailed,
    ContextOverflow,
    Overloaded,
    ProviderError,
    RateLimited,
    Refused,
    StreamInterrupted,
    TimedOut,
    Unauthorized,
    UnsupportedCapability,
)
from ..protocol.redaction import KEY_PREFIXES
from ._json import compact_json, parse_json
from ._overflow import OVERFLOW, sizes_in
from .dialects import LABELS

MAX_RETRY_AFTER = 60.0  # seconds
_MAX_WORDS = 300
_MAX_BODY = 2000
_REQUEST_IDS = ("request-id", "x-request-id", "apim-request-id", "x-amzn-requestid", "x-goog-trace")

_QUOTA = re.compile(
    r"insufficient[ _](quota|balance|credits|funds)|exceeded your current quota|credit balance"
    r"|billing|out of credits|requires more credits|payment required|quota_exceeded",
    re.I,
)
_KEY = re.compile(
    r"\bapi[ _-]?key\b.*\b(invalid|incorrect|valid|expired|not found|missing|required)"
    r"|\b(invalid|incorrect|expired|missing|wrong)\b.*\b(api[ _-]?key|authentication|credential"
    r"|token\b.*\bsecurity|security token)|unauthorized|unauthenticated|authentication"
    r"|api_key_invalid|permission_denied|unrecognizedclient|accessdenied",
    re.I,
)
_MODEL = re.compile(
    r"model[^.]{0,120}(not found|does not exist|not exist|unknown|invalid|deprecated|not supported"
    r" for generatecontent|unavailable)|model_not_found|invalid model|unknown model"
    r"|(not_found_error|not found).{0,40}model",
    re.I,
)
_SAFETY = re.compile(
    r"content[ _](filter|policy)|safety|content_policy_violation|responsible ?ai|guardrail", re.I
)
_RATE = re.compile(
    r"rate[ _]?limit|too many requests|resource[ _]?exhausted|throttl|tokens per min", re.I
)
_OVERLOAD = re.compile(
    r"overloaded|no capacity|over capacity|temporarily unavailable|service ?unavailable"
    r"|model ?not ?ready|try again later",
    re.I,
)
_LOADING = re.compile(r"loading model|model is (currently )?loading|model_loading", re.I)
# LM Studio answers this with status 200.
_NO_ROUTE = re.compile(r"unexpected endpoint or method", re.I)
_NO_TOOLS = re.compile(
    r"(does not|doesn't|do not|cannot|not) (currently )?support.{0,20}\b(tools?|function)\b"
    r"|no endpoints found that support tool|tools?( param)? requires? --jinja|requires --jinja"
    r"|tool (use|calling|choice).{0,20}(is )?not (supported|enabled)",
    re.I,
)
_NO_MEMORY = re.compile(
    r"out of memory|cuda error|failed to allocate|cannot allocate memory|insufficient memory"
    r"|requires more system memory|not enough (gpu |video )?memory",
    re.I,
)
_AFTER = re.compile(
    r"(?:try again|retry) (?:in|after) (?:(\d+)m(?!s))?\s?(?:([\d.]{1,8})\s?(ms|s|seconds?)\b)?",
    re.I,
)
_SERVER = re.compile(r"internal[ _]?(server)?[ _]?(error|failure)|server_error|api_error", re.I)
# An error's words are no data of the person's: here rather too much is taken for a key.
_SECRET = re.compile(
    rf"\b({'|'.join(KEY_PREFIXES)})[-_]?[A-Za-z0-9_*\-]{{12,}}"
    r"|\bBearer\s+\S+|([?&]key=)[^&\s]+",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a provider said about an error, whatever the shape it chose."""

    words: str = ""
    kind: str = ""  # its own type, code or status word
    status: int | None = None
    retry_after: float | None = None
    raw: str = ""


def read_report(body: bytes | str | dict[str, Any] | list[Any] | None) -> Report:
    """Read an error body: OpenAI's, Anthropic's, Google's, AWS's, FastAPI's, or plain text."""
    if isinstance(body, (bytes, str)):
        raw = body if isinstance(body, str) else body.decode("utf-8", errors="replace")
        try:
            body = parse_json(raw.encode("utf-8", errors="replace"))
        except ValueError:
            text = raw.strip()
            return Report(words="" if text[:1] in "<{[" else text, raw=raw[:_MAX_BODY])
    else:
        raw = compact_json(body).decode()
    if isinstance(body, list):
        body = body[0] if body else None
    if not isinstance(body, dict):
        return Report(words=str(body or ""), raw=raw[:_MAX_BODY])
    error = body.get("error")
    inner = error if isinstance(error, dict) else body
    words = error if isinstance(error, str) else _words(inner) or _words(body)
    kinds = (
        str(source[key])
        for source in (inner, body)
        for key in ("type", "code", "status", "__type")
        if isinstance(source.get(key), (str, int)) and source[key] != "error"
    )
    return Report(
        words=words,
        kind=" ".join(dict.fromkeys(kinds)),
        status=_status(inner, body),
        retry_after=_retry_info(inner) or _retry_words(words),
        raw=raw[:_MAX_BODY],
    )


def _words(source: dict[str, Any]) -> str:
    for key in ("message", "Message", "detail", "error_description", "msg"):
        value = source.get(key)
        if isinstance(value, str) and value:
            metadata = source.get("metadata")
            upstream = metadata.get("raw") if isinstance(metadata, dict) else None
            if isinstance(upstream, str) and not upstream.lstrip().startswith(("{", "[")):
                return upstream  # OpenRouter's own message says only "Provider returned error"
            return value
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return _words(value[0])
    return ""


def _status(*sources: dict[str, Any]) -> int | None:
    for source in sources:
        for key in ("status_code", "code", "status"):
            value = source.get(key)
            if isinstance(value, str) and value.isdigit():
                value = int(value)
            if isinstance(value, int) and 400 <= value < 600:
                return value
    return None


def _retry_info(source: dict[str, Any]) -> float | None:
    """Read Google's `retryDelay`."""
    details = source.get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and (found := re.fullmatch(r"([\d.]{1,12})s", delay)):
            return min(float(found[1]), MAX_RETRY_AFTER)
    return None


def _retry_words(words: str) -> float | None:
    """Read "try again in 1.9s", "in 340 ms", "in 2m3.5s"; seconds, at most `MAX_RETRY_AFTER`."""
    found = _AFTER.search(words)
    if found is None or not (found[1] or found[2]):
        return None
    seconds = (_number(found[2] or "0") or 0.0) * (0.001 if found[3] == "ms" else 1.0)
    return min(seconds + 60.0 * int(found[1] or 0), MAX_RETRY_AFTER)


def error_from_response(
    status: int, headers: Mapping[str, str], body: bytes, *, provider: str, model: str
) -> ProviderError:
    """Return the error for an HTTP answer of status 300 and above."""
    error = error_from_body(body, status=status, provider=provider, model=model)
    should_retry = headers.get("x-should-retry", "").lower()
    if should_retry in ("true", "false"):
        error.retryable = should_retry == "true"
    after = retry_after(headers)
    if after is not None:
        error.retry_after = after
    error.request_id = next((headers[name] for name in _REQUEST_IDS if name in headers), None)
    return error


def error_from_body(
    body: bytes | str | dict[str, Any] | list[Any] | None,
    *,
    status: int | None,
    provider: str,
    model: str,
    in_stream: bool = False,
) -> ProviderError:
    """Return the error for a body, or for what came inside a stream (then without a status)."""
    report = read_report(body)
    status = status or report.status
    rule, sentence = _classify(report, status, provider, model)
    kind, retryable = rule.kind, rule.retryable
    if in_stream and kind is BadRequest and not (status or report.words or report.kind):
        kind, retryable = StreamInterrupted, True
        sentence = f"{_named(provider)} broke off the answer without saying why. Try again."
    return kind(
        sentence,
        provider=provider,
        model=model,
        status=status,
        retryable=retryable,
        retry_after=report.retry_after,
        body=report.raw,
        details=_details(rule, kind, report),
    )


def _details(rule: _Rule, kind: type[ProviderError], report: Report) -> dict[str, Any] | None:
    """Return the facts that those who handle the error need, beside its sentence."""
    if rule.fault:
        return {"fault": rule.fault}
    if kind is ContextOverflow:
        return sizes_in(report.raw)
    if kind is Overloaded and _LOADING.search(f"{report.kind} {report.words}"):
        return {"loading": True}
    return None


@dataclass(frozen=True, slots=True)
class _Rule:
    """One row: applies when the status is among those and the words match. The first row wins.

    `fault` names what is at fault, as in `_faults.py`.
    """

    kind: type[ProviderError]
    sentence: str
    retryable: bool = False
    statuses: frozenset[int | None] | None = None
    words: re.Pattern[str] | None = None
    fault: str = ""

    def fits(self, status: int | None, text: str) -> bool:
        if self.statuses is not None and status not in self.statuses:
            return False
        return self.words is None or self.words.search(text) is not None


def _of(*statuses: int | range | None) -> frozenset[int | None]:
    flat: set[int | None] = set()
    for status in statuses:
        flat.update(status if isinstance(status, range) else (status,))
    return frozenset(flat)


_BAD_KEY = (
    "{provider} does not accept the API key. Check the key in the settings: it may be missing, "
    "mistyped, expired, or of another provider."
)
_TOO_FAST = (
    "{provider} is receiving too many requests from this account{words}. Wait a moment and try "
    "again."
)
_NO_CREDIT = (
    "The credit or quota of the account at {provider} is used up. Check its billing page, or "
    "choose another provider."
)
_FULL = "{provider} has no capacity at the moment{words}. Try again soon."
_SLOW = "{provider} took too long to answer. Try again."
_FAULT = "{provider} met a fault of its own{words}. Try again; if it stays, see its status page."
_OK_ISH = range(200, 300)
_NOTHING_THERE = (
    "{provider} found nothing at this address{words}. Check the address (most servers want `/v1` "
    "at its end) and the model's name."
)

_RULES = (
    _Rule(
        BadRequest,
        "The address of {provider} redirects elsewhere, and keys are not sent along. Set the base "
        "URL to the final address.",
        statuses=_of(range(300, 400)),
    ),
    _Rule(
        ContextOverflow,
        "The conversation is longer than {model} can read. Start a new one, summarise it, or "
        "choose a model with a larger window.",
        statuses=_of(None, _OK_ISH, 400, 413, 422, 429, 500),
        words=OVERFLOW,
    ),
    _Rule(
        UnsupportedCapability,
        "{provider} does not let {model} use tools{words}, so it could talk and nothing more. Choose "
        "another model; llama.cpp's server needs `--jinja`, vLLM's `--enable-auto-tool-choice`.",
        words=_NO_TOOLS,
    ),
    _Rule(
        Overloaded,
        "{provider} has not enough memory for this{words}. Start it with a smaller model or window.",
        statuses=_of(None, _OK_ISH, 400, 500, 503),
        words=_NO_MEMORY,
    ),
    _Rule(Overloaded, "{provider} is still loading {model}.", True, words=_LOADING),
    _Rule(RateLimited, _NO_CREDIT, statuses=_of(402)),
    _Rule(Unauthorized, _BAD_KEY, statuses=_of(401)),
    _Rule(RateLimited, _NO_CREDIT, words=_QUOTA),
    _Rule(Unauthorized, _BAD_KEY, statuses=_of(None, _OK_ISH, 400, 403), words=_KEY),
    _Rule(
        Unauthorized,
        "{provider} does not allow this{words}. Check that the account and key may use {model}, "
        "also from this region.",
        statuses=_of(403),
    ),
    _Rule(RateLimited, _TOO_FAST, True, statuses=_of(429)),
    _Rule(RateLimited, _TOO_FAST, True, statuses=_of(None, _OK_ISH, 400, 500), words=_RATE),
    _Rule(
        Refused,
        "The safety system of {provider} refused this request{words}.",
        statuses=_of(None, _OK_ISH, 400, 422),
        words=_SAFETY,
    ),
    _Rule(
        BadRequest,
        "{provider} does not offer {model}{words}. Choose another model.",
        statuses=_of(None, range(200, 500)),
        words=_MODEL,
    ),
    _Rule(BadRequest, _NOTHING_THERE, statuses=_of(404, 405), fault="address"),
    _Rule(
        BadRequest,
        _NOTHING_THERE,
        statuses=_of(None, _OK_ISH),
        words=_NO_ROUTE,
        fault="address",
    ),
    _Rule(
        ConnectionFailed,
        "A proxy on the way to {provider} wants a user name and a password. Put them into its "
        "address: http://user:password@host:port.",
        statuses=_of(407),
    ),
    _Rule(TimedOut, _SLOW, True, statuses=_of(408, 504)),
    _Rule(TimedOut, _SLOW, True, statuses=_of(None), words=re.compile("time[d ]*out", re.I)),
    _Rule(Overloaded, _FULL, True, statuses=_of(409, 503, 529)),
    _Rule(Overloaded, _FULL, True, statuses=_of(None, _OK_ISH, 500), words=_OVERLOAD),
    _Rule(Overloaded, _FAULT, True, statuses=_of(range(500, 600))),
    _Rule(Overloaded, _FAULT, True, statuses=_of(None, _OK_ISH), words=_SERVER),
    _Rule(
        ContextOverflow,
        "The request is larger than {provider} accepts. Leave out large images or documents, or "
        "start a new conversation.",
        statuses=_of(413),
    ),
    _Rule(BadRequest, "{provider} refused the request{words}."),
)


def _classify(report: Report, status: int | None, provider: str, model: str) -> tuple[_Rule, str]:
    """Choose the rule that holds, and fill in its sentence."""
    text = f"{report.kind} {report.words}"[:_MAX_BODY]
    rule = next(rule for rule in _RULES if rule.fits(status, text))
    sentence = rule.sentence.format(
        provider=_named(provider),
        model=model or "this model",
        words=quote(report.words),
    )
    return rule, sentence


def _named(provider: str) -> str:
    return LABELS.get(provider, provider) or "The provider"


def quote(words: str) -> str:
    """Return the provider's words, ready to stand inside a sentence; empty if they do not help."""
    line = redact(" ".join(words.split())).strip().rstrip(".")
    if not line or line.startswith(("{", "[", "<")):
        return ""
    if len(line) > _MAX_WORDS:
        line = line[: _MAX_WORDS - 1] + "…"
    brace = line.find("{")
    if brace >= 0:
        line = line[:brace].rstrip(" :,")
    return f" (“{line}”)" if line else ""


def redact(text: str, *secrets: str | None) -> str:
    """Remove the given secrets, and what looks like one, from a text."""
    for secret in secrets:
        if secret and len(secret) >= 4:
            text = text.replace(secret, "[key]")
    return _SECRET.sub(lambda found: f"{found[2] or ''}[key]", text)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the wait that `retry-after-ms` or `retry-after` (seconds or a date) asks, ≤ 60 s."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if not value:
            continue
        seconds = _number(value)
        if seconds is not None:
            seconds *= unit
        elif name == "retry-after":
            seconds = _until(value)
        if seconds is not None and seconds >= 0:
            return min(seconds, MAX_RETRY_AFTER)
    return None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _until(value: str) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
