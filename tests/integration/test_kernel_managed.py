"""Kernels that we start ourselves: where they run, that they end, and what a runner keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import kernel_specs
import pytest

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.directory import OneKernel
from jupyter_agent.kernel.managed import ManagedKernel, ManagedKernels
from jupyter_agent.kernel.outputs import OutputLimits
from jupyter_agent.kernel.runner import CellRecord, CellSource, EvaluationTimedOut, Run
from jupyter_agent.protocol.errors import KernelBusy, KernelStartFailed

PATH = "folder/test.ipynb"


@pytest.fixture
async def kernels(tmp_path: Path) -> AsyncIterator[ManagedKernels]:
    (tmp_path / "folder").mkdir()
    kernels = ManagedKernels(tmp_path)
    yield kernels
    await kernels.aclose()


async def run(runner: KernelClientRunner, *sources: str, **options: Any) -> list[CellRecord]:
    cells = [
        CellSource(cell_id=f"cell-{index}", source=source) for index, source in enumerate(sources)
    ]
    found: Run = await runner.start_run(cells, op_id=repr((sources, options)), **options)
    assert await found.wait(30), found.cells
    return found.cells


def is_running(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def test_it_runs_in_the_notebooks_folder(kernels: ManagedKernels, tmp_path: Path) -> None:
    runner = KernelClientRunner(PATH, kernels)
    (cell,) = await run(runner, "import os; print(os.getcwd())")
    assert Path(cell.outputs[0]["text"].strip()) == (tmp_path / "folder").resolve()
    await runner.aclose()


async def test_a_kernel_that_a_runner_started_ends_with_it(kernels: ManagedKernels) -> None:
    runner = KernelClientRunner(PATH, kernels)
    (cell,) = await run(runner, "import os; print(os.getpid())")
    await runner.aclose()
    assert not is_running(int(cell.outputs[0]["text"]))
    assert await kernels.find(PATH) is None


async def test_somebody_elses_kernel_stays(kernels: ManagedKernels) -> None:
    kernel = await kernels.start(PATH, None)
    runner = KernelClientRunner(PATH, OneKernel(kernel))
    (cell,) = await run(runner, "import os; print(os.getpid())")
    await runner.aclose()
    assert is_running(int(cell.outputs[0]["text"]))
    await kernels.aclose()
    assert not is_running(int(cell.outputs[0]["text"]))


async def test_two_runners_share_a_kernel(kernels: ManagedKernels) -> None:
    kernel = await kernels.start(PATH, None)
    first, second = (KernelClientRunner(PATH, OneKernel(kernel)) for _ in range(2))
    await run(first, "shared = 5")
    for runner in (second, first, second):
        found = await runner.evaluate("print(shared)", deadline=10)
        assert found.outputs[0]["text"] == "5\n"
    await first.aclose()
    await second.aclose()


async def test_a_busy_kernel_can_be_attached_to(kernels: ManagedKernels) -> None:
    kernel = await kernels.start(PATH, None)
    first, second = (KernelClientRunner(PATH, OneKernel(kernel)) for _ in range(2))
    busy = await first.start_run(
        [CellSource(cell_id="a", source="import time; time.sleep(1); late = 1")], op_id="a"
    )
    running = asyncio.Event()
    busy.watch(lambda cell: running.set() if cell.status == "running" else None)
    await asyncio.wait_for(running.wait(), 10)
    (cell,) = await run(second, "late")
    assert busy.cells[0].status == "ok"
    assert cell.outputs[0]["data"]["text/plain"] == "1"
    await first.aclose()
    await second.aclose()


async def test_a_cancelled_start_leaves_no_process(kernels: ManagedKernels) -> None:
    task = asyncio.create_task(kernels.start(PATH, None))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    starting = dict(kernels._starting)
    assert list(starting) == [PATH]
    kernel = await starting[PATH]
    pid = kernel.manager.provisioner.pid
    assert is_running(pid)
    await kernels.aclose()
    assert not is_running(pid)


async def test_an_unknown_kernel_is_refused(kernels: ManagedKernels) -> None:
    runner = KernelClientRunner(PATH, kernels, kernel_name="no-such-kernel")
    with pytest.raises(KernelStartFailed, match=r"no-such-kernel.*Installed are: .*python3"):
        await runner.start_run([CellSource(cell_id="a", source="1")], op_id="a")
    await runner.aclose()


async def test_a_kernel_that_ends_at_once_is_refused(
    tmp_path: Path, kernels: ManagedKernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = ("-c", "raise SystemExit(3)", "{connection_file}")
    kernel_specs.install("broken", tmp_path, monkeypatch, *program)
    runner = KernelClientRunner(PATH, kernels, kernel_name="broken", start_deadline=20)
    with pytest.raises(KernelStartFailed):
        await runner.start_run([CellSource(cell_id="a", source="1")], op_id="a")
    await runner.aclose()


async def test_a_kernel_whose_port_was_taken_is_started_again(
    tmp_path: Path, kernels: ManagedKernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = kernel_specs.install_contended(tmp_path, monkeypatch, times=1)
    runner = KernelClientRunner(PATH, kernels, kernel_name="contended")
    (cell,) = await run(runner, "6 * 7")
    assert cell.outputs[0]["data"]["text/plain"] == "42"
    assert starts.read_text().count("started") == 2
    await runner.aclose()


async def test_a_kernel_that_never_gets_its_ports_is_started_twice_at_most(
    tmp_path: Path, kernels: ManagedKernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = kernel_specs.install_contended(tmp_path, monkeypatch, times=100)
    runner = KernelClientRunner(PATH, kernels, kernel_name="contended")
    with pytest.raises(KernelStartFailed, match="stopped while it was starting"):
        await runner.start_run([CellSource(cell_id="a", source="1")], op_id="a")
    assert starts.read_text().count("started") == 2
    await runner.aclose()
    assert await kernels.find(PATH) is None


@pytest.mark.R(34)
async def test_a_hundred_megabytes_in_one_message(kernels: ManagedKernels) -> None:
    runner = KernelClientRunner(PATH, kernels)
    cells = await run(runner, "print('x' * 100_000_000)", "'still here'")
    text = cells[0].outputs[0]["text"]
    assert cells[0].status == cells[1].status == "ok"
    assert text.startswith("x" * 1_000_000) and len(text) < 10_000_000
    assert "not kept" in text[-200:]
    await runner.aclose()


@pytest.mark.R(34)
async def test_what_is_kept_of_a_cell_is_bounded(kernels: ManagedKernels) -> None:
    runner = KernelClientRunner(PATH, kernels, limits=OutputLimits(stream=1_000))
    (cell,) = await run(runner, "for i in range(2_000): print(i, flush=True)")
    text = cell.outputs[0]["text"]
    assert text.startswith("0\n1\n") and text.endswith("1998\n1999\n")
    assert "not kept" in text and len(text) < 1_200
    await runner.aclose()


async def test_growing_outputs_reach_the_document_before_the_end(
    kernels: ManagedKernels,
) -> None:
    grew = asyncio.Event()
    written: list[tuple[str, int]] = []

    async def sink(cell: CellRecord) -> None:
        written.append((cell.status, len(cell.outputs)))
        if cell.status == "running" and cell.outputs:
            grew.set()

    runner = KernelClientRunner(PATH, kernels, sink=sink)
    found = await runner.start_run(
        [CellSource(cell_id="a", source="print(1, flush=True)\nimport time; time.sleep(60)")],
        op_id="a",
    )
    await asyncio.wait_for(grew.wait(), 10)
    assert not found.finished
    await runner.interrupt()
    assert await found.wait(10)
    assert written[-1] == ("interrupted", 2)
    await runner.aclose()


async def test_closing_during_a_run_writes_what_there_is(kernels: ManagedKernels) -> None:
    written: list[CellRecord] = []
    printed = asyncio.Event()

    async def sink(cell: CellRecord) -> None:
        written.append(cell)

    runner = KernelClientRunner(PATH, kernels, sink=sink)
    code = "print('begun', flush=True)\nimport time; time.sleep(60)"
    cells = [CellSource(cell_id="a", source=code), CellSource(cell_id="b", source="1")]
    found = await runner.start_run(cells, op_id="a")
    found.watch(lambda cell: printed.set() if cell.outputs else None)
    await asyncio.wait_for(printed.wait(), 10)
    await runner.aclose()
    assert found.finished
    assert [cell.status for cell in found.cells] == ["interrupted", "not_run"]
    assert written[-1].outputs[0]["text"] == "begun\n"


async def test_a_caller_that_goes_does_not_end_the_run(kernels: ManagedKernels) -> None:
    runner = KernelClientRunner(PATH, kernels)
    found = await runner.start_run(
        [CellSource(cell_id="a", source="import time; time.sleep(0.5); print('done')")], op_id="a"
    )
    waiting = asyncio.create_task(found.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await found.wait(10)
    assert found.cells[0].outputs[0]["text"] == "done\n"
    await runner.aclose()


async def test_a_display_of_an_earlier_cell_is_updated(kernels: ManagedKernels) -> None:
    runner = KernelClientRunner(PATH, kernels)
    cells = await run(
        runner,
        "from IPython.display import display\nshown = display('old', display_id=True)",
        "shown.update('new')",
    )
    again = await run(runner, "1")
    assert again[0].status == "ok"
    deadline = asyncio.get_running_loop().time() + 5
    while cells[0].outputs[0]["data"]["text/plain"] != "'new'":
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
    await runner.aclose()


class Person:
    """Somebody who runs cells in the same kernel."""

    def __init__(self, kernel: ManagedKernel) -> None:
        self.client = kernel.manager.client()
        self.client.session.session = "person"
        self.client.start_channels(hb=False)

    def run(self, source: str) -> str:
        return str(self.client.execute(source, stop_on_error=False))

    async def status(self, request: str) -> str:
        while True:
            message = await asyncio.wait_for(self.client.get_shell_msg(), 30)
            if message["parent_header"].get("msg_id") == request:
                return str(message["content"]["status"])


async def test_looking_at_variables_never_interrupts_a_cell_of_the_person(
    kernels: ManagedKernels,
) -> None:
    runner = KernelClientRunner(PATH, kernels, keep_kernel=True)
    await run(runner, "import time")
    kernel = await kernels.find(PATH)
    assert kernel is not None
    person = Person(kernel)
    try:
        await person.status(person.run("pass"))  # connected: what it sends next is there at once
        # The short cell is over within what the look waits for; the long one is queued by then.
        person.run("time.sleep(1.0)")
        long = person.run("time.sleep(4); print('trained')")
        with pytest.raises(KernelBusy):
            await runner.evaluate("1", deadline=2.0)
        assert await person.status(long) == "ok"
    finally:
        person.client.stop_channels()
        await runner.aclose()


async def test_code_that_waits_behind_a_cell_of_the_person_is_left_to_wait(
    kernels: ManagedKernels,
) -> None:
    runner = KernelClientRunner(PATH, kernels, keep_kernel=True)
    await run(runner, "import time")
    kernel = await kernels.find(PATH)
    assert kernel is not None
    person = Person(kernel)
    try:
        await person.status(person.run("pass"))  # connected: what it sends next is there at once
        long = person.run("time.sleep(3)")
        # As when the person is faster than the request of a kernel that was found idle.
        connection = await runner._connected(start=False)
        with pytest.raises(KernelBusy, match="waits behind") as caught:
            await runner._evaluate(connection, "1", deadline=0.5)
        assert not isinstance(caught.value, EvaluationTimedOut)
        assert await person.status(long) == "ok"
    finally:
        person.client.stop_channels()
        await runner.aclose()


async def test_a_notebook_changes_its_kernel(kernels: ManagedKernels) -> None:
    before = await kernels.start(PATH, None)
    assert "python3" in await kernels.kernel_names()
    with pytest.raises(KernelStartFailed, match="no-such-kernel"):
        await kernels.change(PATH, "no-such-kernel")
    assert await kernels.find(PATH) is before
    await kernels.change(PATH, "python3")
    after = await kernels.find(PATH)
    assert after is not None and after.kernel_id != before.kernel_id
    assert not await before.is_alive()
