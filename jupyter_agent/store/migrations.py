"""The schema, as steps that are only ever appended to.

`user_version` counts the steps a file has seen. A file of a newer version, or one that is not
ours, is refused and never written to.
"""

from __future__ import annotations

import sqlite3

from ..protocol.errors import StoreUnavailable

# "jpag" in ASCII: tells our files from other databases.
APPLICATION_ID = 0x6A706167

_FIRST = (
    """
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        title TEXT NOT NULL,
        notebook_path TEXT,
        model TEXT NOT NULL,
        mode TEXT NOT NULL,
        effort TEXT,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        status TEXT NOT NULL
    )
    """,
    "CREATE INDEX sessions_by_owner ON sessions (owner, updated_at)",
    """
    CREATE TABLE events (
        session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        json BLOB NOT NULL,
        PRIMARY KEY (session_id, seq)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE snapshots (
        session_id TEXT PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        json BLOB NOT NULL
    )
    """,
    """
    CREATE TABLE messages (
        session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        position INTEGER NOT NULL,
        message_id TEXT NOT NULL,
        json BLOB NOT NULL,
        PRIMARY KEY (session_id, position)
    )
    """,
    """
    CREATE TABLE runs (
        session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        run_id TEXT NOT NULL,
        status TEXT,
        PRIMARY KEY (session_id, run_id)
    )
    """,
    """
    CREATE TABLE intents (
        session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        run_id TEXT NOT NULL,
        call_id TEXT NOT NULL,
        tool TEXT NOT NULL,
        arguments BLOB NOT NULL,
        status TEXT,
        result BLOB,
        PRIMARY KEY (session_id, run_id, call_id)
    )
    """,
    """
    CREATE TABLE approvals (
        approval_id TEXT PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        run_id TEXT NOT NULL,
        call_id TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        decision TEXT,
        scope TEXT,
        reason TEXT
    )
    """,
    "CREATE INDEX approvals_by_session ON approvals (session_id)",
    """
    CREATE TABLE grants (
        owner TEXT NOT NULL,
        scope TEXT NOT NULL,
        scope_id TEXT NOT NULL,
        json BLOB NOT NULL,
        PRIMARY KEY (owner, scope, scope_id, json)
    )
    """,
    """
    CREATE TABLE checkpoints (
        session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        checkpoint_id TEXT NOT NULL,
        json BLOB NOT NULL,
        PRIMARY KEY (session_id, checkpoint_id)
    )
    """,
    "CREATE TABLE blobs (hash TEXT PRIMARY KEY, data BLOB NOT NULL)",
    """
    CREATE TABLE leases (
        session_id TEXT PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
        holder TEXT,
        token INTEGER NOT NULL,
        expires REAL NOT NULL
    )
    """,
)

# What a checkpoint holds, compressed, beside what it is about: the one is listed without the other.
_CHECKPOINT_DATA = (
    """
    CREATE TABLE checkpoint_data (
        session_id TEXT NOT NULL,
        checkpoint_id TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (session_id, checkpoint_id),
        FOREIGN KEY (session_id, checkpoint_id) REFERENCES checkpoints ON DELETE CASCADE
    )
    """,
)

# Which sessions name a blob, so that it goes with the last of them.
_BLOB_USES = (
    """
    CREATE TABLE blob_uses (
        session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
        hash TEXT NOT NULL,
        PRIMARY KEY (session_id, hash)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX blob_uses_by_hash ON blob_uses (hash)",
    # Nothing ever wrote to them: what a person allowed ends with the process (decision 0009).
    "DROP TABLE approvals",
    "DROP TABLE grants",
)

# Append only: a step that was released is never changed.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _CHECKPOINT_DATA, _BLOB_USES)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the current version, whole or not at all.

    Raises:
        StoreUnavailable: it is of a newer version, or not ours. It was not changed.
    """
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may just have done it.
        for step in MIGRATIONS[_version(connection) :]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if application != APPLICATION_ID and (version or tables):
        raise StoreUnavailable(
            "The file for sessions is another program's database. It was left as it is; choose "
            "another place with the setting `JupyterAgent.store`."
        )
    if version > len(MIGRATIONS):
        raise StoreUnavailable(
            "The sessions were written by a newer version of jupyter-agent. They were left as "
            "they are; upgrade, or choose another place with the setting `JupyterAgent.store`."
        )
    return version
