"""Notebooks on a server where people edit together: the live document, while there is one.

A collaboration room holds a document in memory, saves it about a second after each change, and
overwrites what people type when the file changes under it. While a room lives, everything goes
through its document; otherwise the notebook is where it is kept. A room neither opens nor closes
between the look and the change: `Rooms.enter` holds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from ..protocol.errors import NotebookError, StaleCells, Unconfirmed
from ..protocol.rpc import ApplyResult, CellState, Change, Expected, NotebookState
from .cells import same
from .document import Backend, NotebookDocument, Outputs
from .places import Notebooks
from .rewriting import AppliedOnce
from .ydoc import YdocNotebook

# A cell that is moved, retyped or deleted is another one for whoever types into it: the typing has
# to pause for this long, in seconds, and is waited for at most so long.
PAUSE = 0.4
PATIENCE = 4.0
_SAVES = 2

T = TypeVar("T")


class Room(Protocol):
    """A room that is held: it does not close, and nothing else replaces its content."""

    @property
    def document(self) -> Any:
        """The live `YNotebook`."""

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Keep the room's own loading and overwriting out while the document is used."""

    async def save(self) -> None:
        """Have the room write the document now, as far as it does."""


class Rooms(Protocol):
    """The collaboration rooms of a server."""

    def live(self, path: str) -> bool:
        """Return whether a live document holds a notebook right now."""

    def enter(self, path: str, *, write: bool) -> AbstractAsyncContextManager[Room | None]:
        """Hold the room of a notebook, or hold off that one opens; None: there is none.

        Raises:
            EditRefused: there is, or may be, a live document that cannot be used, and `write`.
            NotebookError: the room could not be entered.
        """


class SharedNotebooks:
    """Notebooks by their paths (the `Notebooks` port), through their rooms where they live.

    Args:
        kept: the notebooks where they are kept.
        rooms: the server's rooms.
    """

    def __init__(self, kept: Notebooks, rooms: Rooms) -> None:
        self._kept = kept
        self._rooms = rooms

    def document(self, path: str) -> NotebookDocument:
        return SharedNotebook(path, self._kept.document(path), self._rooms)

    async def create(self, path: str, cells: Sequence[CellState], kernel_name: str | None) -> None:
        await self._kept.create(path, cells, kernel_name)


class SharedNotebook:
    """A notebook document: the live one of its room, or the kept one."""

    def __init__(self, path: str, kept: NotebookDocument, rooms: Rooms) -> None:
        self.path = path
        self._kept = kept
        self._rooms = rooms
        self._applied = AppliedOnce()
        # A room that opens anew has another document.
        self._live: WeakKeyDictionary[Any, YdocNotebook] = WeakKeyDictionary()

    @property
    def backend(self) -> Backend:
        return "ydoc" if self._rooms.live(self.path) else self._kept.backend

    async def read(self, outputs: Outputs = "none") -> NotebookState:
        async with self._rooms.enter(self.path, write=False) as room:
            if room is not None:
                async with room.exclusive():
                    return await self._of(room).read(outputs)
        return await self._kept.read(outputs)

    async def apply(
        self, changes: Sequence[Change], expect: Sequence[Expected], *, op_id: str
    ) -> ApplyResult:
        return await _whole(self._apply(tuple(changes), tuple(expect), op_id))

    async def set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        await _whole(self._set_outputs(cell_id, outputs, execution_count))

    async def save(self) -> None:
        async with self._rooms.enter(self.path, write=False) as room:
            if room is not None:
                await room.save()
                return
        await self._kept.save()

    # ---- while the room is held ----------------------------------------------------------------

    async def _apply(
        self, changes: tuple[Change, ...], expect: tuple[Expected, ...], op_id: str
    ) -> ApplyResult:
        known = self._applied.get(op_id)
        if known is not None:
            return known
        async with self._rooms.enter(self.path, write=True) as room:
            if room is None:
                result = await self._kept.apply(changes, expect, op_id=op_id)
            else:
                await self._pause(room, changes)
                async with room.exclusive():
                    live = self._of(room)
                    result = await live.apply(changes, expect, op_id=op_id)
                result = replace(result, saved=await self._saved(room, result, changes))
        self._applied.put(op_id, result)
        return result

    async def _set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        async with self._rooms.enter(self.path, write=True) as room:
            if room is None:
                await self._kept.set_outputs(cell_id, outputs, execution_count)
                return
            async with room.exclusive():
                await self._of(room).set_outputs(cell_id, outputs, execution_count)
            await room.save()

    def _of(self, room: Room) -> YdocNotebook:
        live = self._live.get(room.document)
        if live is None:
            live = self._live[room.document] = YdocNotebook(self.path, room.document)
        return live

    async def _pause(self, room: Room, changes: Sequence[Change]) -> None:
        """Wait until nobody types into the cells that are to be other ones afterwards.

        Raises:
            StaleCells: somebody goes on typing.
        """
        replaced = {c.id for c in changes if c.type in ("move", "set_type", "delete")}
        if not replaced:
            return
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        before = await self._sources(room, replaced)
        while True:
            await asyncio.sleep(PAUSE)
            now = await self._sources(room, replaced)
            if now == before:
                return
            if loop.time() > end:
                raise StaleCells(
                    f"Somebody is typing into a cell of {self.path} that this edit moves, "
                    "retypes or deletes. Nothing was applied."
                )
            before = now

    async def _sources(self, room: Room, ids: set[str]) -> dict[str, str]:
        async with room.exclusive():
            state = await self._of(room).read()
        return {cell.id: cell.source for cell in state.cells if cell.id in ids}

    async def _saved(self, room: Room, result: ApplyResult, changes: Sequence[Change]) -> bool:
        """Have the room save; returns whether what was applied is where the notebook is kept.

        Raises:
            Unconfirmed: another program saved at this moment, and the room took that over.
        """
        deleted = {change.id for change in changes if change.type == "delete"}
        for _ in range(_SAVES):
            await room.save()
            try:
                kept = await self._kept.read()
            except NotebookError:
                continue
            if _shows(kept, result, deleted):
                return True
        async with room.exclusive():
            if _shows(await self._of(room).read(), result, deleted):
                return False  # the room saves it soon, or when somebody asks for it
        raise Unconfirmed(
            f"Applied to the live document of {self.path}, where something else changed the same "
            "cells right after it. Look at the notebook before you try again."
        )


def _shows(state: NotebookState, result: ApplyResult, deleted: set[str]) -> bool:
    """Return whether a notebook is as a batch left the cells it touched."""
    found = {cell.id: cell for cell in state.cells}
    return not deleted & found.keys() and all(
        cell.id in found and same(cell, found[cell.id]) for cell in result.cells
    )


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Do work to its end, also when the one who waits for it is cancelled: a room is held."""
    return await asyncio.shield(asyncio.ensure_future(work))
