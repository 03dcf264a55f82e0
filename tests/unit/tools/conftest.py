"""A way to call a tool as the gate does: validate, preview, run; errors become results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from jupyter_agent.protocol.errors import AgentError
from jupyter_agent.protocol.messages import TextPart
from jupyter_agent.protocol.tools import CellRef, Permission
from jupyter_agent.testing import FakeWorkspace
from jupyter_agent.tools.base import Preview, Tool, ToolCallContext, ToolOutput, failure
from jupyter_agent.tools.toolset import build_tools


@dataclass
class Called:
    """What a call showed before, and what it brought."""

    preview: Preview | None
    output: ToolOutput
    permissions: frozenset[Permission]
    always_ask: bool
    updates: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.output.content if isinstance(part, TextPart))

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


CallTool = Callable[..., Awaitable[Called]]


@pytest.fixture
def call() -> CallTool:
    numbers = count(1)

    async def call_tool(workspace: FakeWorkspace, tool_name: str, **arguments: Any) -> Called:
        tools: dict[str, Tool[Any]] = {tool.name: tool for tool in build_tools(workspace)}
        tool = tools[tool_name]
        given = tool.arguments.model_validate(arguments)
        updates: list[str] = []

        def update(text: str, cells: Sequence[CellRef]) -> None:
            updates.append(text)

        context = ToolCallContext(call_id=f"c{next(numbers)}", run_id="r", update=update)
        preview = None
        try:
            preview = await tool.preview(given)
            output = await tool.run(given, context)
        except AgentError as error:
            output = failure(error)
        return Called(
            preview=preview,
            output=output,
            permissions=tool.permissions(given),
            always_ask=tool.always_ask(given),
            updates=updates,
        )

    return call_tool
