"""What a session is made of, and how its deeds are noted in the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..access.redactor import Redactor
from ..protocol.codec import to_json
from ..protocol.messages import Effort, Message, ToolCallPart, ToolResultPart
from ..protocol.tools import CellAction, CellRef, Mode

if TYPE_CHECKING:
    from ..access.model_access import ModelAccess
    from ..agent.limits import Limits
    from ..policy.broker import Answer
    from ..policy.grants import Grant
    from ..policy.rules import Rule
    from ..protocol.rpc import ApplyResult, Change
    from ..protocol.session_events import ApprovalStart, RunStatus
    from ..protocol.transcript import Transcript
    from ..store.sessions import SessionStore
    from ..tools.base import Tool
    from .journal import Journal

_ACTIONS: dict[str, CellAction] = {
    "insert": "inserted",
    "set_source": "edited",
    "set_type": "edited",
    "clear_outputs": "edited",
    "delete": "deleted",
    "move": "moved",
}


@dataclass(slots=True)
class Settled:
    """The session's own choices, changed by `configure`."""

    model: str
    mode: Mode
    effort: Effort | None = None
    title: str = ""
    notebook_path: str | None = None

    def take(self, row: Any) -> None:
        """Take over what another process has chosen and kept in the store."""
        self.title, self.model, self.effort = row.title, row.model, row.effort
        if self.mode != "auto":  # which is this process's own
            self.mode = row.mode


@dataclass(kw_only=True)
class SessionParts:
    """What a session is made of; put together in `manager.py`."""

    session_id: str
    holder: str
    store: SessionStore
    journal: Journal
    history: list[Message]
    settled: Settled
    access: ModelAccess
    limits: Limits
    allowed_modes: tuple[Mode, ...]
    rules: Sequence[Rule] = ()
    instructions: str = ""
    attended: Callable[[], bool] = lambda: True
    ask: Callable[[ApprovalStart], Awaitable[Answer]] | None = None
    extra_tools: Sequence[Tool[Any]] = ()
    tool_deadlines: Mapping[str, float] = field(default_factory=dict)
    stop_deadline: float = 1.0
    approval_deadline: float | None = None
    grants: list[Grant] = field(default_factory=list)
    redactor: Redactor = field(default_factory=lambda: Redactor(dict))

    @property
    def stop_patience(self) -> float:
        """Seconds that Stop waits for a run to end by itself: most of the time it has."""
        return 0.8 * self.stop_deadline


class Intents:
    """The store's ledger of calls, for one run (the executor's `IntentLog` port)."""

    def __init__(self, store: SessionStore, session_id: str, run_id: str) -> None:
        self._store = store
        self._session_id = session_id
        self._run_id = run_id

    async def begin(self, call: ToolCallPart) -> None:
        arguments = call.arguments_raw.encode("utf-8", "replace")
        await self._store.put_intent(self._session_id, self._run_id, call.id, call.name, arguments)

    async def end(self, result: ToolResultPart) -> None:
        status = "error" if result.is_error else "ok"
        data = to_json(ToolResultPart, result)
        await self._store.finish_intent(
            self._session_id, self._run_id, result.tool_call_id, data, status
        )


def changed_cells(path: str, result: ApplyResult, changes: Sequence[Change]) -> tuple[CellRef, ...]:
    """Return the cells that a batch of changes touched, by their place afterwards (from 1)."""
    places = {cell_id: place for place, cell_id in enumerate(result.order, start=1)}
    return tuple(
        CellRef(
            cell_id=change.id, action=_ACTIONS[change.type], number=places.get(change.id), path=path
        )
        for change in changes
    )


TITLE_LENGTH = 60


def last_end(shown: Transcript) -> RunStatus | None:
    """Return how the last run ended, when it did not simply end and nothing was said since."""
    last = shown.entries[-1] if shown.entries else None
    return last.status if last is not None and last.type == "run" else None


def last_prompt(history: Sequence[Message]) -> Message | None:
    """Return what a person said last."""
    return next((said for said in reversed(history) if said.role == "user"), None)


def title_of(message: Message) -> str:
    """Return what a session is called after its first prompt."""
    line = " ".join(message.text.split())
    title = line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"
    return title or "Image"
