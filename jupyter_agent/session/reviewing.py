"""The person's review of what the agent did: keep it, undo it, go back to before a prompt.

What is taken back goes through the same documents as the agent's edits (the tab that has the
notebook open, else the file), compared with what is there at that very moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..notebook.cells import label_of
from ..notebook.review import Undone, put_back
from ..notebook.reviewed import (
    TakenBack,
    merged,
    open_parts,
    review_cell,
    standing,
    undo_parts,
    with_state,
)
from ..protocol.errors import EditRefused, NotAllowed, StaleCells
from ..protocol.messages import new_id
from ..protocol.rpc import CellState, Change
from ..protocol.session_events import (
    Checkpoint,
    Notice,
    ReviewChange,
    ReviewState,
)

if TYPE_CHECKING:
    from ..notebook.document import NotebookDocument
    from ..workspace.workspace import AnyNotebook
    from .checkpoints import Checkpoints, Record
    from .journal import Journal
    from .lease import Quiet

# How often a notebook that is being typed in is read anew before we give up.
ATTEMPTS = 3

Parts = list[set[str]]
# A notebook's path, its cells now, and as they would be.
Planned = tuple[str, Sequence[CellState], Undone]


class Review:
    """The review of one session (the `Recorder` port of its workspace, too).

    Args:
        checkpoints: what was done.
        journal: what the watchers are shown.
        document: opens a notebook.
        quiet: keeps runs away meanwhile.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        journal: Journal,
        *,
        document: Callable[[str], Awaitable[AnyNotebook]],
        quiet: Quiet,
    ) -> None:
        self._checkpoints = checkpoints
        self._journal = journal
        self._document = document
        self._quiet = quiet

    # ---- what the workspace tells ---------------------------------------------------------------

    async def before_changes(self, document: NotebookDocument, changes: Sequence[Change]) -> None:
        """The agent is about to change a notebook."""
        await self._checkpoints.before_changes(document, changes)

    async def before_run(self, document: NotebookDocument, cell_ids: Iterable[str]) -> None:
        """The agent is about to run cells."""
        await self._checkpoints.before_run(document, cell_ids)

    async def refused(self, path: str) -> None:
        """What it was about to do was refused."""
        await self._checkpoints.refused(path)

    def changed(self, path: str) -> None:
        """The agent has changed a notebook: show what there is to review."""
        if path in self._checkpoints.expected:
            self._show(path, self._checkpoints.expected[path])

    # ---- what a person does ---------------------------------------------------------------------

    async def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints, the oldest first."""
        return [record.about for record in await self._checkpoints.records()]

    async def keep(self, path: str | None = None, cell_id: str | None = None) -> None:
        """Accept what was done to one cell, or to all."""
        async with self._checkpoints.lock:
            for name, records in (await self._by_path(path)).items():
                ids = {one for record in records for one in record.baseline.cells}
                await self._keep(records, ids if cell_id is None else ids & {cell_id})
                self._settle(name, "kept", None if cell_id is None else {cell_id})

    async def look_again(self, path: str) -> None:
        """Settle what the notebook no longer holds: the person has taken it back there.

        Raises:
            NotebookError: the notebook cannot be read.
        """
        async with self._checkpoints.lock:
            records = (await self._by_path(path)).get(path, [])
            shown = {cell.cell_id for cell in self._journal.transcript.review if cell.path == path}
            if not records or not shown:
                return
            baselines = [record.baseline for record in records]
            items = {one: item for one, item in merged(baselines).items() if one in shown}
            cells = await self._read(path, [set(items)])
            gone = items.keys() - standing(items, baselines, cells).keys()
            self._settle(path, "undone", gone)

    async def undo(
        self, path: str | None = None, cell_id: str | None = None, *, force: bool = False
    ) -> TakenBack:
        """Take back what was done to one cell, or to all that is open.

        A cell the person has changed since is left alone and shown as a conflict, unless `force`.

        Raises:
            NotAllowed: there is nothing to undo, or a run goes on.
            NotebookError: the notebook cannot be written.
        """
        async with self._quiet.alone(), self._checkpoints.lock:
            done = TakenBack()
            for name, records in (await self._by_path(path)).items():
                baselines = [record.baseline for record in records]
                shown = merged(baselines).keys() if cell_id is None else {cell_id}
                parts = [part & shown for part in open_parts(baselines)]
                if any(parts):
                    step = await self._take_back(name, records, parts, force, settle=True)
                    done += step
            if not done.cells and not done.conflicts:
                raise NotAllowed("There is nothing to undo: it is settled already.")
            return done

    async def restore(
        self, since: Sequence[Checkpoint], *, force: bool = False, whole: bool = False
    ) -> TakenBack:
        """Put notebooks back to before the prompts of these checkpoints; others' edits stay.

        Args:
            since: the checkpoints to take back.
            force: also overwrite what the person has changed since.
            whole: do nothing at all when that would leave cells alone.

        Raises:
            NotAllowed: there is nothing to take back.
            EditRefused: with `whole`, the person has changed cells; the sentence names them.
        """
        ids = {checkpoint.id for checkpoint in since}
        async with self._checkpoints.lock:
            chosen = {
                path: [record for record in records if record.about.id in ids]
                for path, records in (await self._by_path(None)).items()
            }
            if not any(chosen.values()):
                raise NotAllowed("No change of the agent since then is on record.")
            if whole and not force:
                await self._refuse_conflicts(chosen)
            done = TakenBack()
            for path, records in chosen.items():
                parts = [set(record.baseline.cells) for record in records]
                if any(parts):
                    done += await self._take_back(path, records, parts, force)
            return done

    async def restore_before(self, message_id: str) -> TakenBack:
        """Put the notebooks back to before a prompt, and say so in the conversation.

        Raises:
            NotAllowed: nothing was changed since then.
        """
        async with self._quiet.alone():
            done = await self.restore(await self.since(message_id))
        text = f"Back to before that prompt: {done.words()}"
        self._journal.emit(Notice(level="info", text=text, code="restored"))
        return done

    async def undo_run(self, *, force: bool = False, whole: bool = False) -> TakenBack:
        """Take back the last run that changed a notebook, as `restore` does."""
        async with self._quiet.alone():
            known = await self.checkpoints()
            last = [one for one in known if one.run_id == known[-1].run_id] if known else []
            return await self.restore(last, force=force, whole=whole)

    async def since(self, message_id: str) -> list[Checkpoint]:
        """Return the checkpoints of a prompt and those after it."""
        order = [
            entry.message.id
            for entry in self._journal.transcript.entries
            if entry.type == "message" and entry.message.role == "user"
        ]
        if message_id not in order:
            raise NotAllowed("This conversation has no such prompt.")
        later = set(order[order.index(message_id) :])
        return [one for one in await self.checkpoints() if one.message_id in later]

    async def plan(self, since: Sequence[Checkpoint]) -> list[Planned]:
        """Return how notebooks would look: path, cells now, and with the checkpoints taken back."""
        ids = {checkpoint.id for checkpoint in since}
        found: list[Planned] = []
        for path, records in (await self._by_path(None)).items():
            chosen = [record for record in records if record.about.id in ids]
            if chosen:
                parts = [set(record.baseline.cells) for record in chosen]
                cells = await self._read(path, parts)
                baselines = [record.baseline for record in chosen]
                target = await asyncio.to_thread(undo_parts, baselines, parts, cells)
                found.append((path, cells, target))
        return found

    # ---- inside ---------------------------------------------------------------------------------

    async def _by_path(self, path: str | None) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {}
        for record in await self._checkpoints.records():
            if path is None or record.about.path == path:
                found.setdefault(record.about.path, []).append(record)
        return found

    async def _read(self, path: str, parts: Parts) -> tuple[CellState, ...]:
        document = await self._document(path)
        return (await document.read(tuple(set().union(*parts)))).cells

    async def _refuse_conflicts(self, chosen: dict[str, list[Record]]) -> None:
        since = [record.about for records in chosen.values() for record in records]
        for path, cells, target in await self.plan(since):
            if target.conflicts:
                there = {cell.id for cell in cells}
                names = [
                    label_of(one, cells) if one in there else "a deleted cell"
                    for one in sorted(target.conflicts)
                ]
                raise EditRefused(
                    f"{path} was changed since, in {', '.join(names)}. Nothing was undone."
                )

    async def _take_back(
        self, path: str, records: list[Record], parts: Parts, force: bool, *, settle: bool = False
    ) -> TakenBack:
        """Take cells back; `settle`: what earlier prompts did to them is accepted by that."""
        document = await self._document(path)
        target = await self._apply(document, records, parts, force)
        undone = target.undone - target.conflicts
        await self._forget(records, parts, target)
        if settle:
            await self._keep((await self._by_path(path)).get(path, []), undone)
        self._settle(path, "undone", undone)
        self._show(path, (await document.read()).cells)
        return TakenBack(
            cells=len(undone), conflicts=tuple((path, one) for one in sorted(target.conflicts))
        )

    async def _apply(
        self, document: AnyNotebook, records: list[Record], parts: Parts, force: bool
    ) -> Undone:
        """Change the notebook; read anew when somebody types in the very cells meanwhile."""
        baselines, attempt = [record.baseline for record in records], 0
        while True:
            attempt += 1
            cells = await self._read(document.path, parts)
            target = await asyncio.to_thread(undo_parts, baselines, parts, cells, force=force)
            back = await asyncio.to_thread(put_back, cells, target)
            try:
                if back.changes:
                    await document.put_back(back.changes, back.expect, op_id=new_id("undo"))
            except StaleCells:
                if attempt == ATTEMPTS:
                    raise
                continue
            for saved in back.outputs:
                await document.set_outputs(saved.cell_id, saved.outputs, saved.execution_count)
            return target

    async def _forget(self, records: list[Record], parts: Parts, target: Undone) -> None:
        """Drop what is as before now; what was left alone is open again."""
        empty = []
        for record, part in zip(records, parts, strict=True):
            left = {
                one: replace(item, kept=False) if one in target.conflicts else item
                for one, item in record.baseline.cells.items()
                if one not in part or one in target.conflicts
            }
            record.baseline = replace(record.baseline, cells=left)
            if left:
                await self._checkpoints.put(record)
            else:
                empty.append(record)
        if empty:
            await self._checkpoints.drop(empty)

    async def _keep(self, records: list[Record], ids: Collection[str]) -> None:
        for record in records:
            cells = record.baseline.cells
            kept = {
                one: replace(item, kept=True) if one in ids else item for one, item in cells.items()
            }
            if kept != cells:
                record.baseline = replace(record.baseline, cells=kept)
                await self._checkpoints.put(record)

    def _settle(self, path: str, state: ReviewState, ids: Collection[str] | None) -> None:
        """Tell the watchers that cells need no review any more; None: all of the notebook."""
        settled = [
            replace(cell, state=state, current=None)
            for cell in self._journal.transcript.review
            if cell.path == path and (ids is None or cell.cell_id in ids)
        ]
        if settled:
            self._journal.emit(ReviewChange(cells=tuple(settled)))

    def _show(self, path: str, cells: Sequence[CellState]) -> None:
        """Tell the watchers what differs from what they think is open in a notebook."""
        known = self._checkpoints.loaded
        baselines = [record.baseline for record in known if record.about.path == path]
        items = standing(merged(baselines), baselines, cells)
        order = baselines[-1].order if baselines else ()
        now = {cell.id: cell for cell in cells}
        shown = {
            cell.cell_id: cell for cell in self._journal.transcript.review if cell.path == path
        }
        news = []
        for cell_id, item in items.items():
            made = review_cell(path, cell_id, item, cells, order)
            made = with_state(made, item, now.get(cell_id))
            if shown.get(cell_id) != made:
                news.append(made)
        gone = [replace(cell, state="kept") for one, cell in shown.items() if one not in items]
        if news or gone:
            self._journal.emit(ReviewChange(cells=(*news, *gone)))
