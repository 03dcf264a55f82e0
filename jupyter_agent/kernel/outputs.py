"""IOPub messages → nbformat outputs: streams merged, displays updated, memory bounded. Pure.

What is dropped is said where it is missing. The cost is linear in what a cell prints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

OUTPUT_MESSAGES = frozenset(
    {"stream", "display_data", "execute_result", "error", "clear_output", "update_display_data"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputLimits:
    """Bounds of what is kept of one cell, in characters (of text or base64) and in outputs."""

    stream: int = 8_000_000
    data: int = 64_000_000
    outputs: int = 5_000


class _Stream:
    """The text of one stream output: the first half of the bound, and the newest of the rest."""

    __slots__ = ("_dropped", "_head", "_head_size", "_limit", "_tail", "_tail_size", "name")

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self._limit = limit
        self._head: list[str] = []
        self._head_size = 0
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._dropped = 0

    @property
    def size(self) -> int:
        return self._head_size + self._tail_size

    def append(self, text: str) -> None:
        room = self._limit // 2 - self._head_size
        if room > 0 and not self._tail:
            self._head.append(text[:room])
            self._head_size += min(room, len(text))
            text = text[room:]
        if not text:
            return
        self._tail.append(text)
        self._tail_size += len(text)
        while self._tail_size > self._limit // 2:
            excess = self._tail_size - self._limit // 2
            first = self._tail.popleft()
            gone = min(excess, len(first))
            if gone < len(first):
                self._tail.appendleft(first[gone:])
            self._tail_size -= gone
            self._dropped += gone

    def output(self) -> dict[str, Any]:
        self._head = ["".join(self._head)]
        self._tail = deque(["".join(self._tail)] if self._tail else ())
        tail = self._tail[0] if self._tail else ""
        note = f"\n[… {self._dropped:,} characters were not kept …]\n" if self._dropped else ""
        return {
            "output_type": "stream",
            "name": self.name,
            "text": f"{self._head[0]}{note}{tail}",
        }


@dataclass(slots=True)
class OutputCollector:
    """Collects the outputs of one cell as its messages come in."""

    limits: OutputLimits = field(default_factory=OutputLimits)
    error_name: str | None = None
    _outputs: list[_Stream | dict[str, Any]] = field(default_factory=list)
    _displays: dict[str, list[int]] = field(default_factory=dict)
    _data_size: int = 0
    _dropped: int = 0
    _clear_next: bool = False

    def apply(self, kind: str, content: Mapping[str, Any]) -> bool:
        """Take in one message; returns whether the outputs changed."""
        if kind == "clear_output":
            if content.get("wait"):
                self._clear_next = True
                return False
            self._clear()
            return True
        if kind == "update_display_data":
            return self._update_display(content)
        if kind not in OUTPUT_MESSAGES:
            return False
        if self._clear_next:
            self._clear()
        if kind == "stream":
            return self._add_stream(content)
        if kind == "error":
            self._add_error(content)
            return True
        return self._add_display(kind, content)

    @property
    def size(self) -> int:
        """How much is kept, in characters."""
        streams = (output for output in self._outputs if isinstance(output, _Stream))
        return self._data_size + sum(stream.size for stream in streams)

    @property
    def has_displays(self) -> bool:
        """Whether this cell shows displays that a later cell may update."""
        return bool(self._displays)

    def has_display(self, display_id: str) -> bool:
        """Return whether this cell shows a display of that id."""
        return display_id in self._displays

    def outputs(self) -> list[dict[str, Any]]:
        """Return the outputs so far, in nbformat form."""
        found = [
            output.output() if isinstance(output, _Stream) else output for output in self._outputs
        ]
        if self._dropped:
            text = f"[{self._dropped:,} more outputs were not kept]\n"
            found.append({"output_type": "stream", "name": "stderr", "text": text})
        return found

    def _clear(self) -> None:
        self._outputs.clear()
        self._displays.clear()
        self._clear_next = False
        self._data_size = self._dropped = 0
        self.error_name = None

    def _room(self) -> bool:
        if len(self._outputs) < self.limits.outputs:
            return True
        self._dropped += 1
        return False

    def _add_stream(self, content: Mapping[str, Any]) -> bool:
        name: Literal["stdout", "stderr"]
        name = "stderr" if content.get("name") == "stderr" else "stdout"
        text = str(content.get("text", ""))
        if not text:
            return False
        last = self._outputs[-1] if self._outputs else None
        if not (isinstance(last, _Stream) and last.name == name):
            if not self._room():
                return True
            last = _Stream(name, self.limits.stream)
            self._outputs.append(last)
        last.append(text)
        return True

    def _add_error(self, content: Mapping[str, Any]) -> None:
        traceback = content.get("traceback")
        lines = [str(line) for line in traceback] if isinstance(traceback, list) else []
        self.error_name = str(content.get("ename", ""))
        # An error is kept whatever else was dropped; only its size is bounded.
        error = {
            "output_type": "error",
            "ename": self.error_name[:1_000],
            "evalue": str(content.get("evalue", ""))[: self.limits.stream // 4],
            "traceback": _bounded_lines(lines, self.limits.stream),
        }
        self._outputs.append(error)

    def _add_display(self, kind: str, content: Mapping[str, Any]) -> bool:
        if not self._room():
            return True
        output = {"output_type": kind, **self._bundle(content)}
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        display_id = _display_id(content)
        if display_id is not None:
            self._displays.setdefault(display_id, []).append(len(self._outputs))
        self._outputs.append(output)
        return True

    def _update_display(self, content: Mapping[str, Any]) -> bool:
        places = self._displays.get(_display_id(content) or "", ())
        for place in places:
            output = self._outputs[place]
            if isinstance(output, dict):
                # A new object: what was handed out before stays as it was.
                self._outputs[place] = {**output, **self._bundle(content)}
        return bool(places)

    def _bundle(self, content: Mapping[str, Any]) -> dict[str, Any]:
        data, metadata = content.get("data"), content.get("metadata")
        data = dict(data) if isinstance(data, Mapping) else {}
        size = sum(len(value) for value in data.values() if isinstance(value, str))
        if self._data_size + size > self.limits.data:
            kinds = ", ".join(str(kind) for kind in data)
            data = {"text/plain": f"[{kinds} of {size:,} characters was not kept]"}
            return {"data": data, "metadata": {}}
        self._data_size += size
        return {"data": data, "metadata": dict(metadata) if isinstance(metadata, Mapping) else {}}


def _display_id(content: Mapping[str, Any]) -> str | None:
    transient = content.get("transient")
    display_id = transient.get("display_id") if isinstance(transient, Mapping) else None
    return display_id if isinstance(display_id, str) else None


def _bounded_lines(lines: list[str], limit: int) -> list[str]:
    if sum(map(len, lines)) <= limit:
        return lines
    text = "\n".join(lines)
    half = limit // 2
    note = f"[… {len(text) - 2 * half:,} characters were not kept …]"
    return [text[:half], note, text[-half:]]
