"""The kernel port: run cells, look, interrupt, restart. Three runners implement it.

`client.py` speaks to a kernel over jupyter_client (managed or attached), `observed.py` lets the
browser tab execute and observes IOPub, `inprocess.py` runs in the shell the core lives in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ..protocol.errors import KernelBusy
from ..protocol.messages import new_id

CellStatus = Literal[
    "queued",
    "running",
    "awaiting_input",
    "ok",
    "error",
    "interrupted",
    "kernel_died",
    "not_run",
    "unknown",
    "stale",
]
KernelState = Literal["none", "starting", "idle", "busy", "dead", "unknown"]
FINAL: frozenset[str] = frozenset(
    {"ok", "error", "interrupted", "kernel_died", "not_run", "unknown", "stale"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelStatus:
    """A kernel as it is now. `language` in lower case, such as `python`."""

    state: KernelState
    kernel_id: str | None = None
    kernel_name: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSource:
    """A code cell to run, with the source the document holds."""

    cell_id: str
    source: str


@dataclass(slots=True, kw_only=True)
class CellRecord:
    """One cell of a run, kept current by the runner. Durations in seconds.

    `source` is what is run: a cell that differs when its turn comes is `stale`, and not run. A cell
    is `not_run` only when it certainly did not begin; `unknown` when nobody can tell whether it
    ran, or how it ended. `reason` says in words why, for these two and where outputs are missing.
    `outputs` are nbformat outputs; `prompt` is what `input()` asks while `awaiting_input`.
    """

    cell_id: str
    source: str
    status: CellStatus = "queued"
    execution_count: int | None = None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    started: float | None = None
    duration: float | None = None
    prompt: str | None = None
    message_id: str | None = None
    reason: str | None = None


class Run:
    """Cells being run one after another. Runners change it; tools and the panel watch it."""

    def __init__(self, cells: Sequence[CellSource], *, run_id: str | None = None) -> None:
        self.run_id = run_id or new_id("run")
        self.cells = [CellRecord(cell_id=cell.cell_id, source=cell.source) for cell in cells]
        # Whether a finished run has let go of its outputs: the notebook has them.
        self.emptied = False
        self._watchers: list[Callable[[CellRecord], None]] = []
        self._finished = asyncio.Event()

    @property
    def finished(self) -> bool:
        """Whether every cell has its final status."""
        return self._finished.is_set()

    def watch(self, watcher: Callable[[CellRecord], None]) -> Callable[[], None]:
        """Call `watcher` at each change of a cell; returns a function that ends it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher) if watcher in self._watchers else None

    def changed(self, cell: CellRecord) -> None:
        """Tell the watchers (for runners)."""
        for watcher in tuple(self._watchers):
            watcher(cell)

    def settle(self, status: CellStatus, reason: str | None = None) -> None:
        """Give every cell without a final status this one, and say why (for runners)."""
        for cell in self.cells:
            if cell.status not in FINAL:
                cell.status, cell.reason = status, reason
                self.changed(cell)

    def finish(self, rest: CellStatus = "not_run", reason: str | None = None) -> None:
        """Close the run; cells without a final status get `rest` (for runners)."""
        self.settle(rest, reason)
        self._finished.set()

    def empty(self) -> None:
        """Let go of the outputs of a finished run, which may take tens of megabytes a cell."""
        if self.finished and not self.emptied:
            self.emptied = True
            for cell in self.cells:
                cell.outputs = []

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is finished, at most `seconds`; returns whether it is."""
        try:
            await asyncio.wait_for(self._finished.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a silent evaluation printed and raised; outputs in nbformat form."""

    outputs: tuple[dict[str, Any], ...]
    ok: bool


class EvaluationTimedOut(KernelBusy):
    """The code began, did not end in time, and was interrupted."""

    code = "EVALUATION_TIMED_OUT"


class KernelRunner(Protocol):
    """Runs code in one notebook's kernel. Every method may raise `KernelError`."""

    async def status(self) -> KernelStatus:
        """Return the kernel's state, at once, also when it is busy."""

    async def start_run(
        self, cells: Sequence[CellSource], *, stop_on_error: bool = True, op_id: str
    ) -> Run:
        """Begin to run cells and return; the run goes on by itself, whoever watches.

        The kernel is started when there is none. The same `op_id` never runs twice: it returns
        the same run. Outputs also land in the notebook.

        Raises:
            KernelStartFailed: no kernel could be started.
        """

    async def evaluate(self, code: str, *, deadline: float) -> Evaluation:
        """Run code silently: no history, no cell, no execution count.

        Only this code is interrupted when it takes too long, never what somebody else runs.

        Raises:
            EvaluationTimedOut: it did not end within `deadline` seconds, and was interrupted.
            KernelBusy: the kernel runs something else. If that began while this was on its way, the
                code waits in the kernel's queue and cannot be taken back; the message says so.
            NoKernel: there is none.
        """

    async def interrupt(self) -> None:
        """Interrupt what runs; returns when the kernel was told, not when it obeyed."""

    async def restart(self) -> None:
        """Restart the kernel; what ran gets status `kernel_died`."""

    async def aclose(self) -> None:
        """Let go of the kernel. One that this runner started is shut down; others stay."""
