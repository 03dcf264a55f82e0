"""An approval is answered once, by an answer that is for it (R19, R20)."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_agent.policy.broker import Broker, fingerprint
from jupyter_agent.protocol.errors import NotAllowed
from jupyter_agent.protocol.session_events import ApprovalStart


def approval(approval_id="apr_1", **changes):
    values = {
        "approval_id": approval_id,
        "call_id": "call_1",
        "tool_name": "run_cells",
        "title": "Run [4]",
        "permissions": ("exec",),
        "arguments": {"ids": ["a"]},
        "preview": (),
        "fingerprint": "f" * 64,
        "scopes": ("once", "session"),
    }
    return ApprovalStart(**{**values, **changes})


async def asked(broker, event):
    task = asyncio.ensure_future(broker.ask(event))
    await asyncio.sleep(0)
    return task


async def test_the_first_answer_wins_and_the_second_is_refused():
    events = []
    broker = Broker(events.append)
    task = await asked(broker, approval())
    broker.answer("apr_1", fingerprint="f" * 64, allow=True, scope="session")
    with pytest.raises(NotAllowed, match="settled already"):
        broker.answer("apr_1", fingerprint="f" * 64, allow=False)
    answer = await task
    assert answer.allow and answer.scope == "session"
    assert [event.type for event in events] == ["approval_start", "approval_end"]
    assert not broker.waiting


async def test_an_answer_for_something_else_is_refused_and_leaves_it_open():
    broker = Broker(lambda event: None)
    task = await asked(broker, approval())
    with pytest.raises(NotAllowed, match="another call"):
        broker.answer("apr_1", fingerprint="0" * 64, allow=True)
    assert broker.waiting
    broker.answer("apr_1", fingerprint="f" * 64, allow=False, reason="not this cell")
    answer = await task
    assert not answer.allow and answer.reason == "not this cell"


async def test_a_scope_that_was_not_offered_is_refused():
    broker = Broker(lambda event: None)
    task = await asked(broker, approval(scopes=("once",)))
    with pytest.raises(NotAllowed, match="once"):
        broker.answer("apr_1", fingerprint="f" * 64, allow=True, scope="session")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_stop_voids_an_open_approval():
    events = []
    broker = Broker(events.append)
    task = await asked(broker, approval())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert events[-1].decision == "cancelled"
    with pytest.raises(NotAllowed):
        broker.answer("apr_1", fingerprint="f" * 64, allow=True)


async def test_an_approval_expires():
    events = []
    broker = Broker(events.append, deadline=0.01)
    answer = await broker.ask(approval())
    assert not answer.allow
    assert events[-1].decision == "expired"


async def test_with_nobody_there_an_ask_is_a_deny_and_nothing_is_shown():
    events = []
    broker = Broker(events.append, attended=lambda: False)
    answer = await broker.ask(approval())
    assert not answer.allow
    assert await broker.question("call_1", "Which column?", []) is None
    assert events == []


async def test_many_answers_at_once_settle_one_approval_once():
    settled = []
    broker = Broker(lambda event: None)
    for number in range(1_000):
        task = await asked(broker, approval(f"apr_{number}"))
        results = []

        async def tab(allow, number=number, results=results):
            try:
                broker.answer(f"apr_{number}", fingerprint="f" * 64, allow=allow)
                results.append(allow)
            except NotAllowed:
                results.append(None)

        await asyncio.gather(tab(True), tab(False))
        answer = await task
        assert results.count(None) == 1
        assert answer.allow is next(result for result in results if result is not None)
        settled.append(answer)
    assert len(settled) == 1_000


async def test_a_question_is_answered_declined_and_voided():
    broker = Broker(lambda event: None)
    events = []
    broker = Broker(events.append)
    task = asyncio.ensure_future(broker.question("call_1", "Which?", ["a", "b"]))
    await asyncio.sleep(0)
    broker.reply(events[0].question_id, "a")
    assert await task == "a"
    with pytest.raises(NotAllowed):
        broker.reply(events[0].question_id, "b")
    assert events[-1].answer == "a"


def test_a_fingerprint_depends_on_every_fact_and_not_on_their_order():
    facts = {"run": "r", "call": "c", "arguments": {"a": 1, "b": [1, 2]}}
    same = {"arguments": {"b": [1, 2], "a": 1}, "call": "c", "run": "r"}
    assert fingerprint(facts) == fingerprint(same)
    for other in (
        {**facts, "run": "s"},
        {**facts, "call": "d"},
        {**facts, "arguments": {"a": 1, "b": [2, 1]}},
        {**facts, "arguments": {"a": True, "b": [1, 2]}},
    ):
        assert fingerprint(other) != fingerprint(facts)
