"""What all shapes share: strict models, and the keeping of what ours has no place for.

Where two foreign values mean the same to us (null or "" as content), the one that came in is kept
in the message's metadata, beside the value we would write. Export gives it back as long as we
would still write that value: a message that was changed since says what it says now.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from ..protocol.codec import from_data, parse_arguments, to_data
from ..protocol.errors import BadFrame
from ..protocol.messages import Message, ToolCallPart, ToolResultPart, extract_text

_KEPT = "imported"

S = TypeVar("S", bound="Shape")


class Shape(BaseModel):
    """Base of the foreign types: unknown fields are refused, since they would be lost."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class NoPlace(BadFrame):
    """A shape has no field for something a message holds; it is refused rather than dropped."""

    code = "no_place"


def read(kind: type[S], data: S | dict[str, Any]) -> S:
    """Return foreign data as its model.

    Raises:
        BadFrame: it is not of this shape.
    """
    found = data if isinstance(data, kind) else from_data(kind, data)
    assert isinstance(found, kind)
    return found


def keep(message: Message, original: Shape, written: Shape) -> Message:
    """Note in the metadata where `original` differs from what we would write."""
    came, ours = original.model_dump(mode="json"), written.model_dump(mode="json")
    differing = {name: [ours[name], came[name]] for name in came if ours[name] != came[name]}
    if not differing:
        return message
    extra: dict[str, Any] = {
        **(message.metadata.extra or {}),
        _KEPT: {type(original).__module__: differing},
    }
    return replace(message, metadata=replace(message.metadata, extra=extra))


def restore(message: Message, written: S) -> S:
    """Put back what `keep` noted, where we would still write what we would have written then."""
    kept: Any = (message.metadata.extra or {}).get(_KEPT)
    differing = kept.get(type(written).__module__, {}) if isinstance(kept, dict) else {}
    ours = written.model_dump(mode="json")
    changed = {name: came for name, (wrote, came) in differing.items() if ours[name] == wrote}
    return type(written).model_validate({**ours, **changed}) if changed else written


def call_of(id: str, index: int, name: str, arguments: Any, **more: Any) -> ToolCallPart:
    """Make a call of arguments that came as text or as a value."""
    raw = arguments if isinstance(arguments, str) else to_text(arguments)
    parsed, fault = parse_arguments(raw)
    return ToolCallPart(
        id=id,
        index=index,
        name=name,
        arguments_raw=raw,
        arguments=parsed,
        parse_error=fault,
        **more,
    )


def to_text(value: Any) -> str:
    """Write a JSON value as text, names in the order they came."""
    import json

    return json.dumps(value, ensure_ascii=False)


def call_arguments(call: ToolCallPart) -> dict[str, Any]:
    """Return a call's arguments as an object.

    Raises:
        NoPlace: they are not JSON, and this shape takes nothing else.
    """
    if call.arguments is None:
        raise NoPlace(f"The arguments of the call {call.id} are not whole: {call.parse_error}.")
    found: dict[str, Any] = to_data(dict[str, Any], call.arguments)
    return found


def result_text(result: ToolResultPart) -> str:
    """Return a result's text, marked as an error for shapes that have no field for it."""
    text = extract_text(tuple(result.content))
    marked = not result.is_error or text.lower().startswith("error")
    return text if marked else f"Error: {text}"


def only(message: Message, *kinds: type, shape: str) -> None:
    """Refuse a message with parts of other kinds than these.

    Raises:
        NoPlace: it has one.
    """
    for part in message.parts:
        if not isinstance(part, kinds):
            raise NoPlace(f"Messages of {shape} cannot hold a part of type {part.type}.")
