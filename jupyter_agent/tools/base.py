"""The tool port: a name, a schema from a pydantic model, a permission, a preview, a run.

A tool's failure is a `ToolOutput` with `is_error`, never an exception into the loop. Whether a
call may run is decided in `agent/execute.py` alone: a tool only says what it would do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from ..protocol.errors import AgentError
from ..protocol.messages import ImagePart, TextPart
from ..protocol.models import ToolDefinition
from ..protocol.tools import CellRef, Permission, PreviewBlock


class ToolArguments(BaseModel):
    """Base of all argument models: unknown keys are refused, aliases accepted."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a call would do: a title in words, the exact content, and what it is bound to.

    `bound_to` are facts an approval must hold for (versions of cells, a kernel): the call is
    refused when they differ at the time it runs.
    """

    title: str
    blocks: tuple[PreviewBlock, ...] = ()
    bound_to: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What a call brought: `content` for the model; title, summary, cells and preview for people."""

    content: tuple[TextPart | ImagePart, ...]
    is_error: bool = False
    title: str | None = None
    summary: str = ""
    cells: tuple[CellRef, ...] = ()
    preview: tuple[PreviewBlock, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallContext:
    """What a running call may use: its id, and a way to show progress (replaces what was shown)."""

    call_id: str
    run_id: str
    update: Callable[[str, Sequence[CellRef]], None]


A = TypeVar("A", bound=BaseModel, contravariant=True)


class Tool(Protocol, Generic[A]):
    """One tool. `deadline` in seconds bounds `run`; None: the tool bounds itself."""

    name: str
    description: str
    deadline: float | None
    # False: two calls of this tool, or it and another write, never run side by side.
    parallel: bool

    @property
    def arguments(self) -> type[BaseModel]:
        """The model that validates arguments and gives the schema."""

    def permissions(self, arguments: A) -> frozenset[Permission]:
        """What this very call needs."""

    def always_ask(self, arguments: A) -> bool:
        """Whether a person is asked each time, whatever mode and grants say."""

    async def preview(self, arguments: A) -> Preview:
        """Say what the call would do, without doing it.

        Raises:
            AgentError: it cannot be done; the model gets that as the result, nobody is asked.
        """

    async def run(self, arguments: A, context: ToolCallContext) -> ToolOutput:
        """Do it. Cancelling it stops it within a second.

        Raises:
            AgentError: it failed; becomes an error result.
        """


def definition(tool: Tool[Any]) -> ToolDefinition:
    """Return what a model is told of a tool."""
    schema = tool.arguments.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    return ToolDefinition(name=tool.name, description=tool.description, parameters=schema)


def text_output(text: str, *, is_error: bool = False, summary: str = "", **more: Any) -> ToolOutput:
    """Return an output of text alone."""
    return ToolOutput(
        content=(TextPart(text=text),), is_error=is_error, summary=summary, **more
    )


def failure(error: AgentError, *, fix: str | None = None, title: str | None = None) -> ToolOutput:
    """Return an error as the model reads it: code, message, whether to retry, what to do."""
    lines = [f"{error.code}: {error.user_message}"]
    if error.retryable:
        lines.append("retryable: yes")
    if fix:
        lines.append(f"suggested_fix: {fix}")
    return text_output(
        "\n".join(lines), is_error=True, summary=error.user_message, title=title
    )


def load_description(name: str) -> str:
    """Return the text of `<name>.md` beside the tools."""
    return (files(__package__) / f"{name}.md").read_text(encoding="utf-8").strip()
