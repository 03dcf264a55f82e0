"""Events → message. The one place where text, thinking and tool calls become parts.

Provider, store, `Agent` and panel all use these rules; `labextension/src/protocol/reduce.ts`
follows them too, and a set of shared fixtures holds both to the same result. Appending is O(1):
fragments are joined once, when the parts are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .messages import (
    Message,
    MessageMeta,
    Part,
    ProviderMetadata,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    new_id,
    now,
)


@dataclass(slots=True)
class _Open:
    """A part still growing. `fixed` is what will not change any more."""

    kind: str
    fragments: list[str] = field(default_factory=list)
    closed: bool = False
    signature: str | None = None
    redacted_data: str | None = None
    provider_metadata: ProviderMetadata | None = None
    call: ToolCallPart | None = None
    fixed: Part | None = None

    def part(self) -> Part:
        if self.fixed is not None:
            return self.fixed
        text = "".join(self.fragments)
        if self.kind == "text":
            return TextPart(text=text, provider_metadata=self.provider_metadata)
        if self.kind == "thinking":
            return ThinkingPart(
                text=text,
                signature=self.signature,
                redacted_data=self.redacted_data,
                provider_metadata=self.provider_metadata,
            )
        assert self.call is not None
        if self.closed:
            return self.call
        return replace(self.call, arguments_raw=text)


class MessageBuilder:
    """Collects the events of one message.

    A text delta continues the text part before it, unless that part carries metadata (which
    closes it) or another kind of part came between. Thinking likewise, closed by `thinking_end`.
    Events of tool calls find their part by id.
    """

    def __init__(
        self,
        role: Role = "assistant",
        *,
        id: str | None = None,
        created_at: datetime | None = None,
        parts: Sequence[Part] = (),
        metadata: MessageMeta | None = None,
    ) -> None:
        self._role = role
        self._id = id
        self._created_at = created_at
        self._metadata = metadata or MessageMeta()
        self._open: list[_Open] = []
        self._calls: dict[str, _Open] = {}
        self.init_from_parts(parts)

    def init_from_parts(self, parts: Iterable[Part]) -> None:
        """Start from existing parts: what streams in next continues them (prefill, snapshot)."""
        for part in parts:
            if isinstance(part, TextPart):
                closed = part.provider_metadata is not None
                self._open.append(
                    _Open("text", [part.text], closed, provider_metadata=part.provider_metadata)
                )
            elif isinstance(part, ThinkingPart):
                closed = bool(part.signature or part.redacted_data or part.provider_metadata)
                self._open.append(
                    _Open(
                        "thinking",
                        [part.text],
                        closed,
                        part.signature,
                        part.redacted_data,
                        part.provider_metadata,
                    )
                )
            elif isinstance(part, ToolCallPart) and _is_unfinished(part):
                self.start_call(part.id, part.index, part.name)
                self.append_call(part.id, part.arguments_raw)
            else:
                self._open.append(_Open("fixed", closed=True, fixed=part))

    def append_content(self, text: str, provider_metadata: ProviderMetadata | None = None) -> None:
        """Append streamed text."""
        if not text and provider_metadata is None:
            return
        part = self._continue("text")
        part.fragments.append(text)
        if provider_metadata is not None:
            part.provider_metadata = {**(part.provider_metadata or {}), **provider_metadata}
            part.closed = True

    def append_reasoning(self, text: str) -> None:
        """Append streamed thinking."""
        if text:
            self._continue("thinking").fragments.append(text)

    def end_reasoning(
        self,
        signature: str | None = None,
        redacted_data: str | None = None,
        provider_metadata: ProviderMetadata | None = None,
    ) -> None:
        """Close the open thinking part, or add an empty one if there is something to keep."""
        last = self._open[-1] if self._open else None
        if last is None or last.kind != "thinking" or last.closed:
            if not (signature or redacted_data or provider_metadata):
                return
            last = self._continue("thinking")
        last.signature = signature
        last.redacted_data = redacted_data
        last.provider_metadata = provider_metadata
        last.closed = True

    def start_call(self, id: str, index: int, name: str) -> None:
        """Begin a tool call."""
        part = _Open(
            "tool_call", call=ToolCallPart(id=id, index=index, name=name, arguments_raw="")
        )
        self._open.append(part)
        self._calls[id] = part

    def append_call(self, id: str, json: str) -> None:
        """Append to a tool call's raw arguments."""
        if id in self._calls:
            self._calls[id].fragments.append(json)

    def end_call(self, call: ToolCallPart) -> None:
        """Set the whole tool call."""
        part = self._calls.get(call.id)
        if part is None:
            self.start_call(call.id, call.index, call.name)
            part = self._calls[call.id]
        part.call = call
        part.closed = True

    def append(self, event: Any) -> None:
        """Apply one event of either union; events that are not about content are ignored."""
        match event.type:
            case "text_delta":
                self.append_content(event.text, event.provider_metadata)
            case "thinking_delta":
                self.append_reasoning(event.text)
            case "thinking_end":
                self.end_reasoning(event.signature, event.redacted_data, event.provider_metadata)
            case "tool_call_start":
                self.start_call(event.id, event.index, event.name)
            case "tool_call_delta":
                self.append_call(event.id, event.json)
            case "tool_call_end":
                self.end_call(
                    ToolCallPart(
                        id=event.id,
                        index=event.index,
                        name=event.name,
                        arguments_raw=event.arguments_raw,
                        arguments=event.arguments,
                        parse_error=event.parse_error,
                        provider_metadata=event.provider_metadata,
                    )
                )
            case "message_end":
                self._metadata = event.metadata
            case _:
                pass

    def parts(self) -> tuple[Part, ...]:
        """Return the parts so far, a fresh tuple each time."""
        return tuple(part.part() for part in self._open)

    def build(self, metadata: MessageMeta | None = None) -> Message:
        """Return the message so far."""
        self._id = self._id or new_id("msg")
        self._created_at = self._created_at or now()
        return Message(
            id=self._id,
            role=self._role,
            parts=self.parts(),
            created_at=self._created_at,
            metadata=metadata or self._metadata,
        )

    def reset(self) -> None:
        """Forget everything but the role."""
        self._open.clear()
        self._calls.clear()
        self._id = None
        self._created_at = None
        self._metadata = MessageMeta()

    def _continue(self, kind: str) -> _Open:
        last = self._open[-1] if self._open else None
        if last is not None and last.kind == kind and not last.closed:
            return last
        part = _Open(kind)
        self._open.append(part)
        return part


def _is_unfinished(call: ToolCallPart) -> bool:
    return call.arguments is None and call.parse_error is None


def reduce_message(events: Iterable[Any], role: Role = "assistant") -> Message:
    """Fold the events of one message into it, starting from its `message_start` if there is one."""
    builder: MessageBuilder | None = None
    for event in events:
        if event.type == "message_start":
            start = event.message
            builder = MessageBuilder(
                start.role,
                id=start.id,
                created_at=start.created_at,
                parts=start.parts,
                metadata=start.metadata,
            )
            continue
        builder = builder or MessageBuilder(role)
        builder.append(event)
    return (builder or MessageBuilder(role)).build()
