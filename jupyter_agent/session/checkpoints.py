"""What a session's prompts did to notebooks, noted before it is done and kept in the store.

One record a prompt and notebook (`notebook/review.py` says what is in it). `reviewing.py` shows
the records to people and takes them back.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..notebook.changes import Cells, apply_changes, touched_ids
from ..notebook.review import Baseline, note_changes, note_run
from ..protocol.codec import from_json, to_json
from ..protocol.errors import AgentError
from ..protocol.messages import Message, new_id, now
from ..protocol.paths import move_keys, moved
from ..protocol.session_events import Checkpoint, CheckpointChange, SessionEvent

if TYPE_CHECKING:
    from ..notebook.document import NotebookDocument
    from ..protocol.rpc import Change, NotebookState
    from ..store.sessions import SessionStore

# The latest are kept; what older ones changed counts as kept by the person.
MOST_CHECKPOINTS = 20
_PROMPT_LENGTH = 120

log = logging.getLogger(__name__)


def prompt_of(text: str) -> str:
    """Return a prompt as checkpoints show it: in one line, cut where it is long."""
    words = " ".join(text.split())
    return words if len(words) <= _PROMPT_LENGTH else words[: _PROMPT_LENGTH - 1] + "…"


@dataclass(slots=True)
class Record:
    """What one prompt did to one notebook."""

    about: Checkpoint
    baseline: Baseline


class Checkpoints:
    """The records of one session, the oldest first.

    Args:
        store: where they are kept.
        session_id: whose.
        emit: tells the watchers.
    """

    def __init__(
        self, store: SessionStore, session_id: str, emit: Callable[[SessionEvent], None]
    ) -> None:
        self._store = store
        self._session_id = session_id
        self._emit = emit
        self._records: list[Record] | None = None
        self._loading = asyncio.Lock()
        self._run: tuple[str, Message | None] | None = None
        self._refusable: dict[str, Baseline] = {}
        # How a notebook looks once what was noted last is done, by path.
        self.expected: dict[str, Cells] = {}
        # Held while records are read to be changed, so that nothing is undone half noted.
        self.lock = asyncio.Lock()

    def begin(self, run_id: str, prompt: Message | None) -> None:
        """What is done from now on belongs to this run and the prompt it works on."""
        self._run = (run_id, prompt)

    async def records(self) -> list[Record]:
        """Return the records, read from the store at first use."""
        async with self._loading:
            if self._records is None:
                self._records = await load_records(self._store, self._session_id)
            return self._records

    def forget(self) -> None:
        """Have the records read anew: another process has written some."""
        self._records = None

    @property
    def loaded(self) -> Sequence[Record]:
        """The records as far as they were read: all, once anything was noted or asked for."""
        return self._records or ()

    # ---- noting (the `Recorder` port of `workspace.py`) -----------------------------------------

    async def before_changes(self, document: NotebookDocument, changes: Sequence[Change]) -> None:
        """Note, durably, how the cells are which are about to be changed."""

        def noted(baseline: Baseline, cells: Cells) -> Baseline:
            self.expected[document.path] = apply_changes(cells, changes)
            return note_changes(baseline, cells, changes)

        await self._note(document, touched_ids(changes), noted)

    async def before_run(self, document: NotebookDocument, cell_ids: Iterable[str]) -> None:
        """Note, durably, the outputs of the cells which are about to run."""
        ids = tuple(cell_ids)
        await self._note(document, ids, lambda base, cells: note_run(base, cells, ids))

    async def refused(self, path: str) -> None:
        """Forget what was noted last: it was not done."""
        async with self.lock:
            record = await self._current(path)
            before = self._refusable.pop(path, None)
            if record is None or before is None:
                return
            record.baseline = before
            await (self.put(record) if before.cells else self.drop([record]))

    async def _note(
        self,
        document: NotebookDocument,
        ids: tuple[str, ...],
        noted: Callable[[Baseline, Cells], Baseline],
    ) -> None:
        if self._run is None:
            return
        async with self.lock:
            # What was noted before was done: `refused` must not take it back.
            self._refusable.pop(document.path, None)
            try:
                state: NotebookState = await document.read(ids)
                record = await self._current(document.path)
                before = record.baseline if record else Baseline(path=document.path)
                # Large outputs are measured: not on the event loop.
                after = await asyncio.to_thread(noted, before, state.cells)
            except AgentError:
                return  # it cannot be done either, and says so itself
            if after.cells == before.cells:
                return
            self._refusable[document.path] = before
            if record is None:
                await self._add(Record(self._about(document.path), after))
            else:
                record.baseline = after
                await self.put(record)

    async def _current(self, path: str) -> Record | None:
        if self._run is None:
            return None
        run_id = self._run[0]
        return next(
            (
                record
                for record in await self.records()
                if record.about.run_id == run_id and record.about.path == path
            ),
            None,
        )

    def _about(self, path: str) -> Checkpoint:
        assert self._run is not None
        run_id, prompt = self._run
        return Checkpoint(
            id=new_id("chk"),
            run_id=run_id,
            path=path,
            created_at=now(),
            message_id=prompt.id if prompt is not None else None,
            prompt=prompt_of(prompt.text) if prompt is not None else "",
        )

    # ---- keeping --------------------------------------------------------------------------------

    async def _add(self, record: Record) -> None:
        records = await self.records()
        await self.put(record)
        records.append(record)
        await self.drop(records[:-MOST_CHECKPOINTS])

    async def move(self, old: str, new: str) -> None:
        """Go on at another path: the person has renamed a notebook, or the folder it is in."""
        async with self.lock:
            move_keys(self._refusable, old, new)
            move_keys(self.expected, old, new)
            for record in await self.records():
                path = moved(record.about.path, old, new)
                if path != record.about.path:
                    record.about = replace(record.about, path=path)
                    record.baseline = replace(record.baseline, path=path)
                    await self.put(record)

    async def put(self, record: Record) -> None:
        """Write a record."""
        data = await asyncio.to_thread(packed, record.baseline)
        about = to_json(Checkpoint, record.about)
        await self._store.put_checkpoint(self._session_id, record.about.id, about, data)

    async def drop(self, dropped: Sequence[Record]) -> None:
        """Forget records, and tell the watchers which there are now."""
        records = await self.records()
        ids = [record.about.id for record in dropped]
        if ids:
            await self._store.delete_checkpoints(self._session_id, ids)
        records[:] = [record for record in records if record.about.id not in ids]
        self._emit(CheckpointChange(checkpoints=tuple(record.about for record in records)))


def packed(baseline: Baseline) -> bytes:
    """Write a baseline as compressed JSON."""
    return zlib.compress(to_json(Baseline, baseline), 6)


async def load_records(store: SessionStore, session_id: str) -> list[Record]:
    """Read the records of a session; one that cannot be read is left out."""
    found = []
    for checkpoint_id, about in await store.checkpoints(session_id):
        data = await store.checkpoint_data(session_id, checkpoint_id)
        try:
            baseline = await asyncio.to_thread(_unpacked, data or b"")
            found.append(Record(from_json(Checkpoint, about), baseline))
        except (AgentError, zlib.error):
            log.exception("The checkpoint %s of session %s is damaged", checkpoint_id, session_id)
    return found


async def copy_records(
    store: SessionStore, records: Sequence[Record], session_id: str, messages: Collection[str]
) -> tuple[Checkpoint, ...]:
    """Give another session the records of these prompts, with nothing of them up for review."""
    copied = [record for record in records if record.about.message_id in messages]
    for record in copied:
        cells = {one: replace(item, kept=True) for one, item in record.baseline.cells.items()}
        data = await asyncio.to_thread(packed, replace(record.baseline, cells=cells))
        about = to_json(Checkpoint, record.about)
        await store.put_checkpoint(session_id, record.about.id, about, data)
    return tuple(record.about for record in copied)


def _unpacked(data: bytes) -> Baseline:
    baseline: Baseline = from_json(Baseline, zlib.decompress(data))
    return baseline
