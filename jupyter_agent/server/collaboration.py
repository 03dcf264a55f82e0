"""The collaboration rooms of this server (`Rooms`), by the extension that keeps them, if there is one.

`jupyter_server_ydoc` (jupyter-collaboration 2 to 5) keeps a live document for each file that is
open in a browser, and for a minute after. It offers documents, but neither whether one lives nor
how to keep it from closing, so its rooms and their locks are used. What of that is missing in
another version makes edits of notebooks without a tab be refused.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..protocol.errors import AgentError, EditRefused, NotebookError

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

# Extensions that keep live documents; of the others only `jupyter_server_ydoc` is known to us.
EXTENSIONS = ("jupyter_server_ydoc", "jupyter_collaboration", "jupyter_server_documents")

# Seconds within which a room has read its file, or ended a save.
PATIENCE = 30.0


class ServerRooms:
    """The rooms of a server.

    Args:
        server: the server; its extensions may be loaded later.
        root: the folder that paths are relative to.
    """

    def __init__(self, server: ServerApp, root: Path) -> None:
        self._server = server
        self._root = root

    def live(self, path: str) -> bool:
        """Return whether a live document holds a notebook right now."""
        return self.holds(str(self._root / path))

    def holds(self, file: str) -> bool:
        """Return whether a live document holds a file, of whatever kind."""
        extension = self._extension()
        if extension is None:
            return False
        try:
            return any(True for _ in self._rooms_of(extension, file))
        except (AttributeError, TypeError, KeyError):
            return Path(_real(file)).is_relative_to(_real(str(self._root)))  # nobody knows

    @asynccontextmanager
    async def enter(self, path: str, *, write: bool) -> AsyncIterator[HeldRoom | None]:
        """Hold the room of a notebook, or hold off that one opens."""
        extension = self._extension()
        if extension is None:
            yield None
            return
        async with AsyncExitStack() as held:
            try:
                room = await self._hold(extension, path, held)
            except AgentError:
                if write:
                    raise
                room = None
            yield room

    # ---- inside --------------------------------------------------------------------------------

    def _extension(self) -> Any:
        """Return the extension that keeps live documents, None when there is none."""
        loaded = self._server.extension_manager.extension_apps
        apps = [app for name in EXTENSIONS for app in loaded.get(name, ())]
        return next((app for app in apps if not getattr(app, "disable_rtc", False)), None)

    def _rooms_of(self, extension: Any, file: str) -> Iterator[str]:
        """Yield the ids of the rooms that hold a file, under whatever name."""
        ids = self._server.web_app.settings["file_id_manager"]
        wanted = _real(file)
        for room_id in tuple(extension.ywebsocket_server.rooms):
            if room_id.count(":") >= 2:  # others are not of files
                held = ids.get_path(room_id.split(":", 2)[2])
                if held is not None and _real(str(self._root / held)) == wanted:
                    yield room_id

    async def _hold(self, extension: Any, path: str, held: AsyncExitStack) -> HeldRoom | None:
        try:
            file = str(self._root / path)
            file_id = self._server.web_app.settings["file_id_manager"].index(path)
            own = {f"json:notebook:{file_id}"} if file_id is not None else set()
            # In order: two that hold several must not wait for each other.
            for room_id in sorted({*own, *self._rooms_of(extension, file)}):
                await held.enter_async_context(extension._room_locks[room_id])
            living = list(self._rooms_of(extension, file))
            if not living:
                return None
            if any(not room_id.startswith("json:notebook:") for room_id in living):
                raise EditRefused(
                    f"{path} is open as text in an editor that people share. "
                    "Close it there, then try again. Nothing was applied."
                )
            if len(living) > 1:
                raise EditRefused(
                    f"{path} is open under two names in editors that people share. "
                    "Close one of them, then try again. Nothing was applied."
                )
            room = await extension.ywebsocket_server.get_room(living[0])
            found = HeldRoom(room)
        except (AttributeError, TypeError, KeyError) as error:
            raise _unknown(extension, path, error) from error
        await found.ready(path)
        return found


class HeldRoom:
    """A room whose lock is held (`Room`).

    Raises:
        AttributeError: it is not made as those that are known.
    """

    def __init__(self, room: Any) -> None:
        self.document: Any = room._document
        self._room = room
        self._update_lock: asyncio.Lock = room._update_lock
        self._save = room._save_to_disc
        self._look_at_file = room._file.maybe_notify
        self._initialize = room.initialize
        self._put_off_save = room._on_document_change

    async def ready(self, path: str) -> None:
        """See that the room has read its file, and what another program wrote since.

        Raises:
            NotebookError: it cannot.
        """
        try:
            await asyncio.wait_for(self._read_file(), PATIENCE)
        except Exception as error:  # whatever the contents manager raises
            raise NotebookError(
                f"The shared document of {path} could not read its file: "
                f"{str(error) or type(error).__name__}",
                cause=error,
            ) from error

    async def _read_file(self) -> None:
        await self._initialize()  # does nothing where a client has done it
        await self._look_at_file()

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """Keep the room's own loading and overwriting out.

        The room does not save what people type meanwhile; it is told of it afterwards.
        """
        typed: list[object] = []
        async with self._update_lock:
            watch = self.document.ydoc.observe(typed.append)
            try:
                yield
            finally:
                self.document.ydoc.unobserve(watch)
        if typed:
            self._put_off_save("cells", None)

    async def save(self) -> None:
        """Have the room write the document now; it tells no errors."""
        # It saves at once only where nothing else is loaded or saved.
        async with self._update_lock:
            pass
        task = self._save()
        if task is not None:
            # Typing that goes on puts the save off, which ends the task.
            await asyncio.wait({task}, timeout=PATIENCE)


def _unknown(extension: Any, path: str, error: Exception) -> EditRefused:
    return EditRefused(
        f"This server shares documents by an extension ({extension.name}) in a version that the "
        f"agent does not know, so an edit could undo what people type into {path}. Open the "
        "notebook in a browser tab with the agent's panel and try again. Nothing was applied.",
        cause=error,
    )


def _real(file: str) -> str:
    return os.path.normcase(os.path.realpath(file))
