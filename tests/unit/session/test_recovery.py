"""After a crash: the run is marked, every call has a result, nothing is run again."""

from __future__ import annotations

from jupyter_agent.protocol.codec import to_json
from jupyter_agent.protocol.messages import (
    Message,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    now,
    user_message,
)
from jupyter_agent.protocol.session_events import MessageStart, RunStart
from jupyter_agent.session.journal import Journal, load_journal
from jupyter_agent.session.recovery import load_history, recover
from jupyter_agent.store.rows import SessionRow
from jupyter_agent.store.sessions import open_store


def call(call_id):
    return ToolCallPart(id=call_id, index=0, name="run_cells", arguments_raw="{}", arguments={})


async def crashed_store(tmp_path):
    """A store as a process leaves it that was killed while its second of three calls ran."""
    store = await open_store(tmp_path / "sessions.db")
    time = now().isoformat()
    await store.create_session(
        SessionRow(
            id="s",
            owner="me",
            title="",
            notebook_path="a.ipynb",
            model="demo",
            mode="ask",
            effort=None,
            created_at=time,
            updated_at=time,
        )
    )
    await store.acquire_lease("s", "dead", 0.0)
    await store.start_run("s", "run_1")
    history = [
        user_message("go"),
        Message(role="assistant", parts=(call("a"), call("b"), call("c"))),
    ]
    journal = Journal("s", store)
    journal.emit(RunStart(run_id="run_1", model="demo", mode="ask", started_at=now()))
    for position, message in enumerate(history):
        journal.emit(MessageStart(message=message))
        await store.put_message("s", position, message.id, to_json(Message, message))
    await journal.flush()
    await store.put_intent("s", "run_1", "a", "run_cells", b"{}")
    done = ToolResultPart(tool_call_id="a", tool_name="run_cells", content=(TextPart(text="ran"),))
    await store.finish_intent("s", "run_1", "a", to_json(ToolResultPart, done), "ok")
    await store.put_intent("s", "run_1", "b", "run_cells", b"{}")
    return store


async def test_each_call_gets_the_result_that_is_true(tmp_path):
    store = await crashed_store(tmp_path)
    journal = await load_journal(store, "s")
    history = await load_history(store, "s")
    assert journal.transcript.running
    await store.acquire_lease("s", "me", 30.0)
    assert await recover(store, "s", journal, history)
    finished, unknown, never = history[-1].tool_results
    assert finished.text == "ran" and not finished.is_error
    assert unknown.text.startswith("INTERRUPTED") and unknown.is_error
    assert never.text.startswith("NOT_RUN") and never.is_error
    assert not journal.transcript.running
    assert journal.transcript.entries[-1].status == "interrupted"
    assert await load_history(store, "s") == history
    await journal.aclose()
    await store.aclose()


async def test_recovering_twice_changes_nothing(tmp_path):
    store = await crashed_store(tmp_path)
    await store.acquire_lease("s", "me", 30.0)
    journal = await load_journal(store, "s")
    history = await load_history(store, "s")
    await recover(store, "s", journal, history)
    again = await load_journal(store, "s")
    assert not await recover(store, "s", again, await load_history(store, "s"))
    assert again.seq == journal.seq
    assert await load_history(store, "s") == history
    await journal.aclose()
    await again.aclose()
    await store.aclose()
