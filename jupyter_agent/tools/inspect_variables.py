"""The tool that describes the kernel's variables."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ..kernel.runner import KernelRunner
from ..protocol.errors import AgentError, KernelBusy
from .base import Preview, ToolCallContext, ToolOutput, as_list, text_output
from .snippets import require_python, snippet_code, split_report
from .workspace_tool import NotebookArguments, WorkspaceTool, join_words

DEADLINE = 10.0
LONGEST = 16_000  # characters


class InspectArguments(NotebookArguments):
    """Which variables, and how closely."""

    slips: ClassVar[dict[str, str]] = {"name": "names", "variables": "names", "variable": "names"}

    names: list[str] = Field(default_factory=list, max_length=50)
    pattern: str | None = None
    detail: bool = False

    @field_validator("names", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return as_list(value)


class InspectVariables(WorkspaceTool):
    """Looks into a Python kernel while nothing else runs there."""

    name = "inspect_variables"
    arguments = InspectArguments
    parallel = False

    async def preview(self, arguments: InspectArguments) -> Preview:
        path = self._workspace.notebook_path(arguments.notebook)
        return Preview(title=f"Look at {_words(arguments)}", bound_to=(("notebook", path),))

    async def run(self, arguments: InspectArguments, context: ToolCallContext) -> ToolOutput:
        path = self._workspace.notebook_path(arguments.notebook)
        runner = await self._workspace.runner(path)
        try:
            text = await look_at(
                runner,
                names=arguments.names,
                pattern=arguments.pattern,
                detail=arguments.detail or len(arguments.names) == 1,
            )
        except NoReport as error:
            return text_output(
                f"INSPECTION_FAILED: {error.user_message}\n"
                "retryable: no\nsuggested_fix: print it in a cell",
                is_error=True,
                summary="could not be inspected",
            )
        if len(text) > LONGEST:
            text = text[:LONGEST] + "\n… cut; ask for fewer variables by name"
        return text_output(text, title=f"Looked at {_words(arguments)}")


class NoReport(AgentError):
    """The kernel ran the inspection and said nothing."""

    code = "INSPECTION_FAILED"


async def look_at(
    runner: KernelRunner,
    *,
    names: list[str],
    detail: bool,
    pattern: str | None = None,
    deadline: float = DEADLINE,
) -> str:
    """Return a description of a kernel's variables, all of them when none is named.

    Raises:
        NoKernel, KernelBusy, Unsupported: nothing can be inspected now.
        NoReport: the kernel did not do it.
    """
    await require_python(runner, "inspections")
    asked = {"names": names, "pattern": pattern, "detail": detail}
    code = snippet_code("inspection_snippet", asked)
    try:
        found = await asyncio.wait_for(runner.evaluate(code, deadline=deadline), deadline + 2)
    except asyncio.TimeoutError as error:
        raise KernelBusy("The kernel did not answer in time.", cause=error) from error
    report, others = split_report(found.outputs)
    if report is None or not isinstance(report.get("text"), str):
        raise NoReport(f"the kernel sent no report. {_first_error(others)}")
    return str(report["text"])


def _words(arguments: InspectArguments) -> str:
    if 0 < len(arguments.names) <= 4:
        return join_words(arguments.names)
    return f"{len(arguments.names)} variables" if arguments.names else "the variables"


def _first_error(outputs: list[dict[str, Any]]) -> str:
    for output in outputs:
        if output.get("output_type") == "error":
            return f"{output.get('ename')}: {output.get('evalue')}"
    return ""
