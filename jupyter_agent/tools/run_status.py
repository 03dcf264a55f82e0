"""The tool that goes on watching a run."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..protocol.errors import AgentError
from .base import Preview, ToolArguments, ToolCallContext, ToolOutput
from .running import LONGEST_WAIT, report, wait_for_run
from .workspace_tool import WorkspaceTool


class UnknownRun(AgentError):
    """No run of that id in this session."""

    code = "UNKNOWN_RUN"


class RunStatusArguments(ToolArguments):
    """Which run, and how long to wait for it."""

    slips: ClassVar[dict[str, str]] = {"id": "run_id", "wait": "wait_s", "timeout": "wait_s"}

    run_id: str
    wait_s: float = Field(60, ge=0, le=LONGEST_WAIT)


class RunStatus(WorkspaceTool):
    """Waits for a run that `run_cells` left going. Only looks; Stop ends the waiting alone."""

    name = "run_status"
    arguments = RunStatusArguments
    deadline: float | None = None  # bounded by wait_s

    async def preview(self, arguments: RunStatusArguments) -> Preview:
        return Preview(title="Wait for the running cells")

    async def run(self, arguments: RunStatusArguments, context: ToolCallContext) -> ToolOutput:
        record = self._workspace.runs.get(arguments.run_id)
        if record is None:
            known = ", ".join(self._workspace.runs) or "none"
            raise UnknownRun(f"There is no run {arguments.run_id!r}; there are: {known}.")
        document = await self._workspace.document(record.path)
        state = await document.read()
        await wait_for_run(record.run, state, context, arguments.wait_s)
        found = await report(self._workspace, record.run, record.path)
        return found.output()
