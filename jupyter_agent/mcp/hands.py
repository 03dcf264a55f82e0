"""Tool calls of another agent, carried out in a session of ours.

The other agent stands where a model stands: its calls are the "answers" of a provider, so that the
loop takes each through the one gate, with preview, approval, intent, journal, checkpoint, review and
redaction. No call reaches a notebook, a kernel or a file by another way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..protocol.errors import AgentError, NotAllowed, error_from_info
from ..protocol.messages import new_id
from ..providers.replay import Call, Say, ScriptedProvider, Step

if TYPE_CHECKING:
    from ..protocol.models import Request, ToolDefinition
    from ..protocol.session_events import SessionEvent, ToolEnd
    from ..runtime.sessions import Sessions
    from ..session.session import Session
    from ..tools.base import Tool

# Told of a call that goes on: its words so far.
Progress = Callable[[str], None]


@dataclass(slots=True)
class _Call:
    """A call that was made and has no result yet."""

    id: str
    name: str
    arguments: dict[str, Any]
    on_progress: Progress
    result: asyncio.Future[ToolEnd] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Calls:
    """The calls of one client, in the order they were made; `script` hands them to the loop."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[_Call] = asyncio.Queue()
        self._open: dict[str, _Call] = {}

    def provider(self, client: str) -> ScriptedProvider:
        """Return the provider whose answers these calls are."""
        return ScriptedProvider(self._script, name="mcp", model=client)

    def make(self, call: _Call) -> None:
        """Have a call carried out."""
        self._open[call.id] = call
        self._waiting.put_nowait(call)

    def hear(self, event: SessionEvent) -> None:
        """Take in what the session tells of its calls."""
        if event.type == "tool_update" and (call := self._open.get(event.call_id)):
            call.on_progress(event.text)
        elif event.type == "tool_start" and (call := self._open.get(event.call_id)):
            call.on_progress(event.title)
        elif event.type == "tool_end" and (call := self._open.pop(event.call_id, None)):
            if not call.result.done():
                call.result.set_result(event)
        elif event.type == "run_end":
            ended = NotAllowed("The work was stopped before this call had a result.")
            self.give_up(ended if event.error is None else error_from_info(event.error))

    def give_up(self, error: AgentError) -> None:
        """End all calls that have no result."""
        for call in self._open.values():
            if not call.result.done():
                call.result.set_exception(error)
        self._open.clear()
        self._waiting = asyncio.Queue()

    async def _script(self, _: Request) -> AsyncIterator[Step]:
        calls = [await self._waiting.get()]
        while not self._waiting.empty():
            calls.append(self._waiting.get_nowait())
        for call in calls:
            yield Call(call.name, call.arguments, id=call.id)
        if not calls:  # pragma: no cover (the queue gives at least one)
            yield Say("")


class Hands:
    """One client's tools.

    Args:
        sessions: where its session is made; its model must be a provider of `calls`.
        calls: what it asks for.
        owner: whose session it is.
        client: the client's name, for people.
        model: the name of the model that `calls` stands for.
    """

    def __init__(
        self, sessions: Sessions, calls: Calls, *, owner: str, client: str, model: str
    ) -> None:
        self._sessions = sessions
        self._calls = calls
        self._owner = owner
        self._client = client
        self._model = model
        self._session: Session | None = None
        self._beginning = asyncio.Lock()
        # The work being stopped, because a call was cancelled: the next call begins after it.
        self._stopping: asyncio.Task[None] | None = None

    async def tools(self) -> Sequence[Tool[Any]]:
        """Return the tools there are; a question to the person is the client's own to ask."""
        session = await self._open()
        return [tool for tool in session.tools.values() if tool.name not in _NOT_OFFERED]

    async def call(self, name: str, arguments: dict[str, Any], on_progress: Progress) -> ToolEnd:
        """Carry out a call and return how it ended; cancelled, its tool is stopped.

        Raises:
            AgentError: the work ended before the call did.
        """
        session = await self._open()
        call = _Call(new_id("call"), name, arguments, on_progress)
        async with self._beginning:
            if self._stopping is not None:
                await self._stopping
                self._stopping = None
            if not session.running:
                await session.prompt(f"{self._client} works here through MCP.")
            self._calls.make(call)
        try:
            return await call.result
        except asyncio.CancelledError:
            if self._stopping is None:
                self._stopping = asyncio.get_running_loop().create_task(session.stop())
            raise

    async def stop(self) -> None:
        """End the work."""
        if self._stopping is not None:
            await self._stopping
        if self._session is not None:
            await self._session.stop()
        self._calls.give_up(NotAllowed("The client has left."))

    async def _open(self) -> Session:
        async with self._beginning:
            if self._session is None:
                made = await self._sessions.create(
                    owner=self._owner, model=self._model, title=self._client
                )
                session = await self._sessions.get(made.id, owner=self._owner)
                session.journal.attach(
                    lambda seq, event, data: self._calls.hear(event), session.journal.seq
                )
                self._session = session
            return self._session


_NOT_OFFERED = frozenset({"ask_user", "update_plan"})


def hints_of(tool: Tool[Any], definition: ToolDefinition) -> dict[str, Any]:
    """Return what a client may show or decide by: hints that are true of every call."""
    reads = tool.name in _READING
    return {
        "title": definition.name.replace("_", " ").capitalize(),
        "readOnlyHint": reads,
        "destructiveHint": not reads and tool.name not in _ADDING,
        "idempotentHint": reads,
        "openWorldHint": False,
    }


_READING = frozenset(
    "notebook_overview read_cells run_status inspect_variables list_files read_file search_files".split()
)
_ADDING = frozenset({"create_notebook"})
