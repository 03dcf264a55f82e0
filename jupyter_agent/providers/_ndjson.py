"""Newline-delimited JSON: bytes in pieces of any size → the JSON text of each line."""

from __future__ import annotations

from ._lines import MAX_LINE, MAX_STREAM, LineSplitter


class NdjsonFramer:
    """Bytes → lines that are not blank. `frames` counts them: signs of life."""

    def __init__(self, *, max_line: int = MAX_LINE, max_stream: int = MAX_STREAM) -> None:
        self._lines = LineSplitter(max_line=max_line, max_stream=max_stream)
        self.frames = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that this piece completes.

        Raises:
            ParseFailed: a line or the stream is larger than allowed.
        """
        lines = self._lines.feed(chunk)
        self.frames += len(lines)
        return [line for line in lines if line.strip()]

    def flush(self) -> list[bytes]:
        """Return a last line without its end, if there is one."""
        rest = self._lines.flush()
        return [rest] if rest.strip() else []
