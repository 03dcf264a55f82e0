"""What a tab has told of a run: which execute request is whose cell's, and how cells ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .connection import CONNECTION_LOST, Connection
from .execution import CellWatch, until_over
from .runner import FINAL, CellRecord, CellStatus, Run

if TYPE_CHECKING:
    from ..protocol.errors import AgentError

_NOT_OBSERVED = (
    f"{CONNECTION_LOST}: outputs may be missing here, the notebook has them (read_cells)"
)


class Observes(Protocol):
    """Whoever observes the kernel that the tab uses."""

    def heard(self, message_id: str) -> CellWatch:
        """Return the watch of a request, made when nothing of it was heard yet."""

    async def write(self, cell: CellRecord) -> None:
        """Put what a cell has put out into the notebook, which the tab did not."""


class TabRun:
    """What a tab has told of a run: which request is whose, and how cells ended."""

    def __init__(self, run: Run, runner: Observes) -> None:
        self.watches: dict[str, CellWatch] = {}
        self.not_run: set[str] = set()
        self._run = run
        self._runner = runner
        self._cells = {cell.cell_id: cell for cell in run.cells}

    def on_progress(self, progress: Mapping[str, Any]) -> None:
        """Take in a `RunProgress`."""
        cell = self._cells.get(str(progress.get("cell_id")))
        if cell is None:
            return
        if progress.get("state") == "not_run":
            self.not_run.add(cell.cell_id)
        elif isinstance(message_id := progress.get("message_id"), str):
            self.claim(cell, message_id)
            watch = self.watches[cell.cell_id]
            if progress.get("state") == "input":
                watch.set_status("awaiting_input", prompt=str(progress.get("prompt") or ""))
            elif cell.status == "awaiting_input":
                watch.set_status("running")

    def claim(self, cell: CellRecord, message_id: str) -> None:
        """Note that a request is this cell's."""
        if cell.cell_id not in self.watches:
            watch = self._runner.heard(message_id)
            watch.assign(cell, self._run)
            self.watches[cell.cell_id] = watch
            watch.finish_if_over()

    async def finish_told(self, result: Mapping[str, Any], observer: Connection) -> None:
        """Finish the cells as the tab tells, each after the observer has heard its end."""
        for told in result.get("cells", ()):
            self.on_progress({**told, "state": told.get("status")})
            cell = self._cells.get(str(told.get("cell_id")))
            if cell is None:
                continue
            if cell.status not in FINAL:
                await self._finish_cell(cell, told, observer)
            elif cell.status != "ok" and cell.reason is None:
                # The tab knows more: a restart interrupts the cell before it shows as one.
                cell.reason = told.get("reason")
                self._run.changed(cell)
            if told.get("detached"):
                await self._runner.write(cell)

    async def _finish_cell(
        self, cell: CellRecord, told: Mapping[str, Any], observer: Connection
    ) -> None:
        watch = self.watches.get(cell.cell_id)
        if watch is None:
            cell.execution_count = told.get("execution_count")
            cell.status, cell.reason = told["status"], told.get("reason")
            self._run.changed(cell)
            return
        watch.replied.set()  # the tab had the reply; only idle is to be waited for
        if await until_over(watch, observer):
            status = watch.status_by_outputs() if watch.ran else told["status"]
            watch.finish(status, told.get("reason"))
        elif observer.died.is_set():
            watch.finish("kernel_died", observer.reason_if_lost)
        else:
            watch.finish(told["status"], _NOT_OBSERVED)

    def finish_rest(self, status: CellStatus, reason: str | None = None) -> None:
        """Give cells that were sent a status; the others were not run."""
        for watch in self.watches.values():
            if watch.cell.status not in FINAL:
                watch.finish(status, reason)

    def refuse(self, error: AgentError) -> None:
        """Show why the tab did not run the cells; what it had sent may have run all the same."""
        self.finish_rest("unknown", "the tab failed while it ran")
        waiting = [cell for cell in self._run.cells if cell.status not in FINAL]
        for cell in waiting[:1]:
            output = {"output_type": "error", "ename": error.code, "evalue": error.user_message}
            cell.outputs = [*cell.outputs, {**output, "traceback": []}]
