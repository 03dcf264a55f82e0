"""The session store: what goes in comes out, deletes cascade, grants and approvals settle once."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from jupyter_agent.protocol.errors import (
    StoreConflict,
    StoreError,
    StoreUnavailable,
    UnknownSession,
)
from jupyter_agent.store.migrations import APPLICATION_ID, MIGRATIONS
from jupyter_agent.store.rows import SessionRow
from jupyter_agent.store.sessions import SessionStore, open_store


def a_session(session_id: str = "s1", **changes: str | None) -> SessionRow:
    values: dict[str, str | None] = {
        "id": session_id,
        "owner": "ada",
        "title": "Penguins",
        "notebook_path": "penguins.ipynb",
        "model": "demo",
        "mode": "ask",
        "effort": None,
        "created_at": "2026-11-20T12:00:00+00:00",
        "updated_at": "2026-11-20T12:00:00+00:00",
        **changes,
    }
    return SessionRow(**values)  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "file"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    path = tmp_path / "data" / "sessions.db" if request.param == "file" else None
    opened = await open_store(path)
    yield opened
    await opened.aclose()


async def test_a_session_comes_back_as_it_was_stored(store: SessionStore) -> None:
    row = a_session(effort="high")
    await store.create_session(row)
    assert await store.session("s1") == row
    assert await store.session("other") is None


async def test_sessions_are_found_by_what_was_said_in_them(store: SessionStore) -> None:
    def message(role: str, text: str) -> bytes:
        part = {"type": "text", "text": text}
        return json.dumps({"role": role, "parts": [part]}, ensure_ascii=False).encode()

    await store.create_session(a_session("old", updated_at="2026-01-01T00:00:00+00:00"))
    await store.create_session(a_session("new"))
    await store.create_session(a_session("hers", owner="eve"))
    said = "x " * 100 + 'The Größe of a Gentoo\'s "bill" is text of ' + "y " * 100
    await store.put_message("old", 0, "m0", message("user", said))
    await store.put_message("new", 0, "m0", message("assistant", "a gentoo"))
    await store.put_message("new", 1, "m1", b"not a message, but gentoo")
    await store.put_message("new", 2, "m2", message("tool", "size 4 gentoo secret"))
    await store.put_message("hers", 0, "m0", message("user", "Gentoo, her own"))

    async def ids(query: str) -> list[str]:
        return [found.session_id for found in await store.search("ada", query)]

    assert await ids("GENTOO") == ["new", "old"]
    assert await ids("gentoo größe") == ["old"]
    assert await ids('gentoo\'s "bill"') == ["old"]
    assert await ids("role") == await ids("secret") == await ids("adelie") == await ids(" ") == []
    (found,) = await store.search("ada", "größe")
    assert found.excerpt.startswith("…x x") and "The Größe of a Gentoo" in found.excerpt
    assert len(found.excerpt) <= 122


async def test_sessions_are_listed_by_owner_and_notebook_latest_first(store: SessionStore) -> None:
    await store.create_session(a_session("old", updated_at="2026-01-01T00:00:00+00:00"))
    await store.create_session(a_session("new"))
    await store.create_session(a_session("elsewhere", notebook_path="other.ipynb"))
    await store.create_session(a_session("theirs", owner="bob"))
    listed = await store.list_sessions("ada", "penguins.ipynb")
    assert [row.id for row in listed] == ["new", "old"]
    assert {row.id for row in await store.list_sessions("ada")} == {"new", "old", "elsewhere"}


async def test_only_fields_that_may_change_change(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.update_session("s1", title="Body mass", effort="low")
    found = await store.session("s1")
    assert found is not None
    assert (found.title, found.effort) == ("Body mass", "low")
    with pytest.raises(StoreError):
        await store.update_session("s1", owner="mallory")
    with pytest.raises(UnknownSession):
        await store.update_session("s2", title="x")


async def test_events_follow_their_numbers(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.append_events("s1", 1, [b"1", b"2", b"3"])
    await store.append_events("s1", 4, [b"4"])
    assert await store.events_after("s1", 2) == [(3, b"3"), (4, b"4")]
    assert await store.events_after("s1", 0, limit=2) == [(1, b"1"), (2, b"2")]
    assert await store.last_seq("s1") == 4


async def test_a_number_is_never_given_twice(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.append_events("s1", 1, [b"1"])
    with pytest.raises(StoreError):
        await store.append_events("s1", 1, [b"another", b"2"])
    assert await store.events_after("s1", 0) == [(1, b"1")]


async def test_the_same_events_again_change_nothing(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.append_events("s1", 1, [b"1", b"2"])
    await store.append_events("s1", 1, [b"1", b"2", b"3"])
    assert [seq for seq, _ in await store.events_after("s1", 0)] == [1, 2, 3]


async def test_a_snapshot_stands_for_the_events_pruned_with_it(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.append_events("s1", 1, [b"1", b"2", b"3"])
    await store.put_snapshot("s1", 2, b"whole")
    assert await store.snapshot("s1") == (2, b"whole")
    assert await store.events_after("s1", 0) == [(3, b"3")]
    await store.put_snapshot("s1", 3, b"whole")
    assert await store.last_seq("s1") == 3
    with pytest.raises(StoreConflict):
        await store.append_events("s1", 2, [b"late"])


async def test_an_older_snapshot_does_not_replace_a_newer_one(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.put_snapshot("s1", 9, b"new")
    await store.put_snapshot("s1", 4, b"old")
    assert await store.snapshot("s1") == (9, b"new")


async def test_a_message_is_replaced_by_itself_alone(store: SessionStore) -> None:
    await store.create_session(a_session())
    for position, text in enumerate([b"a", b"b", b"c"]):
        await store.put_message("s1", position, f"m{position}", text)
    await store.put_message("s1", 1, "m1", b"B")
    assert await store.messages("s1") == [b"a", b"B", b"c"]
    found = await store.session("s1")
    assert found is not None and found.messages == 3
    with pytest.raises(StoreConflict):
        await store.put_message("s1", 1, "another", b"x")
    assert await store.messages("s1") == [b"a", b"B", b"c"]
    assert await store.count_messages("s1") == 3


async def test_a_run_is_open_until_it_ends(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.start_run("s1", "r1")
    await store.start_run("s1", "r2")
    await store.end_run("s1", "r1", "done")
    assert await store.open_runs("s1") == [("s1", "r2")]
    assert await store.open_runs() == [("s1", "r2")]


@pytest.mark.R(44)
async def test_an_intent_stays_open_until_its_result_is_there(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.put_intent("s1", "r1", "call_0", "edit_cells", b"{}")
    await store.put_intent("s1", "r2", "call_0", "run_cells", b"{}")
    await store.finish_intent("s1", "r1", "call_0", b"[]", "done")
    assert [intent.tool for intent in await store.open_intents("s1")] == ["run_cells"]
    finished = await store.intent("s1", "r1", "call_0")
    assert finished is not None and (finished.status, finished.result) == ("done", b"[]")


async def test_deleting_a_session_leaves_nothing_of_it(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.append_events("s1", 1, [b"1"])
    await store.put_message("s1", 0, "m", b"a")
    await store.put_intent("s1", "r", "c", "t", b"{}")
    await store.put_checkpoint("s1", "c1", b"state")
    await store.delete_session("s1")
    assert await store.session("s1") is None
    await store.create_session(a_session())
    assert await store.events_after("s1", 0) == []
    assert await store.messages("s1") == []
    assert await store.open_intents("s1") == []
    assert await store.checkpoints("s1") == []


async def test_writing_to_a_session_that_is_not_there_says_so(store: SessionStore) -> None:
    with pytest.raises(UnknownSession):
        await store.append_events("nobody", 1, [b"1"])
    with pytest.raises(UnknownSession):
        await store.put_intent("nobody", "r", "c", "t", b"{}")
    with pytest.raises(UnknownSession):
        await store.delete_session("nobody")


def blobs(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("SELECT length(data) FROM blobs")]


async def test_a_large_text_is_kept_once_and_goes_with_the_last_session_that_names_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "blobs.db"
    store = await open_store(path)
    image, quoted = b"A" * 20_000, b'say \\"hi\\" ' * 2_000
    json = b'{"data":"' + image + b'","text":"' + quoted + b'","rest":"short"}'
    for name in ("s1", "s2"):
        await store.create_session(a_session(name))
        await store.append_events(name, 1, [json, b"{}"])
        await store.append_events(name, 1, [json, b"{}"])
        await store.put_message(name, 0, "m", json)
        await store.put_intent(name, "r", "c", "t", b"{}")
        await store.finish_intent(name, "r", "c", json, "ok")
        assert await store.events_after(name, 0) == [(1, json), (2, b"{}")]
        assert await store.messages(name) == [json]
        intent = await store.intent(name, "r", "c")
        assert intent is not None and intent.result == json
        await store.put_snapshot(name, 2, json)
        assert await store.snapshot(name) == (2, json)
    assert sorted(blobs(path)) == sorted([len(image), len(quoted)])
    await store.delete_session("s1")
    assert await store.messages("s2") == [json] and len(blobs(path)) == 2
    await store.delete_session("s2")
    assert blobs(path) == []
    await store.aclose()


async def test_nothing_in_a_conversation_can_pass_for_a_blob(store: SessionStore) -> None:
    await store.create_session(a_session())
    for number, odd in enumerate([b'{"data":"blob:0000"}', b'"\\u0001[[0,\\"00\\"]]"', b"{}"]):
        await store.put_message("s1", number, f"m{number}", odd)
    assert len(await store.messages("s1")) == 3


async def test_checkpoints_come_back_in_order(store: SessionStore) -> None:
    await store.create_session(a_session())
    await store.put_checkpoint("s1", "c1", b"1")
    await store.put_checkpoint("s1", "c2", b"2")
    await store.delete_checkpoints("s1", ["c1"])
    assert await store.checkpoints("s1") == [("c2", b"2")]


async def test_a_file_keeps_its_sessions(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    first = await open_store(path)
    await first.create_session(a_session())
    await first.append_events("s1", 1, [b"1"])
    await first.aclose()
    second = await open_store(path)
    assert await second.session("s1") == a_session()
    assert await second.events_after("s1", 0) == [(1, b"1")]
    await second.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
async def test_file_and_folder_belong_to_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "jupyter_agent" / "sessions.db"
    store = await open_store(path)
    await store.create_session(a_session())
    for made in path.parent.iterdir():
        assert stat.S_IMODE(made.stat().st_mode) == 0o600, made.name
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await store.aclose()


async def test_text_is_written_normal_and_deeds_full(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "sessions.db")

    def level(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA synchronous").fetchone()[0])

    normal, full = 1, 2
    assert await store._database.write(level) == normal
    assert await store._database.write(level, durable=True) == full
    assert store._database.journal_mode == "wal"
    await store.aclose()


@pytest.mark.R(47)
async def test_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        connection.execute("CREATE TABLE tomorrow (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="newer version"):
        await open_store(path)
    assert path.read_bytes() == before


@pytest.mark.R(47)
async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="another program"):
        await open_store(path)
    assert path.read_bytes() == before


@pytest.mark.R(47)
@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4080]
)
async def test_a_damaged_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sessions.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable, match="left as it is"):
        await open_store(path)
    assert path.read_bytes() == content


@pytest.mark.R(47)
async def test_a_place_that_cannot_be_a_file_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(StoreUnavailable):
        await open_store(tmp_path / "taken" / "sessions.db")


@pytest.mark.R(47)
@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
async def test_writing_to_a_deleted_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    store = await open_store(path)
    await store.create_session(a_session())
    os.unlink(path)
    with pytest.raises(StoreUnavailable, match="deleted"):
        await store.append_events("s1", 1, [b"1"])
    await store.aclose()


@pytest.mark.R(47)
async def test_a_lock_held_elsewhere_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    store = await open_store(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await store._database.read(lambda c: c.execute("PRAGMA busy_timeout = 1").fetchone())
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.create_session(a_session())
    other.execute("COMMIT")
    await store.create_session(a_session())
    other.close()
    await store.aclose()


async def test_a_closed_store_says_so() -> None:
    store = await open_store(None)
    await store.aclose()
    with pytest.raises((StoreUnavailable, RuntimeError)):
        await store.session("s1")


def test_no_statement_has_a_numbered_parameter() -> None:
    """Python 3.12.0 to 3.12.3 warns of `?1` with a sequence: it counts as a name there."""
    folder = Path(sys.modules[SessionStore.__module__].__file__ or "").parent
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    assert "sessions.py" in texts
    assert {name for name, text in texts.items() if re.search(r"\?\d", text)} == set()
