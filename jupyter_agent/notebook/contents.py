"""A notebook that a contents manager keeps elsewhere than in files: a database, a bucket, memory.

The server implements `Contents` over its manager. Between reading and saving the notebook is read
once more and compared, so that what someone else saved in the meantime is not lost; a manager
offers no more than that. See `file.py` for notebooks that are files.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..protocol.errors import NotANotebook, NotebookError, StaleCells, Unconfirmed
from ..protocol.rpc import ApplyResult, Change, Expected, NotebookState
from . import ipynb
from .document import Backend, Outputs
from .ipynb import NotebookFile
from .lines import join_texts
from .rewriting import AppliedOnce, apply_result, change_notebook, notebook_state, put_outputs
from .stable_ids import StableIds


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A notebook as its manager has it; `version` is the manager's hash, None if it has none."""

    content: dict[str, Any]
    version: str | None = None
    writable: bool = True


class Contents(Protocol):
    """A contents manager, as this module needs it."""

    async def get(self, path: str) -> Kept:
        """Return a notebook.

        Raises:
            NotebookMissing, NotANotebook, NotebookError: there is none, or it cannot be read.
        """

    async def save(self, path: str, content: dict[str, Any]) -> None:
        """Replace a notebook, or create it.

        Raises:
            NotebookReadOnly, NotebookError: it was refused, or it failed; it is as it was.
        """

    async def exists(self, path: str) -> bool:
        """Return whether there is anything at a path."""


class ContentsNotebook:
    """A notebook document over a contents manager. Use it from one event loop.

    Args:
        path: the path as the contents manager knows it.
        contents: the manager.
        lock: what all documents of this notebook share; None: there is no other.
        ids: gives cells their ids where the notebook's format keeps none, shared as `lock` is;
            None: the format keeps them.
    """

    backend: Backend = "contents"

    def __init__(
        self,
        path: str,
        contents: Contents,
        lock: asyncio.Lock | None = None,
        ids: StableIds | None = None,
    ) -> None:
        self.path = path
        self._contents = contents
        self._lock = lock or asyncio.Lock()
        self._ids = ids
        self._revision = 0
        self._digest = ""
        self._applied = AppliedOnce()

    async def read(self, outputs: Outputs = "none") -> NotebookState:
        notebook, kept = await self._load()
        return notebook_state(
            notebook,
            self.path,
            revision=self._revision,
            outputs=outputs,
            read_only=not kept.writable,
        )

    async def apply(
        self, changes: Sequence[Change], expect: Sequence[Expected], *, op_id: str
    ) -> ApplyResult:
        changes, expect = tuple(changes), tuple(expect)
        # Shielded: a save that is cut off could leave half a notebook.
        return await asyncio.shield(self._apply(changes, expect, op_id))

    async def set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        await asyncio.shield(
            self._change(lambda found: put_outputs(found, cell_id, outputs, execution_count))
        )

    async def save(self) -> None:
        """Do nothing: what was applied is saved."""

    async def _apply(
        self, changes: tuple[Change, ...], expect: tuple[Expected, ...], op_id: str
    ) -> ApplyResult:
        known = self._applied.get(op_id)
        if known is not None:
            return known
        before, after = await self._change(lambda found: change_notebook(found, changes, expect))
        result = apply_result(after, changes, revision=self._revision, notes=before.repairs)
        self._applied.put(op_id, result)
        return result

    async def _change(
        self, work: Callable[[NotebookFile], None]
    ) -> tuple[NotebookFile, NotebookFile]:
        """Do something to the notebook and save it; returns what was saved and what was read back."""
        async with self._lock:
            notebook, kept = await self._load()
            seen = self._digest
            work(notebook)
            content = await asyncio.to_thread(_content, notebook)
            _, now = await self._load()
            if now.version != kept.version or self._digest != seen:
                raise StaleCells(
                    f"{self.path} was saved by someone else at this very moment. "
                    "Nothing was applied."
                )
            if self._ids is not None:
                self._ids.note(content["cells"])
            try:
                await self._contents.save(self.path, content)
            except NotebookError as error:
                await self._make_sure(seen, error)
                raise
            try:
                return notebook, (await self._load())[0]
            except NotebookError as error:
                raise Unconfirmed(
                    f"{self.path} was saved, but could not be read back: {error.user_message}",
                    cause=error,
                ) from error

    async def _make_sure(self, before: str, error: NotebookError) -> None:
        """After a save that failed: see that the notebook is as it was.

        Raises:
            Unconfirmed: it is not, or nobody knows.
        """
        with contextlib.suppress(NotebookError):
            await self._load()
            if self._digest == before:
                return
        raise Unconfirmed(
            f"It is not known whether {self.path} was saved: {error.user_message}", cause=error
        ) from error

    async def _load(self) -> tuple[NotebookFile, Kept]:
        kept = await self._contents.get(self.path)
        notebook, digest = await asyncio.to_thread(_parsed, kept.content, self._ids)
        if digest != self._digest:
            self._digest = digest
            self._revision += 1
        return notebook, kept


def _give_ids(content: dict[str, Any], ids: StableIds) -> None:
    cells = content.get("cells")
    if isinstance(cells, list) and all(isinstance(cell, dict) for cell in cells):
        ids.give(cells)
        if content.get("nbformat") == 4:
            content["nbformat_minor"] = ipynb.MINOR_WITH_IDS


def _parsed(content: dict[str, Any], ids: StableIds | None) -> tuple[NotebookFile, str]:
    if ids is not None:
        _give_ids(content, ids)
    try:
        text = json.dumps(content, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotANotebook("This is not a notebook: it is no JSON.", cause=error) from error
    notebook = ipynb.parse(text)
    for cell in notebook.cells:
        # A manager marks what it trusts. Handed back, the mark would have it sign what we wrote.
        metadata = cell.data.get("metadata")
        if isinstance(metadata, dict) and metadata.pop("trusted", None) is not None:
            cell.text = None
    return notebook, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _content(notebook: NotebookFile) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(ipynb.render(notebook))
    join_texts(content)
    return content
