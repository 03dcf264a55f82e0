"""Two processes on one store: what one did the other takes in, and neither writes over it (R48)."""

from __future__ import annotations

import asyncio
import sqlite3
import time

import pytest
from session_rig import Model, manager_of, of, say, start

from jupyter_agent.protocol.codec import from_json
from jupyter_agent.protocol.errors import SessionBusy, SessionUnreadable
from jupyter_agent.protocol.messages import ImagePart, Message
from jupyter_agent.protocol.session_events import Notice
from jupyter_agent.providers.replay import Say, Wait
from jupyter_agent.runtime import sessions as sessions_module
from jupyter_agent.session import follow
from jupyter_agent.store.sessions import open_store


def texts(messages):
    return [message.text for message in messages if message.role != "system"]


async def stored(manager, session):
    store = await manager.store()
    return texts([from_json(Message, data) for data in await store.messages(session.id)])


async def test_a_run_begins_with_what_another_process_did_meanwhile(tmp_path):
    mine = Model([Say("from A")])
    async with (
        manager_of(tmp_path, first=mine) as here,
        manager_of(tmp_path, first=Model([Say("from B")])) as there,
    ):
        session, events = await start(here)
        snapshots = []
        session.journal.attach(lambda *event: None, session.journal.seq, snapshots.append)
        await say(session, "one")
        await say(await there.get(session.id, owner="me"), "two")
        await say(session, "three")
        whole = ["one", "from A", "two", "from B", "three", "from A"]
        assert texts(mine.requests[-1].messages) == whole[:-1]
        assert texts(session.history) == whole == await stored(here, session)
        shown = session.journal.transcript.entries
        assert texts(entry.message for entry in shown if entry.type == "message") == whole
        assert [event.status for event in of(events, "run_end")] == ["done", "done"]
        (snapshot,) = snapshots
        assert len(snapshot.transcript.entries) == 4, "people see it before the prompt is shown"
        kept = session.id
    async with manager_of(tmp_path, first=mine) as later:
        assert texts((await later.get(kept, owner="me")).history) == whole


async def test_what_is_set_while_another_process_has_gone_on_is_kept_as_well(tmp_path):
    async with (
        manager_of(tmp_path, first=Model([Say("a")])) as here,
        manager_of(tmp_path, first=Model([Say("b")])) as there,
    ):
        session, _ = await start(here)
        await say(session, "one")
        await say(await there.get(session.id, owner="me"), "two")
        await session.configure(title="Mine")
        for _ in range(100):
            if len(session.history) == 4 and not session.journal._pending:
                break
            await asyncio.sleep(0.02)
        assert session.journal.transcript.title == "Mine" and len(session.history) == 4
        await session.journal.flush()
        other = await there.get(session.id, owner="me")
        first, detach = await other.attach(lambda *event: None, None)
        detach()
        assert first.transcript.title == "Mine"


async def test_one_session_that_cannot_be_closed_keeps_no_other_open(tmp_path):
    async with manager_of(tmp_path, first=Model([Say("a")])) as manager:
        one, _ = await start(manager)
        other, _ = await start(manager)
        await (await manager.store()).delete_session(one.id)
        for session in (one, other):
            session.journal.emit(Notice(level="info", text="late"))
    store = await open_store(tmp_path / "sessions.db")
    assert len(await store.events_after(other.id, 0)) == 1
    await store.aclose()


# -- at work elsewhere -----------------------------------------------------------------------------


async def test_a_process_that_starts_beside_one_at_work_does_not_wait_and_shows_how_it_goes_on(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(follow, "RENEW_EVERY", 0.05)
    working = Model([Wait(60), Say("never")])
    async with (
        manager_of(tmp_path, first=working) as there,
        manager_of(tmp_path, first=Model([Say("b")])) as here,
    ):
        busy = [(await start(there))[0] for _ in range(2)]
        for session in busy:
            await session.prompt("work")
        began = time.monotonic()
        await here.start()
        session = await here.get(busy[0].id, owner="me")
        assert time.monotonic() - began < 2, "it waits for nobody's lease"
        assert session.status == "running"
        await session.attach(lambda *event: None, None)
        await busy[0].stop()
        for _ in range(200):
            if not session.journal.transcript.running:
                break
            await asyncio.sleep(0.05)
        assert session.status == "idle"
        assert session.journal.transcript.entries[-1].status == "stopped"
        with pytest.raises(SessionBusy):
            await (await here.get(busy[1].id, owner="me")).put_in_order()


# -- what cannot be read ---------------------------------------------------------------------------


async def test_a_session_that_cannot_be_read_keeps_nobody_from_the_others(tmp_path):
    async with manager_of(tmp_path, first=Model([Say("hi")])) as manager:
        bad, _ = await start(manager)
        await say(bad, "one")
        good, _ = await start(manager)
        await say(good, "two")
    database = sqlite3.connect(tmp_path / "sessions.db")
    newer = (bad.id, 10_000, b'{"type":"event_of_a_newer_version"}')
    database.execute("INSERT INTO events VALUES (?, ?, ?)", newer)
    database.execute("UPDATE runs SET status = NULL")
    database.commit()
    database.close()
    async with manager_of(tmp_path, first=Model([Say("hi")])) as manager:
        await manager.start()
        found = await manager.get(good.id, owner="me")
        assert found.interrupted
        with pytest.raises(SessionUnreadable, match="cannot be read"):
            await manager.get(bad.id, owner="me")
        assert {row.id for row in await manager.sessions(owner="me")} == {bad.id, good.id}
        await manager.delete(bad.id, owner="me")


# -- what is written and kept ----------------------------------------------------------------------


async def test_an_image_is_written_once_and_small_prompts_write_little(tmp_path):
    image = ImagePart(media_type="image/png", data="A" * 1_000_000)
    async with manager_of(tmp_path, first=Model([Say("hi")])) as manager:
        session, _ = await start(manager)
        await say(session, "look", [image])
        for _ in range(10):
            await say(session, "small")
        kept, held = session.id, session.history[0]
    database = sqlite3.connect(tmp_path / "sessions.db")
    size = sum(
        database.execute(f"SELECT coalesce(sum(length({column})), 0) FROM {table}").fetchone()[0]
        for table, column in [("events", "json"), ("messages", "json"), ("snapshots", "json")]
    )
    (stored,) = database.execute("SELECT sum(length(data)) FROM blobs").fetchone()
    database.close()
    assert stored == 1_000_000 and size < 100_000
    async with manager_of(tmp_path, first=Model([Say("hi")])) as manager:
        session = await manager.get(kept, owner="me")
        assert session.history[0] == held
        assert session.journal.transcript.entries[0].message == held


async def test_a_session_that_nobody_uses_is_let_go_of_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sessions_module, "UNLOAD_AFTER", 0.05)
    async with manager_of(tmp_path, first=Model([Say("hi")])) as manager:
        await manager.start()
        made = {}
        for name in ("used", "watched", "auto"):
            made[name] = await manager.create(owner="me", model="first")
            session = await manager.get(made[name].id, owner="me")
            await say(session, name)
            if name == "watched":
                session.journal.attach(lambda *event: None, None)
            if name == "auto":
                await session.configure(mode="auto")
        for _ in range(100):
            if made["used"].id not in manager._sessions:
                break
            await asyncio.sleep(0.02)
        assert {made["watched"].id, made["auto"].id} == set(manager._sessions)
        again = await manager.get(made["used"].id, owner="me")
        assert texts(again.history) == ["used", "hi"]
        await say(again, "and again")
