"""Stop, as far as kernels go: interrupt what a run has going in them, and say when one goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..protocol.errors import AgentError
from ..protocol.session_events import Notice, SessionEvent

if TYPE_CHECKING:
    from ..tools.workspace import RunRecord
    from .workspace import SessionWorkspace

# Seconds by which runners have interrupted a kernel three times.
OBEY_DEADLINE = 5.0
STILL_RUNNING = "kernel_still_running"


class KernelStop:
    """Stops the kernels of one session.

    Args:
        emit: takes what people must be told.
        patience: seconds until they are told that a kernel goes on.
    """

    def __init__(
        self, emit: Callable[[SessionEvent], None], *, patience: float = OBEY_DEADLINE
    ) -> None:
        self._emit = emit
        self._patience = patience
        self._watches: set[asyncio.Task[None]] = set()

    async def interrupt(self, workspace: SessionWorkspace, agent_run: str) -> None:
        """Interrupt the cells that a run of the agent has going; what others run is left alone."""
        for record in workspace.unfinished(agent_run):
            watch = asyncio.create_task(self._watch(record))
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)
        try:
            await workspace.interrupt(agent_run)
        except AgentError as error:
            self._emit(Notice(level="warning", text=error.user_message, code=error.code))

    async def _watch(self, record: RunRecord) -> None:
        begun = _has_begun(record)
        while not await record.run.wait(self._patience):
            if begun:
                text = (
                    f"The kernel of {record.path} was told to stop several times and still runs "
                    "the cell. Restarting it ends the cell; all variables are lost then."
                )
                self._emit(Notice(level="warning", text=text, code=STILL_RUNNING, path=record.path))
                return
            # It waits in the kernel, behind a cell of another notebook perhaps, and is interrupted
            # when its turn comes.
            begun = _has_begun(record)

    async def aclose(self) -> None:
        """Stop watching."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)


def _has_begun(record: RunRecord) -> bool:
    """Whether the kernel works on a cell of a run."""
    return any(cell.status in ("running", "awaiting_input") for cell in record.run.cells)
