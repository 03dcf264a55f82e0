"""Messages of a notebook's TypeScript provider layer: text or blocks. Its events: `notebook_events.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import JsonValue

from ..protocol.codec import from_data
from ..protocol.errors import BadFrame
from ..protocol.messages import Message, Part, Role, TextPart, ToolCallPart, ToolResultPart, new_id
from ._shape import NoPlace, Shape, call_arguments, call_of, keep, only, restore, to_text


class ContentBlock(Shape):
    """A piece of text, or a call; `metadata` is opaque and goes back unchanged."""

    type: Literal["text", "tool_use"]
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, JsonValue] | None = None
    metadata: dict[str, JsonValue] | None = None


class InternalMessage(Shape):
    """One message; the system prompt travels apart from these."""

    role: Literal["user", "assistant", "tool_result"]
    content: str | list[ContentBlock]


class ToolResult(Shape):
    """The result of one call."""

    toolUseId: str
    toolName: str | None = None
    content: str
    isError: bool | None = None


def from_wire_message(data: InternalMessage | dict[str, Any]) -> Message:
    """Read one message.

    Raises:
        BadFrame: it is not of this shape.
    """
    wire = data if isinstance(data, InternalMessage) else from_data(InternalMessage, data)
    assert isinstance(wire, InternalMessage)
    role: Role = "tool" if wire.role == "tool_result" else wire.role
    parts: tuple[Part, ...]
    if isinstance(wire.content, str):
        parts = _results(wire.content) if role == "tool" else ()
        parts = parts or ((TextPart(text=wire.content),) if wire.content else ())
    else:
        parts = tuple(_part(block, index) for index, block in enumerate(wire.content))
    message = Message(role=role, parts=parts)
    return keep(message, wire, _write(message))


def to_wire_message(message: Message) -> InternalMessage:
    """Write a message; results become a JSON list of `ToolResult` in its text.

    Raises:
        NoPlace: it is a system message, or holds anything but text, calls and results.
    """
    return restore(message, _write(message))


def from_wire_results(results: Iterable[ToolResult | dict[str, Any]]) -> Message:
    """Read the results of one turn as one message.

    Raises:
        BadFrame: one is not of this shape.
    """
    wires = [one if isinstance(one, ToolResult) else from_data(ToolResult, one) for one in results]
    return Message(role="tool", parts=tuple(_result(wire) for wire in wires))


def to_wire_results(message: Message) -> list[ToolResult]:
    """Write a message's results.

    Raises:
        NoPlace: a result holds an image.
    """
    for result in message.tool_results:
        if not all(isinstance(part, TextPart) for part in result.content):
            raise NoPlace(f"The result of {result.tool_call_id} holds more than text.")
    return [
        ToolResult(
            toolUseId=one.tool_call_id,
            toolName=one.tool_name or None,
            content=one.text,
            isError=one.is_error or None,
        )
        for one in message.tool_results
    ]


def _part(block: ContentBlock, index: int) -> Part:
    if block.type == "text":
        return TextPart(text=block.text or "", provider_metadata=block.metadata)
    return call_of(
        block.id or new_id("call"),
        index,
        block.name or "",
        block.input or {},
        provider_metadata=block.metadata,
    )


def _block(part: Part) -> ContentBlock:
    if isinstance(part, ToolCallPart):
        return ContentBlock(
            type="tool_use",
            id=part.id,
            name=part.name,
            input=call_arguments(part),
            metadata=part.provider_metadata,
        )
    assert isinstance(part, TextPart)
    return ContentBlock(type="text", text=part.text, metadata=part.provider_metadata)


def _result(wire: ToolResult) -> ToolResultPart:
    return ToolResultPart(
        tool_call_id=wire.toolUseId,
        tool_name=wire.toolName or "",
        content=(TextPart(text=wire.content),) if wire.content else (),
        is_error=bool(wire.isError),
    )


def _results(content: str) -> tuple[Part, ...]:
    """Read a text that is a list of results; nothing when it is any other text."""
    try:
        wires = from_data(list[ToolResult], json.loads(content))
    except (ValueError, RecursionError, BadFrame):
        return ()
    return tuple(_result(wire) for wire in wires)


def _write(message: Message) -> InternalMessage:
    if message.role == "system":
        raise NoPlace("The notebook layer carries the system prompt apart from its messages.")
    only(message, TextPart, ToolCallPart, ToolResultPart, shape="the notebook layer")
    role = message.role
    if message.tool_results:
        if len(message.tool_results) != len(message.parts):
            raise NoPlace("Results of the notebook layer stand alone in their message.")
        results = [one.model_dump(exclude_none=True) for one in to_wire_results(message)]
        return InternalMessage(role="tool_result", content=to_text(results))
    plain = len(message.parts) <= 1 and all(
        isinstance(part, TextPart) and part.provider_metadata is None for part in message.parts
    )
    content = message.text if plain else [_block(part) for part in message.parts]
    return InternalMessage(role="tool_result" if role == "tool" else role, content=content)
