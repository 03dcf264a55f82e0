"""What a prompt mentions, read for the model: cells, outputs, variables, files, what was selected.

The person asked for it, so nobody is asked again; what a rule forbids the agent stays forbidden.
Each mention is read by the tool the model would use, in that tool's bounds. `context/mentions.py`
says how the model is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..access.redactor import Redactor
from ..notebook.cells import same
from ..policy.rules import CallFacts, Rule, decide
from ..protocol.errors import AgentError, UnknownCell
from ..protocol.messages import (
    ImagePart,
    Mention,
    MentionPart,
    Message,
    Part,
    ResultContent,
    TextPart,
)
from ..protocol.text import printable
from ..tools.base import Tool, ToolCallContext, ToolOutput, printable_output
from ..tools.inspect_variables import InspectVariables
from ..tools.notebook_overview import NotebookOverview
from ..tools.read_cells import ReadCells
from ..tools.read_file import ReadFile

if TYPE_CHECKING:
    from ..protocol.rpc import CellState, NotebookState
    from ..tools.workspace import Workspace

MOST = 20  # mentions of one prompt
ROOM = 60_000  # characters after which no further mention is read
IMAGES = 4  # as many as one question carries
LONGEST_SELECTION = 20_000  # characters
LONGEST_NAME = 200  # characters of a label or a problem
PATIENCE = 6.0  # seconds for one mention
ALL_PATIENCE = 15.0  # seconds for all of a prompt


class Unreadable(AgentError):
    """The mention leads nowhere; the message says why."""

    code = "UNREADABLE"


@dataclass(slots=True)
class _Room:
    """What the mentions of one prompt may still take."""

    characters: int
    images: int
    end: float


def waiting(mentions: Sequence[Mention]) -> tuple[MentionPart, ...]:
    """Return the parts of a prompt for what it mentions, each once, not read yet."""
    cut = [replace(mention, label=mention.label[:LONGEST_NAME]) for mention in mentions]
    return tuple(MentionPart(mention=mention) for mention in dict.fromkeys(cut))


class MentionReader:
    """Reads the mentions of a session's prompts.

    Args:
        workspace: where they lead.
        rules: what the agent may not use, it may not be handed this way either.
        redact: takes keys out of what is read.
    """

    def __init__(
        self,
        workspace: Workspace,
        rules: Sequence[Rule] = (),
        redact: Redactor | None = None,
    ) -> None:
        self._workspace = workspace
        self._rules = rules
        self._redact = redact or Redactor(dict)
        tools: tuple[Tool[Any], ...] = (
            ReadCells(workspace),
            InspectVariables(workspace),
            ReadFile(workspace),
            NotebookOverview(workspace),
        )
        self._tools = {tool.name: tool for tool in tools}

    async def read(self, message: Message) -> Message:
        """Return the message with the mentions that wait read, one after another."""
        await self._redact.refresh()
        now = asyncio.get_running_loop().time()
        room = _Room(ROOM, IMAGES, now + ALL_PATIENCE)
        parts: list[Part] = []
        count = 0
        for part in message.parts:
            if isinstance(part, MentionPart) and part.status == "waiting":
                count += 1
                part = await self._read(part.mention, room, count)
            parts.append(part)
        return replace(message, parts=tuple(parts)) if count else message

    async def _read(self, mention: Mention, room: _Room, number: int) -> MentionPart:
        # A selection is kept, within its bound: the prompt may be said again.
        mention = replace(mention, text=mention.text and self._redact(mention.text))
        told = replace(mention, text=mention.text and printable(mention.text[:LONGEST_SELECTION]))
        try:
            content = await self._within(mention, room, number)
        except UnknownCell:
            return _failed(told, "the cell is no longer in the notebook")
        except AgentError as error:
            return _failed(told, error.user_message)
        except asyncio.TimeoutError:
            return _failed(told, "it could not be read in time")
        except Exception as error:  # a defect of ours: the prompt is worth more than the mention
            logging.getLogger("jupyter_agent").exception("a mention could not be read")
            return _failed(told, f"it could not be read ({type(error).__name__})")
        content = _within_room(self._redact.content(content), room)
        return MentionPart(mention=told, status="ok", content=content)

    async def _within(
        self, mention: Mention, room: _Room, number: int
    ) -> tuple[ResultContent, ...]:
        left = room.end - asyncio.get_running_loop().time()
        if number > MOST:
            raise Unreadable(f"a prompt can mention {MOST} things")
        if room.characters <= 0:
            raise Unreadable("the mentions before it are as much as one prompt can carry")
        if left <= 0:
            raise asyncio.TimeoutError
        return await asyncio.wait_for(self._content(mention), min(PATIENCE, left))

    async def _content(self, mention: Mention) -> tuple[ResultContent, ...]:
        match mention.kind:
            case "selection":
                return await self._selection(mention)
            case "variable":
                return await self._variable(mention)
            case "file":
                return await self._file(mention)
            case "cell":
                return await self._cell(mention.path, mention.cell_id or "")
            case "output":
                return await self._output(mention.path, mention.cell_id or "")
            case "error":
                state = await self._state(mention.path)
                failed = last_failed(state)
                if failed is None:
                    raise Unreadable("no cell of the notebook shows an error")
                return await self._cell(mention.path, failed.id, outputs="full")

    async def _selection(self, mention: Mention) -> tuple[ResultContent, ...]:
        text = printable(mention.text or "")
        if not text:
            raise Unreadable("nothing was selected")
        if len(text) > LONGEST_SELECTION:
            left = len(text) - LONGEST_SELECTION
            text = f"{text[:LONGEST_SELECTION]}\n… {left:,} characters cut; read the cell"
        where = f"selected in cell id={mention.cell_id}" if mention.cell_id else "selected"
        return (TextPart(text=f"{where}:\n{text}"),)

    async def _variable(self, mention: Mention) -> tuple[ResultContent, ...]:
        name = mention.name or ""
        if not name or len(name) > LONGEST_NAME:
            raise Unreadable("no variable was named")
        found = await self._call(
            "inspect_variables", {"names": [name], "detail": True, **_at(mention.path)}
        )
        if _text(found.content) == f"{name}: not defined":
            raise Unreadable("the kernel has no variable of that name")
        return found.content

    async def _file(self, mention: Mention) -> tuple[ResultContent, ...]:
        path = mention.path or ""
        if path.lower().endswith(".ipynb"):
            return (await self._call("notebook_overview", {"notebook": path})).content
        return (await self._call("read_file", {"path": path})).content

    async def _cell(
        self, path: str | None, cell_id: str, *, outputs: str = "brief"
    ) -> tuple[ResultContent, ...]:
        asked = {"ids": [cell_id], "outputs": outputs, **_at(path)}
        return (await self._call("read_cells", asked)).content

    async def _output(self, path: str | None, cell_id: str) -> tuple[ResultContent, ...]:
        state = await self._state(path)
        cell = next((cell for cell in state.cells if cell.id == cell_id), None)
        if cell is None:
            raise UnknownCell(cell_id)
        if not cell.output_kinds:
            raise Unreadable("the cell has no output")
        asked = {"ids": [cell_id], "source": False, "outputs": "full", **_at(path)}
        found = await self._call("read_cells", asked)
        known = self._workspace.memory.known(state.path, cell_id)
        if known is not None and not same(known, cell):
            note = TextPart(text="\n(the cell's source changed since you read it)")
            return (*found.content, note)
        return found.content

    async def _state(self, path: str | None) -> NotebookState:
        document = await self._workspace.document(self._workspace.notebook_path(path))
        return await document.read()

    async def _call(self, name: str, arguments: dict[str, Any]) -> ToolOutput:
        """Read by a tool.

        Raises:
            Unreadable: a rule forbids it, or the tool could not.
        """
        tool = self._tools[name]
        given = tool.arguments.model_validate(arguments)
        facts = CallFacts(tool_name=name, permissions=tool.permissions(given))
        verdict = decide(facts, mode="plan", rules=self._rules)
        if verdict.effect == "deny":
            raise Unreadable(verdict.reason)
        context = ToolCallContext(call_id="mention", run_id="", update=lambda text, cells: None)
        found = printable_output(await tool.run(given, context))
        if found.is_error:
            raise Unreadable(_text(found.content))
        return found


def last_failed(state: NotebookState) -> CellState | None:
    """Return the cell that failed last: the highest count among those that show an error."""
    failed = [cell for cell in state.cells if "error" in cell.output_kinds]
    return max(failed, key=lambda cell: cell.execution_count or 0, default=None)


def _within_room(content: Sequence[ResultContent], room: _Room) -> tuple[ResultContent, ...]:
    kept: list[ResultContent] = []
    for part in content:
        if isinstance(part, ImagePart):
            room.images -= 1
            if room.images < 0:
                part = TextPart(text="\n[an image left out: there are too many in this prompt]")
        if isinstance(part, TextPart):
            room.characters -= len(part.text)
        kept.append(part)
    return tuple(kept)


def _at(path: str | None) -> dict[str, str]:
    return {"notebook": path} if path else {}


def _text(content: Sequence[ResultContent]) -> str:
    return "".join(part.text for part in content if isinstance(part, TextPart))


def _failed(mention: Mention, problem: str) -> MentionPart:
    words = " ".join(printable(problem).split())[:LONGEST_NAME].rstrip(".")
    return MentionPart(mention=mention, status="failed", problem=words)
