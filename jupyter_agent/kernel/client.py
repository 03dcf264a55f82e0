"""`KernelClientRunner`: runs cells over jupyter_client, in a kernel of its own or somebody else's.

Used by the command line, and by the server when no browser tab has the notebook open. Cells go
one by one; what becomes of a single one is in `execution.py`, the channels in `connection.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..protocol.errors import KernelBusy, KernelDied, KernelError, KernelStartFailed, NoKernel
from .connection import RESTARTED, Connection
from .execution import END_OF_FILE, CellWatch, Displays, execute_cell, until_over
from .late import LateOutputs
from .outputs import OutputLimits
from .runner import (
    FINAL,
    CellRecord,
    CellSource,
    CellStatus,
    Evaluation,
    EvaluationTimedOut,
    KernelState,
    KernelStatus,
    Run,
)
from .sink import CellWriter, Sink

if TYPE_CHECKING:
    from .directory import KernelDirectory, KernelHandle

log = logging.getLogger(__name__)

_RUNS_KEPT = 50
_IDLE_WAIT = 2.0
# An answer within so many seconds had nothing to wait for.
_PROMPT = 0.3
# Seconds that interrupted code has to end.
_OBEY = 1.5
_INSIST_AFTER = (1.0, 2.0)
_EVALUATION = OutputLimits(stream=1_000_000, data=4_000_000, outputs=200)


class KernelClientRunner:
    """Runs code in one notebook's kernel over jupyter_client. Times in seconds.

    Args:
        path: The notebook.
        directory: Finds and starts its kernel.
        kernel_name: The kernelspec to start when there is no kernel; None: the default one.
        sink: Awaited when a cell is final, and now and then while its outputs grow.
        input_deadline: How long `input()` may wait before it gets end-of-file.
        start_deadline: How long a kernel may take to start.
        limits: What is kept of a cell's outputs.
        keep_kernel: Leave a kernel that this runner started running on `aclose`.
    """

    def __init__(
        self,
        path: str,
        directory: KernelDirectory,
        *,
        kernel_name: str | None = None,
        sink: Sink | None = None,
        input_deadline: float = 120.0,
        start_deadline: float = 60.0,
        limits: OutputLimits | None = None,
        keep_kernel: bool = False,
    ) -> None:
        self.path = path
        self._directory = directory
        self._kernel_name = kernel_name
        self._input_deadline = input_deadline
        self._start_deadline = start_deadline
        self._limits = limits or OutputLimits()
        self._keep_kernel = keep_kernel
        self._writer = CellWriter(sink)
        self._displays = Displays()
        self._late = LateOutputs()
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._started = False
        self._restarted = False
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[str] = set()
        self._current: CellWatch | None = None
        self._called_off: asyncio.Event | None = None
        self._insisting: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return bool(self._tasks)

    @property
    def at_cell(self) -> bool:
        """Whether a cell runs, or waits for what somebody else runs."""
        return self._current is not None or self._called_off is not None

    async def status(self) -> KernelStatus:
        """Return the kernel's state, at once, also when it is busy."""
        handle = await self._directory.find(self.path)
        if handle is None:
            return KernelStatus(state="none")
        connection = self._live_connection(handle)
        state = connection.execution_state if connection else None
        return KernelStatus(
            state=_state(state or handle.execution_state),
            kernel_id=handle.kernel_id,
            kernel_name=handle.kernel_name,
            language=handle.language or (connection.language if connection else None),
        )

    async def start_run(
        self, cells: Sequence[CellSource], *, stop_on_error: bool = True, op_id: str
    ) -> Run:
        """Begin to run cells and return; see the port.

        Raises:
            KernelStartFailed: no kernel could be started.
        """
        if op_id in self._runs:
            return self._runs[op_id]
        run = self._runs[op_id] = Run(cells)
        self._forget_old_runs()
        try:
            await self._connected()
        except BaseException:
            del self._runs[op_id]
            run.finish()
            raise
        task = asyncio.create_task(self._run(run, stop_on_error))
        self._tasks[run.run_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.run_id, None))
        return run

    async def evaluate(self, code: str, *, deadline: float) -> Evaluation:
        """Run code silently; what it prints and raises is returned, a bare value is not.

        Raises:
            EvaluationTimedOut: it did not end within `deadline` seconds, and was interrupted.
            KernelBusy: the kernel runs something else; see the port.
            KernelDied: it died meanwhile.
            NoKernel: there is none.
        """
        if self._turn.locked():
            raise KernelBusy("The kernel is running cells.")
        async with self._turn:
            connection = await self._connected(start=False)
            await self._require_idle(connection, min(deadline, _IDLE_WAIT))
            return await self._evaluate(connection, code, deadline)

    async def interrupt(self) -> None:
        """Interrupt what runs, again if it goes on; cells that wait are not run any more.

        While a cell waits for what somebody else runs, only the waiting ends.

        Raises:
            NoKernel: there is none.
        """
        self._stopping.update(self._tasks)
        if self._called_off is not None:
            self._called_off.set()
            return
        handle = await self._require_handle()
        if self._current is not None:
            self._current.interrupted = True
        await self._tell(handle)
        if self._current is not None:
            if self._insisting is not None:
                self._insisting.cancel()
            self._insisting = asyncio.create_task(self._insist(self._current, handle))

    async def nudge(self) -> None:
        """Make a kernel that was interrupted notice it."""
        (await self._connected(start=False)).nudge()

    async def refuse_input(self) -> None:
        """Answer an `input()` that nobody can answer any more with end-of-file.

        Only for IPython kernels: they drop an answer that nothing waits for.
        """
        (await self._connected(start=False)).answer_input(END_OF_FILE)

    async def restart(self) -> None:
        """Restart the kernel; what ran gets status `kernel_died`, what waited `not_run`.

        Raises:
            NoKernel: there is none.
            KernelStartFailed: it did not come back.
        """
        handle = await self._require_handle()
        self._stopping.update(self._tasks)
        self._restarted = True
        try:
            await handle.restart()
        finally:
            if self._connection is not None:
                self._connection.declare_lost(RESTARTED)
        await self._connected()

    def with_widgets(self, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return a cell's outputs in which the plain text of a widget is what it shows."""
        return self._displays.widgets.plain(outputs)

    async def aclose(self) -> None:
        """Stop watching runs, write what they brought, let go of the kernel."""
        tasks = [*self._tasks.values(), *([self._insisting] if self._insisting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._late.close()
        await self._writer.close()
        async with self._connecting:
            if self._connection is not None:
                await self._connection.close()
                self._connection = None
        if self._started and not self._keep_kernel:
            self._started = False
            await self._directory.shutdown(self.path)

    # ---- the kernel ------------------------------------------------------------------------

    def _live_connection(self, handle: KernelHandle) -> Connection | None:
        connection = self._connection
        if connection is None or connection.lost.is_set() or connection.superseded:
            return None
        return connection if connection.handle.kernel_id == handle.kernel_id else None

    async def _require_handle(self) -> KernelHandle:
        handle = await self._directory.find(self.path)
        if handle is None:
            raise NoKernel("This notebook has no kernel running.")
        return handle

    async def _connected(self, *, start: bool = True) -> Connection:
        """Return a live connection; a kernel is started when there is none and `start` is set."""
        async with self._connecting:
            handle = await self._directory.find(self.path)
            if handle is not None and (live := self._live_connection(handle)) is not None:
                return live
            if handle is None and not start:
                raise NoKernel("This notebook has no kernel running.")
            if self._connection is not None:
                await self._connection.close()
                self._connection = None
            if handle is None:
                connection = await self._start()
            else:
                fresh = self._restarted or handle.execution_state in ("starting", "restarting")
                connection = Connection(handle)
                await connection.open(starting=self._start_deadline if fresh else None)
            self._restarted = False
            self._connection = connection
            return connection

    async def _start(self) -> Connection:
        """Start a kernel and connect; one that stops before its first word is started once more.

        jupyter_client chooses ports that are free and lets go of them; until the kernel binds them,
        any other program may take one.
        """
        # Before the wait: when that is cancelled, the kernel is still ours to end.
        self._started = True
        connection = Connection(await self._directory.start(self.path, self._kernel_name))
        try:
            await connection.open(starting=self._start_deadline)
        except KernelStartFailed:
            if not connection.died.is_set():
                raise
            log.info("The kernel of %s stopped while it was starting; trying again.", self.path)
            await self._directory.shutdown(self.path)
            connection = Connection(await self._directory.start(self.path, self._kernel_name))
            await connection.open(starting=self._start_deadline)
        return connection

    async def _require_idle(self, connection: Connection, patience: float) -> None:
        """Make sure that the kernel answers now, so that nothing is left queued in it.

        An answer that was long in coming waited behind a cell, and behind that another may wait by
        now: then it is asked once more.

        Raises:
            KernelBusy: it does not.
        """
        began = time.monotonic()
        await self._answered(connection, patience)
        passed = time.monotonic() - began
        if passed > _PROMPT:
            await self._answered(connection, max(patience - passed, _PROMPT))

    async def _answered(self, connection: Connection, patience: float) -> None:
        answered = asyncio.Event()
        message_id = connection.ask_state(
            lambda _channel, message: (
                answered.set() if message.kind == "kernel_info_reply" else None
            )
        )
        try:
            await asyncio.wait_for(answered.wait(), patience)
        except asyncio.TimeoutError:
            raise KernelBusy("The kernel is running something else.") from None
        finally:
            connection.forget(message_id)

    async def _evaluate(self, connection: Connection, code: str, deadline: float) -> Evaluation:
        record = CellRecord(cell_id="", source=code)
        run = Run(())
        watch = CellWatch(
            record, run, writer=CellWriter(None), displays=Displays(), limits=_EVALUATION
        )
        stop_watching = connection.watch_life()
        message_id = connection.execute(code, watch.hear, silent=True, allow_stdin=False)
        try:
            alive = await asyncio.wait_for(until_over(watch, connection), deadline)
        except (asyncio.TimeoutError, asyncio.CancelledError) as error:
            ours = watch.working
            if ours:
                # It must not go on in the kernel with nobody waiting for it.
                await self._try_to_tell(connection.handle)
            if isinstance(error, asyncio.CancelledError):
                raise
            if not ours:
                raise KernelBusy(
                    "The kernel began to run something else; what was asked of it waits behind that."
                ) from None
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(watch.idle.wait(), _OBEY)
            raise EvaluationTimedOut(f"The code did not end within {deadline:.0f} s.") from None
        finally:
            stop_watching()
            connection.forget(message_id)
        if not alive and not connection.died.is_set():
            raise KernelError("The connection to the kernel was lost; the code may have run.")
        if not alive:
            raise KernelDied("The kernel died.")
        watch.take_error_of_reply()
        watch.finish(watch.status_by_outputs())
        return Evaluation(outputs=tuple(record.outputs), ok=record.status == "ok")

    async def _insist(self, watch: CellWatch, handle: KernelHandle) -> None:
        """Interrupt again: code may swallow one KeyboardInterrupt."""
        for seconds in _INSIST_AFTER:
            await asyncio.sleep(seconds)
            if watch.cell.status in FINAL or watch is not self._current:
                return
            await self._try_to_tell(handle)

    async def _try_to_tell(self, handle: KernelHandle) -> None:
        try:
            await self._tell(handle)
        except KernelError as error:
            log.warning("%s", error)

    async def _tell(self, handle: KernelHandle) -> None:
        await handle.interrupt()
        if (connection := self._live_connection(handle)) is not None:
            connection.nudge()

    # ---- runs ------------------------------------------------------------------------------

    def _forget_old_runs(self) -> None:
        while len(self._runs) > _RUNS_KEPT:
            oldest = next(iter(self._runs))
            if not self._runs[oldest].finished:
                return
            del self._runs[oldest]

    async def _run(self, run: Run, stop_on_error: bool) -> None:
        try:
            await self.run_records(run, run.cells, stop_on_error=stop_on_error)
        finally:
            run.finish()

    async def run_records(
        self, run: Run, cells: Sequence[CellRecord], *, stop_on_error: bool
    ) -> None:
        """Run cells of a run and wait for them; those after a failure are left as they are."""
        try:
            async with self._turn:
                connection = await self._connected()
                for cell in cells:
                    if run.run_id in self._stopping or not await self._until_free(connection):
                        run.settle("not_run", "the run was stopped before")
                        return
                    status = await self._run_cell(run, cell, connection)
                    if status != "ok" and (status != "error" or stop_on_error):
                        run.settle("not_run", why_not([cell]))
                        return
        except KernelError as error:
            log.warning("A run ended: %s", error)
            run.settle("not_run", error.user_message)
        finally:
            self._stopping.discard(run.run_id)

    def stop(self, run_id: str) -> None:
        """Run no further cell of a run."""
        self._stopping.add(run_id)

    async def _until_free(self, connection: Connection) -> bool:
        """Wait until the kernel runs nothing of others; False when the waiting was ended.

        A request that waits in the kernel's own queue could not be taken back.
        """
        if connection.execution_state == "idle":
            return True
        free = asyncio.Event()
        called_off = self._called_off = asyncio.Event()
        message_id = connection.ask_state(
            lambda _channel, message: free.set() if message.kind == "kernel_info_reply" else None
        )
        stop_watching = connection.watch_life()
        waits = [asyncio.ensure_future(e.wait()) for e in (free, called_off, connection.lost)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop_watching()
            connection.forget(message_id)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            self._called_off = None
        return not called_off.is_set()

    async def _run_cell(self, run: Run, cell: CellRecord, connection: Connection) -> CellStatus:
        watch = CellWatch(
            cell, run, writer=self._writer, displays=self._displays, limits=self._limits
        )
        self._late.forget_cell(cell.cell_id)
        self._current = watch
        try:
            status = await execute_cell(watch, connection, input_deadline=self._input_deadline)
        except asyncio.CancelledError:
            watch.finish("interrupted")
            raise
        finally:
            self._current = None
            # Also when this task is being cancelled: outputs are never lost.
            await asyncio.shield(asyncio.ensure_future(watch.write()))
        self._late.keep(watch, connection)
        if not connection.lost.is_set():
            for model_id, outputs in self._displays.widgets.untold():
                connection.set_widget_outputs(model_id, outputs)
        return status


def why_not(cells: Sequence[CellRecord], *, stopped: bool = False) -> str:
    """Say why the rest of these cells was not run."""
    words = {
        "error": "a cell before it failed",
        "kernel_died": "the kernel was lost in a cell before it",
        "unknown": "it is not known how a cell before it ended",
        "stale": "a cell before it was changed meanwhile",
    }
    known = [words[cell.status] for cell in cells if cell.status in words]
    return known[0] if known and not stopped else "the run was stopped before"


def _state(known: str | None) -> KernelState:
    if known in ("starting", "restarting"):
        return "starting"
    if known == "idle":
        return "idle"
    if known == "busy":
        return "busy"
    return "dead" if known == "dead" else "unknown"
