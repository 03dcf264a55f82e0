"""What the agent did to a notebook for one prompt, and what exactly takes it back. Pure.

A `Baseline` holds each cell the agent touched: as it was before, and as the agent left it. A cell
that is neither any more has been changed by the person, and what they wrote is not overwritten.
`reviewed.py` reads several baselines, one a prompt, as one review.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..protocol.rpc import CellState, Change, Expected
from .cells import expected, same
from .changes import Cells, OutputsBefore, apply_changes, touched_ids
from .placing import changes_to

# What is kept of outputs for one prompt and notebook, in characters of JSON. Outputs beyond are
# not put back: the cell then keeps those it has.
MOST_OUTPUTS = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """One cell: `before` the agent's first change (None: it inserted the cell), with outputs.

    `written` is the cell as the agent left it, None when it deleted it. `keys` are the metadata
    it wrote; `cleared` that it cleared outputs; `kept` that the person has accepted all that.
    """

    before: CellState | None = None
    written: CellState | None = None
    moved: bool = False
    cleared: bool = False
    keys: tuple[str, ...] = ()
    kept: bool = False

    @property
    def edited(self) -> bool:
        """Whether the agent changed source or type of a cell that was there, or deleted it."""
        if self.before is None:
            return False
        return self.written is None or not same(self.before, self.written)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A notebook before a prompt: the `order` of its cells, and those the agent touched, by id."""

    path: str
    order: tuple[str, ...] = ()
    cells: Mapping[str, Touched] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """The notebook's `cells` with changes taken back.

    `placed` are cells put (back) in a place, `undone` those that are as before now, `conflicts`
    those left alone because the person has changed them.
    """

    cells: Cells
    placed: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()
    conflicts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """What carries an `Undone` out: `changes` while `expect` holds, then `outputs`."""

    changes: tuple[Change, ...]
    expect: tuple[Expected, ...]
    outputs: tuple[OutputsBefore, ...]


# ---- noting --------------------------------------------------------------------------------------


def note_changes(
    baseline: Baseline, cells: Sequence[CellState], changes: Sequence[Change]
) -> Baseline:
    """Return the baseline that can take back `changes`, too, which are about to be applied.

    Args:
        baseline: what the agent has done before, for the same prompt.
        cells: the notebook now; the cells that `changes` name with their outputs.
        changes: what is about to be done.

    Raises:
        UnknownCell, EditRefused: the changes do not fit these cells.
    """
    now = {cell.id: cell for cell in cells}
    then = {cell.id: cell for cell in apply_changes(cells, changes)}
    touched = dict(baseline.cells)
    for cell_id in touched_ids(changes):
        of_cell = [change for change in changes if change.id == cell_id]
        touched[cell_id] = _touched(
            touched.get(cell_id), now.get(cell_id), then.get(cell_id), of_cell
        )
    order = tuple(order_undone(baseline, tuple(now), baseline.cells))
    return replace(baseline, order=order, cells=_bounded(touched))


def note_run(baseline: Baseline, cells: Sequence[CellState], ran: Collection[str]) -> Baseline:
    """Return the baseline that also knows the outputs of cells which are about to run."""
    touched = dict(baseline.cells)
    for cell in cells:
        if cell.id in ran and cell.id not in touched:
            touched[cell.id] = Touched(before=cell, written=bare(cell))
    ids = tuple(cell.id for cell in cells)
    order = tuple(order_undone(baseline, ids, baseline.cells))
    return replace(baseline, order=order, cells=_bounded(touched))


def _touched(
    known: Touched | None,
    now: CellState | None,
    then: CellState | None,
    changes: Sequence[Change],
) -> Touched:
    before = now if known is None else known.before
    if known is not None and now is not None:
        typed = known.written is None or not same(now, known.written)
        # The person has worked on it since: what they wrote is what undoing comes back to.
        before = now if typed else before
    keys = {key for change in changes for key in getattr(change, "metadata", None) or {}}
    kinds = {change.type for change in changes}
    return Touched(
        before=before,
        written=bare(then) if then is not None else None,
        moved="move" in kinds or (known is not None and known.moved),
        cleared="clear_outputs" in kinds or (known is not None and known.cleared),
        keys=tuple(sorted(keys.union(known.keys if known is not None else ()))),
    )


def bare(cell: CellState) -> CellState:
    """Return a cell's type and source, without all else."""
    return CellState(id=cell.id, cell_type=cell.cell_type, source=cell.source)


def _bounded(touched: dict[str, Touched]) -> dict[str, Touched]:
    """Drop the outputs that go beyond what is kept, the largest first."""
    sizes = {
        cell_id: len(json.dumps(item.before.outputs))
        for cell_id, item in touched.items()
        if item.before is not None and item.before.outputs
    }
    total = sum(sizes.values())
    for cell_id in sorted(sizes, key=lambda one: -sizes[one]):
        if total <= MOST_OUTPUTS:
            break
        item = touched[cell_id]
        if item.before is not None:
            touched[cell_id] = replace(item, before=replace(item.before, outputs=None))
            total -= sizes[cell_id]
    return touched


# ---- taking back ---------------------------------------------------------------------------------


def undo(
    baseline: Baseline, cells: Sequence[CellState], which: Collection[str], *, force: bool = False
) -> Undone:
    """Return the notebook with what the agent did to the cells `which` taken back.

    Args:
        baseline: what the agent did.
        cells: the notebook now; the cells in question with their outputs.
        which: ids of cells; those the agent did not touch are ignored.
        force: also overwrite what the person has changed since.
    """
    now = {cell.id: cell for cell in cells}
    wanted = {
        cell_id: item
        for cell_id, item in baseline.cells.items()
        if cell_id in which and (item.before is not None or item.written is not None)
    }
    conflicts = frozenset(
        cell_id
        for cell_id, item in wanted.items()
        if not force and is_conflict(item, now.get(cell_id))
    )
    doing = {cell_id: item for cell_id, item in wanted.items() if cell_id not in conflicts}
    order = order_undone(baseline, tuple(now), doing)
    made = tuple(
        _restored(doing[cell_id], now.get(cell_id)) if cell_id in doing else now[cell_id]
        for cell_id in order
    )
    return Undone(
        cells=made,
        placed=frozenset(
            cell_id for cell_id, item in doing.items() if _is_placed(item, cell_id, now)
        ),
        undone=frozenset(doing) | (frozenset(which) & baseline.cells.keys() - wanted.keys()),
        conflicts=conflicts,
    )


def put_back(cells: Sequence[CellState], target: Undone) -> PutBack:
    """Return the changes that make the notebook `cells` into the one meant."""
    changes, outputs = changes_to(cells, target.cells, target.placed)
    named = {change.id for change in changes}
    return PutBack(
        changes=tuple(changes),
        expect=tuple(expected(cell) for cell in cells if cell.id in named),
        outputs=tuple(outputs),
    )


def is_conflict(item: Touched, now: CellState | None) -> bool:
    """Whether taking this back would overwrite what the person did to the cell since."""
    if item.before is None:
        return now is not None and item.written is not None and not same(now, item.written)
    if item.written is None:
        return now is not None and not same(now, item.before)
    if not item.edited:
        return False
    return now is None or not (same(now, item.written) or same(now, item.before))


def order_undone(baseline: Baseline, ids: Sequence[str], which: Mapping[str, Touched]) -> list[str]:
    """Return the order of cells with the agent's inserting, deleting and moving taken back.

    Cells the agent did not touch stay in the order they are in now.
    """
    present = dict.fromkeys(ids)
    placed = [
        cell_id
        for cell_id in baseline.order
        if cell_id in which and _is_placed(which[cell_id], cell_id, present)
    ]
    gone = {cell_id for cell_id, item in which.items() if item.before is None}.union(placed)
    order = [cell_id for cell_id in ids if cell_id not in gone]
    for cell_id in placed:
        order.insert(_place(baseline, cell_id, order, which), cell_id)
    return order


def _is_placed(item: Touched, cell_id: str, present: Mapping[str, Any]) -> bool:
    if item.before is None:
        return False
    return item.moved if cell_id in present else item.edited


def _place(
    baseline: Baseline, cell_id: str, order: Sequence[str], which: Mapping[str, Touched]
) -> int:
    """Return where a cell belongs: behind the nearest cell that stood above it and still does."""
    places = {one: at for at, one in enumerate(order)}
    at = baseline.order.index(cell_id)
    for above in reversed(baseline.order[:at]):
        item = baseline.cells.get(above)
        elsewhere = item is not None and item.moved and above not in which
        if above in places and not elsewhere:
            return places[above] + 1
    return 0


def _restored(item: Touched, now: CellState | None) -> CellState:
    before = item.before
    assert before is not None  # one the agent inserted has no place in the order
    if now is None:
        # Trust is the person's to give, and only to what they have seen run.
        metadata = {
            key: value for key, value in (before.metadata or {}).items() if key != "trusted"
        }
        return replace(before, metadata=metadata)
    if not item.edited and not same(now, before):
        return now  # only moved or run by the agent; the source is the person's
    old, metadata = before.metadata or {}, dict(now.metadata or {})
    for key in item.keys:
        if key in old:
            metadata[key] = old[key]
        else:
            metadata.pop(key, None)
    kept = before.outputs is not None or before.cell_type != "code"
    return replace(
        now,
        cell_type=before.cell_type,
        source=before.source,
        metadata=metadata,
        attachments=before.attachments,
        outputs=before.outputs if kept else now.outputs,
        output_kinds=before.output_kinds if kept else now.output_kinds,
        execution_count=before.execution_count if kept else now.execution_count,
    )
