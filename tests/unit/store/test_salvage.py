"""A damaged database: what can be read is saved, the file itself is not touched (R47)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyter_agent.protocol.errors import StoreUnavailable
from jupyter_agent.runtime.build import open_sessions
from jupyter_agent.store.rows import SessionRow
from jupyter_agent.store.salvage import salvage
from jupyter_agent.store.sessions import open_store

PAGE = 4096
SESSIONS = 40


async def filled(path: Path) -> None:
    store = await open_store(path)
    for number in range(SESSIONS):
        session_id = f"s{number:03}"
        await store.create_session(
            SessionRow(
                id=session_id,
                owner="ada",
                title=f"Title {number}",
                notebook_path=None,
                model="demo",
                mode="ask",
                effort=None,
                created_at="2026-11-20T12:00:00+00:00",
                updated_at="2026-11-20T12:00:00+00:00",
            )
        )
        await store.put_message(session_id, 0, "m", b"x" * 2000)
        await store.append_events(session_id, 1, [b"event" * 200] * 3)
    await store.aclose()


def damage(path: Path, pages: range) -> None:
    data = bytearray(path.read_bytes())
    for page in pages:
        data[page * PAGE : (page + 1) * PAGE] = b"\xde" * PAGE
    path.write_bytes(data)


@pytest.mark.R(47)
async def test_a_whole_database_is_copied_whole(tmp_path: Path) -> None:
    await filled(tmp_path / "old.db")
    found = await salvage(tmp_path / "old.db", tmp_path / "new.db")
    assert (found["sessions"], found["messages"], found["events"]) == (40, 40, 120)
    store = await open_store(tmp_path / "new.db")
    assert len(await store.list_sessions("ada")) == SESSIONS
    assert len(await store.events_after("s007", 0)) == 3
    await store.aclose()


@pytest.mark.R(47)
async def test_damage_in_the_middle_costs_only_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    await filled(path)
    pages = path.stat().st_size // PAGE
    damage(path, range(pages // 2, pages // 2 + 4))
    before = path.read_bytes()
    found = await salvage(path, tmp_path / "new.db")
    assert path.read_bytes() == before
    assert found["sessions"] >= SESSIONS // 2
    assert 0 < found["messages"] + found["events"] < SESSIONS * 4
    store = await open_store(tmp_path / "new.db")
    kept = await store.list_sessions("ada")
    assert all(row.title == f"Title {int(row.id[1:])}" for row in kept)
    await store.aclose()


@pytest.mark.R(47)
async def test_what_only_the_log_holds_is_saved_too(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    await filled(path)
    store = await open_store(path)
    await store.update_session("s000", title="Only in the log")
    await salvage(path, tmp_path / "new.db")
    await store.aclose()
    copied = await open_store(tmp_path / "new.db")
    found = await copied.session("s000")
    assert found is not None and found.title == "Only in the log"
    await copied.aclose()


@pytest.mark.R(47)
async def test_what_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "old.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await salvage(tmp_path / "old.db", tmp_path / "new.db")


async def test_nothing_is_overwritten(tmp_path: Path) -> None:
    await filled(tmp_path / "old.db")
    (tmp_path / "new.db").write_text("mine")
    with pytest.raises(StoreUnavailable, match="already"):
        await salvage(tmp_path / "old.db", tmp_path / "new.db")
    assert (tmp_path / "new.db").read_text() == "mine"


@pytest.mark.R(47)
async def test_what_can_be_read_of_a_damaged_database_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    await filled(path)
    # The index by owner: no list of sessions can be had, though all of them are there.
    page = path.read_bytes().rindex(b"ada2026") // PAGE
    damage(path, range(page, page + 1))
    before = path.read_bytes()
    store, problem = await open_sessions(path, memory_instead=False)
    assert problem is not None and "sessions-salvaged.db" in problem
    assert len(await store.list_sessions("ada")) == SESSIONS
    kept = (await store.list_sessions("ada"))[0].id
    await store.update_session(kept, title="Mine")
    await store.aclose()
    again, _ = await open_sessions(path, memory_instead=False)
    found = await again.session(kept)
    assert found is not None and found.title == "Mine", "the copy is made once"
    await again.aclose()
    assert path.read_bytes() == before


@pytest.mark.R(47)
async def test_where_nothing_can_be_read_the_server_goes_on_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    path.write_bytes(b"not a database" * 1000)
    store, problem = await open_sessions(path, memory_instead=True)
    assert store.path is None and problem is not None and "not kept" in problem
    await store.aclose()
    with pytest.raises(StoreUnavailable, match="not a database"):
        await open_sessions(path, memory_instead=False)
    assert os.listdir(tmp_path) == ["sessions.db"]
