"""The server extension: settings, wiring, start and end.

Starting a server costs next to nothing: the agent is put together at the first request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp

from ..config import JupyterAgent, Settings, read_settings
from .bridge_door import BridgeDoor
from .routes import ROUTES

if TYPE_CHECKING:
    from jupyter_server.auth.identity import User
    from jupyter_server.serverapp import ServerApp

    from ..runtime.sessions import Sessions
    from .browser import Tabs
    from .collaboration import ServerRooms
    from .socket import AgentSocket


class JupyterAgentApp(ExtensionApp):
    """An agent that lives in the notebook."""

    name = "jupyter_agent"
    description = __doc__
    load_other_extensions = True
    classes = [JupyterAgent]  # noqa: RUF012 (traitlets reads it from the class)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sockets: set[AgentSocket] = set()
        # A port: tests put another maker of managers here.
        self.make_manager: Callable[[JupyterAgentApp], Sessions] = build
        # What kernels of this server may use; closed until the server listens.
        self.bridge = BridgeDoor()
        self._manager: Sessions | None = None
        self._making = asyncio.Lock()

    def _config_file_name_default(self) -> str:
        # The file that kernels and the command line read too: see `config.load_settings`.
        return "jupyter_agent_config"

    @cached_property
    def agent_settings(self) -> Settings:
        """What was set.

        Raises:
            ConfigError: something is set wrong.
        """
        return read_settings(parent=self)

    @cached_property
    def package_version(self) -> str:
        """The package's version."""
        from .. import __version__

        return __version__

    @cached_property
    def tabs(self) -> Tabs:
        """The browser tabs that are connected."""
        from .browser import Tabs

        assert self.serverapp is not None
        return Tabs(Path(self.serverapp.root_dir))

    @cached_property
    def rooms(self) -> ServerRooms:
        """The documents that people of this server edit together."""
        from .collaboration import ServerRooms

        assert self.serverapp is not None
        return ServerRooms(self.serverapp, Path(self.serverapp.root_dir))

    def initialize_handlers(self) -> None:
        """Add the routes, and close sockets when their user logs out."""
        self.handlers.extend(ROUTES)
        assert self.serverapp is not None
        settings = self.serverapp.web_app.settings
        logout: Any = self.serverapp.identity_provider.logout_handler_class
        log_request = settings.get("log_function")

        def after_request(handler: Any) -> None:
            if isinstance(handler, logout):
                self._logged_out(handler.current_user)
            if log_request is not None:
                log_request(handler)

        settings["log_function"] = after_request

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Tell kernels of the bridge, and take keys out of their environment where that is set."""
        self.bridge.close()
        try:
            if self.agent_settings.bridge and (problem := self.bridge.open(serverapp)):
                self.log.info("Kernels cannot reach models through this server: %s", problem)
            if self.agent_settings.hide_provider_variables_from_kernels:
                await self.manager()
        except Exception:
            self.log.exception("The agent could not be started; its requests will say why")

    async def manager(self) -> Sessions:
        """Return the sessions, put together and put in order at the first call."""
        async with self._making:
            if self._manager is None:
                manager = self.make_manager(self)
                await manager.start()
                self._manager = manager
            return self._manager

    async def stop_extension(self) -> None:
        """Close the sockets and the bridge, end all runs, write everything."""
        self.bridge.close()
        for socket in tuple(self.sockets):
            socket.end(1001, "the server is shutting down")
        if self._manager is not None:
            await self._manager.aclose()
            self._manager = None

    def _logged_out(self, user: User | None) -> None:
        for socket in tuple(self.sockets):
            if user is not None and socket.current_user.username == user.username:
                socket.end(1008, "logged out")


def build(app: JupyterAgentApp) -> Sessions:
    """Put the agent together from what this server has."""
    from ..notebook.shared import SharedNotebooks
    from ..runtime.build import build_manager
    from .contents import notebooks_of
    from .kernels import ServerKernels

    server = app.serverapp
    assert server is not None
    settings, root = app.agent_settings, Path(server.root_dir)
    return build_manager(
        settings,
        root=root,
        store_path=settings.store_path(),
        notebooks=SharedNotebooks(notebooks_of(server.contents_manager, root), app.rooms),
        kernels=ServerKernels(server.session_manager, server.kernel_manager),
        browser=app.tabs.for_owner,
        memory_instead=True,
    )
