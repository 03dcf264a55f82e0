"""One session's events: numbered, kept, shown to watchers, and written to the store.

`emit` is synchronous and cheap; writing happens in batches soon after, and `flush` waits for it.
A watcher that joins gets the events after the last one it saw, or a snapshot when that is too far
back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ..protocol.codec import to_json
from ..protocol.errors import AgentError
from ..protocol.frames import Events, Snapshot
from ..protocol.session_events import Notice, SessionEvent
from ..protocol.transcript import Transcript, TranscriptBuilder

log = logging.getLogger(__name__)

Watcher = Callable[[int, SessionEvent, bytes], None]

# How far back a client can resume event by event; beyond it gets a snapshot.
KEPT_EVENTS = 4_000
WRITE_DELAY = 0.05


class EventStore(Protocol):
    """What the journal needs of the store."""

    async def append_events(self, session_id: str, first_seq: int, events: list[bytes]) -> None:
        """Append events with numbers from `first_seq`; durable when it returns."""

    async def put_snapshot(self, session_id: str, seq: int, json: bytes) -> None:
        """Keep the transcript as it is after event `seq`; earlier events may be dropped."""


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
        self._kept: deque[tuple[int, SessionEvent]] = deque(maxlen=KEPT_EVENTS)
        self._watchers: list[Watcher] = []
        self._pending: list[bytes] = []
        self._pending_from = seq + 1
        self._writing = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None
        self._write_failed = False

    @property
    def transcript(self) -> Transcript:
        """The transcript as it stands."""
        return self._transcript.snapshot()

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watchers)

    def emit(self, event: SessionEvent) -> None:
        """Number an event, apply it, show it, and have it written soon."""
        self.seq += 1
        data = to_json(SessionEvent, event)
        self._transcript.apply(event)
        self._kept.append((self.seq, event))
        self._pending.append(data)
        for watcher in tuple(self._watchers):
            try:
                watcher(self.seq, event, data)
            except Exception:  # a watcher's fault is not the run's
                log.exception("A watcher of the session failed")
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write_soon())

    def attach(
        self, watcher: Watcher, after: int | None
    ) -> tuple[Snapshot | Events, Callable[[], None]]:
        """Begin to watch: returns what to show first, and a function that ends it."""
        first: Snapshot | Events
        if after is not None and self._reaches_back_to(after):
            missed = tuple(event for seq, event in self._kept if seq > after)
            first = Events(session_id=self._session_id, seq=after + 1, events=missed)
        else:
            first = Snapshot(session_id=self._session_id, seq=self.seq, transcript=self.transcript)
        self._watchers.append(watcher)

        def detach() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

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
                await self._store.append_events(self._session_id, first, batch)
            except BaseException:
                self._pending = batch + self._pending
                self._pending_from = first
                raise
            self._write_failed = False

    async def checkpoint(self) -> None:
        """Write everything, and a snapshot so that a later start need not read every event."""
        await self.flush()
        seq, transcript = self.seq, self.transcript
        await self._store.put_snapshot(self._session_id, seq, to_json(Transcript, transcript))

    async def aclose(self) -> None:
        """Write what is pending and stop."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self.flush()

    def _reaches_back_to(self, after: int) -> bool:
        if after > self.seq:
            return False  # from another life of the database
        return after == self.seq or (bool(self._kept) and self._kept[0][0] <= after + 1)

    async def _write_soon(self) -> None:
        while self._pending:
            await asyncio.sleep(WRITE_DELAY)
            try:
                await self.flush()
            except AgentError as error:
                if not self._write_failed:
                    # Said once; the events stay pending and the work goes on.
                    self._write_failed = True
                    self.emit(Notice(level="error", text=error.user_message, code=error.code))
                await asyncio.sleep(1.0)
