"""What can still be read of a damaged database, copied into a new one. The damaged file stays."""

from __future__ import annotations

import asyncio
import os
import secrets
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
    "checkpoints",
    "checkpoint_data",
    "blobs",
    "blob_uses",
)


async def salvaged(damaged: Path) -> Path:
    """Return the database that stands in for a damaged one: what could be read of it, beside it.

    It is made once, and found again by whoever meets the same damage.

    Raises:
        StoreUnavailable: nothing at all can be read, or it cannot be made.
    """
    into = damaged.with_name(f"{damaged.stem}-salvaged{damaged.suffix}")
    if not await asyncio.to_thread(into.exists):
        # Whole before it has its name: another process may look for it.
        making = into.with_name(f".{into.name}-{secrets.token_hex(8)}")
        try:
            found = await salvage(damaged, making)
            if not found["sessions"]:
                raise StoreUnavailable("Nothing could be read of the damaged session database.")
            await asyncio.to_thread(os.replace, making, into)
        finally:
            await asyncio.to_thread(_remove, making)
    return into


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


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
