"""A kernel of another language than Python."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.managed import ManagedKernels
from jupyter_agent.kernel.runner import CellRecord, CellSource

PATH = "test.ipynb"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(600),
    # bash_kernel's kernelspec has a field that jupyter_client does not know.
    pytest.mark.filterwarnings("ignore:Passing unrecognized arguments:DeprecationWarning"),
]


async def run(runner: KernelClientRunner, *sources: str) -> list[CellRecord]:
    cells = [CellSource(cell_id=f"c{n}", source=source) for n, source in enumerate(sources)]
    run = await runner.start_run(cells, op_id=repr(sources))
    assert await run.wait(60), [cell.status for cell in run.cells]
    return run.cells


@pytest.fixture(scope="module")
def installed() -> None:
    """Have the kernelspec of bash in this environment."""
    install = [sys.executable, "-m", "bash_kernel.install", "--sys-prefix"]
    subprocess.run(install, check=True, capture_output=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bash(
    installed: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[KernelClientRunner]:
    folder: Path = tmp_path_factory.mktemp("bash")
    kernels = ManagedKernels(folder)
    runner = KernelClientRunner(PATH, kernels, kernel_name="bash")
    yield runner
    await runner.aclose()
    await kernels.aclose()


async def test_cells_of_a_bash_kernel(bash: KernelClientRunner) -> None:
    ran = await run(bash, "x=41; echo $((x + 1))", "false", "echo never")
    assert [cell.status for cell in ran] == ["ok", "error", "not_run"]
    assert ran[0].outputs[0]["text"] == "42\n" and ran[2].reason == "a cell before it failed"
    assert (await bash.status()).language == "bash"


async def test_a_bash_cell_is_interrupted(bash: KernelClientRunner) -> None:
    cells = [CellSource(cell_id="s", source="sleep 60"), CellSource(cell_id="n", source="echo no")]
    begun = asyncio.Event()
    going = await bash.start_run(cells, op_id="sleep")
    going.watch(lambda cell: begun.set() if cell.status == "running" else None)
    if going.cells[0].status == "queued":
        await asyncio.wait_for(begun.wait(), 30)
    await bash.interrupt()
    assert await going.wait(30)
    assert [cell.status for cell in going.cells] == ["interrupted", "not_run"]
    assert (await run(bash, "echo on"))[0].outputs[0]["text"] == "on\n"
