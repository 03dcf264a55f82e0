"""The server's contents manager, for notebooks that no tab has open.

With Jupyter's own file manager the agent writes files itself, so that they are always old or new,
and runs the manager's hooks around it. Any other manager is asked to get and to save.
"""

from __future__ import annotations

import copy
import inspect
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.services.contents.filemanager import FileContentsManager
from tornado.web import HTTPError

from ..notebook.contents import Kept
from ..notebook.file import AfterSave, BeforeSave
from ..notebook.lines import join_texts, split_texts
from ..notebook.places import ContentsNotebooks, FolderNotebooks, Notebooks
from ..protocol.errors import (
    AgentError,
    EditRefused,
    NotANotebook,
    NotebookError,
    NotebookMissing,
    NotebookReadOnly,
)


def notebooks_of(manager: Any, root: Path) -> Notebooks:
    """Return the notebooks of a server, by the means that fits its contents manager."""
    if _writes_plain_files(manager):
        return FolderNotebooks(root, ManagerHooks(manager))
    return ContentsNotebooks(ServerContents(manager))


def _writes_plain_files(manager: Any) -> bool:
    """Say whether a file that we write is what the manager would have written.

    One that is derived from the file manager may do more at a save: keep a script beside the
    notebook, or encrypt it.
    """
    if not isinstance(manager, FileContentsManager):
        return False
    kind = type(manager)
    return all(
        getattr(kind, name).__module__.startswith("jupyter_server.")
        for name in ("get", "save", "_read_notebook", "_save_notebook", "_get_os_path")
    )


class ManagerHooks:
    """The save hooks of a file manager (`SaveHooks`). They run in the thread that saves."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def before(self, path: str) -> BeforeSave | None:
        if not self._has("pre"):
            return None

        def run(data: dict[str, Any]) -> dict[str, Any] | None:
            join_texts(data)
            before = copy.deepcopy(data)
            model: dict[str, Any] = {"type": "notebook", "format": "json", "content": data}
            try:
                self._manager.run_pre_save_hooks(model=model, path=path)
            except Exception as error:  # what may be passed over, the manager has passed over
                raise EditRefused(
                    f"A pre-save hook of this server refused to save {path}: {_words(error)} "
                    "Nothing was applied.",
                    cause=error,
                ) from error
            if model["content"] == before:
                return None
            changed = dict(model["content"])
            split_texts(changed)
            return changed

        return run

    def after(self, path: str) -> AfterSave | None:
        if not self._has("post"):
            return None
        model = {
            "type": "notebook",
            "name": path.rpartition("/")[2],
            "path": path,
            "writable": True,
            **dict.fromkeys(("content", "format", "mimetype")),
        }

        def run(file: str) -> str | None:
            try:
                self._manager.run_post_save_hooks(model=dict(model), os_path=file)
            except Exception as error:
                return f"Saved, but a post-save hook of this server failed: {_words(error)}"
            return None

        return run

    def _has(self, when: str) -> bool:
        """Say whether there may be hooks of a kind: running none would cost a copy of the data."""
        registered = getattr(self._manager, f"_{when}_save_hooks", True)
        return bool(registered) or getattr(self._manager, f"{when}_save_hook") is not None


class ServerContents:
    """A contents manager, sync or async (the `Contents` port)."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        # Older managers know no hashes; what they return is then compared by itself.
        known = inspect.signature(manager.get).parameters
        self._hashed: dict[str, Any] = {"require_hash": True} if "require_hash" in known else {}

    async def get(self, path: str) -> Kept:
        try:
            model = await ensure_async(
                self._manager.get(path, content=True, type="notebook", **self._hashed)
            )
        except Exception as error:
            raise _translated(error, path, "read") from error
        if model.get("type") != "notebook" or not isinstance(model.get("content"), dict):
            raise NotANotebook(f"{path} is not a notebook.")
        version = model.get("hash")
        return Kept(
            content=model["content"],
            version=None if version is None else str(version),
            writable=model.get("writable") is not False,
        )

    async def save(self, path: str, content: dict[str, Any]) -> None:
        model = {"type": "notebook", "format": "json", "content": content}
        try:
            await ensure_async(self._manager.save(model, path))
        except Exception as error:
            raise _translated(error, path, "saved") from error

    async def exists(self, path: str) -> bool:
        try:
            return bool(await ensure_async(self._manager.exists(path)))
        except Exception as error:
            raise _translated(error, path, "read") from error


def _translated(error: Exception, path: str, done: str) -> AgentError:
    """Say in words what a manager raised: an HTTP error, or whatever its storage raises."""
    status = error.status_code if isinstance(error, HTTPError) else None
    if status == 404:
        return NotebookMissing(f"There is no notebook {path}.", cause=error)
    if status in (403, 405):
        return NotebookReadOnly(f"{path} cannot be {done}: {_words(error)}", cause=error)
    return NotebookError(f"{path} could not be {done}: {_words(error)}", cause=error)


def _words(error: Exception) -> str:
    said = error.log_message or error.reason if isinstance(error, HTTPError) else str(error)
    line = " ".join((said or type(error).__name__).split())[:300]
    return line if line.endswith((".", "!", "?")) else f"{line}."
