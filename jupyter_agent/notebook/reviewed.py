"""Baselines of several prompts, read as one review: what is open, how it looks, undoing it. Pure.

A cell that two prompts edited is one change, from before the first, unless the person worked on it
in between: that accepted the first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..protocol.rpc import CellState
from ..protocol.session_events import ReviewCell, ReviewKind
from .cells import same
from .diff import count_lines
from .review import Baseline, Touched, Undone, is_conflict, order_undone, undo


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """How undoing went: `cells` are as before, `conflicts` (path, id) were left alone.

    Those the person had changed since.
    """

    cells: int = 0
    conflicts: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: TakenBack) -> TakenBack:
        return TakenBack(
            cells=self.cells + other.cells, conflicts=(*self.conflicts, *other.conflicts)
        )

    def words(self) -> str:
        """Say it in a sentence or two."""
        text = f"{self.cells} cell{'' if self.cells == 1 else 's'} as before."
        if self.conflicts:
            number = len(self.conflicts)
            verb = "was" if number == 1 else "were"
            text += f" {number} that the user changed since {verb} left alone."
        return text


def kind_of(item: Touched) -> ReviewKind | None:
    """Return what the agent did to a cell, None when there is nothing to review."""
    if item.before is None:
        return "inserted" if item.written is not None else None
    if item.written is None:
        return "deleted"
    if item.edited:
        return "edited"
    if item.moved:
        return "moved"
    return "outputs" if item.cleared else None


def open_parts(baselines: Sequence[Baseline]) -> list[set[str]]:
    """Return, for each baseline of one notebook (oldest first), the cells open for review."""
    parts: list[set[str]] = [set() for _ in baselines]
    later: dict[str, Touched] = {}
    closed: set[str] = set()
    for number in range(len(baselines) - 1, -1, -1):
        for cell_id, item in baselines[number].cells.items():
            after = later.get(cell_id)
            if item.kept or (after is not None and not _leads_to(item, after)):
                closed.add(cell_id)
            if cell_id not in closed:
                parts[number].add(cell_id)
                later[cell_id] = item
    return parts


def merged(baselines: Sequence[Baseline]) -> dict[str, Touched]:
    """Return the open changes of a notebook by cell, each from before its first change."""
    found: dict[str, Touched] = {}
    for baseline, part in zip(baselines, open_parts(baselines), strict=True):
        for cell_id in baseline.cells:
            if cell_id not in part:
                continue
            item, first = baseline.cells[cell_id], found.get(cell_id)
            if first is not None:
                item = replace(
                    item,
                    before=first.before,
                    moved=item.moved or first.moved,
                    cleared=item.cleared or first.cleared,
                )
            found[cell_id] = item
    return {cell_id: item for cell_id, item in found.items() if kind_of(item) is not None}


def standing(
    items: Mapping[str, Touched], baselines: Sequence[Baseline], cells: Sequence[CellState]
) -> dict[str, Touched]:
    """Return the changes that the notebook still holds.

    A person may take one back in the notebook itself: by Lab's own undo, by deleting the cell, by
    loading a checkpoint.

    Args:
        items: open changes, as `merged` returns them.
        baselines: where they come from.
        cells: the notebook now, with outputs where these are known.
    """
    now = {cell.id: cell for cell in cells}
    return {one: item for one, item in items.items() if not _is_gone(one, item, baselines, now)}


def _is_gone(
    cell_id: str, item: Touched, baselines: Sequence[Baseline], now: Mapping[str, CellState]
) -> bool:
    cell, kind = now.get(cell_id), kind_of(item)
    if kind == "inserted" or cell is None:
        return kind == "inserted" and cell is None
    assert item.before is not None
    if kind in ("edited", "deleted"):
        return same(cell, item.before)
    if kind == "outputs":
        return bool(cell.outputs) and cell.outputs == item.before.outputs
    order = list(now)
    return all(
        order_undone(baseline, order, {cell_id: baseline.cells[cell_id]}) == order
        for baseline in baselines
        if cell_id in baseline.cells and baseline.cells[cell_id].moved
    )


def undo_parts(
    baselines: Sequence[Baseline],
    parts: Sequence[Collection[str]],
    cells: Sequence[CellState],
    *,
    force: bool = False,
) -> Undone:
    """Take back the cells `parts[i]` of each baseline (oldest first), the latest prompt first.

    What is undone in one prompt and left alone in an earlier one counts as a conflict.
    """
    made = Undone(cells=tuple(cells))
    for baseline, part in reversed(list(zip(baselines, parts, strict=True))):
        # Left alone once: what came before is not touched either.
        wanted = [cell_id for cell_id in part if cell_id not in made.conflicts]
        step = undo(baseline, made.cells, wanted, force=force)
        made = Undone(
            cells=step.cells,
            placed=made.placed | step.placed,
            undone=made.undone | step.undone,
            conflicts=made.conflicts | step.conflicts,
        )
    return made


def review_cell(
    path: str,
    cell_id: str,
    item: Touched,
    cells: Sequence[CellState],
    order: Sequence[str],
) -> ReviewCell:
    """Return how a change is shown.

    Args:
        path: the notebook's.
        cell_id: the cell's.
        item: what was done to it, of a kind that is reviewed.
        cells: the notebook now.
        order: ids from top to bottom before it, for the place of a cell that is gone.
    """
    kind = kind_of(item)
    shown = item.written or item.before
    assert kind is not None and shown is not None
    before = item.before.source if item.before is not None else ""
    after = item.written.source if item.written is not None else ""
    added, removed = count_lines(before, after)
    place, now = next(
        ((place, cell) for place, cell in enumerate(cells, 1) if cell.id == cell_id), (None, None)
    )
    if place is None:
        place = order.index(cell_id) + 1 if cell_id in order else None
    count = now.execution_count if now is not None else None
    return ReviewCell(
        path=path,
        cell_id=cell_id,
        kind=kind,
        cell_type=shown.cell_type,
        before=before,
        after=after,
        added=added,
        removed=removed,
        number=place if count is None else count,
        executed=count is not None,
    )


def with_state(cell: ReviewCell, item: Touched, now: CellState | None) -> ReviewCell:
    """Return a shown change with its conflict, if the person has changed the cell since."""
    if not is_conflict(item, now):
        return replace(cell, state="open", current=None)
    return replace(cell, state="conflict", current=now.source if now is not None else None)


def _leads_to(earlier: Touched, later: Touched) -> bool:
    """Whether the later prompt found the cell as the earlier one had left it."""
    if earlier.written is None or later.before is None:
        return False
    return same(earlier.written, later.before)
