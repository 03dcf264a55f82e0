"""Statements 77 to 87: defects of the seeds' origins that must not come back."""

import json

import pytest
from seed_rigs import (
    CALL,
    HELLO,
    STOP,
    TOOL,
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
    said,
    sent,
    sse,
    turns,
)

from jupyter_agent.agent.limits import Limits
from jupyter_agent.protocol import codec
from jupyter_agent.protocol.errors import error_from_info
from jupyter_agent.protocol.messages import Message, MessageMeta, ThinkingPart
from jupyter_agent.protocol.models import Request, ToolDefinition
from jupyter_agent.protocol.usage import Finish
from jupyter_agent.providers import gemini
from jupyter_agent.providers.base import complete
from jupyter_agent.providers.replay import Call, Say


@pytest.mark.parametrize("raw", ['{"text": "a"', "[1]", '{"text": NaN}', '{"text":"a","text":"b"}'])
async def test_seed_077_malformed_arguments_are_an_error_to_the_model_and_never_run(raw):
    echo = Echo()
    rig = Rig(turns([Call("echo", raw)]), echo)
    assert (await rig.loop.run()).status == "done"
    [found] = rig.results()
    assert found.is_error and echo.ran == []
    assert rig.provider.requests[1].messages[-1].tool_results[0].is_error


async def test_seed_078_a_missing_id_is_made_up():
    body = sse(call_chunk(0, None, "look", "{}"), call_chunk(1, "", "look", "{}"), STOP, done=True)
    calls = (await complete(Server(body).provider(), HELLO)).message.tool_calls
    assert len({one.id for one in calls}) == 2 and all(one.id for one in calls)


async def test_seed_078_mistral_gets_nine_alphanumerics_and_ours_come_back():
    history = (assistant(call("call_1234567890")), results(result("call_1234567890")))
    body = await sent("mistral", *HELLO.messages, *history)
    asking, answering = body["messages"][1:3]
    wire = asking["tool_calls"][0]["id"]
    assert len(wire) == 9 and wire.isalnum()
    assert answering["tool_call_id"] == wire


async def test_seed_079_an_end_without_a_finish_is_an_error_and_its_call_never_ends():
    events = await events_of(Server(sse(chunk(content="Hi"), CALL)).provider())
    types = [event.type for event in events]
    assert types[-1] == "error" and "tool_call_end" not in types
    assert error_from_info(events[-1].error).retryable is True


async def test_seed_080_stop_with_calls_still_runs_them():
    response = await complete(Server(sse(CALL, STOP, done=True)).provider(), HELLO)
    assert (response.finish.kind, response.finish.raw) == ("tool_calls", "stop")
    echo = Echo()
    rig = Rig(turns([Call("echo", {"text": "a"}), Finish(kind="stop", raw="stop")]), echo)
    await rig.loop.run()
    assert echo.ran == ["a"]


async def test_seed_081_geminis_signature_survives_the_disk_and_none_is_made_up():
    parts = [
        {"functionCall": {"name": "one", "args": {}}, "thoughtSignature": "S1"},
        {"functionCall": {"name": "two", "args": {}}},
    ]
    answer = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    found = list(gemini.parse_stream_events([sse(answer)]))[-1].response.message
    saved = codec.from_json(Message, codec.to_json(Message, found))
    answers = results(*(result(one.id, name=one.name) for one in saved.tool_calls))
    body = await sent("gemini", *HELLO.messages, saved, answers)
    assert [turn["role"] for turn in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][1]["parts"] == parts
    assert len(body["contents"][2]["parts"]) == 2


@pytest.mark.parametrize(("made_by", "kept"), [("anthropic", True), ("openai", False)])
async def test_seed_082_sealed_thinking_is_replayed_to_its_own_provider_alone(made_by, kept):
    sealed = assistant(
        ThinkingPart(text="hm", signature="SEAL"),
        call(),
        metadata=MessageMeta(provider=made_by),
    )
    body = await sent("anthropic", *HELLO.messages, sealed, results(result()))
    turn = body["messages"][1]["content"]
    thinking = {"type": "thinking", "thinking": "hm", "signature": "SEAL"}
    assert (turn[0] == thinking) is kept
    assert ("SEAL" in json.dumps(body)) is kept
    assert turn[-1]["type"] == "tool_use"


@pytest.mark.parametrize(("asked", "kept"), [("openrouter", True), ("openai", False)])
async def test_seed_082_openrouters_details_are_replayed_to_it_alone(asked, kept):
    details = [{"type": "reasoning.text", "text": "hm", "signature": "SEAL", "index": 0}]
    meta = MessageMeta(provider="openrouter", reasoning_details=details)
    turn = assistant(call(), metadata=meta)
    body = await sent(asked, *HELLO.messages, turn, results(result()))
    assert (body["messages"][1].get("reasoning_details") == details) is kept


@pytest.mark.parametrize("name", ["anthropic", "openai", "gemini", "bedrock"])
async def test_seed_083_unanswered_calls_get_an_interrupted_result(name):
    history = (assistant(call("a"), call("b")), results(result("b")), said("go on"))
    body = json.dumps(await sent(name, *HELLO.messages, *history))
    assert "Interrupted" in body and body.index("Interrupted") < body.index("go on")


@pytest.mark.parametrize("kind", ["length", "refusal", "content_filter"])
async def test_seed_084_why_an_answer_was_cut_is_said(kind):
    rig = Rig(turns([Say("half"), Finish(kind=kind, raw=kind)]))
    await rig.loop.run()
    [notice] = [event for event in rig.events if event.type == "notice"]
    assert notice.code == kind and notice.text


async def test_seed_084_the_limit_of_turns_is_said():
    rig = Rig(lambda request: [Call("echo", {"text": "a"})], Echo(), limits=Limits(max_turns=2))
    outcome = await rig.loop.run()
    assert outcome.status == "limit" and "limit" in outcome.error.message


@pytest.mark.parametrize("name", ["openai", "ollama"])
async def test_seed_085_errors_are_marked_in_the_text_where_there_is_no_field(name):
    failed = result(text="no cell", is_error=True)
    body = await sent(name, *HELLO.messages, assistant(call()), results(failed))
    assert body["messages"][-1]["content"] == "Error: no cell"


def test_seed_086_a_key_goes_only_to_the_address_it_was_entered_for(tmp_path):
    """The connection's release when its reader leaves is statement 11."""
    from jupyter_agent.models.credentials import Credentials

    keys = Credentials(tmp_path, environment={}, find_keyring=lambda: None)
    keys.set_key("openai", "sk-canary-0123456789", "https://api.openai.com/v1")
    assert keys.lookup("openai", (), "https://api.openai.com/v1").text == "sk-canary-0123456789"
    assert keys.lookup("openai", (), "https://evil.test/v1") is None


async def test_seed_086_a_key_stands_in_no_message_and_in_no_body():
    server = Server(sse(chunk(content="Hi"), STOP, done=True))
    response = await complete(server.provider(api_key="sk-canary-0123456789"), HELLO)
    assert "canary" in server.headers[0]["authorization"]
    assert "canary" not in json.dumps(server.asked)
    assert "canary" not in codec.to_json(Message, response.message).decode()


@pytest.mark.parametrize("name", ["anthropic", "openai", "bedrock", "ollama"])
async def test_seed_087_dots_in_names_are_encoded(name):
    tool = ToolDefinition(name="nb.read", description="Read.", parameters={"type": "object"})
    body = json.dumps(
        await sent(
            name,
            *HELLO.messages,
            assistant(call(name="nb.read")),
            results(result(name="nb.read")),
            tools=(tool, TOOL),
        )
    )
    assert "nb.read" not in body and "nb_read" in body and '"look"' in body


async def test_seed_087_and_mapped_back():
    body = sse(call_chunk(0, "c", "nb_read", "{}"), STOP, done=True)
    tool = ToolDefinition(name="nb.read", description="Read.", parameters={"type": "object"})
    request = Request(model="m", messages=HELLO.messages, tools=(tool,))
    response = await complete(Server(body).provider(), request)
    assert [one.name for one in response.message.tool_calls] == ["nb.read"]
