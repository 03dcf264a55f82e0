"""What people are told when a kernel goes on after Stop."""

from __future__ import annotations

import asyncio

from jupyter_agent.kernel.runner import CellSource, Run
from jupyter_agent.tools.workspace import RunRecord
from jupyter_agent.workspace.kernel_stop import STILL_RUNNING, KernelStop


class Kernels:
    """A workspace whose kernels do not obey."""

    def __init__(self, *records):
        self._records = records

    def unfinished(self, agent_run):
        return list(self._records)

    async def interrupt(self, agent_run):
        pass


def record_of(path, status):
    run = Run([CellSource(cell_id="a", source="x")])
    run.cells[0].status = status
    return RunRecord(path=path, run=run, agent_run="run")


async def test_a_cell_that_waits_behind_another_notebooks_is_not_said_to_run():
    waiting, running = record_of("waiting.ipynb", "queued"), record_of("running.ipynb", "running")
    told = asyncio.Queue()
    stop = KernelStop(told.put_nowait, patience=0.02)
    try:
        await stop.interrupt(Kernels(waiting, running), "run")
        first = await asyncio.wait_for(told.get(), 10)
        assert (first.path, first.code) == ("running.ipynb", STILL_RUNNING)
        assert told.empty()
        waiting.run.cells[0].status = "running"  # its turn has come, and it does not obey either
        second = await asyncio.wait_for(told.get(), 10)
        assert (second.path, second.code) == ("waiting.ipynb", STILL_RUNNING)
    finally:
        await stop.aclose()
