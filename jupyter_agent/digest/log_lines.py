"""Logs: lines that differ in numbers alone are folded, and lines that decide are found.

What decides is often in the middle of a long log: a warning, a loss that became `nan`, the best epoch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[^\W\d_]{2,}")
# As many lines that differ in numbers alone are shown one by one.
_SHOWN = 16
_COLUMNS = 4  # of numbers, whose lowest and highest lines are shown

# Most important first: of several lines too many, the later ones of this list are left out.
_NOTABLE = (
    re.compile(r"\b(?:\w*error\w*|\w*exception\w*|traceback|fatal|critical|nan|diverg\w*)\b", re.I),
    re.compile(r"\b(?:fail\w*|inf|overflow\w*|abort\w*|killed|timed? ?out|refused|denied)\b", re.I),
    re.compile(r"\b(?:warn\w*|deprecat\w*|skipp\w*|missing|dropp\w*|best|early stopping)\b", re.I),
)
_ANY = re.compile("|".join(kind.pattern for kind in _NOTABLE), re.I)
_SEARCHED = 4_000_000  # characters of the part that is cut
_LINES = 20
_LINE = 240  # characters of one line


@dataclass(slots=True)
class Row:
    """A line as a terminal shows it. `start` and `end` are offsets in the raw text."""

    text: str
    start: int
    end: int
    plain: bool


@dataclass(frozen=True, slots=True)
class Folded:
    """Lines that one line stands for: how many, and where they begin in the raw text."""

    count: int
    start: int


def fold_numbers(rows: Sequence[Row]) -> tuple[list[Row], list[Folded]]:
    """Fold long runs of lines that differ in numbers alone.

    Of each the first lines and the last stay, and those in which a number is lowest or highest: of
    a search the best, of a training the turn. Lines without words are data, and stay.
    """
    kept: list[Row] = []
    folded: list[Folded] = []
    at = 0
    while at < len(rows):
        end = _run_end(rows, at)
        if end - at > _SHOWN:
            _fold_run(rows[at:end], kept, folded)
        else:
            kept += rows[at:end]
        at = end
    return kept, folded


def _run_end(rows: Sequence[Row], at: int) -> int:
    """Return where the run of lines ends that differ from one in numbers alone."""
    template = _template(rows[at].text)
    end = at + 1
    if template == rows[at].text or _WORD.search(template) is None:
        return end
    while end < len(rows) and rows[end].text != rows[end - 1].text:
        if _template(rows[end].text) != template:
            break
        end += 1
    return end


def _template(text: str) -> str:
    return _NUMBER.sub("\0", text)


def _fold_run(run: Sequence[Row], kept: list[Row], folded: list[Folded]) -> None:
    shown = sorted({0, 1, len(run) - 1} | _extremes([_NUMBER.findall(row.text) for row in run]))
    for place, following in zip(shown, [*shown[1:], len(run)], strict=True):
        kept.append(run[place])
        left_out = run[place + 1 : following]
        if len(left_out) == 1:
            kept += left_out
        elif left_out:
            start, end = left_out[0].start, left_out[-1].end
            marker = f"[… {len(left_out):,} lines like these …]"
            kept.append(Row(text=marker, start=start, end=end, plain=False))
            folded.append(Folded(len(left_out), start))


def _extremes(lines: Sequence[Sequence[str]]) -> set[int]:
    """Return which lines hold the lowest or the highest number of a column that varies."""
    found: set[int] = set()
    columns = [column for column in zip(*lines, strict=True) if len(set(column)) > 1]
    for column in columns[:_COLUMNS]:
        values = [_value(number) for number in column]
        found |= {values.index(min(values)), values.index(max(values))}
    return found


def _value(number: str) -> float:
    try:
        return float(number.replace(",", ""))
    except ValueError:  # a version, a date with dots
        return 0.0


def notable_lines(text: str, start: int, end: int, size: int) -> tuple[str, ...]:
    """Return lines of a part of a text that say warning, error, nan, best and the like, in order.

    Lines that differ in numbers alone count as one, and the first of them stays. At most `size`
    characters; the least important are left out.
    """
    searched = min(end, start + _SEARCHED)
    found: dict[str, tuple[int, int, str]] = {}
    for match in _ANY.finditer(text, start, searched):
        line = _line_around(text, match.start(), start, searched)
        template = _template(line)
        if line and template not in found:
            found[template] = (_rank(line), len(found), line)
    kept: list[tuple[int, str]] = []
    used = 0
    for _, place, line in sorted(found.values())[: 2 * _LINES]:
        if len(kept) < _LINES and used + len(line) + 1 <= size:
            kept.append((place, line))
            used += len(line) + 1
    return tuple(line for _, line in sorted(kept))


def _rank(line: str) -> int:
    return next((rank for rank, kind in enumerate(_NOTABLE) if kind.search(line)), len(_NOTABLE))


def _line_around(text: str, at: int, start: int, end: int) -> str:
    begin = max(start, text.rfind("\n", start, at) + 1, at - _LINE)
    stop = text.find("\n", at, min(end, at + _LINE))
    line = text[begin : stop if stop >= 0 else min(end, at + _LINE)]
    # What a terminal shows of a line that was written over is its last piece.
    return line.rpartition("\r")[2].strip() if "\r" in line else line.strip()
