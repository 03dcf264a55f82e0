"""The provider of a notebook's TypeScript layer: seven methods over any of our providers.

The "provider-specific format" of the seven is our own: what a vendor's server gets is written by
the adapter, whose seven functions of the same names stand in `providers/`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..protocol.errors import AgentError, error_from_info
from ..protocol.messages import Message, TextPart
from ..protocol.models import Request, ToolDefinition
from ..protocol.provider_events import ProviderEvent
from ..providers.base import Provider
from ._memory import Memory
from .notebook_blocks import (
    InternalMessage,
    ToolResult,
    from_wire_message,
    from_wire_results,
)
from .notebook_events import CONTINUE, to_wire_events


@dataclass(frozen=True, slots=True, kw_only=True)
class FormattedMessages:
    """A conversation in our format; the system prompt is its first message."""

    messages: tuple[Message, ...]
    system: str


class NotebookProvider:
    """`LLMProvider` of the notebook layer over any of our providers.

    Args:
        provider: what answers. It stays the caller's to close.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._memory = Memory()

    async def create_stream(
        self,
        *,
        model: str,
        max_tokens: int,
        system: str,
        tools: Sequence[ToolDefinition | dict[str, Any]],
        messages: Sequence[InternalMessage | dict[str, Any]],
    ) -> AsyncIterator[ProviderEvent]:
        """Ask for an answer; returns the raw stream, for `parse_stream_events`.

        Raises:
            BadFrame: a message is not of this shape.
        """
        request = Request(
            model=model,
            max_tokens=max_tokens,
            tools=tuple(self.format_tools(tools)),
            messages=self.format_messages(messages, system).messages,
        )
        return self._provider.stream(request)

    async def parse_stream_events(
        self, stream: AsyncIterator[ProviderEvent]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the normalised events of a raw stream.

        Raises:
            ProviderError: the provider refused the request, or its answer broke off.
        """
        async for event in stream:
            if event.type == "error":
                raise error_from_info(event.error)
            if event.type == "done":
                self._memory.note(event.response.message)
            for normalised in to_wire_events(event):
                yield normalised

    def format_tools(
        self, tools: Iterable[ToolDefinition | dict[str, Any]]
    ) -> list[ToolDefinition]:
        """Return tools in our format, which has the same three fields."""
        return [
            tool if isinstance(tool, ToolDefinition) else ToolDefinition(**tool) for tool in tools
        ]

    def format_messages(
        self, messages: Iterable[InternalMessage | dict[str, Any]], system: str
    ) -> FormattedMessages:
        """Return a conversation in our format, with the answers as they were given.

        Raises:
            BadFrame: a message is not of this shape.
        """
        told = self._memory.recall(from_wire_message(message) for message in messages)
        prompt = (Message(role="system", parts=(TextPart(text=system),)),) if system else ()
        return FormattedMessages(messages=(*prompt, *told), system=system)

    def format_tool_results(self, results: Iterable[ToolResult | dict[str, Any]]) -> Message:
        """Return the results of one turn as one message.

        Raises:
            BadFrame: a result is not of this shape.
        """
        return from_wire_results(results)

    def should_continue(self, stop_reason: str) -> bool:
        """Whether the model waits for tool results, by the word of a `message_meta` event."""
        return stop_reason in CONTINUE

    def format_error(self, error: BaseException) -> str:
        """Return a sentence for people, without JSON and keys."""
        if isinstance(error, AgentError):
            return error.user_message
        return f"The model could not be asked: {type(error).__name__}."
