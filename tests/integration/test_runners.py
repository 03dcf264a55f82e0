"""Cells that the tab runs: Stop reaches the tab, it is told what was approved, kernels may change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from jupyter_agent.kernel.managed import ManagedKernels
from jupyter_agent.kernel.runner import CellSource, Run
from jupyter_agent.protocol.messages import new_id
from jupyter_agent.testing import FakeNotebook, code_cell
from jupyter_agent.workspace.any_runner import AnyRunner

PATH = "n.ipynb"


class Browser:
    """A tab that runs the cells it is given in the notebook's kernel, as `notebook/run.ts` does."""

    def __init__(self, kernels: ManagedKernels) -> None:
        self.kernels = kernels
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.stopped: set[str] = set()

    def has_tab(self, path: str) -> bool:
        return True

    def only_others_have(self, path: str) -> bool:
        return False

    def kernel_id(self, path: str) -> str | None:
        return None

    async def open(self, path: str) -> bool:
        return False

    async def call(
        self,
        path: str,
        method: str,
        params: dict[str, Any],
        *,
        op_id: str,
        deadline: float,
        on_progress: Any = None,
    ) -> Any:
        self.calls.append((method, params))
        if method == "notebook.stop_run":
            self.stopped.add(params["op_id"])
            return {}
        kernel = await self.kernels.find(path) or await self.kernels.start(path, None)
        if method == "notebook.kernel":
            return {"kernel_id": kernel.kernel_id}
        client = kernel.manager.client()
        client.session.session = new_id("tab")
        client.start_channels(hb=False)
        try:
            return {
                "cells": [await self.run(client, c, op_id, on_progress) for c in params["expect"]]
            }
        finally:
            client.stop_channels()

    async def run(
        self, client: Any, cell: dict[str, Any], op_id: str, on_progress: Any
    ) -> dict[str, Any]:
        if op_id in self.stopped:
            return {"cell_id": cell["id"], "status": "not_run"}
        request = client.execute(cell["source"], stop_on_error=False)
        on_progress({"cell_id": cell["id"], "message_id": request, "state": "sent"})
        while True:
            message = await client.get_shell_msg()
            if message["parent_header"].get("msg_id") == request:
                status = "ok" if message["content"]["status"] == "ok" else "error"
                return {"cell_id": cell["id"], "status": status, "message_id": request}


@pytest.fixture
async def kernels(tmp_path: Path) -> AsyncIterator[ManagedKernels]:
    kernels = ManagedKernels(tmp_path)
    yield kernels
    await kernels.aclose()


@pytest.fixture
async def runner(kernels: ManagedKernels) -> AsyncIterator[AnyRunner]:
    async def before_run(cell_ids: Iterable[str]) -> None:
        pass

    notebook = FakeNotebook([code_cell("1", id="a")], path=PATH)
    runner = AnyRunner(notebook, kernels, Browser(kernels), before_run)
    yield runner
    await runner.aclose()


async def start(runner: AnyRunner, *sources: str) -> Run:
    cells = [CellSource(cell_id=f"c{n}", source=source) for n, source in enumerate(sources)]
    return await runner.start_run(cells, stop_on_error=False, op_id=new_id("op"))


@pytest.mark.R(35)
async def test_stop_in_the_first_of_four_cells_leaves_the_others_unrun(runner: AnyRunner) -> None:
    swallows = "import time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: pass"
    run = await start(runner, swallows, "ran = 2", "ran = 3", "ran = 4")
    began = asyncio.Event()
    run.watch(lambda cell: began.set() if cell.status == "running" else None)
    await asyncio.wait_for(began.wait(), 30)
    await asyncio.sleep(0.5)
    await runner.interrupt()
    assert await run.wait(10)
    assert [cell.status for cell in run.cells[1:]] == ["not_run"] * 3


async def test_the_tab_is_told_what_was_approved(runner: AnyRunner) -> None:
    run = await start(runner, "1", "2")
    assert await run.wait(30)
    browser = runner._browser
    assert isinstance(browser, Browser)
    (params,) = (one for method, one in browser.calls if method == "notebook.run")
    assert [(cell["id"], cell["source"]) for cell in params["expect"]] == [("c0", "1"), ("c1", "2")]


async def test_nothing_stays_connected_to_a_kernel_that_is_gone(
    runner: AnyRunner, kernels: ManagedKernels
) -> None:
    for _ in range(2):
        run = await start(runner, "1")
        assert await run.wait(30) and run.cells[0].status == "ok"
        await kernels.shutdown(PATH)
    run = await start(runner, "1")
    assert await run.wait(30)
    assert len(runner._observed) == 1
