"""What a crash left behind, put in order: runs marked interrupted, every call given a result.

A call whose intent is on disk without a result may or may not have had its effect. It is told to
the model as such and never run again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..agent.execute import interrupted_result
from ..protocol.codec import from_json, to_json
from ..protocol.messages import Message, TextPart, ToolCallPart, ToolResultPart
from ..protocol.session_events import RunEnd
from .journal import Journal, unreadable

if TYPE_CHECKING:
    from ..store.sessions import SessionStore


async def load_history(store: SessionStore, session_id: str) -> list[Message]:
    """Read the messages of a session.

    Raises:
        SessionUnreadable: what is stored cannot be understood.
    """
    with unreadable():
        return [from_json(Message, data) for data in await store.messages(session_id)]


async def recover(
    store: SessionStore, session_id: str, journal: Journal, history: list[Message]
) -> bool:
    """Close what a crash cut off; returns whether there was anything.

    Call it holding the session's lease, with nothing running.
    """
    runs = [run_id for _, run_id in await store.open_runs(session_id)]
    if not runs and not journal.transcript.running:
        return False
    await _answer_calls(store, session_id, runs, history)
    for run_id in runs or [journal.transcript.run_id or ""]:
        journal.emit(RunEnd(run_id=run_id, status="interrupted"))
        if runs:
            await store.end_run(session_id, run_id, "interrupted")
    await journal.checkpoint()
    return True


async def _answer_calls(
    store: SessionStore, session_id: str, runs: list[str], history: list[Message]
) -> None:
    """Give each call of the last answer its result: the stored one, or why there is none."""
    if not history or not history[-1].tool_calls:
        return
    parts = tuple(
        [await _result_of(store, session_id, runs, call) for call in history[-1].tool_calls]
    )
    message = Message(role="tool", parts=parts)
    history.append(message)
    await store.put_message(session_id, len(history) - 1, message.id, to_json(Message, message))


async def _result_of(
    store: SessionStore, session_id: str, runs: list[str], call: ToolCallPart
) -> ToolResultPart:
    for run_id in reversed(runs):
        intent = await store.intent(session_id, run_id, call.id)
        if intent is None:
            continue
        if intent.result is not None:
            result: ToolResultPart = from_json(ToolResultPart, intent.result)
            return result
        return interrupted_result(call)
    return ToolResultPart(
        tool_call_id=call.id,
        tool_name=call.name,
        content=(
            TextPart(
                text="NOT_RUN: the program ended before this call could run. Nothing was done."
            ),
        ),
        is_error=True,
    )
