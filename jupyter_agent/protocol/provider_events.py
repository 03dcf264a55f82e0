"""What an adapter yields while a model answers.

A stream ends in exactly one terminal event, `done` or `error`, always last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from .errors import ErrorInfo
from .messages import Message, ProviderMetadata
from .usage import Finish, Usage

# One of these three is made for each piece of an answer. They are not to be changed either, but a
# dataclass that enforces it takes twice as long to make.


@dataclass(slots=True, kw_only=True)
class TextDelta:
    """More text. Metadata belongs to the text part so far, and closes it."""

    text: str
    provider_metadata: ProviderMetadata | None = None
    type: Literal["text_delta"] = "text_delta"


@dataclass(slots=True, kw_only=True)
class ThinkingDelta:
    """More thinking."""

    text: str
    type: Literal["thinking_delta"] = "thinking_delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingEnd:
    """The end of one thinking block, with what must go back to the provider verbatim.

    Without deltas before it, it makes a block with empty text (omitted or redacted thinking).
    """

    signature: str | None = None
    redacted_data: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: Literal["thinking_end"] = "thinking_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallStart:
    """A tool call begins. `index` counts the calls of this answer from 0."""

    id: str
    index: int
    name: str
    type: Literal["tool_call_start"] = "tool_call_start"


@dataclass(slots=True, kw_only=True)
class ToolCallDelta:
    """More of the arguments' JSON text."""

    id: str
    index: int
    json: str
    type: Literal["tool_call_delta"] = "tool_call_delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallEnd:
    """A tool call is whole: its raw text, and its one strict parse or why there is none."""

    id: str
    index: int
    name: str
    arguments_raw: str
    arguments: dict[str, JsonValue] | None = None
    parse_error: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: Literal["tool_call_end"] = "tool_call_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageUpdate:
    """Token counts so far. May repeat; the latest wins."""

    usage: Usage
    type: Literal["usage"] = "usage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole answer."""

    message: Message
    finish: Finish
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The answer is complete."""

    response: Response
    type: Literal["done"] = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The answer failed. None of its tool calls may run."""

    error: ErrorInfo
    type: Literal["error"] = "error"


ProviderEvent = Annotated[
    TextDelta
    | ThinkingDelta
    | ThinkingEnd
    | ToolCallStart
    | ToolCallDelta
    | ToolCallEnd
    | UsageUpdate
    | Done
    | Failed,
    Field(discriminator="type"),
]
