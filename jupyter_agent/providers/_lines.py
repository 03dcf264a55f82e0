"""Bytes in pieces of any size → whole lines, in linear time and bounded memory."""

from __future__ import annotations

from ..protocol.errors import ParseFailed

MAX_LINE = 1 << 20
MAX_STREAM = 64 << 20
_BOM = b"\xef\xbb\xbf"


class LineSplitter:
    """Splits at LF, CRLF and CR. A byte order mark before the first line is dropped."""

    def __init__(self, *, max_line: int = MAX_LINE, max_stream: int = MAX_STREAM) -> None:
        self._max_line = max_line
        self._max_stream = max_stream
        self._total = 0
        self._tail = bytearray()
        self._skip_lf = False
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that this piece completes, without their ends.

        Raises:
            ParseFailed: a line or the whole stream is larger than allowed.
        """
        self._total += len(chunk)
        if self._total > self._max_stream:
            raise _too_long("The answer", self._max_stream)
        if self._skip_lf and chunk:
            self._skip_lf = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        returns = b"\r" in chunk
        if self._tail:
            if not returns and b"\n" not in chunk:
                self._hold(chunk)
                return []
            chunk = bytes(self._tail) + chunk
            self._tail.clear()
        if returns:
            lines = chunk.splitlines()
            whole = chunk.endswith((b"\n", b"\r"))
            self._skip_lf = chunk.endswith(b"\r")
            rest = b"" if whole else lines.pop()
        else:
            lines = chunk.split(b"\n")
            rest = lines.pop()
        if rest:
            self._hold(rest)
        if len(chunk) > self._max_line and max(map(len, lines), default=0) > self._max_line:
            raise _too_long("A line of the answer", self._max_line)
        if self._first and lines:
            self._first = False
            lines[0] = lines[0].removeprefix(_BOM)
        return lines

    def flush(self) -> bytes:
        """Return what is left when the stream has ended: a line without its end."""
        rest = bytes(self._tail)
        self._tail.clear()
        return rest.removeprefix(_BOM) if self._first else rest

    def _hold(self, piece: bytes) -> None:
        self._tail += piece
        if len(self._tail) > self._max_line:
            raise _too_long("A line of the answer", self._max_line)


def _too_long(what: str, limit: int) -> ParseFailed:
    return ParseFailed(
        f"{what} is longer than {limit >> 20} MiB, so it was stopped. Try again, or check that "
        "the address belongs to a model server."
    )
