"""The tool that controls the kernel."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from pydantic import ConfigDict, Field, model_validator

from ..kernel.runner import KernelRunner
from ..protocol.errors import NotAllowed
from ..protocol.tools import Permission
from .base import Preview, ToolCallContext, ToolOutput, load_description, text_output
from .run_cells import RunCells, RunCellsArguments
from .running import LONGEST_WAIT
from .workspace import Workspace
from .workspace_tool import EXEC, READ, NotebookArguments, WorkspaceTool

Action = Literal["status", "interrupt", "restart", "restart_run_above", "list", "select"]


class KernelChoice(Protocol):
    """Which kernels a notebook may have, where there is a choice."""

    async def kernel_names(self) -> dict[str, str]:
        """Return display names by kernel name."""

    async def select_kernel(self, path: str, name: str) -> None:
        """Give the notebook another kernel, started anew.

        Raises:
            KernelStartFailed: there is none of that name, or it did not start.
        """


class KernelArguments(NotebookArguments):
    """What to do with the kernel."""

    slips: ClassVar[dict[str, str]] = {"command": "action", "cell_id": "id", "kernel": "name"}

    action: Action = "status"
    id: str | None = None
    name: str | None = None
    wait_s: float = Field(60, ge=0, le=LONGEST_WAIT)

    @model_validator(mode="after")
    def _complete(self) -> KernelArguments:
        if self.action == "restart_run_above" and not self.id:
            raise ValueError("restart_run_above needs the id of a cell")
        if self.action == "select" and not self.name:
            raise ValueError("select needs the name of a kernel")
        return self


class GivenKernelArguments(KernelArguments):
    """What to do with a kernel where there is no choice of another."""

    action: Literal["status", "interrupt", "restart", "restart_run_above"] = "status"
    model_config = ConfigDict(json_schema_extra=lambda schema: schema["properties"].pop("name"))


class Kernel(WorkspaceTool):
    """Status, interrupt, restart, choice of the kernel."""

    name = "kernel"
    arguments: type[KernelArguments] = KernelArguments
    parallel = False
    deadline: float | None = None  # restarts are bounded by the runner, runs by wait_s

    def __init__(self, workspace: Workspace, choice: KernelChoice | None = None) -> None:
        super().__init__(workspace)
        self._choice = choice
        if choice is not None:
            self.description = f"{self.description} {load_description('kernel_choice')}"
        else:
            self.arguments = GivenKernelArguments

    def permissions(self, arguments: KernelArguments) -> frozenset[Permission]:
        return READ if arguments.action in ("status", "list") else EXEC

    def always_ask(self, arguments: KernelArguments) -> bool:
        # What the person has in memory is lost: no grant and no mode stands for that.
        return arguments.action in ("restart", "restart_run_above", "select")

    async def preview(self, arguments: KernelArguments) -> Preview:
        path = self._workspace.notebook_path(arguments.notebook)
        facts = (("notebook", path), ("kernel", (await self._kernel(path)).kernel_id or ""))
        if arguments.action != "restart_run_above":
            titles: dict[Action, str] = {
                "status": "Look at the kernel",
                "interrupt": "Interrupt the kernel",
                "restart": "Restart the kernel; all variables are lost",
                "list": "List the kernels",
                "select": f"Change the kernel to {arguments.name}; all variables are lost",
            }
            return Preview(title=titles[arguments.action], bound_to=facts)
        above = await RunCells(self._workspace).preview(_above(arguments))
        return Preview(
            title=f"Restart the kernel, then {above.title[0].lower()}{above.title[1:]}",
            blocks=above.blocks,
            bound_to=above.bound_to,
        )

    async def run(self, arguments: KernelArguments, context: ToolCallContext) -> ToolOutput:
        path = self._workspace.notebook_path(arguments.notebook)
        if arguments.action == "list":
            names = await self._kernels().kernel_names()
            lines = [f"{name}: {label}" for name, label in sorted(names.items())]
            return text_output("\n".join(lines) or "no kernels", title="Listed the kernels")
        if arguments.action == "select":
            await self._kernels().select_kernel(path, arguments.name or "")
            return text_output(
                f"the notebook now has the kernel {arguments.name}, without variables",
                title=f"Changed the kernel to {arguments.name}",
            )
        runner = await self._workspace.runner(path)
        if arguments.action == "status":
            return await _status(runner)
        if arguments.action == "interrupt":
            await runner.interrupt()
            found = await _status(runner)
            return text_output(
                f"told the kernel to interrupt; it may take a moment\n{_text(found)}",
                title="Interrupted the kernel",
            )
        await runner.restart()
        if arguments.action == "restart":
            return text_output("restarted; no variables are left", title="Restarted the kernel")
        return await RunCells(self._workspace).run(_above(arguments), context)

    def _kernels(self) -> KernelChoice:
        if self._choice is None:
            raise NotAllowed("The kernel cannot be chosen from here. Choose it in the notebook.")
        return self._choice


def _above(arguments: KernelArguments) -> RunCellsArguments:
    return RunCellsArguments.model_validate(
        {
            "notebook": arguments.notebook,
            "scope": "above",
            "ids": [arguments.id],
            "wait_s": arguments.wait_s,
        }
    )


async def _status(runner: KernelRunner) -> ToolOutput:
    status = await runner.status()
    words = f"kernel {status.kernel_name or '(none)'}: {status.state}"
    if status.language:
        words += f", {status.language}"
    return text_output(words, title="Looked at the kernel", summary=status.state)


def _text(output: ToolOutput) -> str:
    return "".join(part.text for part in output.content if part.type == "text")
