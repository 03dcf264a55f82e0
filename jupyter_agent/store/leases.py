"""Who may write a session: one runner at a time, across processes, by leases with fencing.

A lease that ran out may be taken by another process and then carries a larger token. Each write
compares tokens in its own transaction, so a process that slept through its lease cannot write.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from ..protocol.errors import AgentError, SessionBusy, UnknownSession
from .database import Database

T = TypeVar("T")


def unknown_session(session_id: str) -> UnknownSession:
    """Return the error for a session that is not there."""
    return UnknownSession("There is no such session.", details={"session_id": session_id})


class Leases:
    """Leases on sessions, and the fenced writes that honour them."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._tokens: dict[str, int] = {}

    async def acquire_lease(
        self, session_id: str, holder: str, ttl: float, *, instead_of: str | None = None
    ) -> int:
        """Become the one writer of a session for `ttl` seconds; returns the fencing token.

        `instead_of` is a holder known to be gone: its lease is taken before it runs out. Cancelled,
        nothing is held.

        Raises:
            SessionBusy: another holder's lease has not run out; `details["holder"]` names it.
            UnknownSession: there is no such session.
        """
        taking = asyncio.ensure_future(self._take(session_id, holder, ttl, instead_of))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            # The database takes it all the same, and nobody would give it back.
            await asyncio.wait({taking})
            if taking.exception() is None:
                await self.release_lease(session_id)
            raise

    async def _take(self, session_id: str, holder: str, ttl: float, instead_of: str | None) -> int:
        now = self._clock()

        def change(connection: sqlite3.Connection) -> int:
            if not _exists(connection, session_id):
                raise unknown_session(session_id)
            row = _lease(connection, session_id)
            if row is not None and row[0] not in (None, holder, instead_of) and row[2] > now:
                raise SessionBusy(
                    "Another process works on this session now.", details={"holder": row[0]}
                )
            token = row[1] + 1 if row is not None else 1
            connection.execute(
                "INSERT INTO leases VALUES (?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE "
                "SET holder = excluded.holder, token = excluded.token, expires = excluded.expires",
                (session_id, holder, token, now + ttl),
            )
            # Here, on the database's thread: a write that follows at once must know it.
            self._tokens[session_id] = token
            return token

        before = self._tokens.get(session_id)
        try:
            return await self._database.write(change, durable=True)
        except AgentError:
            if before is None:
                self._tokens.pop(session_id, None)
            else:
                self._tokens[session_id] = before
            raise

    async def lease_holder(self, session_id: str) -> str | None:
        """Return who holds a session, None when nobody does."""
        now = self._clock()

        def query(connection: sqlite3.Connection) -> str | None:
            row = _lease(connection, session_id)
            return row[0] if row is not None and row[2] > now else None

        return await self._database.read(query)

    async def renew_lease(self, session_id: str, ttl: float) -> None:
        """Hold the lease for `ttl` more seconds.

        Raises:
            SessionBusy: another process has taken it.
        """
        expires = self._clock() + ttl

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE leases SET expires = ? WHERE session_id = ?", (expires, session_id)
            )

        await self._fenced(session_id, change)

    async def release_lease(self, session_id: str) -> None:
        """Let go of the lease, if it is still ours."""
        if session_id not in self._tokens:
            return

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE leases SET holder = NULL, expires = 0 WHERE session_id = ? AND token = ?",
                (session_id, self._tokens.pop(session_id, None)),
            )

        await self._database.write(change)

    async def _fenced(
        self,
        session_id: str,
        change: Callable[[sqlite3.Connection], T],
        *,
        durable: bool = False,
    ) -> T:
        """Make a change to a session, refused when another process has taken it over."""

        def guarded(connection: sqlite3.Connection) -> T:
            # As it is when the write's turn comes, not when it was asked for.
            token = self._tokens.get(session_id)
            row = _lease(connection, session_id)
            if row is None and token is not None:
                raise unknown_session(session_id)
            # A released lease (no holder) lets anyone without one of its own write.
            if row is not None and not (row[1] == token or (token is None and row[0] is None)):
                raise SessionBusy("Another process has taken over this session.")
            try:
                return change(connection)
            except sqlite3.IntegrityError as error:
                if "FOREIGN KEY" not in str(error):
                    raise
                raise unknown_session(session_id) from error

        return await self._database.write(guarded, durable=durable)


def _exists(connection: sqlite3.Connection, session_id: str) -> bool:
    row = connection.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id,)).fetchone()
    return row is not None


def _lease(connection: sqlite3.Connection, session_id: str) -> tuple[str | None, int, float] | None:
    row: tuple[str | None, int, float] | None = connection.execute(
        "SELECT holder, token, expires FROM leases WHERE session_id = ?", (session_id,)
    ).fetchone()
    return row
