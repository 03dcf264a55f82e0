"""The kernel port, over a kernel of our own, a kernel a tab runs in, and the shell we live in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from queue import Empty
from typing import Any

import pytest
import pytest_asyncio

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.inprocess import ShellRunner
from jupyter_agent.kernel.managed import ManagedKernel, ManagedKernels
from jupyter_agent.kernel.observed import ObservedRunner
from jupyter_agent.kernel.runner import (
    CellRecord,
    CellSource,
    EvaluationTimedOut,
    KernelRunner,
    Run,
)
from jupyter_agent.protocol.errors import KernelBusy, KernelError, NoKernel
from jupyter_agent.protocol.messages import new_id

PATH = "test.ipynb"
DEADLINE = 30

pytestmark = pytest.mark.asyncio(loop_scope="module")


class TabGone(Exception):
    """The tab went away."""


class Tab:
    """A browser tab as the runner sees it: it sends cells one by one and tells their requests."""

    def __init__(self, kernel: ManagedKernel) -> None:
        self.manager = kernel.manager
        self.pid = self.manager.provisioner.pid
        self.client = kernel.manager.client()
        self.client.session.session = new_id("tab")
        self.client.start_channels(hb=False)
        self.calls: list[str] = []
        self.stopped: set[str] = set()

    async def run(
        self,
        op_id: str,
        cells: Sequence[CellSource],
        stop_on_error: bool,
        on_progress: Callable[[dict[str, Any]], None],
    ) -> dict[str, Any]:
        self.calls.append(op_id)
        told: list[dict[str, Any]] = []
        failed = False
        for cell in cells:
            cell_id = cell.cell_id
            if failed or op_id in self.stopped:
                told.append({"cell_id": cell_id, "status": "not_run"})
                continue
            message_id = self.client.execute(cell.source, stop_on_error=stop_on_error)
            on_progress({"cell_id": cell_id, "message_id": message_id, "state": "sent"})
            reply = await self.reply(message_id)
            status = {"ok": "ok", "lost": "kernel_died"}.get(reply["status"], "error")
            told.append({"cell_id": cell_id, "status": status, "message_id": message_id})
            failed = status == "kernel_died" or (stop_on_error and status == "error")
        return {"cells": told}

    async def stop(self, op_id: str) -> None:
        self.stopped.add(op_id)

    async def reply(self, message_id: str) -> dict[str, Any]:
        """Wait for the reply; a kernel that is another process by now, or none, never gives it."""
        while True:
            try:
                message = await self.client.get_shell_msg(timeout=0.2)
            except Empty:
                if self.manager.provisioner.pid != self.pid or not await self.manager.is_alive():
                    return {"status": "lost"}
                continue
            if message["parent_header"].get("msg_id") == message_id:
                return dict(message["content"])


class Bench:
    """A runner under test, and what a test needs beside it."""

    def __init__(self, kind: str, runner: KernelRunner, kernels: ManagedKernels | None) -> None:
        self.kind = kind
        self.runner = runner
        self.kernels = kernels
        self.tab: Tab | None = None
        self.written: list[tuple[str, str, int]] = []

    async def sink(self, cell: CellRecord) -> None:
        self.written.append((cell.cell_id, cell.status, len(cell.outputs)))

    async def start(self, *sources: str, op_id: str | None = None, **options: Any) -> Run:
        cells = [CellSource(cell_id=new_id("cell"), source=source) for source in sources]
        return await self.runner.start_run(cells, op_id=op_id or new_id("op"), **options)

    async def run(self, *sources: str, **options: Any) -> list[CellRecord]:
        run = await self.start(*sources, **options)
        assert await run.wait(DEADLINE), [cell.status for cell in run.cells]
        return run.cells

    async def started(self, run: Run, *, text: str | None = None) -> None:
        """Wait until the first cell runs, and has printed `text`."""
        seen = asyncio.Event()

        def look(cell: CellRecord) -> None:
            if cell.status == "running" and (text is None or text in text_of(cell)):
                seen.set()

        remove = run.watch(look)
        look(run.cells[0])
        await asyncio.wait_for(seen.wait(), DEADLINE)
        remove()

    async def kill_kernel(self) -> None:
        assert self.kernels is not None
        kernel = await self.kernels.find(PATH)
        assert kernel is not None
        os.kill(kernel.manager.provisioner.pid, signal.SIGKILL)


def text_of(cell: CellRecord) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


@contextlib.asynccontextmanager
async def client_bench(folder: str) -> AsyncIterator[Bench]:
    kernels = ManagedKernels(folder)
    bench = Bench("client", None, kernels)  # type: ignore[arg-type]
    bench.runner = KernelClientRunner(PATH, kernels, sink=bench.sink, input_deadline=0.3)
    try:
        yield bench
    finally:
        await bench.runner.aclose()
        await kernels.aclose()


@contextlib.asynccontextmanager
async def observed_bench(folder: str) -> AsyncIterator[Bench]:
    kernels = ManagedKernels(folder)
    # Started by a runner, so that it is known to be ready.
    starter = KernelClientRunner(PATH, kernels, keep_kernel=True)
    run = await starter.start_run([CellSource(cell_id="first", source="pass")], op_id="first")
    assert await run.wait(DEADLINE)
    await starter.aclose()
    kernel = await kernels.find(PATH)
    assert kernel is not None
    tab = Tab(kernel)
    bench = Bench("observed", None, kernels)  # type: ignore[arg-type]
    bench.tab = tab
    bench.runner = ObservedRunner(kernel, tab, lost=(TabGone,), sink=bench.sink)
    try:
        yield bench
    finally:
        await bench.runner.aclose()
        tab.client.stop_channels()
        await kernels.aclose()


@contextlib.asynccontextmanager
async def shell_bench(folder: str) -> AsyncIterator[Bench]:
    from IPython.core.interactiveshell import InteractiveShell

    displayhook = sys.displayhook
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    bench = Bench("shell", None, None)  # type: ignore[arg-type]
    bench.runner = ShellRunner(shell, sink=bench.sink, echo=False)
    try:
        yield bench
    finally:
        await bench.runner.aclose()
        InteractiveShell.clear_instance()
        sys.displayhook = displayhook


BENCHES = {"client": client_bench, "observed": observed_bench, "shell": shell_bench}


@pytest_asyncio.fixture(scope="module", params=list(BENCHES), loop_scope="module")
async def kept(request: pytest.FixtureRequest, tmp_path_factory: Any) -> AsyncIterator[Bench]:
    folder = str(tmp_path_factory.mktemp("notebooks"))
    async with BENCHES[request.param](folder) as bench:
        yield bench


@pytest.fixture
def bench(kept: Bench) -> Bench:
    kept.written.clear()
    return kept


@pytest.fixture
def kernel_bench(bench: Bench) -> Bench:
    if bench.kind == "shell":
        pytest.skip("the shell is this very process")
    return bench


async def test_cells_run_in_order_and_share_names(bench: Bench) -> None:
    cells = await bench.run("a = 20", "b = a + 1", "a + b")
    assert [cell.status for cell in cells] == ["ok"] * 3
    assert cells[2].outputs[0]["data"]["text/plain"] == "41"
    counts = [cell.execution_count for cell in cells]
    assert counts[1] == counts[0] + 1 and counts[2] == counts[0] + 2  # type: ignore[operator]
    assert all(cell.duration is not None and cell.started is not None for cell in cells)


async def test_outputs_are_nbformat_and_complete(bench: Bench) -> None:
    import nbformat.v4

    code = (
        "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr, flush=True)\n"
        "print('out', flush=True)\n{'a': 1}"
    )
    (cell,) = await bench.run(code)
    assert [(output["output_type"], output.get("name")) for output in cell.outputs] == [
        ("stream", "stdout"),
        ("stream", "stderr"),
        ("stream", "stdout"),
        ("execute_result", None),
    ]
    notebook = nbformat.v4.new_notebook()
    outputs = [nbformat.from_dict(output) for output in cell.outputs]
    notebook.cells.append(
        nbformat.v4.new_code_cell(
            code, id="cell-1", outputs=outputs, execution_count=cell.execution_count
        )
    )
    nbformat.validate(notebook)


async def test_an_error_stops_the_run(bench: Bench) -> None:
    cells = await bench.run("1/0", "never = 1")
    assert [cell.status for cell in cells] == ["error", "not_run"]
    error = cells[0].outputs[-1]
    assert error["output_type"] == "error" and error["ename"] == "ZeroDivisionError"
    assert "1/0" in re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error["traceback"]))
    assert cells[1].outputs == [] and cells[1].execution_count is None


async def test_an_error_does_not_stop_a_run_that_goes_on(bench: Bench) -> None:
    cells = await bench.run("1/0", "print('after')", stop_on_error=False)
    assert [cell.status for cell in cells] == ["error", "ok"]
    assert text_of(cells[1]) == "after\n"


async def test_a_syntax_error_is_an_error(bench: Bench) -> None:
    (cell,) = await bench.run("x = = 1")
    assert cell.status == "error"
    assert cell.outputs[-1]["ename"] == "SyntaxError"


async def test_the_same_operation_runs_once(bench: Bench) -> None:
    await bench.run("count = 0")
    op_id = new_id("op")
    first, second = await asyncio.gather(
        bench.start("count += 1", op_id=op_id), bench.start("count += 1", op_id=op_id)
    )
    assert first is second
    assert await first.wait(DEADLINE)
    (cell,) = await bench.run("count")
    assert cell.outputs[0]["data"]["text/plain"] == "1"


async def test_runs_take_turns(bench: Bench) -> None:
    if bench.kind == "observed":
        pytest.skip("the tab takes the turns")
    runs = [await bench.start("seen = []")]
    runs += [await bench.start(f"seen.append({number})") for number in range(5)]
    runs.append(await bench.start("seen"))
    assert await runs[-1].wait(DEADLINE)
    assert runs[-1].cells[0].outputs[0]["data"]["text/plain"] == "[0, 1, 2, 3, 4]"


async def test_ten_thousand_flushed_prints_lose_no_byte(bench: Bench) -> None:
    (cell,) = await bench.run("for i in range(10_000): print(i, flush=True)")
    assert cell.status == "ok"
    assert text_of(cell) == "".join(f"{number}\n" for number in range(10_000))
    assert len(cell.outputs) == 1


async def test_a_megabyte_in_one_print(bench: Bench) -> None:
    (cell,) = await bench.run("print('x' * 1_000_000)")
    assert text_of(cell) == "x" * 1_000_000 + "\n"


async def test_a_picture_is_kept_whole(bench: Bench) -> None:
    code = (
        "import base64\nfrom IPython.display import Image, display\n"
        "data = b'\\x89PNG\\r\\n\\x1a\\n' + bytes(range(256)) * 4000\n"
        "display(Image(data=data, format='png'))"
    )
    (cell,) = await bench.run(code)
    (output,) = cell.outputs
    assert output["output_type"] == "display_data"
    import base64

    picture = base64.b64decode(output["data"]["image/png"])
    assert picture == b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000


async def test_clear_output_and_updated_displays(bench: Bench) -> None:
    code = (
        "from IPython.display import clear_output, display\n"
        "for i in range(5):\n    clear_output(wait=True)\n    print(i)\n"
        "shown = display('old', display_id=True)\nshown.update('new')"
    )
    (cell,) = await bench.run(code)
    assert text_of(cell) == "4\n"
    assert cell.outputs[1]["data"]["text/plain"] == "'new'"
    assert len(cell.outputs) == 2


async def test_top_level_await(bench: Bench) -> None:
    (cell,) = await bench.run("import asyncio\nawait asyncio.sleep(0.01)\nprint('woke')")
    assert (cell.status, text_of(cell)) == ("ok", "woke\n")


async def test_magics_and_shell_commands(bench: Bench) -> None:
    (cell,) = await bench.run("%who_ls nothing_of_this_type\n!echo from the shell")
    assert cell.status == "ok"
    assert "from the shell" in text_of(cell)


async def test_evaluate_leaves_no_trace(bench: Bench) -> None:
    first = (await bench.run("7"))[0].execution_count
    found = await bench.runner.evaluate("print(40 + 2)", deadline=10)
    assert found.ok and found.outputs[0]["text"] == "42\n"
    failed = await bench.runner.evaluate("1/0", deadline=10)
    assert not failed.ok and failed.outputs[-1]["ename"] == "ZeroDivisionError"
    (cell,) = await bench.run("_")
    assert cell.execution_count == (first or 0) + 1
    assert cell.outputs[0]["data"]["text/plain"] == "7"


async def test_evaluate_ends_at_its_deadline(bench: Bench) -> None:
    with pytest.raises(EvaluationTimedOut):
        await bench.runner.evaluate("while True: pass", deadline=0.5)
    (cell,) = await bench.run("'usable again'")
    assert cell.status == "ok"


async def test_evaluate_while_busy_is_refused_at_once(bench: Bench) -> None:
    run = await bench.start("import asyncio\nawait asyncio.sleep(20)")
    await bench.started(run)
    assert (await bench.runner.status()).state == "busy"
    with pytest.raises(KernelBusy):
        await bench.runner.evaluate("1", deadline=5)
    await bench.runner.interrupt()
    assert await run.wait(DEADLINE)


async def test_interrupt_ends_a_cell_that_awaits(bench: Bench) -> None:
    run = await bench.start("import asyncio\nawait asyncio.sleep(1000)", "'never'")
    await bench.started(run)
    await bench.runner.interrupt()
    assert await run.wait(DEADLINE)
    assert [cell.status for cell in run.cells] == ["interrupted", "not_run"]
    (cell,) = await bench.run("'usable again'")
    assert cell.status == "ok"


async def test_status_names_language(bench: Bench) -> None:
    await bench.run("pass")
    status = await bench.runner.status()
    assert status.language == "python" and status.state == "idle"


async def test_interrupt_ends_an_endless_loop(kernel_bench: Bench) -> None:
    run = await kernel_bench.start("print('in', flush=True)\nwhile True: pass", "'never'")
    await kernel_bench.started(run, text="in")
    await kernel_bench.runner.interrupt()
    assert await run.wait(5)
    assert [cell.status for cell in run.cells] == ["interrupted", "not_run"]
    assert text_of(run.cells[0]).startswith("in")


@pytest.mark.R(35)
async def test_after_an_interrupt_no_other_cell_runs_whatever_came_of_the_first(
    kernel_bench: Bench,
) -> None:
    code = "print('in', flush=True)\ntry:\n    while True: pass\nexcept KeyboardInterrupt: pass"
    run = await kernel_bench.start(code, "'never'", "'never'", "'never'", stop_on_error=False)
    await kernel_bench.started(run, text="in")
    await kernel_bench.runner.interrupt()
    assert await run.wait(10)
    assert [cell.status for cell in run.cells[1:]] == ["not_run"] * 3


@pytest.mark.R(35)
async def test_interrupt_again_when_one_is_swallowed(kernel_bench: Bench) -> None:
    code = (
        "import time\nprint('in', flush=True)\ntry:\n    while True: time.sleep(0.05)\n"
        "except KeyboardInterrupt:\n    pass\nwhile True: time.sleep(0.05)"
    )
    run = await kernel_bench.start(code)
    await kernel_bench.started(run, text="in")
    await kernel_bench.runner.interrupt()
    assert await run.wait(10)
    assert run.cells[0].status == "interrupted"


@pytest.mark.R(36)
async def test_a_restart_ends_the_run(kernel_bench: Bench) -> None:
    run = await kernel_bench.start("print('in', flush=True)\nimport time; time.sleep(100)", "1")
    await kernel_bench.started(run, text="in")
    await kernel_bench.runner.restart()
    assert await run.wait(5)
    assert [cell.status for cell in run.cells] == ["kernel_died", "not_run"]
    assert text_of(run.cells[0]) == "in\n"
    (cell,) = await kernel_bench.run("'run' in dir()")
    assert cell.status == "ok" and cell.execution_count == 1


@pytest.mark.R(36)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
async def test_death_is_seen(tmp_path: Any, kernel_bench: Bench) -> None:
    async with BENCHES[kernel_bench.kind](str(tmp_path)) as bench:
        run = await bench.start("print('in', flush=True)\nimport time; time.sleep(100)", "1")
        await bench.started(run, text="in")
        await bench.kill_kernel()
        assert await run.wait(5)
        assert [cell.status for cell in run.cells] == ["kernel_died", "not_run"]
        assert text_of(run.cells[0]) == "in\n"
        if bench.kind == "client":
            assert bench.written[-1] == (run.cells[0].cell_id, "kernel_died", 1)
            (cell,) = await bench.run("'a new kernel'")
            assert cell.status == "ok" and cell.execution_count == 1


async def test_the_shell_cannot_restart(bench: Bench) -> None:
    if bench.kind != "shell":
        pytest.skip("other kernels can")
    with pytest.raises(KernelError):
        await bench.runner.restart()


@pytest.mark.R(38)
async def test_input_gets_end_of_file_at_its_deadline(kept: Bench, bench: Bench) -> None:
    if bench.kind != "client":
        pytest.skip("here the person answers in the cell")
    run = await bench.start("name = input('your name? ')")
    asked: list[str | None] = []
    run.watch(lambda cell: asked.append(cell.prompt) if cell.status == "awaiting_input" else None)
    assert await run.wait(DEADLINE)
    assert asked == ["your name? "]
    assert run.cells[0].status == "error" and run.cells[0].prompt is None
    assert run.cells[0].outputs[-1]["ename"] == "EOFError"


@pytest.mark.R(38)
async def test_input_in_an_endless_loop_ends(bench: Bench) -> None:
    if bench.kind != "client":
        pytest.skip("here the person answers in the cell")
    code = "while True:\n    try: input()\n    except EOFError: pass"
    (cell,) = await bench.run(code)
    assert cell.status == "interrupted"


async def test_final_outputs_reach_the_document(bench: Bench) -> None:
    if bench.kind == "observed":
        pytest.skip("the tab writes them")
    cells = await bench.run("print(1)", "1/0", "2")
    assert bench.written == [(cells[0].cell_id, "ok", 1), (cells[1].cell_id, "error", 1)]


async def test_evaluate_without_a_kernel(tmp_path: Any) -> None:
    runner = KernelClientRunner(PATH, ManagedKernels(tmp_path))
    assert (await runner.status()).state == "none"
    with pytest.raises(NoKernel):
        await runner.evaluate("1", deadline=1)
    with pytest.raises(NoKernel):
        await runner.interrupt()
    await runner.aclose()
