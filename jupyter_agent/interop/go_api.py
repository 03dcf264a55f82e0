"""A Go `api` package: parts, five roles, metadata of the generation, tool parameters.

`ChatCompletionProvider` is its interface over any of our providers, `ToolSpec` a tool of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

from pydantic import AliasChoices, Field, JsonValue, field_validator, model_validator

from ..policy.broker import Answer
from ..protocol.errors import ParseFailed, error_from_info
from ..protocol.messages import (
    Effort,
    ImagePart,
    Message,
    MessageMeta,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from ..protocol.models import Request, ToolDefinition
from ..protocol.session_events import ApprovalStart
from ..protocol.tools import Permission
from ..providers.base import Provider
from ._memory import Memory
from ._shape import Shape, call_arguments, call_of, keep, only, read, restore, result_text

ApiRole = Literal["system", "user", "assistant", "tool_call", "tool_result"]

_CHARACTERS_PER_TOKEN = 4
_NANOSECONDS = 1_000_000_000  # a Go time.Duration counts them
_ROLES: dict[ApiRole, Role] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool_call": "assistant",
    "tool_result": "tool",
}
_LABELS = {
    "system": "System",
    "user": "You",
    "assistant": "Assistant",
    "tool": "Tool result",
    "tool_call": "Tool call",
    "tool_result": "Tool result",
}


class ContentPart(Shape):
    """A part; text for words and thinking, `mimeType` and `data` for images."""

    type: Literal["text", "thinking", "image"]
    text: str = ""
    mimeType: str = Field(default="", validation_alias=AliasChoices("mimeType", "mime_type"))
    data: str = ""

    @model_validator(mode="after")
    def _by_type(self) -> ContentPart:
        wrong = self.text if self.type == "image" else self.mimeType or self.data
        if wrong:
            raise ValueError(f"a part of type {self.type} has no such field")
        return self


class ToolCall(Shape):
    """A call, its parameters as an object."""

    id: str
    name: str
    parameters: dict[str, JsonValue] = Field(
        validation_alias=AliasChoices("parameters", "arguments", "input")
    )


class ToolResult(Shape):
    """A result as text."""

    toolCallID: str = Field(validation_alias=AliasChoices("toolCallID", "tool_call_id"))
    toolName: str = Field(default="", validation_alias=AliasChoices("toolName", "tool_name"))
    result: str = ""


class ApiMeta(Shape):
    """`MessageMeta`; durations in nanoseconds."""

    generation_provider: str | None = None
    generation_model: str | None = None
    time_to_first_token: int | None = None
    total_duration: int | None = None
    thinking_signature: str | None = None
    reasoning_details: JsonValue | None = None


class ApiMessage(Shape):
    """`api.Message`. Go writes an empty slice that was never made as null."""

    Parts: list[ContentPart] = Field(default=[], validation_alias=AliasChoices("Parts", "parts"))
    Role: ApiRole = Field(validation_alias=AliasChoices("Role", "role"))
    ToolCalls: list[ToolCall] = Field(
        default=[], validation_alias=AliasChoices("ToolCalls", "tool_calls")
    )
    ToolResults: list[ToolResult] = Field(
        default=[], validation_alias=AliasChoices("ToolResults", "tool_results")
    )
    Metadata: ApiMeta = Field(
        default_factory=ApiMeta, validation_alias=AliasChoices("Metadata", "metadata")
    )

    @field_validator("Parts", "ToolCalls", "ToolResults", mode="before")
    @classmethod
    def _null_is_empty(cls, value: Any) -> Any:
        return [] if value is None else value


class Items(Shape):
    """What the elements of an array are."""

    type: str


class ToolParameter(Shape):
    """One parameter of a tool."""

    name: str
    type: Literal["string", "integer", "boolean", "array"]
    required: bool = False
    description: str = ""
    enum: list[str] | None = None
    items: Items | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolConfirmation:
    """A person's decision on one call; `Reason` reaches the model when it was not approved."""

    Approved: bool
    Reason: str = ""


def answers(
    calls: Sequence[ToolCallPart], confirmations: Sequence[ToolConfirmation]
) -> Callable[[ApprovalStart], Answer]:
    """Return what answers the gate's questions about these calls, one confirmation for each.

    Raises:
        ValueError: there is not exactly one for each call. Nothing has run.
    """
    if len(confirmations) != len(calls):
        raise ValueError(
            f"{len(confirmations)} confirmations for {len(calls)} tool calls: "
            "there must be exactly one for each."
        )
    decided = {call.id: one for call, one in zip(calls, confirmations, strict=True)}

    def answer(approval: ApprovalStart) -> Answer:
        given = decided.get(approval.call_id)
        if given is None:
            return Answer(allow=False, reason="Nobody has decided on this call.")
        return Answer(allow=given.Approved, reason=given.Reason or None)

    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool. `Impl` gets the tool and the call's arguments; what it raises is an error result."""

    Name: str
    Description: str
    Permission: Permission = "exec"
    Parameters: Sequence[ToolParameter] = ()
    Impl: Callable[[ToolSpec, dict[str, Any]], str]

    def definition(self) -> ToolDefinition:
        """Return what the model is told of it."""
        return ToolDefinition(
            name=self.Name,
            description=self.Description,
            parameters=parameters_schema(*self.Parameters),
        )

    def run(self, call: ToolCall) -> ToolResult:
        """Run a call of it."""
        try:
            result = self.Impl(self, dict(call.parameters))
        except Exception as error:  # the tool's own: the model is to know of it
            result = f"Error: {type(error).__name__}: {error}"
        return ToolResult(toolCallID=call.id, toolName=call.name, result=result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A configured agent: its system prompt and its tools."""

    Name: str
    Code: bool = False
    SystemPrompt: str = ""
    Toolbox: Sequence[ToolSpec] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestParameters:
    """What one request needs beside its messages. 0 means: the provider's own default."""

    Model: str
    Agent: Agent | None = None
    Effort: Effort | None = None
    Temperature: float = 0
    MaxTokens: int = 0


class ChunkKind(IntEnum):
    """What a chunk holds; `ChunkToolUse` is a piece of a call's JSON."""

    ChunkContent = 0
    ChunkThinking = 1
    ChunkToolUse = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of an answer. `TokenCount` is an estimate from its length."""

    Kind: ChunkKind
    Text: str
    TokenCount: int


class ChatCompletionProvider:
    """`api.ChatCompletionProvider` over any of our providers.

    Args:
        provider: what answers. It stays the caller's to close.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._memory = Memory()

    async def create_chat_completion(
        self, params: RequestParameters, messages: Sequence[ApiMessage]
    ) -> ApiMessage:
        """Return a whole answer.

        Raises:
            BadFrame: a message is not of this shape.
            ProviderError: the provider refused it, or its answer broke off.
        """
        return await self.create_chat_completion_stream(params, messages, lambda chunk: None)

    async def create_chat_completion_stream(
        self,
        params: RequestParameters,
        messages: Sequence[ApiMessage],
        output: Callable[[Chunk], object],
    ) -> ApiMessage:
        """Hand on an answer's pieces as they come, and return the whole of it.

        Raises:
            BadFrame: a message is not of this shape.
            ProviderError: the provider refused it, or its answer broke off.
        """
        async for event in self._provider.stream(self._request(params, messages)):
            match event.type:
                case "text_delta":
                    output(_chunk(ChunkKind.ChunkContent, event.text))
                case "thinking_delta":
                    output(_chunk(ChunkKind.ChunkThinking, event.text))
                case "tool_call_delta":
                    output(_chunk(ChunkKind.ChunkToolUse, event.json))
                case "done":
                    self._memory.note(event.response.message)
                    return to_wire_message(event.response.message)
                case "error":
                    raise error_from_info(event.error)
                case "thinking_end" | "tool_call_start" | "tool_call_end" | "usage":
                    pass  # in the whole message
        raise ParseFailed("The answer ended without a result.", provider=self._provider.name)

    def _request(self, params: RequestParameters, messages: Sequence[ApiMessage]) -> Request:
        agent = params.Agent
        read_messages = self._memory.recall(from_wire_message(one) for one in messages)
        prompt = agent.SystemPrompt if agent else ""
        system = (Message(role="system", parts=(TextPart(text=prompt),)),) if prompt else ()
        return Request(
            model=params.Model,
            messages=(*system, *read_messages),
            tools=tuple(tool.definition() for tool in agent.Toolbox) if agent else (),
            temperature=params.Temperature or None,
            max_tokens=params.MaxTokens or None,
            effort=params.Effort,
        )


def _chunk(kind: ChunkKind, text: str) -> Chunk:
    return Chunk(Kind=kind, Text=text, TokenCount=-(-len(text) // _CHARACTERS_PER_TOKEN))


def friendly_role(role: str) -> str:
    """Return what people call the writer of a message; an unknown role comes back as it is."""
    return _LABELS.get(role, role)


def is_user(role: str) -> bool:
    """Whether a person wrote it."""
    return role == "user"


def is_assistant(role: str) -> bool:
    """Whether the model wrote it; its tool calls are a part of that."""
    return role in ("assistant", "tool_call")


def is_system(role: str) -> bool:
    """Whether it is an instruction of the system."""
    return role == "system"


def build_content_parts(content: str, reasoning: str = "") -> tuple[Part, ...]:
    """Make parts of an older message's two texts: thinking first, as it came; nothing if empty."""
    thinking = (ThinkingPart(text=reasoning),) if reasoning else ()
    return (*thinking, *((TextPart(text=content),) if content else ()))


def assistant_message(content: str, reasoning: str = "") -> Message:
    """Make an assistant's message of text and thinking."""
    return Message(role="assistant", parts=build_content_parts(content, reasoning))


def tool_call_message(content: str, *calls: ToolCallPart) -> Message:
    """Make an assistant's message of text, which may be empty, and the calls it asks for."""
    return Message(role="assistant", parts=(*build_content_parts(content), *calls))


def parameters_schema(*parameters: ToolParameter) -> dict[str, Any]:
    """Return the JSON Schema of a tool with these parameters."""
    properties = {
        one.name: one.model_dump(
            include={"type", "description", "enum", "items"}, exclude_defaults=True
        )
        for one in parameters
    }
    for one in parameters:
        properties[one.name]["type"] = one.type
    required = [one.name for one in parameters if one.required]
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
    }


def from_wire_message(data: ApiMessage | dict[str, Any]) -> Message:
    """Read one message.

    Raises:
        BadFrame: it is not of this shape.
    """
    wire = read(ApiMessage, data)
    parts: list[Part] = [_part(part) for part in wire.Parts]
    _seal(parts, wire.Metadata.thinking_signature)
    parts += [
        call_of(call.id, index, call.name, call.parameters)
        for index, call in enumerate(wire.ToolCalls)
    ]
    parts += [
        ToolResultPart(
            tool_call_id=one.toolCallID,
            tool_name=one.toolName,
            content=(TextPart(text=one.result),) if one.result else (),
        )
        for one in wire.ToolResults
    ]
    meta = wire.Metadata
    message = Message(
        role=_ROLES[wire.Role],
        parts=tuple(parts),
        metadata=MessageMeta(
            provider=meta.generation_provider,
            model=meta.generation_model,
            time_to_first_token=_seconds(meta.time_to_first_token),
            total_duration=_seconds(meta.total_duration),
            thinking_signature=meta.thinking_signature,
            reasoning_details=meta.reasoning_details,
        ),
    )
    return keep(message, wire, _write(message))


def to_wire_message(message: Message) -> ApiMessage:
    """Write a message.

    Raises:
        NoPlace: it holds sound, documents, images by address, or broken arguments.
    """
    return restore(message, _write(message))


def _part(part: ContentPart) -> Part:
    if part.type == "text":
        return TextPart(text=part.text)
    if part.type == "thinking":
        return ThinkingPart(text=part.text)
    return ImagePart(media_type=part.mimeType, data=part.data)


def _seal(parts: list[Part], signature: str | None) -> None:
    """Put the message's one signature on its last thinking, where adapters look for it."""
    for position in reversed(range(len(parts))):
        part = parts[position]
        if signature is not None and isinstance(part, ThinkingPart):
            parts[position] = ThinkingPart(text=part.text, signature=signature)
            return


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _NANOSECONDS


def _duration(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * _NANOSECONDS)


def _write_part(part: Part) -> ContentPart:
    if isinstance(part, ImagePart):
        return ContentPart(type="image", mimeType=part.media_type, data=part.data or "")
    assert isinstance(part, TextPart | ThinkingPart)
    return ContentPart(type=part.type, text=part.text)


def _write(message: Message) -> ApiMessage:
    kinds = (TextPart, ThinkingPart, ImagePart, ToolCallPart, ToolResultPart)
    only(message, *kinds, shape="the Go api package")
    role: ApiRole = "tool_result" if message.role == "tool" else message.role
    meta = message.metadata
    seals = [part.signature for part in message.parts if isinstance(part, ThinkingPart)]
    return ApiMessage(
        Role="tool_call" if message.tool_calls and role == "assistant" else role,
        Parts=[
            _write_part(part)
            for part in message.parts
            if not isinstance(part, ToolCallPart | ToolResultPart)
        ],
        ToolCalls=[
            ToolCall(id=call.id, name=call.name, parameters=call_arguments(call))
            for call in message.tool_calls
        ],
        ToolResults=[
            ToolResult(toolCallID=one.tool_call_id, toolName=one.tool_name, result=result_text(one))
            for one in message.tool_results
        ],
        Metadata=ApiMeta(
            generation_provider=meta.provider,
            generation_model=meta.model,
            time_to_first_token=_duration(meta.time_to_first_token),
            total_duration=_duration(meta.total_duration),
            thinking_signature=meta.thinking_signature or (seals[-1] if seals else None),
            reasoning_details=meta.reasoning_details,
        ),
    )
