"""A notebook's kernel by the best means at the moment: in the tab with an observer, else headless.

What each of the two does is in `kernel/observed.py` and `kernel/client.py`; the notebook itself is
reached by `workspace.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..kernel.client import KernelClientRunner
from ..kernel.languages import kernel_for
from ..kernel.observed import ObservedRunner
from ..notebook.frontend import BrowserChannel, TabGone
from ..protocol.codec import to_data
from ..protocol.errors import AgentError
from ..protocol.messages import new_id
from ..protocol.rpc import Expected, RunParams, StopRunParams
from .tab_kernels import TabKernels

if TYPE_CHECKING:
    from ..kernel.directory import KernelDirectory, KernelHandle
    from ..kernel.runner import CellRecord, CellSource, Evaluation, KernelRunner, KernelStatus, Run
    from ..notebook.document import NotebookDocument

# A cell may run for as long as it likes: Stop, not a clock, ends it. In seconds.
NO_DEADLINE = 1e9
STOP_DEADLINE = 5.0
# Operations that may be repeated.
_RUNS_KEPT = 50

log = logging.getLogger(__name__)


class AnyRunner:
    """A notebook's kernel by whichever runner fits at each call (the `KernelRunner` port).

    Args:
        document: the notebook, where outputs land that no tab shows.
        kernels: where its kernel is found and started.
        browser: the tabs; None: there are none.
        before_run: awaited with the cells that are about to run.
    """

    def __init__(
        self,
        document: NotebookDocument,
        kernels: KernelDirectory,
        browser: BrowserChannel | None,
        before_run: Callable[[Iterable[str]], Awaitable[None]],
    ) -> None:
        self._document = document
        self._kernels = TabKernels(kernels, browser) if browser is not None else kernels
        self._browser = browser
        self._before_run = before_run
        # Kernels started here stay: they belong to the notebook, and whoever gave the directory
        # shuts down what should not outlive it.
        self._direct = KernelClientRunner(
            self._path, self._kernels, sink=self._sink, keep_kernel=True
        )
        self._observed: dict[str, ObservedRunner] = {}
        self._runs: OrderedDict[str, Run] = OrderedDict()

    @property
    def _path(self) -> str:
        return self._document.path

    def move(self) -> None:
        """Go on at the path the notebook has now; what runs is not disturbed."""
        self._direct.path = self._path

    async def status(self) -> KernelStatus:
        """Return the kernel's state."""
        return await self._direct.status()

    async def start_run(
        self, cells: Sequence[CellSource], *, stop_on_error: bool = True, op_id: str
    ) -> Run:
        """Begin to run cells, in the tab if one has the notebook open."""
        if op_id in self._runs:
            return self._runs[op_id]
        await self._before_run([cell.cell_id for cell in cells])
        runner: KernelRunner = self._direct
        if self._browser is not None and self._browser.has_tab(self._path):
            # Asked of the tab each time: the person may have changed or restarted it just now.
            handle = await self._kernels.start(self._path, None)
            runner = await self._observer(handle, self._browser)
        elif await self._kernels.find(self._path) is None:
            state = await self._document.read()
            name = await kernel_for(state.kernel_name, state.language)
            await self._kernels.start(self._path, name)
        run = await runner.start_run(cells, stop_on_error=stop_on_error, op_id=op_id)
        self._runs[op_id] = run
        while len(self._runs) > _RUNS_KEPT and next(iter(self._runs.values())).finished:
            self._runs.popitem(last=False)
        return run

    async def evaluate(self, code: str, *, deadline: float) -> Evaluation:
        """Run code silently from the server's own client."""
        return await self._direct.evaluate(code, deadline=deadline)

    async def interrupt(self) -> None:
        """Interrupt what runs, and have no further cell run, by the tab or from here."""
        observing = [runner for runner in self._observed.values() if runner.running]
        for runner in observing:
            await runner.interrupt()
        if self._direct.running or not observing:
            await self._direct.interrupt()

    async def restart(self) -> None:
        """Restart the kernel; nothing that was to run in it runs any more."""
        observing = [runner for runner in self._observed.values() if runner.running]
        for runner in observing:
            await runner.stop()
        await self._direct.restart()
        for runner in observing:
            runner.declare_lost()

    def with_widgets(self, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return a cell's outputs with what its widgets show now as their plain text."""
        outputs = self._direct.with_widgets(outputs)
        for runner in self._observed.values():
            outputs = runner.with_widgets(outputs)
        return outputs

    async def aclose(self) -> None:
        """Let go of the clients; the kernels stay."""
        for runner in self._observed.values():
            await runner.aclose()
        self._observed.clear()
        await self._direct.aclose()

    async def _observer(self, handle: KernelHandle, browser: BrowserChannel) -> ObservedRunner:
        """Return the runner that observes this kernel; those of kernels before it are closed."""
        for kernel_id in [known for known in self._observed if known != handle.kernel_id]:
            if not self._observed[kernel_id].running:
                await self._observed.pop(kernel_id).aclose()
        runner = self._observed.get(handle.kernel_id)
        if runner is None:
            runner = self._observed[handle.kernel_id] = ObservedRunner(
                handle, _Tab(self._document, browser), lost=(TabGone,), sink=self._sink
            )
        return runner

    async def _sink(self, record: CellRecord) -> None:
        await self._document.set_outputs(record.cell_id, record.outputs, record.execution_count)


class _Tab:
    """The tab that has a notebook open, as one that runs cells (the `TabRuns` port)."""

    def __init__(self, document: NotebookDocument, browser: BrowserChannel) -> None:
        self._document = document
        self._browser = browser

    @property
    def _path(self) -> str:
        return self._document.path

    async def run(
        self,
        op_id: str,
        cells: Sequence[CellSource],
        stop_on_error: bool,
        on_progress: Callable[[dict[str, Any]], None],
    ) -> dict[str, Any]:
        params = RunParams(
            path=self._path,
            cell_ids=tuple(cell.cell_id for cell in cells),
            expect=tuple(
                Expected(id=cell.cell_id, cell_type="code", source=cell.source) for cell in cells
            ),
            stop_on_error=stop_on_error,
        )
        result: dict[str, Any] = await self._browser.call(
            self._path,
            "notebook.run",
            to_data(RunParams, params),
            op_id=op_id,
            deadline=NO_DEADLINE,
            on_progress=on_progress,
        )
        return result

    async def stop(self, op_id: str) -> None:
        params = StopRunParams(path=self._path, op_id=op_id)
        try:
            await self._browser.call(
                self._path,
                "notebook.stop_run",
                to_data(StopRunParams, params),
                op_id=new_id("op"),
                deadline=STOP_DEADLINE,
            )
        except (AgentError, asyncio.TimeoutError) as error:
            # What the tab did not hear, the kernel's interrupts have to end.
            log.info("The tab that runs cells of %s was not stopped: %s", self._path, error)
