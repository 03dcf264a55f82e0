"""The tool that runs code outside the notebook's cells, or as a new cell at its end."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..digest.outputs import digest_outputs
from ..kernel.runner import EvaluationTimedOut, KernelRunner
from ..protocol.errors import AgentError
from ..protocol.tools import Permission, PreviewBlock
from .base import Preview, ToolCallContext, ToolOutput
from .content import Content, without_handles
from .edit_cells import EditCells, EditCellsArguments
from .running import LONGEST_WAIT
from .snippets import Unsupported, require_python, snippet_code, split_report
from .workspace_tool import EXEC, NotebookArguments, WorkspaceTool

_CHANGES = (
    ("added", "added, and removed again"),
    ("rebound", "rebound, and put back"),
    ("deleted", "deleted, and put back"),
    ("mutated", "possibly changed in place, which is not undone"),
)


class ProbeTimedOut(AgentError):
    """The code of a probe took longer than it may."""

    code = "TIMED_OUT"


class RunCodeArguments(NotebookArguments):
    """The code and whether it stays."""

    slips: ClassVar[dict[str, str]] = {"source": "code", "content": "code", "timeout": "wait_s"}

    code: str = Field(min_length=1)
    mode: Literal["probe", "commit"] = "probe"
    wait_s: float = Field(30, ge=1, le=LONGEST_WAIT)
    reason: str = Field("", description="For the person, in a few words.")


class RunCode(WorkspaceTool):
    """Runs code as a probe, or commits it as a cell."""

    name = "run_code"
    arguments = RunCodeArguments
    parallel = False
    deadline: float | None = None  # bounded by wait_s

    def permissions(self, arguments: RunCodeArguments) -> frozenset[Permission]:
        return frozenset({"write", "exec"}) if arguments.mode == "commit" else EXEC

    async def preview(self, arguments: RunCodeArguments) -> Preview:
        if arguments.mode == "commit":
            return await EditCells(self._workspace).preview(_as_edit(arguments))
        path = self._workspace.notebook_path(arguments.notebook)
        kernel = await self._kernel(path)
        return Preview(
            title="Try code without keeping it",
            blocks=(PreviewBlock(kind="code", text=arguments.code, language=kernel.language),),
            bound_to=(("notebook", path), ("kernel", kernel.kernel_id or "")),
        )

    async def run(self, arguments: RunCodeArguments, context: ToolCallContext) -> ToolOutput:
        if arguments.mode == "commit":
            return await EditCells(self._workspace).run(_as_edit(arguments), context)
        path = self._workspace.notebook_path(arguments.notebook)
        runner = await self._workspace.runner(path)
        await require_python(runner, "probes")
        outputs = await self._evaluate(runner, arguments)
        report, shown = split_report(outputs)
        if report is not None and "refused" in report:
            raise Unsupported(f"Not run: {report['refused']}. Use mode commit.")
        content = Content()
        digest = await asyncio.to_thread(
            digest_outputs, shown, cell_id="probe", vision=self._workspace.vision
        )
        content.extend(without_handles(digest.content))
        content.add(_report_words(report))
        return ToolOutput(
            content=content.parts,
            is_error=digest.error is not None,
            title="Tried code",
            summary=digest.error or digest.summary,
        )

    async def _evaluate(
        self, runner: KernelRunner, arguments: RunCodeArguments
    ) -> tuple[dict[str, Any], ...]:
        code = snippet_code("probe_snippet", {"code": arguments.code})
        try:
            evaluation = await runner.evaluate(code, deadline=arguments.wait_s)
        except EvaluationTimedOut:
            raise ProbeTimedOut(
                f"The code did not end within {arguments.wait_s:.0f} s and was interrupted."
            ) from None
        return evaluation.outputs


def _as_edit(arguments: RunCodeArguments) -> EditCellsArguments:
    op = {"op": "insert", "after": "end", "type": "code", "source": arguments.code}
    return EditCellsArguments.model_validate(
        {
            "notebook": arguments.notebook,
            "ops": [op],
            "reason": arguments.reason,
            "run": "changed",
            "wait_s": arguments.wait_s,
        }
    )


def _report_words(report: dict[str, Any] | None) -> str:
    if report is None:
        return "the probe sent no report: its names may not have been rolled back"
    lines = [
        f"{words}: {', '.join(map(str, report[key]))}"
        for key, words in _CHANGES
        if isinstance(report.get(key), list) and report[key]
    ]
    return "\n".join(lines) or "no names changed"
