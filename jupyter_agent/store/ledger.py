"""A session's deeds: runs, what tools were about to do, what people allowed.

Intents and approvals are on disk before the call returns, also through a power cut.
"""

from __future__ import annotations

import sqlite3
from typing import Literal

from .leases import Leases
from .rows import ApprovalRow, IntentRow

GrantKind = Literal["session", "notebook"]

_INTENT = "session_id, run_id, call_id, tool, arguments, status, result"


class Ledger(Leases):
    """Runs, intents, approvals and grants."""

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
                "AND (?1 IS NULL OR session_id = ?1) ORDER BY rowid",
                (session_id,),
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
                (status, result, session_id, run_id, call_id),
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
            return [_intent(row) for row in rows]

        return await self._database.read(query)

    async def intent(self, session_id: str, run_id: str, call_id: str) -> IntentRow | None:
        """Return one call's intent, None when it was never about to run."""

        def query(connection: sqlite3.Connection) -> IntentRow | None:
            row = connection.execute(
                f"SELECT {_INTENT} FROM intents "
                "WHERE session_id = ? AND run_id = ? AND call_id = ?",
                (session_id, run_id, call_id),
            ).fetchone()
            return _intent(row) if row is not None else None

        return await self._database.read(query)

    async def put_approval(self, row: ApprovalRow) -> None:
        """Note, durably, that a person is asked."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO approvals (approval_id, session_id, run_id, call_id, fingerprint) "
                "VALUES (?, ?, ?, ?, ?)",
                (row.approval_id, row.session_id, row.run_id, row.call_id, row.fingerprint),
            )

        await self._fenced(row.session_id, change, durable=True)

    async def settle_approval(
        self,
        session_id: str,
        approval_id: str,
        decision: str,
        *,
        scope: str | None = None,
        reason: str | None = None,
    ) -> bool:
        """Settle an approval, durably; returns False when it was settled before.

        The first answer wins: a second one changes nothing.
        """

        def change(connection: sqlite3.Connection) -> bool:
            cursor = connection.execute(
                "UPDATE approvals SET decision = ?, scope = ?, reason = ? "
                "WHERE approval_id = ? AND session_id = ? AND decision IS NULL",
                (decision, scope, reason, approval_id, session_id),
            )
            return cursor.rowcount == 1

        return await self._fenced(session_id, change, durable=True)

    async def void_approvals(self, session_id: str) -> int:
        """Settle all open approvals as `cancelled` (after a restart); returns how many."""

        def change(connection: sqlite3.Connection) -> int:
            cursor = connection.execute(
                "UPDATE approvals SET decision = 'cancelled' "
                "WHERE session_id = ? AND decision IS NULL",
                (session_id,),
            )
            return cursor.rowcount

        return await self._fenced(session_id, change, durable=True)

    async def approvals(self, session_id: str) -> list[ApprovalRow]:
        """Return a session's approvals, oldest first."""

        def query(connection: sqlite3.Connection) -> list[ApprovalRow]:
            rows = connection.execute(
                "SELECT approval_id, session_id, run_id, call_id, fingerprint, decision, scope, "
                "reason FROM approvals WHERE session_id = ? ORDER BY rowid",
                (session_id,),
            )
            names = ApprovalRow.__dataclass_fields__
            return [ApprovalRow(**dict(zip(names, row, strict=True))) for row in rows]

        return await self._database.read(query)

    async def put_grant(self, owner: str, scope: GrantKind, scope_id: str, json: bytes) -> None:
        """Store, durably, what a person allowed for a session (its id) or a notebook (its path)."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR IGNORE INTO grants VALUES (?, ?, ?, ?)", (owner, scope, scope_id, json)
            )

        await self._database.write(change, durable=True)

    async def list_grants(self, owner: str, scope: GrantKind, scope_id: str) -> list[bytes]:
        """Return what a person allowed for a session or a notebook, oldest first."""

        def query(connection: sqlite3.Connection) -> list[bytes]:
            rows = connection.execute(
                "SELECT json FROM grants WHERE owner = ? AND scope = ? AND scope_id = ? "
                "ORDER BY rowid",
                (owner, scope, scope_id),
            )
            return [row[0] for row in rows]

        return await self._database.read(query)

    async def clear_grants(self, owner: str, scope: GrantKind, scope_id: str) -> None:
        """Take back, durably, everything allowed for a session or a notebook."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM grants WHERE owner = ? AND scope = ? AND scope_id = ?",
                (owner, scope, scope_id),
            )

        await self._database.write(change, durable=True)


def _intent(row: tuple[str, str, str, str, bytes, str | None, bytes | None]) -> IntentRow:
    return IntentRow(**dict(zip(IntentRow.__dataclass_fields__, row, strict=True)))  # type: ignore[arg-type]
