"""`ObservedRunner`: the browser tab executes, we observe IOPub, and finish alone if the tab goes.

The tab shows live output, widgets and the `input()` box; the outputs a model sees come from the
observer, which no rate limit and no closed tab cuts off. Correlated by message id: the tab reports
which execute request it sent for which cell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from ..protocol.errors import AgentError, KernelBusy, KernelError
from .client import KernelClientRunner, why_not
from .connection import RESTARTED, Connection
from .directory import KernelHandle, OneKernel
from .execution import REPLY_PATIENCE, CellWatch, Displays, until_over
from .late import LateOutputs
from .outputs import OUTPUT_MESSAGES, OutputLimits
from .runner import (
    FINAL,
    CellRecord,
    CellSource,
    Evaluation,
    KernelStatus,
    Run,
)
from .sink import CellWriter, Sink
from .tab_run import TabRun

if TYPE_CHECKING:
    from .messages import KernelMessage

log = logging.getLogger(__name__)

Progress = Callable[[dict[str, Any]], None]

_UNCLAIMED = 100
_RUNS_KEPT = 50
_TOLD = OUTPUT_MESSAGES | {"execute_input", "status"}
# How long a request that the tab sent may take to show in an idle kernel, in seconds.
_GRACE = 1.5
_POLL = 0.1
_INSIST_AFTER = (1.0, 2.0)
# Seconds that the kernel's interrupt waits for the tab's word that it runs no further cell.
_STOP_PATIENCE = 0.25
# Seconds that the tab may take to tell what it had begun when the kernel was lost.
_LAST_WORDS = 3.0


class TabRuns(Protocol):
    """The tab that runs the cells, for one notebook."""

    async def run(
        self, op_id: str, cells: Sequence[CellSource], stop_on_error: bool, on_progress: Progress
    ) -> Mapping[str, Any]:
        """Run cells as they are given; returns `RunResult` as data, and `RunProgress` on the way.

        The same `op_id` never runs twice, however often it is asked for.
        """

    async def stop(self, op_id: str) -> None:
        """Have the tab run no further cell of an operation; no error when it cannot be told."""


class ObservedRunner:
    """Lets a browser tab run cells and watches the kernel. Times in seconds.

    Whether `input()` waits is told by the tab, where its box is.

    Args:
        handle: The notebook's kernel, which runs already.
        tab: What runs the cells.
        lost: What `tab.run` raises when the tab is gone.
        sink: Awaited with the cells whose tab was lost.
        input_deadline: How long a kernel without a tab may be silent before a possible `input()`
            gets end-of-file.
        limits: What is kept of a cell's outputs.
    """

    def __init__(
        self,
        handle: KernelHandle,
        tab: TabRuns,
        *,
        lost: tuple[type[BaseException], ...],
        sink: Sink | None = None,
        input_deadline: float = 120.0,
        limits: OutputLimits | None = None,
    ) -> None:
        self._handle = handle
        self._tab = tab
        self._lost = lost
        self._input_deadline = input_deadline
        self._limits = limits or OutputLimits()
        self._writer = CellWriter(sink)
        self._headless = KernelClientRunner(
            "", OneKernel(handle), sink=sink, input_deadline=input_deadline, limits=limits
        )
        self._displays = Displays()
        self._late = LateOutputs()
        self._observer: Connection | None = None
        self._observing = asyncio.Lock()
        # What was heard of each request while a run goes on, by message id.
        self._heard: OrderedDict[str, CellWatch] = OrderedDict()
        self._sources: dict[str, str] = {}
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        # The tab's operations that go on, by run id, and the words to the tab to stop them.
        self._operations: dict[str, str] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._stopping: set[str] = set()
        self._insisting: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return bool(self._tasks)

    async def status(self) -> KernelStatus:
        """Return the kernel's state, at once, also when it is busy."""
        # Heard before asking: the observer takes what the other connection asks for work.
        heard = self._observer.execution_state if self._observer is not None else None
        status = await self._headless.status()
        if heard == "busy":
            return replace(status, state="busy")
        if heard == "idle" and status.state == "unknown":
            return replace(status, state="idle")
        return status

    async def start_run(
        self, cells: Sequence[CellSource], *, stop_on_error: bool = True, op_id: str
    ) -> Run:
        """Let the tab run cells and return; see the port."""
        if op_id in self._runs:
            return self._runs[op_id]
        run = self._runs[op_id] = Run(cells)
        while len(self._runs) > _RUNS_KEPT and next(iter(self._runs.values())).finished:
            self._runs.popitem(last=False)
        try:
            observer = await self._observed()
        except BaseException:
            del self._runs[op_id]
            run.finish()
            raise
        task = asyncio.create_task(self._run(run, observer, op_id, stop_on_error))
        self._tasks[run.run_id] = task
        self._operations[run.run_id] = op_id
        task.add_done_callback(lambda _: self._tasks.pop(run.run_id, None))
        return run

    async def evaluate(self, code: str, *, deadline: float) -> Evaluation:
        """Run code silently from the server; see the port."""
        if self._tasks:
            raise KernelBusy("The kernel is running cells.")
        return await self._headless.evaluate(code, deadline=deadline)

    async def interrupt(self) -> None:
        """Interrupt what runs, again if it goes on; the tab runs no further cell.

        A cell that waits in the kernel behind somebody else's is interrupted when its turn comes.
        """
        await self.stop()
        for watch in self._heard.values():
            watch.interrupted = watch.cell.status not in FINAL
        if self._working():
            await self._headless.interrupt()
        if self._tasks:
            if self._insisting is not None:
                self._insisting.cancel()
            self._insisting = asyncio.create_task(self._insist(frozenset(self._tasks)))

    async def restart(self) -> None:
        """Restart the kernel; what ran gets status `kernel_died`."""
        await self.stop()
        try:
            await self._headless.restart()
        finally:
            self.declare_lost()

    def with_widgets(self, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return a cell's outputs in which the plain text of a widget is what it shows."""
        return self._displays.widgets.plain(self._headless.with_widgets(outputs))

    async def aclose(self) -> None:
        """Stop observing; the kernel and the tab go on."""
        insisting = [self._insisting] if self._insisting else []
        tasks = [*self._tasks.values(), *self._telling, *insisting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._late.close()
        await self._writer.close()
        await self._headless.aclose()
        if self._observer is not None:
            await self._observer.close()
            self._observer = None

    async def stop(self) -> None:
        """Have no further cell run, by the tab or without it; what runs goes on."""
        self._stopping.update(self._tasks)
        for run_id in self._tasks:
            self._headless.stop(run_id)
        telling = {
            asyncio.create_task(self._tab.stop(op_id)) for op_id in self._operations.values()
        }
        if telling:
            self._telling |= telling
            for task in telling:
                task.add_done_callback(self._telling.discard)
            await asyncio.wait(telling, timeout=_STOP_PATIENCE)

    def declare_lost(self) -> None:
        """Give up what runs: somebody restarted the kernel."""
        if self._observer is not None:
            self._observer.declare_lost(RESTARTED)

    # ---- observing -------------------------------------------------------------------------

    async def _observed(self) -> Connection:
        async with self._observing:
            before = self._observer
            if before is not None and not before.lost.is_set() and not before.superseded:
                return before
            if before is not None:
                before.declare_lost(RESTARTED)  # for whoever still watches a cell of it
                await before.close()
            observer = Connection(self._handle, observe=True)
            await observer.open()
            observer.listen_to_all(self._hear)
            self._observer = observer
            return observer

    def _hear(self, channel: str, message: KernelMessage) -> None:
        """Note what comes of any request: the tab's word on whose it is may come later."""
        watch = self._heard.get(message.parent_id)
        if watch is None:
            if not self._tasks or not message.parent_id or message.kind not in _TOLD:
                return
            watch = self._watch(message.parent_id)
        if message.kind == "execute_input":
            self._sources[message.parent_id] = str(message.content.get("code", ""))
        watch.hear(channel, message)
        watch.finish_if_over()

    def _watch(self, message_id: str) -> CellWatch:
        record = CellRecord(cell_id="", source="", message_id=message_id)
        watch = CellWatch(
            record, Run(()), writer=CellWriter(None), displays=self._displays, limits=self._limits
        )
        self._heard[message_id] = watch
        unclaimed = [key for key, heard in self._heard.items() if not heard.cell.cell_id]
        for oldest in unclaimed[: max(0, len(unclaimed) - _UNCLAIMED)]:
            del self._heard[oldest]
            self._sources.pop(oldest, None)
        return watch

    # ---- a run -----------------------------------------------------------------------------

    async def _run(self, run: Run, observer: Connection, op_id: str, stop_on_error: bool) -> None:
        tab = TabRun(run, self)
        stop_watching = observer.watch_life()
        try:
            await self._let_tab_run(tab, run, observer, op_id, stop_on_error)
        except AgentError as error:
            tab.refuse(error)
        except asyncio.CancelledError:
            tab.finish_rest("interrupted")
            raise
        except Exception as error:  # a defect on the way to the tab: shown, and the run ends
            log.exception("Running cells in the tab failed")
            tab.refuse(AgentError(f"The cells could not be run: {type(error).__name__}."))
            run.settle("unknown", "what the tab told of it could not be read")
        finally:
            stop_watching()
            for watch in tab.watches.values():
                self._heard.pop(watch.cell.message_id or "", None)
            # Before the end is told: whoever waits for it may ask the kernel at once.
            self._tasks.pop(run.run_id, None)
            self._operations.pop(run.run_id, None)
            if not self._tasks:
                self._heard.clear()
                self._sources.clear()
            stopped = run.run_id in self._stopping
            self._stopping.discard(run.run_id)
            run.finish(reason=why_not(run.cells, stopped=stopped))

    async def _let_tab_run(
        self, tab: TabRun, run: Run, observer: Connection, op_id: str, stop_on_error: bool
    ) -> None:
        cells = [CellSource(cell_id=cell.cell_id, source=cell.source) for cell in run.cells]
        call = asyncio.ensure_future(self._tab.run(op_id, cells, stop_on_error, tab.on_progress))
        # Without the observer's connection the tab still runs the cells, and tells how they end.
        died = asyncio.ensure_future(observer.died.wait())
        unanswered = asyncio.ensure_future(self._unanswered(tab, run))
        waits = (call, died, unanswered)
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if died.done() and not call.done():
                # The tab notices it, too, and knows what it had not begun. It must begin nothing
                # in the kernel that comes.
                await self._tab.stop(op_id)
                await asyncio.wait({call}, timeout=_LAST_WORDS)
            if call.done():
                await tab.finish_told(call.result(), observer)
            elif died.done():
                tab.finish_rest("kernel_died", observer.reason_if_lost)
                run.settle(
                    "unknown", "the kernel was lost, and the tab did not tell whether it ran"
                )
            else:
                tab.finish_rest("interrupted")
        except self._lost as error:
            log.info("The tab is gone (%s): finishing its run from the kernel.", error)
            await self._finish_without_tab(tab, run, observer, stop_on_error)
        finally:
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def _unanswered(self, tab: TabRun, run: Run) -> None:
        """Return when an interrupt has left the tab's request without a reply.

        A kernel interrupted before the code has begun is idle again and never replies; the tab
        would wait for ever.
        """
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < REPLY_PATIENCE:
            await asyncio.sleep(_POLL)
            sent = tab.watches.values()
            if run.run_id not in self._stopping or not all(w.idle.is_set() for w in sent):
                idle_since = time.monotonic()

    async def _finish_without_tab(
        self, tab: TabRun, run: Run, observer: Connection, stop_on_error: bool
    ) -> None:
        """Finish what the tab had sent, then run the rest, in order and nothing twice."""
        for index, cell in enumerate(run.cells):
            if cell.cell_id in tab.not_run:
                return
            watch = tab.watches.get(cell.cell_id)
            if watch is None and cell.status not in FINAL:
                watch = await self._adopted(tab, cell, observer)
                if watch is None:
                    if observer.lost.is_set():
                        break
                    if run.run_id not in self._stopping:
                        rest = run.cells[index:]
                        await self._headless.run_records(run, rest, stop_on_error=stop_on_error)
                    return
            if watch is not None:
                await self._finish_watched(watch, observer)
                await self._writer.write(cell)
                self._late.keep(watch, observer, writer=self._writer)
            if cell.status in ("kernel_died", "interrupted"):
                return
            if cell.status == "unknown":
                break
            if cell.status == "error" and stop_on_error:
                return
        if observer.lost.is_set() and not observer.died.is_set():
            # The page that we lost may have run them all.
            run.settle("unknown", "the connections to the kernel and to the tab were lost")

    async def _adopted(
        self, tab: TabRun, cell: CellRecord, observer: Connection
    ) -> CellWatch | None:
        """Find the request of a cell that the tab may have sent without a word; None: it did not.

        It shows with the cell's source as soon as the kernel has time for it.
        """
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < _GRACE and not observer.lost.is_set():
            for message_id, source in list(self._sources.items()):
                watch = self._heard.get(message_id)
                if (
                    watch is not None
                    and source.strip() == cell.source.strip()
                    and not watch.cell.cell_id
                ):
                    tab.claim(cell, message_id)
                    return watch
            if observer.execution_state == "busy":
                quiet_since = time.monotonic()
            await asyncio.sleep(_POLL)
        return None

    async def _finish_watched(self, watch: CellWatch, observer: Connection) -> None:
        """Wait for a cell whose tab is gone, and give it its status."""
        over = asyncio.ensure_future(until_over(watch, observer, reply=False))
        try:
            while not (await asyncio.wait({over}, timeout=self._input_deadline))[0]:
                silent = time.monotonic() - watch.last_heard >= self._input_deadline
                if silent and (self._handle.language or observer.language) == "python":
                    await self._headless.refuse_input()
            alive = over.result()
        finally:
            over.cancel()
            await asyncio.gather(over, return_exceptions=True)
        if watch.cell.status not in FINAL:
            ended = watch.status_by_outputs() if watch.ran else "not_run"
            if alive:
                watch.finish(ended)
            else:
                watch.finish(observer.outcome_if_lost, observer.reason_if_lost)

    def _working(self) -> bool:
        """Whether the kernel is at a cell of ours, and not at what somebody else has it run."""
        ours = (watch for watch in self._heard.values() if watch.cell.cell_id)
        return self._headless.at_cell or any(watch.working for watch in ours)

    async def _insist(self, run_ids: frozenset[str]) -> None:
        if self._working():
            await self._remind(interrupt=False)
        for seconds in _INSIST_AFTER:
            await asyncio.sleep(seconds)
            if not await self._until_working(run_ids):
                return
            await self._remind(interrupt=True)

    async def _remind(self, *, interrupt: bool) -> None:
        try:
            if interrupt:
                await self._handle.interrupt()
            await self._headless.nudge()
        except KernelError as error:
            log.warning("%s", error)

    async def _until_working(self, run_ids: frozenset[str]) -> bool:
        """Wait until the kernel is at a cell of ours; False when all of these runs end before."""
        while run_ids & set(self._tasks):
            if self._working():
                return True
            await asyncio.sleep(_POLL)
        return False

    async def write(self, cell: CellRecord) -> None:
        """Put what a cell has put out into the notebook, which the tab did not."""
        await self._writer.write(cell)

    def heard(self, message_id: str) -> CellWatch:
        """Return the watch of a request, made when nothing of it was heard yet."""
        return self._heard.get(message_id) or self._watch(message_id)
