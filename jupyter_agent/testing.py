"""Fakes through ports, for this package's tests and for yours: nothing here touches a disk or a kernel.

`FakeNotebook` and `FakeKernel` behave as the real ones promise, `FakeWorkspace` puts them
together, and `ScriptedProvider` (from `providers/replay.py`) stands in for a model.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from .kernel.runner import (
    CellRecord,
    CellSource,
    CellStatus,
    Evaluation,
    KernelRunner,
    KernelStatus,
    Run,
)
from .notebook.cells import output_kinds
from .notebook.changes import apply_changes, check_expected, lost_attachments, touched_ids
from .notebook.document import Backend, NotebookDocument, Outputs
from .protocol.errors import EditRefused, KernelBusy, NotebookMissing, NotebookReadOnly, UnknownCell
from .protocol.rpc import ApplyResult, CellState, Change, Expected, NotebookState
from .tools.files import Folder
from .tools.workspace import CellRuns, ReadMemory


def code_cell(source: str, *, id: str | None = None, **more: Any) -> CellState:
    """Make a code cell; `outputs` in nbformat form and `execution_count` may be given."""
    outputs = tuple(more.pop("outputs", ()))
    return CellState(
        id=id or uuid4().hex[:12],
        cell_type="code",
        source=source,
        metadata=more.pop("metadata", {}),
        outputs=outputs,
        output_kinds=output_kinds(outputs),
        **more,
    )


def markdown_cell(source: str, *, id: str | None = None) -> CellState:
    """Make a markdown cell."""
    return CellState(id=id or uuid4().hex[:12], cell_type="markdown", source=source, metadata={})


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    """Make a stream output."""
    return {"output_type": "stream", "name": name, "text": text}


def result(text: str, execution_count: int | None = None) -> dict[str, Any]:
    """Make the output of an expression."""
    return {
        "output_type": "execute_result",
        "data": {"text/plain": text},
        "metadata": {},
        "execution_count": execution_count,
    }


def error(name: str, value: str) -> dict[str, Any]:
    """Make an error output."""
    return {
        "output_type": "error",
        "ename": name,
        "evalue": value,
        "traceback": [f"{name}: {value}"],
    }


class FakeNotebook:
    """A notebook in memory. Change it as a person would with `type_into` and `cells`."""

    backend: Backend = "file"

    def __init__(
        self,
        cells: Sequence[CellState] = (),
        *,
        path: str = "notebook.ipynb",
        language: str = "python",
        kernel_name: str | None = None,
        read_only: bool = False,
    ) -> None:
        self.path = path
        self.cells: tuple[CellState, ...] = tuple(cells)
        self.revision = 1
        self.saves = 0
        self.language = language
        self.kernel_name = kernel_name
        self.read_only = read_only
        self._applied: OrderedDict[str, ApplyResult] = OrderedDict()

    async def read(self, outputs: Outputs = "none") -> NotebookState:
        return NotebookState(
            path=self.path,
            revision=self.revision,
            cells=tuple(
                cell if outputs == "all" or cell.id in outputs else _without_outputs(cell)
                for cell in self.cells
            ),
            language=self.language,
            kernel_name=self.kernel_name,
            read_only=self.read_only,
            metadata={},
        )

    async def apply(
        self, changes: Sequence[Change], expect: Sequence[Expected], *, op_id: str
    ) -> ApplyResult:
        if op_id in self._applied:
            return self._applied[op_id]
        if self.read_only:
            raise NotebookReadOnly(f"{self.path} is read-only. Nothing was applied.")
        check_expected(self.cells, expect)
        after = apply_changes(self.cells, changes)
        if self.cells and not after:
            raise EditRefused("A notebook is never left without a cell. Nothing was applied.")
        had = {cell.id: cell.attachments for cell in self.cells if cell.attachments}
        by_id = {cell.id: cell for cell in after}
        lost = [id for id in had if id in by_id and by_id[id].cell_type == "code"]
        self.cells = after
        self.revision += 1
        self.saves += 1
        applied = ApplyResult(
            revision=self.revision,
            cells=tuple(_without_outputs(by_id[id]) for id in touched_ids(changes) if id in by_id),
            order=tuple(by_id),
            saved=True,
            notes=tuple(lost_attachments(id, had[id] or ()) for id in lost),
        )
        self._applied[op_id] = applied
        while len(self._applied) > 64:
            self._applied.popitem(last=False)
        return applied

    async def set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        cell = self.cell(cell_id)
        if cell.cell_type != "code":
            raise UnknownCell(f"There is no code cell {cell_id!r}.")
        self._put(
            replace(
                cell,
                outputs=tuple(outputs),
                output_kinds=output_kinds(outputs),
                execution_count=execution_count,
            )
        )

    async def save(self) -> None:
        self.saves += 1

    def cell(self, cell_id: str) -> CellState:
        """Return a cell by its id."""
        for cell in self.cells:
            if cell.id == cell_id:
                return cell
        raise UnknownCell(f"There is no code cell {cell_id!r}.")

    def type_into(self, cell_id: str, source: str) -> None:
        """Change a cell as a person would, behind the agent's back."""
        self._put(replace(self.cell(cell_id), source=source))

    def _put(self, changed: CellState) -> None:
        self.cells = tuple(changed if cell.id == changed.id else cell for cell in self.cells)
        self.revision += 1


# What a cell's code brings: its outputs, in nbformat form; an error output makes it fail.
Behaviour = Callable[[str], Sequence[dict[str, Any]]]


class FakeKernel:
    """A kernel that answers by a script and never runs any code.

    Args:
        script: outputs by source, or a function from source to outputs. Unknown: no outputs.
        notebook: where outputs also land, as with a real runner.
        hold: cells stay `running` until `release` is called.
    """

    def __init__(
        self,
        script: Mapping[str, Sequence[dict[str, Any]]] | Behaviour | None = None,
        *,
        notebook: FakeNotebook | None = None,
        hold: bool = False,
        language: str = "python",
    ) -> None:
        self._script = script or {}
        self._notebook = notebook
        self._released = asyncio.Event()
        if not hold:
            self._released.set()
        self.language = language
        self.state: Literal["none", "idle", "busy", "dead"] = "idle"
        self.kernel_id = "kernel-1"
        self.count = 0
        self.executed: list[str] = []
        self.evaluated: list[str] = []
        self.interrupts = 0
        self.restarts = 0
        self._runs: dict[str, Run] = {}
        self._task: asyncio.Task[None] | None = None

    async def status(self) -> KernelStatus:
        return KernelStatus(
            state=self.state,
            kernel_id=self.kernel_id,
            kernel_name="python3",
            language=self.language,
        )

    async def start_run(
        self, cells: Sequence[CellSource], *, stop_on_error: bool = True, op_id: str
    ) -> Run:
        if op_id in self._runs:
            return self._runs[op_id]
        run = self._runs[op_id] = Run(cells)
        self._task = asyncio.create_task(self._work(run, stop_on_error))
        return run

    async def evaluate(self, code: str, *, deadline: float) -> Evaluation:
        if self.state == "busy":
            raise KernelBusy("The kernel is running something else.")
        self.evaluated.append(code)
        outputs = tuple(self._outputs(code))
        return Evaluation(outputs=outputs, ok=not _failed(outputs))

    async def interrupt(self) -> None:
        self.interrupts += 1
        await self._cut("interrupted")

    async def restart(self) -> None:
        self.restarts += 1
        self.count = 0
        self.kernel_id = f"kernel-{self.restarts + 1}"
        await self._cut("kernel_died")

    async def aclose(self) -> None:
        await self._cut("kernel_died")

    def release(self) -> None:
        """Let held cells finish."""
        self._released.set()

    def _outputs(self, source: str) -> Sequence[dict[str, Any]]:
        if callable(self._script):
            return self._script(source)
        return self._script.get(source, ())

    async def _work(self, run: Run, stop_on_error: bool) -> None:
        self.state = "busy"
        try:
            for record in run.cells:
                await self._execute(record, run)
                if record.status == "error" and stop_on_error:
                    break
        finally:
            self.state = "idle"
        run.finish()

    async def _execute(self, record: CellRecord, run: Run) -> None:
        began = time.monotonic()
        record.status, record.started = "running", time.time()
        run.changed(record)
        await self._released.wait()
        self.count += 1
        self.executed.append(record.source)
        record.outputs = list(self._outputs(record.source))
        record.execution_count = self.count
        record.duration = time.monotonic() - began
        if self._notebook is not None:
            await self._notebook.set_outputs(record.cell_id, record.outputs, self.count)
        record.status = "error" if _failed(record.outputs) else "ok"
        run.changed(record)

    async def _cut(self, status: CellStatus) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        for run in self._runs.values():
            for record in run.cells:
                if record.status == "running":
                    record.status = status
            run.finish()


class FakeWorkspace:
    """A workspace of fake notebooks and one fake kernel over a folder that is given.

    Args:
        notebook: the session's notebook, None for a session without one.
        kernel: the kernel of every notebook.
        scratch: the new kernel that `verify_notebook` gets.
        root: folder for the file tools.
        answers: what the person answers to questions, in order; then nobody answers.
    """

    def __init__(
        self,
        notebook: FakeNotebook | None = None,
        kernel: KernelRunner | None = None,
        *,
        root: Path | None = None,
        answers: Sequence[str] = (),
        vision: bool = False,
        provenance: dict[str, str] | None = None,
        scratch: KernelRunner | None = None,
    ) -> None:
        self.memory = ReadMemory()
        self.runs = CellRuns()
        self.root = root or Path.cwd()
        self.vision = vision
        self.notebooks = {notebook.path: notebook} if notebook else {}
        self.kernel = kernel or FakeKernel(notebook=notebook)
        self.questions: list[tuple[str, tuple[str, ...]]] = []
        self._own = notebook.path if notebook else None
        self._answers = list(answers)
        self._provenance = provenance
        self._scratch = scratch or FakeKernel()

    def notebook_path(self, given: str | None) -> str:
        path = given or self._own
        if path is None:
            raise NotebookMissing("There is no notebook in this conversation. Name one.")
        if path != self._own:
            Folder(self.root).target(path)
        return path

    async def document(self, path: str) -> NotebookDocument:
        if path not in self.notebooks:
            raise NotebookMissing(f"There is no notebook {path}.")
        return self.notebooks[path]

    async def runner(self, path: str) -> KernelRunner:
        return self.kernel

    @asynccontextmanager
    async def scratch(self, path: str, kernel_name: str | None) -> AsyncIterator[KernelRunner]:
        try:
            yield self._scratch
        finally:
            await self._scratch.aclose()

    async def create_notebook(
        self, path: str, cells: Sequence[CellState], kernel_name: str | None
    ) -> NotebookDocument:
        if path in self.notebooks:
            raise EditRefused(f"{path} exists already.")
        self.notebooks[path] = FakeNotebook(cells, path=path)
        return self.notebooks[path]

    def provenance(self) -> dict[str, str] | None:
        return self._provenance

    async def ask(self, call_id: str, question: str, options: Sequence[str]) -> str | None:
        self.questions.append((question, tuple(options)))
        return self._answers.pop(0) if self._answers else None


def _without_outputs(cell: CellState) -> CellState:
    if cell.outputs is None and cell.attachments is None:
        return cell
    return replace(cell, outputs=None, attachments=None)


def _failed(outputs: Sequence[dict[str, Any]]) -> bool:
    return any(output.get("output_type") == "error" for output in outputs)


def __getattr__(name: str) -> Any:
    """Look up the scripted provider when it is first asked for."""
    if name == "ScriptedProvider":
        from .providers.replay import ScriptedProvider

        return ScriptedProvider
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
