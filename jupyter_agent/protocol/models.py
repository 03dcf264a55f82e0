"""Requests to a model, and what a model can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from .messages import Effort, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """A tool as offered to a model: `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOptions:
    """What a vendor lets its customers choose for each request. None: the vendor's own way.

    Attributes:
        cache_ttl: how long Anthropic keeps a prompt in its cache, "5m" or "1h".
        cache_retention: how long OpenAI does, "in_memory" or "24h".
        service_tier: the price and speed class, by the vendor's own name.
        media_resolution: how closely Gemini looks at pictures, "low", "medium" or "high".
        eager_tools: whether a call's arguments are streamed as the model writes them.
    """

    cache_ttl: Literal["5m", "1h"] | None = None
    cache_retention: Literal["in_memory", "24h"] | None = None
    service_tier: str | None = None
    media_resolution: Literal["low", "medium", "high"] | None = None
    eager_tools: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseSchema:
    """The JSON Schema of an answer: an object at the top. `name`: letters, digits, `_` and `-`."""

    name: str
    schema: dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to a model. None is left off the wire, 0 is sent.

    `tool_choice` is "auto", "required", "none" or the name of one of `tools`. With a
    `response_schema` the answer's text is to be JSON of that shape; providers that cannot hold a
    model to it ask in words, so that whoever reads the answer must check it.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    effort: Effort | None = None
    response_schema: ResponseSchema | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a model can do. Consulted before any network call; False until known."""

    tools: bool = False
    streaming: bool = False
    vision: bool = False
    audio: bool = False
    documents: bool = False
    thinking: bool = False
    effort_levels: tuple[Effort, ...] = ()
    tool_choice: bool = False
    parallel_tools: bool = False
    prefill: bool = False
    system_prompt: bool = False
    structured_output: bool = False
    requires_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model one can choose. `id` is `provider/name`, as people type it.

    `available` is False when something is missing; `reason` then says what to do. With an
    available model it says what to know before choosing it.
    """

    id: str
    provider: str
    name: str
    label: str
    context_window: int | None = None
    max_output: int | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    price: Price | None = None
    available: bool = True
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFailure:
    """A provider that was asked for its models and did not answer; `message` says why."""

    provider: str
    label: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelList:
    """The models one can choose, those that are ready first.

    `live`: the ready providers were asked; `failures` are those that did not answer, whose models
    are those of the catalogue. `dated` is the catalogue's day.
    """

    models: tuple[ModelInfo, ...]
    failures: tuple[ListFailure, ...] = ()
    live: bool = False
    dated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOverride:
    """What a person or an administrator says of a model; it wins over every other source.

    `capabilities` are those of `Capabilities` that differ, by name. None: as it is known.
    """

    label: str | None = None
    context_window: int | None = None
    max_output: int | None = None
    price: Price | None = None
    capabilities: dict[str, bool | tuple[Effort, ...]] | None = None
