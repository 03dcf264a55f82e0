"""Statements 62 to 76: the TypeScript provider layer of a notebook."""

import asyncio
import inspect
import json
import sys

import pytest
from seed_rigs import (
    HELLO,
    STOP,
    TURN,
    Echo,
    Rig,
    Server,
    assistant,
    call,
    call_chunk,
    chunk,
    events_of,
    result,
    results,
    sent,
    sse,
    turns,
)

from jupyter_agent.agent.limits import Limits
from jupyter_agent.interop import notebook_blocks, notebook_events
from jupyter_agent.protocol import codec
from jupyter_agent.protocol.errors import ConfigError, MissingKey, NotAllowed
from jupyter_agent.protocol.messages import Message, TextPart, system_message
from jupyter_agent.protocol.models import ToolDefinition
from jupyter_agent.protocol.session_events import Notice
from jupyter_agent.providers import (
    anthropic,
    bedrock,
    gemini,
    ollama,
    openai_chat,
    openai_responses,
)
from jupyter_agent.providers.base import complete
from jupyter_agent.providers.replay import Call, Say
from jupyter_agent.server.errors import status_of
from jupyter_agent.session.journal import Journal
from jupyter_agent.store.rows import SessionRow
from jupyter_agent.store.sessions import open_store
from jupyter_agent.tools.base import definition


def test_seed_062_a_tool_is_a_name_a_description_and_an_object_schema():
    offered = definition(Echo())
    assert (offered.name, offered.description) == ("echo", "Repeat.")
    assert offered.parameters["type"] == "object"
    assert offered.parameters["properties"] == {"text": {"type": "string"}}
    assert offered.parameters["required"] == ["text"]


@pytest.mark.parametrize("role", ["user", "assistant", "tool_result"])
def test_seed_063_content_is_a_string_or_blocks(role):
    ours = "tool" if role == "tool_result" else role
    for content in ("x", [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]):
        message = notebook_blocks.from_wire_message({"role": role, "content": content})
        assert message.role == ours and message.text in ("x", "xy")
        back = notebook_blocks.to_wire_message(message)
        assert back.model_dump(exclude_none=True) == {"role": role, "content": content}


def test_seed_064_metadata_is_opaque_and_comes_back_unchanged():
    metadata = {"thoughtSignature": "S", "nested": {"a": [1, None]}}
    blocks = [
        {"type": "text", "text": "x", "metadata": {"k": 1}},
        {"type": "tool_use", "id": "c", "name": "look", "input": {"x": 1}, "metadata": metadata},
    ]
    message = notebook_blocks.from_wire_message({"role": "assistant", "content": blocks})
    assert message.tool_calls[0].provider_metadata == metadata
    saved = codec.from_json(Message, codec.to_json(Message, message))
    back = notebook_blocks.to_wire_message(saved)
    assert back.content[0].model_dump(exclude_none=True) == blocks[0]
    assert back.content[1].metadata == metadata


def test_seed_065_a_result_has_an_id_a_name_content_and_whether_it_failed():
    wires = [
        {"toolUseId": "c", "toolName": "look", "content": "ok"},
        {"toolUseId": "d", "toolName": "look", "content": "no cell", "isError": True},
    ]
    message = notebook_blocks.from_wire_results(wires)
    assert message.role == "tool"
    assert message.tool_results == (result(), result("d", "no cell", is_error=True))
    back = [one.model_dump(exclude_none=True) for one in notebook_blocks.to_wire_results(message)]
    assert back == wires


async def test_seed_065_gemini_gets_the_name():
    body = await sent("gemini", *HELLO.messages, assistant(call()), results(result()))
    assert body["contents"][-1]["parts"][0]["functionResponse"]["name"] == "look"


async def test_seed_066_normalised_events_are_all_there_is():
    events = await events_of(Server(TURN).provider())
    wires = [wire for event in events for wire in notebook_events.to_wire_events(event)]
    assert wires == [
        {"type": "text_delta", "text": "Hi"},
        {"type": "tool_use_start", "id": "c", "name": "look"},
        {"type": "tool_input_delta", "json": '{"x": 1}'},
        {"type": "tool_use_end", "id": "c", "input": {"x": 1}},
        {"type": "message_meta", "stopReason": "tool_calls"},
    ]
    done = list(notebook_events.read_events(wires))[-1].response
    assert done.message.parts == (TextPart(text="Hi"), call())
    assert done.finish.kind == "tool_calls"


def reading(*wires):
    return list(notebook_events.read_events(wires))


def start(id):
    return {"type": "tool_use_start", "id": id, "name": "look"}


END = {"type": "message_meta", "stopReason": "tool_use"}


def test_seed_067_input_given_at_the_end_wins_by_id_else_the_pieces_are_parsed():
    pieces = {"type": "tool_input_delta", "json": '{"x": 1}'}
    *_, done = reading(
        start("a"), start("b"), pieces, {"type": "tool_use_end", "id": "a", "input": {"x": 9}}, END
    )
    first, second = done.response.message.tool_calls
    assert (first.id, first.arguments) == ("a", {"x": 9})
    assert (second.id, second.arguments) == ("b", {"x": 1})
    *_, done = reading(
        start("a"), pieces, {"type": "tool_use_end", "id": "a", "input": {"x": 9}}, END
    )
    assert done.response.message.tool_calls[0].arguments == {"x": 9}


def test_seed_067_an_end_that_is_of_no_call_is_harmless():
    events = reading({"type": "text_delta", "text": "x"}, {"type": "tool_use_end"}, END)
    assert [event.type for event in events] == ["text_delta", "done"]


async def test_seed_068_what_is_null_or_empty_overwrites_nothing():
    *_, done = reading(
        {"type": "message_meta", "inputTokens": 5, "stopReason": "end_turn"},
        {"type": "message_meta", "outputTokens": 7, "stopReason": ""},
        {"type": "message_meta", "inputTokens": None, "outputTokens": None},
    )
    assert (done.response.usage.input, done.response.usage.output) == (5, 7)
    assert done.response.finish.kind == "stop"
    twice = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    nulls = {"choices": [], "usage": {"prompt_tokens": None, "completion_tokens": None}}
    body = sse(chunk(content="x"), chunk("length"), twice, nulls, chunk(""), done=True)
    response = await complete(Server(body).provider(), HELLO)
    assert (response.usage.input, response.usage.output) == (3, 4)
    assert response.finish.kind == "length"


VERBS = (
    "create_stream",
    "parse_stream_events",
    "format_tools",
    "format_messages",
    "format_tool_results",
    "should_continue",
    "format_error",
)


@pytest.mark.parametrize(
    "adapter", [anthropic, bedrock, gemini, ollama, openai_chat, openai_responses]
)
def test_seed_069_each_adapter_shows_the_seven_verbs(adapter):
    missing = [verb for verb in VERBS if not inspect.isfunction(getattr(adapter, verb, None))]
    assert missing == []


async def test_seed_070_anthropics_system_stands_apart_and_results_are_one_message():
    body = await sent(
        "anthropic",
        system_message("Be brief."),
        *HELLO.messages,
        assistant(call("a"), call("b")),
        results(result("a"), result("b", "no", is_error=True)),
    )
    assert "Be brief." in json.dumps(body["system"])
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    first, second = body["messages"][2]["content"]
    assert first["tool_use_id"] == "a" and not first.get("is_error")
    assert second["tool_use_id"] == "b" and second["is_error"] is True


def test_seed_070_the_end_of_a_text_block_is_harmless():
    payloads = [
        {"type": "message_start", "message": {"id": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ]
    body = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in payloads)
    events = list(anthropic.parse_stream_events([body.encode()]))
    assert [event.type for event in events if event.type != "usage"] == ["text_delta", "done"]


async def test_seed_071_openai_by_index_with_usage_after_the_end():
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    body = sse(
        call_chunk(0, "a", "look", "{}"), call_chunk(1, "b", "look", "{}"), STOP, usage, done=True
    )
    server = Server(body)
    response = await complete(server.provider(), HELLO)
    assert [one.id for one in response.message.tool_calls] == ["a", "b"]
    assert response.usage.output == 4
    assert server.asked[0]["stream_options"] == {"include_usage": True}
    asked = await sent(
        "openai", *HELLO.messages, response.message, results(result("a"), result("b"))
    )
    tools = [message for message in asked["messages"] if message["role"] == "tool"]
    assert [message["tool_call_id"] for message in tools] == ["a", "b"]


def gemini_answer(*parts, finish="STOP"):
    answer = {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}]}
    return list(gemini.parse_stream_events([sse(answer)]))


async def test_seed_072_gemini_ids_thoughts_types_and_answers():
    events = gemini_answer(
        {"text": "I think", "thought": True}, {"functionCall": {"name": "look", "args": {"x": 1}}}
    )
    response = events[-1].response
    [found] = response.message.tool_calls
    assert found.id and gemini.should_continue(response)
    assert (response.message.text, response.message.thinking) == ("", "I think")
    nested = {
        "type": "object",
        "properties": {"ids": {"anyOf": [{"type": "array", "items": {"type": "string"}}]}},
    }
    tool = ToolDefinition(name="look", description="", parameters=nested)
    history = (*HELLO.messages, response.message, results(result(found.id)))
    body = await sent("gemini", *history, tools=(tool,))
    schema = json.dumps(body["tools"])
    assert '"OBJECT"' in schema and '"ARRAY"' in schema and '"STRING"' in schema
    assert '"string"' not in schema
    answer = body["contents"][-1]["parts"][0]["functionResponse"]
    assert answer["name"] == "look" and "id" not in answer


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (429, {"message": "Slow down"}, "rate_limited"),
        (401, {"message": "bad key"}, "unauthorized"),
        (529, {"type": "overloaded_error"}, "overloaded"),
        (400, {"message": "bad field"}, "bad_request"),
        (418, {"message": "teapot"}, "bad_request"),
    ],
)
async def test_seed_073_errors_are_sentences(status, body, code):
    raw = json.dumps({"error": body}).encode()
    [event] = await events_of(Server(raw, status=status).provider())
    assert event.error.code == code
    assert event.error.message[0].isupper() and event.error.message.endswith((".", "!", "”"))
    assert "{" not in event.error.message


@pytest.mark.parametrize("word", ["SAFETY", "RECITATION"])
def test_seed_073_safety_and_recitation_are_told(word):
    last = gemini_answer({"text": "I"}, finish=word)[-1]
    assert last.type == "done"
    assert (last.response.finish.kind, last.response.finish.raw) == ("content_filter", word)


async def test_seed_073_a_missing_package_names_the_command(monkeypatch):
    """Vendors' SDKs are not needed; the one optional package is for signing on AWS."""
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    provider = Server(TURN).provider("bedrock", api_key=None)
    [event] = await events_of(provider)
    assert "pip install botocore" in event.error.message


async def test_seed_074_at_most_25_turns():
    assert Limits().max_turns == 25
    count = iter(range(100))
    rig = Rig(lambda request: [Call("echo", {"text": str(next(count))})], Echo())
    outcome = await rig.loop.run()
    assert outcome.status == "limit" and len(rig.provider.requests) == 25


async def test_seed_074_unknown_tools_and_faults_are_results_and_the_loop_goes_on():
    async def fail(arguments):
        raise ZeroDivisionError("oops")

    rig = Rig(turns([Call("ecko", {}), Call("echo", {"text": "a"})]), Echo(before=fail))
    assert (await rig.loop.run()).status == "done"
    unknown, broken = rig.results()
    assert unknown.is_error and "ecko" in unknown.text
    assert broken.is_error and "ZeroDivisionError" in broken.text
    assert len(rig.provider.requests) == 2


async def test_seed_074_effects_are_told_before_results_and_turns_end_between():
    rig = Rig(turns([Call("echo", {"text": "a"})]), Echo())
    await rig.loop.run()
    types = rig.types()
    assert types.index("tool_start") < types.index("tool_end")
    assert types.index("tool_end") < types.index("turn_end")
    assert types.index("turn_end") < types.index("turn_start", types.index("turn_end"))


async def test_seed_074_invalid_input_causes_no_side_effect():
    echo = Echo(permission="write")
    rig = Rig(turns([Call("echo", {"wrong": 1})]), echo)
    await rig.loop.run()
    assert echo.ran == [] and rig.asked == [] and rig.results()[0].is_error
    assert "tool_start" not in rig.types()


async def test_seed_075_a_missing_message_is_a_400(socket):
    reply = await socket.ask(type="prompt", session_id="s", op_id="o")
    assert reply["error"]["code"] == "bad_frame"


async def test_seed_075_a_missing_field_is_a_400_over_http(browser, manager):
    made = manager.add("s")
    response = await browser.fetch(f"sessions/{made.id}/fork", "POST", {})
    assert response.code == 400


async def test_seed_075_a_missing_key_is_a_401():
    assert status_of(MissingKey("No key.")) == 401
    assert status_of(ConfigError("Not allowed here.")) == 400


async def test_seed_075_what_an_administrator_set_cannot_be_changed(tmp_path):
    from jupyter_agent.access.model_access import ModelAccess
    from jupyter_agent.config import ProviderOverride, Settings
    from jupyter_agent.models.credentials import Credentials

    settings = Settings(
        providers={"openai": ProviderOverride(base_url="https://gateway.test/v1")},
        allowed_providers=frozenset({"openai"}),
        discover_local_servers=False,
    )
    keys = Credentials(tmp_path, environment={"OPENAI_API_KEY": "k"}, find_keyring=lambda: None)
    access = ModelAccess(settings, keys)
    with pytest.raises(NotAllowed, match="administrator"):
        await access.keys.store("openai", base_url="https://evil.test/v1")
    assert access.open("openai/gpt-5.5").provider.endpoint.base_url == "https://gateway.test/v1"
    with pytest.raises(ConfigError, match="administrator"):
        access.open("anthropic/claude-sonnet-5")


async def test_seed_075_a_watchers_fault_does_not_end_the_run(caplog):
    store = await open_store(None)
    row = SessionRow(
        id="s",
        owner="me",
        title="",
        notebook_path=None,
        model="demo",
        mode="ask",
        effort=None,
        created_at="2026-01-02T00:00:00Z",
        updated_at="2026-01-02T00:00:00Z",
    )
    await store.create_session(row)
    journal = Journal("s", store)
    seen = []

    def fail(seq, event, data):
        raise ZeroDivisionError("oops")

    journal.attach(fail, None)
    journal.attach(lambda seq, event, data: seen.append(seq), None)
    journal.emit(Notice(level="info", text="a"))
    assert seen == [1] and "A watcher of the session failed" in caplog.text
    await journal.aclose()
    await store.aclose()


async def test_seed_076_stop_is_no_error_and_nothing_is_run():
    """Rows, their states and unfolding are the panel's: labextension/src and tests/e2e."""
    echo = Echo()
    rig = Rig(turns([Say("word " * 500), Call("echo", {"text": "a"})]), echo)
    task = asyncio.create_task(rig.loop.run())
    while "text_delta" not in rig.types():  # noqa: ASYNC110 (the double knows no events)
        await asyncio.sleep(0)
    task.cancel()
    outcome = await asyncio.wait_for(task, 5)
    assert (outcome.status, outcome.error) == ("stopped", None)
    assert echo.ran == [] and rig.history[-1].metadata.interrupted


def test_seed_076_malformed_events_are_skipped_and_split_frames_joined():
    noise = b"data: ping\n\n: comment\n\nevent: x\n\n"
    whole = list(openai_chat.parse_stream_events([TURN]))
    pieces = [bytes([byte]) for byte in noise + TURN]
    split = list(openai_chat.parse_stream_events(pieces))
    assert [event.type for event in split] == [event.type for event in whole]
    assert split[-1].response.message.parts == whole[-1].response.message.parts
