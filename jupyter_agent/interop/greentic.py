"""The Rust crate greentic-llm: text and images; a tool's result is JSON in the text.

`GreenticProvider` is its `LlmProvider` over any of our providers.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import Field, JsonValue, field_validator, model_serializer

from ..protocol.codec import from_data
from ..protocol.errors import (
    AgentError,
    BadFrame,
    ConnectionFailed,
    ParseFailed,
    ProviderError,
    StreamInterrupted,
    TimedOut,
    UnsupportedCapability,
    error_from_info,
)
from ..protocol.messages import ImagePart, Message, Part, TextPart, ToolCallPart, ToolResultPart
from ..protocol.models import Capabilities, Request, ToolDefinition
from ..protocol.provider_events import Response
from ..protocol.usage import Finish, FinishKind
from ..providers.base import Provider, complete
from ._memory import Memory
from ._shape import (
    NoPlace,
    Shape,
    call_of,
    keep,
    only,
    read,
    restore,
    result_text,
    to_text,
)

RustRole = Literal["System", "User", "Assistant", "Tool"]

_ROLES: dict[str, RustRole] = {
    "system": "System",
    "user": "User",
    "assistant": "Assistant",
    "tool": "Tool",
}
_FINISH: dict[str, FinishKind] = {
    "Stop": "stop",
    "ToolCalls": "tool_calls",
    "Length": "length",
    "ContentFilter": "content_filter",
}


class ChatImage(Shape):
    """An image as base64."""

    data_base64: str
    media_type: str

    @field_validator("data_base64")
    @classmethod
    def _no_prefix(cls, value: str) -> str:
        if value.startswith("data:"):
            raise ValueError("base64 without the data: prefix is expected")
        return value


class ChatMessage(Shape):
    """One message. No images are an empty list, which is left out in JSON."""

    role: RustRole
    content: str
    images: list[ChatImage] = Field(default_factory=list)

    @field_validator("role", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return _ROLES.get(value, value) if isinstance(value, str) else value


class ToolDef(Shape):
    """A tool as offered."""

    name: str
    description: str
    schema_: dict[str, JsonValue] = Field(alias="schema")


class ToolCall(Shape):
    """A call; the arguments may be any JSON value."""

    id: str
    name: str
    arguments: JsonValue


class ToolEnvelope(Shape):
    """What stands as JSON in the text of a `Tool` message."""

    tool_call_id: str
    name: str = ""
    content: str = ""
    is_error: bool = False

    @model_serializer
    def _brief(self) -> dict[str, Any]:
        whole = {"tool_call_id": self.tool_call_id, "name": self.name, "content": self.content}
        return {**whole, "is_error": True} if self.is_error else whole


# A finish reason: a variant's name, or `{"Other": word}`.
FinishReason = str | dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request. `tool_choice` is "auto", "required", "none" or a tool's name."""

    messages: list[ChatMessage]
    tools: list[ToolDef] = field(default_factory=list)
    tool_choice: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatResponse:
    """One whole answer."""

    content: str
    tool_calls: list[ToolCall]
    finish_reason: FinishReason


@dataclass(frozen=True, slots=True)
class TextChunk:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStart:
    """A call begins."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallArgs:
    """More of a call's arguments, as JSON text."""

    id: str
    args_delta: str


@dataclass(frozen=True, slots=True)
class ToolCallEnd:
    """A call is whole, its arguments parsed."""

    id: str
    args: JsonValue


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is whole."""

    finish_reason: FinishReason


StreamEvent = TextChunk | ToolCallStart | ToolCallArgs | ToolCallEnd | Done


class LlmError(Exception):
    """An error as the crate names it: `kind` is the variant, `status` and `body` those of Status."""

    def __init__(self, kind: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.body = message if kind == "Status" else None


class GreenticProvider:
    """`LlmProvider` over any of our providers.

    Its messages hold no calls: an answer's calls are remembered, and put before their results.

    Args:
        provider: what answers. It stays the caller's to close.
        model: the model it is asked for.
    """

    def __init__(self, provider: Provider, model: str) -> None:
        self._provider = provider
        self._model = model
        self._memory = Memory()

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do."""
        return self._provider.capabilities

    @property
    def provider_name(self) -> str:
        """The provider's stable name."""
        return self._provider.name

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Return a whole answer.

        Raises:
            LlmError: the provider refused it, or its answer broke off.
        """
        try:
            response = await complete(self._provider, self._request(request))
        except ProviderError as error:
            raise _llm_error(error) from error
        return self._answer(response)

    async def chat_stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """Stream an answer; the last event is `Done`.

        Raises:
            LlmError: the provider refused it, or its answer broke off.
        """
        async for event in self._provider.stream(self._request(request)):
            match event.type:
                case "text_delta":
                    yield TextChunk(event.text)
                case "tool_call_start":
                    yield ToolCallStart(event.id, event.name)
                case "tool_call_delta":
                    yield ToolCallArgs(event.id, event.json)
                case "tool_call_end":
                    call = call_of(event.id, event.index, event.name, event.arguments_raw)
                    yield ToolCallEnd(event.id, to_wire_call(call).arguments)
                case "done":
                    yield Done(self._answer(event.response).finish_reason)
                case "error":
                    raise _llm_error(error_from_info(event.error))
                case "thinking_delta" | "thinking_end" | "usage":
                    pass  # the crate has none

    def _request(self, request: ChatRequest) -> Request:
        return Request(
            model=self._model,
            messages=self._memory.recall(from_wire_message(one) for one in request.messages),
            tools=tuple(from_wire_tool(tool) for tool in request.tools),
            tool_choice=request.tool_choice,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
        )

    def _answer(self, response: Response) -> ChatResponse:
        self._memory.note(response.message)
        return ChatResponse(
            content=response.message.text,
            tool_calls=[to_wire_call(call) for call in response.message.tool_calls],
            finish_reason=to_wire_finish(response.finish),
        )


def _llm_error(error: AgentError) -> LlmError:
    words = error.user_message
    match error:
        case UnsupportedCapability():
            return LlmError("UnsupportedCapability", words)
        case ParseFailed():
            return LlmError("Parse", words)
        case ProviderError(status=int(status)):
            return LlmError("Status", words, status=status)
        case ConnectionFailed() | TimedOut() | StreamInterrupted():
            return LlmError("Transport", words)
        case _:
            return LlmError("Other", words)


def from_wire_message(data: ChatMessage | dict[str, Any]) -> Message:
    """Read one message.

    Raises:
        BadFrame: it is not of this shape.
    """
    wire = read(ChatMessage, data)
    images = tuple(
        ImagePart(media_type=image.media_type, data=image.data_base64) for image in wire.images
    )
    parts: tuple[Part, ...] = (*((TextPart(text=wire.content),) if wire.content else ()), *images)
    if wire.role == "Tool":
        envelope = _envelope(wire.content)
        text = (TextPart(text=envelope.content),) if envelope.content else ()
        parts = (
            ToolResultPart(
                tool_call_id=envelope.tool_call_id,
                tool_name=envelope.name,
                content=(*text, *images),
                is_error=envelope.is_error,
            ),
        )
    role = next(ours for ours, theirs in _ROLES.items() if theirs == wire.role)
    message = Message(role=role, parts=parts)  # type: ignore[arg-type]  # a key of _ROLES
    return keep(message, wire, _write(message)[0])


def to_wire_messages(message: Message) -> list[ChatMessage]:
    """Write a message: one for each result if it holds results, else one.

    Raises:
        NoPlace: it holds tool calls (they stand in responses only), thinking, sound, documents,
            or images by address.
    """
    return [restore(message, wire) for wire in _write(message)]


def from_wire_tool(data: ToolDef | dict[str, Any]) -> ToolDefinition:
    """Read a tool's definition."""
    wire = read(ToolDef, data)
    return ToolDefinition(name=wire.name, description=wire.description, parameters=wire.schema_)


def to_wire_tool(tool: ToolDefinition) -> ToolDef:
    """Write a tool's definition."""
    return ToolDef(name=tool.name, description=tool.description, schema=tool.parameters)


def from_wire_call(data: ToolCall | dict[str, Any], index: int = 0) -> ToolCallPart:
    """Read a call. Arguments that are no object stay as they are, with why they cannot be used."""
    wire = read(ToolCall, data)
    call = call_of(wire.id, index, wire.name, to_text(wire.arguments))
    if isinstance(wire.arguments, dict):
        return call
    # What models write by mistake is read as it is meant; what the crate says is no object is none.
    kind = type(wire.arguments).__name__
    return replace(
        call, arguments=None, parse_error=f"the arguments must be a JSON object, not {kind}"
    )


def to_wire_call(call: ToolCallPart) -> ToolCall:
    """Write a call.

    Raises:
        NoPlace: its arguments are not JSON.
    """
    try:
        arguments = json.loads(call.arguments_raw or "{}")
    except ValueError as error:
        raise NoPlace(f"The arguments of the call {call.id} are not JSON.", cause=error) from error
    return ToolCall(id=call.id, name=call.name, arguments=arguments)


def from_wire_finish(word: FinishReason) -> Finish:
    """Read a finish reason: a variant's name, or `{"Other": word}`."""
    if isinstance(word, dict):
        return Finish(kind="other", raw=word.get("Other", ""))
    return Finish(kind=_FINISH[word]) if word in _FINISH else Finish(kind="other", raw=word)


def to_wire_finish(finish: Finish) -> FinishReason:
    """Write a finish reason; what the crate has no variant for is `Other`."""
    for theirs, ours in _FINISH.items():
        if ours == finish.kind:
            return theirs
    return {"Other": finish.raw or finish.kind}


def _envelope(content: str) -> ToolEnvelope:
    """Read a tool's envelope; text that is none is the result itself."""
    try:
        found: ToolEnvelope = from_data(ToolEnvelope, json.loads(content))
    except (ValueError, RecursionError, BadFrame):
        return ToolEnvelope(tool_call_id="", content=content)
    return found


def _write(message: Message) -> list[ChatMessage]:
    only(message, TextPart, ImagePart, ToolResultPart, shape="greentic-llm")
    own = ChatMessage(
        role=_ROLES[message.role], content=message.text, images=_images(message.parts)
    )
    if not message.tool_results:
        return [own]
    if own.content or own.images:
        raise NoPlace("A tool message of greentic-llm holds one result and nothing beside it.")
    return [
        ChatMessage(
            role="Tool", content=to_text(_fill(one).model_dump()), images=_images(one.content)
        )
        for one in message.tool_results
    ]


def _fill(result: ToolResultPart) -> ToolEnvelope:
    return ToolEnvelope(
        tool_call_id=result.tool_call_id,
        name=result.tool_name,
        content=result_text(result) if not result.is_error else result.text,
        is_error=result.is_error,
    )


def _images(parts: tuple[Part, ...]) -> list[ChatImage]:
    images = [part for part in parts if isinstance(part, ImagePart)]
    if any(image.data is None for image in images):
        raise NoPlace("greentic-llm holds images as base64 only, not by address.")
    return [
        ChatImage(data_base64=image.data or "", media_type=image.media_type) for image in images
    ]
