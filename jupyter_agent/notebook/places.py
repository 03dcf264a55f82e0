"""Where notebooks are when no tab has them open: in a folder, or with a contents manager.

A server's composition root chooses one of the two; everything else has a folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

from ..protocol.errors import EditRefused
from ..protocol.rpc import CellState
from .contents import Contents, ContentsNotebook
from .creation import create_notebook_file, new_notebook
from .document import NotebookDocument
from .file import AfterSave, BeforeSave, FileNotebook
from .stable_ids import StableIds


class Notebooks(Protocol):
    """Notebooks by their paths."""

    def document(self, path: str) -> NotebookDocument:
        """Return the notebook at a path, which need not be there.

        Raises:
            EditRefused: the path leads outside.
        """

    async def create(self, path: str, cells: Sequence[CellState], kernel_name: str | None) -> None:
        """Make a notebook that was not there before.

        Raises:
            EditRefused: there is something at that path, it leads outside, or is no notebook's.
            NotebookReadOnly: it cannot be written there.
        """


class SaveHooks(Protocol):
    """What a server wants done around each save of a file."""

    def before(self, path: str) -> BeforeSave | None:
        """Return what is called before a notebook is written, None for nothing."""

    def after(self, path: str) -> AfterSave | None:
        """Return what is called afterwards, None for nothing."""


class FolderNotebooks:
    """Notebooks as files below a folder.

    Args:
        root: the folder.
        hooks: what is done around each save.
        named: the notebook that the person named, relative to `root`: a link may lead it outside.
    """

    def __init__(
        self, root: Path, hooks: SaveHooks | None = None, *, named: str | None = None
    ) -> None:
        self._root = root
        self._hooks = hooks
        self._named = named

    def document(self, path: str) -> NotebookDocument:
        hooks = self._hooks
        own = path == self._named
        return FileNotebook(
            path,
            self._root / path if own else confined(self._root, path),
            before_save=hooks.before(path) if hooks is not None else None,
            after_save=hooks.after(path) if hooks is not None else None,
        )

    async def create(self, path: str, cells: Sequence[CellState], kernel_name: str | None) -> None:
        await create_notebook_file(confined(self._root, path), cells, kernel_name)


class ContentsNotebooks:
    """Notebooks that a contents manager keeps."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        # Weakly kept: a lock goes when nobody edits its notebook.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # Kept for good: an id that the model has read must still be known in its next call.
        self._ids: dict[str, StableIds] = {}

    def document(self, path: str) -> NotebookDocument:
        lock = self._locks.setdefault(_inside(path), asyncio.Lock())
        ids = None if keeps_ids(path) else self._ids.setdefault(path, StableIds())
        return ContentsNotebook(path, self._contents, lock, ids)

    async def create(self, path: str, cells: Sequence[CellState], kernel_name: str | None) -> None:
        if not _inside(path).endswith(".ipynb"):
            raise EditRefused(f"{path} is not a notebook's name: it must end in .ipynb.")
        if await self._contents.exists(path):
            raise EditRefused(f"{path} exists already. Edit it with edit_cells.")
        await self._contents.save(path, new_notebook(cells, kernel_name))


def keeps_ids(path: str) -> bool:
    """Return whether a notebook's format keeps its cells' ids and metadata out of its text.

    A script or a Markdown file that is opened as a notebook does not: what is in a cell's metadata
    stands in the line that begins the cell.
    """
    return path.lower().endswith(".ipynb")


def named_file(given: str | Path) -> Path:
    """Return where the notebook is that a person named; a link stays a link.

    Its folder is the one that the notebook's code runs in, as in Jupyter and nbconvert.
    """
    path = Path(given).expanduser()
    return path.parent.resolve() / path.name


def confined(root: Path, path: str) -> Path:
    """Return where a path below a folder leads.

    Raises:
        EditRefused: outside.
    """
    root = root.resolve()
    target = (root / path).resolve()
    if not target.is_relative_to(root):
        raise _outside(path)
    return target


def _inside(path: str) -> str:
    if ".." in path.replace("\\", "/").split("/"):
        raise _outside(path)
    return path


def _outside(path: str) -> EditRefused:
    return EditRefused(f"{path} lies outside the folder the agent may work in.")
