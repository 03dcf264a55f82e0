"""Normalised events of a notebook's TypeScript provider layer, read as ours and written back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from ..protocol.codec import from_data
from ..protocol.messages import ToolCallPart, new_id
from ..protocol.provider_events import (
    Done,
    ProviderEvent,
    Response,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from ..protocol.reduce import MessageBuilder
from ..protocol.usage import Finish, FinishKind, Usage
from ._shape import Shape, call_of

_FINISH: dict[str, FinishKind] = {
    "end_turn": "stop",
    "stop": "stop",
    "STOP": "stop",
    "tool_use": "tool_calls",
    "tool_calls": "tool_calls",
    "max_tokens": "length",
    "length": "length",
    "MAX_TOKENS": "length",
    "refusal": "refusal",
    "SAFETY": "content_filter",
    "content_filter": "content_filter",
}

# The words of a model that waits for the results of its calls.
CONTINUE = frozenset(word for word, kind in _FINISH.items() if kind == "tool_calls")


class TextDeltaEvent(Shape):
    """More text."""

    type: Literal["text_delta"] = "text_delta"
    text: str


class ToolUseStart(Shape):
    """A call begins."""

    type: Literal["tool_use_start"] = "tool_use_start"
    id: str
    name: str
    metadata: dict[str, JsonValue] | None = None


class ToolInputDelta(Shape):
    """More of a call's input."""

    type: Literal["tool_input_delta"] = "tool_input_delta"
    json_: str = Field(alias="json")


class ToolUseEnd(Shape):
    """A call is whole; its input may be given here."""

    type: Literal["tool_use_end"] = "tool_use_end"
    id: str | None = None
    input: dict[str, JsonValue] | None = None


class MessageMetaEvent(Shape):
    """Token counts and why it ended. May repeat."""

    type: Literal["message_meta"] = "message_meta"
    inputTokens: int | None = None
    outputTokens: int | None = None
    stopReason: str | None = None


NormalizedEvent = Annotated[
    TextDeltaEvent | ToolUseStart | ToolInputDelta | ToolUseEnd | MessageMetaEvent,
    Field(discriminator="type"),
]


def read_events(events: Iterable[Any]) -> Iterator[ProviderEvent]:
    """Read normalised events as ours.

    Input given at a call's end wins, for the call of that id; else what was streamed is parsed.
    Metadata may repeat: what is null or empty overwrites nothing. A stream that never says why it
    ended has no `done`, and none of its calls may run.

    Raises:
        BadFrame: an event is not of this shape.
    """
    reader = _EventReader()
    for data in events:
        yield from reader.read(from_data(NormalizedEvent, data))
    yield from reader.finish()


class _EventReader:
    def __init__(self) -> None:
        self._builder = MessageBuilder()
        self._open: list[ToolCallPart] = []
        self._count = 0
        self._meta = MessageMetaEvent()

    def read(self, event: Any) -> Iterator[ProviderEvent]:
        match event.type:
            case "text_delta":
                yield self._tell(TextDelta(text=event.text))
            case "tool_use_start":
                call = call_of(
                    event.id or new_id("call"),
                    self._count,
                    event.name,
                    "",
                    provider_metadata=event.metadata,
                )
                self._count += 1
                self._open.append(call)
                yield self._tell(ToolCallStart(id=call.id, index=call.index, name=call.name))
            case "tool_input_delta":
                yield from self._input(event.json_)
            case "tool_use_end":
                yield from self._end(event)
            case _:
                told = event.model_dump(exclude_none=True, exclude={"type"})
                told = {name: value for name, value in told.items() if value != ""}
                self._meta = self._meta.model_copy(update=told)
                if self._usage() is not None:
                    yield UsageUpdate(usage=self._usage() or Usage())

    def finish(self) -> Iterator[ProviderEvent]:
        word = self._meta.stopReason
        if word is None:
            return
        while self._open:
            yield from self._end(ToolUseEnd())
        finish = Finish(kind=_FINISH.get(word, "other"), raw=word)
        response = Response(message=self._builder.build(), finish=finish, usage=self._usage())
        yield Done(response=response)

    def _input(self, json: str) -> Iterator[ProviderEvent]:
        if self._open:
            call = self._open[-1]
            raw = call.arguments_raw + json
            self._open[-1] = call_of(
                call.id, call.index, call.name, raw, provider_metadata=call.provider_metadata
            )
            yield self._tell(ToolCallDelta(id=call.id, index=call.index, json=json))

    def _end(self, event: ToolUseEnd) -> Iterator[ProviderEvent]:
        found = [call for call in self._open if event.id in (None, call.id)]
        if not found:
            return  # the end of a block that was no call
        call = found[-1]
        self._open.remove(call)
        if event.input is not None:
            call = call_of(
                call.id,
                call.index,
                call.name,
                event.input,
                provider_metadata=call.provider_metadata,
            )
        yield self._tell(
            ToolCallEnd(
                id=call.id,
                index=call.index,
                name=call.name,
                arguments_raw=call.arguments_raw,
                arguments=call.arguments,
                parse_error=call.parse_error,
                provider_metadata=call.provider_metadata,
            )
        )

    def _tell(self, event: ProviderEvent) -> ProviderEvent:
        self._builder.append(event)
        return event

    def _usage(self) -> Usage | None:
        sent, made = self._meta.inputTokens, self._meta.outputTokens
        if sent is None and made is None:
            return None
        return Usage(input=sent or 0, output=made or 0, total=(sent or 0) + (made or 0))


def to_wire_events(event: ProviderEvent) -> list[dict[str, Any]]:
    """Write one of our events as normalised ones; thinking and errors have none."""
    written: list[Shape] = []
    match event.type:
        case "text_delta":
            written = [TextDeltaEvent(text=event.text)]
        case "tool_call_start":
            written = [ToolUseStart(id=event.id, name=event.name)]
        case "tool_call_delta":
            written = [ToolInputDelta(json=event.json)]
        case "tool_call_end":
            written = [ToolUseEnd(id=event.id, input=event.arguments)]
        case "done":
            usage, finish = event.response.usage, event.response.finish
            # The provider's own word, unless it hides what we know better ("stop" with calls).
            own = finish.raw if _FINISH.get(finish.raw or "", "other") == finish.kind else None
            meta = MessageMetaEvent(stopReason=own or finish.kind)
            if usage is not None:
                counts = {"inputTokens": usage.input, "outputTokens": usage.output}
                meta = meta.model_copy(update=counts)
            written = [meta]
        case _:
            pass
    return [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in written]
