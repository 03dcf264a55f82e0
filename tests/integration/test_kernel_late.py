"""What comes after a cell, into a widget, or from another process, goes where it belongs."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.directory import OneKernel
from jupyter_agent.kernel.managed import ManagedKernel, ManagedKernels
from jupyter_agent.kernel.runner import CellRecord, CellSource, Run
from jupyter_agent.protocol.messages import new_id

PATH = "test.ipynb"
DEADLINE = 30

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel(tmp_path_factory: Any) -> AsyncIterator[ManagedKernel]:
    kernels = ManagedKernels(tmp_path_factory.mktemp("notebooks"))
    started = await kernels.start(PATH, None)
    assert isinstance(started, ManagedKernel)
    yield started
    await kernels.aclose(now=True)


class Bench:
    """A runner, and what it has written into the notebook."""

    def __init__(self, kernel: Any) -> None:
        self.written: dict[str, list[dict[str, Any]]] = {}
        self.runner = KernelClientRunner(
            PATH, OneKernel(kernel), sink=self._sink, input_deadline=0.2
        )

    async def _sink(self, cell: CellRecord) -> None:
        self.written[cell.cell_id] = list(cell.outputs)

    async def start(self, **sources: str) -> Run:
        cells = [CellSource(cell_id=name, source=source) for name, source in sources.items()]
        return await self.runner.start_run(cells, op_id=new_id("op"))

    async def run(self, **sources: str) -> dict[str, CellRecord]:
        run = await self.start(**sources)
        assert await run.wait(DEADLINE), [cell.status for cell in run.cells]
        return {cell.cell_id: cell for cell in run.cells}


@pytest_asyncio.fixture(loop_scope="module")
async def bench(kernel: ManagedKernel) -> AsyncIterator[Bench]:
    made = Bench(kernel)
    yield made
    await made.runner.aclose()


LATER = """\
import asyncio
async def later():
    await go.wait()
    print('from the task')
task = asyncio.create_task(later())
print('first')"""


def text(outputs: list[dict[str, Any]]) -> str:
    return "".join(output.get("text", "") for output in outputs)


async def test_what_a_task_prints_later_lands_in_its_cell(bench: Bench) -> None:
    await bench.run(setup="import asyncio; go = asyncio.Event()")
    run = await bench.start(task=LATER)
    assert await run.wait(DEADLINE)
    run.empty()  # as the tools do once they have told of it
    await bench.run(other="go.set(); await task; print('other')")
    await bench.runner.aclose()
    assert text(bench.written["task"]) == "first\nfrom the task\n"
    assert text(bench.written["other"]) == "other\n"


async def test_what_a_thread_prints_at_the_end_is_waited_for(bench: Bench) -> None:
    source = "import threading\nthreading.Timer(0.1, print, ['from the thread']).start()"
    await bench.run(thread=source)
    await bench.runner.aclose()
    assert text(bench.written["thread"]) == "from the thread\n"


async def test_a_cell_that_ran_again_gets_nothing_of_its_earlier_run(bench: Bench) -> None:
    await bench.run(setup="go = asyncio.Event()", task=LATER)
    await bench.run(task="print('second')", other="go.set(); await asyncio.sleep(0.2)")
    await bench.runner.aclose()
    assert text(bench.written["task"]) == "second\n"


CAUGHT = """\
import ipywidgets
caught = ipywidgets.Output()
with caught:
    print('inside')
    1 / 0
print('outside')
caught"""


async def test_what_an_output_widget_catches_is_its_content(bench: Bench) -> None:
    cells = await bench.run(widget=CAUGHT)
    assert cells["widget"].status == "ok"
    stream, shown = bench.written["widget"]
    assert stream["text"] == "outside\n"
    plain = shown["data"]["text/plain"]
    assert "inside" in plain and "ZeroDivisionError" in plain
    assert "application/vnd.jupyter.widget-view+json" in shown["data"]


async def test_a_widget_shown_before_is_shown_anew(bench: Bench) -> None:
    await bench.run(widget="import ipywidgets\nbox = ipywidgets.Output()\nbox")
    cells = await bench.run(fill="with box:\n    print('filled')", ask="print(box.outputs)")
    assert "fill" not in bench.written or bench.written["fill"] == []
    # The kernel's side knows of it, as it does with a front end.
    assert "filled" in text(cells["ask"].outputs)
    await bench.runner.aclose()
    assert bench.written["widget"][0]["data"]["text/plain"] == "filled"


BAR = """\
import ipywidgets
bar = ipywidgets.IntProgress(max=30)
words = ipywidgets.HTML()
box = ipywidgets.HBox([bar, words])
display(box)
for bar.value in range(31):
    words.value = f'{bar.value}/30 &lt;'"""


async def test_a_progress_bar_is_told_as_it_ended(bench: Bench) -> None:
    cells = await bench.run(bar=BAR)
    (shown,) = cells["bar"].outputs
    assert shown["data"]["text/plain"] == "IntProgress: 30 (min 0, max 30) 30/30 <"
    assert bench.written["bar"] == [shown]


FORKED = """\
import os, time
read, write = os.pipe()
child = os.fork()
if child:
    os.read(read, 1)
    time.sleep(4)
    os.kill(child, 9)
    os.waitpid(child, 0)
    print('parent')
else:
    print('child', flush=True)
    os.write(write, b'.')"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked there")
async def test_a_forked_child_does_not_end_the_cell(bench: Bench) -> None:
    cells = await bench.run(fork=FORKED)
    assert cells["fork"].status == "ok"
    assert sorted(text(cells["fork"].outputs).split()) == ["child", "parent"]


class SlowStdin:
    """A kernel whose stdin channel opens only a while after the others have."""

    def __init__(self, kernel: ManagedKernel) -> None:
        self._kernel = kernel
        self.manager = self
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._server: asyncio.Server | None = None

    def client(self) -> Any:
        made = self._kernel.manager.client()
        self._real, made.stdin_port = made.stdin_port, self.port
        asyncio.get_running_loop().call_later(1.0, lambda: asyncio.ensure_future(self.open()))
        return made

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._real)
        await asyncio.gather(_copy(reader, forth), _copy(back, writer))

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernel, name)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


async def test_input_in_the_first_cell_is_noticed(kernel: ManagedKernel, tmp_path: Path) -> None:
    slow = SlowStdin(kernel)
    bench = Bench(slow)
    seen: list[str | None] = []
    run = await bench.start(ask="name = input('Name? ')")
    run.watch(lambda cell: seen.append(cell.prompt) if cell.status == "awaiting_input" else None)
    try:
        assert await run.wait(10), "nobody noticed that it asks"
        assert seen[:1] == ["Name? "]
    finally:
        await kernel.interrupt()
        await bench.runner.aclose()
        await slow.close()
