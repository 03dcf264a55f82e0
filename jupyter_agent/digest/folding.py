"""Lines that differ in numbers alone are folded; those in which a number stands out are shown.

A log often has lines of several kinds in turn: training and validation, one line for each worker. Lines
of a kind are those that differ in numbers alone, and kinds are folded together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

# Dates and times are one number each, so that the hours, minutes and seconds of a log are not three.
_DATE = r"\d{4}[-/]\d\d[-/]\d\d"
_CLOCK = r"\d+:\d\d(?::\d\d)?(?:[.,]\d+)?"
_NUMBER = re.compile(rf"[ \t]*({_DATE}|{_CLOCK}|[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?)")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SHOWN = 16  # as many lines in a row are shown one by one
_OFTEN = 6  # lines that there must be of a kind
_KINDS = 12  # that may take turns


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


def template(text: str) -> str:
    """Return what lines have in common that differ in numbers alone, and in the space before them."""
    return _NUMBER.sub("\0", text)


def fold_numbers(rows: Sequence[Row], most: int = 12) -> tuple[list[Row], list[Folded]]:
    """Fold long runs of lines of few kinds.

    Shown are the ends of each run, of each kind the first line and the last, and at `most` so many
    lines in which a number stands out: of a search the best, of a training the turn. Lines without
    words are data, and stay.
    """
    kinds = [template(row.text) for row in rows]
    counts = Counter(kinds)
    often = {kind for kind, count in counts.items() if count >= _OFTEN and _may_fold(kind)}
    runs = [run for run in _runs(rows, kinds, often) if len(run) > _SHOWN]
    shown = _shown(rows, kinds, runs, most)
    kept: list[Row] = []
    folded: list[Folded] = []
    at = 0
    for run in runs:
        kept += rows[at : run.start]
        _fold_run(rows, run, shown, kept, folded)
        at = run.stop
    kept += rows[at:]
    return kept, folded


def _may_fold(kind: str) -> bool:
    return not kind or _WORD.search(kind) is not None


def _runs(rows: Sequence[Row], kinds: Sequence[str], often: set[str]) -> Iterator[range]:
    """Return where lines of at most so many kinds follow each other, equal neighbours apart."""
    start = 0
    seen: set[str] = set()
    for place, kind in enumerate(kinds):
        equal = place > start and rows[place].text == rows[place - 1].text
        too_many = kind not in seen and len(seen) == _KINDS
        if kind not in often or equal or too_many:
            yield range(start, place)
            seen = set()
            start = place + 1 if kind not in often else place
        if kind in often:
            seen.add(kind)
    yield range(start, len(rows))


def _shown(rows: Sequence[Row], kinds: Sequence[str], runs: Sequence[range], most: int) -> set[int]:
    """Return which lines of the runs are shown."""
    places: dict[str, list[int]] = {}
    shown: set[int] = set()
    for run in runs:
        shown |= {run.start, run.stop - 1}
        for place in run:
            places.setdefault(kinds[place], []).append(place)
    for found in places.values():
        shown |= {found[0], found[-1]}
    if len(places) == 1:
        shown |= {found[1] for found in places.values()}
    ranked = sorted(
        (-score, found[place])
        for found in places.values()
        for score, place in standing_out([rows[place].text for place in found])
    )
    added = [place for _, place in ranked if place not in shown]
    return shown | set(list(dict.fromkeys(added))[:most])


def _fold_run(
    rows: Sequence[Row], run: range, shown: set[int], kept: list[Row], folded: list[Folded]
) -> None:
    left_out: list[Row] = []
    for place in run:
        if place not in shown:
            left_out.append(rows[place])
            continue
        _close(left_out, kept, folded)
        left_out = []
        kept.append(rows[place])
    _close(left_out, kept, folded)


def _close(left_out: list[Row], kept: list[Row], folded: list[Folded]) -> None:
    """Write how many lines are left out, unless they take no more room than that."""
    if not left_out:
        return
    marker = f"[… {len(left_out):,} lines like these …]"
    if sum(len(row.text) + 1 for row in left_out) <= len(marker) + 1 or len(left_out) == 1:
        kept += left_out
        return
    start, end = left_out[0].start, left_out[-1].end
    kept.append(Row(text=marker, start=start, end=end, plain=False))
    folded.append(Folded(len(left_out), start))


def standing_out(lines: Sequence[str]) -> list[tuple[float, int]]:
    """Return the lines of one kind with the lowest and the highest number of each column.

    Each with how far it stands out: its distance from the middle half of the numbers, in widths of
    that. Columns that do not vary are left out.
    """
    found: list[tuple[float, int]] = []
    for column in zip(*(_NUMBER.findall(line) for line in lines), strict=True):
        if len(set(column)) == 1:
            continue
        values = [_value(number) for number in column]
        ordered = sorted(values)
        low, high = ordered[len(ordered) // 4], ordered[(3 * len(ordered) - 1) // 4]
        for value, distance in ((ordered[0], low - ordered[0]), (ordered[-1], ordered[-1] - high)):
            width = high - low
            score = distance / width if width else inf if distance else 0.0
            found.append((score, values.index(value)))
    return found


def _value(number: str) -> float:
    """Return a number, a time in seconds, or a date as a number that grows with it."""
    try:
        if ":" in number:
            value = 0.0
            for piece in number.split(":"):
                value = value * 60 + float(piece.replace(",", "."))
            return value
        if re.fullmatch(_DATE, number):
            return float(re.sub(r"[-/]", "", number))
        return float(number.replace(",", ""))
    except ValueError:  # a version
        return 0.0
