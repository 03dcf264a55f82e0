"""A notebook as a shared Y.js document, for servers that run jupyter_server_ydoc.

The document (`jupyter_ydoc.YNotebook`) is handed in; nothing of that extension is imported until
an edit needs it. A batch is one transaction without an `await`, so nobody can come in between.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ..protocol.errors import EditRefused, UnknownCell
from ..protocol.rpc import ApplyResult, CellState, Change, Expected, NotebookState, SetSource
from .cells import fingerprint
from .changes import apply_changes, check_expected, touched_ids
from .document import Backend, Outputs
from .ipynb import FileCell, state_of

_REMEMBERED = 64


class YdocNotebook:
    """A notebook document over a `YNotebook`.

    Args:
        path: the path as the contents manager knows it.
        document: the shared document itself, not a copy of it.
        save: writes it to disk; without one, its room saves it within about a second.
    """

    backend: Backend = "ydoc"

    def __init__(
        self,
        path: str,
        document: Any,
        *,
        save: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.path = path
        self._document = document
        self._save = save
        self._revision = 0
        self._digest = ""
        self._applied: OrderedDict[str, ApplyResult] = OrderedDict()

    async def read(self, outputs: Outputs = "none") -> NotebookState:
        cells = self._states(outputs)
        self._see(cells)
        metadata = _plain(self._meta().get("metadata")) or {}
        kernelspec = _plain(metadata.get("kernelspec")) or {}
        language = kernelspec.get("language") or (metadata.get("language_info") or {}).get("name")
        return NotebookState(
            path=self.path,
            revision=self._revision,
            cells=cells,
            kernel_name=kernelspec.get("name") or None,
            language=language.lower() if language else None,
            metadata=metadata,
        )

    async def apply(
        self, changes: Sequence[Change], expect: Sequence[Expected], *, op_id: str
    ) -> ApplyResult:
        if op_id in self._applied:
            return self._applied[op_id]
        before = self._states("none")
        check_expected(before, expect)
        after = apply_changes(before, changes)
        if before and not after:
            raise EditRefused("A notebook is never left without a cell. Nothing was applied.")
        with self._document.ydoc.transaction():
            if int(self._meta().get("nbformat_minor", 5)) < 5:
                self._meta()["nbformat_minor"] = 5  # below it, ids are not kept
            for change in changes:
                self._carry_out(change)
        found = self._states("none")
        self._see(found)
        by_id = {cell.id: cell for cell in found}
        saved = self._save is not None
        if self._save is not None:
            await self._save()
        result = ApplyResult(
            revision=self._revision,
            cells=tuple(by_id[cell_id] for cell_id in touched_ids(changes) if cell_id in by_id),
            order=tuple(by_id),
            saved=saved,
        )
        self._applied[op_id] = result
        while len(self._applied) > _REMEMBERED:
            self._applied.popitem(last=False)
        return result

    async def set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        index = self._index(cell_id)
        if index is None or self._document.ycells[index].get("cell_type") != "code":
            raise UnknownCell(f"There is no code cell {cell_id!r}.")
        cell = self._whole(index)
        cell.update(outputs=list(outputs), execution_count=execution_count)
        # Outputs are nested shared types: only a new cell has them all right.
        with self._document.ydoc.transaction():
            self._document.set_cell(index, cell)
        if self._save is not None:
            await self._save()

    async def save(self) -> None:
        if self._save is not None:
            await self._save()

    # ---- reading --------------------------------------------------------------------------------

    def _meta(self) -> Any:
        return self._document.ydoc["meta"]

    def _whole(self, index: int) -> dict[str, Any]:
        """Return a cell as nbformat data, its id included whatever the format says."""
        cell: dict[str, Any] = dict(self._document.get_cell(index))
        cell["id"] = str(self._document.ycells[index]["id"])
        return cell

    def _states(self, outputs: Outputs) -> tuple[CellState, ...]:
        found = []
        for index in range(len(self._document.ycells)):
            cell = self._whole(index)
            wanted = outputs == "all" or cell["id"] in outputs
            found.append(state_of(FileCell(cell["id"], cell, None), outputs=wanted))
        return tuple(found)

    def _see(self, cells: Sequence[CellState]) -> None:
        text = " ".join(f"{cell.id} {fingerprint(cell)}" for cell in cells)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if digest != self._digest:
            self._digest = digest
            self._revision += 1

    def _index(self, cell_id: str) -> int | None:
        cells = self._document.ycells
        return next((i for i in range(len(cells)) if cells[i].get("id") == cell_id), None)

    def _place(self, after: str | None) -> int:
        if after is None:
            return 0
        index = self._index(after)
        return len(self._document.ycells) if index is None else index + 1

    # ---- one change -----------------------------------------------------------------------------

    def _carry_out(self, change: Change) -> None:
        """Do what `apply_changes` has found possible."""
        document = self._document
        if change.type == "insert":
            cell: dict[str, Any] = {
                "id": change.id,
                "cell_type": change.cell_type,
                "source": change.source,
                "metadata": dict(change.metadata or {}),
            }
            if change.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
            elif change.attachments is not None:
                cell["attachments"] = change.attachments
            document.ycells.insert(self._place(change.after), document.create_ycell(cell))
            return
        index = self._index(change.id)
        if index is None:
            raise UnknownCell(f"There is no cell {change.id!r}.")
        if change.type == "set_source":
            self._set_source(index, change)
        elif change.type == "delete":
            del document.ycells[index]
        elif change.type == "move":
            # Made anew, as jupyter_ydoc does: browsers do not know the move operation.
            moved = self._whole(index)
            del document.ycells[index]
            document.ycells.insert(self._place(change.after), document.create_ycell(moved))
        elif change.type == "set_type":
            cell = self._whole(index)
            if cell["cell_type"] != change.cell_type:
                for key in ("outputs", "execution_count", "attachments"):
                    cell.pop(key, None)
                cell["cell_type"] = change.cell_type
                if change.cell_type == "code":
                    cell.update(outputs=[], execution_count=None)
                elif change.attachments is not None:
                    cell["attachments"] = change.attachments
                document.set_cell(index, cell)
        elif change.type == "clear_outputs":
            document.ycells[index]["outputs"].clear()
            document.ycells[index]["execution_count"] = None

    def _set_source(self, index: int, change: SetSource) -> None:
        cell = self._document.ycells[index]
        text = cell["source"]
        start, end, piece = _difference(str(text), change.source)
        # Two steps, and only the difference: cursors and others' typing stay where they are.
        if end > start:
            del text[start:end]
        if piece:
            text.insert(start, piece)
        metadata = cell.get("metadata")
        for key, value in (change.metadata or {}).items():
            if value is None:
                metadata.pop(key, None)
            else:
                metadata[key] = value


def _difference(before: str, after: str) -> tuple[int, int, str]:
    """Return where texts differ, in UTF-8 bytes of `before`, and what stands there in `after`."""
    shorter = min(len(before), len(after))
    head = 0
    while head < shorter and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < shorter - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    start = len(before[:head].encode("utf-8"))
    end = len(before[: len(before) - tail].encode("utf-8"))
    return start, end, after[head : len(after) - tail]


def _plain(value: Any) -> Any:
    """Return a shared map as plain data."""
    return value.to_py() if hasattr(value, "to_py") else value
