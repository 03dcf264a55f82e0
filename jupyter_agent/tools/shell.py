"""The tools of an agent that has no notebook: they work in the shell its process is in.

They stand in for `run_code` and `inspect_variables`, under the same names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, cast

from pydantic import Field

from ..digest.outputs import digest_outputs
from ..kernel.runner import CellSource, KernelRunner
from ..protocol.errors import KernelError
from ..protocol.messages import ImagePart, TextPart
from ..protocol.tools import Permission, PreviewBlock
from .base import Preview, Tool, ToolArguments, ToolCallContext, ToolOutput, load_description
from .content import without_handles
from .inspect_variables import InspectVariables
from .workspace import Workspace
from .workspace_tool import EXEC

_INTERRUPT_DEADLINE = 0.8


def shell_tools(runner: KernelRunner, vision: Callable[[], bool]) -> tuple[Tool[Any], ...]:
    """Return the tools for a shell.

    Args:
        runner: runs code in it.
        vision: whether the model can look at images, asked at each call.
    """
    workspace = cast("Workspace", _ShellOnly(runner))
    return (ShellCode(runner, vision), InspectVariables(workspace))


class ShellCodeArguments(ToolArguments):
    """The code."""

    slips: ClassVar[dict[str, str]] = {"source": "code", "content": "code"}

    code: str = Field(min_length=1)
    reason: str = Field("", description="In a few words, for the person who is asked.")


class ShellCode:
    """Runs code in the person's shell; what it defines stays, and outputs are shown to them."""

    name = "run_code"
    arguments = ShellCodeArguments
    parallel = False
    deadline: float | None = None  # the code runs in the person's process, who can interrupt it

    def __init__(self, runner: KernelRunner, vision: Callable[[], bool]) -> None:
        self.description = load_description("shell_code")
        self._runner = runner
        self._vision = vision

    def permissions(self, arguments: ShellCodeArguments) -> frozenset[Permission]:
        """Running code needs exec."""
        return EXEC

    def always_ask(self, arguments: ShellCodeArguments) -> bool:
        """Modes, rules and grants decide."""
        return False

    async def preview(self, arguments: ShellCodeArguments) -> Preview:
        """Show the code."""
        status = await self._runner.status()
        code = PreviewBlock(kind="code", text=arguments.code, language=status.language)
        title = f"Run code: {arguments.reason}" if arguments.reason else "Run code"
        return Preview(title=title, blocks=(code,))

    async def run(self, arguments: ShellCodeArguments, context: ToolCallContext) -> ToolOutput:
        """Run the code to its end. Being cancelled interrupts it."""
        op_id = f"{context.run_id}:{context.call_id}"
        cell = CellSource(cell_id="shell", source=arguments.code)
        run = await self._runner.start_run([cell], op_id=op_id)
        try:
            await run.wait()
        except asyncio.CancelledError:
            await self._interrupt()
            raise
        record = run.cells[0]
        digest = await asyncio.to_thread(
            digest_outputs, record.outputs, cell_id="shell", vision=self._vision()
        )
        content: list[TextPart | ImagePart] = [TextPart(text=f"status: {record.status}")]
        content += without_handles(digest.content)
        failed = record.status != "ok"
        return ToolOutput(
            content=tuple(content),
            is_error=failed,
            title="Ran code",
            summary=digest.error or (record.status if failed else digest.summary),
        )

    async def _interrupt(self) -> None:
        try:
            await asyncio.wait_for(self._runner.interrupt(), _INTERRUPT_DEADLINE)
        except (asyncio.TimeoutError, KernelError):
            return  # Stop must not wait for code that does not obey


class _ShellOnly:
    """As much of a workspace as looking at variables needs."""

    def __init__(self, runner: KernelRunner) -> None:
        self._runner = runner

    def notebook_path(self, given: str | None) -> str:
        """There is none."""
        return ""

    async def runner(self, path: str) -> KernelRunner:
        """Return the shell's runner."""
        return self._runner
