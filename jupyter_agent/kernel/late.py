"""Cells that are over, and whose tasks and threads may still print.

Such output has the cell's request as its parent, and belongs into the cell, as in JupyterLab.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .connection import Connection
    from .execution import CellWatch
    from .messages import KernelMessage
    from .sink import CellWriter

# What the cells listened to may hold together, in characters.
_LARGEST = 64_000_000
_CELLS_KEPT = 200
# At the end of a runner: so long must nothing more come, and so long is waited at most. Seconds.
_QUIET = 0.3
_PATIENCE = 2.0


class LateOutputs:
    """Listens to the latest cells that are over, until they run again or others need the room."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[CellWatch, Connection]] = {}
        self._connection: Connection | None = None

    def keep(
        self, watch: CellWatch, connection: Connection, *, writer: CellWriter | None = None
    ) -> None:
        """Go on to listen to a cell, whose earlier run is forgotten; `writer`: its new one."""
        message_id = watch.cell.message_id
        if message_id is None or connection.lost.is_set():
            return
        self.forget_cell(watch.cell.cell_id)
        watch.writer = writer or watch.writer
        if self._connection is not connection:
            self._connection = connection
            connection.listen_to_all(self._hear_others)
        self._kept[message_id] = watch, connection
        connection.listen(message_id, watch.hear)
        sizes = sum(kept.collector.size for kept, _ in self._kept.values())
        while len(self._kept) > 1 and (sizes > _LARGEST or len(self._kept) > _CELLS_KEPT):
            oldest = next(iter(self._kept))
            sizes -= self._kept[oldest][0].collector.size
            self._forget(oldest)

    def forget_cell(self, cell_id: str) -> None:
        """Listen no more to a cell: it runs again, or is gone."""
        for message_id, (watch, _) in list(self._kept.items()):
            if watch.cell.cell_id == cell_id:
                self._forget(message_id)

    async def close(self) -> None:
        """Wait a moment for what is on its way, have it written, and listen no more."""
        deadline = time.monotonic() + _PATIENCE
        while (now := time.monotonic()) < deadline:
            last = max((watch.last_heard for watch, _ in self._kept.values()), default=0.0)
            if now - last >= _QUIET:
                break
            await asyncio.sleep(_QUIET - (now - last))
        for message_id in list(self._kept):
            self._forget(message_id)

    def _forget(self, message_id: str) -> None:
        watch, connection = self._kept.pop(message_id)
        connection.forget(message_id)
        watch.flush()

    def _hear_others(self, channel: str, message: KernelMessage) -> None:
        """Forget a cell that somebody else has run: its outputs are theirs now."""
        if message.kind != "execute_input" or message.parent_id in self._kept:
            return
        source = str(message.content.get("code", ""))
        for message_id, (watch, _) in list(self._kept.items()):
            if watch.cell.source == source:
                self._forget(message_id)
