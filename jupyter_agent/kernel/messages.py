"""Kernel messages as they come off a socket, bounded before they are decoded.

Follows the Jupyter messaging protocol, "The wire protocol":
https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A larger content frame is not decoded as a whole, in bytes.
LARGEST_CONTENT = 32_000_000
# Of a larger stream message, this much is kept, in bytes.
KEPT_TEXT = 8_000_000
_MESSAGE_ID = re.compile(r"(.+)_(\d+)_\d+", re.ASCII)
_STREAM = re.compile(rb'\A\s*\{\s*"name"\s*:\s*"(?P<name>\w{1,20})"\s*,\s*"text"\s*:\s*"', re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelMessage:
    """A message: its kind, the id of the request it answers, its content.

    `process` is the session and the process that sent it, where jupyter_client made its id.
    """

    kind: str
    parent_id: str
    content: Mapping[str, Any]
    process: tuple[str, str] | None = None


class BadMessage(ValueError):
    """A message that is not signed by the kernel, or cannot be decoded."""


def decode(
    session: Any,
    frames: Sequence[bytes],
    *,
    largest: int = LARGEST_CONTENT,
    kept: int = KEPT_TEXT,
) -> KernelMessage:
    """Check and decode one multipart message; content above `largest` bytes is cut to `kept`.

    `Session.deserialize` does the same and more: it parses every date, which costs more than all
    the rest of a small message.

    Raises:
        BadMessage: the signature or the JSON is wrong.
    """
    try:
        _, parts = session.feed_identities(list(frames))
        signature, header, parent, _metadata, content = parts[:5]
    except ValueError as error:
        raise BadMessage("a message without the parts of one") from error
    if session.auth is not None and not hmac.compare_digest(signature, session.sign(parts[1:5])):
        raise BadMessage("a message with a wrong signature")
    try:
        head = session.unpack(header)
        kind = head.get("msg_type", "")
        parent_id = session.unpack(parent).get("msg_id", "")
        if len(content) > largest:
            kind, body = _shortened(session, kind, content, kept)
        else:
            body = session.unpack(content)
    except (ValueError, AttributeError) as error:
        raise BadMessage("a message that is not JSON") from error
    process = _process_of(head.get("msg_id"))
    return KernelMessage(kind=kind, parent_id=parent_id, content=body, process=process)


def from_client(message: Mapping[str, Any]) -> KernelMessage:
    """Convert a message that a jupyter_client channel has decoded."""
    return KernelMessage(
        kind=message.get("msg_type") or message["header"]["msg_type"],
        parent_id=(message.get("parent_header") or {}).get("msg_id", ""),
        content=message.get("content") or {},
        process=_process_of(message.get("msg_id") or (message.get("header") or {}).get("msg_id")),
    )


def _process_of(message_id: object) -> tuple[str, str] | None:
    """Return session and process: `jupyter_client.session` makes ids of them and a number."""
    found = _MESSAGE_ID.fullmatch(message_id) if isinstance(message_id, str) else None
    return (found[1], found[2]) if found else None


def _shortened(session: Any, kind: str, content: bytes, kept: int) -> tuple[str, dict[str, Any]]:
    """Make something small of a message that is too large to decode."""
    found = _STREAM.match(content) if kind == "stream" else None
    if found is not None:
        start = found.end()
        cut = content[start : start + kept].decode("utf-8", "ignore").encode()
        escape = re.search(rb"\\(?:u[0-9a-fA-F]{0,4})?\Z", cut)
        if escape is not None and not _is_complete(cut, escape.start()):
            cut = cut[: escape.start()]
        text = session.unpack(b'"' + cut + b'"').encode("utf-8", "ignore").decode()
        note = f"\n[… the rest of {len(content):,} bytes in one message was not kept …]\n"
        return kind, {"name": found.group("name").decode(), "text": text + note}
    if kind in ("stream", "display_data", "execute_result", "update_display_data", "error"):
        text = f"[an output of {len(content):,} bytes in one message was not kept]\n"
        return "stream", {"name": "stderr", "text": text}
    return kind, {}


def _is_complete(cut: bytes, backslash: int) -> bool:
    """Return whether the text ends in a whole escape sequence."""
    before = len(cut[:backslash]) - len(cut[:backslash].rstrip(b"\\"))
    if before % 2:  # this backslash is itself escaped
        return True
    return len(cut) - backslash == 6
