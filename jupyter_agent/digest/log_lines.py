"""Lines that decide, found in the part of a log that is cut.

What decides is often in the middle: a warning, a loss that became `nan`, the best epoch, a traceback
that the program survived.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .folding import standing_out, template

# Most important first: of several lines too many, the later ones of this list are left out.
_NOTABLE = (
    r"\w*(?:error|exception)s?|traceback|fatal|critical|nan|diverg\w*",
    r"fail\w*|inf|\w*overflow|abort\w*|killed|timed? ?out|refused|denied",
    r"\w*warnings?|warn\w*|deprecat\w*|skipp\w*|missing|dropp\w*|best|early stopping",
)
# A word may be a part of a name: model_failed, best_score, newBest.
_BORDER = r"(?:{}|(?<=(?-i:[a-z]))(?=(?-i:[A-Z])))"
_BEGIN, _END = _BORDER.format(r"(?<![^\W_])"), _BORDER.format(r"(?![^\W_])")
_RANKS = tuple(re.compile(f"{_BEGIN}(?:{words}){_END}", re.I) for words in _NOTABLE)
# What is looked for first, as searching for letters is much faster than for a pattern.
_STEMS = (
    *"error exception traceback fatal critical nan diverg fail inf overflow abort killed".split(),
    *"timeout refused denied warn deprecat skipp missing dropp best timedout".split(),
    *("time out", "timed out", "early stopping"),
)
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_HITS = 20_000  # lines with one of these
_SEARCHED = 4_000_000  # characters of the part that is cut
_LINES = 20
_LINE = 240  # characters of one line
_OF_A_KIND = 2_000  # lines that are compared
_STANDING_OUT = 1.5
_TRACEBACK = "Traceback (most recent call last)"
_TRACEBACK_LINES = 400
_FRAME = re.compile(r'File "[^"\n]+", line \d+')
_FRAME_LINES = 8  # of code and marks below the place


@dataclass(slots=True)
class _Kind:
    """Lines that differ in numbers alone: the rank of the first, and where each stands."""

    rank: int
    lines: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def notable_lines(text: str, start: int, end: int, size: int) -> tuple[str, ...]:
    """Return lines of a part of a text that say warning, error, nan, best and the like, in order.

    Of lines that differ in numbers alone the first stays, and those in which a number stands out. An
    exception is told with the line of its traceback that names the place. At most `size` characters;
    the least important are left out.
    """
    searched = min(end, start + _SEARCHED)
    kinds: dict[str, _Kind] = {}
    last = covered = -1
    for place in _places(text, start, searched):
        if place < covered:  # the code of a traceback
            continue
        raised = text.startswith(_TRACEBACK, place)
        if raised:
            place = covered = _exception_at(text, place, start, searched)
        if (begin := _line_start(text, place, start)) == last:
            continue
        last = begin
        line = _line_around(text, place, start, searched)
        rank = 0 if raised else _rank(line)
        if rank is None:
            continue
        kind = kinds.setdefault(template(line), _Kind(rank))
        if len(kind.lines) < _OF_A_KIND:
            kind.lines.append(line)
            kind.places.append(begin)
    found = sorted(one for kind in kinds.values() for one in _chosen(text, kind, start))
    kept: list[tuple[int, str]] = []
    used = 0
    for _, place, line in found[: 2 * _LINES]:
        if len(kept) < _LINES and used + len(line) + 1 <= size:
            kept.append((place, line))
            used += len(line) + 1
    return tuple(line for _, line in sorted(kept))


def _places(text: str, start: int, end: int) -> list[int]:
    """Return where such a word may stand: in each line, and each piece of a long one, the first."""
    lowered = text[start:end].lower()
    if len(lowered) != end - start:  # a letter that is two in lower case
        lowered = text[start:end].translate(_LOWER)
    found: set[int] = set()
    for stem in _STEMS:
        at = lowered.find(stem)
        for _ in range(_HITS):
            if at < 0:
                break
            found.add(start + at)
            line_end = lowered.find("\n", at, at + _LINE)
            at = lowered.find(stem, line_end if line_end >= 0 else at + _LINE)
    return sorted(found)


def _chosen(text: str, kind: _Kind, start: int) -> list[tuple[int, int, str]]:
    """Return the lines of a kind to show, as rank, place and line."""
    shown = {0} | {n for score, n in standing_out(kind.lines) if score > _STANDING_OUT}
    return [
        (kind.rank, kind.places[n], _frame_before(text, kind.places[n], start) + kind.lines[n])
        for n in sorted(shown)
    ]


def _exception_at(text: str, place: int, start: int, end: int) -> int:
    """Return where the exception of a traceback stands, of which the heading is at a place."""
    prefix = text[_line_start(text, place, start) : place]
    at = place
    for _ in range(_TRACEBACK_LINES):
        at = text.find("\n", at, end) + 1
        if not at:
            break
        if not text.startswith(f"{prefix}  ", at) and text[at : at + 1] not in "\r\n":
            return at + len(prefix) if text.startswith(prefix, at) else at
    return place


def _frame_before(text: str, begin: int, start: int) -> str:
    """Return the line of a traceback that names the place of an exception, and its code."""
    between: list[str] = []
    for _ in range(_FRAME_LINES):
        if begin <= start:
            break
        end, begin = begin - 1, _line_start(text, begin - 1, start)
        line = text[begin : min(end, begin + _LINE)].rstrip()
        if (found := _FRAME.search(line)) is not None:
            prefix = line[: found.start()]
            if not all(one.startswith(f"{prefix}  ") for one in between):
                break
            return "".join(f"{one}\n" for one in (line, *between[-1:]))
        between.append(line)
    return ""


def _rank(line: str) -> int | None:
    """Return how important a line is, 0 the most; None where no such word stands in it."""
    return next((rank for rank, kind in enumerate(_RANKS) if kind.search(line)), None)


def _line_start(text: str, at: int, start: int) -> int:
    """Return where a line begins, or its piece around a place when it is long."""
    lowest = max(start, at - _LINE)
    return max(lowest, text.rfind("\n", lowest, at) + 1)


def _line_around(text: str, at: int, start: int, end: int) -> str:
    begin = _line_start(text, at, start)
    stop = text.find("\n", at, min(end, at + _LINE))
    line = text[begin : stop if stop >= 0 else min(end, at + _LINE)]
    # What a terminal shows of a line that was written over is its last piece.
    return line.rpartition("\r")[2].strip() if "\r" in line else line.strip()
