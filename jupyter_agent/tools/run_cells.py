"""The tool that runs cells."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from ..notebook.cells import Ids, fingerprint, label, label_of
from ..protocol.errors import AgentError, EditRefused, StaleCells
from ..protocol.rpc import CellState, NotebookState
from ..protocol.tools import Permission, PreviewBlock
from .base import Preview, ToolCallContext, ToolOutput, as_list
from .cell_lines import facts_of
from .running import LONGEST_WAIT, run_and_report
from .workspace_tool import EXEC, NotebookArguments, WorkspaceTool, join_words


class NothingToRun(AgentError):
    """No cell is in the scope."""

    code = "NOTHING_TO_RUN"


class RunCellsArguments(NotebookArguments):
    """Which cells to run."""

    slips: ClassVar[dict[str, str]] = {
        "cell_ids": "ids",
        "id": "ids",
        "cell_id": "ids",
        "cells": "ids",
        "wait": "wait_s",
        "timeout": "wait_s",
    }

    ids: list[str] = Field(default_factory=list, max_length=200)
    scope: Literal["stale", "above", "all"] | None = None
    wait_s: float = Field(60, ge=0, le=LONGEST_WAIT)
    stop_on_error: bool = True
    reason: str = Field("", description="For the person, in a few words.")

    @field_validator("ids", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return as_list(value)

    @model_validator(mode="after")
    def _one_choice(self) -> RunCellsArguments:
        if self.scope == "above":
            if len(self.ids) != 1:
                raise ValueError("scope above needs the one cell above which to run, in ids")
        elif bool(self.ids) == bool(self.scope):
            raise ValueError("give either ids or a scope")
        return self


class RunCells(WorkspaceTool):
    """Runs cells with the source the document holds at that moment."""

    name = "run_cells"
    arguments = RunCellsArguments
    parallel = False
    deadline: float | None = None  # bounded by wait_s

    def permissions(self, arguments: RunCellsArguments) -> frozenset[Permission]:
        return EXEC

    async def preview(self, arguments: RunCellsArguments) -> Preview:
        path, _, state = await self._open(arguments.notebook)
        kernel = await self._kernel(path)
        facts = (("notebook", path), ("kernel", kernel.kernel_id or ""))
        return await asyncio.to_thread(self._shown, arguments, state, facts)

    def _shown(
        self, arguments: RunCellsArguments, state: NotebookState, facts: tuple[tuple[str, str], ...]
    ) -> Preview:
        cells = self._chosen(arguments, state)
        blocks = run_blocks(cells, state)
        names = join_words([block.label or "" for block in blocks]) if len(cells) <= 4 else None
        return Preview(
            title=f"Run {names or f'{len(cells)} cells'}",
            blocks=blocks,
            bound_to=(*facts, *((f"cell {cell.id}", fingerprint(cell)) for cell in cells)),
        )

    async def run(self, arguments: RunCellsArguments, context: ToolCallContext) -> ToolOutput:
        _, _, state = await self._open(arguments.notebook)
        cells = await asyncio.to_thread(self._chosen, arguments, state)
        _check_allowed(cells, context)
        report = await run_and_report(
            self._workspace,
            state,
            cells,
            context,
            wait=arguments.wait_s,
            stop_on_error=arguments.stop_on_error,
        )
        return report.output()

    def _chosen(self, arguments: RunCellsArguments, state: NotebookState) -> list[CellState]:
        cells = self._cells(arguments, state)
        if not cells:
            raise NothingToRun(f"There is no cell to run: scope {arguments.scope} is empty.")
        return cells

    def _cells(self, arguments: RunCellsArguments, state: NotebookState) -> list[CellState]:
        code = [cell for cell in state.cells if cell.cell_type == "code"]
        if arguments.scope == "all":
            return [cell for cell in code if cell.source.strip()]
        if arguments.scope == "stale":
            stale = facts_of(state, self._workspace.runs).stale
            return [cell for cell in code if cell.id in stale]
        known = [cell.id for cell in state.cells]
        ids = Ids(known)
        wanted = list(dict.fromkeys(ids.resolve(given) for given in arguments.ids))
        if arguments.scope == "above":
            above = set(known[: known.index(wanted[0])])
            return [cell for cell in code if cell.id in above and cell.source.strip()]
        by_id = {cell.id: cell for cell in state.cells}
        for cell_id in wanted:
            if by_id[cell_id].cell_type != "code":
                raise EditRefused(
                    f"{label_of(cell_id, state.cells)} is no code cell: nothing to run."
                )
        return [by_id[cell_id] for cell_id in wanted]


def _check_allowed(cells: list[CellState], context: ToolCallContext) -> None:
    """Make sure that the cells are still those the call was allowed for.

    Raises:
        StaleCells: one is another by now.
    """
    allowed = dict(context.bound_to)
    changed = [cell for cell in cells if allowed.get(f"cell {cell.id}") != fingerprint(cell)]
    if allowed and changed:
        raise StaleCells(
            "What was to run changed before it began. Nothing was run.",
            details={"cells": {cell.id: cell.source for cell in changed}},
        )


def run_blocks(cells: Sequence[CellState], state: NotebookState) -> tuple[PreviewBlock, ...]:
    """Return the exact code of the cells that are to run, each under its name for people."""
    labels = {cell.id: label(cell, number) for number, cell in enumerate(state.cells, 1)}
    return tuple(
        PreviewBlock(
            kind="code",
            text=cell.source,
            label=labels[cell.id],
            language=state.language,
            cell_id=cell.id,
        )
        for cell in cells
    )
