"""One SQLite database, used from one thread of its own, so that the event loop never waits on disk.

`synchronous` belongs to a connection: what must survive a power cut (intents, approvals) is
written over one at FULL, text over one at NORMAL. Errors of sqlite3 leave here as
`StoreUnavailable`, with a sentence that says what to do.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..protocol.errors import StoreDamaged, StoreUnavailable
from .filesystems import is_network_path
from .migrations import migrate

T = TypeVar("T")

BUSY_MILLISECONDS = 5000

# Parts of SQLite's own sentences (error codes reach Python only from 3.11 on) and ours.
_SENTENCES = (
    ("locked", "The session database is locked by another process. Try again in a moment."),
    ("is full", "The disk is full: the session could not be saved. Free some space."),
    ("readonly", "The session database is read-only. Check the rights of its folder."),
    ("malformed", "The session database is damaged. It was left as it is."),
    ("not a database", "The file for sessions is not a database. It was left as it is."),
    ("unable to open", "The session database could not be opened. Check its folder's rights."),
    ("disk i/o", "The disk failed while the session database was used."),
)


_DAMAGED = ("malformed", "not a database")


def unavailable(error: Exception, path: Path | None) -> StoreUnavailable:
    """Translate an error of sqlite3 or of the file system."""
    text = str(error).lower()
    sentence = next(
        (ours for theirs, ours in _SENTENCES if theirs in text),
        f"The session database cannot be used: {error}.",
    )
    details = {"path": str(path)} if path is not None else None
    damaged = any(words in text for words in _DAMAGED)
    kind = StoreDamaged if damaged else StoreUnavailable
    return kind(sentence, details=details, cause=error)


class Database:
    """A database at `path`, or in memory when that is None. Open it before use, close it after."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.journal_mode = ""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jupyter-agent-store")
        self._text: sqlite3.Connection | None = None
        self._durable: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    async def open(self) -> None:
        """Open the file, creating it when it is not there, and bring its schema up to date.

        Raises:
            StoreUnavailable: it cannot be used. It was not changed.
        """
        try:
            await self._call(self._open)
        except BaseException:
            await self.aclose()
            raise

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function that only reads."""
        return await self._call(lambda: self._read(query))

    async def write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        """Run a function in one transaction; when this returns it is committed.

        With `durable` it also survives a power cut. A cancelled caller does not know whether
        the change was made; it is made whole or not at all.
        """
        return await self._call(lambda: self._write(change, durable=durable))

    async def aclose(self) -> None:
        """Close the database and end its thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    async def _call(self, job: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, job)
        except (sqlite3.Error, OSError) as error:
            raise unavailable(error, self.path) from error

    # ---- on the database's own thread ----------------------------------------------------------

    def _open(self) -> None:
        if self.path is None:
            self._text = self._durable = self._connect(":memory:")
            migrate(self._text)
            return
        _create_private(self.path)
        self._text = self._connect(str(self.path))
        # Checked before anything is changed: asking for the journal mode can already write.
        self._text.execute("SELECT count(*) FROM sqlite_master").fetchone()
        migrate(self._text)
        self.journal_mode = self._choose_journal(self._text)
        self._text.execute("PRAGMA synchronous = NORMAL")
        self._durable = self._connect(str(self.path))
        self._durable.execute("PRAGMA synchronous = FULL")
        self._identity = _identity(self.path)

    def _connect(self, name: str) -> sqlite3.Connection:
        # No implicit transactions: every one here is opened and closed by name.
        connection = sqlite3.connect(name, isolation_level=None)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _choose_journal(self, connection: sqlite3.Connection) -> str:
        assert self.path is not None
        wanted = "DELETE" if is_network_path(self.path.parent) else "WAL"
        try:
            found = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0]
        except sqlite3.OperationalError:
            found = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        return str(found)

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        if self._text is None:
            raise StoreUnavailable("The session database is closed.")
        return query(self._text)

    def _write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool) -> T:
        connection = self._durable if durable else self._text
        if connection is None:
            raise StoreUnavailable("The session database is closed.")
        self._check_in_place()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = change(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result

    def _check_in_place(self) -> None:
        """Refuse to write into a file that is no longer there: it would be lost in silence."""
        if self.path is not None and _identity(self.path) != self._identity:
            raise StoreUnavailable(
                "The session database was deleted or replaced while in use. Restart the server.",
                details={"path": str(self.path)},
            )

    def _close(self) -> None:
        for connection in {id(c): c for c in (self._durable, self._text) if c}.values():
            connection.close()
        self._text = self._durable = None


def _create_private(path: Path) -> None:
    """Make the folder (0700) and the file (0600) when they are missing; leave others alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino
