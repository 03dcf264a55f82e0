"""Whole sessions over scripted models: long conversations, models that stand in for others."""

from __future__ import annotations

from dataclasses import replace

import nbformat
import pytest
from session_rig import Model, manager_of, notices, of, say, start, summarised, watch

from jupyter_agent.config import Limits, Settings
from jupyter_agent.context.budget import request_tokens
from jupyter_agent.protocol.errors import ErrorInfo, MissingKey
from jupyter_agent.protocol.messages import ImagePart
from jupyter_agent.protocol.usage import Usage
from jupyter_agent.providers.replay import (
    EVERYTHING,
    Call,
    Fail,
    Report,
    Say,
)

OVERLOADED = Fail(ErrorInfo(code="overloaded", message="No capacity.", retryable=True))
# More than twice what the system prompt and the tools take.
SMALL = 10_000


def chatty(request):
    """Answer at length; summarise in a word."""
    if summarised(request):
        return [Say("The user asked for words, and got them.")]
    return [Say("word " * 300)]


# -- spending --------------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [None, 1.5])
async def test_people_are_told_the_bound_together_with_the_cost(tmp_path, bound):
    settings = Settings(limits=Limits(max_cost=bound), discover_local_servers=False)
    async with manager_of(tmp_path, settings=settings, first=Model([Say("ok")])) as manager:
        session, events = await start(manager)
        await say(session, "hello")
        assert of(events, "budget")[-1].max_cost == bound


# -- the window ------------------------------------------------------------------------------------


async def test_a_long_conversation_is_summarised_and_stays_whole_for_people(tmp_path):
    model = Model(chatty, window=SMALL)
    async with manager_of(tmp_path, first=model) as manager:
        session, events = await start(manager)
        for number in range(15):
            await say(session, f"question {number}: " + "why " * 100)
        compacted = of(events, "context_compacted")
        assert compacted and all(event.after < event.before for event in compacted)
        assert {event.status for event in of(events, "run_end")} == {"done"}
        shown = [e.message.text for e in session.journal.transcript.entries if e.type == "message"]
        assert len(shown) == 30 and shown[0].startswith("question 0")
        assert len(session.history) == 30
        last = model.requests[-1]
        assert "got them" in last.messages[1].text and "question 0:" in last.messages[1].text
        assert last.messages[-1].text.startswith("question 14")
        kept = session.id
    async with manager_of(tmp_path, first=Model(chatty, window=SMALL)) as manager:
        session = await manager.get(kept, owner="me")
        events = watch(session)
        await say(session, "and now?")
        again = manager.access._models["first"].requests
        assert not summarised(again[0]) and "got them" in again[0].messages[1].text
        assert len(session.history) == 32 and of(events, "run_end")[0].status == "done"


async def test_the_summarys_tokens_are_counted(tmp_path):
    def script(request):
        return [*chatty(request), Report(Usage(input=1_000, output=10, total=1_010))]

    async with manager_of(tmp_path, first=Model(script, window=SMALL)) as manager:
        session, events = await start(manager)
        await say(session, "x" * 16_000)
        await say(session, "y" * 9_000)
        assert len(of(events, "context_compacted")) == 1
        assert of(events, "budget")[-1].session_usage.input == 3_000


async def test_what_cannot_fit_is_refused_before_it_is_sent(tmp_path):
    model = Model(chatty, window=SMALL)
    async with manager_of(tmp_path, first=model) as manager:
        session, events = await start(manager)
        await say(session, "x" * 4 * SMALL)
        [end] = of(events, "run_end")
        assert end.status == "failed" and end.error.code == "context_overflow"
        assert "Start a new session" in end.error.message
        assert model.requests == []
        await say(session, "shorter")
        assert of(events, "run_end")[-1].status == "done"


class Strict:
    """A server with a window that it states in no list: it refuses what is longer."""

    def __init__(self, window, *, names_sizes=True, tokenizer=1.0, script=chatty):
        self.script = script
        self.window, self.names_sizes, self.tokenizer = window, names_sizes, tokenizer
        self.refused = 0

    def __call__(self, request):
        size = int(request_tokens(request) * self.tokenizer)
        if size > self.window:
            self.refused += 1
            details = {"window": self.window, "prompt_tokens": size} if self.names_sizes else None
            error = ErrorInfo(code="context_overflow", message="Too long.", details=details)
            return [Fail(error)]
        usage = Usage(input=size, output=10, total=size + 10)
        return [*self.script(request), Report(usage)]


@pytest.mark.parametrize("names_sizes", [True, False])
@pytest.mark.parametrize("tokenizer", [1.0, 1.3])
async def test_a_window_nobody_knew_of_is_learned_from_the_refusal(
    tmp_path, names_sizes, tokenizer
):
    server = Strict(SMALL, names_sizes=names_sizes, tokenizer=tokenizer)
    async with manager_of(tmp_path, first=Model(server)) as manager:
        session, events = await start(manager)
        for number in range(20):
            await say(session, f"question {number}: " + "why " * 300)
        assert {event.status for event in of(events, "run_end")} == {"done"}
        assert of(events, "context_compacted") and 1 <= server.refused <= 3
        learned = of(events, "budget")[-1].context_window
        assert learned == SMALL if names_sizes else learned < SMALL


async def test_a_prompt_that_is_too_long_does_not_spoil_the_session(tmp_path):
    model = Model(Strict(SMALL))
    async with manager_of(tmp_path, first=model) as manager:
        session, events = await start(manager)
        await say(session, "x" * 8 * SMALL)
        assert of(events, "run_end")[-1].error.code == "context_overflow"
        assert "prompt_left_out" in notices(events)
        await say(session, "thanks")
        assert of(events, "run_end")[-1].status == "done"
        assert "xxx" not in "".join(m.text for m in model.requests[-1].messages)
        kept = session.id
    model = Model(Strict(SMALL))
    async with manager_of(tmp_path, first=model) as manager:  # and after a restart
        session = await manager.get(kept, owner="me")
        await say(session, "still here?")
        assert session.history[-1].role == "assistant"
        assert "xxx" not in "".join(m.text for m in model.requests[-1].messages)


async def test_a_window_smaller_than_the_tools_is_named_with_the_remedy(tmp_path):
    model = Model(Strict(1_000))
    async with manager_of(tmp_path, first=model) as manager:
        session, events = await start(manager)
        await say(session, "hello")
        error = of(events, "run_end")[-1].error
        assert error.code == "context_overflow" and "1,000 tokens" in error.message
        assert "-c 16384" in error.message and "new session" not in error.message
        assert "prompt_left_out" not in notices(events)


async def test_a_window_of_4096_suffices_to_look_at_a_notebook(tmp_path):
    cells = [nbformat.v4.new_code_cell(f"step_{i} = {i}  # " + "x" * 60) for i in range(40)]
    cells[0].outputs = [nbformat.v4.new_output("stream", text="line of output\n" * 2_000)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "work.ipynb")
    first_id = cells[0].id

    def script(request):
        done = sum(message.role == "tool" for message in request.messages)
        calls = [
            Call("notebook_overview", {}),
            Call("read_cells", {"ids": [first_id], "outputs": "full"}),
        ]
        return [calls[done]] if done < 2 else [Say("Forty steps, and a long output.")]

    server = Strict(4_096, tokenizer=1.1, script=script)
    model = Model(server, window=4_096)
    async with manager_of(tmp_path, first=model) as manager:
        made = await manager.create(owner="me", model="first", notebook_path="work.ipynb")
        session = await manager.get(made.id, owner="me")
        events = watch(session)
        await say(session, "What is in this notebook?")
        assert of(events, "run_end")[-1].status == "done" and server.refused == 0
        assert [len(e.result.content) > 0 for e in of(events, "tool_end")] == [True, True]
        assert session.history[-1].text == "Forty steps, and a long output."
        assert "small_window" in notices(events)
        first = model.requests[0]
        assert {tool.name for tool in first.tools} == {
            "notebook_overview",
            "read_cells",
            "edit_cells",
            "run_cells",
            "run_code",
        }
        assert request_tokens(first) <= 2_000
        # What people see, and a larger window would be sent, is whole.
        whole = max(len(r.text) for m in session.history for r in m.tool_results)
        assert whole > 4_000 > 4_096 * 0.6


# -- models that stand in --------------------------------------------------------------------------


async def test_another_model_answers_and_it_is_said(tmp_path):
    first, second = Model([OVERLOADED]), Model([Say("Here I am.")])
    async with manager_of(tmp_path, "second", first=first, second=second) as manager:
        session, events = await start(manager)
        await say(session, "hello")
        assert of(events, "run_end")[0].status == "done"
        said = notices(events)["fallback"]
        assert "first" in said and "second" in said and "No capacity" in said
        answer = session.history[-1]
        assert answer.text == "Here I am."
        assert (answer.metadata.provider, answer.metadata.model) == ("provider-second", "second")
        assert session.provenance()["model"] == "second"
        assert session.settled.model == "first"
        await say(session, "and again")
        assert len(first.requests) == 2  # the next run asks the session's own model first


async def test_a_fallback_stays_for_the_rest_of_the_run(tmp_path):
    def second(request):
        told = any(message.role == "tool" for message in request.messages)
        return [Say("Done.")] if told else [Call("update_plan", {"steps": []})]

    first = Model([OVERLOADED])
    async with manager_of(tmp_path, "second", first=first, second=Model(second)) as manager:
        session, events = await start(manager)
        await say(session, "hello")
        assert session.history[-1].text == "Done." and len(first.requests) == 1
        assert len(notices(events)) == 1


@pytest.mark.parametrize(
    ("error", "answered"),
    [
        (ErrorInfo(code="connection_failed", message="Down."), True),
        (ErrorInfo(code="unknown_model", message="Unknown."), True),
        (ErrorInfo(code="bad_request", message="No such model.", status=404), True),
        (ErrorInfo(code="bad_request", message="Malformed.", status=400), False),
        (ErrorInfo(code="unauthorized", message="Bad key.", status=401), False),
        (ErrorInfo(code="refused", message="No."), False),
    ],
)
async def test_which_failures_another_may_answer_for(tmp_path, error, answered):
    models = {"first": Model([Fail(error)]), "second": Model([Say("Here.")])}
    async with manager_of(tmp_path, "second", **models) as manager:
        session, events = await start(manager)
        await say(session, "hello")
        assert bool(models["second"].requests) is answered
        assert of(events, "run_end")[0].status == ("done" if answered else "failed")


@pytest.mark.parametrize("begun", [[Say("I ")], [Report(Usage(input=5))]])
async def test_an_answer_that_has_begun_is_never_taken_over(tmp_path, begun):
    models = {"first": Model([*begun, OVERLOADED]), "second": Model([Say("Here.")])}
    async with manager_of(tmp_path, "second", **models) as manager:
        session, events = await start(manager)
        await say(session, "hello")
        assert models["second"].requests == []
        assert of(events, "run_end")[0].error.code == "overloaded"


async def test_models_that_cannot_stand_in_are_passed_over_with_a_reason(tmp_path):
    blind = replace(EVERYTHING, vision=False)
    models = {
        "first": Model([OVERLOADED]),
        "locked": MissingKey("It needs a key."),
        "toolless": Model([Say("?")], capabilities=replace(EVERYTHING, tools=False)),
        "blind": Model([Say("?")], capabilities=blind),
        "last": Model([Say("I see.")]),
    }
    names = ("locked", "nowhere", "toolless", "blind", "last")
    async with manager_of(tmp_path, *names, **models) as manager:
        session, events = await start(manager)
        await say(session, "look", [ImagePart(media_type="image/png", data="AAAA")])
        assert session.history[-1].text == "I see."
        skipped = [e.text for e in of(events, "notice") if e.code == "fallback_skipped"]
        assert [text.split()[0] for text in skipped] == ["locked", "nowhere", "toolless", "blind"]
        assert models["toolless"].requests == models["blind"].requests == []


async def test_when_nobody_answers_the_last_failure_is_told(tmp_path):
    models = {"first": Model([OVERLOADED]), "second": Model([OVERLOADED])}
    async with manager_of(tmp_path, "second", "first", **models) as manager:
        session, events = await start(manager)
        await say(session, "hello")
        assert of(events, "run_end")[0].error.code == "overloaded"
        assert len(models["first"].requests) == len(models["second"].requests) == 1


async def test_the_window_of_the_one_that_stands_in_holds(tmp_path):
    def first(request):
        return [OVERLOADED] if "now" in request.messages[-1].text else chatty(request)

    models = {"first": Model(first, window=200_000), "second": Model(chatty, window=SMALL)}
    async with manager_of(tmp_path, "second", **models) as manager:
        session, events = await start(manager)
        for number in range(15):
            await say(session, f"question {number}: " + "why " * 100)
        assert not of(events, "context_compacted")
        await say(session, "now")
        assert len(of(events, "context_compacted")) == 1
        assert session.history[-1].metadata.model == "second"


async def test_a_model_that_is_gone_is_replaced_too(tmp_path):
    models = {"first": Model([Say("x")]), "second": Model([Say("Here.")])}
    async with manager_of(tmp_path, "second", **models) as manager:
        session, events = await start(manager)
        del manager.access._models["first"]
        await say(session, "hello")
        assert session.history[-1].text == "Here." and "first" in notices(events)["fallback"]


async def test_a_model_without_tools_is_named_as_such_once(tmp_path):
    plain = Model([Say("Only words.")], capabilities=replace(EVERYTHING, tools=False))
    async with manager_of(tmp_path, first=plain) as manager:
        session, events = await start(manager)
        await say(session, "hello")
        await say(session, "again")
        assert [e.code for e in of(events, "notice")] == ["no_tools"]
        assert all(request.tools == () for request in plain.requests)
