"""One session's events: numbered, kept, shown to watchers, and written to the store.

`emit` is synchronous and cheap; writing happens in batches soon after, and `flush` waits for it.
A watcher that joins gets the events after the last one it saw, or a snapshot when that is too far
back. What another process has written to the session is taken in by `catch_up`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

from ..protocol.codec import from_json, to_json
from ..protocol.errors import AgentError, BadFrame, SessionBusy, SessionUnreadable, StoreConflict
from ..protocol.frames import Events, Snapshot
from ..protocol.session_events import Notice, SessionEvent
from ..protocol.transcript import Transcript, TranscriptBuilder

log = logging.getLogger(__name__)

Watcher = Callable[[int, SessionEvent, bytes], None]
# Gets the session anew where its events do not follow those that were shown.
OnReset = Callable[[Snapshot], None]

# How far back a client can resume event by event; beyond it gets a snapshot.
KEPT_EVENTS = 4_000
KEPT_BYTES = 8 << 20
WRITE_DELAY = 0.05


class EventStore(Protocol):
    """What the journal needs of the store."""

    async def append_events(self, session_id: str, first_seq: int, events: list[bytes]) -> None:
        """Append events with numbers from `first_seq`; durable when it returns."""

    async def put_snapshot(self, session_id: str, seq: int, json: bytes) -> None:
        """Keep the transcript as it is after event `seq`; earlier events are dropped."""

    async def last_seq(self, session_id: str) -> int:
        """Return the number of the last event."""

    async def snapshot(self, session_id: str) -> tuple[int, bytes] | None:
        """Return the transcript kept last, and the number of the last event in it."""

    async def events_after(self, session_id: str, seq: int, limit: int) -> list[tuple[int, bytes]]:
        """Return at most `limit` events numbered above `seq`, in order."""


class Journal:
    """The events of one session.

    Args:
        session_id: whose.
        store: where they are written.
        seq: number of the last event so far.
        transcript: the transcript after it.
    """

    def __init__(
        self,
        session_id: str,
        store: EventStore,
        *,
        seq: int = 0,
        transcript: Transcript | None = None,
    ) -> None:
        self.seq = seq
        self._session_id = session_id
        self._store = store
        self._transcript = TranscriptBuilder(transcript)
        self._kept: deque[tuple[int, SessionEvent, int]] = deque()
        self._kept_bytes = 0
        # Bytes of the events since the last snapshot, and of that.
        self._since_snapshot = 0
        self._snapshot_size = 0
        self._watchers: list[tuple[Watcher, OnReset]] = []
        # Not written yet: kept as they are, as they may have to be numbered anew.
        self._pending: list[tuple[SessionEvent, bytes]] = []
        self._pending_from = seq + 1
        self._writing = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._write_failed = False
        # Told when events cannot be written because others have their numbers.
        self.on_conflict: Callable[[], Awaitable[None]] = self._caught_up

    @property
    def transcript(self) -> Transcript:
        """The transcript as it stands."""
        return self._transcript.snapshot()

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watchers)

    def has_said(self, text: str) -> bool:
        """Whether a notice of this text is in the transcript."""
        entries = self.transcript.entries
        return any(entry.type == "notice" and entry.text == text for entry in entries)

    def emit(self, event: SessionEvent) -> None:
        """Number an event, apply it, show it, and have it written soon."""
        data = to_json(SessionEvent, event)
        self._number(event, data)
        for watcher, _ in tuple(self._watchers):
            try:
                watcher(self.seq, event, data)
            except Exception:  # a watcher's fault is not the run's
                log.exception("A watcher of the session failed")
        self._have_written()

    def attach(
        self, watcher: Watcher, after: int | None, on_reset: OnReset = lambda snapshot: None
    ) -> tuple[Snapshot | Events, Callable[[], None]]:
        """Begin to watch: returns what to show first, and a function that ends it."""
        first: Snapshot | Events
        if after is not None and self._reaches_back_to(after):
            missed = tuple(event for seq, event, _ in self._kept if seq > after)
            first = Events(session_id=self._session_id, seq=after + 1, events=missed)
        else:
            first = self._as_it_stands()
        entry = (watcher, on_reset)
        self._watchers.append(entry)

        def detach() -> None:
            if entry in self._watchers:
                self._watchers.remove(entry)

        return first, detach

    async def flush(self) -> None:
        """Write what is not written yet.

        Raises:
            StoreError: it could not be written; it stays pending and is tried again.
        """
        async with self._writing:
            if not self._pending:
                return
            batch, first = self._pending, self._pending_from
            self._pending, self._pending_from = [], first + len(batch)
            try:
                events = [data for _, data in batch]
                await self._store.append_events(self._session_id, first, events)
            except BaseException:
                self._pending = batch + self._pending
                self._pending_from = first
                raise
            self._write_failed = False

    async def checkpoint(self) -> None:
        """Write everything, and a snapshot so that a later start need not read every event."""
        await self.flush()
        seq, json = self.seq, to_json(Transcript, self.transcript)
        await self._store.put_snapshot(self._session_id, seq, json)
        self._since_snapshot, self._snapshot_size = 0, len(json)

    async def tidy(self) -> None:
        """Write everything, and a snapshot when the events since the last are as much as it was.

        So what is written stays in proportion to what is new, however long the conversation is.
        """
        await self.flush()
        if self._since_snapshot >= self._snapshot_size:
            await self.checkpoint()

    async def catch_up(self) -> bool:
        """Take in what another process wrote to the session; returns whether there was anything.

        Events of ours that were not written are numbered after the others'. Watchers get the
        session anew.

        Raises:
            StoreError: the session cannot be read.
        """
        with contextlib.suppress(SessionBusy, StoreConflict):
            await self.flush()
        async with self._writing:
            if await self._store.last_seq(self._session_id) < self._pending_from:
                return False
            seq, transcript = await read_transcript(self._store, self._session_id)
            unwritten, self._pending = self._pending, []
            self.seq, self._pending_from = seq, seq + 1
            self._transcript = TranscriptBuilder(transcript)
            self._kept.clear()
            self._kept_bytes = 0
            for event, data in unwritten:
                self._number(event, data)
            snapshot = self._as_it_stands()
            for _, on_reset in tuple(self._watchers):
                on_reset(snapshot)
        self._have_written()
        return True

    async def aclose(self) -> None:
        """Write what is pending and stop."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        try:
            await self.flush()
        except StoreConflict:
            await self._caught_up()
            await self.flush()

    def _number(self, event: SessionEvent, data: bytes) -> None:
        self.seq += 1
        self._transcript.apply(event)
        self._kept.append((self.seq, event, len(data)))
        self._kept_bytes += len(data)
        self._since_snapshot += len(data)
        while len(self._kept) > KEPT_EVENTS or self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= self._kept.popleft()[2]
        self._pending.append((event, data))

    def _have_written(self) -> None:
        if self._pending and (self._writer is None or self._writer.done()):
            self._writer = asyncio.get_running_loop().create_task(self._write_soon())

    def _as_it_stands(self) -> Snapshot:
        return Snapshot(session_id=self._session_id, seq=self.seq, transcript=self.transcript)

    async def _caught_up(self) -> None:
        await self.catch_up()

    def _reaches_back_to(self, after: int) -> bool:
        if after > self.seq:
            return False  # from another life of the database
        return after == self.seq or (bool(self._kept) and self._kept[0][0] <= after + 1)

    async def _write_soon(self) -> None:
        while self._pending:
            await asyncio.sleep(WRITE_DELAY)
            try:
                try:
                    await self.flush()
                except StoreConflict:
                    await self.on_conflict()
            except AgentError as error:
                if not self._write_failed:
                    # Said once; the events stay pending and the work goes on.
                    self._write_failed = True
                    self.emit(Notice(level="error", text=error.user_message, code=error.code))
                await asyncio.sleep(1.0)


async def load_journal(store: EventStore, session_id: str) -> Journal:
    """Rebuild a session's journal from what is stored."""
    seq, transcript = await read_transcript(store, session_id)
    return Journal(session_id, store, seq=seq, transcript=transcript)


async def read_transcript(store: EventStore, session_id: str) -> tuple[int, Transcript]:
    """Return a session's transcript, from its snapshot and the events after it, and the last
    one's number.

    Raises:
        SessionUnreadable: what is stored cannot be understood.
    """
    kept = await store.snapshot(session_id)
    seq, transcript = 0, Transcript()
    with unreadable():
        if kept is not None:
            seq, transcript = kept[0], from_json(Transcript, kept[1])
        builder = TranscriptBuilder(transcript)
        while events := await store.events_after(session_id, seq, 2_000):
            for number, data in events:
                builder.apply(from_json(SessionEvent, data))
                seq = number
    return seq, builder.snapshot()


@contextlib.contextmanager
def unreadable() -> Iterator[None]:
    """Say in words that something stored cannot be understood."""
    try:
        yield
    except BadFrame as error:
        raise SessionUnreadable(
            "This session cannot be read: it is damaged, or was written by a newer version of "
            "jupyter-agent. It was left as it is; the other sessions are not affected.",
            cause=error,
        ) from error
