"""Ids for cells of formats that keep none, such as a notebook kept as a Python script or Markdown.

A manager of such files makes up new ids at each reading. Here a cell keeps its id as long as it can
be recognised: by its content and place among the others, else by its place alone.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from . import ipynb

# Above this many pairs of cells, comparing each with each would take seconds.
_MANY_CELLS = 1_000
_MANY = _MANY_CELLS**2
_Key = tuple[str, str]  # type and source


class StableIds:
    """The ids of one notebook's cells, from one reading to the next. Use it from any thread."""

    def __init__(self) -> None:
        self._known: list[tuple[_Key, str]] = []
        self._lock = threading.Lock()

    def note(self, cells: Sequence[dict[str, Any]]) -> None:
        """Take over the ids of cells that are to be saved."""
        with self._lock:
            self._note(cells)

    def give(self, cells: Sequence[dict[str, Any]]) -> None:
        """Give each cell that was read the id it had before, or a new one; in place."""
        with self._lock:
            self._give(cells)

    def _note(self, cells: Sequence[dict[str, Any]]) -> None:
        self._known = [(_key(cell), str(cell.get("id"))) for cell in cells]

    def _give(self, cells: Sequence[dict[str, Any]]) -> None:
        keys = [_key(cell) for cell in cells]
        found = self._recognised(keys)
        taken = {cell_id for cell_id in found if cell_id is not None}
        # First those that moved, which have their content alone; then what is new.
        left = [(key, cell_id) for key, cell_id in self._known if cell_id not in taken]
        for place, key in enumerate(keys):
            if found[place] is None:
                moved = next((one for one in left if one[0] == key), None)
                if moved is not None:
                    left.remove(moved)
                    found[place] = moved[1]
                    taken.add(moved[1])
        for place, key in enumerate(keys):
            cell_id = found[place]
            if cell_id is None:
                cell_id = _new_id(key, taken)
                taken.add(cell_id)
            cells[place]["id"] = cell_id
        self._note(cells)

    def _recognised(self, keys: Sequence[_Key]) -> list[str | None]:
        found: list[str | None] = [None] * len(keys)
        before = [key for key, _ in self._known]
        for old, new in _pairs(before, keys):
            if before[old][0] == keys[new][0]:
                found[new] = self._known[old][1]
        return found


def _pairs(before: Sequence[_Key], after: Sequence[_Key]) -> Iterator[tuple[int, int]]:
    """Yield which place after is which place before: cells that are equal, or in the same place."""
    shorter = min(len(before), len(after))
    top = 0
    while top < shorter and before[top] == after[top]:
        yield top, top
        top += 1
    bottom = 0
    while bottom < shorter - top and before[-1 - bottom] == after[-1 - bottom]:
        bottom += 1
        yield len(before) - bottom, len(after) - bottom
    old, new = before[top : len(before) - bottom], after[top : len(after) - bottom]
    if len(old) == len(new) and len(old) * len(new) > _MANY:
        yield from ((top + place, top + place) for place in range(len(old)))
        return
    matcher = SequenceMatcher(None, old[:_MANY_CELLS], new[:_MANY_CELLS], autojunk=False)
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal" or (kind == "replace" and end - start == new_end - new_start):
            for place in range(end - start):
                yield top + start + place, top + new_start + place


def _key(cell: dict[str, Any]) -> _Key:
    return str(cell.get("cell_type")), ipynb.source_of(cell)


def _new_id(key: _Key, taken: set[str]) -> str:
    """Make an id of the content, the same in each process; equal cells are told apart by order."""
    content = "\0".join(key).encode("utf-8", "surrogatepass")
    copy = 0
    while True:
        made = hashlib.sha256(content + b"%d" % copy).hexdigest()[:12]
        if made not in taken:
            return made
        copy += 1
