"""Each seed's interface as it stands, over our providers: asked, answered, tools run, asked again.

What a vendor sealed in its answer (thinking and its signature, a thought signature) must be in the
second request as it came, though most of the five interfaces have no place for it.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from seed_rigs import SCHEMA, Server, sse

from jupyter_agent.interop import go_api, go_provider, greentic, llm_backend
from jupyter_agent.interop.greentic import ChatMessage, ChatRequest, GreenticProvider, LlmError
from jupyter_agent.interop.llm_backend import BackendMessage, ProviderBackend, ToolSchema
from jupyter_agent.interop.notebook_provider import NotebookProvider
from jupyter_agent.protocol.errors import BadFrame, ProviderError

ANTHROPIC = "".join(
    f"event: {one['type']}\ndata: {json.dumps(one)}\n\n"
    for one in [
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 3}}},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "hm"},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "signature_delta", "signature": "SEAL"},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "c", "name": "look", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": '{"x": 1}'},
        },
        {"type": "content_block_stop", "index": 2},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use"},
            "usage": {"output_tokens": 5},
        },
        {"type": "message_stop"},
    ]
).encode()
GEMINI = sse(
    {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "Hi"},
                        {
                            "functionCall": {"name": "look", "args": {"x": 1}},
                            "thoughtSignature": "SEAL",
                        },
                    ]
                },
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8},
    }
)
BODIES = {"anthropic": ANTHROPIC, "gemini": GEMINI}
LOOK = {"name": "look", "description": "Look.", "parameters": SCHEMA}


async def go_provider_turn(provider):
    mine = go_provider.GoProvider(provider)
    tools = [{"Name": "look", "Description": "Look.", "Schema": SCHEMA}]
    asked = [{"Role": "user", "Content": "Hello"}]
    first = await mine.complete({"Model": "m", "Messages": asked, "Tools": tools})
    [call] = first.ToolCalls
    assert (first.Text, call.Name, json.loads(call.Arguments)) == ("Hi", "look", {"x": 1})
    assert first.Usage.OutputTokens == 5
    asked += [
        {"Role": "assistant", "Content": first.Text, "ToolCalls": [call.model_dump()]},
        {"Role": "tool", "Content": "seen", "ToolCallID": call.ID},
    ]
    request = {"Model": "m", "Messages": asked, "Tools": tools}
    events = [event async for event in mine.stream(request)]
    kinds = [event.Type.name for event in events]
    assert kinds[0] == "Text" and kinds[-4:] == ["ToolStart", "ToolDelta", "ToolEnd", "Done"]
    assert events[-1].Response == first.model_copy(
        update={"ToolCalls": events[-1].Response.ToolCalls}
    )


async def go_api_turn(provider):
    mine = go_api.ChatCompletionProvider(provider)
    x = go_api.ToolParameter(name="x", type="integer", required=True)
    tool = go_api.ToolSpec(
        Name="look",
        Description="Look.",
        Permission="read",
        Parameters=[x],
        Impl=lambda spec, arguments: f"{spec.Name} {arguments['x']}",
    )
    agent = go_api.Agent(Name="one", SystemPrompt="Be brief.", Toolbox=[tool])
    params = go_api.RequestParameters(Model="m", Agent=agent, MaxTokens=100)
    asked = [go_api.ApiMessage(Role="user", Parts=[go_api.ContentPart(type="text", text="Hello")])]
    chunks = []
    answer = await mine.create_chat_completion_stream(params, asked, chunks.append)
    assert answer.Role == "tool_call"
    assert "".join(c.Text for c in chunks if c.Kind == go_api.ChunkKind.ChunkContent) == "Hi"
    assert any(c.Kind == go_api.ChunkKind.ChunkToolUse for c in chunks)
    result = tool.run(answer.ToolCalls[0])
    assert result.result == "look 1"
    asked += [answer, go_api.ApiMessage(Role="tool_result", ToolResults=[result])]
    assert (await mine.create_chat_completion(params, asked)).ToolCalls[0].name == "look"


async def llm_backend_turn(provider):
    mine = ProviderBackend(provider, "m")
    asked = [BackendMessage(role="user", content="Hello")]
    tools = [ToolSchema(function=LOOK)]
    answer = await mine.complete(asked, tools, temperature=1.0)
    assert (answer.content, answer.finish_reason) == ("Hi", "tool_calls")
    [call] = answer.tool_calls
    asked += [
        BackendMessage(role="assistant", content=answer.content, tool_calls=[call]),
        BackendMessage(role="tool", content="seen", tool_call_id=call.id, name=call.name),
    ]
    again = await mine.complete(asked, tools, temperature=1.0)
    assert again.tool_calls[0].arguments == {"x": 1}


async def greentic_turn(provider):
    mine = GreenticProvider(provider, "m")
    assert mine.capabilities.tools and mine.model == "m" and mine.provider_name == provider.name
    tools = [greentic.ToolDef(name="look", description="Look.", schema=SCHEMA)]
    asked = [ChatMessage(role="User", content="Hello")]
    answer = await mine.chat(ChatRequest(messages=asked, tools=tools))
    assert (answer.content, answer.finish_reason) == ("Hi", "ToolCalls")
    [call] = answer.tool_calls
    envelope = {"tool_call_id": call.id, "name": call.name, "content": "seen"}
    asked += [
        ChatMessage(role="Assistant", content=answer.content),
        ChatMessage(role="Tool", content=json.dumps(envelope)),
    ]
    request = ChatRequest(messages=asked, tools=tools)
    events = [event async for event in mine.chat_stream(request)]
    assert events[0] == greentic.TextChunk("Hi") and events[-1] == greentic.Done("ToolCalls")
    [end] = [event for event in events if isinstance(event, greentic.ToolCallEnd)]
    assert end.args == {"x": 1}


async def notebook_turn(provider):
    mine = NotebookProvider(provider)
    asked = [{"role": "user", "content": "Hello"}]
    for _ in range(2):
        stream = await mine.create_stream(
            model="m", max_tokens=100, system="Be brief.", tools=[LOOK], messages=asked
        )
        events = [event async for event in mine.parse_stream_events(stream)]
        assert mine.should_continue(events[-1]["stopReason"])
        [start] = [event for event in events if event["type"] == "tool_use_start"]
        [end] = [event for event in events if event["type"] == "tool_use_end"]
        use = {"type": "tool_use", "id": start["id"], "name": "look", "input": end["input"]}
        result = {"toolUseId": start["id"], "toolName": "look", "content": "seen"}
        assert mine.format_tool_results([result]).tool_results[0].text == "seen"
        asked += [
            {"role": "assistant", "content": [{"type": "text", "text": "Hi"}, use]},
            {"role": "tool_result", "content": json.dumps([result])},
        ]


TURNS = [go_provider_turn, go_api_turn, llm_backend_turn, greentic_turn, notebook_turn]


@pytest.mark.parametrize("wire", BODIES)
@pytest.mark.parametrize("turn", TURNS)
async def test_an_interface_carries_a_whole_turn_without_loss(turn, wire):
    server = Server(BODIES[wire])
    provider = server.provider(wire)
    try:
        await turn(provider)
    finally:
        await provider.aclose()
    first, second = (json.dumps(body) for body in server.asked[:2])
    assert "look" in first and "SEAL" not in first
    assert "SEAL" in second
    if wire == "anthropic":
        assistant, answered = server.asked[1]["messages"][1:3]
        assert [block["type"] for block in assistant["content"]] == ["thinking", "text", "tool_use"]
        assert answered["content"][0]["tool_use_id"] == "c"


async def test_errors_are_those_of_the_interface():
    async def go(provider):
        mine = go_provider.GoProvider(provider)
        request = {"Model": "m", "Messages": [{"Role": "user", "Content": "Hello"}]}
        *_, last = [event async for event in mine.stream(request)]
        assert last.Type is go_provider.StreamEventType.Error and "key" in str(last.Error)
        with pytest.raises(ProviderError):
            await mine.complete(request)

    async def rust(provider):
        with pytest.raises(LlmError) as raised:
            messages = [ChatMessage(role="User", content="Hello")]
            await GreenticProvider(provider, "m").chat(ChatRequest(messages=messages))
        assert (raised.value.kind, raised.value.status) == ("Status", 401)

    async def notebook(provider):
        mine = NotebookProvider(provider)
        stream = await mine.create_stream(
            model="m",
            max_tokens=10,
            system="",
            tools=[],
            messages=[{"role": "user", "content": "Hello"}],
        )
        with pytest.raises(ProviderError) as raised:
            [event async for event in mine.parse_stream_events(stream)]
        words = mine.format_error(raised.value)
        assert words[0].isupper() and "{" not in words
        assert "ZeroDivisionError" in mine.format_error(ZeroDivisionError())

    for check in (go, rust, notebook):
        provider = Server(b'{"error": {"message": "bad key"}}', status=401).provider()
        await check(provider)
        await provider.aclose()


async def test_a_request_of_another_shape_is_refused_before_anything_is_sent():
    server = Server(ANTHROPIC)
    provider = server.provider("anthropic")
    with pytest.raises(BadFrame):
        await go_provider.GoProvider(provider).complete({"Model": "m", "Messages": [{"Role": "x"}]})
    assert server.asked == []
    await provider.aclose()


def test_a_tool_that_raises_answers_with_its_error():
    def fail(spec, arguments):
        raise ZeroDivisionError("oops")

    tool = go_api.ToolSpec(Name="look", Description="Look.", Impl=fail)
    result = tool.run(go_api.ToolCall(id="c", name="look", parameters={}))
    assert result.result == "Error: ZeroDivisionError: oops"


def test_the_backend_is_an_interface_of_its_own():
    assert issubclass(ProviderBackend, llm_backend.LLMBackend)
    with pytest.raises(TypeError):
        llm_backend.LLMBackend()


def test_the_example_asks_all_five():
    example = Path(__file__).parents[2] / "examples" / "interop.py"
    done = subprocess.run(
        [sys.executable, example], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.count("Gentoo, by 1.4 kg.") == 5
