"""Statements of the seed documents about providers, each through a provider as a whole."""

import asyncio
import json

import httpx
import pytest

from jupyter_agent.protocol.errors import ErrorInfo, ParseFailed, error_from_info
from jupyter_agent.protocol.messages import (
    AudioPart,
    ImagePart,
    Message,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    user_message,
)
from jupyter_agent.protocol.models import Capabilities, Request, ToolDefinition
from jupyter_agent.providers.base import complete
from jupyter_agent.providers.registry import PROVIDERS, ProviderSpec, make_provider
from jupyter_agent.providers.replay import Call, Fail, Say, ScriptedProvider, Think

ABLE = Capabilities(
    tools=True, streaming=True, vision=True, audio=True, documents=True, tool_choice=True
)
HELLO = Request(model="m", messages=(user_message("Hello"),))
SCHEMA = {"type": "object", "properties": {"x": {"$comment": "kept", "type": "integer"}}}
TOOL = ToolDefinition(name="look", description="Look.", parameters=SCHEMA)


class Server:
    """Answers every request with one body, and keeps what was asked."""

    def __init__(self, body):
        self.body = body
        self.asked = []

    def __call__(self, request):
        self.asked.append(json.loads(request.content))
        return httpx.Response(200, content=self.body)

    def provider(self, name="openai", api="openai_chat"):
        transport = httpx.MockTransport(self)
        return make_provider(
            ProviderSpec(
                provider=name,
                api=api,
                api_key="k",
                capabilities=ABLE,
                max_retries=0,
                transport=transport,
            )
        )


def sse(*payloads):
    return b"".join(b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads)


def chunk(**delta):
    return {"choices": [{"delta": delta}]}


STOP = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
CALL = chunk(
    tool_calls=[{"index": 0, "id": "c", "function": {"name": "look", "arguments": '{"x": 1}'}}]
)
TURN = sse(chunk(reasoning="hm"), chunk(content="Hi"), CALL, STOP) + b"data: [DONE]\n\n"


async def events_of(made, request=HELLO):
    return [event async for event in made.stream(request)]


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(media_type="image/tiff", data="AAAA"),
        AudioPart(media_type="audio/midi", data="AAAA"),
        AudioPart(media_type="audio/wav", url="https://x.org/a.wav"),
    ],
)
async def test_seed_002_media_of_unknown_types_are_refused_not_dropped(part):
    server = Server(TURN)
    [event] = await events_of(
        server.provider(), Request(model="m", messages=(user_message("x", part),))
    )
    assert event.error.code == "unsupported_capability"
    assert server.asked == []


async def test_seed_003_the_raw_arguments_are_kept_and_sent_back():
    server = Server(TURN)
    made = server.provider()
    first = (await complete(made, HELLO)).message
    assert first.tool_calls[0].arguments_raw == '{"x": 1}'
    answer = ToolResultPart(tool_call_id="c", tool_name="look", content=(TextPart(text="ok"),))
    history = (*HELLO.messages, first, Message(role="tool", parts=(answer,)))
    await complete(made, Request(model="m", messages=history))
    sent = server.asked[-1]["messages"][1]["tool_calls"][0]["function"]
    assert sent["arguments"] == '{"x": 1}'


async def test_seed_004_the_schema_of_a_tool_travels_as_it_is():
    server = Server(TURN)
    await complete(server.provider(), Request(model="m", messages=HELLO.messages, tools=(TOOL,)))
    assert server.asked[0]["tools"][0]["function"]["parameters"] == SCHEMA


async def test_seed_008_and_054_the_events_of_an_answer():
    events = await events_of(Server(TURN).provider())
    assert [event.type for event in events] == [
        "thinking_delta",
        "thinking_end",
        "text_delta",
        "tool_call_start",
        "tool_call_delta",
        "tool_call_end",
        "done",
    ]
    start, delta, end = events[3:6]
    assert (start.id, start.name) == ("c", "look")
    assert (delta.id, delta.json) == ("c", '{"x": 1}')
    assert (end.id, end.arguments) == ("c", {"x": 1})


async def test_seed_013_complete_is_the_stream_put_together():
    made = Server(TURN).provider()
    whole = await complete(made, HELLO)
    events = await events_of(made)
    assert whole.message.parts == events[-1].response.message.parts
    assert whole.message.text == "".join(e.text for e in events if e.type == "text_delta")


@pytest.mark.parametrize("ping", [b": ping\n\n", b'data: {"choices":[]}\n\n', b"data: ping\n\n"])
async def test_seed_037_and_076_pings_and_noise_make_no_event(ping):
    quiet = await events_of(Server(TURN).provider())
    noisy = await events_of(Server(ping + TURN.replace(b"\n\n", b"\n\n" + ping)).provider())
    assert [event.type for event in noisy] == [event.type for event in quiet]


async def test_seed_044_without_tools_none_are_mentioned():
    server = Server(TURN)
    await complete(server.provider(), HELLO)
    assert not {"tools", "tool_choice"} & set(server.asked[0])


async def test_seed_045_a_stop_works_before_the_first_token():
    waiting = asyncio.Event()

    async def never(request):
        waiting.set()
        await asyncio.sleep(3600)

    transport = httpx.MockTransport(never)
    made = make_provider(ProviderSpec(provider="groq", api_key="k", transport=transport))
    task = asyncio.create_task(events_of(made))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


@pytest.mark.parametrize("choice", ["auto", "required", "none", "look"])
async def test_seed_050_the_choice_of_a_tool_is_mapped_by_every_provider(choice):
    for name in ("anthropic", "gemini", "bedrock", "mistral", "openai"):
        server = Server(b"")
        made = server.provider(name, None)
        request = Request(
            model="m", messages=HELLO.messages, tools=(TOOL,), tool_choice=choice, max_tokens=5
        )
        await events_of(made, request)
        assert server.asked, name


async def test_seed_050_a_tool_that_is_not_offered_cannot_be_chosen():
    request = Request(model="m", messages=HELLO.messages, tools=(TOOL,), tool_choice="other")
    [event] = await events_of(Server(TURN).provider(), request)
    assert event.error.code == "bad_request"


async def test_seed_056_errors_keep_their_cause():
    def broken(request):
        raise httpx.ReadError("cable cut")

    transport = httpx.MockTransport(broken)
    spec = ProviderSpec(provider="groq", api_key="k", max_retries=0, transport=transport)
    [event] = await events_of(make_provider(spec))
    assert event.error.code == "connection_failed"
    cause = ValueError("inner")
    assert ParseFailed("x", cause=cause).__cause__ is cause


async def test_seed_058_names_are_stable_and_one_provider_serves_many_at_once():
    made = Server(TURN).provider()
    found = await asyncio.gather(*(complete(made, HELLO) for _ in range(20)))
    assert made.name == "openai"
    assert {response.message.text for response in found} == {"Hi"}
    assert len({response.message.id for response in found}) == 20


def test_seed_059_names_round_trip():
    assert all(entry.name == name for name, entry in PROVIDERS.items())


async def test_seed_060_the_double_has_settable_parts_and_keeps_the_requests():
    answers = [[Think("hm"), Say("first")], [Call("look", {"x": 1})]]

    def script(request):
        return answers.pop(0) if answers else [Say("fallback")]

    double = ScriptedProvider(script, "double", model="m-2", capabilities=ABLE)
    assert (double.name, double.capabilities) == ("double", ABLE)
    found = [(await complete(double, HELLO)).message for _ in range(4)]
    assert [message.text for message in found] == ["first", "", "fallback", "fallback"]
    assert double.requests == [HELLO] * 4


async def test_seed_079_an_end_without_a_finish_is_an_error_and_closes_no_call():
    events = await events_of(Server(sse(chunk(content="Hi"), CALL)).provider())
    assert [event.type for event in events][-1] == "error"
    assert "tool_call_end" not in [event.type for event in events]
    info = events[-1].error
    assert error_from_info(info).retryable is True


async def test_seed_011_a_stream_that_failed_is_closed_too():
    double = ScriptedProvider(lambda request: [Fail(ErrorInfo(code="refused", message="No."))])
    stream = double.stream(HELLO)
    assert (await anext(stream)).type == "error"
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_seed_051_arguments_may_hold_any_json():
    value = {"a": [1, 2.5, None, True, {"b": "é"}], "c": "", "d": -1e10}
    raw = json.dumps(value, ensure_ascii=False)
    call = ToolCallPart(id="c", index=0, name="look", arguments_raw=raw, arguments=value)
    for name in ("anthropic", "gemini", "bedrock", "openai"):
        server = Server(b"")
        turn = Message(role="assistant", parts=(call,))
        await events_of(
            server.provider(name, None), Request(model="m", messages=(*HELLO.messages, turn))
        )
        sent = json.dumps(server.asked[0], ensure_ascii=False)
        assert "é" in sent and "2.5" in sent
