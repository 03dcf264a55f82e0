"""The demo's folder: one click makes it, another removes it unless somebody has worked in it."""

from __future__ import annotations

import asyncio
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import authorized
from tornado import web

from .rest import AgentHandler

FOLDER = "jupyter-agent-demo"
NOTEBOOK, TABLE = "penguins.ipynb", "penguins.csv"
_NAME = re.compile(rf"{FOLDER}(?:-(\d+))?")
_MOST_FOLDERS = 1000
# Two clicks at the same time make two folders: a name is free until its folder is there.
_making = asyncio.Lock()


class DemoHandler(AgentHandler):
    """The copies of the demo's notebook in the server's root folder."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return `{notebook}`: the latest copy that could be removed, None when there is none."""
        await self.require("read", "contents")
        self.finish({"notebook": await self._folders().latest()})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make a folder of a free name with the notebook and its table; return `{notebook}`."""
        await self.require("write", "contents")
        path = await self._folders().make()
        self.set_status(201)
        self.finish({"notebook": path})

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Remove a copy, its sessions and its kernel; 409 when somebody has worked in it."""
        await self.require("write", "contents")
        await self.require("write", "kernels")
        path = self.get_query_argument("notebook")
        folder, name = posixpath.split(path)
        if name != NOTEBOOK or not _NAME.fullmatch(folder):
            raise web.HTTPError(400, "This is not a notebook of the demo.")
        folders = self._folders()
        if (problem := await folders.kept_because(folder)) is not None:
            raise web.HTTPError(409, problem)
        manager = await self.manager()
        await manager.end_demo(path, owner=self.owner, as_made=demo_assets() / NOTEBOOK)
        await folders.remove(folder)
        self.set_status(204)
        self.finish()

    def _folders(self) -> DemoFolders:
        return DemoFolders(self.contents_manager, self.session_manager)


class DemoFolders:
    """The folders that hold copies of the demo.

    Args:
        contents: the server's contents manager.
        sessions: its session manager.
    """

    def __init__(self, contents: Any, sessions: Any) -> None:
        self._contents = contents
        self._sessions = sessions

    async def latest(self) -> str | None:
        """Return the notebook of the latest folder that could be removed."""
        found = []
        for one in await self._listed(""):
            name = _NAME.fullmatch(one["name"])
            if name and one["type"] == "directory":
                found.append((int(name[1] or 1), str(one["name"])))
        for _, folder in sorted(found, reverse=True):
            if await self.kept_because(folder) is None:
                return f"{folder}/{NOTEBOOK}"
        return None

    async def make(self) -> str:
        """Make a folder of a free name; returns its notebook's path."""
        assets = demo_assets()
        notebook = json.loads((assets / NOTEBOOK).read_text(encoding="utf-8"))
        table = (assets / TABLE).read_text(encoding="utf-8")
        async with _making:
            folder = await self._free_name()
            await self._save(folder, type="directory")
        await self._save(f"{folder}/{TABLE}", type="file", format="text", content=table)
        path = f"{folder}/{NOTEBOOK}"
        await self._save(path, type="notebook", format="json", content=notebook)
        return path

    async def kept_because(self, folder: str) -> str | None:
        """Return why a folder is not to be removed, as far as its names and its table tell."""
        if not await ensure_async(self._contents.dir_exists(folder)):
            return f"{folder} is not there any more."
        names = {one["name"] for one in await self._listed(folder)}
        others = sorted(names - {NOTEBOOK, TABLE})
        if others:
            return f"{folder} is kept: it holds {others[0]}, which the demo did not make."
        if names != {NOTEBOOK, TABLE}:
            return f"{folder} is kept: files of the demo were moved or deleted."
        model: Any = await ensure_async(
            self._contents.get(f"{folder}/{TABLE}", type="file", format="text")
        )
        if model["content"] != (demo_assets() / TABLE).read_text(encoding="utf-8"):
            return f"{folder} is kept: {TABLE} was changed."
        return None

    async def remove(self, folder: str) -> None:
        """Delete a folder with its two files, and end the notebook's kernel."""
        for session in await self._kernels_of(folder):
            await ensure_async(self._sessions.delete_session(session["id"]))
        for name in (NOTEBOOK, TABLE):
            await ensure_async(self._contents.delete(f"{folder}/{name}"))
        # Not `delete`, which would make a folder of checkpoints beside it.
        await ensure_async(self._contents.delete_file(folder))

    async def _kernels_of(self, folder: str) -> list[dict[str, Any]]:
        """Return the server's sessions of a folder's notebook."""
        sessions: Any = await ensure_async(self._sessions.list_sessions())
        return [one for one in sessions if one["path"] == f"{folder}/{NOTEBOOK}"]

    async def _listed(self, folder: str) -> list[dict[str, Any]]:
        model: Any = await ensure_async(self._contents.get(folder, type="directory"))
        return list(model["content"])

    async def _free_name(self) -> str:
        for number in range(1, _MOST_FOLDERS):
            folder = FOLDER if number == 1 else f"{FOLDER}-{number}"
            exists: bool = await ensure_async(self._contents.exists(folder))
            # A folder that was deleted by other means may have left a kernel in it.
            if not exists and not await self._kernels_of(folder):
                return folder
        raise web.HTTPError(409, f"There are too many folders named {FOLDER}.")

    async def _save(self, path: str, **model: Any) -> None:
        await ensure_async(self._contents.save(model, path))


def demo_assets() -> Path:
    """Return the folder with the demo's files; the demo is not loaded before somebody plays it."""
    from ..demo import assets

    return assets.demo_assets()
