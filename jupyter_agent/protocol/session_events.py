"""What a session tells its watchers: the loop's own events, journaled and sent to every client.

The loop consumes provider events and emits these; nobody downstream sees a raw provider event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from .errors import ErrorInfo
from .messages import (
    Effort,
    ImagePart,
    Mention,
    Message,
    MessageMeta,
    ProviderMetadata,
    ToolResultPart,
)
from .rpc import CellType
from .tools import CellRef, GrantScope, Mode, Permission, PreviewBlock
from .usage import Usage

RunStatus = Literal["done", "stopped", "failed", "interrupted", "limit"]
NoticeLevel = Literal["info", "warning", "error"]
ReviewKind = Literal["edited", "inserted", "deleted", "moved", "outputs"]
ReviewState = Literal["open", "kept", "undone", "conflict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStart:
    """The agent begins to work on a prompt."""

    run_id: str
    model: str
    mode: Mode
    started_at: datetime
    type: Literal["run_start"] = "run_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """The agent has stopped working. `limit`: a limit of turns, tokens, cost or time."""

    run_id: str
    status: RunStatus
    error: ErrorInfo | None = None
    type: Literal["run_end"] = "run_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStart:
    """One question to the model begins; `turn` counts from 1 within the run."""

    turn: int
    type: Literal["turn_start"] = "turn_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnd:
    """The model has answered and its tools have run."""

    turn: int
    type: Literal["turn_end"] = "turn_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStart:
    """A message begins. A person's message or a tool message is already whole here."""

    message: Message
    type: Literal["message_start"] = "message_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTextDelta:
    """More text of a message."""

    message_id: str
    text: str
    provider_metadata: ProviderMetadata | None = None
    type: Literal["text_delta"] = "text_delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageThinkingDelta:
    """More thinking of a message."""

    message_id: str
    text: str
    type: Literal["thinking_delta"] = "thinking_delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageThinkingEnd:
    """The end of one thinking block of a message."""

    message_id: str
    signature: str | None = None
    redacted_data: str | None = None
    provider_metadata: ProviderMetadata | None = None
    duration: float | None = None
    type: Literal["thinking_end"] = "thinking_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageToolCallStart:
    """A tool call of a message begins."""

    message_id: str
    id: str
    index: int
    name: str
    type: Literal["tool_call_start"] = "tool_call_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageToolCallDelta:
    """More of a tool call's arguments."""

    message_id: str
    id: str
    index: int
    json: str
    type: Literal["tool_call_delta"] = "tool_call_delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageToolCallEnd:
    """A tool call of a message is whole."""

    message_id: str
    id: str
    index: int
    name: str
    arguments_raw: str
    arguments: dict[str, JsonValue] | None = None
    parse_error: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: Literal["tool_call_end"] = "tool_call_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEnd:
    """A message is complete, with how it came about."""

    message_id: str
    metadata: MessageMeta
    type: Literal["message_end"] = "message_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalStart:
    """A tool call waits for a person.

    `fingerprint` is the hash of everything the answer is bound to; an answer must repeat it.
    """

    approval_id: str
    call_id: str
    tool_name: str
    title: str
    permissions: tuple[Permission, ...]
    arguments: dict[str, JsonValue]
    preview: tuple[PreviewBlock, ...]
    fingerprint: str
    scopes: tuple[GrantScope, ...]
    expires_at: datetime | None = None
    type: Literal["approval_start"] = "approval_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalEnd:
    """A person, a grant's arrival, a deadline or Stop has settled an approval."""

    approval_id: str
    call_id: str
    decision: Literal["allow", "deny", "expired", "cancelled"]
    scope: GrantScope = "once"
    reason: str | None = None
    type: Literal["approval_end"] = "approval_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionStart:
    """The model asks the person something and waits."""

    question_id: str
    call_id: str
    question: str
    options: tuple[str, ...] = ()
    type: Literal["question_start"] = "question_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionEnd:
    """The question was answered, or will not be (`answer` is None)."""

    question_id: str
    call_id: str
    answer: str | None = None
    type: Literal["question_end"] = "question_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStart:
    """A permitted tool call runs. `title` says in words what it does."""

    call_id: str
    tool_name: str
    title: str
    type: Literal["tool_start"] = "tool_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUpdate:
    """Progress of a running tool, for people: the latest `text` replaces the one before."""

    call_id: str
    text: str
    cells: tuple[CellRef, ...] = ()
    type: Literal["tool_update"] = "tool_update"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEnd:
    """A tool call has its result. `summary` and `cells` are for people, `result` for the model.

    `duration` in seconds, None when it never ran (refused, unknown tool, bad arguments). `stopped`:
    the call was cut short by Stop.
    """

    call_id: str
    tool_name: str
    result: ToolResultPart
    title: str
    summary: str = ""
    cells: tuple[CellRef, ...] = ()
    preview: tuple[PreviewBlock, ...] = ()
    duration: float | None = None
    stopped: bool = False
    type: Literal["tool_end"] = "tool_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookChange:
    """The agent changed a notebook; `revision` is the document's after it."""

    path: str
    revision: int
    cells: tuple[CellRef, ...]
    call_id: str | None = None
    type: Literal["notebook_change"] = "notebook_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCell:
    """A cell the agent changed, to be kept or undone.

    `before` is the source before the first change, `after` as the agent left it. `number` is the
    execution count, or the place (from 1) with `executed` False. With `conflict` the person has
    changed the cell since, and `current` is its source now (None: they deleted it).
    """

    path: str
    cell_id: str
    kind: ReviewKind
    cell_type: CellType
    before: str
    after: str
    added: int
    removed: int
    number: int | None = None
    executed: bool = False
    state: ReviewState = "open"
    current: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewChange:
    """These cells' review changed; those not named stay as they are."""

    cells: tuple[ReviewCell, ...]
    type: Literal["review_change"] = "review_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A notebook can be put back to before a prompt, the message `message_id`."""

    id: str
    run_id: str
    path: str
    created_at: datetime
    message_id: str | None = None
    prompt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointChange:
    """The checkpoints that are kept now, whole, the oldest first."""

    checkpoints: tuple[Checkpoint, ...]
    type: Literal["checkpoint_change"] = "checkpoint_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextCompacted:
    """Older turns were summarised for the model; the shown history stays whole. In tokens."""

    before: int
    after: int
    type: Literal["context_compacted"] = "context_compacted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The provider did not answer and is asked again after `delay` seconds."""

    attempt: int
    delay: float
    error: ErrorInfo
    type: Literal["retry"] = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence for the person: a limit, a fallback, a cut answer. `path`: of which notebook."""

    level: NoticeLevel
    text: str
    code: str | None = None
    path: str | None = None
    type: Literal["notice"] = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What turn and session have used: tokens, US dollars (None: price unknown), window share.

    `max_cost`: the dollars at which a run ends; None: no bound.
    """

    usage: Usage
    session_usage: Usage
    cost: float | None = None
    session_cost: float | None = None
    max_cost: float | None = None
    context_tokens: int | None = None
    context_window: int | None = None
    type: Literal["budget"] = "budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedPrompt:
    """A prompt that waits: `steer` enters the current run at its next step, `queue` after it.

    `held`: the run ended otherwise (Stop, an error) before it was delivered; it is not sent until
    the person sends it again. It is told whole, so that it can be taken back and written on.
    """

    id: str
    text: str
    delivery: Literal["steer", "queue", "held"]
    mentions: tuple[Mention, ...] = ()
    images: tuple[ImagePart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChange:
    """The prompts that wait now, whole."""

    queued: tuple[QueuedPrompt, ...]
    type: Literal["queue_change"] = "queue_change"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookMove:
    """A notebook, or the folder it is in, has the path `to` now; nothing in it changed."""

    path: str
    to: str
    type: Literal["notebook_move"] = "notebook_move"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """The session's own settings changed; None means unchanged."""

    title: str | None = None
    model: str | None = None
    mode: Mode | None = None
    effort: Effort | None = None
    notebook_path: str | None = None
    type: Literal["session_change"] = "session_change"


SessionEvent = Annotated[
    RunStart
    | RunEnd
    | TurnStart
    | TurnEnd
    | MessageStart
    | MessageTextDelta
    | MessageThinkingDelta
    | MessageThinkingEnd
    | MessageToolCallStart
    | MessageToolCallDelta
    | MessageToolCallEnd
    | MessageEnd
    | ApprovalStart
    | ApprovalEnd
    | QuestionStart
    | QuestionEnd
    | ToolStart
    | ToolUpdate
    | ToolEnd
    | NotebookChange
    | NotebookMove
    | ReviewChange
    | CheckpointChange
    | ContextCompacted
    | Retry
    | Notice
    | Budget
    | QueueChange
    | SessionChange,
    Field(discriminator="type"),
]
