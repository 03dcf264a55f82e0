"""Large texts of JSON (images, long outputs), kept once each by hash, however often they are named.

What is stored of such a JSON is the JSON without them, behind a line that says where each belongs.
That line cannot be mistaken for JSON, nor made by anything that stands in one.
"""

from __future__ import annotations

import json as codec
import re
import sqlite3
from hashlib import sha256

from ..protocol.errors import StoreError

LARGE = 8_192  # bytes of a text
_MARK = b"\x01"
_TEXT = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)


def put_away(connection: sqlite3.Connection, session_id: str, json: bytes) -> bytes:
    """Return what to store for a session's JSON, its large texts being kept as blobs."""
    if len(json) < LARGE:
        return json
    rest: list[bytes] = []
    places: list[tuple[int, str]] = []  # where in the rest, and which
    done = length = 0
    for found in _TEXT.finditer(json):
        if found.end(1) - found.start(1) < LARGE:
            continue
        piece = json[done : found.start(1)]
        rest.append(piece)
        length += len(piece)
        places.append((length, _keep(connection, session_id, found.group(1))))
        done = found.end(1)
    if not places:
        return json
    rest.append(json[done:])
    return b"".join((_MARK, codec.dumps(places).encode(), b"\n", *rest))


def brought_back(connection: sqlite3.Connection, stored: bytes) -> bytes:
    """Return the JSON that was stored.

    Raises:
        StoreError: one of its blobs is gone.
    """
    if not stored.startswith(_MARK):
        return stored
    head, _, rest = stored[len(_MARK) :].partition(b"\n")
    pieces: list[bytes] = []
    done = 0
    for place, digest in codec.loads(head):
        row = connection.execute("SELECT data FROM blobs WHERE hash = ?", (digest,)).fetchone()
        if row is None:
            raise StoreError("A part of this session is missing from the store.")
        pieces += (rest[done:place], row[0])
        done = place
    return b"".join((*pieces, rest[done:]))


def drop_unused(connection: sqlite3.Connection) -> None:
    """Drop the blobs that no session names any more."""
    connection.execute(
        "DELETE FROM blobs WHERE NOT EXISTS "
        "(SELECT 1 FROM blob_uses WHERE blob_uses.hash = blobs.hash)"
    )


def _keep(connection: sqlite3.Connection, session_id: str, data: bytes) -> str:
    digest = sha256(data).hexdigest()
    connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (digest, data))
    connection.execute("INSERT OR IGNORE INTO blob_uses VALUES (?, ?)", (session_id, digest))
    return digest
