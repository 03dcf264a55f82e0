"""Getting a running cell's outputs into its notebook: now and then while it runs, and at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from .runner import CellRecord

log = logging.getLogger(__name__)

Sink = Callable[[CellRecord], Awaitable[None]]


class CellWriter:
    """Calls a sink, one call at a time, at most every `interval` seconds until a cell is final."""

    def __init__(self, sink: Sink | None, *, interval: float = 2.0) -> None:
        self._sink = sink
        self._interval = interval
        self._lock = asyncio.Lock()
        self._pending: dict[int, CellRecord] = {}
        self._task: asyncio.Task[None] | None = None

    def touch(self, cell: CellRecord) -> None:
        """Note that a cell's outputs have grown."""
        if self._sink is None:
            return
        # As it is now: whoever watches the run may let go of its outputs before they are written.
        self._pending[id(cell)] = replace(cell)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_later())

    async def write(self, cell: CellRecord) -> None:
        """Write a cell now; an earlier state of it cannot land afterwards."""
        await self._write(id(cell), cell)

    async def _write(self, key: int, cell: CellRecord) -> None:
        if self._sink is None:
            return
        async with self._lock:
            self._pending.pop(key, None)
            try:
                await self._sink(cell)
            except Exception:
                # The run and its outputs are safe without the document; its owner reports why.
                log.exception("The outputs of cell %s did not reach the notebook.", cell.cell_id)

    async def close(self) -> None:
        """Write what is pending, then stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for key, cell in list(self._pending.items()):
            await self._write(key, cell)

    async def _write_later(self) -> None:
        while self._pending:
            await asyncio.sleep(self._interval)
            for key, cell in list(self._pending.items()):
                # Shielded: `close` must not cut a write in two.
                await asyncio.shield(self._write(key, cell))
