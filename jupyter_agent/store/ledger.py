"""A session's deeds: its runs, and what tools were about to do.

Intents are on disk before the call returns, also through a power cut.
"""

from __future__ import annotations

import sqlite3

from .blobs import brought_back, put_away
from .leases import Leases
from .rows import IntentRow

_INTENT = "session_id, run_id, call_id, tool, arguments, status, result"


class Ledger(Leases):
    """Runs and intents."""

    async def start_run(self, session_id: str, run_id: str) -> None:
        """Note that a run has begun."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO runs (session_id, run_id) VALUES (?, ?)", (session_id, run_id)
            )

        await self._fenced(session_id, change, durable=True)

    async def end_run(self, session_id: str, run_id: str, status: str) -> None:
        """Note how a run ended."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE runs SET status = ? WHERE session_id = ? AND run_id = ?",
                (status, session_id, run_id),
            )

        await self._fenced(session_id, change)

    async def open_runs(self, session_id: str | None = None) -> list[tuple[str, str]]:
        """Return (session, run) of runs without an end: of one session, or of all."""

        def query(connection: sqlite3.Connection) -> list[tuple[str, str]]:
            return connection.execute(
                "SELECT session_id, run_id FROM runs WHERE status IS NULL "
                "AND (:session IS NULL OR session_id = :session) ORDER BY rowid",
                {"session": session_id},
            ).fetchall()

        return await self._database.read(query)

    async def put_intent(
        self, session_id: str, run_id: str, call_id: str, tool: str, arguments: bytes
    ) -> None:
        """Note, durably, that a tool call is about to run.

        A call id counts within its run: providers reuse theirs.
        """

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO intents (session_id, run_id, call_id, tool, arguments) "
                "VALUES (?, ?, ?, ?, ?)",
                (session_id, run_id, call_id, tool, arguments),
            )

        await self._fenced(session_id, change, durable=True)

    async def finish_intent(
        self, session_id: str, run_id: str, call_id: str, result: bytes, status: str
    ) -> None:
        """Note, durably, what a call brought."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE intents SET status = ?, result = ? "
                "WHERE session_id = ? AND run_id = ? AND call_id = ?",
                (
                    status,
                    put_away(connection, session_id, result),
                    session_id,
                    run_id,
                    call_id,
                ),
            )

        await self._fenced(session_id, change, durable=True)

    async def open_intents(self, session_id: str) -> list[IntentRow]:
        """Return the calls of which nobody knows whether they ran. Never run them again unasked."""

        def query(connection: sqlite3.Connection) -> list[IntentRow]:
            rows = connection.execute(
                f"SELECT {_INTENT} FROM intents WHERE session_id = ? AND status IS NULL "
                "ORDER BY rowid",
                (session_id,),
            )
            return [_intent(connection, row) for row in rows]

        return await self._database.read(query)

    async def intent(self, session_id: str, run_id: str, call_id: str) -> IntentRow | None:
        """Return one call's intent, None when it was never about to run."""

        def query(connection: sqlite3.Connection) -> IntentRow | None:
            row = connection.execute(
                f"SELECT {_INTENT} FROM intents "
                "WHERE session_id = ? AND run_id = ? AND call_id = ?",
                (session_id, run_id, call_id),
            ).fetchone()
            return _intent(connection, row) if row is not None else None

        return await self._database.read(query)


def _intent(
    connection: sqlite3.Connection,
    row: tuple[str, str, str, str, bytes, str | None, bytes | None],
) -> IntentRow:
    *facts, result = row
    whole = None if result is None else brought_back(connection, result)
    return IntentRow(**dict(zip(IntentRow.__dataclass_fields__, (*facts, whole), strict=True)))  # type: ignore[arg-type]
