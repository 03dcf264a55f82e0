"""Finding sessions by what was said in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from .database import Database

# Bounds of one search: messages read, and characters shown around what was found.
MOST_MESSAGES = 20_000
BEFORE, AFTER = 30, 90


@dataclass(frozen=True, slots=True)
class Said:
    """A session in which something was said, and the words around it."""

    session_id: str
    excerpt: str


async def search_messages(database: Database, owner: str, searched: str) -> list[Said]:
    """Return the owner's sessions of which one message holds all words, the latest first.

    The texts of prompts and answers are searched, in any case, the latest messages first;
    texts that are kept as blobs (8 KB and more) are not.

    Args:
        database: the store's.
        owner: whose sessions.
        searched: the words, separated by spaces; none finds nothing.
    """
    words = searched.lower().split()
    if not words:
        return []

    def query(connection: sqlite3.Connection) -> list[Said]:
        found: dict[str, Said] = {}
        rows = connection.execute(
            "SELECT messages.session_id, messages.json FROM sessions "
            "JOIN messages ON messages.session_id = sessions.id WHERE owner = ? "
            "ORDER BY updated_at DESC, sessions.rowid DESC, position DESC LIMIT ?",
            (owner, MOST_MESSAGES),
        )
        for session_id, stored in rows:
            if session_id in found or not _may_hold(stored, words):
                continue
            text = _text(stored)
            folded = text.lower()
            if all(word in folded for word in words):
                found[session_id] = Said(session_id, _excerpt(text, folded.find(words[0])))
        return list(found.values())

    return await database.read(query)


def _may_hold(stored: bytes, words: Sequence[str]) -> bool:
    """Look before parsing; what JSON writes in another way is left to the parser."""
    folded = stored.decode(errors="replace").lower()
    return all(word in folded or not word.isalnum() for word in words)


def _text(stored: bytes) -> str:
    try:
        # Behind its first line stands a message some of whose texts are kept elsewhere.
        message = json.loads(stored.split(b"\n", 1)[1] if stored[:1] == b"\x01" else stored)
        parts = message["parts"] if message["role"] in ("user", "assistant") else ()
        return "\n\n".join(part["text"] for part in parts if part["type"] == "text")
    except (ValueError, LookupError, TypeError):
        return ""  # a damaged message hides no other


def _excerpt(text: str, at: int) -> str:
    start, end = max(0, at - BEFORE), min(len(text), at + AFTER)
    line = " ".join(text[start:end].split())
    return ("…" if start else "") + line + ("…" if end < len(text) else "")
