"""What waits for a client: in order, gathered, bounded (R51)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jupyter_agent.server.outbox import FRAME_BYTES, Item, Outbox, QueuedEvent, frames


class Line:
    """A client's connection that can be held up."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.free = asyncio.Event()
        self.free.set()
        self.overflows = 0

    async def send(self, frame: bytes) -> None:
        await self.free.wait()
        self.sent.append(frame)

    def overflow(self) -> None:
        self.overflows += 1


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    yield Line()


def event(seq: int, session_id: str = "s", size: int = 0) -> QueuedEvent:
    return QueuedEvent(session_id, seq, json.dumps({"n": seq, "x": "x" * size}).encode())


def test_consecutive_events_of_a_session_become_one_frame() -> None:
    items: list[Item] = [
        event(1),
        event(2),
        b'"reply"',
        event(3),
        event(4, "t"),
        event(5, "t"),
        event(9, "t"),
    ]
    found = [json.loads(frame) for frame in frames(items)]
    shapes = [
        (f["session_id"], f["seq"], [e["n"] for e in f["events"]]) if isinstance(f, dict) else f
        for f in found
    ]
    assert shapes == [
        ("s", 1, [1, 2]),
        "reply",
        ("s", 3, [3]),
        ("t", 4, [4, 5]),
        ("t", 9, [9]),
    ]


def test_a_session_with_an_odd_name_makes_valid_json() -> None:
    [frame] = frames([event(1, 's"\\\n')])
    assert json.loads(frame)["session_id"] == 's"\\\n'


def test_frames_stay_of_a_reasonable_size() -> None:
    items = [event(seq, size=FRAME_BYTES // 4) for seq in range(20)]
    found = list(frames(items))
    assert all(len(frame) < 2 * FRAME_BYTES for frame in found)
    numbers = [e["n"] for frame in found for e in json.loads(frame)["events"]]
    assert numbers == list(range(20))


async def test_order_is_kept(line: Line, until: Any) -> None:
    outbox = Outbox(line.send, line.overflow)
    for seq in range(1, 200):
        outbox.put_event("s", seq, b'{"n":%d}' % seq)
        if seq % 7 == 0:
            outbox.put(b'{"type":"reply"}')
            await asyncio.sleep(0)
    outbox.put(b'{"type":"last"}')
    await until(lambda: not outbox.size)
    numbers = [e["n"] for f in line.sent for e in json.loads(f).get("events", [])]
    assert numbers == list(range(1, 200))
    assert outbox.size == 0
    outbox.close()


async def test_a_burst_is_gathered(line: Line, until: Any) -> None:
    outbox = Outbox(line.send, line.overflow)
    for seq in range(1, 1001):
        outbox.put_event("s", seq, b"{}")
    await until(lambda: not outbox.size)
    assert len(line.sent) == 1
    outbox.close()


@pytest.mark.R(51)
async def test_a_client_that_does_not_read_is_dropped_at_the_limit(line: Line) -> None:
    outbox = Outbox(line.send, line.overflow, limit=10_000)
    line.free.clear()
    outbox.put(b"x" * 100)
    await asyncio.sleep(0)
    most = 0
    seq = 0
    while not line.overflows:
        seq += 1
        outbox.put_event("s", seq, b"y" * 100)
        most = max(most, outbox.size)
        assert seq < 1000
    assert most <= 10_100
    outbox.put_event("s", seq + 1, b"y" * 100)
    assert (outbox.size, line.overflows) == (0, 1)


async def test_a_snapshot_larger_than_the_limit_can_be_sent(line: Line, until: Any) -> None:
    outbox = Outbox(line.send, line.overflow, limit=10_000)
    outbox.put(b"{}")
    outbox.put(b"z" * 50_000)
    outbox.put(b"{}")
    await until(lambda: not outbox.size)
    assert [len(frame) for frame in line.sent] == [2, 50_000, 2]
    assert line.overflows == 0
    outbox.close()
