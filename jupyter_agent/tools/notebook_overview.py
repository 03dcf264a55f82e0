"""The tool that lists a notebook's cells."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from pydantic import Field

from ..kernel.runner import KernelStatus
from ..notebook.cells import same, source_lines
from ..protocol.rpc import CellState, NotebookState
from .base import Preview, ToolCallContext, ToolOutput, text_output
from .cell_lines import CellFacts, cell_line, facts_of, has_error
from .workspace_tool import NotebookArguments, WorkspaceTool

LONGEST = 24_000  # characters
_WIDTH = 100


class OverviewArguments(NotebookArguments):
    """Which cells to list."""

    slips: ClassVar[dict[str, str]] = {"search": "query", "filter": "only"}

    query: str | None = Field(None, description="Only cells with this text.")
    only: Literal["errors", "stale", "changed"] | None = Field(
        None, description="changed: since you read them."
    )
    preview_lines: int = Field(2, ge=0, le=20)
    offset: int = Field(0, ge=0)


class NotebookOverview(WorkspaceTool):
    """Lists the cells of a notebook. Never waits for the kernel."""

    name = "notebook_overview"
    arguments = OverviewArguments

    async def preview(self, arguments: OverviewArguments) -> Preview:
        path = self._workspace.notebook_path(arguments.notebook)
        return Preview(title="Look at the notebook", bound_to=(("notebook", path),))

    async def run(self, arguments: OverviewArguments, context: ToolCallContext) -> ToolOutput:
        path, _, state = await self._open(arguments.notebook)
        kernel = await self._kernel(path)
        restored = kernel.state in ("none", "dead")
        # A large notebook takes seconds, in which the server must answer others.
        text, shown = await asyncio.to_thread(
            self._listed, state, path, arguments, kernel, restored=restored
        )
        self._workspace.memory.remember(path, shown)
        count = len(state.cells)
        return text_output(
            text,
            title="Looked at the notebook",
            summary=f"{count} cell{'' if count == 1 else 's'}",
        )

    def _listed(
        self,
        state: NotebookState,
        path: str,
        arguments: OverviewArguments,
        kernel: KernelStatus,
        *,
        restored: bool,
    ) -> tuple[str, list[CellState]]:
        """Return the list, and the cells whose source it shows whole."""
        facts = facts_of(state, self._workspace.runs, restored=restored)
        chosen = [
            cell
            for cell in state.cells[arguments.offset :]
            if self._wanted(cell, path, arguments, facts)
        ]
        lines = [_header(state, kernel)]
        if arguments.query or arguments.only:
            lines.append(f"{len(chosen)} of {len(state.cells)} cells match")
        shown: list[CellState] = []
        size = 0
        for index, cell in enumerate(chosen):
            entry, whole = _entry(cell, facts, arguments.preview_lines)
            if size + len(entry) > LONGEST:
                number = facts.numbers[cell.id] - 1
                lines.append(f"… {len(chosen) - index} more cells; go on with offset={number}")
                break
            size += len(entry) + 1
            lines.append(entry)
            if whole:
                shown.append(cell)
        return "\n".join(lines), shown

    def _wanted(
        self, cell: CellState, path: str, arguments: OverviewArguments, facts: CellFacts
    ) -> bool:
        if arguments.query and arguments.query.lower() not in cell.source.lower():
            return False
        if arguments.only == "errors":
            return has_error(cell, facts)
        if arguments.only == "stale":
            return cell.id in facts.stale
        if arguments.only == "changed":
            known = self._workspace.memory.known(path, cell.id)
            return known is None or not same(known, cell)
        return True


def _header(state: NotebookState, kernel: KernelStatus) -> str:
    name = kernel.kernel_name or state.kernel_name or "no kernel chosen"
    words = [f"{state.path} rev {state.revision}", f"kernel {name} {kernel.state}"]
    if state.language or kernel.language:
        words.append(str(kernel.language or state.language))
    words.append(f"{len(state.cells)} cells")
    if state.read_only:
        words.append("read-only")
    return " · ".join(words)


def _entry(cell: CellState, facts: CellFacts, preview_lines: int) -> tuple[str, bool]:
    """Return a cell's lines, and whether they hold its whole source."""
    lines = source_lines(cell.source)
    cut = [line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…" for line in lines]
    preview = cut[:preview_lines]
    whole = preview == lines
    entry = "\n".join([cell_line(cell, facts), *(f"    {line}" for line in preview)])
    if not whole and preview:
        entry += " …"
    # Blank line ends are invisible here, so such a source has not been read.
    return entry, whole and cell.source == "\n".join(lines)
