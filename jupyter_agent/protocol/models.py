"""Requests to a model, and what a model can do."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import JsonValue

from .messages import Effort, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """A tool as offered to a model: `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: dict[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to a model. None is left off the wire, 0 is sent.

    `tool_choice` is "auto", "required", "none" or the name of one of `tools`.
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

    `available` is False when something is missing; `reason` then says what to do.
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
