"""Tool calls that a server passed on as text, because it has no tool parser for the model.

`<tool_call>{"name": …, "arguments": …}</tool_call>` (Hermes, Qwen), `<function=name>…</function>`
(Llama, Qwen Coder), or the bare JSON of one call as the whole answer. A block counts only when it
stands on lines of its own, outside a code fence, is complete JSON, and names a tool that was offered;
everything else stays text. What is read as a call passes the gate like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..protocol.codec import parse_strictly
from ._assemble import Assembler

# Set in the message's metadata when calls were read from text.
CALLS_IN_TEXT = "calls_in_text"

_FENCE = "```"
_CLOSE = {"<tool_call>": "</tool_call>", "<function=": "</function>"}
_IN_THINKING = re.compile(
    r"<tool_call>.*?(?:</tool_call>|\Z)|<function=.*?(?:</function>|\Z)", re.S
)
_FUNCTION = re.compile(r"<function=([\w.-]+)>(.*?)(?:</function>)?\s*\Z", re.S)
_PARAMETER = re.compile(r"<parameter=([\w.-]+)>\n?(.*?)\n?</parameter>", re.S)
_KEYS = frozenset({"name", "arguments", "parameters", "type", "id"})
_MAX_HELD = 1 << 20  # characters; what is longer is no tool call
_MAX_THINKING = 1 << 16  # characters of thinking that are looked through at the end


class TextCalls:
    """Stands before an assembler: passes text and thinking on, and turns calls in text into calls."""

    def __init__(self, assembler: Assembler, offered: Mapping[str, str]) -> None:
        """Take where events go, and the tools that may be called: name on the wire → our name."""
        self._assembler = assembler
        self._offered = offered
        self._held = ""
        self._thinking = ""
        self._close: str | None = None  # the end of the block that is open
        self._whole = False  # whether the answer may be the bare JSON of one call
        self._mid_line = False
        self._fenced = False
        self._passed = False  # whether any visible text was passed on
        self._calls = 0

    def text(self, text: str) -> None:
        """Take a piece of text."""
        self._held += text
        self._advance(last=False)

    def thinking(self, text: str) -> None:
        """Take a piece of thinking; it is shown as it is."""
        self._thinking = (self._thinking + text)[-_MAX_THINKING:]
        self._assembler.thinking(text)

    def end_thinking(self) -> None:
        """Close the thinking block."""
        self._assembler.end_thinking()

    def finish(self, *, cut: bool) -> None:
        """Give out what was held back: the answer has ended. `cut`: at a limit, so no call is whole."""
        if cut:
            held, self._held = self._held, ""
            self._pass(held)
            return
        self._advance(last=True)
        if not self._passed and not self._calls:
            for block in _IN_THINKING.findall(self._thinking):
                self._call(block)

    def _advance(self, *, last: bool) -> None:
        while self._held:
            if len(self._held) > _MAX_HELD:
                self._close, self._whole = None, False
                self._pass(self._held)
                self._held = ""
            elif self._whole:
                if not last:
                    return
                self._take_block(len(self._held))
            elif self._close is not None:
                end = self._held.find(self._close)
                if not last and (end < 0 or "\n" not in self._held[end:]):
                    return  # what follows on its line decides
                self._take_block(len(self._held) if end < 0 else end + len(self._close))
            elif not self._next_line(last=last):
                return

    def _next_line(self, *, last: bool) -> bool:
        """Pass one line on, or open a block; returns False when more must come to decide."""
        line, end, rest = self._held.partition("\n")
        start = line.lstrip()
        if not self._mid_line and self._fenced and not (end or last) and _FENCE.startswith(start):
            return False
        if not self._mid_line and not self._fenced:
            opener = next((tag for tag in _CLOSE if start.startswith(tag)), None)
            if opener is not None:
                self._close = _CLOSE[opener]
                return True
            if not self._passed and start.startswith("{"):
                self._whole = True
                return True
            if not (end or last) and any(tag.startswith(start) for tag in (*_CLOSE, _FENCE)):
                return False
        if not self._mid_line and start.startswith(_FENCE):
            self._fenced = not self._fenced
        self._pass(line + end)
        self._mid_line = not end
        self._held = rest
        return True

    def _take_block(self, size: int) -> None:
        """Read a block as a call, or pass it on as the text it is."""
        block, self._held = self._held[:size], self._held[size:]
        self._close, self._whole = None, False
        after = self._held.partition("\n")[0].strip()
        if after or not self._call(block):
            self._pass(block)
            self._mid_line = True

    def _pass(self, text: str) -> None:
        self._passed = self._passed or bool(text.strip())
        self._assembler.text(text)

    def _call(self, block: str) -> bool:
        found = _read(block.strip())
        if found is None or found[0] not in self._offered:
            return False
        name, arguments = found
        key = ("text", self._calls)
        self._calls += 1
        self._assembler.extra[CALLS_IN_TEXT] = True
        self._assembler.call(
            key, name=self._offered[name], arguments=json.dumps(arguments, ensure_ascii=False)
        )
        self._assembler.end_call(key)
        return True


def _read(block: str) -> tuple[str, dict[str, Any]] | None:
    """Return the name and the arguments of a call written as text; None when it is not one."""
    inner = block.removeprefix("<tool_call>").removesuffix("</tool_call>").strip()
    function = _FUNCTION.match(inner)
    if function is not None:
        return _read_function(function[1], function[2].strip())
    value = parse_strictly(inner)
    if not isinstance(value, dict) or not set(value) <= _KEYS:
        return None
    name, arguments = value.get("name"), value.get("arguments", value.get("parameters"))
    if isinstance(arguments, str):
        arguments = parse_strictly(arguments)
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    return name, arguments


def _read_function(name: str, body: str) -> tuple[str, dict[str, Any]] | None:
    if not body:
        return name, {}
    value = parse_strictly(body)
    if isinstance(value, dict):
        return name, value
    parameters = dict(_PARAMETER.findall(body))
    return (name, parameters) if parameters and not _PARAMETER.sub("", body).strip() else None
