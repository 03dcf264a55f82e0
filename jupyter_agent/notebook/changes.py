"""Applying changes to cells: pure, the reference for every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..protocol.errors import EditRefused, StaleCells, UnknownCell
from ..protocol.rpc import (
    ApplyResult,
    CellState,
    Change,
    ClearOutputs,
    DeleteCell,
    Expected,
    InsertCell,
    MoveCell,
    SetCellType,
    SetSource,
)
from .cells import same

Cells = tuple[CellState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsBefore:
    """A cell's outputs, to be put back with `NotebookDocument.set_outputs`."""

    cell_id: str
    outputs: tuple[dict[str, Any], ...]
    execution_count: int | None


def lost_attachments(cell_id: str, names: Iterable[str]) -> str:
    """Return what is said of a cell that becomes code."""
    return f"Cell {cell_id} lost its attachments ({', '.join(names)}): a code cell cannot hold any."


def check_expected(cells: Sequence[CellState], expect: Sequence[Expected]) -> None:
    """Compare cells with what the writer knows.

    Raises:
        StaleCells: one or more are different or gone; the details name every one.
    """
    by_id = {cell.id: cell for cell in cells}
    stale: dict[str, str | None] = {}
    for known in expect:
        cell = by_id.get(known.id)
        if cell is None or not same(cell, known):
            stale[known.id] = cell.source if cell else None
    if stale:
        raise StaleCells(
            f"{len(stale)} cell{'s' if len(stale) > 1 else ''} changed since you read "
            f"{'them' if len(stale) > 1 else 'it'}. Nothing was applied.",
            details={"cells": stale},
        )


def apply_changes(cells: Sequence[CellState], changes: Sequence[Change]) -> Cells:
    """Return the cells after all changes, in order. Cells not named stay the same objects.

    Raises:
        UnknownCell: a cell or an anchor does not exist.
        EditRefused: an inserted id exists already.
    """
    working = list(cells)
    for change in changes:
        _STEPS[change.type](working, change)
    return tuple(working)


def touched_ids(changes: Sequence[Change]) -> tuple[str, ...]:
    """Return the ids of the cells that changes name, each once, in order."""
    return tuple(dict.fromkeys(change.id for change in changes))


def unconfirmed_ids(
    cells: Sequence[CellState], changes: Sequence[Change], result: ApplyResult
) -> tuple[str, ...]:
    """Return the touched cells that were read back differently from what was asked.

    Args:
        cells: the cells just before.
        changes: what was to be done to them.
        result: what the document said afterwards.
    """
    wanted = {cell.id: cell for cell in apply_changes(cells, changes)}
    found = {cell.id: cell for cell in result.cells}
    wrong = []
    for cell_id in touched_ids(changes):
        cell, is_there = wanted.get(cell_id), cell_id in result.order
        if cell is None:
            right = not is_there
        else:
            right = is_there and cell_id in found and same(found[cell_id], cell)
        if not right:
            wrong.append(cell_id)
    return tuple(wrong)


# ---- one change --------------------------------------------------------------------------------


def _find(cells: Sequence[CellState], cell_id: str) -> int:
    for index, cell in enumerate(cells):
        if cell.id == cell_id:
            return index
    raise UnknownCell(f"There is no cell {cell_id!r}. Nothing was applied.")


def _place(cells: Sequence[CellState], after: str | None) -> int:
    return 0 if after is None else _find(cells, after) + 1


def _merged(cell: CellState, metadata: dict[str, Any] | None) -> dict[str, Any] | None:
    """Merge metadata at top level; null removes a key (RFC 7396)."""
    if metadata is None:
        return cell.metadata
    merged = {**(cell.metadata or {}), **metadata}
    return {key: value for key, value in merged.items() if metadata.get(key, 0) is not None}


def _insert(cells: list[CellState], change: InsertCell) -> None:
    if any(cell.id == change.id for cell in cells):
        raise EditRefused(f"There is a cell {change.id!r} already. Nothing was applied.")
    cell = CellState(
        id=change.id,
        cell_type=change.cell_type,
        source=change.source,
        metadata=dict(change.metadata or {}),
        outputs=() if change.cell_type == "code" else None,
        attachments=change.attachments,
    )
    cells.insert(_place(cells, change.after), cell)


def _set_source(cells: list[CellState], change: SetSource) -> None:
    index = _find(cells, change.id)
    cell = cells[index]
    cells[index] = replace(cell, source=change.source, metadata=_merged(cell, change.metadata))


def _delete(cells: list[CellState], change: DeleteCell) -> None:
    del cells[_find(cells, change.id)]


def _move(cells: list[CellState], change: MoveCell) -> None:
    if change.after == change.id:
        raise EditRefused("A cell cannot be moved after itself. Nothing was applied.")
    _place(cells, change.after)
    cell = cells.pop(_find(cells, change.id))
    cells.insert(_place(cells, change.after), cell)


def _set_type(cells: list[CellState], change: SetCellType) -> None:
    index = _find(cells, change.id)
    cell = cells[index]
    if cell.cell_type == change.cell_type:
        return
    # Markdown and raw cells may both hold attachments.
    kept = cell.attachments if change.cell_type != "code" else None
    cells[index] = replace(
        cell,
        cell_type=change.cell_type,
        execution_count=None,
        output_kinds=(),
        outputs=() if change.cell_type == "code" else None,
        attachments=kept if change.attachments is None else change.attachments,
    )


def _clear_outputs(cells: list[CellState], change: ClearOutputs) -> None:
    index = _find(cells, change.id)
    cells[index] = replace(
        cells[index],
        execution_count=None,
        output_kinds=(),
        outputs=() if cells[index].cell_type == "code" else None,
    )


_STEPS: dict[str, Callable[[list[CellState], Any], None]] = {
    "insert": _insert,
    "set_source": _set_source,
    "delete": _delete,
    "move": _move,
    "set_type": _set_type,
    "clear_outputs": _clear_outputs,
}
