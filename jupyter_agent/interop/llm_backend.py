"""A Python `LLMBackend` in the manner of OpenAI: arguments as objects, text or null.

`ProviderBackend` is one over any of our providers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import AliasChoices, Field, JsonValue, model_validator

from ..protocol.errors import error_from_info
from ..protocol.messages import (
    ImagePart,
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    now,
)
from ..protocol.models import Request, ToolDefinition
from ..protocol.provider_events import (
    Done,
    ProviderEvent,
    Response,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
)
from ..protocol.reduce import MessageBuilder
from ..protocol.usage import Finish, FinishKind, Usage
from ..providers.base import Provider, complete
from ._memory import Memory
from ._shape import NoPlace, Shape, call_arguments, call_of, keep, only, read, restore, result_text

# How base64 of each kind of image begins: this shape does not say which kind it is.
_BEGINNINGS = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
_FINISH: dict[str, FinishKind] = {"stop": "stop", "tool_calls": "tool_calls", "length": "length"}


class ToolCallRequest(Shape):
    """A call the model wants made."""

    id: str
    name: str
    arguments: dict[str, JsonValue] = Field(
        validation_alias=AliasChoices("arguments", "parameters", "input")
    )


class FunctionSchema(Shape):
    """What a model is told of a function."""

    name: str
    description: str
    parameters: dict[str, JsonValue]


class ToolSchema(Shape):
    """A tool as offered to the model."""

    type: Literal["function"] = "function"
    function: FunctionSchema


class BackendMessage(Shape):
    """`Message`: what may be set depends on the role."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    images: list[str] | None = None
    tool_calls: list[ToolCallRequest] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    created_at: datetime | None = None

    @model_validator(mode="after")
    def _by_role(self) -> BackendMessage:
        allowed = {
            "images": ("user", "assistant"),
            "tool_calls": ("assistant",),
            "tool_call_id": ("tool",),
            "name": ("tool",),
        }
        for name, roles in allowed.items():
            if getattr(self, name) is not None and self.role not in roles:
                raise ValueError(f"{name} is for {' and '.join(roles)} messages")
        return self


class LLMResponse(Shape):
    """A whole answer."""

    content: str | None
    tool_calls: list[ToolCallRequest] | None
    finish_reason: str
    thinking: str | None = None


class LLMChunk(Shape):
    """A piece of an answer; the counts come with the last."""

    delta: str | None = None
    thinking: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class LLMBackend(ABC):
    """The interface that all backends implement."""

    @abstractmethod
    async def complete(
        self,
        messages: Sequence[BackendMessage],
        tools: Sequence[ToolSchema] | None = None,
        temperature: float = 0.7,
        model: str | None = None,
    ) -> LLMResponse:
        """Return a whole answer."""

    @abstractmethod
    def stream(
        self,
        messages: Sequence[BackendMessage],
        temperature: float = 0.7,
        model: str | None = None,
    ) -> AsyncGenerator[LLMChunk, None]:
        """Stream an answer without tools."""


class ProviderBackend(LLMBackend):
    """A backend over any of our providers.

    Args:
        provider: what answers. It stays the caller's to close.
        model: asked where a call names none.
    """

    def __init__(self, provider: Provider, model: str) -> None:
        self._provider = provider
        self._model = model
        self._memory = Memory()

    async def complete(
        self,
        messages: Sequence[BackendMessage],
        tools: Sequence[ToolSchema] | None = None,
        temperature: float = 0.7,
        model: str | None = None,
    ) -> LLMResponse:
        """Return a whole answer.

        Raises:
            BadFrame: a message or a tool is not of this shape.
            ProviderError: the provider refused it, or its answer broke off.
        """
        request = self._request(messages, tools or (), temperature, model)
        response = await complete(self._provider, request)
        self._memory.note(response.message)
        return to_wire_response(response)

    async def stream(
        self,
        messages: Sequence[BackendMessage],
        temperature: float = 0.7,
        model: str | None = None,
    ) -> AsyncGenerator[LLMChunk, None]:
        """Stream an answer without tools; the last chunk says why it ended, with the counts.

        Raises:
            BadFrame: a message is not of this shape.
            ProviderError: the provider refused it, or its answer broke off.
        """
        request = self._request(messages, (), temperature, model)
        async for event in self._provider.stream(request):
            if event.type == "error":
                raise error_from_info(event.error)
            if event.type == "done":
                self._memory.note(event.response.message)
            chunk = to_wire_chunk(event)
            if chunk is not None:
                yield chunk

    def _request(
        self,
        messages: Sequence[BackendMessage],
        tools: Sequence[ToolSchema],
        temperature: float,
        model: str | None,
    ) -> Request:
        return Request(
            model=model or self._model,
            messages=self._memory.recall(from_wire_message(one) for one in messages),
            tools=tuple(from_wire_tool(tool) for tool in tools),
            temperature=temperature,
        )


def from_wire_message(data: BackendMessage | dict[str, Any]) -> Message:
    """Read one message.

    Raises:
        BadFrame: it is not of this shape.
    """
    wire = read(BackendMessage, data)
    text = (TextPart(text=wire.content),) if wire.content else ()
    parts: tuple[Part, ...] = (
        *text,
        *(ImagePart(media_type=_media_type(image), data=image) for image in wire.images or ()),
        *_calls(wire.tool_calls),
    )
    if wire.role == "tool":
        answer = ToolResultPart(
            tool_call_id=wire.tool_call_id or "", tool_name=wire.name or "", content=text
        )
        parts = (answer,)
    message = Message(role=wire.role, parts=parts, created_at=wire.created_at or now())
    return keep(message, wire, _write(message)[0])


def to_wire_messages(message: Message) -> list[BackendMessage]:
    """Write a message: one for each result if it holds results, else one.

    Raises:
        NoPlace: it holds thinking, sound, documents, images by address, or broken arguments.
    """
    return [restore(message, wire) for wire in _write(message)]


def to_wire_tool(tool: ToolDefinition) -> ToolSchema:
    """Write a tool's definition."""
    function = FunctionSchema(
        name=tool.name, description=tool.description, parameters=tool.parameters
    )
    return ToolSchema(function=function)


def from_wire_tool(data: ToolSchema | dict[str, Any]) -> ToolDefinition:
    """Read a tool's definition."""
    function = read(ToolSchema, data).function
    return ToolDefinition(
        name=function.name, description=function.description, parameters=function.parameters
    )


def from_wire_response(data: LLMResponse | dict[str, Any]) -> Response:
    """Read a whole answer.

    Raises:
        BadFrame: it is not of this shape.
    """
    wire = read(LLMResponse, data)
    parts: tuple[Part, ...] = (
        *((ThinkingPart(text=wire.thinking),) if wire.thinking else ()),
        *((TextPart(text=wire.content),) if wire.content else ()),
        *_calls(wire.tool_calls),
    )
    message = Message(role="assistant", parts=parts)
    response = Response(message=message, finish=_finish(wire.finish_reason))
    return Response(message=keep(message, wire, _write_response(response)), finish=response.finish)


def to_wire_response(response: Response) -> LLMResponse:
    """Write a whole answer.

    Raises:
        NoPlace: it holds media, or broken arguments.
    """
    return restore(response.message, _write_response(response))


def read_chunks(chunks: Iterable[LLMChunk | dict[str, Any]]) -> Iterable[ProviderEvent]:
    """Read a stream as our events. Without a last chunk that says why it ended, there is no done.

    Raises:
        BadFrame: a chunk is not of this shape.
    """
    builder = MessageBuilder()
    usage: Usage | None = None
    for data in chunks:
        wire = read(LLMChunk, data)
        if wire.thinking:
            yield _told(builder, ThinkingDelta(text=wire.thinking))
        if wire.delta:
            yield _told(builder, TextDelta(text=wire.delta))
        if wire.prompt_tokens is not None or wire.completion_tokens is not None:
            sent, made = wire.prompt_tokens or 0, wire.completion_tokens or 0
            usage = Usage(input=sent, output=made, total=sent + made)
            yield UsageUpdate(usage=usage)
        if wire.finish_reason is not None:
            finish = _finish(wire.finish_reason)
            yield Done(response=Response(message=builder.build(), finish=finish, usage=usage))
            return


def to_wire_chunk(event: ProviderEvent) -> LLMChunk | None:
    """Write an event as a chunk; None for those this shape has no chunk for."""
    match event.type:
        case "text_delta":
            return LLMChunk(delta=event.text)
        case "thinking_delta":
            return LLMChunk(thinking=event.text)
        case "done":
            usage = event.response.usage
            return LLMChunk(
                finish_reason=_word(event.response.finish),
                prompt_tokens=usage.input if usage else None,
                completion_tokens=usage.output if usage else None,
            )
        case _:
            return None


def _told(builder: MessageBuilder, event: ProviderEvent) -> ProviderEvent:
    builder.append(event)
    return event


def _finish(word: str) -> Finish:
    return Finish(kind=_FINISH.get(word, "other"), raw=word)


def _word(finish: Finish) -> str:
    return finish.kind if finish.kind in _FINISH else finish.raw or finish.kind


def _media_type(image: str) -> str:
    for beginning, media_type in _BEGINNINGS.items():
        if image.startswith(beginning):
            return media_type
    return "application/octet-stream"


def _calls(calls: list[ToolCallRequest] | None) -> tuple[ToolCallPart, ...]:
    return tuple(
        call_of(call.id, index, call.name, call.arguments) for index, call in enumerate(calls or ())
    )


def _call(call: ToolCallPart) -> ToolCallRequest:
    return ToolCallRequest(id=call.id, name=call.name, arguments=call_arguments(call))


def _image(part: ImagePart) -> str:
    if part.data is None:
        raise NoPlace("Messages of an LLMBackend hold images as base64 only, not by address.")
    return part.data


def _write(message: Message) -> list[BackendMessage]:
    only(message, TextPart, ImagePart, ToolCallPart, ToolResultPart, shape="an LLMBackend")
    if message.tool_results:
        rest = tuple(part for part in message.parts if not isinstance(part, ToolResultPart))
        if rest or any(isinstance(p, ImagePart) for r in message.tool_results for p in r.content):
            raise NoPlace("Results of an LLMBackend hold text only, one result a message.")
    if message.tool_results:
        return [
            BackendMessage(
                role="tool",
                content=result_text(result),
                tool_call_id=result.tool_call_id,
                name=result.tool_name,
                created_at=message.created_at,
            )
            for result in message.tool_results
        ]
    images = [_image(part) for part in message.parts if isinstance(part, ImagePart)]
    return [
        BackendMessage(
            role=message.role,
            content=message.text,
            images=images or None,
            tool_calls=[_call(call) for call in message.tool_calls] or None,
            created_at=message.created_at,
        )
    ]


def _write_response(response: Response) -> LLMResponse:
    message = response.message
    only(message, TextPart, ThinkingPart, ToolCallPart, shape="an LLMBackend")
    return LLMResponse(
        content=message.text,
        tool_calls=[_call(call) for call in message.tool_calls] or None,
        finish_reason=_word(response.finish),
        thinking=message.thinking or None,
    )
