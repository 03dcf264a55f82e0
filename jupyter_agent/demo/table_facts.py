"""What the cells of `table_cells.py` printed, read and put in words. Nothing else is claimed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import table_cells as cells

_NUMBER = r"(-?(?:\d[\d.]*(?:e[+-]?\d+)?|inf)|nan)"
_SIZE = re.compile(r"^(\d+) rows, (\d+) columns$", re.MULTILINE)
_TYPE = re.compile(r"^(.+): (\S+(?:\[[^\]]*\])?)$", re.MULTILINE)
_GAP = re.compile(r"^(.+): (\d+) of \d+ missing$", re.MULTILINE)
_DESCRIBED = re.compile(
    rf"^(.+): n = (\d+), mean = {_NUMBER}, median = {_NUMBER}, from {_NUMBER} to {_NUMBER}$",
    re.MULTILINE,
)
_OTHER = re.compile(r"^(.+): (\d+) different(?:; most frequent (.+), (\d+) times)?$", re.MULTILINE)
# More than this would be a list, not an explanation.
_MOST_SAID = 6


@dataclass(frozen=True, slots=True)
class Described:
    """A column of numbers. The figures are quoted as they were printed."""

    name: str
    count: int
    mean: str
    median: str
    least: str
    most: str


def read_size(text: str) -> tuple[int, int] | None:
    """Return rows and columns."""
    found = _SIZE.search(text)
    return (int(found[1]), int(found[2])) if found else None


def read_numbers(text: str) -> list[Described]:
    """Return the columns of numbers."""
    return [Described(name, int(count), *rest) for name, count, *rest in _DESCRIBED.findall(text)]


def paragraphs(frame: str, printed: Mapping[str, str]) -> list[str]:
    """Return what is known of the table, a paragraph for each cell that ran.

    Args:
        frame: the table's name.
        printed: what the cells printed, by title.
    """
    said = [
        _size(frame, printed.get(cells.COLUMNS, "")),
        _gaps(printed.get(cells.GAPS)),
        _numbers(read_numbers(printed.get(cells.NUMBERS, ""))),
        _others(_OTHER.findall(printed.get(cells.OTHERS, ""))),
        _plot(printed),
    ]
    return [paragraph for paragraph in said if paragraph]


def _size(frame: str, text: str) -> str:
    size = read_size(text)
    if size is None:
        return ""
    types = _TYPE.findall(text[text.index("columns") :])
    kinds = ", ".join(f"`{name}` ({kind})" for name, kind in types[: 2 * _MOST_SAID])
    more = f" and {size[1] - 2 * _MOST_SAID} more" if size[1] > 2 * _MOST_SAID else ""
    listed = f": {kinds}{more}" if kinds else ""
    return f"**The table** `{frame}` has {size[0]} rows and {size[1]} columns{listed}."


def _gaps(text: str | None) -> str:
    if text is None:
        return ""
    found = _GAP.findall(text)
    if not found:
        return "**Missing**: no value is missing." if "No value is missing." in text else ""
    listed = ", ".join(f"`{name}` {count}" for name, count in found[: 2 * _MOST_SAID])
    more = f", and in {len(found) - 2 * _MOST_SAID} more columns" if found[2 * _MOST_SAID :] else ""
    return f"**Missing** values: {listed}{more}. I filled in nothing and dropped no row."


def _numbers(found: Sequence[Described]) -> str:
    lines = [
        f"- `{one.name}`: mean {one.mean}, median {one.median}, from {one.least} to {one.most} "
        f"(n = {one.count}){_lean(one)}"
        for one in found[:_MOST_SAID]
    ]
    if not lines:
        return ""
    if found[_MOST_SAID:]:
        lines.append(f"- and {len(found) - _MOST_SAID} more, in the cell's output")
    return "**Numbers**:\n\n" + "\n".join(lines)


def _lean(column: Described) -> str:
    """Say that few large values pull the mean up, where the printed figures show it."""
    mean, median, least = float(column.mean), float(column.median), float(column.least)
    if least >= 0 and median > 0 and mean > 1.25 * median:
        return "; the mean lies well above the median, so few large values pull it up"
    return ""


def _others(found: Sequence[tuple[str, str, str, str]]) -> str:
    lines = [
        f"- `{name}`: {count} different"
        + (f", most frequent {most} ({times} times)" if most else "")
        for name, count, most, times in found[:_MOST_SAID]
    ]
    if not lines:
        return ""
    if found[_MOST_SAID:]:
        lines.append(f"- and {len(found) - _MOST_SAID} more, in the cell's output")
    return "**Other columns**:\n\n" + "\n".join(lines)


def _plot(printed: Mapping[str, str]) -> str:
    if cells.PLOT not in printed:
        return ""
    names = [one.name for one in read_numbers(printed.get(cells.NUMBERS, ""))]
    if names:
        listed = ", ".join(f"`{name}`" for name in names[: cells.MOST_PLOTS])
        return f"**The plot** shows how the values of {listed} are distributed."
    return "**The plot** shows the most frequent values of the first column."
