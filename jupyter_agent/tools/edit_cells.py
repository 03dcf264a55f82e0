"""The tool that edits cells, and runs what it edited when asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, cast

from pydantic import Field, JsonValue, field_validator

from ..notebook.cells import fingerprint
from ..notebook.changes import unconfirmed_ids
from ..notebook.document import NotebookDocument
from ..notebook.edits import Plan, plan
from ..notebook.operations import EditOp
from ..notebook.places import keeps_ids
from ..protocol.errors import (
    AgentError,
    KernelBusy,
    KernelStartFailed,
    NoKernel,
    NotebookReadOnly,
    StaleCells,
    Unconfirmed,
)
from ..protocol.rpc import ApplyResult, CellState, NotebookState
from ..protocol.tools import Permission
from .base import Preview, ToolCallContext, ToolOutput, as_list
from .content import Content
from .edit_words import (
    edited_cells,
    plan_blocks,
    plan_title,
    result_lines,
    result_references,
    result_title,
)
from .foreign_loads import new_loads, with_loads
from .running import LONGEST_WAIT, run_and_report
from .syntax import syntax_warnings
from .workspace_tool import NotebookArguments, WorkspaceTool

# Failures after which no cell was sent to the kernel.
_BEFORE_SENDING = (KernelStartFailed, KernelBusy, NoKernel)


class EditCellsArguments(NotebookArguments):
    """The edits, why, and whether to run the cells afterwards."""

    slips: ClassVar[dict[str, str]] = {
        "edits": "ops",
        "operations": "ops",
        "changes": "ops",
        "wait": "wait_s",
    }

    ops: list[EditOp] = Field(min_length=1, max_length=32)
    reason: str = Field("", description="For the person, in a few words.")
    run: Literal["none", "changed"] = "none"
    wait_s: float = Field(60, ge=0, le=LONGEST_WAIT, description="With run.")

    @field_validator("ops", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return as_list(value)

    @field_validator("run", mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return (
            {True: "changed", False: "none"}.get(value, value) if isinstance(value, bool) else value
        )


class EditCells(WorkspaceTool):
    """Edits a notebook as one batch."""

    name = "edit_cells"
    arguments = EditCellsArguments
    parallel = False
    deadline: float | None = None  # the document bounds the edit, wait_s the run

    def permissions(self, arguments: EditCellsArguments) -> frozenset[Permission]:
        if arguments.run == "changed":
            return frozenset({"write", "exec"})
        return frozenset({"write"})

    async def preview(self, arguments: EditCellsArguments) -> Preview:
        path, _, state = await self._open(arguments.notebook)
        batch = await self._plan(arguments, path, state)
        facts = [("notebook", path)]
        facts += [(f"cell {item.id}", fingerprint(item)) for item in batch.expect]
        runs = arguments.run == "changed"
        title, blocks = await asyncio.to_thread(
            lambda: (plan_title(batch, state, runs=runs), plan_blocks(batch, state))
        )
        if runs:
            facts.append(("kernel", (await self._kernel(path)).kernel_id or ""))
        preview = Preview(title=title, blocks=blocks, bound_to=tuple(facts))
        hosts = await asyncio.to_thread(new_loads, state.cells, batch.cells)
        return with_loads(preview, hosts)

    async def run(self, arguments: EditCellsArguments, context: ToolCallContext) -> ToolOutput:
        path, document, state = await self._open(arguments.notebook)
        batch = await self._plan(arguments, path, state)
        result: ApplyResult | None = None
        warned: list[str] = []
        if batch.changes:
            warned = await self._syntax(batch, state)
            result = await self._apply(document, batch, state, context)
        runs = arguments.run == "changed"
        after, changed, output = await asyncio.to_thread(
            _told, batch, state, result, warned, runs=runs
        )
        if not runs or not changed:
            return output
        return await self._run_changed(output, after, changed, arguments, context)

    async def _run_changed(
        self,
        edit: ToolOutput,
        state: NotebookState,
        cells: list[CellState],
        arguments: EditCellsArguments,
        context: ToolCallContext,
    ) -> ToolOutput:
        try:
            report = await run_and_report(
                self._workspace, state, cells, context, wait=arguments.wait_s
            )
        except AgentError as error:
            # The edit stands: the model must not be told that the whole call failed, nor that
            # nothing ran when the cells may have been sent before it failed.
            begun = "not run" if isinstance(error, _BEFORE_SENDING) else "its cells may have run"
            content = Content()
            content.add(f"the edit is applied, but {begun}: {error.code}: {error.user_message}")
            if not isinstance(error, _BEFORE_SENDING):
                content.add("Look at the cells before you run them again.")
            return _joined(edit, content, is_error=True, summary=error.user_message)
        return _joined(
            edit,
            report.content,
            is_error=report.failed,
            summary=report.summary,
            cells=report.cells,
            title=report.title,
        )

    async def _plan(self, arguments: EditCellsArguments, path: str, state: NotebookState) -> Plan:
        """Plan the batch; what a refusal shows the model counts as read."""
        if state.read_only:
            raise NotebookReadOnly(f"{path} is read-only. Nothing was applied.")
        memory = self._workspace.memory
        known: Mapping[str, CellState] = dict(memory.cells.get(path, {}))
        provenance = cast(
            "dict[str, JsonValue] | None", _provenance(path, self._workspace.provenance())
        )
        try:
            # In a large notebook this takes a while, in which the server must answer others.
            return await asyncio.to_thread(plan, arguments.ops, state, known, provenance=provenance)
        except AgentError as error:
            self._show(path, state, error)
            raise

    def _show(self, path: str, state: NotebookState, error: AgentError) -> None:
        """Note that the model sees the cells that a refusal names."""
        shown = (error.details or {}).get("cells")
        if not isinstance(shown, dict):
            return
        memory = self._workspace.memory
        current = {cell.id: cell for cell in state.cells}
        memory.remember(
            path,
            [
                current[cell_id]
                for cell_id, source in shown.items()
                if cell_id in current and current[cell_id].source == source
            ],
        )
        for cell_id in shown.keys() - current.keys():
            memory.cells.get(path, {}).pop(cell_id, None)

    async def _apply(
        self,
        document: NotebookDocument,
        batch: Plan,
        state: NotebookState,
        context: ToolCallContext,
    ) -> ApplyResult:
        op_id = f"{context.run_id}:{context.call_id}"
        try:
            result = await document.apply(batch.changes, batch.expect, op_id=op_id)
        except StaleCells as error:
            self._show(document.path, await document.read(), error)
            raise
        wrong = await asyncio.to_thread(unconfirmed_ids, state.cells, batch.changes, result)
        if wrong:
            raise Unconfirmed(
                f"Applied, but read back differently: {', '.join(wrong)}. "
                "Someone else may be typing there."
            )
        self._workspace.memory.remember(document.path, result.cells)
        return result

    async def _syntax(self, batch: Plan, state: NotebookState) -> list[str]:
        if state.language not in (None, "python"):
            return []
        written = {
            step.cell_id: step.after
            for step in batch.steps
            if step.changed and step.after is not None and step.after.cell_type == "code"
        }
        return await syntax_warnings([(cell_id, cell.source) for cell_id, cell in written.items()])


def _provenance(path: str, noted: dict[str, str] | None) -> dict[str, Any] | None:
    """Return the metadata that tell who wrote a cell, where they do not stand in the text itself."""
    return {"jupyter_agent": noted} if noted and keeps_ids(path) else None


def _told(
    batch: Plan,
    state: NotebookState,
    result: ApplyResult | None,
    warned: Sequence[str],
    *,
    runs: bool,
) -> tuple[NotebookState, list[CellState], ToolOutput]:
    """Return the notebook after the edit, the cells that were written, and what is told of it.

    `runs`: the cells are run afterwards, and named by that.
    """
    content = Content()
    if result is None:
        content.add("nothing to change: the cells are so already")
    else:
        content.add("\n".join(result_lines(batch, state, result)))
    for warning in warned:
        content.add(f"warning: syntax error in {warning}")
    after = _merged(state, result)
    changed = edited_cells(batch, after)
    output = ToolOutput(
        content=content.parts,
        title=result_title(batch, state, after, name_new=not (runs and changed)),
        summary=_summary(batch),
        cells=result_references(batch, state, after),
        preview=plan_blocks(batch, state),
    )
    return after, changed, output


def _merged(state: NotebookState, result: ApplyResult | None) -> NotebookState:
    """Return the notebook as it is after the edit, as far as was read back."""
    if result is None:
        return state
    cells = {cell.id: cell for cell in (*state.cells, *result.cells)}
    return replace(
        state,
        revision=result.revision,
        cells=tuple(cells[cell_id] for cell_id in result.order if cell_id in cells),
    )


def _joined(edit: ToolOutput, more: Content, **fields: Any) -> ToolOutput:
    """Return the edit's output with that of the run behind it."""
    title = fields.pop("title", None)
    content = Content()
    content.extend(edit.content)
    content.extend(more.parts)
    return replace(
        edit,
        content=content.parts,
        title=f"{edit.title}, {title[0].lower()}{title[1:]}" if title else edit.title,
        cells=(*edit.cells, *fields.pop("cells", ())),
        **fields,
    )


def _summary(batch: Plan) -> str:
    added = sum(step.added for step in batch.steps)
    removed = sum(step.removed for step in batch.steps)
    return f"+{added} −{removed}" if added or removed else ""
