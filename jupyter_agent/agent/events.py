"""A provider's events as the loop's own: the same content, with the message it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..protocol.session_events import (
    MessageTextDelta,
    MessageThinkingDelta,
    MessageThinkingEnd,
    MessageToolCallDelta,
    MessageToolCallEnd,
    MessageToolCallStart,
    SessionEvent,
)

_SESSION_EVENTS: dict[str, Callable[..., Any]] = {
    "text_delta": MessageTextDelta,
    "thinking_delta": MessageThinkingDelta,
    "tool_call_start": MessageToolCallStart,
    "tool_call_delta": MessageToolCallDelta,
    "tool_call_end": MessageToolCallEnd,
}


def to_session_event(message_id: str, event: Any, duration: float | None) -> SessionEvent:
    """Return the event of a message for a provider's event; `duration` of a thinking block."""
    if event.type == "thinking_end":
        made: SessionEvent = MessageThinkingEnd(
            message_id=message_id,
            signature=event.signature,
            redacted_data=event.redacted_data,
            provider_metadata=event.provider_metadata,
            duration=duration,
        )
        return made
    fields = {name: getattr(event, name) for name in event.__slots__ if name != "type"}
    made = _SESSION_EVENTS[event.type](message_id=message_id, **fields)
    return made
