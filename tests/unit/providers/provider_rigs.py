"""What the tests of the adapters share: each wire, a server behind it, and an answer in its words.

Every answer says the same: thinking, sealed as the wire seals it; a sentence; two calls at once.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx

from jupyter_agent.protocol import codec
from jupyter_agent.protocol.messages import (
    Message,
    TextPart,
    ToolResultPart,
    user_message,
)
from jupyter_agent.protocol.models import Capabilities, Request, ToolDefinition
from jupyter_agent.providers.registry import ProviderSpec, make_provider

ABLE = Capabilities(
    tools=True,
    streaming=True,
    vision=True,
    audio=True,
    documents=True,
    thinking=True,
    effort_levels=("none", "low", "medium", "high"),
    tool_choice=True,
    parallel_tools=True,
    system_prompt=True,
)
_OBJECT = {"type": "object", "properties": {"id": {"type": "string"}}}
READ = ToolDefinition(name="notebook.read", description="Read a cell.", parameters=_OBJECT)
RUN = ToolDefinition(name="run", description="Run a cell.", parameters=_OBJECT)
TOOLS = (READ, RUN)
_READ = "notebook_read"  # the first one's name on every wire


class Wire(NamedTuple):
    """An adapter, or a dialect of one, and a model of its."""

    provider: str
    api: str
    model: str = "model-1"


WIRES = {
    "anthropic": Wire("anthropic", "anthropic"),
    "openai_chat": Wire("openai", "openai_chat"),
    "openai_responses": Wire("openai", "openai_responses"),
    "gemini": Wire("gemini", "gemini"),
    "gemini_openai": Wire("gemini-openai", "openai_chat"),
    "ollama": Wire("ollama", "ollama"),
    "bedrock": Wire("bedrock", "bedrock", "eu.anthropic.claude-sonnet-4-6"),
    "deepseek": Wire("deepseek", "openai_chat"),
    "openrouter": Wire("openrouter", "openai_chat"),
    "mistral": Wire("mistral", "openai_chat"),
}


@dataclass
class Server:
    """Gives one body after the other, the last again and again; keeps what it was asked."""

    bodies: list[bytes] = field(default_factory=list)
    status: int = 200
    asked: list[dict] = field(default_factory=list)

    def __call__(self, request):
        if request.url.path.endswith("/api/show"):  # Ollama's question about the model
            return httpx.Response(404)
        self.asked.append(json.loads(request.content))
        if not self.bodies:
            return httpx.Response(400, json={"error": {"message": "enough"}})
        body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        return httpx.Response(self.status, content=body)


def provider(wire, server, capabilities=ABLE, **more):
    """Make the provider of a wire, with a server in place of the network."""
    made = WIRES[wire]
    return make_provider(
        ProviderSpec(
            provider=made.provider,
            api=made.api,
            api_key="key-for-tests",
            capabilities=capabilities,
            max_output=64000,
            max_retries=0,
            transport=httpx.MockTransport(server),
            **more,
        )
    )


async def ask(wire, messages, server=None, capabilities=ABLE, **fields):
    """Ask once; return the last event and the bodies that went over the wire."""
    server = server or Server()
    before = len(server.asked)
    asked = provider(wire, server, capabilities)
    fields = {"tools": TOOLS, **fields}
    fields = {"model": WIRES[wire].model, **fields}
    request = Request(messages=tuple(messages), **fields)
    events = [event async for event in asked.stream(request)]
    await asked.aclose()
    return events[-1], server.asked[before:]


async def answer(wire, messages):
    """Return what the wire's model says, written to JSON and read again."""
    last, _ = await ask(wire, messages, Server([ANSWERS[wire]]))
    assert last.type == "done", last
    return codec.from_json(Message, codec.to_json(Message, last.response.message))


def results(message, *texts):
    """Answer the calls of a message, in the reverse order of their coming."""
    parts = tuple(
        ToolResultPart(tool_call_id=call.id, tool_name=call.name, content=(TextPart(text=text),))
        for call, text in zip(message.tool_calls, texts, strict=True)
    )
    return Message(role="tool", parts=parts[::-1])


async def conversation(wire):
    """Return a conversation with this wire's model; its last calls were never answered."""
    history = [Message(role="system", parts=(TextPart(text="Be brief."),)), user_message("Look.")]
    history.append(await answer(wire, history))
    history.append(results(history[-1], "x = 1", "done"))
    history.append(user_message("Once more."))
    history.append(await answer(wire, history))
    history.append(user_message("Stop. What did you see?"))
    return history


def sse(*payloads):
    """Frame payloads as server-sent events."""
    return "".join(f"data: {json.dumps(payload)}\n\n" for payload in payloads).encode()


def frame(payload, **headers):
    """Frame a payload as an AWS event message."""
    block = b""
    for name, value in headers.items():
        name = ":" + name.replace("_", "-")
        block += bytes([len(name)]) + name.encode()
        block += b"\x07" + struct.pack(">H", len(value)) + value.encode()
    raw = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(block) + len(raw), len(block))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + raw
    return body + struct.pack(">I", zlib.crc32(body))


def _aws(kind, **payload):
    return frame(payload, message_type="event", event_type=kind)


# ---- one answer in the words of each wire -------------------------------------------------------


def _anthropic():
    def block(index, start, *deltas):
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}

    def call(index, id, name):
        start = {"type": "tool_use", "id": id, "name": name, "input": {}}
        json_delta = {"type": "input_json_delta", "partial_json": '{"id": "a"}'}
        return block(index, start, json_delta)

    usage = {"input_tokens": 10, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20}
    return sse(
        {"type": "message_start", "message": {"id": "m", "usage": usage}},
        *block(
            0,
            {"type": "thinking", "thinking": ""},
            {"type": "thinking_delta", "thinking": "THOUGHT"},
            {"type": "signature_delta", "signature": "SEAL-1"},
        ),
        *block(1, {"type": "redacted_thinking", "data": "SEAL-2"}),
        *block(
            2,  # a model that shows none of its thinking
            {"type": "thinking", "thinking": ""},
            {"type": "signature_delta", "signature": "SEAL-3"},
        ),
        *block(3, {"type": "text", "text": ""}, {"type": "text_delta", "text": "I look."}),
        *call(4, "toolu_1", _READ),
        *call(5, "toolu_2", "run"),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
        {"type": "message_stop"},
    )


def _bedrock():
    def delta(index, **fields):
        return _aws("contentBlockDelta", contentBlockIndex=index, delta=fields)

    def stop(index):
        return _aws("contentBlockStop", contentBlockIndex=index)

    def call(index, id, name):
        start = {"toolUse": {"toolUseId": id, "name": name}}
        yield _aws("contentBlockStart", contentBlockIndex=index, start=start)
        yield delta(index, toolUse={"input": '{"id": "a"}'})
        yield stop(index)

    usage = {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 70}
    return b"".join(
        (
            delta(0, reasoningContent={"text": "THOUGHT"}),
            delta(0, reasoningContent={"signature": "SEAL-1"}),
            stop(0),
            delta(1, reasoningContent={"redactedContent": "SEAL-2"}),
            stop(1),
            delta(2, text="I look."),
            stop(2),
            *call(3, "tooluse_1", _READ),
            *call(4, "tooluse_2", "run"),
            _aws("messageStop", stopReason="tool_use"),
            _aws("metadata", usage=usage),
        )
    )


def _responses():
    seal = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "THOUGHT"}],
        "encrypted_content": "SEAL-1",
    }
    said = {
        "type": "message",
        "role": "assistant",
        "phase": "SEAL-2",
        "content": [{"type": "output_text", "text": "I look."}],
    }
    calls = [
        {"type": "function_call", "call_id": id, "name": name, "arguments": '{"id": "a"}'}
        for id, name in (("call_1", _READ), ("call_2", "run"))
    ]
    usage = {
        "input_tokens": 100,
        "output_tokens": 5,
        "input_tokens_details": {"cached_tokens": 70},
    }
    return sse(
        *(
            {"type": "response.output_item.done", "output_index": index, "item": item}
            for index, item in enumerate((seal, said, *calls))
        ),
        {"type": "response.completed", "response": {"status": "completed", "usage": usage}},
    )


def _chat(*thinking, ids=("call_1", "call_2"), extra=None):
    calls = [
        {"index": at, "id": id, "function": {"name": name, "arguments": '{"id": "a"}'}}
        for at, (id, name) in enumerate(zip(ids, (_READ, "run"), strict=True))
    ]
    if extra:
        calls[0]["extra_content"] = extra
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 70},
    }
    return sse(
        *({"choices": [{"delta": delta}]} for delta in thinking),
        {"choices": [{"delta": {"content": "I look."}}]},
        {"choices": [{"delta": {"tool_calls": calls}}]},
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": usage},
    )


_DETAILS = (
    {"type": "reasoning.text", "text": "THOU", "index": 0},
    {"type": "reasoning.text", "text": "GHT", "signature": "SEAL-1", "index": 0},
    {"type": "reasoning.encrypted", "data": "SEAL-2", "index": 1},
)


def _gemini():
    def call(name, **sealed):
        return {"functionCall": {"name": name, "args": {"id": "a"}}, **sealed}

    def chunk(*parts, **more):
        return {"candidates": [{"content": {"role": "model", "parts": parts}, **more}]}

    usage = {"promptTokenCount": 100, "candidatesTokenCount": 5, "cachedContentTokenCount": 70}
    return sse(
        chunk({"text": "THOUGHT", "thought": True}),
        chunk({"text": "I "}),
        chunk({"text": "look.", "thoughtSignature": "SEAL-1"}),
        chunk(call(_READ, thoughtSignature="SEAL-2"), call("run")),
        chunk({"text": "", "thoughtSignature": "SEAL-3"}),
        {**chunk(finishReason="STOP"), "usageMetadata": usage},
    )


def _ollama():
    calls = [{"function": {"name": name, "arguments": {"id": "a"}}} for name in (_READ, "run")]
    lines = (
        {"message": {"role": "assistant", "content": "", "thinking": "THOUGHT"}},
        {"message": {"role": "assistant", "content": "I look.", "tool_calls": calls}},
        {"done": True, "done_reason": "stop", "prompt_eval_count": 100, "eval_count": 5},
    )
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


ANSWERS = {
    "anthropic": _anthropic(),
    "openai_chat": _chat(),
    "openai_responses": _responses(),
    "gemini": _gemini(),
    "gemini_openai": _chat(extra={"google": {"thought_signature": "SEAL-1"}}),
    "ollama": _ollama(),
    "bedrock": _bedrock(),
    "deepseek": _chat({"reasoning_content": "THOU"}, {"reasoning_content": "GHT"}),
    "openrouter": _chat(
        *({"reasoning_details": [detail]} for detail in _DETAILS), ids=("toolu_or.1", "toolu_or.2")
    ),
    "mistral": _chat(
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "THOUGHT"}]}]},
        ids=("Ab3dE6gH9", "Ab3dE6gH8"),
    ),
}
# What of each answer only its own provider may see again.
SEALS = {
    "anthropic": ("SEAL-1", "SEAL-2", "SEAL-3"),
    "openai_chat": (),
    "openai_responses": ("SEAL-1", "SEAL-2"),
    "gemini": ("SEAL-1", "SEAL-2", "SEAL-3"),
    "gemini_openai": ("SEAL-1",),
    "ollama": (),
    "bedrock": ("SEAL-1", "SEAL-2"),
    "deepseek": (),
    "openrouter": ("SEAL-1", "SEAL-2"),
    "mistral": (),
}
