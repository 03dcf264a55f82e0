"""What the tools work on, as one port: notebooks, kernels, files, the person, and what was read.

`runtime/workspace.py` implements it; tests use `jupyter_agent.testing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from ..kernel.runner import KernelRunner, Run
from ..notebook.document import NotebookDocument
from ..protocol.rpc import CellState


@dataclass(slots=True)
class ReadMemory:
    """What the model last read or wrote: the source of each cell, by notebook path and cell id, and
    of each file the hash of its bytes, by path.
    """

    cells: dict[str, dict[str, CellState]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def remember(self, path: str, cells: Sequence[CellState]) -> None:
        """Note that the model has seen these cells as they are here."""
        known = self.cells.setdefault(path, {})
        for cell in cells:
            known[cell.id] = cell

    def remember_file(self, path: str, data: bytes) -> None:
        """Note that the model knows a file with these bytes."""
        self.files[path] = sha256(data).hexdigest()

    def knows_file(self, path: str, data: bytes) -> bool:
        """Whether a file is as the model knows it."""
        return self.files.get(path) == sha256(data).hexdigest()

    def known(self, path: str, cell_id: str) -> CellState | None:
        """Return the cell as the model knows it, None when it has not read it."""
        return self.cells.get(path, {}).get(cell_id)


@dataclass(slots=True)
class RunRecord:
    """A run of cells that tools can come back to by its id.

    `agent_run` is the agent's run that began it: its Stop ends these cells, another's does not.
    `stopping` is set by whoever interrupts them for that, so that it is done once.
    """

    path: str
    run: Run
    agent_run: str
    stopping: bool = False


# Runs that the model may come back to by their id, beside those that go on.
_RUNS_KEPT = 50
# Of so many, the outputs are kept until they are told.
_OUTPUTS_KEPT = 10


class CellRuns(dict[str, RunRecord]):
    """The runs of a session by their id, the latest last.

    Older ones go, but for those that are some cell's latest: what a cell ran with tells whether it
    is stale.
    """

    def add(self, record: RunRecord) -> None:
        """Add a run, and forget what is not needed any more."""
        self[record.run.run_id] = record
        newer: set[tuple[str, str]] = set()
        for age, old in enumerate(reversed(list(self.values()))):
            cells = {(old.path, cell.cell_id) for cell in old.run.cells}
            if old.run.finished and age >= _OUTPUTS_KEPT:
                old.run.empty()
            if old.run.finished and age >= _RUNS_KEPT and cells <= newer:
                del self[old.run.run_id]
            newer |= cells


class Workspace(Protocol):
    """The world of one session."""

    memory: ReadMemory
    runs: CellRuns

    @property
    def root(self) -> Path:
        """Folder that files and notebooks are confined to."""

    @property
    def vision(self) -> bool:
        """Whether the model can look at images."""

    def notebook_path(self, given: str | None) -> str:
        """Return the notebook a call means: the one given, else the session's own.

        Raises:
            NotebookMissing: neither is there.
            FileRefused: the one given is hidden or outside the root (links resolved), and not the
                session's own.
        """

    async def document(self, path: str) -> NotebookDocument:
        """Return the notebook by the best means there is right now (tab, Y.js, file).

        Raises:
            NotebookMissing, NotANotebook: it cannot be opened.
        """

    async def runner(self, path: str) -> KernelRunner:
        """Return the runner of the notebook's kernel, by the best means there is right now."""

    def scratch(
        self, path: str, kernel_name: str | None
    ) -> AbstractAsyncContextManager[KernelRunner]:
        """Return a runner of a new kernel in the notebook's folder, which ends with the context.

        Raises:
            NoKernel: none may be started here.
        """

    async def create_notebook(
        self, path: str, cells: Sequence[CellState], kernel_name: str | None
    ) -> NotebookDocument:
        """Create a notebook that does not exist yet, and open it where a tab is there.

        Raises:
            EditRefused: the path exists already, or lies outside the root.
        """

    def provenance(self) -> dict[str, str] | None:
        """Return what is noted in the metadata of cells the agent writes, None for nothing."""

    async def ask(self, call_id: str, question: str, options: Sequence[str]) -> str | None:
        """Ask the person and wait; None when nobody answers or they decline."""
