"""The in-process runner where it really lives: inside a cell of an ipykernel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.managed import ManagedKernels
from jupyter_agent.kernel.runner import CellSource, Run

PATH = "test.ipynb"

BEGIN = """
import asyncio
from jupyter_agent.kernel.inprocess import ShellRunner
from jupyter_agent.kernel.runner import CellSource
runner = ShellRunner(get_ipython())

async def go(*sources):
    cells = [CellSource(cell_id=str(n), source=source) for n, source in enumerate(sources)]
    global run
    run = await runner.start_run(cells, op_id=repr(sources))
    await run.wait()
    return run
"""


@pytest.fixture
async def outer(tmp_path: Path) -> AsyncIterator[KernelClientRunner]:
    kernels = ManagedKernels(tmp_path)
    runner = KernelClientRunner(PATH, kernels)
    yield runner
    await runner.aclose()
    await kernels.aclose()


async def start(outer: KernelClientRunner, *sources: str) -> Run:
    cells = [CellSource(cell_id=str(n), source=source) for n, source in enumerate(sources)]
    return await outer.start_run(cells, op_id=repr(sources))


async def test_outputs_are_kept_and_seen_in_the_cell(outer: KernelClientRunner) -> None:
    run = await start(
        outer,
        BEGIN,
        "found = await go(\"print('printed')\\n'shown'\", \"1/0\")",
        "[(c.status, [o['output_type'] for o in c.outputs]) for c in found.cells]",
    )
    assert await run.wait(30)
    kinds = [output["output_type"] for output in run.cells[1].outputs]
    # The error is shown, but not as one of the cell around, which goes on.
    assert kinds == ["stream", "execute_result", "stream"]
    assert run.cells[1].outputs[0]["text"] == "printed\n"
    assert run.cells[1].outputs[2]["name"] == "stderr"
    assert "ZeroDivisionError" in run.cells[1].outputs[2]["text"]
    assert run.cells[2].outputs[0]["data"]["text/plain"] == (
        "[('ok', ['stream', 'execute_result']), ('error', ['error'])]"
    )


async def test_an_interrupt_reaches_a_blocking_cell(outer: KernelClientRunner) -> None:
    run = await start(outer, BEGIN, "await go(\"print('in', flush=True)\\nwhile True: pass\")")
    printed = asyncio.Event()
    run.watch(lambda cell: printed.set() if "in" in str(cell.outputs) else None)
    await asyncio.wait_for(printed.wait(), 30)
    await outer.interrupt()
    assert await run.wait(10)
    assert run.cells[1].status == "interrupted"
    after = await start(outer, "await asyncio.sleep(0.1)\nprint(run.cells[0].status)")
    assert await after.wait(10)
    assert after.cells[0].outputs[0]["text"] == "interrupted\n"


async def test_an_interrupt_reaches_a_cell_that_awaits(outer: KernelClientRunner) -> None:
    code = "print('in', flush=True)\\nimport asyncio\\nawait asyncio.sleep(1000)"
    run = await start(outer, BEGIN, f'await go("{code}")')
    printed = asyncio.Event()
    run.watch(lambda cell: printed.set() if "in" in str(cell.outputs) else None)
    await asyncio.wait_for(printed.wait(), 30)
    await outer.interrupt()
    assert await run.wait(10)
    assert run.cells[1].status == "interrupted"
    after = await start(outer, "await asyncio.sleep(0.1)\nprint(run.cells[0].status)")
    assert await after.wait(10)
    assert after.cells[0].outputs[0]["text"] == "interrupted\n"
