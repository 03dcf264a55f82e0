"""The session store: everything a conversation needs to survive a restart.

`SessionStore` is one object over four small ones: sessions here, words in `journal.py`, deeds in
`ledger.py`, who may write in `leases.py`. JSON goes in and out as bytes.
"""

from __future__ import annotations

import sqlite3
from dataclasses import fields
from pathlib import Path

from ..protocol.errors import StoreError
from .blobs import drop_unused
from .database import Database
from .journal import Journal
from .leases import unknown_session
from .ledger import Ledger
from .rows import SessionRow
from .search import Said, search_messages

_COLUMNS = tuple(field.name for field in fields(SessionRow) if field.name != "messages")
_CHANGEABLE = frozenset(_COLUMNS) - {"id", "owner", "created_at"}
_SELECT = (
    f"SELECT {', '.join(_COLUMNS)}, "
    "(SELECT count(*) FROM messages WHERE session_id = sessions.id) FROM sessions"
)
# Whether a path is `:path`, or lies in that folder.
_AT = "({0} = :path OR substr({0}, 1, length(:path) + 1) = :path || '/')"
_CHECKPOINT_PATH = "json_extract(CAST(json AS TEXT), '$.path')"


class SessionStore(Journal, Ledger):
    """Sessions and all that belongs to them. Any method may raise `StoreUnavailable`."""

    @property
    def path(self) -> Path | None:
        """The file, None when the store is in memory and ends with the process."""
        return self._database.path

    async def create_session(self, row: SessionRow) -> None:
        """Store a new session."""
        values = tuple(getattr(row, name) for name in _COLUMNS)
        marks = ", ".join("?" * len(_COLUMNS))

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"INSERT INTO sessions ({', '.join(_COLUMNS)}) VALUES ({marks})", values
            )

        await self._database.write(change)

    async def session(self, session_id: str) -> SessionRow | None:
        """Return a session, None when there is none of that id."""

        def query(connection: sqlite3.Connection) -> SessionRow | None:
            row = connection.execute(f"{_SELECT} WHERE id = ?", (session_id,)).fetchone()
            return _row(row) if row is not None else None

        return await self._database.read(query)

    async def list_sessions(self, owner: str, notebook_path: str | None = None) -> list[SessionRow]:
        """Return an owner's sessions, of one notebook or of all, the latest first."""

        def query(connection: sqlite3.Connection) -> list[SessionRow]:
            rows = connection.execute(
                f"{_SELECT} WHERE owner = :owner AND (:path IS NULL OR notebook_path = :path) "
                "ORDER BY updated_at DESC, rowid DESC",
                {"owner": owner, "path": notebook_path},
            )
            return [_row(row) for row in rows]

        return await self._database.read(query)

    async def search(self, owner: str, query: str) -> list[Said]:
        """Return an owner's sessions in which all words of a query were said, the latest first."""
        return await search_messages(self._database, owner, query)

    async def sessions_at(self, owner: str, path: str) -> list[SessionRow]:
        """Return an owner's sessions that belong to a notebook, or to one in a folder of that
        path, and those that have noted changes of such a notebook.
        """

        def query(connection: sqlite3.Connection) -> list[SessionRow]:
            rows = connection.execute(
                f"{_SELECT} WHERE owner = :owner AND ({_AT.format('notebook_path')} OR id IN "
                f"(SELECT session_id FROM checkpoints WHERE {_AT.format(_CHECKPOINT_PATH)})) "
                "ORDER BY rowid",
                {"owner": owner, "path": path},
            )
            return [_row(row) for row in rows]

        return await self._database.read(query)

    async def update_session(self, session_id: str, **changes: str | None) -> None:
        """Change some of a session's fields.

        Raises:
            UnknownSession: there is no such session.
            StoreError: a field that does not exist or never changes.
        """
        wrong = set(changes) - _CHANGEABLE
        if wrong:
            raise StoreError(f"A session's {', '.join(sorted(wrong))} cannot be changed.")
        if not changes:
            return
        names = ", ".join(f"{name} = ?" for name in changes)

        def change(connection: sqlite3.Connection) -> None:
            cursor = connection.execute(
                f"UPDATE sessions SET {names} WHERE id = ?", (*changes.values(), session_id)
            )
            if cursor.rowcount == 0:
                raise unknown_session(session_id)

        await self._database.write(change)

    async def delete_session(self, session_id: str) -> None:
        """Delete a session with everything that belongs to it.

        Raises:
            SessionBusy: another process works on it.
            UnknownSession: there is no such session.
        """

        def change(connection: sqlite3.Connection) -> None:
            cursor = connection.execute("DELETE FROM sessions WHERE id = ?", (session_id,))
            if cursor.rowcount == 0:
                raise unknown_session(session_id)
            drop_unused(connection)

        await self._fenced(session_id, change)
        self._tokens.pop(session_id, None)

    async def aclose(self) -> None:
        """Close the store."""
        await self._database.aclose()


async def open_store(path: Path | None) -> SessionStore:
    """Open the store at `path`, or one in memory when that is None.

    Raises:
        StoreDamaged: the list of sessions cannot be read; some of it may be salvaged.
        StoreUnavailable: the file cannot be used. It was left as it is; the caller may go on
            with a store in memory and say so.
    """
    database = Database(path)
    await database.open()
    try:
        await database.read(_look_through)
    except BaseException:
        await database.aclose()
        raise
    return SessionStore(database)


def _look_through(connection: sqlite3.Connection) -> None:
    """Read the sessions whole, table and index: damage there would hide all of them."""
    # Not `count(*)`, which does not look at what it counts.
    connection.execute("SELECT sum(length(title)) FROM sessions NOT INDEXED").fetchone()
    connection.execute(
        "SELECT sum(length(owner)) FROM sessions INDEXED BY sessions_by_owner"
    ).fetchone()


def _row(values: tuple[object, ...]) -> SessionRow:
    return SessionRow(**dict(zip((*_COLUMNS, "messages"), values, strict=True)))  # type: ignore[arg-type]
