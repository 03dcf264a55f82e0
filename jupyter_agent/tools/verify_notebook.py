"""The tool that runs a copy of the notebook from the top, in a kernel of its own, and compares."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from pydantic import Field

from ..kernel.languages import kernel_for
from ..notebook.cells import fingerprint, label, reference
from ..protocol.rpc import CellState, NotebookState
from ..protocol.tools import Permission
from .base import Preview, ToolCallContext, ToolOutput
from .content import Content, without_handles
from .run_cells import NothingToRun, run_blocks
from .verification import Bounds, code_cells, verify
from .verification_report import report
from .workspace_tool import EXEC, NotebookArguments, WorkspaceTool


class VerifyNotebookArguments(NotebookArguments):
    """How long it may take."""

    slips: ClassVar[dict[str, str]] = {"timeout": "total_s", "path": "notebook"}

    cell_s: float = Field(300, ge=1, le=3_600)
    total_s: float = Field(1_800, ge=1, le=14_400)


class VerifyNotebook(WorkspaceTool):
    """Runs all code cells in a scratch kernel and reports the first difference."""

    name = "verify_notebook"
    arguments = VerifyNotebookArguments
    parallel = False
    deadline: float | None = None  # bounded by total_s

    def permissions(self, arguments: VerifyNotebookArguments) -> frozenset[Permission]:
        return EXEC

    async def preview(self, arguments: VerifyNotebookArguments) -> Preview:
        path, _, state = await self._open(arguments.notebook)
        return await asyncio.to_thread(_shown, state, path)

    async def run(self, arguments: VerifyNotebookArguments, context: ToolCallContext) -> ToolOutput:
        path = self._workspace.notebook_path(arguments.notebook)
        document = await self._workspace.document(path)
        state = await document.read("all")
        _cells(code_cells(state))
        places = {cell.id: place for place, cell in enumerate(state.cells, 1)}

        def show(cell: CellState, number: int, total: int) -> None:
            place = places[cell.id]
            context.update(
                f"Running {label(cell, place)} in a new kernel ({number} of {total})",
                (reference(cell, place, "ran", path=path),),
            )

        bounds = Bounds(cell=arguments.cell_s, whole=arguments.total_s)
        kernel = await kernel_for(state.kernel_name, state.language)
        async with self._workspace.scratch(path, kernel) as runner:
            found = await verify(state, runner, bounds=bounds, on_cell=show)
        told = await asyncio.to_thread(
            report, found, state, bounds=bounds, vision=self._workspace.vision
        )
        content = Content()
        content.add("\n".join((told.headline, *told.lines)))
        if told.digest is not None:
            content.extend(without_handles(told.digest.content))
        failing = [item.cell for item in found.differences[:1]]
        return ToolOutput(
            content=content.parts,
            is_error=not found.passed,
            title="Checked that the notebook runs from the top",
            summary=told.headline,
            cells=tuple(reference(cell, places[cell.id], "failed", path=path) for cell in failing),
        )


def _cells(cells: list[CellState]) -> list[CellState]:
    if not cells:
        raise NothingToRun("The notebook has no code cell to run.")
    return cells


def _shown(state: NotebookState, path: str) -> Preview:
    cells = _cells(code_cells(state))
    many = "the code cell" if len(cells) == 1 else f"all {len(cells)} code cells"
    return Preview(
        title=f"Run {many} in a new kernel, and compare the results",
        blocks=run_blocks(cells, state),
        bound_to=(
            ("notebook", path),
            ("kernelspec", state.kernel_name or ""),
            *((f"cell {cell.id}", fingerprint(cell)) for cell in cells),
        ),
    )
