"""A session's words: its events by sequence number, a snapshot of them, its messages."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from ..protocol.errors import StoreConflict
from .blobs import brought_back, put_away
from .leases import Leases


class Journal(Leases):
    """Events, snapshot, messages and checkpoints."""

    async def append_events(self, session_id: str, first_seq: int, events: Sequence[bytes]) -> None:
        """Append events; the first has number `first_seq`. Each call is one commit: batch them.

        The same events again change nothing, so a caller that was cancelled may repeat itself.

        Raises:
            StoreConflict: another event already has one of the numbers, or a snapshot stands for
                it. Nothing was written.
        """

        def change(connection: sqlite3.Connection) -> None:
            rows = [
                (session_id, first_seq + i, put_away(connection, session_id, json))
                for i, json in enumerate(events)
            ]
            before = connection.total_changes
            connection.executemany(
                "INSERT INTO events VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows
            )
            missing = connection.total_changes - before != len(rows)
            if _pruned(connection, session_id, first_seq) or (
                missing and not _all_there(connection, rows)
            ):
                raise StoreConflict("Two programs numbered events of one session alike.")

        await self._fenced(session_id, change)

    async def events_after(
        self, session_id: str, seq: int, limit: int = 1000
    ) -> list[tuple[int, bytes]]:
        """Return at most `limit` events numbered above `seq`, in order."""

        def query(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            rows = connection.execute(
                "SELECT seq, json FROM events WHERE session_id = ? AND seq > ? "
                "ORDER BY seq LIMIT ?",
                (session_id, seq, limit),
            ).fetchall()
            return [(number, brought_back(connection, json)) for number, json in rows]

        return await self._database.read(query)

    async def last_seq(self, session_id: str) -> int:
        """Return the number of the last event, 0 when there is none; pruned events count."""

        def query(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                "SELECT max(coalesce((SELECT max(seq) FROM events WHERE session_id = :session), 0), "
                "coalesce((SELECT seq FROM snapshots WHERE session_id = :session), 0))",
                {"session": session_id},
            ).fetchone()
            return int(row[0])

        return await self._database.read(query)

    async def put_snapshot(self, session_id: str, seq: int, json: bytes) -> None:
        """Store the transcript as it stands after event `seq`, instead of the events up to it.

        They are dropped in the same commit: a client that is further behind gets the snapshot.
        """

        def change(connection: sqlite3.Connection) -> None:
            cursor = connection.execute(
                "INSERT INTO snapshots VALUES (?, ?, ?) ON CONFLICT (session_id) DO UPDATE "
                "SET seq = excluded.seq, json = excluded.json WHERE excluded.seq >= seq",
                (session_id, seq, put_away(connection, session_id, json)),
            )
            if cursor.rowcount:
                connection.execute(
                    "DELETE FROM events WHERE session_id = ? AND seq <= ?", (session_id, seq)
                )

        await self._fenced(session_id, change)

    async def snapshot(self, session_id: str) -> tuple[int, bytes] | None:
        """Return the stored transcript and the number of the last event in it."""

        def query(connection: sqlite3.Connection) -> tuple[int, bytes] | None:
            row: tuple[int, bytes] | None = connection.execute(
                "SELECT seq, json FROM snapshots WHERE session_id = ?", (session_id,)
            ).fetchone()
            return (row[0], brought_back(connection, row[1])) if row is not None else None

        return await self._database.read(query)

    async def put_message(
        self, session_id: str, position: int, message_id: str, json: bytes
    ) -> None:
        """Store the message at a position (from 0), anew or instead of the same one as it was.

        Raises:
            StoreConflict: another message is there. It stays.
        """

        def change(connection: sqlite3.Connection) -> None:
            cursor = connection.execute(
                "INSERT INTO messages VALUES (?, ?, ?, ?) ON CONFLICT (session_id, position) "
                "DO UPDATE SET json = excluded.json WHERE message_id = excluded.message_id",
                (session_id, position, message_id, put_away(connection, session_id, json)),
            )
            if cursor.rowcount == 0:
                raise StoreConflict("Two programs added messages to one session.")

        await self._fenced(session_id, change)

    async def messages(self, session_id: str) -> list[bytes]:
        """Return the messages in order."""

        def query(connection: sqlite3.Connection) -> list[bytes]:
            rows = connection.execute(
                "SELECT json FROM messages WHERE session_id = ? ORDER BY position", (session_id,)
            )
            return [brought_back(connection, row[0]) for row in rows]

        return await self._database.read(query)

    async def count_messages(self, session_id: str) -> int:
        """Return how many messages there are."""

        def query(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                "SELECT count(*) FROM messages WHERE session_id = ?", (session_id,)
            ).fetchone()
            return int(row[0])

        return await self._database.read(query)

    async def put_checkpoint(
        self, session_id: str, checkpoint_id: str, json: bytes, data: bytes = b""
    ) -> None:
        """Store a checkpoint, durably: what it is about, and what it holds.

        One of the same id is replaced and keeps its place.
        """

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?) "
                "ON CONFLICT (session_id, checkpoint_id) DO UPDATE SET json = excluded.json",
                (session_id, checkpoint_id, json),
            )
            connection.execute(
                "INSERT OR REPLACE INTO checkpoint_data VALUES (?, ?, ?)",
                (session_id, checkpoint_id, data),
            )

        await self._fenced(session_id, change, durable=True)

    async def checkpoint_data(self, session_id: str, checkpoint_id: str) -> bytes | None:
        """Return what a checkpoint holds, None when there is none of that id."""

        def query(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT data FROM checkpoint_data WHERE session_id = ? AND checkpoint_id = ?",
                (session_id, checkpoint_id),
            ).fetchone()
            return row[0] if row is not None else None

        return await self._database.read(query)

    async def checkpoints(self, session_id: str) -> list[tuple[str, bytes]]:
        """Return the checkpoints as (id, JSON), oldest first."""

        def query(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
            return connection.execute(
                "SELECT checkpoint_id, json FROM checkpoints WHERE session_id = ? ORDER BY rowid",
                (session_id,),
            ).fetchall()

        return await self._database.read(query)

    async def delete_checkpoints(self, session_id: str, checkpoint_ids: Iterable[str]) -> None:
        """Drop checkpoints that are no longer wanted."""
        rows = [(session_id, checkpoint_id) for checkpoint_id in checkpoint_ids]

        def change(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "DELETE FROM checkpoints WHERE session_id = ? AND checkpoint_id = ?", rows
            )

        await self._fenced(session_id, change)


def _all_there(connection: sqlite3.Connection, rows: list[tuple[str, int, bytes]]) -> bool:
    query = "SELECT 1 FROM events WHERE session_id = ? AND seq = ? AND json = ?"
    return all(connection.execute(query, row).fetchone() for row in rows)


def _pruned(connection: sqlite3.Connection, session_id: str, seq: int) -> bool:
    query = "SELECT 1 FROM snapshots WHERE session_id = ? AND seq >= ?"
    return connection.execute(query, (session_id, seq)).fetchone() is not None
