"""Running cells for a tool: start, watch, wait, and say what came of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..digest.limits import DEFAULT_LIMITS, for_several
from ..digest.outputs import Digest, digest_outputs
from ..kernel.runner import CellRecord, CellSource, KernelRunner, Run
from ..notebook.cells import label, reference
from ..notebook.dependencies import defining_cell
from ..protocol.errors import KernelError
from .base import ToolCallContext, ToolOutput
from .cell_lines import CellFacts, facts_of, record_words, seconds
from .content import Content
from .syntax import ends_the_kernel
from .workspace import RunRecord, Workspace
from .workspace_tool import join_words

if TYPE_CHECKING:
    from ..protocol.rpc import CellState, NotebookState
    from ..protocol.tools import CellAction, CellRef

# Seconds.
LONGEST_WAIT = 600.0
INTERRUPT_DEADLINE = 0.8
_FAILED = frozenset({"error", "kernel_died", "interrupted", "unknown", "stale"})
_MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
MISSING_NAME = re.compile(r"name '(\w+)' is not defined")


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run as a result: what the model reads, and what people are told."""

    content: Content
    cells: tuple[CellRef, ...]
    title: str
    summary: str
    failed: bool

    def output(self) -> ToolOutput:
        """Return it as a tool's output."""
        return ToolOutput(
            content=self.content.parts,
            is_error=self.failed,
            title=self.title,
            summary=self.summary,
            cells=self.cells,
        )


def sources_of(cells: Sequence[CellState]) -> list[CellSource]:
    """Return cells as a runner takes them."""
    return [CellSource(cell_id=cell.id, source=cell.source) for cell in cells]


async def run_and_report(
    workspace: Workspace,
    state: NotebookState,
    cells: Sequence[CellState],
    context: ToolCallContext,
    *,
    wait: float,
    stop_on_error: bool = True,
) -> RunReport:
    """Run cells, wait at most `wait` seconds, and report.

    Being cancelled interrupts the kernel: the person pressed Stop.
    """
    runner = await workspace.runner(state.path)
    run = await runner.start_run(
        sources_of(cells), stop_on_error=stop_on_error, op_id=f"{context.run_id}:{context.call_id}"
    )
    record = RunRecord(path=state.path, run=run, agent_run=context.run_id)
    workspace.runs.add(record)
    try:
        await wait_for_run(run, state, context, wait)
    except asyncio.CancelledError:
        if not run.finished and not record.stopping:
            record.stopping = True
            await _interrupt(runner)
        raise
    # Its notebook may have been renamed meanwhile.
    return await report(workspace, run, record.path)


async def wait_for_run(
    run: Run, state: NotebookState, context: ToolCallContext, wait: float
) -> None:
    """Wait at most `wait` seconds, showing which cell runs."""
    numbers = {cell.id: (cell, number) for number, cell in enumerate(state.cells, 1)}

    shown: dict[str, str] = {}

    def show(record: CellRecord) -> None:
        # Runners tell of every output; people are told once of every state.
        if shown.get(record.cell_id) == record.status:
            return
        shown[record.cell_id] = record.status
        cell, number = numbers.get(record.cell_id, (None, 0))
        name = label(cell, number) if cell else record.cell_id
        words = {
            "running": f"Running {name}",
            "awaiting_input": f"{name} asks for input{_asked(record)}",
        }
        if record.status in words and cell is not None:
            context.update(words[record.status], (reference(cell, number, "ran", path=state.path),))

    stop_watching = run.watch(show)
    try:
        for record in run.cells:
            show(record)
        await run.wait(wait)
    finally:
        stop_watching()


def _asked(record: CellRecord) -> str:
    return f": {record.prompt.strip()}" if record.prompt and record.prompt.strip() else ""


async def report(workspace: Workspace, run: Run, path: str) -> RunReport:
    """Say where a run stands: a line and a digest for each cell, hints, how to go on."""
    document = await workspace.document(path)
    state = await document.read()
    facts = await asyncio.to_thread(facts_of, state, workspace.runs)
    by_id = {cell.id: cell for cell in state.cells}
    content = Content()
    # As it is now: the run goes on while its images are looked at.
    finished = run.finished
    records = [replace(record, outputs=list(record.outputs)) for record in run.cells]
    digests = await asyncio.to_thread(_digests, records, facts, vision=workspace.vision)
    references: list[CellRef] = []
    for record, digest in zip(records, digests, strict=True):
        cell = by_id.get(record.cell_id)
        content.add(_record_line(record, cell, facts))
        content.add_digest(digest)
        if record.status == "awaiting_input":
            content.add(f"waits for input: {record.prompt or ''!r}; the person answers in the cell")
        if record.reason is not None:
            content.add(f"reason: {record.reason}")
        hint = _hint(record, digest, state, facts)
        if hint:
            content.add(f"suggested_fix: {hint}")
        if cell is not None:
            shown = replace(cell, execution_count=record.execution_count or cell.execution_count)
            references.append(reference(shown, facts.numbers[cell.id], _action(record), path=path))
    if run.emptied:
        content.add("the outputs were told before; look at them with read_cells")
    if finished:
        run.empty()
    else:
        content.add(f"still running; go on with run_status(run_id={run.run_id})")
        content.add(f"run_id={run.run_id}")
    return RunReport(
        content=content,
        cells=tuple(references),
        title=_title(references, finished),
        summary=_summary(records, digests, finished),
        failed=any(record.status in _FAILED for record in records),
    )


def _digests(records: Sequence[CellRecord], facts: CellFacts, *, vision: bool) -> list[Digest]:
    counts = {
        record.execution_count: record.cell_id
        for record in facts.records.values()
        if record.execution_count is not None
    }
    digests: list[Digest] = []
    limits = for_several(DEFAULT_LIMITS, sum(bool(record.outputs) for record in records))
    for record in records:
        used = sum(digest.characters for digest in digests)
        digests.append(
            digest_outputs(
                record.outputs,
                cell_id=facts.short.get(record.cell_id, record.cell_id),
                vision=vision,
                limits=replace(limits, call=max(0, limits.call - used)),
                cells=counts,
            )
        )
    return digests


def _record_line(record: CellRecord, cell: CellState | None, facts: CellFacts) -> str:
    if cell is None:
        return f"cell id={record.cell_id} (deleted) {' '.join(record_words(record))}"
    shown = replace(cell, execution_count=record.execution_count or cell.execution_count)
    return " ".join([facts.name(shown), *record_words(record)])


def _action(record: CellRecord) -> CellAction:
    return "failed" if record.status in _FAILED else "ran"


def _title(references: Sequence[CellRef], finished: bool) -> str:
    verb = "Ran" if finished else "Running"
    names = [f"[{item.number}]" if item.executed else f"cell {item.number}" for item in references]
    return f"{verb} {join_words(names) if len(names) <= 4 else f'{len(names)} cells'}"


def _summary(records: Sequence[CellRecord], digests: Sequence[Digest], finished: bool) -> str:
    for record, digest in zip(records, digests, strict=True):
        if record.status == "error":
            return digest.error or "error"
        if record.status == "stale":
            return "a cell changed meanwhile and was not run"
        if record.status == "kernel_died" and record.reason is not None:
            return record.reason
        if record.status in ("kernel_died", "interrupted", "awaiting_input"):
            return record.status.replace("_", " ")
        if record.status == "unknown":
            return "not known whether it ran"
    if not finished:
        done = sum(record.status == "ok" for record in records)
        return f"running, {done} of {len(records)} done"
    words = [seconds(sum(record.duration or 0.0 for record in records)).replace("s", " s")]
    words += [digest.summary for digest in digests if digest.summary != "no output"][:3]
    return " · ".join(words)


def _hint(record: CellRecord, digest: Digest, state: NotebookState, facts: CellFacts) -> str | None:
    """Say what may mend an error: a package to install, a cell to run first."""
    if record.status == "kernel_died" and record.reason is not None:
        return "its variables are gone: run again what is needed"
    # A kernel goes on for a moment after exit(): the cell that is lost may be a later one.
    if record.status == "kernel_died" and any(
        ends_the_kernel(other.source) for other in (record, *facts.records.values())
    ):
        return "a cell ended the kernel itself (exit or the like), and with it all variables"
    if record.status == "kernel_died":
        return "the kernel died (often out of memory); restart it with the kernel tool"
    if record.status == "unknown":
        return (
            "it may have run, in part or as a whole: look at its outputs and at the variables that "
            "it sets before you run it again"
        )
    if record.status == "stale":
        return "it was changed after this call was made, so it was not run: read it again"
    if digest.error is None:
        return None
    module = _MISSING_MODULE.search(digest.error)
    if module and digest.error_name in ("ModuleNotFoundError", "ImportError"):
        return f"install the package in a cell with %pip install {module[1].partition('.')[0]}"
    name = MISSING_NAME.search(digest.error)
    if name and digest.error_name == "NameError":
        cell = defining_cell(name[1], [cell for cell in state.cells if cell.id != record.cell_id])
        if cell is not None:
            return f"{name[1]} is defined in {facts.name(cell)}, which has not run in this kernel"
    return None


async def _interrupt(runner: KernelRunner) -> None:
    try:
        await asyncio.wait_for(runner.interrupt(), INTERRUPT_DEADLINE)
    except (asyncio.TimeoutError, KernelError):
        # Stop must not wait for a kernel that does not answer; the run's state says it goes on.
        return
