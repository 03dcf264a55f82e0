"""A tab that goes away in the middle of a run: nothing is lost and nothing runs twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
import pytest_asyncio

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.managed import ManagedKernel, ManagedKernels
from jupyter_agent.kernel.observed import ObservedRunner
from jupyter_agent.kernel.runner import CellRecord, CellSource, Run
from jupyter_agent.protocol.errors import UnknownCell
from jupyter_agent.protocol.messages import new_id

PATH = "test.ipynb"
Progress = Callable[[dict[str, Any]], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")


class TabGone(Exception):
    """The tab went away."""


class Tab:
    """A tab that does as a test tells it."""

    def __init__(self, work: Callable[[Progress], Awaitable[dict[str, Any]]]) -> None:
        self.work = work
        self.stopped: list[str] = []

    async def run(
        self, op_id: str, cells: Sequence[CellSource], stop_on_error: bool, on_progress: Progress
    ) -> dict[str, Any]:
        return await self.work(on_progress)

    async def stop(self, op_id: str) -> None:
        self.stopped.append(op_id)


class Scene:
    """A kernel, a client as a tab would have it, and a runner whose tab does as it is told."""

    def __init__(self, kernel: ManagedKernel) -> None:
        self.kernel = kernel
        self.client = kernel.manager.client()
        self.client.session.session = new_id("tab")
        self.client.start_channels(hb=False)
        self.written: list[CellRecord] = []
        self.cells: list[CellSource] = []
        self.runner: ObservedRunner | None = None

    async def sink(self, cell: CellRecord) -> None:
        self.written.append(cell)

    def send(self, index: int) -> str:
        """Send a cell's request, as the tab's kernel connection does."""
        return str(self.client.execute(self.cells[index].source, stop_on_error=False))

    def sent(self, index: int, on_progress: Progress) -> None:
        """Send a cell's request and say so."""
        cell_id = self.cells[index].cell_id
        on_progress({"cell_id": cell_id, "message_id": self.send(index), "state": "sent"})

    async def start(
        self, tab: Callable[[Progress], Awaitable[dict[str, Any]]], *sources: str, **options: Any
    ) -> Run:
        await self.end()
        self.written.clear()
        self.cells = [CellSource(cell_id=new_id("cell"), source=source) for source in sources]
        self.runner = ObservedRunner(
            self.kernel, Tab(tab), lost=(TabGone,), sink=self.sink, input_deadline=0.5
        )
        return await self.runner.start_run(self.cells, op_id=new_id("op"), **options)

    async def run(self, tab: Any, *sources: str, **options: Any) -> list[CellRecord]:
        run = await self.start(tab, *sources, **options)
        assert await run.wait(30), [cell.status for cell in run.cells]
        return run.cells

    async def count(self) -> str:
        """Return how often `ran` was counted up, per number."""
        assert self.runner is not None
        found = await self.runner.evaluate("print(ran)", deadline=10)
        return str(found.outputs[0]["text"]).strip()

    async def end(self) -> None:
        if self.runner is not None:
            await self.runner.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: Any) -> AsyncIterator[Scene]:
    kernels = ManagedKernels(tmp_path_factory.mktemp("notebooks"))
    starter = KernelClientRunner(PATH, kernels, keep_kernel=True)
    run = await starter.start_run([CellSource(cell_id="a", source="ran = []")], op_id="a")
    assert await run.wait(30)
    await starter.aclose()
    kernel = await kernels.find(PATH)
    assert kernel is not None
    scene = Scene(kernel)
    yield scene
    await scene.end()
    scene.client.stop_channels()
    await kernels.aclose()


def cell(number: int, seconds: float = 0.0) -> str:
    wait = f"import time; time.sleep({seconds}); " if seconds else ""
    return f"print('begin {number}', flush=True); {wait}ran.append({number}); print('end {number}')"


async def test_what_was_sent_is_finished_and_the_rest_is_run(scene: Scene) -> None:
    async def tab(on_progress: Progress) -> dict[str, Any]:
        scene.sent(0, on_progress)
        raise TabGone

    cells = await scene.run(tab, "ran = []", cell(1, 0.5), cell(2))
    assert [found.status for found in cells] == ["ok"] * 3
    assert cells[1].outputs == [
        {"output_type": "stream", "name": "stdout", "text": "begin 1\nend 1\n"}
    ]
    assert await scene.count() == "[1, 2]"
    final = [found.cell_id for found in scene.written if found.status == "ok"]
    assert list(dict.fromkeys(final)) == [source.cell_id for source in scene.cells]


async def test_a_request_sent_without_a_word_is_not_sent_again(scene: Scene) -> None:
    async def tab(on_progress: Progress) -> dict[str, Any]:
        scene.sent(0, on_progress)
        scene.send(1)
        raise TabGone

    cells = await scene.run(tab, "ran = []", cell(1, 0.5), cell(2))
    assert [found.status for found in cells] == ["ok"] * 3
    assert await scene.count() == "[1, 2]"
    assert cells[1].outputs[0]["text"] == "begin 1\nend 1\n"


async def test_all_sent_at_once_without_a_word(scene: Scene) -> None:
    async def tab(on_progress: Progress) -> dict[str, Any]:
        for index in range(3):
            scene.send(index)
        raise TabGone

    cells = await scene.run(tab, "ran = []", cell(1, 0.3), cell(1, 0.3))
    assert [found.status for found in cells] == ["ok"] * 3
    assert await scene.count() == "[1, 1]"
    assert cells[1].message_id != cells[2].message_id


async def test_a_tab_that_went_before_it_sent_anything(scene: Scene) -> None:
    async def tab(on_progress: Progress) -> dict[str, Any]:
        raise TabGone

    cells = await scene.run(tab, "ran = []", cell(1))
    assert [found.status for found in cells] == ["ok", "ok"]
    assert await scene.count() == "[1]"


async def test_progress_may_come_after_the_outputs(scene: Scene) -> None:
    async def tab(on_progress: Progress) -> dict[str, Any]:
        message_id = scene.send(0)
        await reply(scene, message_id)
        on_progress({"cell_id": scene.cells[0].cell_id, "message_id": message_id, "state": "sent"})
        told = {"cell_id": scene.cells[0].cell_id, "status": "ok", "message_id": message_id}
        return {"cells": [told]}

    (found,) = await scene.run(tab, "print('early')")
    assert found.status == "ok" and found.outputs[0]["text"] == "early\n"
    assert scene.written == []


async def reply(scene: Scene, message_id: str) -> None:
    while True:
        message = await scene.client.get_shell_msg()
        if message["parent_header"].get("msg_id") == message_id:
            return


async def test_an_error_before_the_tab_went_stops_the_rest(scene: Scene) -> None:
    async def tab(on_progress: Progress) -> dict[str, Any]:
        scene.sent(0, on_progress)
        raise TabGone

    cells = await scene.run(tab, "import time; time.sleep(0.2); 1/0", "ran = 'never'")
    assert [found.status for found in cells] == ["error", "not_run"]
    assert [found.cell_id for found in scene.written] == [scene.cells[0].cell_id]


async def test_a_cell_is_final_while_the_tab_still_runs_others(scene: Scene) -> None:
    release = asyncio.Event()

    async def tab(on_progress: Progress) -> dict[str, Any]:
        scene.sent(0, on_progress)
        await release.wait()
        scene.sent(1, on_progress)
        statuses = [{"cell_id": found.cell_id, "status": "ok"} for found in scene.cells]
        return {"cells": statuses}

    run = await scene.start(tab, "1", "2")
    final = asyncio.Event()
    run.watch(lambda found: final.set() if found.status == "ok" else None)
    if run.cells[0].status != "ok":
        await asyncio.wait_for(final.wait(), 10)
    assert [found.status for found in run.cells] == ["ok", "queued"]
    release.set()
    assert await run.wait(10)
    assert run.cells[1].outputs[0]["data"]["text/plain"] == "2"


async def test_a_tab_that_refuses_says_why(scene: Scene) -> None:
    async def tab(on_progress: Progress) -> dict[str, Any]:
        raise UnknownCell("No such cell.")

    cells = await scene.run(tab, "1", "2")
    assert [found.status for found in cells] == ["not_run", "not_run"]
    assert cells[0].outputs[0]["ename"] == "UNKNOWN_CELL"


async def test_an_interrupt_spares_what_somebody_else_runs_before(scene: Scene) -> None:
    mine = scene.client.execute("import time; time.sleep(2); mine = 'whole'", stop_on_error=False)
    sent = asyncio.Event()

    async def tab(on_progress: Progress) -> dict[str, Any]:
        scene.sent(0, on_progress)
        sent.set()
        raise TabGone

    run = await scene.start(tab, "while True: pass")
    await sent.wait()
    assert scene.runner is not None
    await scene.runner.interrupt()
    assert await run.wait(15)
    assert run.cells[0].status == "interrupted"
    await asyncio.wait_for(reply(scene, mine), 10)
    found = await scene.runner.evaluate("print(mine)", deadline=10)
    assert found.outputs[0]["text"] == "whole\n"


@pytest.mark.R(38)
async def test_input_of_a_tab_that_went_ends(scene: Scene) -> None:
    async def tab(on_progress: Progress) -> dict[str, Any]:
        scene.sent(0, on_progress)
        raise TabGone

    (found,) = await scene.run(tab, "input('who? ')")
    assert found.status == "error" and found.outputs[-1]["ename"] == "EOFError"


async def test_interrupt_stops_what_the_tab_had_begun(scene: Scene) -> None:
    async def tab(on_progress: Progress) -> dict[str, Any]:
        scene.sent(0, on_progress)
        raise TabGone

    run = await scene.start(tab, "print('in', flush=True)\nwhile True: pass", "ran = 'never'")
    printed = asyncio.Event()
    run.watch(lambda found: printed.set() if found.outputs else None)
    await asyncio.wait_for(printed.wait(), 10)
    assert scene.runner is not None
    await scene.runner.interrupt()
    assert await run.wait(10)
    assert [found.status for found in run.cells] == ["interrupted", "not_run"]
