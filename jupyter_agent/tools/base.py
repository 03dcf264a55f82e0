"""The tool port: a name, a schema from a pydantic model, a permission, a preview, a run.

A tool's failure is a `ToolOutput` with `is_error`, never an exception into the loop. Whether a
call may run is decided in `agent/execute.py` alone: a tool only says what it would do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

from ..protocol.codec import parse_strictly
from ..protocol.errors import AgentError
from ..protocol.messages import ImagePart, TextPart
from ..protocol.models import ToolDefinition
from ..protocol.text import printable
from ..protocol.tools import CellRef, Permission, PreviewBlock


class ToolArguments(BaseModel):
    """Base of all argument models: unknown keys are refused, the models' frequent slips accepted.

    `slips` maps a name that models write by mistake to the field they mean.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    slips: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _forgive(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        meant = {key: cls.slips.get(str(key), key) for key in data}
        # A null means "not given"; a slip never overrides the field's own name.
        return {
            (key if meant[key] in data else meant[key]): value
            for key, value in data.items()
            if value is not None
        }


def as_list(value: Any) -> Any:
    """Return what a model means where a list is wanted: a list written as text, or one item alone."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        parsed = parse_strictly(value)
        value = value if parsed is None else parsed
    return [value] if isinstance(value, (str, dict)) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a call would do: a title in words, the exact content, and what it is bound to.

    `bound_to` are facts an approval must hold for (versions of cells, a kernel): the call is
    refused when they differ at the time it runs. `needs` are permissions beyond those that the
    arguments alone tell of.
    """

    title: str
    blocks: tuple[PreviewBlock, ...] = ()
    bound_to: tuple[tuple[str, str], ...] = ()
    needs: frozenset[Permission] = frozenset()


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
    """What a running call may use: its id, and a way to show progress (replaces what was shown).

    `bound_to` are the facts of the preview that the call was allowed for. `vision`: whether the
    model can look at images.
    """

    call_id: str
    run_id: str
    update: Callable[[str, Sequence[CellRef]], None]
    bound_to: tuple[tuple[str, str], ...] = ()
    vision: bool = True


def printable_output(output: ToolOutput) -> ToolOutput:
    """Return an output whose text can be sent and written, whatever a notebook or file held."""
    content = tuple(
        replace(part, text=printable(part.text)) if isinstance(part, TextPart) else part
        for part in output.content
    )
    return replace(
        output,
        content=content,
        title=output.title and printable(output.title),
        summary=printable(output.summary),
        preview=_printable_blocks(output.preview),
    )


def printable_preview(preview: Preview) -> Preview:
    """Return a preview whose text can be sent and written."""
    return replace(
        preview, title=printable(preview.title), blocks=_printable_blocks(preview.blocks)
    )


def _printable_blocks(blocks: tuple[PreviewBlock, ...]) -> tuple[PreviewBlock, ...]:
    return tuple(
        replace(
            block,
            text=printable(block.text),
            before=block.before and printable(block.before),
            label=block.label and printable(block.label),
        )
        for block in blocks
    )


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
    return ToolDefinition(
        name=tool.name, description=tool.description, parameters=_parameters(tool.arguments)
    )


# Each prompt asks for the schemas of all tools: about ten milliseconds' work.
@lru_cache(maxsize=128)
def _parameters(arguments: type[BaseModel]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    shared = schema.pop("$defs", {})
    parameters = {"type": "object", **_plain(schema, shared, top=True)}
    return _lean(parameters) if issubclass(arguments, ToolArguments) else parameters


# Our own validation says it better when they are broken, and they cost a fifth of all schemas.
_LEFT_OUT = frozenset(
    "additionalProperties minimum maximum minItems maxItems minLength maxLength".split()
)


def _lean(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of ours without bounds, as every request carries it."""
    lean: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _LEFT_OUT:
            continue
        if key == "properties":
            lean[key] = {name: _lean(inner) for name, inner in value.items()}
        else:
            lean[key] = _lean(value) if key == "items" else value
    return lean


def _plain(schema: Any, shared: dict[str, Any], *, top: bool = False) -> Any:
    """Return a schema without references, titles and "or null", which not every provider takes."""
    if isinstance(schema, list):
        return [_plain(item, shared) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = shared[schema["$ref"].rpartition("/")[2]]
        schema = {**target, **{key: schema[key] for key in schema if key != "$ref"}}
    choices = [item for item in schema.get("anyOf", ()) if item != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return _plain({**choices[0], **rest}, shared, top=top)
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            plain[key] = {name: _plain(item, shared) for name, item in value.items()}
        elif key == "title" or (key == "description" and top) or (key, value) == ("default", None):
            continue
        else:
            plain[key] = _plain(value, shared)
    return plain


def text_output(text: str, *, is_error: bool = False, summary: str = "", **more: Any) -> ToolOutput:
    """Return an output of text alone."""
    return ToolOutput(content=(TextPart(text=text),), is_error=is_error, summary=summary, **more)


def redacted_output(output: ToolOutput, redact: Callable[[str], str]) -> ToolOutput:
    """Return an output with every text of it gone through `redact`."""
    return replace(
        output,
        content=tuple(
            replace(part, text=redact(part.text)) if isinstance(part, TextPart) else part
            for part in output.content
        ),
        title=output.title and redact(output.title),
        summary=redact(output.summary),
        preview=redacted_blocks(output.preview, redact),
    )


def redacted_blocks(
    blocks: Sequence[PreviewBlock], redact: Callable[[str], str]
) -> tuple[PreviewBlock, ...]:
    """Return what is shown of a call with every text of it gone through `redact`."""
    return tuple(
        replace(block, text=redact(block.text), before=block.before and redact(block.before))
        for block in blocks
    )


# What a model can do about an error, by its code.
FIXES = {
    "STALE_CELL": "look at the current source given here, then repeat the edit against it",
    "STALE_FILE": "call read_file to see what is there now, then write it again",
    "UNKNOWN_CELL": "call notebook_overview for the ids of the cells",
    "UNCONFIRMED": "call read_cells to see what is there; do not repeat the edit blindly",
    "NOTEBOOK_MISSING": "check the path with list_files, or create it with create_notebook",
    "NOTEBOOK_READ_ONLY": "tell the user; it cannot be changed from here",
    "KERNEL_BUSY": "wait for what runs with run_status, or interrupt it with the kernel tool",
    "KERNEL_DIED": "restart the kernel with the kernel tool and run the cells again",
    "NO_KERNEL": "run a cell first, which starts the kernel",
    "TAB_GONE": "repeat the call",
    "UNKNOWN_RUN": "look at the cells with notebook_overview",
    "FILE_MISSING": "look for it with list_files",
}


def failure(error: AgentError, *, fix: str | None = None, title: str | None = None) -> ToolOutput:
    """Return an error as the model reads it: code, message, whether to retry, what to do.

    `details["cells"]` (source by cell id, None when it is gone) is shown whole.
    """
    lines = [f"{error.code}: {error.user_message}"]
    lines.append(f"retryable: {'yes' if error.retryable else 'no'}")
    fix = fix or FIXES.get(error.code)
    if fix:
        lines.append(f"suggested_fix: {fix}")
    cells = (error.details or {}).get("cells")
    for cell_id, source in (cells if isinstance(cells, dict) else {}).items():
        lines.append(f"cell {cell_id} is gone" if source is None else f"cell {cell_id} is now:")
        if source is not None:
            lines.append(str(source))
    return text_output("\n".join(lines), is_error=True, summary=error.user_message, title=title)


def load_description(name: str) -> str:
    """Return the text of `<name>.md` beside the tools."""
    return (files(__package__) / f"{name}.md").read_text(encoding="utf-8").strip()
