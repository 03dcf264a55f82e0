"""Server-sent events: bytes in pieces of any size → events (WHATWG HTML, 9.2.6).

Unlike the standard, an `error:` field is kept as an event of that name: llama.cpp reports with it.
"""

from __future__ import annotations

from ..protocol.errors import ParseFailed
from ._lines import MAX_LINE, MAX_STREAM, LineSplitter

MAX_EVENT = 4 << 20
_MAX_STRAY = 64 << 10


# One event: its name (empty unless the server gave one) and its data.
ServerEvent = tuple[str, bytes]


class SseFramer:
    """Bytes → events. `frames` counts whole lines, comments too: signs of life.

    `stray` keeps the start of what is no event at all, such as a web page or a JSON error body.
    """

    def __init__(self, *, max_line: int = MAX_LINE, max_stream: int = MAX_STREAM) -> None:
        self._lines = LineSplitter(max_line=max_line, max_stream=max_stream)
        self._name = ""
        self._data: bytes | None = None
        self._more: list[bytes] = []
        self._size = 0
        self._stray: list[bytes] = []
        self._stray_size = 0
        self.frames = 0

    @property
    def stray(self) -> bytes:
        """What came outside of any event, cut at 64 KiB."""
        return b"\n".join(self._stray)

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """Return the events that this piece completes.

        Raises:
            ParseFailed: a line, an event or the stream is larger than allowed.
        """
        lines = self._lines.feed(chunk)
        self.frames += len(lines)
        events: list[ServerEvent] = []
        for line in lines:
            if not line:
                if self._data is not None:
                    events.append(self._take())
                self._name = ""
            elif self._data is None and line.startswith(b"data: "):
                self._data = line[6:]
            elif line.startswith(b"event: "):
                self._name = line[7:].decode("utf-8", "replace")
            elif line.startswith(b"data:"):
                self._add(line[5:].removeprefix(b" "))
            elif not line.startswith(b":"):
                self._field(line, events)
        return events

    def flush(self) -> list[ServerEvent]:
        """Return what the end of the stream leaves: an event without its blank line."""
        events: list[ServerEvent] = []
        rest = self._lines.flush()
        if rest.startswith(b"data:"):
            self._add(rest[5:].removeprefix(b" "))
        elif rest and not rest.startswith(b":"):
            self._field(rest, events)
        if self._data is not None:
            events.append(self._take())
        return events

    def _add(self, value: bytes) -> None:
        if self._data is None:
            self._data = value
            return
        if not self._more:
            self._size = len(self._data)
        self._size += len(value) + 1
        if self._size > MAX_EVENT:
            raise ParseFailed(
                f"An event of the answer is larger than {MAX_EVENT >> 20} MiB, so it was stopped. "
                "Try again."
            )
        self._more.append(value)

    def _take(self) -> ServerEvent:
        data = self._data or b""
        if self._more:
            data = b"\n".join((data, *self._more))
            self._more.clear()
        self._data = None
        return self._name, data

    def _field(self, line: bytes, events: list[ServerEvent]) -> None:
        name, colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._name = value.decode("utf-8", errors="replace")
        elif name == b"error" and colon:
            events.append(("error", value))
        elif name == b"data":
            self._add(b"")
        elif name not in (b"id", b"retry") and self._stray_size < _MAX_STRAY:
            self._stray_size += len(line)
            self._stray.append(line[:_MAX_STRAY])
