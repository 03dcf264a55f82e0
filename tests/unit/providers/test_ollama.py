"""Ollama: lines of JSON, calls in the last line, sizes and abilities asked of the server."""

import json

import httpx
import pytest

from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import Capabilities, Request, ToolDefinition
from jupyter_agent.providers.ollama import (
    create_stream,
    format_error,
    parse_stream_events,
    read_show,
    should_continue,
)
from jupyter_agent.providers.registry import ProviderSpec, make_provider

TOOL = ToolDefinition(name="nb.run", description="", parameters={"type": "object"})
SHOW = {
    "capabilities": ["completion", "tools", "thinking"],
    "model_info": {"general.architecture": "x", "x.context_length": 131072},
}


def line(done=False, **fields):
    message = {"role": "assistant", "content": fields.pop("content", "")}
    extra = {key: fields.pop(key) for key in ("thinking", "tool_calls") if key in fields}
    return {"message": {**message, **extra}, "done": done, **fields}


def read(*payloads):
    body = "".join(json.dumps(payload) + "\n" for payload in payloads)
    return list(parse_stream_events([body.encode()]))


def call(arguments, **fields):
    return {"function": {"name": "nb_run", "arguments": arguments}, **fields}


def test_seed_047_calls_may_come_in_any_line():
    first = line(tool_calls=[call({"a": 1})])
    last = line(True, tool_calls=[call({}, id="own"), call('{"b":2}')], done_reason="stop")
    found = read(first, last)[-1].response
    assert [c.arguments for c in found.message.tool_calls] == [{"a": 1}, {}, {"b": 2}]
    assert found.message.tool_calls[1].id == "own"
    assert found.finish.kind == "tool_calls" and should_continue(found)


def test_thinking_text_and_counts():
    found = read(
        line(thinking="hm"),
        line(content="so"),
        line(True, done_reason="length", prompt_eval_count=4, eval_count=6),
    )[-1].response
    assert (found.message.thinking, found.message.text) == ("hm", "so")
    assert found.finish.kind == "length"
    assert (found.usage.input, found.usage.output) == (4, 6)


@pytest.mark.parametrize(
    "body",
    [
        b'{"message":{"content":"a"},"done":false}\n{"error":"model runner has crashed"}\n',
        b'{"message":{"content":"a"},"done":false}\n',
        b'{"message":{"content":"a"},"done":false}\n{"message":{"content":"","tool_ca',
        b"<html>\n",
        b"[1]\n",
        b'{"message":{"tool_calls":[{}]},"done":true}\n',
    ],
)
def test_what_does_not_end_is_an_error(body):
    events = list(parse_stream_events([body]))
    assert events[-1].type == "error"


def test_a_missing_model_names_the_command():
    error = format_error(404, {}, b'{"error":"not found"}', provider="ollama", model="llama9")
    assert "ollama pull llama9" in error.user_message


def test_the_servers_word_on_a_model_is_read():
    learned = read_show(SHOW)
    assert learned.context_window == 131072
    assert learned.capabilities.tools and learned.capabilities.thinking
    assert not learned.capabilities.vision
    assert read_show({}).capabilities.tools is False


def served(answers, asked):
    def handler(request):
        asked.append((request.url.path, json.loads(request.content or b"null")))
        return answers(request)

    return httpx.MockTransport(handler)


async def ask(transport, **spec):
    made = make_provider(ProviderSpec(provider="ollama", transport=transport, **spec))
    request = Request(model="m", messages=(user_message("x"),), tools=(TOOL,))
    events = [event async for event in made.stream(request)]
    await made.aclose()
    return events


async def test_seed_059_live_knowledge_overrides_the_default_row():
    def answers(request):
        if request.url.path == "/api/show":
            return httpx.Response(200, json=SHOW)
        return httpx.Response(200, json=line(True, tool_calls=[call({})]))

    asked = []
    events = await ask(served(answers, asked))
    assert events[-1].response.message.tool_calls[0].name == "nb.run"
    (show, shown), (chat, body) = asked
    assert (show, shown, chat) == ("/api/show", {"model": "m"}, "/api/chat")
    assert body["options"] == {"num_ctx": 32768}
    assert body["tools"][0]["function"]["name"] == "nb_run"


async def test_without_knowledge_the_default_row_holds():
    asked = []
    events = await ask(served(lambda request: httpx.Response(404), asked))
    assert [event.error.code for event in events] == ["unsupported_capability"]
    assert [path for path, _ in asked] == ["/api/show"]


async def test_a_window_that_is_set_is_used():
    def answers(request):
        if request.url.path == "/api/show":
            return httpx.Response(200, json=SHOW)
        return httpx.Response(200, json=line(True))

    asked = []
    able = Capabilities(tools=True, streaming=True)
    await ask(served(answers, asked), capabilities=able, context_window=4096)
    assert asked[-1][0] == "/api/chat"
    assert asked[-1][1]["options"]["num_ctx"] == 4096


async def test_models_are_listed_with_what_they_can_do():
    def answers(request):
        if request.url.path == "/api/tags":
            return httpx.Response(200, json={"models": [{"name": "a"}, {"name": "b"}, {}]})
        name = json.loads(request.content)["model"]
        return httpx.Response(200, json=SHOW) if name == "a" else httpx.Response(500)

    transport = httpx.MockTransport(answers)
    made = make_provider(ProviderSpec(provider="ollama", transport=transport, max_retries=0))
    first, second = await made.list_models()
    assert (first.id, first.context_window, first.capabilities.tools) == ("ollama/a", 131072, True)
    assert (second.id, second.context_window) == ("ollama/b", None)


def test_thinking_is_switched_as_the_model_takes_it():
    def sent(effort, **able):
        request = Request(model="m", messages=(user_message("x"),), effort=effort)
        call = create_stream(request, base_url="http://x/v1", capabilities=Capabilities(**able))
        assert call.url == "http://x/api/chat"
        return call.body.get("think")

    assert sent("high") is None
    assert sent("high", thinking=True) is True
    assert sent("none", thinking=True) is False
    assert sent("xhigh", thinking=True, effort_levels=("low", "high")) == "high"
