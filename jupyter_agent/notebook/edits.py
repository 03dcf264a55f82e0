"""What a model asks for, against what it has read and what is there now → changes. Pure.

Nothing here touches a document: `plan` refuses the whole batch or returns the changes, what the
document must still look like for them, and what each op does in words. `changes.py` applies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from pydantic import JsonValue

from ..protocol.errors import EditRefused, StaleCells, UnknownCell
from ..protocol.rpc import (
    CellState,
    Change,
    ClearOutputs,
    DeleteCell,
    Expected,
    InsertCell,
    MoveCell,
    NotebookState,
    SetCellType,
    SetSource,
)
from .cells import (
    Ids,
    any_line_ends,
    expected,
    label,
    line_count,
    line_end,
    locks,
    resolve_id,
    same,
    with_line_ends,
)
from .changes import Cells, apply_changes
from .diff import count_lines
from .operations import EditOp
from .refusals import check_markers, check_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one op does to its cell; `before` and `after` are None where there is none.

    `changed` is False when the cell is so already.
    """

    op: EditOp
    cell_id: str
    before: CellState | None
    after: CellState | None
    added: int = 0
    removed: int = 0
    changed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A batch that may be applied. `cells` is how the notebook looks afterwards."""

    changes: tuple[Change, ...]
    expect: tuple[Expected, ...]
    steps: tuple[Step, ...]
    created: tuple[str, ...]
    cells: Cells


def new_cell_id() -> str:
    """Return a fresh cell id of 48 random bits, as nbformat allows."""
    return uuid4().hex[:12]


def plan(
    ops: Sequence[EditOp],
    state: NotebookState,
    known: Mapping[str, CellState],
    *,
    new_id: Callable[[], str] = new_cell_id,
    provenance: dict[str, JsonValue] | None = None,
) -> Plan:
    """Plan a batch of edits.

    Args:
        ops: what the model asks for, in order; each sees what those before it did.
        state: the notebook as it is now.
        known: the cells as the model last read or wrote them, by id.
        new_id: makes ids for inserted cells.
        provenance: metadata for cells whose source the agent writes, None for nothing.

    Raises:
        StaleCells: the model's view of a cell to be edited is out of date.
        UnknownCell: an op names no cell.
        EditRefused: an op cannot be done, or would not do what the model means.
    """
    planner = _Planner(state, known, new_id, provenance)
    planner.check_stale(ops)
    for number, op in enumerate(ops, 1):
        try:
            planner.add(op)
        except (EditRefused, UnknownCell) as error:
            raise type(error)(
                f"op {number} ({op.op}): {error.user_message} Nothing was applied.",
                details=error.details,
            ) from error
    return planner.finish()


class _Planner:
    def __init__(
        self,
        state: NotebookState,
        known: Mapping[str, CellState],
        new_id: Callable[[], str],
        provenance: dict[str, JsonValue] | None,
    ) -> None:
        self._start = {cell.id: cell for cell in state.cells}
        self._cells: Cells = state.cells
        self._known = known
        self._new_id = new_id
        self._provenance = provenance
        self._changes: list[Change] = []
        self._expect: dict[str, Expected] = {}
        self._steps: list[Step] = []
        self._made: list[str | None] = []

    def check_stale(self, ops: Sequence[EditOp]) -> None:
        """Refuse the batch when any of its cells changed since the model read it."""
        stale: dict[str, str | None] = {}
        ids = Ids((*self._start, *self._known))
        for op in ops:
            if op.id is None or op.id.startswith("$"):
                continue
            given = ids.resolve(op.id)
            known, current = self._known.get(given), self._start.get(given)
            if known is not None and (current is None or not same(known, current)):
                stale[given] = current.source if current else None
        if stale:
            # One refusal tells of all of them, so that the next attempt can be the last.
            for cell_id, known in self._known.items():
                current = self._start.get(cell_id)
                if current is not None and not same(known, current):
                    stale[cell_id] = current.source
            names = ", ".join(self._label(cell_id) for cell_id in stale)
            raise StaleCells(
                f"Changed since you read it: {names}. Nothing was applied.",
                details={"cells": stale},
            )

    def add(self, op: EditOp) -> None:
        """Plan one op after those before it."""
        self._made.append(None)
        if op.op == "insert":
            self._insert(op)
            return
        cell = self._cell(op)
        self._refuse_if_locked(cell, op)
        if cell.id in self._start:
            self._expect.setdefault(cell.id, expected(self._start[cell.id]))
        _EDITS[op.op](self, op, cell)

    def finish(self) -> Plan:
        """Return the plan of all ops added."""
        if self._start and not self._cells:
            raise EditRefused("That would leave the notebook without a cell. Nothing was applied.")
        return Plan(
            changes=tuple(self._changes),
            expect=tuple(self._expect.values()),
            steps=tuple(self._steps),
            created=tuple(made for made in self._made if made is not None),
            cells=self._cells,
        )

    def _label(self, cell_id: str) -> str:
        """Name a cell for people: errors are shown to them as well."""
        for number, cell in enumerate(self._start.values(), 1):
            if cell.id == cell_id:
                return label(cell, number)
        return "a deleted cell" if cell_id in self._known else "the new cell"

    # ---- looking up ---------------------------------------------------------------------------

    def _resolve(self, given: str) -> str:
        if given.startswith("$"):
            number = int(given[1:]) if given[1:].isdecimal() else 0
            made = self._made[number - 1] if 1 <= number <= len(self._made) else None
            if made is None:
                raise UnknownCell(f"{given} names no cell: no earlier op of that number made one.")
            return made
        return resolve_id(given, [cell.id for cell in self._cells])

    def _cell(self, op: EditOp) -> CellState:
        cell_id = self._resolve(op.id or "")
        return next(cell for cell in self._cells if cell.id == cell_id)

    def _anchor(self, op: EditOp, moved: str | None = None) -> str | None:
        """Return the id of the cell to stand after, None for the start."""
        ids = [cell.id for cell in self._cells if cell.id != moved]
        if op.after is not None:
            if op.after == "start":
                return None
            if op.after == "end":
                return ids[-1] if ids else None
            anchor = self._resolve(op.after)
            if anchor == moved:
                raise EditRefused("a cell cannot be moved next to itself.")
            return anchor
        before = op.before or "end"
        if before == "start":
            return None
        if before == "end":
            return ids[-1] if ids else None
        anchor = self._resolve(before)
        if anchor == moved:
            raise EditRefused("a cell cannot be moved next to itself.")
        index = ids.index(anchor)
        return ids[index - 1] if index else None

    def _refuse_if_locked(self, cell: CellState, op: EditOp) -> None:
        """Refuse what the person or a course has forbidden in the cell's metadata."""
        found = locks(cell)
        forbidden = [name for name in found if op.op in _FORBIDS[name]]
        if forbidden:
            raise EditRefused(
                f"{self._label(cell.id)} is protected: its metadata say "
                f"{' and '.join(_LOCK_WORDS[name] for name in forbidden)}. Leave it as it is; "
                "only the person can lift that."
            )

    def _must_have_read(self, cell: CellState) -> None:
        if cell.id in self._start and cell.id not in self._known:
            raise EditRefused(
                f"you have not read {self._label(cell.id)} yet; it is shown here, call again.",
                details={"cells": {cell.id: self._start[cell.id].source}},
            )

    # ---- the ops ------------------------------------------------------------------------------

    def _record(self, op: EditOp, cell_id: str, change: Change | None) -> None:
        before = next((cell for cell in self._cells if cell.id == cell_id), None)
        if change is not None:
            self._changes.append(change)
            self._cells = apply_changes(self._cells, [change])
        after = next((cell for cell in self._cells if cell.id == cell_id), None)
        added, removed = count_lines(before.source if before else "", after.source if after else "")
        self._steps.append(
            Step(
                op=op,
                cell_id=cell_id,
                before=before,
                after=after,
                added=added,
                removed=removed,
                changed=change is not None,
            )
        )

    def _insert(self, op: EditOp) -> None:
        kind, source = op.type or "code", op.source or ""
        check_source(source, kind)
        taken = {*self._start, *self._known, *(cell.id for cell in self._cells)}
        cell_id = self._new_id()
        while cell_id in taken:
            cell_id = self._new_id()
        change = InsertCell(
            id=cell_id,
            cell_type=kind,
            source=source,
            after=self._anchor(op),
            metadata=self._provenance,
        )
        self._record(op, cell_id, change)
        self._made[-1] = cell_id

    def _set_source(self, op: EditOp, cell: CellState, source: str) -> None:
        if source == cell.source:
            self._record(op, cell.id, None)
            return
        change = SetSource(id=cell.id, source=source, metadata=self._provenance)
        self._record(op, cell.id, change)

    def _replace(self, op: EditOp, cell: CellState) -> None:
        self._must_have_read(cell)
        source = with_line_ends(op.source or "", line_end(cell.source))
        check_source(source, cell.cell_type, cell.source)
        self._set_source(op, cell, source)

    def _str_replace(self, op: EditOp, cell: CellState) -> None:
        old, new = op.old or "", op.new or ""
        if not old:
            raise EditRefused("`old` is empty; give the text to replace.")
        found = list(any_line_ends(old).finditer(cell.source))
        if not found:
            check_markers(old, cell.source)
            raise EditRefused(
                f"`old` does not occur in {self._label(cell.id)}; its source is shown here.",
                details={"cells": {cell.id: cell.source}},
            )
        if len(found) > 1 and not op.all:
            raise EditRefused(
                f"`old` occurs {len(found)} times in {self._label(cell.id)} (lines "
                f"{_lines_of(cell.source, [match.start() for match in found])}); give more of the "
                "text around it, or all=true."
            )
        written = with_line_ends(new, line_end(cell.source))
        source = any_line_ends(old).sub(lambda _: written, cell.source)
        check_source(source, cell.cell_type, cell.source)
        self._set_source(op, cell, source)

    def _delete(self, op: EditOp, cell: CellState) -> None:
        self._must_have_read(cell)
        self._record(op, cell.id, DeleteCell(id=cell.id))

    def _move(self, op: EditOp, cell: CellState) -> None:
        anchor = self._anchor(op, moved=cell.id)
        ids = [item.id for item in self._cells]
        index = ids.index(cell.id)
        is_there = (ids[index - 1] if index else None) == anchor
        self._record(op, cell.id, None if is_there else MoveCell(id=cell.id, after=anchor))

    def _set_type(self, op: EditOp, cell: CellState) -> None:
        if op.type is None or op.type == cell.cell_type:
            self._record(op, cell.id, None)
            return
        self._record(op, cell.id, SetCellType(id=cell.id, cell_type=op.type))

    def _clear_outputs(self, op: EditOp, cell: CellState) -> None:
        if cell.cell_type != "code":
            raise EditRefused(f"{self._label(cell.id)} is no code cell and has no outputs.")
        empty = cell.execution_count is None and not cell.output_kinds
        self._record(op, cell.id, None if empty else ClearOutputs(id=cell.id))


_LOCK_WORDS = {
    "not-editable": '"editable": false',
    "not-deletable": '"deletable": false',
    "locked": '"locked": true (nbgrader)',
}
_WRITES = frozenset({"replace", "str_replace", "set_type"})
# A change of type takes the cell away and puts another in its place, for Jupyter too.
_FORBIDS = {
    "not-editable": _WRITES,
    "not-deletable": frozenset({"delete", "set_type"}),
    "locked": _WRITES | {"delete"},
}
_EDITS: dict[str, Callable[[_Planner, EditOp, CellState], None]] = {
    "replace": _Planner._replace,
    "str_replace": _Planner._str_replace,
    "delete": _Planner._delete,
    "move": _Planner._move,
    "set_type": _Planner._set_type,
    "clear_outputs": _Planner._clear_outputs,
}


def _lines_of(source: str, places: Sequence[int]) -> str:
    return ", ".join(str(max(1, line_count(source[:place]))) for place in places[:10])
