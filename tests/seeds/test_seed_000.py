"""Statements 1 to 14: the Go provider package."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from seed_rigs import (
    ABLE,
    CALL,
    HELLO,
    SCHEMA,
    STOP,
    TOOL,
    TURN,
    WIRES,
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
)

from jupyter_agent.interop import go_provider
from jupyter_agent.protocol import codec
from jupyter_agent.protocol.errors import ErrorInfo
from jupyter_agent.protocol.messages import AudioPart, ImagePart, Message
from jupyter_agent.protocol.models import Request
from jupyter_agent.protocol.provider_events import ProviderEvent, Response
from jupyter_agent.protocol.usage import Finish, Usage
from jupyter_agent.providers.base import complete
from jupyter_agent.providers.registry import ProviderSpec, make_provider
from jupyter_agent.providers.replay import Fail, Say, ScriptedProvider, Wait


def test_seed_001_a_message_round_trips():
    wire = {
        "Role": "assistant",
        "Content": "See",
        "Images": [{"URL": "", "Base64": "iVBOR", "ContentType": "image/png"}],
        "Audio": [{"URL": "https://x.org/a.wav", "Base64": "", "ContentType": "audio/wav"}],
        "ToolCalls": [{"ID": "c", "Name": "look", "Arguments": '{"x": 1}'}],
        "ToolCallID": "",
    }
    answer = {**wire, "Role": "tool", "ToolCalls": [], "ToolCallID": "c"}
    for data in (wire, answer):
        message = codec.from_json(
            Message, codec.to_json(Message, go_provider.from_wire_message(data))
        )
        [back] = go_provider.to_wire_messages(message)
        assert back.model_dump() == data
    assert message.tool_results[0].tool_call_id == "c"


@pytest.mark.parametrize("name", ["anthropic", "openai"])
async def test_seed_002_an_image_may_be_data_or_an_address(name):
    inline = ImagePart(media_type="image/png", data="iVBORw0KGgo=")
    far = ImagePart(media_type="image/png", url="https://x.org/a.png")
    body = str(await sent(name, said("x", inline, far)))
    assert "iVBORw0KGgo=" in body and "https://x.org/a.png" in body and "image/png" in body


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(media_type="image/tiff", data="AAAA"),
        AudioPart(media_type="audio/midi", data="AAAA"),
        AudioPart(media_type="audio/wav", url="https://x.org/a.wav"),
    ],
)
async def test_seed_002_media_that_cannot_be_sent_are_refused_not_dropped(part):
    server = Server(TURN)
    request = Request(model="m", messages=(said("x", part),))
    [event] = await events_of(server.provider(), request)
    assert event.error.code == "unsupported_capability"
    assert server.asked == []


async def test_seed_003_the_raw_arguments_are_kept_and_sent_back():
    raw = '{"x" :1.0}'
    server = Server(sse(call_chunk(0, "c", "look", raw), STOP, done=True))
    turn = (await complete(server.provider(), HELLO)).message
    assert turn.tool_calls[0].arguments_raw == raw
    body = await sent("openai", *HELLO.messages, turn, results(result()))
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == raw


async def test_seed_004_the_schema_of_a_tool_travels_as_it_is():
    chat = await sent("openai", tools=(TOOL,))
    assert chat["tools"][0]["function"]["parameters"] == SCHEMA
    messages = await sent("anthropic", tools=(TOOL,))
    assert messages["tools"][0]["input_schema"] == SCHEMA


@pytest.mark.parametrize("name", WIRES)
async def test_seed_005_none_is_left_off_and_zero_is_sent(name):
    plain = str(await sent(name))
    for field in ("temperature", "top_p", "topP", "stop"):
        assert f"'{field}" not in plain, field
    # OpenAI's models that think refuse a temperature; the others are asked here.
    plainer = replace(ABLE, thinking=False)
    zeros = {"temperature": 0.0, "top_p": 0.0, "stop": ("END",), "max_tokens": 7}
    cold = str(await sent(name, capabilities=plainer, **zeros))
    assert "'temperature': 0" in cold and "': 7" in cold and "'END'" in cold
    assert "'top_p': 0" in cold or "'topP': 0" in cold


async def test_seed_006_a_response_is_text_calls_and_usage_if_told():
    response = await complete(Server(TURN).provider(), HELLO)
    assert (response.message.text, response.usage) == ("Hi", None)
    assert [(one.id, one.name, one.arguments) for one in response.message.tool_calls] == [
        ("c", "look", {"x": 1})
    ]
    wire = go_provider.to_wire_response(
        Response(message=assistant(call()), finish=Finish(kind="tool_calls"))
    )
    assert wire.Usage is None
    assert go_provider.from_wire_response(wire).message.tool_calls == (call(),)


async def test_seed_007_usage_is_input_output_and_total():
    told = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}
    body = sse(chunk(content="Hi"), STOP, told, done=True)
    response = await complete(Server(body).provider(), HELLO)
    assert response.usage == Usage(input=3, output=4, total=7)
    wire = go_provider.to_wire_response(response)
    assert wire.model_dump()["Usage"] == {"InputTokens": 3, "OutputTokens": 4, "TotalTokens": 7}
    assert go_provider.from_wire_response(wire).usage == response.usage


async def test_seed_008_an_event_has_the_fields_of_its_type_alone():
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
    fields = {event.type: set(codec.to_data(ProviderEvent, event)) - {"type"} for event in events}
    assert fields["text_delta"] == {"text"}
    assert fields["tool_call_start"] == {"id", "index", "name"}
    assert fields["tool_call_delta"] == {"id", "index", "json"}
    assert fields["done"] == {"response"}
    [failed] = await events_of(Server(b"{}", status=400).provider())
    assert set(codec.to_data(ProviderEvent, failed)) == {"type", "error"}


async def test_seed_009_the_index_separates_calls_that_arrive_interleaved():
    body = sse(
        call_chunk(0, "a", "look", '{"x":'),
        call_chunk(1, "b", "look", '{"x":'),
        call_chunk(0, None, None, "1}"),
        call_chunk(1, None, None, "2}"),
        STOP,
        done=True,
    )
    events = await events_of(Server(body).provider())
    pieces = {0: "", 1: ""}
    for event in events:
        if event.type == "tool_call_delta":
            pieces[event.index] += event.json
    assert pieces == {0: '{"x":1}', 1: '{"x":2}'}
    calls = events[-1].response.message.tool_calls
    assert [(one.index, one.id, one.arguments) for one in calls] == [
        (0, "a", {"x": 1}),
        (1, "b", {"x": 2}),
    ]


async def test_seed_010_exactly_one_done_comes_last_with_the_whole_response():
    events = await events_of(Server(TURN).provider())
    assert [event.type for event in events].count("done") == 1
    message = events[-1].response.message
    assert (message.text, message.thinking) == ("Hi", "hm")
    assert len(message.tool_calls) == 1


class Body(httpx.AsyncByteStream):
    """A body that notes its closing; it waits for ever after its bytes if it is to."""

    def __init__(self, content, *, waits=False):
        self.content = content
        self.waits = waits
        self.closed = asyncio.Event()

    async def __aiter__(self):
        yield self.content
        if self.waits:
            await asyncio.Event().wait()

    async def aclose(self):
        self.closed.set()

    def provider(self):
        transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=self))
        spec = ProviderSpec(provider="groq", api_key="k", max_retries=0, transport=transport)
        return make_provider(spec)


@pytest.mark.parametrize(("content", "last"), [(TURN, "done"), (sse(CALL), "error")])
async def test_seed_011_the_connection_is_released_after_success_and_error(content, last):
    body = Body(content)
    assert (await events_of(body.provider()))[-1].type == last
    assert body.closed.is_set()


async def test_seed_011_the_connection_is_released_when_the_reader_leaves():
    body = Body(sse(chunk(content="Hi")), waits=True)
    stream = body.provider().stream(HELLO)
    assert (await anext(stream)).text == "Hi"
    await stream.aclose()
    assert body.closed.is_set()


async def test_seed_011_a_stream_that_failed_has_ended():
    double = ScriptedProvider(lambda request: [Fail(ErrorInfo(code="refused", message="No."))])
    stream = double.stream(HELLO)
    assert (await anext(stream)).type == "error"
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@pytest.mark.parametrize("ask", [complete, events_of])
async def test_seed_012_a_question_can_be_cancelled_either_way(ask):
    started = asyncio.Event()

    def script(request):
        started.set()
        return [Say("a"), Wait(3600)]

    task = asyncio.create_task(ask(ScriptedProvider(script), HELLO))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)


async def test_seed_013_complete_is_the_stream_put_together():
    whole = await complete(Server(TURN).provider(), HELLO)
    events = await events_of(Server(TURN).provider())
    assert whole.message.parts == events[-1].response.message.parts
    assert whole.message.text == "".join(e.text for e in events if e.type == "text_delta")


def answering(*statuses, **headers):
    asked = []

    def handler(request):
        asked.append(request)
        if len(asked) <= len(statuses):
            given = {"retry-after-ms": "1", **headers}
            return httpx.Response(statuses[len(asked) - 1], headers=given)
        return httpx.Response(200, content=TURN)

    spec = ProviderSpec(
        provider="groq", api_key="k", transport=httpx.MockTransport(handler), max_retries=2
    )
    return make_provider(spec), asked


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_seed_014_what_may_pass_is_tried_twice_again(status):
    provider, asked = answering(status, status)
    assert (await events_of(provider))[-1].type == "done"
    assert len(asked) == 3
    provider, asked = answering(status, status, status)
    assert (await events_of(provider))[-1].type == "error"
    assert len(asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_seed_014_what_stays_wrong_is_not_tried_again(status):
    provider, asked = answering(status)
    assert (await events_of(provider))[-1].type == "error"
    assert len(asked) == 1


async def test_seed_014_the_servers_own_word_wins():
    provider, asked = answering(500, **{"x-should-retry": "false"})
    assert (await events_of(provider))[-1].type == "error"
    assert len(asked) == 1
    provider, asked = answering(400, **{"x-should-retry": "true"})
    assert (await events_of(provider))[-1].type == "done"


async def test_seed_014_a_stop_between_tries_is_obeyed():
    retrying = asyncio.Event()
    transport = httpx.MockTransport(
        lambda request: httpx.Response(429, headers={"retry-after": "60"})
    )
    spec = ProviderSpec(
        provider="groq",
        api_key="k",
        transport=transport,
        on_retry=lambda *told: retrying.set(),
    )
    task = asyncio.create_task(events_of(make_provider(spec)))
    await retrying.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
