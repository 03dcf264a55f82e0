"""Settings of time reach the sessions they are made for."""

from __future__ import annotations

import asyncio
import time

from session_rig import Model, manager_of, of, say, start

from jupyter_agent.config import Settings
from jupyter_agent.providers.replay import Call, Say


def writes(request):
    """Write a file, then repeat what came of it."""
    results = request.messages[-1].tool_results
    if results:
        return [Say(results[0].text)]
    return [Call("write_file", {"path": "a.txt", "content": "x"})]


async def test_an_approval_that_nobody_answers_counts_as_denied(tmp_path):
    settings = Settings(discover_local_servers=False, approval_deadline=0.05)
    async with manager_of(tmp_path, settings=settings, first=Model(writes)) as manager:
        session, events = await start(manager)
        await say(session, "write")
        assert [event.decision for event in of(events, "approval_end")] == ["expired"]
        assert "Nobody answered in time." in session.history[-1].text
        assert not (tmp_path / "a.txt").exists()


async def test_stop_abandons_what_does_not_end_in_the_time_that_was_set(tmp_path):
    asked, over = asyncio.Event(), asyncio.Event()

    async def stream(request):
        asked.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await over.wait()  # deaf to the first cancellation
            raise
        yield Say("never")

    settings = Settings(discover_local_servers=False, stop_deadline=0.1)
    async with manager_of(tmp_path, settings=settings, first=Model(stream)) as manager:
        session, events = await start(manager)
        await session.prompt("go")
        await asyncio.wait_for(asked.wait(), 10)
        started = time.monotonic()
        await session.stop()
        assert time.monotonic() - started < 0.6
        assert [event.status for event in of(events, "run_end")] == ["stopped"]
        over.set()
        await session.wait()


async def test_stop_before_the_run_has_begun_leaves_the_session_to_be_written(tmp_path):
    async with manager_of(tmp_path, first=Model([Say("Here.")])) as manager:
        session, events = await start(manager)
        for _ in range(20):
            await session.prompt("go")
            await session.stop()
            await session.wait()
            await session.journal.flush()
        await say(session, "and now?")
        assert of(events, "run_end")[-1].status == "done"
        assert session.history[-1].text == "Here."


async def test_a_prompt_while_the_first_is_only_beginning_is_taken(tmp_path):
    async with manager_of(tmp_path, first=Model([Say("Here.")])) as manager:
        session, events = await start(manager)
        for _ in range(10):
            await asyncio.gather(session.prompt("one"), session.prompt("two"))
            await session.wait()
        assert {event.status for event in of(events, "run_end")} == {"done"}
        said = [message.text for message in session.history if message.role == "user"]
        assert said.count("one") == said.count("two") == 10
