"""A transcript made from messages alone: for forks, where there are no events to replay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ..protocol.transcript import MessageEntry, ToolState, ToolStatus, Transcript

if TYPE_CHECKING:
    from ..protocol.messages import Effort, Message
    from ..protocol.tools import Mode


class Choices(Protocol):
    """The session's own settings that a transcript shows."""

    model: str
    mode: Mode
    effort: Effort | None
    title: str
    notebook_path: str | None


def transcript_of(history: Sequence[Message], choices: Choices) -> Transcript:
    """Return what a person would see of these messages."""
    tools: dict[str, ToolState] = {}
    for message in history:
        for result in message.tool_results:
            status: ToolStatus = "ok"
            if result.rejected:
                status = "denied"
            elif result.is_error:
                status = "error"
            tools[result.tool_call_id] = ToolState(
                call_id=result.tool_call_id,
                tool_name=result.tool_name,
                status=status,
                title=result.tool_name,
                result=result,
            )
    return Transcript(
        entries=tuple(
            MessageEntry(message=message)
            for message in history
            if message.role in ("user", "assistant")
        ),
        tools=tools,
        title=choices.title,
        model=choices.model,
        mode=choices.mode,
        effort=choices.effort,
        notebook_path=choices.notebook_path,
    )
