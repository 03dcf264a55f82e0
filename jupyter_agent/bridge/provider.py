"""A model reached through the server: the provider port over one streamed HTTP answer.

The server does what a provider does (repairs the history, asks again, assembles); here its lines
become events again. An answer without its last line is a failure, whatever came before.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Protocol

from ..protocol.bridge import AskingAgain, BridgeLine, ModelQuestion, Waiting
from ..protocol.codec import from_json, to_data
from ..protocol.errors import (
    AgentError,
    BadFrame,
    ErrorInfo,
    ParseFailed,
    ProviderError,
    StreamInterrupted,
)
from ..protocol.messages import new_id
from ..protocol.models import Capabilities, ModelInfo, Request
from ..protocol.provider_events import Done, Failed, ProviderEvent
from ..providers._http import HttpCall, HttpClient, HttpRefused, OnRetry, Refusal
from ..providers._ndjson import NdjsonFramer

# The last line holds the whole answer; the server's assembler bounds it.
MAX_LINE = 64 << 20
MAX_ANSWER = 256 << 20


class Door(Protocol):
    """What a provider needs of the bridge it belongs to."""

    url: str

    def headers(self) -> Mapping[str, str]:
        """Return what authorises a request."""

    def refused(self, refusal: Refusal) -> AgentError:
        """Return the error for an HTTP answer that is none."""

    async def describe(self, model_id: str) -> ModelInfo:
        """Return what the server knows of a model."""


class ServerProvider:
    """One model of the server, for one run.

    Args:
        door: the bridge.
        http: carries the requests.
        info: the model, and what is known of it.
        on_retry: called before the server asks the provider again.
    """

    def __init__(
        self, door: Door, http: HttpClient, info: ModelInfo, on_retry: OnRetry | None = None
    ) -> None:
        self._door = door
        self._http = http
        self._info = info
        self._on_retry = on_retry
        self._run = new_id("run")

    def __repr__(self) -> str:
        return f"ServerProvider({self._info.id!r}, {self._door!r})"

    @property
    def name(self) -> str:
        return self._info.provider

    @property
    def capabilities(self) -> Capabilities:
        return self._info.capabilities

    async def list_models(self) -> list[ModelInfo]:
        return [await self._door.describe(self._info.id)]

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        question = ModelQuestion(model=self._info.id, run=self._run, request=request)
        call = HttpCall(url=f"{self._door.url}/answer", body=to_data(ModelQuestion, question))
        failure: AgentError
        try:
            async with self._http.open(call, self._door.headers()) as body:
                framer = NdjsonFramer(max_line=MAX_LINE, max_stream=MAX_ANSWER)
                while (chunk := await body.read()) is not None:
                    for line in framer.feed(chunk):
                        body.alive()
                        event = self._event(line)
                        if event is None:
                            continue
                        yield event
                        if isinstance(event, Done | Failed):
                            await body.drain()
                            return
            failure = StreamInterrupted(
                "The Jupyter server broke off the answer. Nothing of it was run; try again."
            )
        except HttpRefused as refused:
            failure = self._door.refused(refused.refusal)
        except ProviderError as error:
            failure = error
        yield Failed(error=self._named(failure))

    async def aclose(self) -> None:
        await self._http.aclose()

    def _event(self, line: bytes) -> ProviderEvent | None:
        """Read a line; None when it is no event of the answer."""
        try:
            event = from_json(BridgeLine, line)
        except BadFrame as error:
            raise ParseFailed(
                "The Jupyter server sent something that this kernel's version does not "
                "understand. Install the same version of jupyter-agent for both.",
                cause=error,
            ) from error
        if isinstance(event, AskingAgain):
            if self._on_retry is not None:
                self._on_retry(event.attempt, event.delay, event.error)
            return None
        if isinstance(event, Waiting):
            return None
        found: ProviderEvent = event
        return found

    def _named(self, failure: AgentError) -> ErrorInfo:
        info = failure.info()
        return replace(
            info, provider=info.provider or self.name, model=info.model or self._info.name
        )
