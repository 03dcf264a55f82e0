"""A person's own Python function as a tool: `@tool` in the public API.

The signature becomes the schema, the docstring the description (its Google-style `Args:` those of
the arguments). Read `base.py` for the port.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import re
import traceback
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, overload

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic_core import PydanticSerializationError, to_json

from ..digest.outputs import digest_outputs
from ..protocol.errors import AgentError
from ..protocol.messages import ImagePart, TextPart
from ..protocol.tools import Permission, PreviewBlock
from .base import Preview, ToolCallContext, ToolOutput, text_output
from .content import without_handles
from .displayed import displayed, is_rich

DEADLINE = 120.0  # seconds
LONGEST_RESULT = 24_000  # characters

_UNSEEN = "[an image; not shown, as this model cannot look at images]"

log = logging.getLogger("jupyter_agent")

_OURS = (str(Path(__file__).parents[1]), asyncio.__path__[0], "<frozen")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_SECTION = re.compile(r"^(Args|Arguments|Returns|Raises|Yields|Example|Examples|Note|Notes):\s*$")
_ARGUMENT = re.compile(r"^(\s+)\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FunctionTool:
    """A function as a `Tool`. Calling it calls the function.

    A plain function runs in a thread, so that Stop and the panel stay alive; an `async` one runs
    on the event loop.

    Args:
        function: typed, with a docstring.
        permission: what a call needs; decides whether a person is asked.
        name: what the model calls it, None for the function's own name.
        deadline: seconds a call may take, None for no bound.

    Raises:
        TypeError: the signature cannot be offered to a model; the sentence says what to change.
    """

    parallel = False

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        permission: Permission = "exec",
        name: str | None = None,
        deadline: float | None = DEADLINE,
    ) -> None:
        functools.update_wrapper(self, function)
        self.name: str = name or str(getattr(function, "__name__", ""))
        if not _NAME.fullmatch(self.name):
            raise TypeError(
                f"{self.name!r} cannot be the name of a tool: up to 64 letters, digits, _ and -. "
                "Pass name=…."
            )
        self.description, described = _read_docstring(inspect.getdoc(function) or "", self.name)
        self.deadline: float | None = deadline
        self.arguments, self._names = _arguments_model(function, self.name, described)
        self._function = function
        self._permission = permission

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self._function(*args, **kwargs)

    def permissions(self, arguments: Any) -> frozenset[Permission]:
        """Return what was declared."""
        return frozenset((self._permission,))

    def always_ask(self, arguments: Any) -> bool:
        """Modes, rules and grants decide."""
        return False

    async def preview(self, arguments: Any) -> Preview:
        """Show the call as Python."""
        given = ", ".join(f"{name}={value!r}" for name, value in self._values(arguments).items())
        call = PreviewBlock(kind="code", text=f"{self.name}({given})", language="python")
        return Preview(title=f"Call {self.name}", blocks=(call,))

    async def run(self, arguments: Any, context: ToolCallContext) -> ToolOutput:
        """Call the function; what it raises becomes an error result."""
        values = self._values(arguments)
        try:
            if inspect.iscoroutinefunction(self._function):
                made = await self._function(**values)
            else:
                made = await asyncio.to_thread(self._function, **values)
        except AgentError:
            raise
        except Exception as error:
            log.info("%s raised", self.name, exc_info=error)
            words = one_line_error(error)
            return text_output(f"{self.name} raised {words}", is_error=True, summary=words)
        # Drawing a figure takes up to seconds.
        return await asyncio.to_thread(_output, made, context.vision)

    def _values(self, arguments: BaseModel) -> dict[str, Any]:
        """Return the arguments by the function's own names; those not given keep its defaults."""
        return {
            name: getattr(arguments, field)
            for field, name in self._names.items()
            if field in arguments.model_fields_set
        }


def _arguments_model(
    function: Callable[..., Any], tool_name: str, described: Mapping[str, str]
) -> tuple[type[BaseModel], dict[str, str]]:
    """Return the model of a function's arguments, and its names by the model's fields.

    Fields have names of their own (`argument_0`, …): a parameter may be called `json` or `copy`,
    which pydantic's models use themselves.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    for at, parameter in enumerate(inspect.signature(function).parameters.values()):
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(
                f"The tool {tool_name} takes {parameter}, which a model cannot fill in: every "
                "parameter needs a name."
            )
        if parameter.name not in hints:
            raise TypeError(
                f"The tool {tool_name} needs a type for {parameter.name!r}: it becomes the schema "
                "that the model is given."
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        names[f"argument_{at}"] = parameter.name
        fields[f"argument_{at}"] = (
            hints[parameter.name],
            Field(default, alias=parameter.name, description=described.get(parameter.name)),
        )
    return create_model(tool_name, __base__=_Arguments, **fields), names


def _read_docstring(docstring: str, tool_name: str) -> tuple[str, dict[str, str]]:
    """Return what comes before the first section, and the arguments' descriptions."""
    lines = docstring.splitlines()
    starts = [at for at, line in enumerate(lines) if _SECTION.match(line)]
    description = "\n".join(lines[: starts[0]] if starts else lines).strip()
    if not description:
        raise TypeError(
            f"The tool {tool_name} needs a docstring: it tells the model what it is for."
        )
    described: dict[str, str] = {}
    for start in starts:
        if lines[start].startswith("Arg"):
            described = _read_arguments(lines[start + 1 :])
    return description, described


def _read_arguments(lines: list[str]) -> dict[str, str]:
    described: dict[str, str] = {}
    indent, latest = "", ""
    for line in lines:
        if line and not line[0].isspace():
            break
        found = _ARGUMENT.match(line)
        if found and (not indent or found[1] == indent):
            indent, latest = found[1], found[2]
            described[latest] = found[3]
        elif latest and line.strip():
            described[latest] += f" {line.strip()}"
    return described


def one_line_error(error: BaseException) -> str:
    """Return what was raised, and where in the person's own code."""
    words = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_OURS)]
    if not own:
        return words
    return f"{words} ({Path(own[-1].filename).name}, line {own[-1].lineno})"


def _output(made: Any, vision: bool) -> ToolOutput:
    if isinstance(made, ToolOutput):
        return made
    several = made if isinstance(made, (list, tuple)) else (made,)
    if not any(is_rich(item) or isinstance(item, (TextPart, ImagePart)) for item in several):
        return text_output(_cut(_text(made)))
    content: list[TextPart | ImagePart] = []
    summaries = []
    for item in several:
        if isinstance(item, ImagePart):
            content.append(item if vision else TextPart(text=_UNSEEN))
        elif isinstance(item, TextPart):
            content.append(item)
        elif not is_rich(item):
            content.append(TextPart(text=_cut(_text(item))))
        else:
            output = {"output_type": "display_data", "data": displayed(item), "metadata": {}}
            digest = digest_outputs([output], cell_id="", vision=vision)
            content += without_handles(digest.content)
            summaries.append(digest.summary)
    return ToolOutput(content=tuple(content), summary=", ".join(filter(None, summaries)))


def _cut(text: str) -> str:
    if len(text) <= LONGEST_RESULT:
        return text
    rest = len(text) - LONGEST_RESULT
    return f"{text[:LONGEST_RESULT]}\n… [{rest:,} more characters were cut]"


def _text(made: Any) -> str:
    if made is None:
        return "(nothing)"
    if isinstance(made, str):
        return made
    try:
        return to_json(made).decode("utf-8")
    except (PydanticSerializationError, UnicodeDecodeError):
        return str(made)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...


@overload
def tool(
    *,
    permission: Permission = "exec",
    name: str | None = None,
    deadline: float | None = DEADLINE,
) -> Callable[[Callable[..., Any]], FunctionTool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    permission: Permission = "exec",
    name: str | None = None,
    deadline: float | None = DEADLINE,
) -> Any:
    """Make a typed function with a docstring into a tool: `@tool`, or `@tool(permission="read")`.

    The function can still be called. A plain one runs in a thread, an `async` one on the event
    loop. The lines of a Google-style `Args:` section describe the arguments to the model.

    Args:
        function: the function, when used without parentheses.
        permission: `read` runs without asking; `write`, `exec` and `network` as the mode says.
        name: what the model calls it, None for the function's own name.
        deadline: seconds a call may take, None for no bound.

    Raises:
        TypeError: a type or the docstring is missing, or a parameter has no name.
    """

    def make(given: Callable[..., Any]) -> FunctionTool:
        return FunctionTool(given, permission=permission, name=name, deadline=deadline)

    return make if function is None else make(function)
