"""The one WebSocket, `/jupyter-agent/api/socket`: tornado's side of it. See `connection.py`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from .identity import most_unapproved, owner_now, owner_of, why_not_approve
from .rest import AUTH_RESOURCE

if TYPE_CHECKING:
    from .connection import Connection
    from .extension import JupyterAgentApp

MAX_FRAME_BYTES = 20_000_000
# Shorter than the five seconds within which a revoked login must be gone.
CHECK_LOGIN_SECONDS = 4.0

# A page that was closed or loaded anew says 1001; whoever was logged out is told 1008.
GONE = frozenset({1000, 1001, 1008})


class AgentSocket(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """A client's socket."""

    auth_resource = AUTH_RESOURCE

    owner = ""
    _connection: Connection | None = None
    _login_check: asyncio.Task[None] | None = None

    @property
    def agent(self) -> JupyterAgentApp:
        """The extension."""
        app: JupyterAgentApp = self.settings["jupyter_agent"]
        return app

    @property
    def max_message_size(self) -> int:
        """Bytes of a frame beyond which the socket is closed."""
        return MAX_FRAME_BYTES

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Open the socket."""
        if not await self._is_authorized("read", AUTH_RESOURCE):
            raise HTTPError(403)
        self.owner = owner_of(self.identity_provider, self.current_user)
        # Before the handshake, so that what goes wrong is an HTTP error.
        self._manager = await self.agent.manager()
        await super().get(*args, **kwargs)

    def open(self, *args: str, **kwargs: str) -> None:
        """Greet the client."""
        from .connection import Client, Connection
        from .outbox import Outbox

        super().open(*args, **kwargs)
        self.set_nodelay(True)
        settings = self.agent.agent_settings
        refused = None if settings.allow_token_approvals else why_not_approve(self)
        client = Client(
            owner=self.owner,
            version=self.agent.package_version,
            no_approvals=refused,
            at_most=None if refused is None else most_unapproved(settings.default_mode),
            authorize=self._is_authorized,
        )
        self._connection = Connection(
            client,
            manager=self._manager,
            tabs=self.agent.tabs,
            outbox=Outbox(self._send, self._drop),
            close=self.end,
        )
        self.agent.sockets.add(self)
        self._login_check = asyncio.get_running_loop().create_task(self._check_login())

    def on_message(self, message: str | bytes) -> None:
        """Take a frame."""
        if self._connection is not None:
            self._connection.receive(message)

    def end(self, code: int, reason: str) -> None:
        """Stop listening and sending at once, then close.

        The client has seconds to answer the closing frame, and could go on talking meanwhile.
        """
        self._let_go(code)
        self.close(code, reason)

    def on_close(self) -> None:
        """Let go of everything."""
        self._let_go(self.close_code)
        super().on_close()

    def _let_go(self, code: int | None) -> None:
        self.agent.sockets.discard(self)
        if self._login_check is not None and self._login_check is not asyncio.current_task():
            self._login_check.cancel()
        if self._connection is not None:
            self._connection.close(returns=code not in GONE)
            self._connection = None

    async def _is_authorized(self, action: str, resource: str) -> bool:
        return bool(
            await ensure_async(
                self.authorizer.is_authorized(self, self.current_user, action, resource)
            )
        )

    async def _send(self, frame: bytes) -> None:
        try:
            await self.write_message(frame)
        except WebSocketClosedError:
            self.log.debug("A client left before its frame was sent")

    def _drop(self) -> None:
        self.log.warning("A client reads too slowly; it is dropped and may resume")
        self.end(1013, "reads too slowly")

    async def _check_login(self) -> None:
        """Close the socket when its login is no longer good, or nobody can say whether it is."""
        while True:
            await asyncio.sleep(CHECK_LOGIN_SECONDS)
            try:
                owner = await owner_now(self)
            except Exception:
                self.log.exception("A login could not be checked again")
                owner = None
            if owner != self.owner:
                self.end(1008, "logged out")
                return
