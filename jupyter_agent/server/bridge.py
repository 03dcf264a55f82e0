"""The bridge, below `/jupyter-agent/bridge/`: models for agents that run in this server's kernels.

Who comes in has the bridge's secret (see `bridge_door.py`) and is no user: a token or a cookie
opens nothing here, and the secret nothing elsewhere. There are models, and neither keys, settings,
sessions nor approvals. What is answered is decided in `runtime/serving.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

from tornado import web
from tornado.iostream import StreamClosedError

from ..protocol.bridge_address import SECRET_HEADER
from .rest import AgentHandler

# Providers themselves take no more; pictures are what makes a question large.
MAX_BODY = 32 << 20
BODY_SECONDS = 60.0

Method = TypeVar("Method", bound=Callable[..., Awaitable[None]])


def for_kernels(method: Method) -> Method:
    """Let a method be called with the bridge's secret alone; the last word of `prepare`'s check."""

    @wraps(method)
    async def wrapper(self: BridgeHandler, *args: Any, **kwargs: Any) -> None:
        self.require_secret()
        await method(self, *args, **kwargs)

    # Where Jupyter's server looks for handlers that ask nobody who they are.
    setattr(wrapper, "__allow_unauthenticated", False)
    return wrapper  # type: ignore[return-value]


@web.stream_request_body
class BridgeHandler(AgentHandler):
    """What all routes of the bridge share: the secret is checked before a body is read."""

    _track_activity = False  # a kernel at work is counted as such already

    async def prepare(self, **kwargs: Any) -> None:
        """Refuse whoever has not the secret. No user is looked for: there is none."""
        self.current_user = self._jupyter_current_user = None
        self._pieces: list[bytes] = []
        self._size = 0
        if not self.check_host():
            raise web.HTTPError(403)
        self.require_secret()
        length = self.request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > MAX_BODY:
            raise _too_large()
        connection: Any = self.request.connection
        connection.set_body_timeout(BODY_SECONDS)

    def require_secret(self) -> None:
        """Refuse a request without the secret."""
        if not self.agent.bridge.admits(self.request.headers.get(SECRET_HEADER)):
            raise web.HTTPError(403)

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body, up to the limit: it may be larger than announced."""
        self._size += len(chunk)
        if self._size > MAX_BODY or self._finished:
            self._pieces.clear()
        else:
            self._pieces.append(chunk)

    def question(self, kind: Any) -> Any:
        """Return the body as a protocol value."""
        from ..protocol.codec import from_json

        if self._size > MAX_BODY:
            raise _too_large()
        body = b"".join(self._pieces)
        self._pieces.clear()
        return from_json(kind, body)

    @for_kernels
    async def options(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Answer nobody: pages of other origins have no business here."""
        raise web.HTTPError(405)


def _too_large() -> web.HTTPError:
    return web.HTTPError(413, f"A question is at most {MAX_BODY >> 20} MiB.")


class BridgeModelsHandler(BridgeHandler):
    """The models that can be reached from here."""

    @for_kernels
    async def get(self) -> None:
        """Return `ServedModels`.

        With `live=1` the providers that are ready are asked; with `listed=0` nobody is, and no
        models are listed.
        """
        from ..protocol.bridge import ServedModels

        live = self.get_query_argument("live", "0") == "1"
        listed = self.get_query_argument("listed", "1") == "1"
        serving = (await self.manager()).serving
        self.reply(ServedModels, await serving.models(live=live, listed=listed))


class BridgeModelHandler(BridgeHandler):
    """One model."""

    @for_kernels
    async def get(self) -> None:
        """Return the `ModelInfo` of the model named `id`."""
        from ..protocol.models import ModelInfo

        wanted = self.get_query_argument("id")
        self.reply(ModelInfo, await (await self.manager()).serving.describe(wanted))


class BridgeAnswerHandler(BridgeHandler):
    """A model's answer, line by line."""

    _work: asyncio.Task[Any] | None = None
    _gone = False

    @for_kernels
    async def post(self) -> None:
        """Answer a `ModelQuestion` with one `BridgeLine` a line, each sent as it comes."""
        from ..protocol.bridge import BridgeLine, ModelQuestion
        from ..protocol.codec import to_json

        question = self.question(ModelQuestion)
        self._work = asyncio.current_task()
        try:
            async with (await self.manager()).serving.answer(question) as lines:
                self.set_header("Content-Type", "application/x-ndjson")
                await self.flush()
                async for line in lines:
                    self.write(to_json(BridgeLine, line) + b"\n")
                    await self.flush()
        except (asyncio.CancelledError, StreamClosedError):
            if not self._gone:
                raise
        finally:
            self._work = None

    def on_connection_close(self) -> None:
        """End the provider's call: whoever asked has stopped, or is no more."""
        self._gone = True
        if self._work is not None:
            self._work.cancel()
        super().on_connection_close()
