"""Prompts of a session: with mentions, in plan mode alone; and older turns summarised on request."""

from __future__ import annotations

import asyncio

import pytest
from session_rig import Model, manager_of, notices, of, say, start, summarised

from jupyter_agent.protocol.errors import BadRequest, NotAllowed, SessionBusy
from jupyter_agent.protocol.messages import ImagePart, Mention
from jupyter_agent.providers.replay import Call, Say, Wait
from jupyter_agent.store.sessions import open_store

FILE = Mention(kind="file", label="@file:a.txt", path="a.txt")


def parts(session):
    shown = [e.message for e in session.journal.transcript.entries if e.type == "message"]
    return [part for message in shown for part in message.parts if part.type == "mention"]


# -- mentions --------------------------------------------------------------------------------------


async def test_the_model_reads_what_is_mentioned_and_people_see_a_chip(tmp_path):
    (tmp_path / "a.txt").write_text("forty-two")
    model = Model([Say("ok")])
    async with manager_of(tmp_path, first=model) as manager:
        session, events = await start(manager)
        await session.prompt("see @file:a.txt", mentions=(FILE,))
        await session.wait()
        assert "forty-two" in model.requests[0].messages[-1].text
        (chip,) = parts(session)
        assert chip.status == "ok"
        message = of(events, "message_start")[0].message
        assert message.text == "see @file:a.txt" and session.settled.title == message.text
        kept = session.id
    async with manager_of(tmp_path, first=Model([Say("ok")])) as manager:
        (chip,) = parts(await manager.get(kept, owner="me"))
        assert chip.mention.label == "@file:a.txt"


async def test_the_model_and_people_are_told_of_what_is_not_there(tmp_path):
    model = Model([Say("ok")])
    async with manager_of(tmp_path, first=model) as manager:
        session, _ = await start(manager)
        await session.prompt("see @file:a.txt", mentions=(FILE,))
        await session.wait()
        assert "not available: There is no a.txt" in model.requests[0].messages[-1].text
        assert parts(session)[0].problem == "There is no a.txt"


async def test_a_waiting_prompt_is_told_whole_and_taken_back_once(tmp_path):
    picture = ImagePart(media_type="image/png", data="aGVsbG8=")
    going = asyncio.Event()

    def script(request):
        going.set()
        return [Say("ok"), Wait(0.2)]

    async with manager_of(tmp_path, first=Model(script)) as manager:
        session, events = await start(manager)
        await session.prompt("first")
        await going.wait()
        await session.prompt("then @file:a.txt", (picture,), mentions=(FILE,), delivery="queue")
        (waits,) = of(events, "queue_change")[-1].queued
        assert (waits.text, waits.mentions, waits.images) == (
            "then @file:a.txt",
            (FILE,),
            (picture,),
        )
        await session.unqueue(waits.id)
        assert of(events, "queue_change")[-1].queued == ()
        with pytest.raises(NotAllowed, match="waits no longer"):
            await session.unqueue(waits.id)
        await session.wait()


async def test_a_queued_prompt_is_read_when_its_turn_comes(tmp_path):
    (tmp_path / "a.txt").write_text("early")
    going = asyncio.Event()

    def script(request):
        going.set()
        (tmp_path / "a.txt").write_text("late")
        return [Say("ok"), Wait(0.2)]

    model = Model(script)
    async with manager_of(tmp_path, first=model) as manager:
        session, _ = await start(manager)
        await session.prompt("first")
        await going.wait()
        going.clear()
        await session.prompt("then @file:a.txt", mentions=(FILE,), delivery="queue")
        await going.wait()
        await session.wait()
        assert "late" in model.requests[1].messages[-1].text


# -- a prompt in plan mode -------------------------------------------------------------------------


def writes(request):
    if any(message.role == "tool" for message in request.messages[-1:]):
        return [Say("done")]
    return [Call("write_file", {"path": "made.txt", "content": "x"})]


async def test_a_prompt_in_plan_mode_changes_nothing_and_the_next_one_may(tmp_path):
    model = Model(writes)
    async with manager_of(tmp_path, first=model) as manager:
        session, events = await start(manager)
        await session.configure(mode="auto")
        await session.prompt("write it", mode="plan")
        await session.wait()
        assert not (tmp_path / "made.txt").exists()
        assert "Mode plan" in model.requests[0].messages[0].text
        assert of(events, "run_start")[0].mode == "plan"
        assert session.journal.transcript.mode == "auto" and session.settled.mode == "auto"
        await session.prompt("write it")
        await session.wait()
        assert (tmp_path / "made.txt").exists()


async def test_a_run_that_goes_on_stays_in_plan_mode(tmp_path):
    going = asyncio.Event()

    def script(request):
        if not going.is_set():
            going.set()
            return [Wait(30), Say("never")]
        return writes(request)

    async with manager_of(tmp_path, first=Model(script)) as manager:
        session, events = await start(manager)
        await session.configure(mode="auto")
        await session.prompt("write it", mode="plan")
        await going.wait()
        await session.stop()
        await session.resume()
        await session.wait()
        assert not (tmp_path / "made.txt").exists()
        assert [event.mode for event in of(events, "run_start")] == ["plan", "plan"]


async def test_plan_mode_is_refused_where_it_is_not_allowed(tmp_path):
    async with manager_of(tmp_path, first=Model([Say("ok")])) as manager:
        session, _ = await start(manager)
        session._parts.allowed_modes = ("ask",)
        with pytest.raises(NotAllowed):
            await session.prompt("x", mode="plan")


# -- what is sent again ----------------------------------------------------------------------------


async def test_a_run_sends_what_the_one_before_sent_so_that_caches_hold_it(tmp_path):
    (tmp_path / "a.txt").write_text("forty-two")
    model = Model([Say("ok")])
    async with manager_of(tmp_path, first=model) as manager:
        session, _ = await start(manager)
        await session.prompt("see @file:a.txt", mentions=(FILE,))
        await session.wait()
        await say(session, "and now?")
        first, second = ([m.text for m in request.messages] for request in model.requests)
        assert second[: len(first)] == first
        other, _ = await start(manager)
        await say(other, "hello")
        assert model.requests[-1].messages[0].text == first[0], "a new session meets the cache"
        assert model.requests[-1].tools == model.requests[0].tools


# -- between two runs ------------------------------------------------------------------------------


def fails(request):
    raise BadRequest("no")


async def ended(session):
    """Wait until people see the end of the run; it may not have let go of the session yet."""
    seen = asyncio.Event()

    def watch(seq, event, data):
        if event.type == "run_end":
            seen.set()

    session.journal.attach(watch, session.journal.seq)
    await seen.wait()


async def test_what_is_said_right_after_the_end_of_a_run_is_answered(tmp_path):
    async with manager_of(tmp_path, first=Model(fails)) as manager:
        session, events = await start(manager)
        await session.prompt("first")
        await ended(session)
        await session.prompt("second")
        assert len(of(events, "run_start")) == 2 and not session.journal.transcript.queued
        await ended(session)
        await session.resume()
        await session.wait()
        assert len(of(events, "run_end")) == 3


async def test_stop_right_after_the_end_of_a_run_gives_the_lease_back_all_the_same(tmp_path):
    async with manager_of(tmp_path, first=Model([Say("ok")])) as manager:
        session, events = await start(manager)
        await session.prompt("first")
        await ended(session)
        await session.stop()
        assert await (await manager.store()).lease_holder(session.id) is None
        assert await (await manager.store()).open_runs(session.id) == []
        await say(session, "second")
        assert [event.status for event in of(events, "run_end")] == ["done", "done"]


async def test_stop_before_a_run_has_begun_leaves_nothing_behind(tmp_path):
    async with manager_of(tmp_path, first=Model([Say("ok")])) as manager:
        session, events = await start(manager)
        saying = asyncio.ensure_future(session.prompt("first"))
        while not session.running:  # noqa: ASYNC110 (nothing tells of its first steps)
            await asyncio.sleep(0)
        assert not events, "it has begun already"
        await session.stop()
        with pytest.raises(NotAllowed, match="before it began"):
            await saying
        assert not events and not session.running
        await say(session, "second")
        assert of(events, "run_end")[-1].status == "done"


async def test_what_stop_left_undelivered_is_held_and_never_answered_behind_the_next_prompt(
    tmp_path,
):
    going = asyncio.Event()

    def script(request):
        going.set()
        return [Say("ok"), Wait(30)] if len(model.requests) == 1 else [Say("ok")]

    model = Model(script)
    async with manager_of(tmp_path, first=model) as manager:
        session, events = await start(manager)
        await session.prompt("draw it")
        await asyncio.wait_for(going.wait(), 5)
        await session.prompt("use fewer ticks")
        await session.prompt("then save it", delivery="queue")
        await session.stop()
        held = of(events, "queue_change")[-1].queued
        assert [(one.text, one.delivery) for one in held] == [
            ("use fewer ticks", "held"),
            ("then save it", "held"),
        ]
        await say(session, "draw something else")
        assert [message.text for message in session.history if message.role == "user"] == [
            "draw it",
            "draw something else",
        ]
        await session.unqueue(held[0].id)
        assert [one.text for one in of(events, "queue_change")[-1].queued] == ["then save it"]
        kept = session.id
    async with manager_of(tmp_path, first=model) as manager:
        session = await manager.get(kept, owner="me")
        await session.unqueue(held[1].id)  # also when the server has restarted meanwhile
        assert session.journal.transcript.queued == ()
        with pytest.raises(NotAllowed):
            await session.unqueue(held[1].id)


async def test_a_prompt_that_another_process_keeps_from_running_is_refused(tmp_path):
    async with manager_of(tmp_path, first=Model([Say("ok")])) as manager:
        session, events = await start(manager)
        other = await open_store(tmp_path / "sessions.db")
        await other.acquire_lease(session.id, "another-machine:1:x", 60.0)
        with pytest.raises(SessionBusy):
            await session.prompt("first", op_id="op")
        assert not events and not session.history and session.status == "idle"
        await other.release_lease(session.id)
        await session.prompt("first", op_id="op")
        await session.prompt("first", op_id="op")
        await session.wait()
        assert len(of(events, "run_end")) == 1, "said again it is answered, and only once"
        await other.aclose()


# -- summaries on request --------------------------------------------------------------------------


def answers(request):
    if summarised(request):
        return [Say("They talked.")]
    return [Say("word " * 50)]


async def test_older_turns_are_summarised_on_request(tmp_path):
    model = Model(answers)
    async with manager_of(tmp_path, first=model) as manager:
        session, events = await start(manager)
        for number in range(3):
            await say(session, f"question {number}: " + "why " * 100)
        await session.compact()
        await session.wait()
        (compacted,) = of(events, "context_compacted")
        assert compacted.after < compacted.before
        assert session.journal.transcript.budget.context_tokens == compacted.after
        assert of(events, "run_end")[-1].status == "done"
        await say(session, "go on")
        told = model.requests[-1].messages
        assert "They talked." in told[1].text and "question 2" in told[1].text
        assert len(session.history) == 8


async def test_there_has_to_be_something_to_summarise_and_no_run(tmp_path):
    async with manager_of(tmp_path, first=Model(answers)) as manager:
        session, _ = await start(manager)
        with pytest.raises(NotAllowed, match="nothing to summarise"):
            await session.compact()
        await session.prompt("go")
        with pytest.raises(NotAllowed, match="between runs"):
            await session.compact()
        await session.wait()
        with pytest.raises(NotAllowed, match="nothing to summarise"):
            await session.compact()


async def test_a_model_that_cannot_summarise_leaves_a_list(tmp_path):
    def script(request):
        return [] if summarised(request) else [Say("word")]

    async with manager_of(tmp_path, first=Model(script)) as manager:
        session, events = await start(manager)
        await say(session, "one")
        await say(session, "two")
        await session.compact()
        await session.wait()
        assert "no_summary" in notices(events)
        assert of(events, "context_compacted")
