"""What the built-in tools share: a workspace, defaults of the port, and the notebook they mean."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel

from ..kernel.runner import KernelStatus
from ..notebook.document import NotebookDocument
from ..protocol.errors import AgentError
from ..protocol.rpc import NotebookState
from ..protocol.tools import Permission
from .base import Preview, ToolArguments, load_description
from .workspace import Workspace

READ: frozenset[Permission] = frozenset({"read"})
WRITE: frozenset[Permission] = frozenset({"write"})
EXEC: frozenset[Permission] = frozenset({"exec"})
# The kernel's state is asked for, never waited for.
STATUS_DEADLINE = 2.0


class NotebookArguments(ToolArguments):
    """Arguments of a tool that works on a notebook."""

    notebook: str | None = None


class WorkspaceTool:
    """Base of the built-in tools: reads, needs no asking, runs beside others."""

    name: str
    deadline: float | None = 30.0
    parallel: bool = True
    arguments: type[BaseModel]

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.description = load_description(self.name)

    def permissions(self, arguments: Any) -> frozenset[Permission]:
        return READ

    def always_ask(self, arguments: Any) -> bool:
        return False

    async def preview(self, arguments: Any) -> Preview:
        return Preview(title=self.name.replace("_", " ").capitalize())

    async def _open(self, given: str | None) -> tuple[str, NotebookDocument, NotebookState]:
        """Return the path, the document and what is in it (without outputs)."""
        path = self._workspace.notebook_path(given)
        document = await self._workspace.document(path)
        return path, document, await document.read()

    async def _kernel(self, path: str) -> KernelStatus:
        """Return the kernel's state as far as it is known at once."""
        try:
            runner = await asyncio.wait_for(self._workspace.runner(path), STATUS_DEADLINE)
            return await asyncio.wait_for(runner.status(), STATUS_DEADLINE)
        except (asyncio.TimeoutError, AgentError):
            return KernelStatus(state="unknown")


def join_words(words: list[str]) -> str:
    """Join words as people do: `a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
