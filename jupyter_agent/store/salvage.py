"""What can still be read of a damaged database, copied into a new one. The damaged file stays."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..protocol.errors import StoreUnavailable
from .database import Database, unavailable

# Sessions first: everything else refers to them.
_TABLES = (
    "sessions",
    "messages",
    "snapshots",
    "events",
    "runs",
    "intents",
    "approvals",
    "grants",
    "checkpoints",
    "checkpoint_data",
    "blobs",
)


async def salvage(damaged: Path, into: Path) -> dict[str, int]:
    """Copy every readable row of `damaged` into a new database; returns how many, by table.

    Raises:
        StoreUnavailable: `into` exists already, or nothing at all can be read.
    """
    if await asyncio.to_thread(into.exists):
        raise StoreUnavailable(f"There is a file at {into} already; choose another place.")
    database = Database(into)
    await database.open()
    try:
        return await database.write(lambda connection: _copy(damaged, connection), durable=True)
    finally:
        await database.aclose()


def _copy(damaged: Path, target: sqlite3.Connection) -> dict[str, int]:
    # Read from a copy, its log included: looking at a database can already change it.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "damaged.db"
        try:
            for suffix in ("", "-wal"):
                part = damaged.with_name(damaged.name + suffix)
                if suffix == "" or part.exists():
                    shutil.copyfile(part, copy.with_name(copy.name + suffix))
            source = sqlite3.connect(copy)
            try:
                return {table: _copy_table(source, target, table) for table in _TABLES}
            finally:
                source.close()
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error, damaged) from error


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> int:
    copied = 0
    for row in _readable_rows(source, table):
        marks = ", ".join("?" * len(row))
        try:
            cursor = target.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)
        except sqlite3.IntegrityError:
            continue  # its session could not be read
        copied += cursor.rowcount
    return copied


def _readable_rows(source: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    """Read a table from both ends: damage in the middle hides only what lies behind it."""
    keys = [row[1] for row in source.execute(f"PRAGMA table_info({table})") if row[5]]
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{key} {direction}" for key in keys)
        try:
            yield from source.execute(f"SELECT * FROM {table} ORDER BY {order}")
        except sqlite3.DatabaseError:
            continue
        return
