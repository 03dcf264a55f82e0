"""The tool that goes back to before an earlier prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

from pydantic import model_validator

from ..notebook.cells import fingerprint, label_of
from ..notebook.review import Undone
from ..notebook.reviewed import TakenBack
from ..protocol.errors import NotAllowed
from ..protocol.rpc import CellState
from ..protocol.session_events import Checkpoint as CheckpointFacts
from ..protocol.tools import Permission, PreviewBlock
from .base import Preview, ToolArguments, ToolCallContext, ToolOutput, text_output
from .foreign_loads import new_loads, with_loads
from .workspace import Workspace
from .workspace_tool import READ, WRITE, WorkspaceTool


class CheckpointKeeper(Protocol):
    """What was done to notebooks, by prompt, and taking it back."""

    async def checkpoints(self) -> list[CheckpointFacts]:
        """Return the checkpoints, the oldest first."""

    async def plan(
        self, since: Sequence[CheckpointFacts]
    ) -> list[tuple[str, Sequence[CellState], Undone]]:
        """Return, for each notebook, its path, its cells, and as it would be."""

    async def restore(self, since: Sequence[CheckpointFacts]) -> TakenBack:
        """Take these checkpoints back; what the person has changed since stays."""


class CheckpointArguments(ToolArguments):
    """List the checkpoints, or go back to one."""

    slips: ClassVar[dict[str, str]] = {"command": "action", "checkpoint_id": "id"}

    action: Literal["list", "restore"] = "list"
    id: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> CheckpointArguments:
        if self.action == "restore" and not self.id:
            raise ValueError("restore needs the id of a checkpoint")
        return self


class Checkpoint(WorkspaceTool):
    """Lists checkpoints and restores one."""

    name = "checkpoint"
    arguments = CheckpointArguments
    parallel = False

    def __init__(self, workspace: Workspace, keeper: CheckpointKeeper) -> None:
        super().__init__(workspace)
        self._keeper = keeper

    def permissions(self, arguments: CheckpointArguments) -> frozenset[Permission]:
        return READ if arguments.action == "list" else WRITE

    def always_ask(self, arguments: CheckpointArguments) -> bool:
        # It takes back what the person may have come to rely on.
        return arguments.action == "restore"

    async def preview(self, arguments: CheckpointArguments) -> Preview:
        if arguments.action == "list":
            return Preview(title="List the checkpoints")
        since = await self._since(arguments)
        blocks: list[PreviewBlock] = []
        hosts: dict[str, list[str]] = {}
        facts: list[tuple[str, str]] = []
        for path, cells, target in await self._keeper.plan(since):
            facts.append(("notebook", path))
            facts += [(f"cell {cell.id}", fingerprint(cell)) for cell in cells]
            blocks += _blocks(cells, target)
            hosts |= new_loads(cells, target.cells)
        prompt = f" “{since[0].prompt}”" if since[0].prompt else ""
        preview = Preview(
            title=f"Put the notebook back to before the prompt{prompt}",
            blocks=tuple(blocks),
            bound_to=tuple(facts),
        )
        return with_loads(preview, hosts)

    async def run(self, arguments: CheckpointArguments, context: ToolCallContext) -> ToolOutput:
        if arguments.action == "list":
            found = await self._keeper.checkpoints()
            lines = [f"{one.id}: {one.path}, before the prompt: {one.prompt}" for one in found]
            return text_output(
                "\n".join(lines) or "no checkpoints: nothing was changed in this conversation",
                title="Listed the checkpoints",
            )
        done = await self._keeper.restore(await self._since(arguments))
        text = f"{done.words()} Read the cells again before you edit them."
        return text_output(text, title="Put the notebook back", summary=done.words())

    async def _since(self, arguments: CheckpointArguments) -> list[CheckpointFacts]:
        """Return the checkpoint that is meant and those after it."""
        known = await self._keeper.checkpoints()
        places = [at for at, one in enumerate(known) if one.id == arguments.id]
        if not places:
            raise NotAllowed(
                f"There is no checkpoint {arguments.id!r}; list shows which there are."
            )
        return known[places[0] :]


def _blocks(cells: Sequence[CellState], target: Undone) -> list[PreviewBlock]:
    """Return what would change, cell by cell, whole."""
    now = {cell.id: cell for cell in cells}
    then = {cell.id: cell for cell in target.cells}
    blocks = []
    for cell_id in sorted(target.undone - target.conflicts):
        before, after = now.get(cell_id), then.get(cell_id)
        label = label_of(cell_id, cells) if before else "a deleted cell"
        block = PreviewBlock(
            kind="diff",
            before=before.source if before else "",
            text=after.source if after else "",
            label=label if after else f"{label}, to be deleted",
            cell_id=cell_id,
        )
        blocks.append(block)
    return blocks
