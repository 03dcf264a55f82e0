"""Session events → what a person sees: the transcript, as data.

A client that joins gets `TranscriptBuilder.snapshot()` and applies later events itself, by the
same rules (`labextension/src/protocol/transcript.ts`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from . import session_events as events
from .errors import ErrorInfo
from .exhaustive import assert_never
from .messages import Effort, Message, ToolResultPart
from .paths import moved
from .reduce import MessageBuilder
from .session_events import (
    ApprovalStart,
    Budget,
    Checkpoint,
    NoticeLevel,
    QuestionStart,
    QueuedPrompt,
    ReviewCell,
    RunStatus,
)
from .tools import CellRef, Mode, PreviewBlock

Content = (
    events.MessageTextDelta
    | events.MessageThinkingDelta
    | events.MessageThinkingEnd
    | events.MessageToolCallStart
    | events.MessageToolCallDelta
    | events.MessageToolCallEnd
)
ToolStatus = Literal["waiting", "approval", "running", "ok", "error", "denied", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolState:
    """One tool call as its card shows it; keyed by call id in `Transcript.tools`."""

    call_id: str
    tool_name: str
    status: ToolStatus
    title: str = ""
    summary: str = ""
    text: str = ""
    cells: tuple[CellRef, ...] = ()
    preview: tuple[PreviewBlock, ...] = ()
    result: ToolResultPart | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEntry:
    """A message in the transcript; `streaming` while it grows.

    `thinking_durations` holds the seconds of each thinking block that ended, 0 where unknown.
    """

    message: Message
    streaming: bool = False
    thinking_durations: tuple[float, ...] = ()
    type: Literal["message"] = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeEntry:
    """A sentence between messages.

    `values`: what the sentence of this `code` was made of, for clients that say it in another
    language.
    """

    level: NoticeLevel
    text: str
    code: str | None = None
    path: str | None = None
    values: dict[str, str | float] | None = None
    type: Literal["notice"] = "notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEntry:
    """How a run ended, when there is something to say about it."""

    run_id: str
    status: RunStatus
    error: ErrorInfo | None = None
    type: Literal["run"] = "run"


Entry = Annotated[MessageEntry | NoticeEntry | RunEntry, Field(discriminator="type")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Everything the panel shows of a session."""

    entries: tuple[Entry, ...] = ()
    tools: dict[str, ToolState] = field(default_factory=dict)
    approvals: tuple[ApprovalStart, ...] = ()
    questions: tuple[QuestionStart, ...] = ()
    queued: tuple[QueuedPrompt, ...] = ()
    review: tuple[ReviewCell, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    running: bool = False
    run_id: str | None = None
    run_started_at: datetime | None = None
    turn: int = 0
    budget: Budget | None = None
    title: str = ""
    model: str = ""
    mode: Mode = "ask"
    effort: Effort | None = None
    notebook_path: str | None = None


class TranscriptBuilder:
    """Applies session events one by one; deterministic, without I/O.

    Tool messages make no entry of their own: their results are shown on the tools' cards.
    """

    def __init__(self, start: Transcript | None = None) -> None:
        state = start or Transcript()
        self._entries: list[Entry] = list(state.entries)
        self._tools = dict(state.tools)
        self._state = state
        self._builder: MessageBuilder | None = None
        self._builder_at = -1
        self._builder_id = ""
        self._durations: tuple[float, ...] = ()
        self._reopen()

    def apply(self, event: events.SessionEvent) -> None:  # noqa: PLR0912 (one case an event)
        """Apply one event."""
        match event:
            case (
                events.MessageTextDelta()
                | events.MessageThinkingDelta()
                | events.MessageToolCallDelta()
                | events.MessageToolCallEnd()
            ):
                self._on_content(event)
            case events.RunStart():
                self._on_run_start(event)
            case events.RunEnd():
                self._on_run_end(event)
            case events.TurnStart():
                self._on_turn_start(event)
            case events.MessageStart():
                self._on_message_start(event)
            case events.MessageThinkingEnd():
                self._on_thinking_end(event)
            case events.MessageToolCallStart():
                self._on_tool_call_start(event)
            case events.MessageEnd():
                self._on_message_end(event)
            case events.ApprovalStart():
                self._on_approval_start(event)
            case events.ApprovalEnd():
                self._on_approval_end(event)
            case events.QuestionStart():
                self._on_question_start(event)
            case events.QuestionEnd():
                self._on_question_end(event)
            case events.ToolStart():
                self._on_tool_start(event)
            case events.ToolUpdate():
                self._on_tool_update(event)
            case events.ToolEnd():
                self._on_tool_end(event)
            case events.Notice():
                self._on_notice(event)
            case events.Retry():
                self._on_retry(event)
            case events.ContextCompacted():
                self._on_context_compacted(event)
            case events.Budget():
                self._on_budget(event)
            case events.QueueChange():
                self._on_queue_change(event)
            case events.ReviewChange():
                self._on_review_change(event)
            case events.CheckpointChange():
                self._on_checkpoint_change(event)
            case events.NotebookMove():
                self._on_notebook_move(event)
            case events.SessionChange():
                self._on_session_change(event)
            case events.TurnEnd() | events.NotebookChange():
                pass
            case _:
                assert_never(event)

    def snapshot(self) -> Transcript:
        """Return the transcript so far."""
        self._flush(streaming=True)
        return replace(self._state, entries=tuple(self._entries), tools=dict(self._tools))

    def _set(self, **changes: Any) -> None:
        self._state = replace(self._state, **changes)

    def _flush(self, *, streaming: bool) -> None:
        if self._builder is not None:
            self._entries[self._builder_at] = MessageEntry(
                message=self._builder.build(),
                streaming=streaming,
                thinking_durations=self._durations,
            )

    def _on_run_start(self, event: events.RunStart) -> None:
        self._set(
            running=True,
            run_id=event.run_id,
            run_started_at=event.started_at,
            model=event.model,
            mode=event.mode,
            turn=0,
        )

    def _on_run_end(self, event: events.RunEnd) -> None:
        self._close_message()
        for call_id, tool in self._tools.items():
            if tool.status in ("waiting", "approval", "running"):
                self._tools[call_id] = replace(tool, status="interrupted")
        self._set(running=False, approvals=(), questions=(), run_started_at=None)
        if event.status != "done":
            self._entries.append(
                RunEntry(run_id=event.run_id, status=event.status, error=event.error)
            )

    def _on_turn_start(self, event: events.TurnStart) -> None:
        self._set(turn=event.turn)

    def _on_message_start(self, event: events.MessageStart) -> None:
        self._close_message()
        message: Message = event.message
        if message.role == "tool":
            return
        self._entries.append(MessageEntry(message=message, streaming=message.role == "assistant"))
        if message.role == "assistant":
            self._open_message(message, len(self._entries) - 1)

    def _reopen(self) -> None:
        """Go on with the message that was growing when the snapshot was taken."""
        for at, entry in enumerate(self._entries):
            if isinstance(entry, MessageEntry) and entry.streaming:
                self._open_message(entry.message, at)
                self._durations = entry.thinking_durations

    def _open_message(self, message: Message, at: int) -> None:
        self._builder = MessageBuilder(
            message.role,
            id=message.id,
            created_at=message.created_at,
            parts=message.parts,
            metadata=message.metadata,
        )
        self._builder_at = at
        self._builder_id = message.id
        self._durations = ()

    def _on_content(self, event: Content) -> None:
        if self._builder is not None and event.message_id == self._builder_id:
            self._builder.append(event)

    def _on_thinking_end(self, event: events.MessageThinkingEnd) -> None:
        if self._builder is not None and event.message_id == self._builder_id:
            self._builder.append(event)
            self._durations = (*self._durations, event.duration or 0)

    def _on_tool_call_start(self, event: events.MessageToolCallStart) -> None:
        self._on_content(event)
        self._tools[event.id] = ToolState(
            call_id=event.id, tool_name=event.name, status="waiting", title=event.name
        )

    def _on_message_end(self, event: events.MessageEnd) -> None:
        if self._builder is not None and event.message_id == self._builder_id:
            self._builder.append(event)
            self._close_message()

    def _close_message(self) -> None:
        self._flush(streaming=False)
        self._builder = None

    def _tool(
        self, event: events.ApprovalStart | events.ToolStart | events.ToolUpdate | events.ToolEnd
    ) -> ToolState:
        known = self._tools.get(event.call_id)
        name = getattr(event, "tool_name", "")
        return known or ToolState(call_id=event.call_id, tool_name=name, status="waiting")

    def _on_approval_start(self, event: events.ApprovalStart) -> None:
        self._tools[event.call_id] = replace(
            self._tool(event), status="approval", title=event.title, preview=event.preview
        )
        self._set(approvals=(*self._state.approvals, event))

    def _on_approval_end(self, event: events.ApprovalEnd) -> None:
        if event.call_id in self._tools:
            status: ToolStatus = "waiting" if event.decision == "allow" else "denied"
            self._tools[event.call_id] = replace(self._tools[event.call_id], status=status)
        rest = tuple(a for a in self._state.approvals if a.approval_id != event.approval_id)
        self._set(approvals=rest)

    def _on_question_start(self, event: events.QuestionStart) -> None:
        self._set(questions=(*self._state.questions, event))

    def _on_question_end(self, event: events.QuestionEnd) -> None:
        rest = tuple(q for q in self._state.questions if q.question_id != event.question_id)
        self._set(questions=rest)

    def _on_tool_start(self, event: events.ToolStart) -> None:
        self._tools[event.call_id] = replace(
            self._tool(event), status="running", title=event.title, text=""
        )

    def _on_tool_update(self, event: events.ToolUpdate) -> None:
        tool = self._tool(event)
        self._tools[event.call_id] = replace(tool, text=event.text, cells=event.cells or tool.cells)

    def _on_tool_end(self, event: events.ToolEnd) -> None:
        status: ToolStatus = "ok"
        if event.stopped:
            status = "interrupted"
        elif event.result.rejected:
            status = "denied"
        elif event.result.is_error:
            status = "error"
        tool = self._tool(event)
        self._tools[event.call_id] = replace(
            tool,
            status=status,
            title=event.title,
            summary=event.summary,
            text="",
            # A call that was stopped names no cells; the card keeps those that it reported.
            cells=event.cells or (tool.cells if event.stopped else ()),
            preview=event.preview or tool.preview,
            result=event.result,
            duration=event.duration,
        )

    def _on_notice(self, event: events.Notice) -> None:
        self._entries.append(
            NoticeEntry(level=event.level, text=event.text, code=event.code, path=event.path)
        )

    def _on_retry(self, event: events.Retry) -> None:
        text = f"{event.error.message} Trying again in {max(1.0, event.delay):.0f} s."
        values: dict[str, str | float] = {
            "message": event.error.message,
            "delay": event.delay,
            "attempt": event.attempt,
        }
        entry = NoticeEntry(level="warning", text=text, code="retry", values=values)
        last = self._entries[-1] if self._entries else None
        if isinstance(last, NoticeEntry) and last.code == "retry":
            self._entries[-1] = entry  # one line for all attempts of a request
        else:
            self._entries.append(entry)

    def _on_context_compacted(self, event: events.ContextCompacted) -> None:
        text = f"Older turns were summarised for the model: {event.before} → {event.after} tokens."
        values: dict[str, str | float] = {"before": event.before, "after": event.after}
        self._entries.append(
            NoticeEntry(level="info", text=text, code="context_compacted", values=values)
        )

    def _on_budget(self, event: events.Budget) -> None:
        self._set(budget=event)

    def _on_queue_change(self, event: events.QueueChange) -> None:
        self._set(queued=event.queued)

    def _on_review_change(self, event: events.ReviewChange) -> None:
        # What is settled needs no review any more.
        review = {(cell.path, cell.cell_id): cell for cell in self._state.review}
        for cell in event.cells:
            if cell.state in ("open", "conflict"):
                review[cell.path, cell.cell_id] = cell
            else:
                review.pop((cell.path, cell.cell_id), None)
        self._set(review=tuple(review.values()))

    def _on_checkpoint_change(self, event: events.CheckpointChange) -> None:
        self._set(checkpoints=event.checkpoints)

    def _on_notebook_move(self, event: events.NotebookMove) -> None:
        def followed(known: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(replace(one, path=moved(one.path, event.path, event.to)) for one in known)

        for call_id, tool in self._tools.items():
            self._tools[call_id] = replace(tool, cells=followed(tool.cells))
        self._set(
            review=followed(self._state.review),
            checkpoints=followed(self._state.checkpoints),
            notebook_path=moved(self._state.notebook_path, event.path, event.to),
        )

    def _on_session_change(self, event: events.SessionChange) -> None:
        changes = {
            name: value
            for name in ("title", "model", "mode", "effort", "notebook_path")
            if (value := getattr(event, name)) is not None
        }
        self._set(**changes)
