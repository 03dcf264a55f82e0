"""What waits to be sent to one client: in order, gathered, and bounded.

Events arrive as JSON written once for all clients. Those of one session are gathered for some
16 ms into one frame; everything else goes at once. A client that does not keep up is dropped: it
comes back and resumes by sequence number.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

QUEUE_BYTES = 4 * 1024 * 1024
GATHER_SECONDS = 0.016
FRAME_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An event of a session, as JSON."""

    session_id: str
    seq: int
    json: bytes


Item = bytes | QueuedEvent


class Outbox:
    """The queue of one client, with the task that empties it.

    Args:
        send: sends one text frame; returns when the client's connection took it.
        on_overflow: called once when more than `limit` bytes wait.
    """

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[None]],
        on_overflow: Callable[[], None],
        *,
        limit: int = QUEUE_BYTES,
    ) -> None:
        self._send = send
        self._on_overflow = on_overflow
        self._limit = limit
        self._items: deque[Item] = deque()
        self._size = 0
        self._closed = False
        self._filled = asyncio.Event()
        self._urgent = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def size(self) -> int:
        """Bytes that wait, as they are counted."""
        return self._size

    def put(self, frame: bytes) -> None:
        """Send a frame as soon as what came before it is sent."""
        self._add(frame)
        self._urgent.set()

    def put_event(self, session_id: str, seq: int, json: bytes) -> None:
        """Send an event, together with those that follow soon."""
        self._add(QueuedEvent(session_id, seq, json))

    def close(self) -> None:
        """Drop what waits and stop."""
        self._closed = True
        self._items.clear()
        self._size = 0
        self._task.cancel()

    def _add(self, item: Item) -> None:
        if self._closed:
            return
        self._items.append(item)
        self._size += self._weight(item)
        self._filled.set()
        if self._size > self._limit:
            self.close()
            self._on_overflow()

    def _weight(self, item: Item) -> int:
        """Count an item; a single large one (a snapshot) must not overflow an empty queue."""
        length = len(item) if isinstance(item, bytes) else len(item.json)
        return min(length, self._limit // 4)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        sent_at = float("-inf")
        while True:
            await self._filled.wait()
            await self._gather(sent_at + GATHER_SECONDS - loop.time())
            items = self._items
            self._items = deque()
            self._filled.clear()
            self._urgent.clear()
            for frame in frames(items):
                await self._send(frame)
            self._size -= sum(self._weight(item) for item in items)
            sent_at = loop.time()

    async def _gather(self, seconds: float) -> None:
        if seconds <= 0 or self._urgent.is_set():
            return
        try:
            await asyncio.wait_for(self._urgent.wait(), seconds)
        except asyncio.TimeoutError:
            return


def frames(items: Iterable[Item]) -> Iterator[bytes]:
    """Join consecutive events of a session into `events` frames; other frames stay as they are."""
    joined: list[QueuedEvent] = []
    size = 0
    for item in items:
        follows = (
            isinstance(item, QueuedEvent)
            and bool(joined)
            and item.session_id == joined[-1].session_id
            and item.seq == joined[-1].seq + 1
            and size < FRAME_BYTES
        )
        if joined and not follows:
            yield _events_frame(joined)
            joined, size = [], 0
        if isinstance(item, QueuedEvent):
            joined.append(item)
            size += len(item.json)
        else:
            yield item
    if joined:
        yield _events_frame(joined)


def _events_frame(events: list[QueuedEvent]) -> bytes:
    first = events[0]
    head = f'{{"type":"events","session_id":{json.dumps(first.session_id)},"seq":{first.seq}'
    return head.encode() + b',"events":[' + b",".join(event.json for event in events) + b"]}"
