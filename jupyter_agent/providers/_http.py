"""All HTTP of the adapters, over httpx: one call with deadlines, bounded reads, mapped errors.

No redirects (keys would travel along), TLS always verified, no decompression: a small gzip body can
unpack to gigabytes, so we ask for none and read what comes as it is.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ..protocol.errors import ConnectionFailed, ErrorInfo, ParseFailed, StreamInterrupted
from ..protocol.models import ProviderOptions
from ._body import Body, Timeouts
from ._errors import redact
from ._faults import proxy_for, translate, unsendable
from ._habits import Habits
from ._json import compact_json, parse_json
from .dialects import LABELS

if TYPE_CHECKING:
    import httpx

    from ._record import Recording

MAX_ERROR_BODY = 256 << 10
MAX_JSON_BODY = 16 << 20

OnRetry = Callable[[int, float, ErrorInfo], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where and how to reach a provider. Keys, headers and proxy are kept out of its repr."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    label: str = ""  # what errors call it, where the provider's own name says nothing
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    max_retries: int = 2
    on_retry: OnRetry | None = None
    transport: httpx.AsyncBaseTransport | None = None
    record_to: str | None = None  # a folder that gets a copy of every answer
    plain_schemas: bool = False  # whether tools' schemas go without bounds
    habits: Habits = field(default_factory=Habits)  # what the server was found not to accept
    options: ProviderOptions = field(default_factory=ProviderOptions)
    direct: bool = False  # never through a proxy, whatever the environment says


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """One request of an adapter, without its key: what `create_stream` returns."""

    url: str
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"

    @property
    def content(self) -> bytes:
        """The body as sent."""
        return b"" if self.body is None else compact_json(self.body)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer of status 300 or above, its body cut at a limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpRefused(Exception):
    """The server answered with an error status. Stays inside this room."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"HTTP {refusal.status}")
        self.refusal = refusal


class HttpClient:
    """Opens calls to one endpoint. httpx is loaded, and its client made, on the first of them.

    `clock_ahead` is how many seconds this machine's clock is ahead of the server's, as of its last
    answer; None as long as it has not told the time.
    """

    def __init__(self, endpoint: Endpoint, provider: str, api: str) -> None:
        self._endpoint = endpoint
        self._provider = provider
        self._api = api
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.clock_ahead: float | None = None

    @asynccontextmanager
    async def open(self, call: HttpCall, auth: Mapping[str, str]) -> AsyncGenerator[Body, None]:
        """Send a call and give its body, once the status is known to be good.

        Leaving the context closes the connection, unless the body was read to its end.

        Raises:
            HttpRefused: the status is 300 or above.
            ConnectionFailed, TimedOut, BadRequest: there was no answer.
        """
        whom = self._whom(call.url)
        body = Body(self._endpoint.timeouts, whom)
        request = self._request(call, auth, whom)
        recording = self._recording(call)
        reading = asyncio.create_task(self._read(request, body, recording))
        try:
            response = await body.head(proxy_for(call.url, self._endpoint.proxy))
            self.clock_ahead = _ahead_of(response.headers.get("date"))
            if response.status_code >= 300:
                content = await body.read_all(MAX_ERROR_BODY, cut=True)
                raise HttpRefused(Refusal(response.status_code, response.headers, content))
            yield body
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            if recording is not None:
                await asyncio.to_thread(recording.save)

    async def get_json(self, call: HttpCall, auth: Mapping[str, str]) -> Any:
        """Return the JSON answer to a call.

        Raises:
            ParseFailed: it is not JSON, or larger than 16 MiB.
            HttpRefused, ConnectionFailed, TimedOut, StreamInterrupted: as `open` and `read` do.
        """
        async with self.open(call, auth) as body:
            content = await body.read_all(MAX_JSON_BODY, cut=False)
        try:
            return parse_json(content)
        except ValueError as error:
            raise ParseFailed(
                f"{self._whom(call.url)} did not answer with JSON. Check the address.",
                provider=self._provider,
                details={"fault": "address"},
            ) from error

    async def aclose(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    def _request(self, call: HttpCall, auth: Mapping[str, str], whom: str) -> httpx.Request:
        headers = {
            "Accept": "text/event-stream, application/x-ndjson, application/json;q=0.9, */*;q=0.5",
            "Accept-Encoding": "identity",
            "User-Agent": "jupyter-agent",
            **({"Content-Type": "application/json"} if call.body is not None else {}),
            **call.headers,
            **auth,
            **self._endpoint.headers,
        }
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise unsendable(whom)
        try:
            return self._ready().build_request(
                call.method, call.url, headers=headers, content=call.content or None
            )
        except Exception as error:
            direct = self._endpoint.direct
            proxy = None if direct else proxy_for(call.url, self._endpoint.proxy)
            raise translate(error, whom, reading=False, proxy=proxy) from error

    async def _read(self, request: httpx.Request, body: Body, recording: Recording | None) -> None:
        """Ask, and put all that comes into the body. The connection belongs to this task alone."""
        try:
            response = await self._ready().send(request, stream=True)
            try:
                body.begin(response)
                chunks = response.stream.__aiter__()  # type: ignore[union-attr]
                if recording is not None:
                    recording.begin(response.status_code, response.headers)
                    chunks = recording.copy(chunks)
                async for chunk in chunks:
                    if body.put(chunk):
                        await body.room()
            finally:
                await response.aclose()
        except asyncio.CancelledError:  # nobody reads it any more, or the loop closes
            body.end(StreamInterrupted(f"The connection to {body.whom} was closed."))
            raise
        except Exception as error:
            body.end(error)
        else:
            body.end()

    def _ready(self) -> httpx.AsyncClient:
        """Return the client of the running loop: connections cannot move between loops."""
        import httpx

        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            endpoint = self._endpoint
            self._client = httpx.AsyncClient(
                transport=endpoint.transport,
                proxy=endpoint.proxy,
                verify=_tls(endpoint.ca_bundle),
                follow_redirects=False,
                trust_env=not endpoint.direct,
                timeout=httpx.Timeout(None, connect=endpoint.timeouts.connect),
                mounts=None if endpoint.proxy else dict.fromkeys(_LOOPBACK),
            )
            self._loop = loop
        return self._client

    def _recording(self, call: HttpCall) -> Recording | None:
        endpoint = self._endpoint
        if endpoint.record_to is None or call.body is None:
            return None
        from ._record import Recording

        return Recording(
            endpoint.record_to,
            api=self._api,
            provider=self._provider,
            call=call,
            secret=endpoint.api_key,
        )

    def _whom(self, url: str) -> str:
        host = url.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1]
        host = redact(host, self._endpoint.api_key)
        name = LABELS.get(self._provider, self._provider)
        return name if name == host else f"{name} ({host})"


# A proxy from the environment is for the outside world, not for a model server on this machine.
_LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")


def _ahead_of(date: str | None) -> float | None:
    """Return the seconds our clock is ahead of an HTTP date; None when it is none."""
    try:
        then = parsedate_to_datetime(date or "")
    except (ValueError, TypeError, IndexError, OverflowError):  # whatever a server may send
        return None
    if then.tzinfo is None:
        return None
    return (datetime.now(timezone.utc) - then).total_seconds()


def _tls(ca_bundle: str | None) -> ssl.SSLContext | bool:
    if ca_bundle is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError as error:
        raise ConnectionFailed(
            f"The CA bundle {ca_bundle} cannot be read. Check the setting.", retryable=False
        ) from error
