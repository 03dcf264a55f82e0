"""What every adapter over HTTP shares: guards, repair, sending, retries, the event stream.

An adapter adds what it sends (`prepare`), its key header, and its list of models.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ..protocol.errors import BadRequest, ErrorInfo, ParseFailed, ProviderError
from ..protocol.models import Capabilities, ModelInfo, Request, ToolDefinition
from ..protocol.provider_events import Failed, ProviderEvent
from ._body import Body
from ._decode import Decoder
from ._errors import MAX_RETRY_AFTER, error_from_body, error_from_response, redact
from ._guards import check_request
from ._history import has_seals, repair, without_seals
from ._http import Endpoint, HttpCall, HttpClient, HttpRefused, Refusal
from ._options import with_options
from ._schemas import simplest, without_bounds
from ._structured import REFUSED, in_words

_FIRST_DELAY = 0.5  # seconds, doubled with each retry
_LONGEST_DELAY = 8.0
# How long a server may load its model; large ones take minutes from a slow disk.
LOADING_PATIENCE = 600.0
# A seal that was good once and is not any more: the account, the model or what stood before it
# changed (a summary of older turns, another system prompt).
_STALE_SEAL = re.compile(
    r"bound to a different|signature.{0,20}thinking|thinking.{0,20}signature"
    r"|thought.?signature|encrypted.?content",
    re.I,
)
_VERSION = re.compile(r"/v\d")
# A server that cannot compile a tool's schema: llama.cpp (grammar), OpenAI and Anthropic (schema).
_SCHEMA = re.compile(r"\bgrammar|\bschema|number of repetitions", re.I)


class HttpProvider(ABC):
    """A provider behind HTTP. `api` names the wire, as recordings do."""

    api: ClassVar[str]
    versioned: ClassVar[bool] = False  # whether addresses of this API usually end in `/v1`

    def __init__(self, *, name: str, capabilities: Capabilities, endpoint: Endpoint) -> None:
        self._name = name
        self._capabilities = capabilities
        self.endpoint = endpoint
        self._http = HttpClient(endpoint, endpoint.label or name, self.api)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self._name!r}, base_url={self.endpoint.base_url!r})"

    @property
    def name(self) -> str:
        return self._name

    @property
    def spoken_name(self) -> str:
        """What errors call it: a server of the person's own by its address."""
        return self.endpoint.label or self._name

    @property
    def base_url(self) -> str:
        """Where the API is: at the address given, or below it where it was found there."""
        below = "/v1" if self.endpoint.habits.place.below_v1 else ""
        return self.endpoint.base_url.rstrip("/") + below

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def clock_ahead(self) -> float | None:
        """Seconds our clock is ahead of the server's, by its last answer; None when untold."""
        return self._http.clock_ahead

    @abstractmethod
    def prepare(self, request: Request) -> tuple[HttpCall, Decoder]:
        """Return the call for a repaired request, and the reader of its answer."""

    @abstractmethod
    def auth_headers(self) -> dict[str, str]:
        """Return the headers that carry the key."""

    @abstractmethod
    async def list_models(self) -> list[ModelInfo]:
        """Return the models on offer."""

    async def sign(self, call: HttpCall) -> Mapping[str, str]:
        """Return the headers that authorise this very call."""
        return self.auth_headers()

    def refused(self, refusal: Refusal, model: str) -> ProviderError:
        """Return the error for an HTTP answer that is none."""
        return error_from_response(
            refusal.status, refusal.headers, refusal.body, provider=self.spoken_name, model=model
        )

    def amended(self, request: Request, failure: ErrorInfo) -> Request | None:
        """Return the request without what the server refused of it; None when that is all of it."""
        habits = self.endpoint.habits
        if self._looks_below(failure):
            return request
        if request.tools and not habits.simplest_schemas and _SCHEMA.search(failure.message):
            habits.simplest_schemas = True
            return replace(request, tools=simplest(request.tools))
        refused = failure.code == BadRequest.code and REFUSED.search(failure.message)
        if request.response_schema is not None and refused:
            habits.no_response_schema = True
            return in_words(request)
        stale = failure.code == BadRequest.code and _STALE_SEAL.search(failure.message)
        if not (stale and has_seals(request.messages)):
            return None
        return replace(request, messages=repair(without_seals(request.messages), self._name))

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        try:
            check_request(request, self._capabilities, self._name)
            request = replace(
                request,
                messages=repair(request.messages, self._name),
                tools=self._offered(request.tools),
            )
            if not self._capabilities.structured_output or self.endpoint.habits.no_response_schema:
                request = in_words(request)
            call, decoder = self._prepared(request)
        except ProviderError as error:
            yield Failed(error=self._clean(error.info(), request.model))
            return
        started = time.monotonic()
        for attempt in itertools.count(1):
            failure: ErrorInfo | None = None
            begun = False
            try:
                async with self._http.open(call, await self.sign(call)) as body:
                    while failure is None and not decoder.ended:
                        events = await _next_events(body, decoder)
                        if events and events[-1].type == "error":
                            failure = events.pop().error  # type: ignore[union-attr]
                        for event in events:
                            begun = True
                            yield event
                    if failure is None:
                        await body.drain()
            except HttpRefused as error:
                failure = self.refused(error.refusal, request.model).info()
            except ProviderError as error:
                failure = error.info()
            if failure is None:
                return
            failure = self._clean(failure, request.model)
            if not begun and (other := self.amended(request, failure)) is not None:
                request = other
                call, decoder = self._prepared(request)
                continue
            waits = _is_loading(failure) and time.monotonic() - started < LOADING_PATIENCE
            spent = attempt > self.endpoint.max_retries and not waits
            if begun or not failure.retryable or spent:
                yield Failed(error=failure)
                return
            delay = _delay(attempt, failure)
            if self.endpoint.on_retry is not None:
                self.endpoint.on_retry(attempt, delay, failure)
            await asyncio.sleep(delay)
            call, decoder = self._prepared(request)

    def _prepared(self, request: Request) -> tuple[HttpCall, Decoder]:
        call, decoder = self.prepare(request)
        return with_options(call, self.endpoint.options, self.api), decoder

    def _offered(self, tools: tuple[ToolDefinition, ...]) -> tuple[ToolDefinition, ...]:
        """Return the tools with schemas that this server takes."""
        if self.endpoint.habits.simplest_schemas:
            return simplest(tools)
        return without_bounds(tools) if self.endpoint.plain_schemas else tools

    def _looks_below(self, failure: ErrorInfo) -> bool:
        """Turn to `/v1` when nothing is at the address, and back when nothing is there either.

        Returns whether it is worth asking again. Vendors' own addresses are known.
        """
        place, endpoint = self.endpoint.habits.place, self.endpoint
        known = not (self.versioned and endpoint.plain_schemas) or _VERSION.search(
            endpoint.base_url
        )
        if known or not _is_nothing_there(failure):
            return False
        place.below_v1 = not place.below_v1
        return place.below_v1

    async def get_list(self, path: str) -> Any:
        """Return what a GET of a list below the API's address answers.

        Raises:
            ProviderError: it could not be asked, or there is no such list.
        """
        try:
            return await self._get_list(path)
        except ProviderError as error:
            if not self._looks_below(error.info()):
                raise
        try:
            return await self._get_list(path)
        except ProviderError as error:
            self._looks_below(error.info())
            raise

    async def _get_list(self, path: str) -> Any:
        body = await self.get_json(f"{self.base_url}/{path}")
        if isinstance(body, dict) and body.get("error"):  # LM Studio refuses with status 200
            raise error_from_body(body, status=None, provider=self.spoken_name, model="")
        return body

    async def get_json(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """Return what a GET answers.

        Raises:
            ProviderError: it could not be asked.
        """
        return await self.ask_json(HttpCall(url=url, method="GET", headers=headers or {}))

    async def ask_json(self, call: HttpCall) -> Any:
        """Return the JSON answer to a call.

        Raises:
            ProviderError: there was none.
        """
        try:
            return await self._http.get_json(call, await self.sign(call))
        except HttpRefused as error:
            raise self.refused(error.refusal, "") from None

    async def aclose(self) -> None:
        await self._http.aclose()

    def _clean(self, info: ErrorInfo, model: str) -> ErrorInfo:
        """Name provider and model, and make sure that no key is quoted."""
        return replace(
            info,
            provider=self._name,
            model=info.model or model or None,
            message=redact(info.message, self.endpoint.api_key),
        )


async def _next_events(body: Body, decoder: Decoder) -> list[ProviderEvent]:
    """Read once; a connection that breaks ends in the decoder's last events."""
    try:
        chunk = await body.read()
        if chunk is None:
            return decoder.finish()
        frames = decoder.frames
        events = decoder.feed(chunk)
        if events:
            body.alive()
        else:
            body.quiet(len(chunk), frames=decoder.frames != frames)
        return events
    except ProviderError as error:
        return decoder.fail(error)


def _is_nothing_there(failure: ErrorInfo) -> bool:
    """Whether a server has no API at an address: it says so, or answers with a web page."""
    at_fault = (failure.details or {}).get("fault") == "address"
    return at_fault and failure.code in (BadRequest.code, ParseFailed.code)


def _is_loading(failure: ErrorInfo) -> bool:
    return bool(failure.details and failure.details.get("loading"))


def _delay(attempt: int, failure: ErrorInfo) -> float:
    """Return the seconds to wait: what the server asked, else a doubling time with jitter."""
    if failure.retry_after is not None:
        return min(failure.retry_after, MAX_RETRY_AFTER)
    longest: float = min(_FIRST_DELAY * 2 ** (attempt - 1), _LONGEST_DELAY)
    return longest * random.uniform(0.75, 1.0)
