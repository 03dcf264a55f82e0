"""A Go `provider` package: flat messages, arguments as raw JSON text, media by URL or base64.

`GoProvider` is its `Provider` over any of ours.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Literal

from pydantic import AliasChoices, Field, JsonValue

from ..protocol.errors import error_from_info
from ..protocol.messages import (
    AudioPart,
    ImagePart,
    Message,
    Part,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ..protocol.models import Request, ToolDefinition
from ..protocol.provider_events import Response
from ..protocol.usage import Finish, Usage
from ..providers.base import Provider, complete
from ._memory import Memory
from ._shape import Shape, call_of, keep, only, read, restore, result_text


class Media(Shape):
    """An image or a sound."""

    URL: str = Field(default="", validation_alias=AliasChoices("URL", "url"))
    Base64: str = Field(default="", validation_alias=AliasChoices("Base64", "base64"))
    ContentType: str = Field(
        default="", validation_alias=AliasChoices("ContentType", "content_type")
    )


class ToolCall(Shape):
    """A call; `Arguments` is raw JSON."""

    ID: str = Field(default="", validation_alias=AliasChoices("ID", "id"))
    Name: str = Field(default="", validation_alias=AliasChoices("Name", "name"))
    Arguments: str = Field(default="", validation_alias=AliasChoices("Arguments", "arguments"))


class FlatMessage(Shape):
    """`provider.Message`."""

    Role: Literal["system", "user", "assistant", "tool"] = Field(
        validation_alias=AliasChoices("Role", "role")
    )
    Content: str = Field(default="", validation_alias=AliasChoices("Content", "content"))
    Images: list[Media] = Field(default=[], validation_alias=AliasChoices("Images", "images"))
    Audio: list[Media] = Field(default=[], validation_alias=AliasChoices("Audio", "audio"))
    ToolCalls: list[ToolCall] = Field(
        default=[], validation_alias=AliasChoices("ToolCalls", "tool_calls")
    )
    ToolCallID: str = Field(default="", validation_alias=AliasChoices("ToolCallID", "tool_call_id"))


class FlatUsage(Shape):
    """`provider.Usage`."""

    InputTokens: int = 0
    OutputTokens: int = 0
    TotalTokens: int = 0


class FlatToolDef(Shape):
    """`provider.ToolDef`; `Schema` is any JSON Schema."""

    Name: str
    Description: str = ""
    Schema: dict[str, JsonValue] = Field(default_factory=dict)


class FlatRequest(Shape):
    """`provider.Request`."""

    Model: str
    Messages: list[FlatMessage]
    Tools: list[FlatToolDef] = Field(default_factory=list)
    Temperature: float | None = None
    MaxTokens: int | None = None
    TopP: float | None = None
    Stop: list[str] = Field(default_factory=list)


class FlatResponse(Shape):
    """`provider.Response`; no usage when none was reported."""

    Text: str = ""
    ToolCalls: list[ToolCall] = Field(default_factory=list)
    Usage: FlatUsage | None = None


class StreamEventType(IntEnum):
    """`provider.StreamEventType`."""

    Text = 0
    ToolStart = 1
    ToolDelta = 2
    ToolEnd = 3
    Done = 4
    Error = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """`provider.StreamEvent`: only the fields of its type are set."""

    Type: StreamEventType
    Text: str = ""
    ToolCall: ToolCall | None = None
    ToolIndex: int = 0
    Error: Exception | None = None
    Response: FlatResponse | None = None


class GoProvider:
    """`provider.Provider` over any of our providers.

    Args:
        provider: what answers. It stays the caller's to close.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._memory = Memory()

    async def complete(self, request: FlatRequest | dict[str, Any]) -> FlatResponse:
        """Return a whole answer.

        Raises:
            BadFrame: the request is not of this shape.
            ProviderError: the provider refused it, or its answer broke off.
        """
        response = await complete(self._provider, self._request(request))
        return self._answer(response)

    async def stream(
        self, request: FlatRequest | dict[str, Any]
    ) -> AsyncGenerator[StreamEvent, None]:
        """Stream an answer. The last event is one `Done`, or one `Error`.

        Raises:
            BadFrame: the request is not of this shape.
        """
        kinds = StreamEventType
        async for event in self._provider.stream(self._request(request)):
            match event.type:
                case "text_delta":
                    yield StreamEvent(Type=kinds.Text, Text=event.text)
                case "tool_call_start":
                    call = ToolCall(ID=event.id, Name=event.name)
                    yield StreamEvent(Type=kinds.ToolStart, ToolCall=call, ToolIndex=event.index)
                case "tool_call_delta":
                    call = ToolCall(ID=event.id, Arguments=event.json)
                    yield StreamEvent(Type=kinds.ToolDelta, ToolCall=call, ToolIndex=event.index)
                case "tool_call_end":
                    call = ToolCall(ID=event.id, Name=event.name, Arguments=event.arguments_raw)
                    yield StreamEvent(Type=kinds.ToolEnd, ToolCall=call, ToolIndex=event.index)
                case "done":
                    yield StreamEvent(Type=kinds.Done, Response=self._answer(event.response))
                case "error":
                    yield StreamEvent(Type=kinds.Error, Error=error_from_info(event.error))
                case "thinking_delta" | "thinking_end" | "usage":
                    pass  # this shape has none; counts come with the answer

    def _request(self, data: FlatRequest | dict[str, Any]) -> Request:
        wire = read(FlatRequest, data)
        return Request(
            model=wire.Model,
            messages=self._memory.recall(from_wire_message(one) for one in wire.Messages),
            tools=tuple(from_wire_tool(tool) for tool in wire.Tools),
            temperature=wire.Temperature,
            max_tokens=wire.MaxTokens,
            top_p=wire.TopP,
            stop=tuple(wire.Stop),
        )

    def _answer(self, response: Response) -> FlatResponse:
        self._memory.note(response.message)
        kept = (TextPart, ToolCallPart)
        parts = tuple(part for part in response.message.parts if isinstance(part, kept))
        return to_wire_response(replace(response, message=replace(response.message, parts=parts)))


def from_wire_tool(data: FlatToolDef | dict[str, Any]) -> ToolDefinition:
    """Read a tool's definition."""
    wire = read(FlatToolDef, data)
    schema = wire.Schema or {"type": "object", "properties": {}}
    return ToolDefinition(name=wire.Name, description=wire.Description, parameters=schema)


def from_wire_message(data: FlatMessage | dict[str, Any]) -> Message:
    """Read one message.

    Raises:
        BadFrame: it is not of this shape.
    """
    wire = read(FlatMessage, data)
    role: Role = wire.Role
    text = (TextPart(text=wire.Content),) if wire.Content else ()
    images = tuple(
        ImagePart(media_type=media.ContentType, data=media.Base64 or None, url=media.URL or None)
        for media in wire.Images
    )
    parts: list[Part] = [*text, *images]
    if role == "tool":
        parts = [
            ToolResultPart(tool_call_id=wire.ToolCallID, tool_name="", content=(*text, *images))
        ]
    parts += [
        AudioPart(media_type=media.ContentType, data=media.Base64 or None, url=media.URL or None)
        for media in wire.Audio
    ]
    parts += _calls(wire.ToolCalls)
    message = Message(role=role, parts=tuple(parts))
    return keep(message, wire, _write(message)[0])


def to_wire_messages(message: Message) -> list[FlatMessage]:
    """Write a message: one for each result if it holds results, else one.

    Raises:
        NoPlace: it holds thinking or documents.
    """
    return [restore(message, wire) for wire in _write(message)]


def from_wire_response(data: FlatResponse | dict[str, Any]) -> Response:
    """Read a whole answer.

    Raises:
        BadFrame: it is not of this shape.
    """
    wire = read(FlatResponse, data)
    text = (TextPart(text=wire.Text),) if wire.Text else ()
    usage = None
    if wire.Usage is not None:
        usage = Usage(
            input=wire.Usage.InputTokens,
            output=wire.Usage.OutputTokens,
            total=wire.Usage.TotalTokens,
        )
    message = Message(role="assistant", parts=(*text, *_calls(wire.ToolCalls)))
    finish = Finish(kind="tool_calls" if wire.ToolCalls else "stop")
    return Response(message=message, finish=finish, usage=usage)


def to_wire_response(response: Response) -> FlatResponse:
    """Write a whole answer.

    Raises:
        NoPlace: it holds thinking or media.
    """
    only(response.message, TextPart, ToolCallPart, shape="the Go provider package's answers")
    usage = response.usage
    return FlatResponse(
        Text=response.message.text,
        ToolCalls=[_call(call) for call in response.message.tool_calls],
        Usage=None
        if usage is None
        else FlatUsage(InputTokens=usage.input, OutputTokens=usage.output, TotalTokens=usage.total),
    )


def _calls(calls: list[ToolCall]) -> list[ToolCallPart]:
    return [call_of(call.ID, index, call.Name, call.Arguments) for index, call in enumerate(calls)]


def _call(call: ToolCallPart) -> ToolCall:
    return ToolCall(ID=call.id, Name=call.name, Arguments=call.arguments_raw)


def _media(part: ImagePart | AudioPart) -> Media:
    return Media(URL=part.url or "", Base64=part.data or "", ContentType=part.media_type)


def _write(message: Message) -> list[FlatMessage]:
    kinds = (TextPart, ImagePart, AudioPart, ToolCallPart, ToolResultPart)
    only(message, *kinds, shape="the Go provider package")
    own = FlatMessage(
        Role=message.role,
        Content=message.text,
        Images=[_media(part) for part in message.parts if isinstance(part, ImagePart)],
        Audio=[_media(part) for part in message.parts if isinstance(part, AudioPart)],
        ToolCalls=[_call(call) for call in message.tool_calls],
    )
    if not message.tool_results:
        return [own]
    written = [
        FlatMessage(
            Role="tool",
            Content=result_text(result),
            Images=[_media(part) for part in result.content if isinstance(part, ImagePart)],
            ToolCallID=result.tool_call_id,
        )
        for result in message.tool_results
    ]
    if message.role != "tool":
        own_parts = own.Content or own.Images or own.Audio or own.ToolCalls
        return [*written, own] if own_parts else written
    written[0].Audio = own.Audio
    written[0].ToolCalls = own.ToolCalls
    written[0].Images += own.Images
    written[0].Content += own.Content
    return written
