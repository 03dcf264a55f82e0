"""Two ways to wait for a coroutine in code that cannot `await`, also while an event loop runs.

`LoopHere` runs the coroutine on the calling thread. What works in the person's own shell needs
that: their code belongs to that thread, which alone reads input and is interrupted.
`LoopThread` runs it on a thread of its own, which goes on between two calls: kernels and
their connections need that.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, Protocol, TypeVar

from .protocol.errors import NotAllowed

T = TypeVar("T")


class Blocking(Protocol):
    """Waits for coroutines, all on one event loop."""

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and return what it returns, or raise what it raises.

        Raises:
            KeyboardInterrupt: the person interrupted.
        """

    def end(self) -> None:
        """Close the loop."""


class LoopThread:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="jupyter-agent", daemon=True
        )
        self._thread.start()

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the thread; an interrupt cancels it and waits for its end."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def end(self) -> None:
        """End the loop and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class LoopHere:
    """An event loop on the calling thread; it moves only while something is waited for.

    A loop that runs on this thread already, such as a kernel's, stands still meanwhile, as it
    does for any code that blocks.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._close: Callable[[], object] = lambda: None

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine; an interrupt cancels it, and it ends as it must before this raises.

        Raises:
            NotAllowed: it is called by what it runs.
        """
        if self._loop is not None and self._loop.is_running():
            work.close()
            raise NotAllowed("The agent is at work already: what it runs cannot ask it.")
        with _no_running_loop():
            if self._loop is None:
                self._loop = _new_loop()
                # Also when nobody calls `end`, and when the process ends.
                self._close = weakref.finalize(self, _close, self._loop)
            task = self._loop.create_task(work)
            with _cancelled_by_interrupt(task) as interrupted:
                try:
                    return self._loop.run_until_complete(task)
                except asyncio.CancelledError:
                    if interrupted:
                        raise KeyboardInterrupt from None
                    raise

    def end(self) -> None:
        """Close the loop; what is still to be done on it is cancelled."""
        self._close()
        self._loop = None


def _close(loop: asyncio.AbstractEventLoop) -> None:
    if loop.is_closed() or loop.is_running():
        return
    with _no_running_loop():
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    """Make a loop that leaves the wakeup file of signals to the loop that has it."""
    if threading.current_thread() is not threading.main_thread():
        return asyncio.new_event_loop()
    kept = signal.set_wakeup_fd(-1)
    try:
        return asyncio.new_event_loop()
    finally:
        signal.set_wakeup_fd(kept)


@contextlib.contextmanager
def interrupts_cancel() -> Iterator[None]:
    """Let SIGINT cancel the current task where nobody else does: in IPython's terminal.

    Code that the task has a `ShellRunner` run is interrupted, too; alone, that would be a failure
    like others, and the run would go on.
    """
    task = asyncio.current_task()
    default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    in_main = threading.current_thread() is threading.main_thread()
    if task is None or not default or not in_main:
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        task.get_loop().call_soon_threadsafe(task.cancel)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _no_running_loop() -> Iterator[None]:
    """Let another loop run on this thread, inside the one that runs."""
    outer = asyncio._get_running_loop()
    if outer is None:
        yield
        return
    task = asyncio.current_task(outer)
    if task is not None:
        asyncio.tasks._leave_task(outer, task)
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(outer)
        if task is not None:
            asyncio.tasks._enter_task(outer, task)


@contextlib.contextmanager
def _cancelled_by_interrupt(task: asyncio.Task[Any]) -> Iterator[list[bool]]:
    """Let SIGINT cancel a task; what is yielded is empty until then. A second one raises."""
    interrupted: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if interrupted:
            raise KeyboardInterrupt
        interrupted.append(True)
        # From a signal handler the loop must be woken, or it sleeps until its next timer.
        task.get_loop().call_soon_threadsafe(task.cancel)

    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
