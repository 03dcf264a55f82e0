"""Statements 38 to 47: the Python LLMBackend."""

import asyncio
import json
from datetime import datetime, timezone

import httpx
import pytest
from seed_rigs import HELLO, TOOL, TURN, Echo, Rig, Server, events_of, said, sent, turns

from jupyter_agent.config import Settings
from jupyter_agent.context.budget import COMPACT_AT, REFUSE_AT, ContextBudget
from jupyter_agent.context.request import build_request, estimate_tokens
from jupyter_agent.digest.fence import Fence
from jupyter_agent.interop import llm_backend
from jupyter_agent.protocol.errors import BadFrame, ContextOverflow, SessionBusy
from jupyter_agent.protocol.messages import ImagePart, Message, TextPart, system_message
from jupyter_agent.protocol.models import Request
from jupyter_agent.protocol.session_events import Notice
from jupyter_agent.providers._body import Timeouts
from jupyter_agent.providers.base import complete
from jupyter_agent.providers.ollama import parse_stream_events
from jupyter_agent.providers.registry import ProviderSpec, make_provider
from jupyter_agent.providers.replay import Call, Report, Say, ScriptedProvider, Think, Wait
from jupyter_agent.runtime.build import build_manager
from jupyter_agent.session.journal import load_journal
from jupyter_agent.store.sessions import open_store


def test_seed_038_calls_hold_objects_and_tools_are_functions():
    wire = {
        "role": "assistant",
        "tool_calls": [{"id": "c", "name": "look", "arguments": {"x": 1}}],
    }
    [found] = llm_backend.from_wire_message(wire).tool_calls
    assert found.arguments == {"x": 1} and json.loads(found.arguments_raw) == {"x": 1}
    wire["tool_calls"][0]["arguments"] = "{}"
    with pytest.raises(BadFrame):
        llm_backend.from_wire_message(wire)
    schema = llm_backend.to_wire_tool(TOOL)
    assert schema.model_dump() == {
        "type": "function",
        "function": {"name": "look", "description": "Look.", "parameters": TOOL.parameters},
    }
    assert llm_backend.from_wire_tool(schema) == TOOL


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool"])
def test_seed_039_the_four_roles_are_valid(role):
    assert llm_backend.from_wire_message({"role": role, "content": "x"}).role == role


@pytest.mark.parametrize("role", ["developer", "Tool", "", None])
def test_seed_039_other_roles_fail(role):
    with pytest.raises(BadFrame):
        llm_backend.from_wire_message({"role": role, "content": "x"})


def test_seed_040_content_may_be_null_and_the_time_is_kept():
    made = datetime(2026, 1, 2, tzinfo=timezone.utc)
    wire = {"role": "assistant", "content": None, "created_at": made}
    message = llm_backend.from_wire_message(wire)
    assert (message.text, message.created_at) == ("", made)
    [back] = llm_backend.to_wire_messages(message)
    assert (back.content, back.created_at) == (None, made)


@pytest.mark.parametrize(
    ("role", "field", "value"),
    [
        ("system", "images", ["AAAA"]),
        ("tool", "images", ["AAAA"]),
        ("user", "tool_calls", []),
        ("tool", "tool_calls", []),
        ("assistant", "tool_call_id", "c"),
        ("user", "name", "look"),
    ],
)
def test_seed_040_fields_of_another_role_fail(role, field, value):
    with pytest.raises(BadFrame, match="messages"):
        llm_backend.from_wire_message({"role": role, field: value})


@pytest.mark.parametrize("word", ["stop", "tool_calls", "length"])
def test_seed_041_a_response_has_content_calls_thinking_and_why_it_ended(word):
    wire = {
        "content": None,
        "tool_calls": [{"id": "c", "name": "look", "arguments": {}}],
        "finish_reason": word,
        "thinking": "hm",
    }
    response = llm_backend.from_wire_response(wire)
    assert response.finish.kind == word
    assert (response.message.thinking, len(response.message.tool_calls)) == ("hm", 1)
    assert llm_backend.to_wire_response(response).model_dump() == wire


async def test_seed_042_only_the_last_chunk_says_why_and_how_much():
    from jupyter_agent.protocol.usage import Usage

    script = [Think("hm"), Say("one two"), Report(Usage(input=3, output=2, total=5))]
    events = await events_of(ScriptedProvider(lambda request: script))
    chunks = [wire for event in events if (wire := llm_backend.to_wire_chunk(event))]
    *streaming, last = chunks
    assert "".join(wire.delta or "" for wire in streaming) == "one two"
    assert streaming[0].thinking == "hm"
    assert all(wire.finish_reason is wire.prompt_tokens is None for wire in streaming)
    assert (last.finish_reason, last.prompt_tokens, last.completion_tokens) == ("stop", 3, 2)
    read = list(llm_backend.read_chunks(chunks))
    assert read[-1].response.message.parts == events[-1].response.message.parts
    assert read[-1].response.usage.output == 2
    assert [event.type for event in llm_backend.read_chunks(streaming)][-1] == "text_delta"


async def test_seed_043_complete_takes_messages_tools_temperature_and_model():
    server = Server(TURN)
    request = Request(model="gpt-4o", messages=HELLO.messages, tools=(TOOL,), temperature=0.7)
    from dataclasses import replace

    from seed_rigs import ABLE

    provider = server.provider(capabilities=replace(ABLE, thinking=False))
    assert (await complete(provider, request)).message.tool_calls
    body = server.asked[0]
    assert (body["model"], body["temperature"], len(body["tools"])) == ("gpt-4o", 0.7, 1)


async def test_seed_043_without_a_model_the_default_answers(tmp_path):
    settings = Settings(default_model="demo", discover_local_servers=False)
    manager = build_manager(settings, root=tmp_path, store_path=None)
    try:
        assert (await manager.create(owner="me")).model == "demo"
    finally:
        await manager.aclose()


async def test_seed_044_the_final_answer_streams_without_tools():
    server = Server(TURN)
    await events_of(server.provider())
    assert not {"tools", "tool_choice"} & set(server.asked[0])


async def test_seed_045_a_stop_works_before_the_first_token():
    waiting = asyncio.Event()

    async def never(request):
        waiting.set()
        await asyncio.Event().wait()

    spec = ProviderSpec(provider="groq", api_key="k", transport=httpx.MockTransport(never))
    task = asyncio.create_task(events_of(make_provider(spec)))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


async def test_seed_045_a_run_that_waits_for_its_first_token_stops():
    rig = Rig(lambda request: [Wait(3600)])
    task = asyncio.create_task(rig.loop.run())
    while not rig.provider.requests:  # noqa: ASYNC110 (the double knows no events)
        await asyncio.sleep(0)
    task.cancel()
    assert (await asyncio.wait_for(task, 5)).status == "stopped"


async def test_seed_045_timeouts_are_180_seconds_to_begin_and_60_between():
    """There is one way to ask, so the 120 s for a whole answer of the origin have no place."""
    assert (Timeouts().first_event, Timeouts().gap) == (180.0, 60.0)

    async def never(request):
        await asyncio.Event().wait()

    quick = Timeouts(connect=1, first_event=0.01, gap=0.01)
    spec = ProviderSpec(
        provider="groq",
        api_key="k",
        max_retries=0,
        timeouts=quick,
        transport=httpx.MockTransport(never),
    )
    [event] = await asyncio.wait_for(events_of(make_provider(spec)), 20)
    assert event.error.code == "timed_out"


async def test_seed_045_one_run_a_session(tmp_path):
    from jupyter_agent.store.rows import SessionRow

    store = await open_store(tmp_path / "s.db")
    time = "2026-11-20T12:00:00+00:00"
    row = SessionRow(
        id="s",
        owner="me",
        title="",
        notebook_path=None,
        model="demo",
        mode="ask",
        effort=None,
        created_at=time,
        updated_at=time,
    )
    try:
        await store.create_session(row)
        await store.acquire_lease("s", "one", 30.0)
        with pytest.raises(SessionBusy):
            await store.acquire_lease("s", "two", 30.0)
        journal = await load_journal(store, "s")
        seen = []
        for text in "abc":
            journal.emit(Notice(level="info", text=text))
        first, detach = journal.attach(lambda seq, event, data: seen.append(seq), 1)
        journal.emit(Notice(level="info", text="d"))
        assert [event.text for event in first.events] == ["b", "c"] and first.seq == 2
        assert seen == [4]
        detach()
        await journal.aclose()
    finally:
        await store.aclose()


def conversation(words):
    long = "x" * (words // 2)
    return [
        said(f"first {long}"),
        Message(role="assistant", parts=(TextPart(text="done first"),)),
        said(f"second {long}"),
        Message(role="assistant", parts=(TextPart(text="done second"),)),
        said("third"),
    ]


async def within(history, window, *, summary="a summary"):
    events, asked = [], []

    async def record(message):
        pass

    async def summarise(request):
        asked.append(request)
        return summary

    budget = ContextBudget(history=history, fence=Fence(), emit=events.append, record=record)
    request = await budget.request(
        lambda told: Request(model="m", messages=tuple(told)), window=window, summarise=summarise
    )
    return request, [event.type for event in events], asked


def test_seed_046_four_characters_are_a_token_and_an_image_is_counted():
    assert estimate_tokens([said("x" * 4000)]) in range(1000, 1100)
    image = ImagePart(media_type="image/png", data="A" * 400_000)
    extra = estimate_tokens([said("x", image)]) - estimate_tokens([said("x")])
    assert extra == 500


async def test_seed_046_at_80_percent_older_turns_are_summarised_and_the_display_is_not():
    assert (COMPACT_AT, REFUSE_AT) == (0.8, 0.92)
    window = 4000
    quiet = conversation(int(window * 4 * 0.7))
    request, events, asked = await within(quiet, window)
    assert (events, asked) == ([], []) and list(request.messages) == quiet
    full = conversation(int(window * 4 * 0.85))
    texts = [message.text for message in full]
    request, events, asked = await within(full, window)
    assert events == ["context_compacted"] and len(asked) == 1
    assert estimate_tokens(request.messages) < window * COMPACT_AT
    assert "a summary" in str(request.messages)
    assert [message.text for message in full] == texts


async def test_seed_046_above_92_percent_it_is_refused():
    window = 4000
    with pytest.raises(ContextOverflow, match="no longer fits"):
        await within([said("x" * int(window * 4 * 0.95))], window)


async def test_seed_047_the_system_prompt_is_put_in_with_every_question():
    request = build_request(
        HELLO.messages, model="m", system="Be brief.", fence=Fence(), tools=(TOOL,)
    )
    assert [message.role for message in request.messages] == ["system", "user"]
    for name, path in (("openai", ("messages", 0)), ("anthropic", ("system",))):
        found = await sent(name, system_message("Be brief."), *HELLO.messages)
        for step in path:
            found = found[step]
        assert "Be brief." in str(found)
    rig = Rig(turns([Call("echo", {"text": "a"})]), Echo())
    await rig.loop.run()
    assert not any(message.role == "system" for message in rig.history)


def test_seed_047_ollamas_calls_may_come_before_the_last_line():
    def line(done, **message):
        return json.dumps({"message": {"content": "", **message}, "done": done}).encode() + b"\n"

    asking = {"function": {"name": "look", "arguments": {"x": 1}}}
    events = list(parse_stream_events([line(False, tool_calls=[asking]), line(True)]))
    [found] = events[-1].response.message.tool_calls
    assert (found.name, found.arguments) == ("look", {"x": 1})
    assert events[-1].response.finish.kind == "tool_calls"
