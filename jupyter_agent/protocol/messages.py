"""The conversation: parts, messages, and what is known about how a message was made.

Frozen data only; `reduce.py` builds messages from events, `codec.py` reads and writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field, JsonValue

from .usage import Finish, Usage

Role = Literal["system", "user", "assistant", "tool"]
Effort = Literal["xhigh", "high", "medium", "low", "minimal", "none"]

# Opaque to everything but the adapter that wrote it: stored and sent back unchanged.
ProviderMetadata = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Words of the person or the model, Markdown."""

    text: str
    provider_metadata: ProviderMetadata | None = None
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingPart:
    """The model's reasoning; `signature` and `redacted_data` go back to its provider verbatim."""

    text: str
    signature: str | None = None
    redacted_data: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: Literal["thinking"] = "thinking"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePart:
    """An image: base64 `data` without a `data:` prefix, or a `url`."""

    media_type: str
    data: str | None = None
    url: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: Literal["image"] = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioPart:
    """A sound: base64 `data` without a `data:` prefix, or a `url`."""

    media_type: str
    data: str | None = None
    url: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: Literal["audio"] = "audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPart:
    """A document such as a PDF: base64 `data` without a `data:` prefix, or a `url`."""

    media_type: str
    data: str | None = None
    url: str | None = None
    name: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: Literal["document"] = "document"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallPart:
    """A tool the model wants run.

    `arguments_raw` is what the model wrote; `arguments` is its one strict parse, or None with
    `parse_error` saying why. A call with a parse error is answered with an error, never run.
    """

    id: str
    index: int
    name: str
    arguments_raw: str
    arguments: dict[str, JsonValue] | None = None
    parse_error: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: Literal["tool_call"] = "tool_call"


ResultContent = Annotated[TextPart | ImagePart, Field(discriminator="type")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResultPart:
    """The answer to one tool call. `rejected` means a person or a rule refused it: it never ran."""

    tool_call_id: str
    tool_name: str
    content: tuple[ResultContent, ...]
    is_error: bool = False
    rejected: bool = False
    provider_metadata: ProviderMetadata | None = None
    type: Literal["tool_result"] = "tool_result"

    @property
    def text(self) -> str:
        """All text of the result, joined."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


MentionKind = Literal["cell", "selection", "variable", "file", "output", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """What a prompt points at; `label` is how it stands in the prompt, such as `@cell:[4]`.

    `path` is the file, or the notebook of everything else; `cell_id` names the cell (`cell`,
    `output`, `selection`), `name` the variable, `text` is what was selected.
    """

    kind: MentionKind
    label: str
    path: str | None = None
    cell_id: str | None = None
    name: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionPart:
    """A mention of the prompt, with what it led to: `content` is for the model, fenced as data.

    `waiting`: not looked at yet. `failed`: `problem` says why, to the person and to the model.
    """

    mention: Mention
    status: Literal["waiting", "ok", "failed"] = "waiting"
    content: tuple[ResultContent, ...] = ()
    problem: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: Literal["mention"] = "mention"

    @property
    def text(self) -> str:
        """What the model reads of it, without images."""
        told = "".join(part.text for part in self.content if isinstance(part, TextPart))
        return f"not available: {self.problem}" if self.problem else told


Part = Annotated[
    TextPart
    | ThinkingPart
    | ImagePart
    | AudioPart
    | DocumentPart
    | ToolCallPart
    | ToolResultPart
    | MentionPart,
    Field(discriminator="type"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageMeta:
    """How a message came about. Durations in seconds; absent values are left out on the wire."""

    provider: str | None = None
    model: str | None = None
    time_to_first_token: float | None = None
    total_duration: float | None = None
    usage: Usage | None = None
    finish: Finish | None = None
    effort: Effort | None = None
    interrupted: bool | None = None
    thinking_signature: str | None = None
    reasoning_details: JsonValue | None = None
    extra: dict[str, JsonValue] | None = None


def new_id(prefix: str) -> str:
    """Return a fresh identifier of 128 random bits, such as `msg_5f…`."""
    return f"{prefix}_{uuid4().hex}"


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(timezone.utc)


def _new_message_id() -> str:
    return new_id("msg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. Role `tool` carries tool results, one message for all calls of a turn."""

    role: Role
    parts: tuple[Part, ...]
    id: str = field(default_factory=_new_message_id)
    created_at: datetime = field(default_factory=now)
    metadata: MessageMeta = field(default_factory=MessageMeta)

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return extract_text(self.parts)

    @property
    def thinking(self) -> str:
        """The thinking parts, joined."""
        return extract_thinking(self.parts)

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The tool calls, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCallPart))

    @property
    def tool_results(self) -> tuple[ToolResultPart, ...]:
        """The tool results, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolResultPart))


def extract_text(parts: Sequence[Part]) -> str:
    """Join the text of the text parts alone."""
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def extract_thinking(parts: Sequence[Part]) -> str:
    """Join the text of the thinking parts alone."""
    return "".join(part.text for part in parts if isinstance(part, ThinkingPart))


def user_message(
    text: str, *attachments: Part, metadata: Mapping[str, Any] | None = None
) -> Message:
    """Make a user's message from text and attachments."""
    meta = MessageMeta(extra=dict(metadata)) if metadata else MessageMeta()
    return Message(role="user", parts=(TextPart(text=text), *attachments), metadata=meta)


def system_message(text: str) -> Message:
    """Make a system message."""
    return Message(role="system", parts=(TextPart(text=text),))
