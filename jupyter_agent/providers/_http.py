"""All HTTP of the adapters, over httpx: one call with deadlines, bounded reads, mapped errors.

No redirects (keys would travel along), TLS always verified, no decompression: a small gzip body can
unpack to gigabytes, so we ask for none and read what comes as it is.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ..protocol.errors import ConnectionFailed, ErrorInfo, ParseFailed, ProviderError
from ._errors import redact
from ._faults import proxy_for, timed_out, translate, unsendable
from ._json import compact_json, parse_json
from .dialects import LABELS

if TYPE_CHECKING:
    import httpx

    from ._record import Recording

MAX_ERROR_BODY = 256 << 10
MAX_JSON_BODY = 16 << 20
MAX_FILLER = 16 << 20  # bytes between two events
_DRAIN_SECONDS = 0.1
_DRAIN_BYTES = 64 << 10
_GZIP = b"\x1f\x8b"

OnRetry = Callable[[int, float, ErrorInfo], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits in seconds: to connect, to the first event, and between two signs of life."""

    connect: float = 5.0
    first_event: float = 180.0
    gap: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where and how to reach a provider. Keys, headers and proxy are kept out of its repr."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = Timeouts()
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    max_retries: int = 2
    on_retry: OnRetry | None = None
    transport: httpx.AsyncBaseTransport | None = None
    record_to: str | None = None  # a folder that gets a copy of every answer
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


class _Deadline:
    """Ends a wait for the server when its time is up, also while bytes trickle in.

    Only waiting counts, not what the reader does between two reads. One timer serves a whole
    stream: setting a new limit costs no more than a number.
    """

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = seconds
        self._at = 0.0
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._expired = False
        self._others = 0

    def allow(self, seconds: float) -> None:
        """Start a new limit."""
        self._left = seconds

    @property
    def left(self) -> float:
        """Seconds left."""
        return self._left

    def start(self) -> None:
        """Begin to wait.

        Raises:
            TimeoutError: nothing is left of the time.
        """
        if self._left <= 0:
            raise TimeoutError
        self._task = asyncio.current_task(self._loop)
        self._at = self._loop.time() + self._left
        if self._rings_at > self._at:
            self._arm()

    def stop(self) -> None:
        """End the wait, whatever it brought."""
        self._left = self._at - self._loop.time()
        self._task = None

    def rang(self) -> bool:
        """Whether a cancellation that ended the wait was this deadline's, and nobody else's."""
        if not self._expired:
            return False
        uncancel = getattr(self._task, "uncancel", None)  # from Python 3.11
        return uncancel is None or uncancel() <= self._others

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._rings_at = math.inf

    def _arm(self) -> None:
        self.close()
        self._timer = self._loop.call_at(self._at, self._ring)
        self._rings_at = self._at

    def _ring(self) -> None:
        self._timer = None
        self._rings_at = math.inf
        if self._task is None:
            return  # nobody waits: the next wait sets the timer again
        if self._loop.time() < self._at:
            self._arm()
            return
        self._expired = True
        self._others = getattr(self._task, "cancelling", int)()
        self._task.cancel()


class Body:
    """The body of an answer, read under deadlines."""

    def __init__(
        self, chunks: AsyncIterator[bytes], deadline: _Deadline, timeouts: Timeouts, whom: str
    ) -> None:
        self._next = chunks.__anext__
        self._deadline = deadline
        self._timeouts = timeouts
        self._silence = timeouts.first_event
        self._allowed = timeouts.gap
        self._whom = whom
        self._any_event = False
        self._filler = 0

    async def read(self) -> bytes | None:
        """Return the next piece, None at the end.

        Raises:
            TimedOut: nothing came in time.
            StreamInterrupted: the connection broke.
        """
        deadline = self._deadline
        try:
            deadline.start()
            return await self._next()
        except StopAsyncIteration:
            return None
        except (TimeoutError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and not deadline.rang():
                raise
            raise timed_out(self._whom, started=self._any_event) from error
        except Exception as error:
            raise translate(error, self._whom, reading=True) from error
        finally:
            deadline.stop()

    def alive(self) -> None:
        """Say that the last piece held events: the wait for the next starts anew."""
        self._any_event = True
        self._filler = 0
        self._silence = self._timeouts.first_event
        self._allowed = self._timeouts.gap
        self._deadline.allow(self._allowed)

    def quiet(self, size: int, *, frames: bool) -> None:
        """Say that the last piece held no event, at most whole frames such as keep-alives.

        They prolong the wait, but a server that only keeps alive is given up in the end.

        Raises:
            ParseFailed: megabytes came and nothing was in them.
        """
        self._filler += size
        if self._filler > MAX_FILLER:
            raise ParseFailed(f"{self._whom} sends much and says nothing. Try again.")
        if frames and self._any_event:
            self._silence -= max(0.0, self._allowed - self._deadline.left)
            self._allowed = max(0.0, min(self._timeouts.gap, self._silence))
            self._deadline.allow(self._allowed)

    async def drain(self) -> None:
        """Read the little that follows the end, so that the connection can be used again.

        The answer is whole by then: what goes wrong here only closes the connection.
        """
        self._deadline.allow(_DRAIN_SECONDS)
        size = 0
        with suppress(ProviderError):
            while size < _DRAIN_BYTES and (chunk := await self.read()) is not None:
                size += len(chunk)


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
        timeouts = self._endpoint.timeouts
        whom = self._whom(call.url)
        deadline = _Deadline(timeouts.connect + timeouts.first_event)
        recording = self._recording(call)
        try:
            response = await self._send(call, auth, deadline, whom)
            try:
                chunks = response.stream.__aiter__()  # type: ignore[union-attr]
                if recording is not None:
                    recording.begin(response.status_code, response.headers)
                    chunks = recording.copy(chunks)
                body = Body(chunks, deadline, timeouts, whom)
                if response.status_code >= 300:
                    content = await _read_all(body, MAX_ERROR_BODY, cut=True)
                    raise HttpRefused(Refusal(response.status_code, response.headers, content))
                yield body
            finally:
                await response.aclose()
                if recording is not None:
                    await asyncio.to_thread(recording.save)
        finally:
            deadline.close()

    async def get_json(self, call: HttpCall, auth: Mapping[str, str]) -> Any:
        """Return the JSON answer to a call.

        Raises:
            ParseFailed: it is not JSON, or larger than 16 MiB.
            HttpRefused, ConnectionFailed, TimedOut, StreamInterrupted: as `open` and `read` do.
        """
        async with self.open(call, auth) as body:
            content = await _read_all(body, MAX_JSON_BODY, cut=False)
        try:
            return parse_json(content)
        except ValueError as error:
            raise ParseFailed(
                f"{self._whom(call.url)} did not answer with JSON. Check the base URL.",
                provider=self._provider,
            ) from error

    async def aclose(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    async def _send(
        self, call: HttpCall, auth: Mapping[str, str], deadline: _Deadline, whom: str
    ) -> httpx.Response:
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
            client = self._ready()
            request = client.build_request(
                call.method, call.url, headers=headers, content=call.content or None
            )
            deadline.start()
            response = await client.send(request, stream=True)
            self.clock_ahead = _ahead_of(response.headers.get("date"))
            return response
        except asyncio.CancelledError as error:
            if not deadline.rang():
                raise
            raise timed_out(whom, started=False) from error
        except Exception as error:
            direct = self._endpoint.direct
            proxy = None if direct else proxy_for(call.url, self._endpoint.proxy)
            raise translate(error, whom, reading=False, proxy=proxy) from error
        finally:
            deadline.stop()

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
        name = LABELS.get(self._provider, self._provider)
        return f"{name} ({redact(host, self._endpoint.api_key)})"


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


async def _read_all(body: Body, limit: int, *, cut: bool) -> bytes:
    """Read a whole body; beyond the limit it is cut, or an error."""
    pieces: list[bytes] = []
    size = 0
    try:
        while (chunk := await body.read()) is not None:
            pieces.append(chunk)
            size += len(chunk)
            if size > limit:
                if cut:
                    break
                raise ParseFailed("The answer is too large. Check the base URL.")
    except ProviderError:
        if not cut:
            raise
    content = b"".join(pieces)[:limit]
    # Compressed although we asked for none: its words are lost, its status is not.
    return b"" if cut and content.startswith(_GZIP) else content
