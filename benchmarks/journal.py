"""What it costs to keep a session's events, and to read them again.

Appending is compared with raw `executemany` in batches of 50 at synchronous=NORMAL, replaying with
SQLite and a JSON parser. Ratios are medians of interleaved rounds on this machine.
`python3 scripts/dev.py bench journal`
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic_core import from_json

from jupyter_agent.protocol.codec import to_json
from jupyter_agent.protocol.messages import Message
from jupyter_agent.protocol.session_events import MessageStart, MessageTextDelta, SessionEvent
from jupyter_agent.session.journal import Journal, load_journal
from jupyter_agent.store.rows import SessionRow
from jupyter_agent.store.sessions import SessionStore, open_store

APPENDED = 5_000
REPLAYED = 100_000
BATCH = 50
ROUNDS = 7
REPLAY_ROUNDS = 3
_TABLE = (
    "CREATE TABLE events (session_id TEXT, seq INTEGER, json BLOB, "
    "PRIMARY KEY (session_id, seq)) WITHOUT ROWID"
)


def events(count: int) -> list[SessionEvent]:
    """Return the events of answers of a hundred pieces each."""
    made: list[SessionEvent] = []
    while len(made) < count:
        message = Message(role="assistant", parts=())
        made.append(MessageStart(message=message))
        made += [MessageTextDelta(message_id=message.id, text=f" word {at}") for at in range(99)]
    return made[:count]


async def new_store(folder: Path) -> SessionStore:
    store = await open_store(folder / "sessions.db")
    when = "2026-11-26T12:00:00+00:00"
    row = SessionRow(
        id="s",
        owner="ada",
        title="",
        notebook_path=None,
        model="demo",
        mode="ask",
        effort=None,
        created_at=when,
        updated_at=when,
    )
    await store.create_session(row)
    return store


def raw_connection(folder: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(_TABLE)
    return connection


def raw_append(connection: sqlite3.Connection, written: list[bytes]) -> None:
    for at in range(0, len(written), BATCH):
        rows = [("s", at + n, json) for n, json in enumerate(written[at : at + BATCH])]
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")


async def append(store: SessionStore, written: list[bytes]) -> None:
    for at in range(0, len(written), BATCH):
        await store.append_events("s", at + 1, written[at : at + BATCH])


async def timed(work: Callable[[], Awaitable[object] | None]) -> float:
    started = time.perf_counter()
    doing = work()
    if doing is not None:
        await doing
    return time.perf_counter() - started


async def appending() -> bool:
    made = events(APPENDED)
    written = [to_json(SessionEvent, event) for event in made]
    times: dict[str, list[float]] = {"raw": [], "store": [], "write": [], "emit": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            connection = raw_connection(Path(folder))
            store = await new_store(Path(folder))
            times["raw"].append(await timed(lambda: raw_append(connection, written)))  # noqa: B023
            times["store"].append(await timed(lambda: append(store, written)))  # noqa: B023
            times["write"].append(await timed(lambda: write_all(made)))
            journal = Journal("s", store, seq=APPENDED)
            times["emit"].append(await timed(lambda: emit_all(journal, made)))  # noqa: B023
            await journal.aclose()
            await store.aclose()
            connection.close()
    each = {name: statistics.median(row) / APPENDED * 1e6 for name, row in times.items()}
    ratio, total = each["store"] / each["raw"], each["store"] + each["write"]
    print(f"raw executemany, batches of {BATCH}       {each['raw']:8.2f} µs an event   x1")
    print(f"our store, the same batches         {each['store']:8.2f} µs an event   x{ratio:.2f}")
    print(f"… with writing the JSON             {total:8.2f} µs an event")
    print(f"emit: numbered, written, transcript {each['emit']:8.2f} µs an event")
    kept = ratio <= 1.5 and total <= 4
    print(f"aim: x1.5 and 4 µs      {'kept' if kept else 'MISSED'}")
    return kept


def write_all(made: list[SessionEvent]) -> None:
    for event in made:
        to_json(SessionEvent, event)


def emit_all(journal: Journal, made: list[SessionEvent]) -> None:
    for event in made:
        journal.emit(event)


async def replaying() -> bool:
    written = [to_json(SessionEvent, event) for event in events(REPLAYED)]
    times: dict[str, list[float]] = {"raw": [], "ours": []}
    with tempfile.TemporaryDirectory() as folder:
        store = await new_store(Path(folder))
        for at in range(0, REPLAYED, 5_000):
            await store.append_events("s", at + 1, written[at : at + 5_000])
        connection = sqlite3.connect(Path(folder) / "sessions.db")
        for _ in range(REPLAY_ROUNDS):
            times["raw"].append(await timed(lambda: raw_replay(connection)))
            times["ours"].append(await timed(lambda: load_journal(store, "s")))
        connection.close()
        await store.aclose()
    raw, ours = (statistics.median(times[name]) for name in ("raw", "ours"))
    print(f"\nreplay of {REPLAYED} events: sqlite + parser {raw:.2f} s, ours {ours:.2f} s", end="")
    print(f"   x{ours / raw:.2f}\naim: x1.2      {'kept' if ours <= 1.2 * raw else 'MISSED'}")
    return ours <= 1.2 * raw


def raw_replay(connection: sqlite3.Connection) -> None:
    for (json,) in connection.execute(
        "SELECT json FROM events WHERE session_id = 's' ORDER BY seq"
    ):
        from_json(json)


async def measure() -> int:
    kept = [await appending(), await replaying()]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(measure()))
