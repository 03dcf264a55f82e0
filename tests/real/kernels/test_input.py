"""`input()` as the first thing that a fresh kernel does, often enough to meet a rare race."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.managed import ManagedKernels
from jupyter_agent.kernel.runner import CellSource

KERNELS = int(os.environ.get("JUPYTER_AGENT_FRESH_KERNELS", "200"))
AT_ONCE = 2
# Nobody is there to answer: the deadline answers with end-of-file, which the cell shows.
CELL = """\
try:
    name = input("who? ")
except EOFError:
    name = "nobody"
name
"""

pytestmark = pytest.mark.timeout(1_800)


@pytest.fixture
async def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ManagedKernels]:
    # Without a history on disk a kernel starts sooner.
    config = tmp_path / "ipython" / "profile_default"
    config.mkdir(parents=True)
    (config / "ipython_kernel_config.py").write_text("c.HistoryManager.enabled = False\n")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    kernels = ManagedKernels(tmp_path)
    yield kernels
    await kernels.aclose(now=True)


async def ask(kernels: ManagedKernels, number: int) -> str | None:
    """Run the cell in a kernel of its own; return what went wrong."""
    path = f"{number}.ipynb"
    runner = KernelClientRunner(path, kernels, input_deadline=0)
    asked: list[str | None] = []
    run = await runner.start_run([CellSource(cell_id="a", source=CELL)], op_id="a")
    run.watch(lambda cell: asked.append(cell.prompt) if cell.status == "awaiting_input" else None)
    ended = await run.wait(30)
    cell = run.cells[0]
    await kernels.shutdown(path, now=True)
    await runner.aclose()
    shown = [output["data"]["text/plain"] for output in cell.outputs if "data" in output]
    if ended and asked == ["who? "] and cell.status == "ok" and shown == ["'nobody'"]:
        return None
    return f"{number}: {cell.status}, asked {asked}, shown {shown}"


async def test_input_in_the_first_cell_of_fresh_kernels(kernels: ManagedKernels) -> None:
    numbers = iter(range(KERNELS))
    missed: list[str] = []

    async def work() -> None:
        for number in numbers:
            fault = await ask(kernels, number)
            if fault is not None:
                missed.append(fault)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    assert missed == [], f"{len(missed)} of {KERNELS}"
