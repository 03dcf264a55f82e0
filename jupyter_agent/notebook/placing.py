"""From one notebook to another: the fewest changes, so that no other cell is touched. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import JsonValue

from ..protocol.rpc import (
    CellState,
    CellType,
    Change,
    DeleteCell,
    InsertCell,
    MoveCell,
    SetCellType,
    SetSource,
)
from .changes import OutputsBefore


def changes_to(
    cells: Sequence[CellState], target: Sequence[CellState], placed: Collection[str]
) -> tuple[list[Change], list[OutputsBefore]]:
    """Return what makes `cells` into `target`: changes, and outputs to be set afterwards.

    Args:
        cells: the notebook as it is.
        target: as it shall be.
        placed: the cells that may stand elsewhere in it; all others are in the same order.
    """
    now = {cell.id: cell for cell in cells}
    wanted = {cell.id for cell in target}
    changes: list[Change] = [DeleteCell(id=cell.id) for cell in cells if cell.id not in wanted]
    order = [cell.id for cell in cells if cell.id in wanted]
    above: str | None = None
    for cell in target:
        if cell.id not in now or cell.id in placed:
            changes += _placing(cell, order, above)
        above = cell.id
    outputs: list[OutputsBefore] = []
    for cell in target:
        changes += _content(now.get(cell.id), cell)
        outputs += _outputs(now.get(cell.id), cell)
    return changes, outputs


def _placing(cell: CellState, order: list[str], above: str | None) -> list[Change]:
    """Put a cell where it belongs; `order` follows."""
    moved = cell.id in order
    if moved:
        at = order.index(cell.id)
        if (order[at - 1] if at else None) == above:
            return []
        order.remove(cell.id)
    order.insert(0 if above is None else order.index(above) + 1, cell.id)
    if moved:
        return [MoveCell(id=cell.id, after=above)]
    made = InsertCell(
        id=cell.id,
        cell_type=cell.cell_type,
        source=cell.source,
        after=above,
        metadata=cell.metadata,
        attachments=cell.attachments,
    )
    return [made]


def _content(now: CellState | None, cell: CellState) -> list[Change]:
    if now is None:
        return []
    changes: list[Change] = []
    lost = cell.attachments is not None and now.attachments != cell.attachments
    if lost and now.cell_type == cell.cell_type:
        # Attachments come with a change of type, and went with one there and back.
        other: CellType = "raw" if cell.cell_type == "markdown" else "markdown"
        changes.append(SetCellType(id=cell.id, cell_type=other))
    if lost or now.cell_type != cell.cell_type:
        changes.append(
            SetCellType(id=cell.id, cell_type=cell.cell_type, attachments=cell.attachments)
        )
    metadata = _difference(now.metadata or {}, cell.metadata or {})
    if now.source != cell.source or metadata:
        changes.append(SetSource(id=cell.id, source=cell.source, metadata=metadata or None))
    return changes


def _difference(now: dict[str, JsonValue], wanted: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the keys to set; None removes one."""
    return {
        key: wanted.get(key)
        for key in {**now, **wanted}
        if key not in now or key not in wanted or now[key] != wanted[key]
    }


def _outputs(now: CellState | None, cell: CellState) -> list[OutputsBefore]:
    if cell.cell_type != "code" or cell.outputs is None:
        return []
    before = (now.outputs or (), now.execution_count) if now is not None else ((), None)
    if now is not None and now.cell_type != "code":
        before = ((), None)
    if before == (cell.outputs, cell.execution_count):
        return []
    return [
        OutputsBefore(cell_id=cell.id, outputs=cell.outputs, execution_count=cell.execution_count)
    ]
