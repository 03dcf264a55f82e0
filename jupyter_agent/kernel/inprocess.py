"""`ShellRunner`: runs cells in the IPython shell that the core itself lives in.

A cell that does not await holds the event loop, and everything else in it, until it is done. Then
only the person's interrupt (SIGINT) reaches it, as `KeyboardInterrupt` in the cell; the agent
stops as well. `interrupt()` from the loop can end only cells that await.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from ..protocol.errors import KernelBusy, KernelError
from .capture import captured
from .outputs import OutputCollector, OutputLimits
from .runner import (
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

_RUNS_KEPT = 500
_FLUSH_EVERY = 0.25
_EVALUATION = OutputLimits(stream=1_000_000, data=4_000_000, outputs=200)


class _DeadlinePassed(BaseException):
    """Raised inside an evaluation that takes too long."""


class ShellRunner:
    """Runs code in an IPython shell in this process.

    Args:
        shell: The `InteractiveShell`, usually `get_ipython()`.
        sink: Awaited when a cell is final, and now and then while its outputs grow.
        echo: Whether the person sees outputs where the shell shows them, too.
        limits: What is kept of a cell's outputs.
    """

    def __init__(
        self,
        shell: Any,
        *,
        sink: Sink | None = None,
        echo: bool = True,
        limits: OutputLimits | None = None,
    ) -> None:
        self._shell = shell
        self._echo = echo
        self._limits = limits or OutputLimits()
        self._writer = CellWriter(sink)
        self._turn = asyncio.Lock()
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping: set[str] = set()
        self._cell_task: asyncio.Task[Any] | None = None
        self._unbind: Callable[[], None] | None = None

    async def status(self) -> KernelStatus:
        """Return whether cells of ours run; the shell is this process, so it lives."""
        state: KernelState = "busy" if self._turn.locked() else "idle"
        return KernelStatus(state=state, kernel_name="python3", language="python")

    async def start_run(
        self, cells: Sequence[CellSource], *, stop_on_error: bool = True, op_id: str
    ) -> Run:
        """Begin to run cells and return; see the port."""
        if op_id in self._runs:
            return self._runs[op_id]
        run = self._runs[op_id] = Run(cells)
        while len(self._runs) > _RUNS_KEPT and next(iter(self._runs.values())).finished:
            self._runs.popitem(last=False)
        task = asyncio.create_task(self._run(run, stop_on_error))
        self._tasks[run.run_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.run_id, None))
        return run

    async def evaluate(self, code: str, *, deadline: float) -> Evaluation:
        """Run code silently in the user's namespace.

        The deadline holds in the main thread of systems with timer signals; elsewhere the code
        runs to its end.

        Raises:
            KernelBusy: cells run.
            EvaluationTimedOut: the code did not end in time.
        """
        if self._turn.locked():
            raise KernelBusy("The kernel is running cells.")
        collector = OutputCollector(limits=_EVALUATION)
        async with self._turn:
            with captured(self._shell, collector.apply, echo=False), _alarm(deadline):
                error = await self._execute(code, silent=True)
        if isinstance(error, _DeadlinePassed):
            raise EvaluationTimedOut(f"The code did not end within {deadline:.0f} s.")
        if error is not None and collector.error_name is None:
            collector.apply("error", _error_content(error))
        return Evaluation(outputs=tuple(collector.outputs()), ok=error is None)

    async def interrupt(self) -> None:
        """End a cell that awaits; cells that wait are not run any more."""
        self._stopping.update(self._tasks)
        if self._cell_task is not None:
            self._cell_task.cancel()

    def bound(self, seconds: float | None) -> None:
        """Interrupt a cell that holds the event loop in `seconds` from now; None: no more.

        Holds in the main thread of systems with timer signals. A cell that awaits leaves the loop
        to others, who end it by `interrupt`.
        """
        if self._unbind is not None:
            self._unbind()
            self._unbind = None
        main = threading.current_thread() is threading.main_thread()
        if seconds is None or not main or not hasattr(signal, "setitimer"):
            return

        def handle(number: int, frame: FrameType | None) -> None:
            if _runs_now(frame):
                raise KeyboardInterrupt

        previous = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, seconds)

        def unbind() -> None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)

        self._unbind = unbind

    async def restart(self) -> None:
        """Refuse: this process is the kernel.

        Raises:
            KernelError: always.
        """
        raise KernelError(
            "The agent runs inside this kernel and cannot restart it. Use the Kernel menu."
        )

    async def aclose(self) -> None:
        """Stop runs; the shell stays."""
        self._stopping.update(self._tasks)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._writer.close()

    async def _run(self, run: Run, stop_on_error: bool) -> None:
        try:
            async with self._turn:
                for cell in run.cells:
                    if run.run_id in self._stopping:
                        return
                    status = await self._run_cell(run, cell)
                    if status == "interrupted" or (status == "error" and stop_on_error):
                        return
        finally:
            self._stopping.discard(run.run_id)
            run.finish()

    async def _run_cell(self, run: Run, cell: CellRecord) -> CellStatus:
        collector = OutputCollector(limits=self._limits)
        shown = time.monotonic()

        def apply(kind: str, content: dict[str, Any]) -> None:
            nonlocal shown
            # Joining outputs for each print would be quadratic.
            if collector.apply(kind, content) and time.monotonic() - shown > _FLUSH_EVERY:
                shown = time.monotonic()
                cell.outputs = collector.outputs()
                run.changed(cell)
                self._writer.touch(cell)

        cell.status, cell.started = "running", time.time()
        began = time.monotonic()
        task = self._cell_task = asyncio.ensure_future(self._execute(cell.source))
        try:
            with (
                _own_count(self._shell),
                captured(self._shell, apply, echo=self._echo),
                _interruptible(task),
            ):
                cell.execution_count = self._shell.execution_count
                run.changed(cell)
                error = await task
        except asyncio.CancelledError as cancelled:
            error = cancelled
            if not task.cancelled():  # this run is being closed, not the cell alone
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        finally:
            self._cell_task = None
        if error is not None and collector.error_name is None:
            collector.apply("error", _error_content(error))
        cell.duration = time.monotonic() - began
        cell.outputs = collector.outputs()
        cell.status = _status(error)
        run.changed(cell)
        await self._writer.write(cell)
        return cell.status

    async def _execute(self, code: str, *, silent: bool = False) -> BaseException | None:
        """Run code as the shell would; returns what it raised."""
        shell = self._shell
        try:
            transformed = shell.transform_cell(code)
        except Exception as error:
            return error
        result = await shell.run_cell_async(
            code, store_history=not silent, silent=silent, transformed_cell=transformed
        )
        raised: BaseException | None = result.error_before_exec or result.error_in_exec
        return raised


def _status(error: BaseException | None) -> CellStatus:
    if error is None:
        return "ok"
    stopped = isinstance(error, (KeyboardInterrupt, asyncio.CancelledError))
    return "interrupted" if stopped else "error"


def _error_content(error: BaseException) -> dict[str, Any]:
    return {"ename": type(error).__name__, "evalue": str(error), "traceback": []}


@contextlib.contextmanager
def _own_count(shell: Any) -> Iterator[None]:
    """Give code that runs inside a cell a number of its own in the history.

    IPython 8 complains, into the cell, of a number that occurs twice in a session.
    """
    history = getattr(shell.history_manager, "input_hist_raw", ())
    taken = len(history) > shell.execution_count
    shell.execution_count += taken
    try:
        yield
    finally:
        # IPython has counted on; the cell around does so once more when it ends.
        shell.execution_count -= taken


@contextlib.contextmanager
def _interruptible(task: asyncio.Task[Any]) -> Iterator[None]:
    """Let SIGINT reach a cell that runs inside another one.

    ipykernel answers SIGINT during an async cell by cancelling that cell's task, which a blocking
    cell inside it never notices.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.getsignal(signal.SIGINT)

    def handle(number: int, frame: FrameType | None) -> None:
        outer: Callable[[int, FrameType | None], Any] | None = None
        if callable(previous) and previous is not signal.default_int_handler:
            outer = previous
        if not _runs_now(frame):
            # From a signal handler the loop must be woken, or it sleeps until its next timer.
            task.get_loop().call_soon_threadsafe(task.cancel)
        if outer is not None:
            outer(number, frame)
        if _runs_now(frame):
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _runs_now(frame: FrameType | None) -> bool:
    """Return whether the cell is on the stack: raised elsewhere, it would end the event loop."""
    code = ShellRunner._execute.__code__
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise inside the code that runs when it is still at it after `seconds`."""
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if _runs_now(frame):
            raise _DeadlinePassed

    previous, began = signal.signal(signal.SIGALRM, handle), time.monotonic()
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        # There is one timer: what it was set for before, it is set for again.
        if left:
            left = max(left - (time.monotonic() - began), 0.001)
        signal.signal(signal.SIGALRM, previous)
        signal.setitimer(signal.ITIMER_REAL, left)
