"""What waits to be sent to one client: in order, gathered, and bounded.

Events arrive as JSON written once for all clients. Those of one session are gathered for some
16 ms into one frame; everything else goes at once. A client that does not keep up is dropped: it
comes back and resumes by sequence number.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import NamedTuple

QUEUE_BYTES = 4 * 1024 * 1024
GATHER_SECONDS = 0.016
FRAME_BYTES = 1024 * 1024


class QueuedEvent(NamedTuple):
    """An event of a session, as JSON. A tuple: there is one for each event and client."""

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
        # The most that one item counts for: a large snapshot must not overflow an empty queue.
        self._heaviest = limit // 4
        self._items: list[Item] = []
        self._size = 0
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._sent_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._due = asyncio.Event()
        self._task = self._loop.create_task(self._run())

    @property
    def size(self) -> int:
        """Bytes that wait, as they are counted."""
        return self._size

    def put(self, frame: bytes) -> None:
        """Send a frame as soon as what came before it is sent."""
        self._add(frame, len(frame))
        self._due.set()

    def put_event(self, session_id: str, seq: int, json: bytes) -> None:
        """Send an event, together with those that follow soon."""
        self._add(QueuedEvent(session_id, seq, json), len(json))
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_at(self._sent_at + GATHER_SECONDS, self._due.set)

    def close(self) -> None:
        """Drop what waits and stop."""
        self._closed = True
        self._items.clear()
        self._size = 0
        self._task.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _add(self, item: Item, length: int) -> None:
        if self._closed:
            return
        self._items.append(item)
        self._size += min(length, self._heaviest)
        if self._size > self._limit:
            self.close()
            self._on_overflow()

    async def _run(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            # What is being sent goes on to count: a client that does not take it is slow.
            items, size = self._items, self._size
            self._items = []
            for frame in frames(items):
                await self._send(frame)
            self._size -= size
            self._sent_at = self._loop.time()


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
