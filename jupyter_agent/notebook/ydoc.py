"""A notebook as a shared Y.js document: the live document of a collaboration room.

The document (`jupyter_ydoc.YNotebook`) is handed in; nothing of that package is imported until
outputs are written. A batch is one transaction without an `await`, so nobody can come in between.
Who holds the document alive and saves it is the business of `shared.py`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from ..protocol.errors import EditRefused, UnknownCell
from ..protocol.rpc import ApplyResult, CellState, Change, Expected, NotebookState, SetSource
from .cells import fingerprint
from .changes import apply_changes, check_expected, lost_attachments, touched_ids
from .document import Backend, Outputs
from .ipynb import FileCell, state_of
from .rewriting import AppliedOnce

# Cells that are read without a pause: reading one takes about 0.2 ms.
_SLICE = 50
_ATTEMPTS = 3


class YdocNotebook:
    """A notebook document over a `YNotebook`.

    Args:
        path: the path as the contents manager knows it.
        document: the shared document itself, not a copy of it.
    """

    backend: Backend = "ydoc"

    def __init__(self, path: str, document: Any) -> None:
        self.path = path
        self._document = document
        self._revision = 0
        self._digest = ""
        self._applied = AppliedOnce()

    async def read(self, outputs: Outputs = "none") -> NotebookState:
        cells = await self._snapshot(outputs)
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
        known = self._applied.get(op_id)
        if known is not None:
            return known
        before = await self._snapshot("none")
        # Nothing is awaited from here on: what was read is what is changed.
        check_expected(before, expect)
        after = apply_changes(before, changes)
        if before and not after:
            raise EditRefused("A notebook is never left without a cell. Nothing was applied.")
        order = [cell.id for cell in before]
        notes: list[str] = []
        with self._document.ydoc.transaction():
            if int(self._meta().get("nbformat_minor", 5)) < 5:
                self._meta()["nbformat_minor"] = 5  # below it, ids are not kept
            for change in changes:
                notes += self._carry_out(change, order)
        self._see(after)
        places = {cell_id: index for index, cell_id in enumerate(order)}
        touched = [cell_id for cell_id in touched_ids(changes) if cell_id in places]
        result = ApplyResult(
            revision=self._revision,
            cells=tuple(self._state(places[cell_id], "none") for cell_id in touched),
            order=tuple(order),
            saved=False,
            notes=tuple(notes),
        )
        self._applied.put(op_id, result)
        return result

    async def set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        cell = next((cell for cell in self._document.ycells if cell.get("id") == cell_id), None)
        if cell is None or cell.get("cell_type") != "code":
            raise UnknownCell(f"There is no code cell {cell_id!r}.")
        # In place: a cell made anew would lose what somebody is typing into it.
        with self._document.ydoc.transaction():
            cell["outputs"].clear()
            cell["outputs"].extend(_shared_outputs(outputs))
            cell["execution_count"] = execution_count

    async def save(self) -> None:
        """Do nothing: the room saves."""

    # ---- reading --------------------------------------------------------------------------------

    def _meta(self) -> Any:
        return self._document.ydoc["meta"]

    def _whole(self, index: int) -> dict[str, Any]:
        """Return a cell as nbformat data, its id included whatever the format says."""
        cell: dict[str, Any] = dict(self._document.get_cell(index))
        cell["id"] = str(self._document.ycells[index]["id"])
        return cell

    def _state(self, index: int, outputs: Outputs) -> CellState:
        cell = self._whole(index)
        wanted = outputs == "all" or cell["id"] in outputs
        return state_of(FileCell(cell["id"], cell, None), outputs=wanted)

    async def _snapshot(self, outputs: Outputs) -> tuple[CellState, ...]:
        """Return all cells as they are at one moment, now.

        They are read with pauses, so that the event loop is not held; after a change meanwhile,
        from the start, and at last without pauses.
        """
        changed = asyncio.Event()
        watch = self._document.ydoc.observe(lambda event: changed.set())
        try:
            for _ in range(_ATTEMPTS):
                changed.clear()
                found: list[CellState] = []
                for index in range(len(self._document.ycells)):
                    if index % _SLICE == 0:
                        await asyncio.sleep(0)
                        if changed.is_set():
                            break
                    found.append(self._state(index, outputs))
                else:
                    return tuple(found)
        finally:
            self._document.ydoc.unobserve(watch)
        return tuple(self._state(i, outputs) for i in range(len(self._document.ycells)))

    def _see(self, cells: Sequence[CellState]) -> None:
        text = " ".join(f"{cell.id} {fingerprint(cell)}" for cell in cells)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if digest != self._digest:
            self._digest = digest
            self._revision += 1

    # ---- one change -----------------------------------------------------------------------------

    def _carry_out(self, change: Change, order: list[str]) -> list[str]:
        """Do what `apply_changes` has found possible; returns what was lost with it.

        `order`: the cells' ids, kept up to date.
        """
        document = self._document
        if change.type == "insert":
            cell: dict[str, Any] = {
                "id": change.id,
                "cell_type": change.cell_type,
                "source": change.source,
                "metadata": dict(change.metadata or {}),
            }
            _give_parts(cell, change.attachments)
            place = _place(order, change.after)
            document.ycells.insert(place, document.create_ycell(cell))
            order.insert(place, change.id)
            return []
        index = order.index(change.id)
        if change.type == "set_source":
            self._set_source(index, change)
        elif change.type == "delete":
            del document.ycells[index]
            del order[index]
        elif change.type == "move":
            # Made anew, as jupyter_ydoc does: browsers do not know the move operation.
            moved = self._whole(index)
            del document.ycells[index]
            del order[index]
            place = _place(order, change.after)
            document.ycells.insert(place, document.create_ycell(moved))
            order.insert(place, change.id)
        elif change.type == "set_type":
            cell = self._whole(index)
            if cell["cell_type"] != change.cell_type:
                # Markdown and raw cells both hold attachments.
                had = cell.get("attachments")
                kept = had if change.attachments is None else None
                for key in ("outputs", "execution_count", "attachments"):
                    cell.pop(key, None)
                cell["cell_type"] = change.cell_type
                _give_parts(cell, kept or change.attachments)
                document.set_cell(index, cell)
                if had and change.cell_type == "code":
                    return [lost_attachments(change.id, had)]
        elif change.type == "clear_outputs":
            document.ycells[index]["outputs"].clear()
            document.ycells[index]["execution_count"] = None
        return []

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


def _place(order: Sequence[str], after: str | None) -> int:
    return 0 if after is None else order.index(after) + 1


def _give_parts(cell: dict[str, Any], attachments: Any) -> None:
    """Give a cell what its type has beside the source."""
    if cell["cell_type"] == "code":
        cell.update(outputs=[], execution_count=None)
    elif attachments is not None:
        cell["attachments"] = attachments


def _shared_outputs(outputs: Sequence[dict[str, Any]]) -> list[Any]:
    """Return outputs as shared types: a map each, and the text of a stream as a shared text."""
    from pycrdt import Map, Text

    found = []
    for output in outputs:
        shared = dict(output)
        if shared.get("output_type") == "stream":
            text = shared.get("text", "")
            shared["text"] = Text(text if isinstance(text, str) else "".join(text))
        found.append(Map(shared))
    return found


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
