"""The provider port: one method that streams, and `complete` derived from it once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from ..protocol.errors import ParseFailed, error_from_info
from ..protocol.models import Capabilities, ModelInfo, Request
from ..protocol.provider_events import ProviderEvent, Response

# How Anthropic ends an answer that it wants to go on with.
PAUSED = "pause_turn"


class Provider(Protocol):
    """A way to reach models. One instance may serve many streams at once."""

    @property
    def name(self) -> str:
        """Stable name, such as `anthropic`."""

    @property
    def capabilities(self) -> Capabilities:
        """What the chosen model can do, as far as is known."""

    async def list_models(self) -> list[ModelInfo]:
        """Return the models this endpoint offers now.

        Raises:
            ProviderError: it could not be asked.
        """

    def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        """Stream one answer. Never raises for what the provider does wrong.

        The last event is exactly one `Done` or `Failed`. Closing the generator releases the
        connection. What the model cannot do is a `Failed` with `unsupported_capability`, before
        any network call.
        """

    async def aclose(self) -> None:
        """Close connections."""


def waits_for_results(response: Response) -> bool:
    """Return whether a model waits for results: the calls decide, whatever the finish word says."""
    return bool(response.message.tool_calls)


def goes_on(provider: Provider, response: Response) -> bool:
    """Return whether a model is to be asked again after an answer, with what it waits for.

    A provider may know better than its calls tell, by a method `should_continue(response)`: Anthropic
    pauses a long turn of its own tools. One reached through a server has the word alone.
    """
    own = getattr(provider, "should_continue", None)
    if own is not None:
        return bool(own(response))
    return waits_for_results(response) or response.finish.raw == PAUSED


async def complete(provider: Provider, request: Request) -> Response:
    """Return the whole answer: the aggregate of `stream`.

    Raises:
        ProviderError: the stream ended in an error.
    """
    async for event in provider.stream(request):
        if event.type == "done":
            return event.response
        if event.type == "error":
            raise error_from_info(event.error)
    raise ParseFailed(
        "The model's answer ended without a result. Try again.", provider=provider.name
    )
