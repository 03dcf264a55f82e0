"""What the tools of one session work on: notebooks and kernels, by the best means at the moment.

The means are chosen anew for each operation: the browser tab that has the notebook open, else
where it is kept; cells run in the tab with an observer, else headless. When a tab goes away in
the middle, the work goes on without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..kernel.scratch import ScratchKernel
from ..notebook.frontend import BrowserChannel, FrontendNotebook, TabGone
from ..notebook.places import FolderNotebooks, Notebooks
from ..protocol.errors import AgentError, EditRefused, NoKernel, NotebookMissing, Unconfirmed
from ..protocol.paths import move_keys, moved
from ..protocol.rpc import ApplyResult, CellState, Change, Expected, NotebookState
from ..tools.files import Folder
from ..tools.workspace import CellRuns, ReadMemory, RunRecord
from .any_runner import AnyRunner

if TYPE_CHECKING:
    from ..kernel.directory import KernelDirectory
    from ..kernel.runner import KernelRunner
    from ..notebook.document import Backend, NotebookDocument, Outputs

Question = Callable[[str, str, Sequence[str]], Awaitable[str | None]]
MayWrite = Callable[[str], Awaitable[None]]
# Pages that have a notebook one after another, as when one is reloaded.
_TABS_TRIED = 3

T = TypeVar("T")
OnChange = Callable[[str, ApplyResult, Sequence[Change]], None]


class Recorder(Protocol):
    """Is told of what the agent does to notebooks, so that it can be taken back."""

    async def before_changes(self, document: NotebookDocument, changes: Sequence[Change]) -> None:
        """Cells are about to be changed."""

    async def before_run(self, document: NotebookDocument, cell_ids: Iterable[str]) -> None:
        """Cells are about to run."""

    def changed(self, path: str) -> None:
        """The changes are applied, or nobody knows whether they are."""

    async def refused(self, path: str) -> None:
        """The changes were refused: nothing was applied."""


class AnyNotebook:
    """A notebook by whichever backend fits at each call (the `NotebookDocument` port)."""

    def __init__(
        self,
        path: str,
        kept: NotebookDocument,
        *,
        browser: BrowserChannel | None,
        on_change: OnChange,
        recorder: Recorder,
        may_write: MayWrite | None = None,
        shown: Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]] | None = None,
    ) -> None:
        self.path = path
        self._shown = shown
        self._kept = kept
        self._browser = browser
        self._on_change = on_change
        self._recorder = recorder
        self._may_write = may_write

    @property
    def backend(self) -> Backend:
        """By what means it is reached right now."""
        return self._best().backend

    def move(self, path: str, kept: NotebookDocument) -> None:
        """Go on at another path: the person has renamed the notebook."""
        self.path = path
        self._kept = kept

    def _best(self) -> NotebookDocument:
        if self._browser is not None and self._browser.has_tab(self.path):
            return FrontendNotebook(self.path, self._browser)
        return self._kept

    async def _by_best(self, act: Callable[[NotebookDocument], Awaitable[T]]) -> T:
        """Do something by the best means; when a tab goes away with it, by the next best."""
        for _ in range(_TABS_TRIED):
            document = self._best()
            if document is self._kept:
                break
            with contextlib.suppress(TabGone):
                return await act(document)
            # A page that is reloaded is another one by now, and may have the notebook.
        return await act(self._kept)

    async def read(self, outputs: Outputs = "none") -> NotebookState:
        """Return the notebook, in place of a widget's first text what it shows now."""
        state = await self._by_best(lambda document: document.read(outputs))
        if self._shown is None:
            return state
        cells = tuple(
            replace(cell, outputs=tuple(self._shown(self.path, list(cell.outputs))))
            if cell.outputs
            else cell
            for cell in state.cells
        )
        return replace(state, cells=cells)

    async def apply(
        self, changes: Sequence[Change], expect: Sequence[Expected], *, op_id: str
    ) -> ApplyResult:
        """Apply changes. If the tab went away with them, what is kept decides: what the tab had
        saved already makes this stale, and the model looks again.
        """
        await self._recorder.before_changes(self, changes)
        try:
            result = await self.put_back(changes, expect, op_id=op_id)
        except (Unconfirmed, asyncio.CancelledError):
            self._recorder.changed(self.path)  # perhaps; and then it can be undone, too
            raise
        except AgentError:
            await self._recorder.refused(self.path)
            raise
        self._on_change(self.path, result, changes)
        self._recorder.changed(self.path)
        return result

    async def before_run(self, cell_ids: Iterable[str]) -> None:
        """Have the outputs noted of cells that are about to run, where they may."""
        await self._check_write()
        await self._recorder.before_run(self, cell_ids)

    async def put_back(
        self, changes: Sequence[Change], expect: Sequence[Expected], *, op_id: str
    ) -> ApplyResult:
        """Apply changes that are the person's: nothing of it is noted or up for review."""
        await self._check_write()
        return await self._by_best(lambda document: document.apply(changes, expect, op_id=op_id))

    async def set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        """Replace a cell's outputs."""

        async def write(document: NotebookDocument) -> bool:
            await document.set_outputs(cell_id, outputs, execution_count)
            return document is self._kept

        kept = await self._by_best(write)
        if kept and self._browser is not None and self._browser.has_tab(self.path):
            # A page that was just loaded may have read the file before this was written.
            await FrontendNotebook(self.path, self._browser).refresh()

    async def save(self) -> None:
        """Make it durable."""
        await self._by_best(lambda document: document.save())

    async def _check_write(self) -> None:
        # Not at `set_outputs`: what a run has brought meanwhile must not be lost.
        # A live document that people share takes everybody's changes.
        others = self._browser is not None and self._browser.only_others_have(self.path)
        if others and self._best().backend != "ydoc":
            raise EditRefused(
                f"Somebody else has {self.path} open in their browser, where a change from here "
                "would be lost or undo theirs. Open it too, or ask them to close it."
            )
        if self._may_write is not None:
            await self._may_write(self.path)


def _normal(path: str) -> str:
    # One notebook, one name: tabs and the contents manager know it without dots.
    return posixpath.normpath(path.replace("\\", "/")).lstrip("/")


class SessionWorkspace:
    """The `Workspace` port of one session.

    Args:
        root: folder of files and notebooks.
        notebook: the session's notebook, relative to root.
        kernels: where kernels are found and started; None: none may.
        notebooks: where notebooks are that no tab has open; None: files below root.
        browser: the tabs; None: there are none.
        shell: a runner for code without a notebook (the shell this process is in).
        vision: whether the model can look at images, asked at each call.
        question: asks the person.
        on_change: told of each applied batch of changes.
        recorder: told of changes and runs, before and after.
        may_write: raises where a notebook must not be changed now.
        provenance: what is noted on cells the agent writes.
        on_notebook: told of the notebook that becomes the session's own.
    """

    def __init__(
        self,
        *,
        root: Path,
        notebook: str | None,
        kernels: KernelDirectory | None,
        notebooks: Notebooks | None = None,
        browser: BrowserChannel | None = None,
        shell: KernelRunner | None = None,
        vision: Callable[[], bool],
        question: Question,
        on_change: OnChange,
        recorder: Recorder,
        may_write: MayWrite | None = None,
        provenance: Callable[[], dict[str, str] | None],
        on_notebook: Callable[[str], Awaitable[None]],
    ) -> None:
        self.memory = ReadMemory()
        self.runs = CellRuns()
        self._root = root
        self._notebook = notebook
        self._kernels = kernels
        self._notebooks = notebooks or FolderNotebooks(root)
        self._browser = browser
        self._shell = shell
        self._vision = vision
        self._question = question
        self._on_change = on_change
        self._recorder = recorder
        self._may_write = may_write
        self._provenance = provenance
        self._on_notebook = on_notebook
        self._documents: dict[str, AnyNotebook] = {}
        self._runners: dict[str, AnyRunner] = {}

    @property
    def root(self) -> Path:
        """Folder that files and notebooks are confined to."""
        return self._root

    @property
    def vision(self) -> bool:
        """Whether the model can look at images."""
        return self._vision()

    def notebook_path(self, given: str | None) -> str:
        """Return the notebook a call means."""
        path = given or self._notebook
        if not path:
            raise NotebookMissing(
                "This session has no notebook. Name one, or create one with create_notebook."
            )
        found = _normal(path)
        # The session's own was chosen by the person; any other is the model's choice.
        if self._notebook is None or found != _normal(self._notebook):
            Folder(self._root).target(found)
        return found

    async def document(self, path: str) -> AnyNotebook:
        """Return the notebook at a path."""
        if path not in self._documents:
            kept = self._notebooks.document(path)
            self._documents[path] = AnyNotebook(
                path,
                kept,
                browser=self._browser,
                on_change=self._on_change,
                recorder=self._recorder,
                may_write=self._may_write,
                shown=self._with_widgets,
            )
        return self._documents[path]

    async def runner(self, path: str) -> KernelRunner:
        """Return the runner of the notebook's kernel."""
        if self._kernels is None:
            if self._shell is not None:
                return self._shell
            raise NoKernel("No kernel may be started here.")
        if path not in self._runners:
            document = await self.document(path)
            self._runners[path] = AnyRunner(
                document, self._kernels, self._browser, document.before_run
            )
        return self._runners[path]

    async def shell(self) -> KernelRunner:
        """Return the runner for code without a notebook."""
        if self._shell is None:
            raise NoKernel("There is no shell to run code in; name a notebook.")
        return self._shell

    def scratch(self, path: str, kernel_name: str | None) -> ScratchKernel:
        """Return a runner of a new kernel in the notebook's folder, which ends with the context."""
        if self._kernels is None:
            raise NoKernel("No kernel may be started here.")
        self._notebooks.document(path)  # refuses a path that leads outside
        return ScratchKernel(self._root, path, kernel_name)

    async def create_notebook(
        self, path: str, cells: Sequence[CellState], kernel_name: str | None
    ) -> AnyNotebook:
        """Create a notebook, and open it in the person's tab if there is one."""
        await self._notebooks.create(path, cells, kernel_name)
        if self._notebook is None:
            # Before it is opened: the panel shows the session of the notebook in front.
            self._notebook = path
            await self._on_notebook(path)
        if self._browser is not None:
            await self._browser.open(path)
        return await self.document(path)

    def move(self, old: str, new: str) -> None:
        """Go on at another path: the person has renamed a notebook, or the folder it is in."""
        self._notebook = moved(self._notebook, old, new)
        for known in (self.memory.cells, self._documents, self._runners):
            move_keys(known, old, new)
        for record in self.runs.values():
            record.path = moved(record.path, old, new)
        for path, document in self._documents.items():
            if document.path != path:
                document.move(path, self._notebooks.document(path))
        for runner in self._runners.values():
            runner.move()

    def provenance(self) -> dict[str, str] | None:
        """Return what is noted on cells the agent writes."""
        return self._provenance()

    async def ask(self, call_id: str, question: str, options: Sequence[str]) -> str | None:
        """Ask the person and wait."""
        return await self._question(call_id, question, options)

    def _with_widgets(self, path: str, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        runner = self._runners.get(path)
        return outputs if runner is None else runner.with_widgets(outputs)

    def unfinished(self, agent_run: str) -> list[RunRecord]:
        """Return the cells' runs that a run of the agent began and that go on."""
        return [
            record
            for record in self.runs.values()
            if record.agent_run == agent_run and not record.run.finished
        ]

    async def interrupt(self, agent_run: str) -> None:
        """Interrupt the kernels in which cells go on that a run of the agent began.

        What a run before it left going, and the person knows of, goes on.
        """
        records = [record for record in self.unfinished(agent_run) if not record.stopping]
        for record in records:
            record.stopping = True
        for path in {record.path for record in records}:
            runner = await self.runner(path)
            await runner.interrupt()

    async def aclose(self) -> None:
        """Let go of kernels and tabs."""
        for runner in self._runners.values():
            await runner.aclose()
