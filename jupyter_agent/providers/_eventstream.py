"""AWS event stream: length- and CRC-framed binary messages → headers and payload.

Source: the Smithy specification of `application/vnd.amazon.eventstream`.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from ..protocol.errors import ParseFailed
from ._lines import MAX_STREAM

MAX_MESSAGE = 4 << 20
_PRELUDE = struct.Struct(">III")  # total length, headers length, CRC of both
_OVERHEAD = _PRELUDE.size + 4  # and the CRC of the whole
_FIXED = {2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # bytes of a header value by its type
_STRING, _BYTES = 7, 6
_KNOWN_BLOCKS = 64  # different header blocks remembered


class EventMessage(NamedTuple):
    """One message: its string headers (`:event-type`, `:message-type`…) and its payload."""

    headers: dict[str, str]
    payload: bytes


class EventStreamFramer:
    """Bytes → messages. `frames` counts them: signs of life."""

    def __init__(self, *, max_stream: int = MAX_STREAM) -> None:
        self._max_stream = max_stream
        self._total = 0
        self._buffer = bytearray()
        self._need = _PRELUDE.size
        # The blocks repeat from message to message; each is read once.
        self._headers: dict[bytes, dict[str, str]] = {}
        self.frames = 0

    @property
    def pending(self) -> bool:
        """Whether a message has begun and is not whole."""
        return bool(self._buffer)

    def feed(self, chunk: bytes) -> list[EventMessage]:
        """Return the messages that this piece completes.

        Raises:
            ParseFailed: a length or a checksum is wrong, or it is larger than allowed.
        """
        self._total += len(chunk)
        if self._total > self._max_stream:
            raise ParseFailed(
                f"The answer is longer than {self._max_stream >> 20} MiB, so it was stopped."
            )
        self._buffer += chunk
        if len(self._buffer) < self._need:
            return []
        messages: list[EventMessage] = []
        data = bytes(self._buffer)
        at = 0
        self._need = _PRELUDE.size
        while len(data) - at >= _PRELUDE.size:
            total, headers_length = _prelude(data, at)
            if len(data) - at < total:
                self._need = total
                break
            messages.append(self._message(data[at : at + total], headers_length))
            at += total
        del self._buffer[:at]
        self.frames += len(messages)
        return messages

    def _message(self, raw: bytes, headers_length: int) -> EventMessage:
        if zlib.crc32(raw[:-4]) != int.from_bytes(raw[-4:], "big"):
            raise _broken("the checksum of a message is wrong")
        end = _PRELUDE.size + headers_length
        block = raw[_PRELUDE.size : end]
        headers = self._headers.get(block)
        if headers is None:
            headers = _headers(block)
            if len(self._headers) < _KNOWN_BLOCKS:
                self._headers[block] = headers
        return EventMessage(headers, raw[end:-4])


def _prelude(data: bytes, at: int) -> tuple[int, int]:
    """Read the lengths of the message that begins at `at`: of the whole, and of its headers."""
    total, headers_length, checksum = _PRELUDE.unpack_from(data, at)
    if zlib.crc32(data[at : at + 8]) != checksum:
        raise _broken("the checksum of a message's start is wrong")
    if total > MAX_MESSAGE or headers_length > total - _OVERHEAD or total < _OVERHEAD:
        raise _broken("a message's length is wrong")
    return total, headers_length


def _headers(raw: bytes) -> dict[str, str]:
    """Read the header block; values that are not strings are skipped."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(raw):
            name_length = raw[at]
            name = raw[at + 1 : at + 1 + name_length].decode("utf-8", errors="replace")
            at += 1 + name_length
            kind = raw[at]
            at += 1
            if kind in (_STRING, _BYTES):
                (length,) = struct.unpack_from(">H", raw, at)
                at += 2
                if at + length > len(raw):
                    raise _broken("a header is longer than its block")
                if kind == _STRING:
                    found[name] = raw[at : at + length].decode("utf-8", errors="replace")
                at += length
            elif kind in _FIXED:
                at += _FIXED[kind]
            elif kind not in (0, 1):  # true and false have no value
                raise _broken("a header is of an unknown type")
    except (IndexError, struct.error) as error:
        raise _broken("a header is cut off") from error
    return found


def _broken(why: str) -> ParseFailed:
    return ParseFailed(f"The answer is damaged: {why}. Try again.")
