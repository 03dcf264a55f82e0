"""One cell while it runs: its messages become its record, and the record becomes final.

`CellWatch` only listens, which is all that observing a browser's run needs; `execute_cell` sends
the cell and waits for the reply and for idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .outputs import OUTPUT_MESSAGES, OutputCollector, OutputLimits
from .runner import FINAL, CellRecord, CellStatus, Run
from .widgets import COMM_MESSAGES, OutputWidgets, view_of

if TYPE_CHECKING:
    from .connection import Connection
    from .messages import KernelMessage
    from .sink import CellWriter

_FLUSH_EVERY = 0.25
END_OF_FILE = "\x04"
_INPUTS_REFUSED = 10
# A kernel that replies but never says idle; nothing more of the cell arrived for so long.
_IDLE_PATIENCE = 10.0
# Seconds that a reply may come after idle; later it does not come at all.
REPLY_PATIENCE = 3.0


@dataclass(slots=True)
class Displays:
    """Cells that may still be updated by a later cell, through a display's id."""

    watches: deque[CellWatch] = field(default_factory=lambda: deque(maxlen=100))
    widgets: OutputWidgets = field(default_factory=OutputWidgets)

    def forget(self, watch: CellWatch) -> None:
        """Let go of a cell that is over and shows none."""
        shows = watch.collector.has_displays or any(map(view_of, watch.cell.outputs))
        if not shows and watch in self.watches:
            self.watches.remove(watch)

    def show_widget(self, model_id: str | None) -> None:
        """Have every cell shown anew that shows this widget."""
        for watch in self.watches if model_id is not None else ():
            if model_id in map(view_of, watch.collector.outputs()):
                watch.changed()

    def update(self, display_id: str, content: Mapping[str, Any]) -> None:
        """Pass an `update_display_data` to every cell that shows this display."""
        for watch in self.watches:
            if watch.collector.has_display(display_id):
                watch.collector.apply("update_display_data", content)
                watch.changed()


class CellWatch:
    """Turns the messages of one execute request into its cell's record."""

    def __init__(
        self,
        cell: CellRecord,
        run: Run,
        *,
        writer: CellWriter,
        displays: Displays,
        limits: OutputLimits,
    ) -> None:
        self.cell = cell
        self.collector = OutputCollector(limits=limits)
        self.reply: Mapping[str, Any] | None = None
        # Set when somebody asked to stop: then any failure of the cell is that.
        self.interrupted = False
        # Whether the kernel took the code up; one that was aborted in the queue is busy and idle
        # without.
        self.ran = False
        self.idle = asyncio.Event()
        self.replied = asyncio.Event()
        self.last_heard = time.monotonic()
        self._run = run
        self.writer = writer
        self._displays = displays
        self._began: float | None = None
        self._flush: asyncio.TimerHandle | None = None
        displays.watches.append(self)

    @property
    def working(self) -> bool:
        """Whether the kernel is at this request now: an interrupt would end it and nothing else."""
        return self._began is not None and not self.idle.is_set()

    def hear(self, channel: str, message: KernelMessage) -> None:
        """Take in one message of the request."""
        self.last_heard = time.monotonic()
        if channel == "shell" and message.kind == "execute_reply":
            self.reply = message.content
            self._note_count(message.content)
            self.replied.set()
        elif channel != "iopub":
            return
        elif message.kind == "status":
            self._hear_status(message.content.get("execution_state"))
        elif message.kind == "execute_input":
            self.ran = True
            self.begin()
            self._note_count(message.content)
        elif message.kind in COMM_MESSAGES:
            self._displays.show_widget(self._displays.widgets.hear(message.content))
        elif model_id := self._displays.widgets.take(
            message.parent_id, message.kind, message.content
        ):
            self._displays.show_widget(model_id)
        elif message.kind == "update_display_data":
            transient = message.content.get("transient") or {}
            self._displays.update(str(transient.get("display_id")), message.content)
        elif message.kind in OUTPUT_MESSAGES and self.collector.apply(
            message.kind, message.content
        ):
            self.ran = True
            self._note_count(message.content)
            self.changed()

    def _hear_status(self, state: Any) -> None:
        if state == "busy":
            self.begin()
        elif state == "idle":
            self.idle.set()

    def _note_count(self, content: Mapping[str, Any]) -> None:
        count = content.get("execution_count")
        if isinstance(count, int):
            self.cell.execution_count = count

    def assign(self, cell: CellRecord, run: Run) -> None:
        """Give what was heard so far, and all that follows, to a cell of a run."""
        heard = self.cell
        self.cell, self._run = cell, run
        cell.message_id = heard.message_id
        cell.execution_count = heard.execution_count
        cell.started = heard.started
        cell.outputs = self._outputs()
        self.set_status("running" if self._began is not None else cell.status)

    def begin(self) -> None:
        """Note that the kernel works on the cell now."""
        if self._began is None:
            self._began = time.monotonic()
            self.cell.started = time.time()
            self.set_status("running")

    def set_status(self, status: CellStatus, prompt: str | None = None) -> None:
        """Change the status of a cell that is not final."""
        if self.cell.status not in FINAL:
            self.cell.status = status
            self.cell.prompt = prompt
            self._run.changed(self.cell)

    def changed(self) -> None:
        """Show new outputs soon; joining them for each message would be quadratic."""
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(_FLUSH_EVERY, self._show)

    def flush(self) -> None:
        """Show at once what is to be shown soon."""
        if self._flush is not None:
            self._flush.cancel()
            self._show()

    def _show(self) -> None:
        self._flush = None
        self.cell.outputs = self._outputs()
        self._run.changed(self.cell)
        self.writer.touch(self.cell)

    def _outputs(self) -> list[dict[str, Any]]:
        return self._displays.widgets.plain(self.collector.outputs())

    def finish(self, status: CellStatus, reason: str | None = None) -> None:
        """Give the cell its final status, with all outputs; `write` must follow."""
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._began is not None:
            self.cell.duration = time.monotonic() - self._began
        self.cell.outputs = self._outputs()
        if self.cell.status not in FINAL:
            self.cell.reason = reason
        self.set_status(status)
        self._displays.forget(self)

    def finish_if_over(self) -> None:
        """Finish a cell of a run that is only observed, once the kernel is done with it."""
        if self.ran and self.idle.is_set() and self.cell.cell_id and self.cell.status not in FINAL:
            self.finish(self.status_by_outputs())

    async def write(self) -> None:
        """Put the cell's final state into its notebook."""
        await self.writer.write(self.cell)

    def take_error_of_reply(self) -> None:
        """Take the error from the reply when the kernel did not publish it."""
        reply = self.reply or {}
        if reply.get("status") == "error" and self.collector.error_name is None:
            self.collector.apply("error", reply)

    def status_by_outputs(self) -> CellStatus:
        """Return how the cell ended, from the reply or, when only observed, from its outputs."""
        failed = self.collector.error_name
        if self.reply is not None:
            status = self.reply.get("status")
            if status == "aborted":
                return "not_run"
            if status == "abort":  # what bash_kernel and its kind reply when they are interrupted
                return "interrupted"
            # Code may also show an error that it has dealt with.
            failed = (failed or str(self.reply.get("ename"))) if status == "error" else None
        if failed is None:
            # Without a reply nobody knows whether interrupted code had begun, or had ended.
            return "interrupted" if self.interrupted and self.reply is None else "ok"
        stopped = self.interrupted or failed == "KeyboardInterrupt"
        return "interrupted" if stopped else "error"


class _Inputs:
    """Answers `input()` with end-of-file when nobody does within the deadline."""

    def __init__(self, watch: CellWatch, connection: Connection, deadline: float) -> None:
        self._watch = watch
        self._connection = connection
        self._deadline = deadline
        self._timer: asyncio.TimerHandle | None = None
        self._interrupting: asyncio.Task[None] | None = None
        self._refused = 0

    def ask(self, message: KernelMessage) -> None:
        if self._refused >= _INPUTS_REFUSED:
            self._interrupting = asyncio.create_task(self._connection.handle.interrupt())
            return
        self._watch.set_status("awaiting_input", prompt=str(message.content.get("prompt", "")))
        # Code that asks again and again would otherwise wait for the deadline each time.
        delay = self._deadline if not self._refused else 0.0
        self.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay, self._refuse)

    def _refuse(self) -> None:
        self._refused += 1
        self._timer = None
        self._watch.set_status("running")
        self._connection.answer_input(END_OF_FILE)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def close(self) -> None:
        self.cancel()
        if self._interrupting is not None:
            await asyncio.gather(self._interrupting, return_exceptions=True)


async def execute_cell(
    watch: CellWatch, connection: Connection, *, input_deadline: float
) -> CellStatus:
    """Run one cell and return its final status; the watch is finished, but not written.

    Cancelling it leaves the kernel at work and the record without a final status.
    """
    inputs = _Inputs(watch, connection, input_deadline)

    def hear(channel: str, message: KernelMessage) -> None:
        if channel == "stdin":
            inputs.ask(message)
        else:
            watch.hear(channel, message)

    cell = watch.cell
    message_id = connection.execute(cell.source, hear, cell_id=cell.cell_id)
    cell.message_id = message_id
    stop_watching = connection.watch_life()
    try:
        alive = await until_over(watch, connection)
        status = watch.status_by_outputs() if alive else connection.outcome_if_lost
        watch.take_error_of_reply()
    finally:
        stop_watching()
        await inputs.close()
        connection.forget(message_id)
    watch.finish(status, None if alive else connection.reason_if_lost)
    return status


async def until_over(watch: CellWatch, connection: Connection, *, reply: bool = True) -> bool:
    """Wait for idle and, unless `reply` is False, the reply; False when the kernel is lost before."""
    over: asyncio.Future[Any] = asyncio.ensure_future(
        _reply_and_idle(watch) if reply else watch.idle.wait()
    )
    lost = asyncio.ensure_future(connection.lost.wait())
    try:
        await asyncio.wait({over, lost}, return_when=asyncio.FIRST_COMPLETED)
        return over.done()
    finally:
        for task in (over, lost):
            task.cancel()
        await asyncio.gather(over, lost, return_exceptions=True)


async def _reply_and_idle(watch: CellWatch) -> None:
    """Wait for both. Interrupted before the code has begun, a kernel is idle and never replies."""
    either = [asyncio.ensure_future(event.wait()) for event in (watch.replied, watch.idle)]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in either:
            task.cancel()
        await asyncio.gather(*either, return_exceptions=True)
    if not watch.replied.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(watch.replied.wait(), REPLY_PATIENCE)
    while not watch.idle.is_set():
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(watch.idle.wait(), _IDLE_PATIENCE)
        if time.monotonic() - watch.last_heard >= _IDLE_PATIENCE:
            return
