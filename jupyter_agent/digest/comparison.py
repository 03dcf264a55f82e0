"""Whether two runs of a cell brought the same, as far as a person would say so. Pure.

What is new with every run is not compared: times, durations, memory addresses, temporary names,
random ids; of pictures and widgets only that they are there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .html import text_of
from .rich import as_text
from .text import clean

# So much of a text is compared, in characters: what a run keeps of it at least.
COMPARED = 400_000
# What a run says where it dropped an output; what it was cannot be compared.
_DROPPED = re.compile(r"\[[^\n]*characters? was not kept\]")

_NUMBER = r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
_PASSING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), shown)
    for pattern, shown in (
        (r"\b0x[0-9a-fA-F]{4,}\b", "0x…"),
        (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>"),
        # Ours: the mark around untrusted data, and the ids of runs and sessions.
        (r"\bdata-[0-9a-f]{16}\b|\b[a-z]+_[0-9a-f]{32}\b", "<id>"),
        (r"ipykernel_\d+[/\\]\d+\.py", "<cell>"),
        (r"\b(?:In|Out) ?\[\d+\]", "In[…]"),
        (r"([/\\])tmp[a-z0-9_]{8}\b", r"\1<temporary>"),
        (
            r"\b\d{4}-\d\d-\d\d[T ]\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?",
            "<time>",
        ),
        (r"\b(?:\d{1,3}:)?\d{1,2}:\d\d(?:[.,]\d+)?\b", "<time>"),
        (rf"\b{_NUMBER} ?(?:it/s|s/it|[kKMG]?i?B/s|(?:ns|[µμu]s|ms|s)/step)\b", "<rate>"),
        (
            rf"\b{_NUMBER} ?(?:ns|[µμu]s|ms|s|secs?|seconds?|mins?|minutes?|hours?)\b",
            "<duration>",
        ),
    )
)


def difference(
    shown: Sequence[Mapping[str, Any]], fresh: Sequence[Mapping[str, Any]]
) -> tuple[str, str] | None:
    """Return what is shown and what came now, as comparable text; None when they are alike.

    Streams are joined by name: where one is cut into two is a matter of timing.
    """
    before, after = comparable(shown), comparable(fresh)
    return None if before == after else (before, after)


def comparable(outputs: Sequence[Mapping[str, Any]]) -> str:
    """Return nbformat outputs as text in which what passes with every run is left out."""
    streams: dict[str, list[str]] = {"stdout": [], "stderr": []}
    rest: list[str] = []
    for output in outputs:
        kind = output.get("output_type")
        if kind == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            streams[name].append(as_text(output.get("text")))
        elif kind == "error":
            rest.append(f"{output.get('ename')}: {lasting(as_text(output.get('evalue')))}")
        else:
            data = output.get("data")
            rest.append(_bundle(data if isinstance(data, Mapping) else {}))
    printed = [lasting("".join(pieces)) for pieces in streams.values()]
    return "\n".join(text for text in (*printed, *rest) if text)


def lasting(text: str) -> str:
    """Return text as a terminal shows it at the end, without what is new with every run."""
    text = "\n".join(line.rstrip() for line in clean(text[:COMPARED]).strip().split("\n"))
    for pattern, shown in _PASSING:
        text = pattern.sub(shown, text)
    return text


def _bundle(data: Mapping[str, Any]) -> str:
    pictures = sorted(kind for kind in map(str, data) if kind.startswith("image/"))
    if pictures:
        return f"[{', '.join(pictures)}]"
    if any("widget-view" in str(kind) for kind in data):
        return "[widget]"
    for kind in ("text/plain", "text/markdown", "text/latex"):
        if kind in data:
            return _DROPPED.sub("", lasting(as_text(data[kind])))
    if "text/html" in data:
        return lasting(text_of(as_text(data["text/html"])[:COMPARED]))
    return f"[{', '.join(sorted(map(str, data)))}]"
