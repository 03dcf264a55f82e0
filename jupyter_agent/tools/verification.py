"""Whether a notebook runs from the top with the same results: cells run, and what came compared.

Knows neither workspace nor model: the tool `verify_notebook` and `jupyter agent verify` use it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from ..digest.comparison import difference
from ..kernel.runner import CellRecord, CellSource, KernelRunner
from ..notebook.dependencies import defining_cell
from ..protocol.messages import new_id
from ..protocol.rpc import CellState, NotebookState
from .running import MISSING_NAME

Kind = Literal["failed", "missing_name", "changed", "too_long", "kernel_died", "asked_for_input"]
MAY_FAIL = "raises-exception"
OnCell = Callable[[CellState, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long a verification may take, in seconds."""

    cell: float = 300.0
    whole: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where a fresh run parts from what the notebook shows.

    `shown` and `fresh` are comparable text of outputs, for `changed`; `name` is the name that is
    missing and `defined_in` a later cell that defines it; `record` is the cell's fresh run.
    """

    kind: Kind
    cell: CellState
    record: CellRecord
    shown: str = ""
    fresh: str = ""
    name: str | None = None
    defined_in: CellState | None = None


@dataclass(slots=True, kw_only=True)
class Verification:
    """What came of it. Of `total` code cells `equal` brought the same as the notebook shows.

    `unseen` ran too, but the notebook holds no result of them to compare with. The first of
    `differences` is the one to mend; one that is not `changed` is the last, and ended the run.
    """

    total: int
    equal: int = 0
    unseen: int = 0
    differences: list[Difference] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether the notebook runs from the top with the same results."""
        return not self.differences

    @property
    def not_run(self) -> int:
        """Code cells that a failure kept from running."""
        return self.total - self.equal - self.unseen - len(self.differences)


def code_cells(state: NotebookState) -> list[CellState]:
    """Return the cells that a run from the top executes."""
    return [cell for cell in state.cells if cell.cell_type == "code" and cell.source.strip()]


async def verify(
    state: NotebookState, runner: KernelRunner, *, bounds: Bounds, on_cell: OnCell
) -> Verification:
    """Run a notebook's code cells in order, in a kernel of their own, and compare.

    Changed outputs are noted and the run goes on; it ends with a cell that fails. When a bound
    is reached the cell still runs: whoever owns the kernel ends it.

    Args:
        state: the notebook, with all outputs.
        runner: of a fresh kernel that nobody else uses.
        bounds: how long it may take.
        on_cell: told of each cell before it runs, with its number among the code cells and
            their total.

    Raises:
        KernelStartFailed: there is no such kernel, or it did not start.
    """
    cells = code_cells(state)
    found = Verification(total=len(cells))
    began = time.monotonic()
    operation = new_id("verify")
    kernel_id: str | None = None
    for number, cell in enumerate(cells, 1):
        on_cell(cell, number, len(cells))
        left = bounds.whole - (time.monotonic() - began)
        record = await _run_cell(cell, runner, f"{operation}:{number}", min(bounds.cell, left))
        current = (await runner.status()).kernel_id
        if kernel_id is not None and current != kernel_id:
            record.status = "kernel_died"  # between two cells, and a new one took its place
        kernel_id = current
        wrong = _failure(cell, record, state) or _change(cell, record)
        if wrong is not None:
            found.differences.append(wrong)
        elif cell.execution_count is None and not cell.outputs:
            found.unseen += 1
        else:
            found.equal += 1
        if wrong is None:
            record.outputs = []  # a thousand cells' outputs are not kept
        elif wrong.kind != "changed":
            break
    found.seconds = time.monotonic() - began
    return found


async def _run_cell(
    cell: CellState, runner: KernelRunner, op_id: str, seconds: float
) -> CellRecord:
    source = CellSource(cell_id=cell.id, source=cell.source)
    asked = asyncio.Event()
    run = await runner.start_run([source], op_id=op_id)
    run.watch(lambda record: asked.set() if record.status == "awaiting_input" else None)
    await run.wait(max(0.0, seconds))
    record = run.cells[0]
    if record.status == "error" and asked.is_set():
        # What `input()` raises differs between languages; that it was asked for does not.
        return replace(record, status="awaiting_input")
    return record


def _failure(cell: CellState, record: CellRecord, state: NotebookState) -> Difference | None:
    if record.status in ("kernel_died", "not_run", "unknown"):
        return Difference(kind="kernel_died", cell=cell, record=record)
    if record.status in ("queued", "running"):
        return Difference(kind="too_long", cell=cell, record=record)
    if record.status == "ok" or MAY_FAIL in tags_of(cell):
        return None
    if record.status == "awaiting_input":
        return Difference(kind="asked_for_input", cell=cell, record=record)
    name = _missing_name(record) if state.language in (None, "python") else None
    if name is None:
        return Difference(kind="failed", cell=cell, record=record)
    others = [other for other in state.cells if other.id != cell.id]
    return Difference(
        kind="missing_name",
        cell=cell,
        record=record,
        name=name,
        defined_in=defining_cell(name, others),
    )


def _missing_name(record: CellRecord) -> str | None:
    for output in record.outputs:
        if output.get("output_type") == "error" and output.get("ename") == "NameError":
            found = MISSING_NAME.search(str(output.get("evalue")))
            return found[1] if found else None
    return None


def _change(cell: CellState, record: CellRecord) -> Difference | None:
    if cell.execution_count is None and not cell.outputs:
        return None
    found = difference(cell.outputs or (), record.outputs)
    if found is None:
        return None
    return Difference(kind="changed", cell=cell, record=record, shown=found[0], fresh=found[1])


def tags_of(cell: CellState) -> list[str]:
    """Return a cell's tags."""
    tags = (cell.metadata or {}).get("tags")
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
