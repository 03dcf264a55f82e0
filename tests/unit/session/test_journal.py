"""The journal: numbered without gaps, resumed without doubling, written through trouble."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_agent.protocol.errors import StoreUnavailable
from jupyter_agent.protocol.session_events import Notice
from jupyter_agent.session import journal as journal_module
from jupyter_agent.session.journal import Journal


class MemoryStore:
    """Keeps events by number; refuses a number it was not told to expect."""

    def __init__(self):
        self.events = {}
        self.broken = False
        self.snapshots = []

    async def append_events(self, session_id, first_seq, events):
        await asyncio.sleep(0)
        if self.broken:
            raise StoreUnavailable("The disk is full. Free some space.")
        for seq, event in enumerate(events, first_seq):
            assert seq not in self.events, "an event was written twice"
            self.events[seq] = event

    async def put_snapshot(self, session_id, seq, json, **more):
        self.snapshots.append((seq, json))


def note(number):
    return Notice(level="info", text=str(number))


def texts(frame):
    return [event.text for event in frame.events]


async def test_events_are_numbered_written_and_shown_in_order():
    store = MemoryStore()
    journal = Journal("s", store)
    seen = []
    _, detach = journal.attach(lambda seq, event, data: seen.append((seq, event.text)), None)
    for number in range(1, 6):
        journal.emit(note(number))
    await journal.flush()
    detach()
    journal.emit(note(6))
    await journal.aclose()
    assert seen == [(number, str(number)) for number in range(1, 6)]
    assert sorted(store.events) == list(range(1, 7))


async def test_who_comes_back_gets_what_was_missed_and_nothing_twice():
    journal = Journal("s", MemoryStore())
    for number in range(1, 11):
        journal.emit(note(number))
    first, _ = journal.attach(lambda *event: None, 7)
    assert first.type == "events" and first.seq == 8
    assert texts(first) == ["8", "9", "10"]
    upto, _ = journal.attach(lambda *event: None, 10)
    assert upto.type == "events" and upto.seq == 11 and upto.events == ()
    await journal.aclose()


@pytest.mark.parametrize("after", [None, 3, 999])
async def test_who_is_too_far_behind_or_ahead_gets_a_snapshot(after):
    journal = Journal("s", MemoryStore(), seq=5)
    journal.emit(note("x"))
    first, _ = journal.attach(lambda *event: None, after)
    assert first.type == "snapshot" and first.seq == 6
    assert [entry.text for entry in first.transcript.entries] == ["x"]
    await journal.aclose()


async def test_a_store_in_trouble_is_said_once_and_nothing_is_lost():
    store = MemoryStore()
    store.broken = True
    journal = Journal("s", store)
    said = asyncio.Event()
    shown = []

    def watch(seq, event, data):
        shown.append(event.text)
        if "disk is full" in event.text:
            said.set()

    journal.attach(watch, None)
    journal.emit(note(1))
    await asyncio.wait_for(said.wait(), 5)
    store.broken = False
    journal.emit(note(2))
    await journal.flush()
    await journal.aclose()
    assert sum("disk is full" in text for text in shown) == 1
    assert sorted(store.events) == [1, 2, 3]


async def test_a_checkpoint_holds_everything_up_to_its_number():
    store = MemoryStore()
    journal = Journal("s", store)
    journal.emit(note(1))
    await journal.checkpoint()
    assert store.events and store.snapshots[0][0] == 1
    assert b'"1"' in store.snapshots[0][1]
    await journal.aclose()


def test_the_kept_events_are_bounded():
    assert journal_module.KEPT_EVENTS <= 10_000


async def test_events_with_much_in_them_are_not_kept_by_number_alone(monkeypatch):
    monkeypatch.setattr(journal_module, "KEPT_BYTES", 10_000)
    journal = Journal("s", MemoryStore())
    journal.attach(lambda *event: None, None)
    for _ in range(20):
        journal.emit(Notice(level="info", text="x" * 2_000))
    first, _ = journal.attach(lambda *event: None, 18)
    assert len(first.events) == 2
    first, _ = journal.attach(lambda *event: None, 3)
    assert first.type == "snapshot"
    await journal.aclose()


async def test_a_snapshot_is_written_once_there_is_as_much_new_as_it_is_large():
    store = MemoryStore()
    journal = Journal("s", store)
    journal.emit(Notice(level="info", text="x" * 5_000))
    await journal.tidy()
    for number in range(400):
        journal.emit(note(number))
        await journal.tidy()
    written = sum(len(json) for _, json in store.snapshots)
    assert 1 < len(store.snapshots) < 5
    assert written < 4 * sum(len(event) for event in store.events.values())
    await journal.aclose()
