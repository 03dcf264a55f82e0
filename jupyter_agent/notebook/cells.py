"""Cells in words: versions, short ids, labels, what their outputs are. Pure.

A cell's version is a hash of its type and source: nothing else of it can go stale.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ..protocol.errors import UnknownCell
from ..protocol.rpc import CellState, Expected
from ..protocol.tools import CellAction, CellRef

SHORTEST_ID = 8
_ANY_LINE_END = "(?:\r\n|\r|\n)"
_LINE_END = re.compile(_ANY_LINE_END)
_ID_SLIPS = re.compile(r"^(?:id\s*[=:]\s*|cell[-_ ]?id\s*[=:]\s*|#)|[`\"'\s]")


def fingerprint(cell: CellState | Expected) -> str:
    """Return a hash of a cell's type and source, hex."""
    text = f"{cell.cell_type}\0{cell.source}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def version(cell: CellState | Expected) -> str:
    """Return a cell's version as the model sees it, such as `v3fa9`."""
    return "v" + fingerprint(cell)[:4]


def same(cell: CellState | Expected, other: CellState | Expected) -> bool:
    """Return whether two cells have the same type and source."""
    return cell.cell_type == other.cell_type and cell.source == other.source


def expected(cell: CellState) -> Expected:
    """Return what a writer who knows this cell expects to find."""
    return Expected(id=cell.id, cell_type=cell.cell_type, source=cell.source)


def short_ids(cells: Iterable[CellState]) -> dict[str, str]:
    """Return, by id, the shortest start of each id (8 characters or more) that is unique here."""
    ids = [cell.id for cell in cells]
    length = SHORTEST_ID
    short = {identity: identity[:length] for identity in ids}
    while True:
        taken: dict[str, int] = {}
        for start in short.values():
            taken[start] = taken.get(start, 0) + 1
        clashing = [
            identity
            for identity, start in short.items()
            if taken[start] > 1 and len(start) < len(identity)
        ]
        if not clashing:
            return short
        length += 4
        for identity in clashing:
            short[identity] = identity[:length]


class Ids:
    """The ids of a notebook's cells, to look up many."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._places = {identity: place for place, identity in enumerate(dict.fromkeys(ids))}
        self._sorted: list[str] | None = None

    def resolve(self, given: str) -> str:
        """Return the full id that a model means: exact, or a start of 4 characters that is unique.

        Raises:
            UnknownCell: none, or more than one.
        """
        if given in self._places:
            return given
        wanted = _ID_SLIPS.sub("", given.strip())
        if wanted in self._places:
            return wanted
        near = self._starting_with(wanted) if len(wanted) >= 4 else []
        if len(near) == 1:
            return near[0]
        if near:
            raise UnknownCell(f"{given!r} is the start of several ids: {', '.join(near[:5])}.")
        raise UnknownCell(
            f"There is no cell {given!r}. Cells are named by their id, as notebook_overview "
            "shows it."
        )

    def _starting_with(self, start: str) -> list[str]:
        """Return the ids that begin so, in the notebook's order."""
        if self._sorted is None:
            self._sorted = sorted(self._places)
        found: list[str] = []
        for place in range(bisect_left(self._sorted, start), len(self._sorted)):
            if not self._sorted[place].startswith(start):
                break
            found.append(self._sorted[place])
        return sorted(found, key=self._places.__getitem__)


def resolve_id(given: str, ids: Iterable[str]) -> str:
    """Return the full id that a model means, as `Ids.resolve` does."""
    return Ids(ids).resolve(given)


def position(cell_id: str, cells: Sequence[CellState]) -> int:
    """Return a cell's position, from 1."""
    return next(number for number, cell in enumerate(cells, 1) if cell.id == cell_id)


def label(cell: CellState, number: int) -> str:
    """Return a cell's name in people's words: `[4]` as Lab shows it, else `cell 7` by position."""
    if cell.cell_type == "code" and cell.execution_count is not None:
        return f"[{cell.execution_count}]"
    return f"cell {number}"


def label_of(cell_id: str, cells: Sequence[CellState]) -> str:
    """Return the label of the cell with this id; it must be one of `cells`."""
    number = position(cell_id, cells)
    return label(cells[number - 1], number)


def reference(
    cell: CellState,
    number: int,
    action: CellAction,
    *,
    path: str | None = None,
    added: int | None = None,
    removed: int | None = None,
) -> CellRef:
    """Return a reference to a cell, for people: number as they see it, and what was done."""
    executed = cell.cell_type == "code" and cell.execution_count is not None
    return CellRef(
        cell_id=cell.id,
        action=action,
        number=cell.execution_count if executed else number,
        executed=executed,
        path=path,
        added=added,
        removed=removed,
    )


def source_lines(source: str) -> list[str]:
    """Return a source's lines without their ends; an empty source has none.

    Lines end as editors have it: with LF, CRLF or CR, and with no other character.
    """
    return _LINE_END.split(source) if source else []


def line_count(source: str) -> int:
    """Return the number of lines; an empty source has none."""
    return len(source_lines(source))


def line_end(source: str) -> str:
    """Return what ends most lines of a source; LF where it has one line."""
    found = Counter(_LINE_END.findall(source)).most_common(1)
    return found[0][0] if found else "\n"


def with_line_ends(text: str, end: str) -> str:
    """Return a text with all of its lines ended in the same way."""
    return _LINE_END.sub(lambda _: end, text)


def any_line_ends(text: str) -> re.Pattern[str]:
    """Return a pattern that finds a text, however its lines end."""
    return re.compile(_ANY_LINE_END.join(re.escape(line) for line in _LINE_END.split(text)))


def locks(cell: CellState) -> tuple[str, ...]:
    """Return how a cell is protected: `not-editable`, `not-deletable`, `locked` (nbgrader's)."""
    metadata = cell.metadata or {}
    nbgrader = metadata.get("nbgrader")
    found = {
        "not-editable": metadata.get("editable") is False,
        "not-deletable": metadata.get("deletable") is False,
        "locked": isinstance(nbgrader, dict) and nbgrader.get("locked") is True,
    }
    return tuple(name for name, holds in found.items() if holds)


def output_kinds(outputs: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Return what is in nbformat outputs: `stream`, `error`, mime types; each once, in order."""
    found: dict[str, None] = {}
    for output in outputs:
        kind = output.get("output_type")
        if kind in ("stream", "error"):
            found[str(kind)] = None
            continue
        data = output.get("data")
        if isinstance(data, dict):
            found.update(dict.fromkeys(str(mime) for mime in data))
    return tuple(found)


_SHORT_KINDS = {
    "text/plain": "text",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/latex": "latex",
    "application/json": "json",
    "application/javascript": "javascript",
    "application/vnd.jupyter.widget-view+json": "widget",
}


def short_kinds(kinds: Iterable[str]) -> str:
    """Return output kinds as the overview shows them, such as `png,text`."""
    words = []
    for kind in kinds:
        word = _SHORT_KINDS.get(kind)
        if word is None:
            word = kind.rpartition("/")[2].removesuffix("+xml").removesuffix("+json")
        words.append(word)
    return ",".join(dict.fromkeys(words))
