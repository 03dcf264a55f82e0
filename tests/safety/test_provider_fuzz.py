"""Random damage to answers of every API: always exactly one terminal event, never an exception."""

import json
import random
import struct
import zlib

import pytest

from jupyter_agent.protocol import codec
from jupyter_agent.protocol.provider_events import ProviderEvent
from jupyter_agent.protocol.reduce import reduce_message
from jupyter_agent.providers import (
    anthropic,
    bedrock,
    gemini,
    ollama,
    openai_chat,
    openai_responses,
)

ROUNDS = 1000


def sse(*payloads):
    return b"".join(b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads)


def frame(kind, payload):
    head = b"\x0b:event-type\x07" + struct.pack(">H", len(kind)) + kind.encode()
    raw = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(raw), len(head))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + raw
    return body + struct.pack(">I", zlib.crc32(body))


def chat(**delta):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def item(kind, index, **fields):
    return {"type": f"response.{kind}", "output_index": index, **fields}


FUNCTION = {"type": "function_call", "call_id": "c", "name": "run", "arguments": '{"a":1}'}
ANSWERS = {
    openai_chat: sse(
        chat(role="assistant", content="", reasoning="hm"),
        chat(content="Hello "),
        chat(tool_calls=[{"index": 0, "id": "c", "function": {"name": "run", "arguments": ""}}]),
        chat(tool_calls=[{"index": 0, "function": {"arguments": '{"a":1}'}}]),
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    )
    + b"data: [DONE]\n\n",
    anthropic: sse(
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "c", "name": "run", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'},
        },
        {"type": "content_block_stop", "index": 1},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use"},
            "usage": {"output_tokens": 4},
        },
        {"type": "message_stop"},
    ),
    openai_responses: sse(
        item("output_text.delta", 0, delta="Hello"),
        item("output_text.done", 0, text="Hello"),
        item("output_item.added", 1, item=FUNCTION),
        item("function_call_arguments.delta", 1, delta='{"a":1}'),
        item("output_item.done", 1, item=FUNCTION),
        {"type": "response.completed", "response": {"usage": {"input_tokens": 3}}},
    ),
    gemini: sse(
        {"candidates": [{"content": {"parts": [{"text": "Hi", "thoughtSignature": "S"}]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": "run", "args": {}}}]}}]},
        {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 3}},
    ),
    ollama: b"".join(
        json.dumps(payload).encode() + b"\n"
        for payload in (
            {"message": {"content": "Hi", "thinking": "hm"}, "done": False},
            {"message": {"tool_calls": [{"function": {"name": "run", "arguments": {}}}]}},
            {"message": {"content": ""}, "done": True, "done_reason": "stop", "eval_count": 3},
        )
    ),
    bedrock: frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}})
    + frame(
        "contentBlockStart",
        {"contentBlockIndex": 1, "start": {"toolUse": {"name": "run", "toolUseId": "c"}}},
    )
    + frame("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{}"}}})
    + frame("contentBlockStop", {"contentBlockIndex": 1})
    + frame("messageStop", {"stopReason": "tool_use"})
    + frame("metadata", {"usage": {"inputTokens": 3, "outputTokens": 4}}),
}
NAMES = [adapter.API for adapter in ANSWERS]
NOISE = (
    b"null",
    b"{}",
    b"[]",
    b'""',
    b"-1",
    b"1e999",
    b"\xff",
    b"\x00",
    b"\n",
    b"\\ud800",
    b"true",
)


def damaged(body, chance):
    """Return the body with a few bytes changed, dropped, repeated or replaced by noise."""
    body = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(body))
        end = min(len(body), at + chance.choice((1, 1, 4, 20)))
        match chance.randrange(4):
            case 0:
                body[at] = chance.randrange(256)
            case 1:
                del body[at:end]
            case 2:
                body[at:at] = body[at:end]
            case _:
                body[at:end] = chance.choice(NOISE)
        body = body or bytearray(b"\n")
    return bytes(body)


def retyped(payload, chance):
    """Return JSON data with one value somewhere replaced by one of another type."""
    if isinstance(payload, dict) and payload and chance.random() < 0.8:
        key = chance.choice(list(payload))
        return {**payload, key: retyped(payload[key], chance)}
    if isinstance(payload, list) and payload and chance.random() < 0.8:
        at = chance.randrange(len(payload))
        return [*payload[:at], retyped(payload[at], chance), *payload[at + 1 :]]
    return chance.choice([None, 7, -1, 1.5, True, "x", [], {}, [[]], {"a": None}, "\ud800", 10**30])


def check(events):
    kinds = [event.type for event in events]
    assert [kind for kind in kinds if kind in ("done", "error")] == kinds[-1:]
    for event in events:
        codec.from_json(ProviderEvent, codec.to_json(ProviderEvent, event))
    if kinds[-1] == "done":
        message = events[-1].response.message
        assert reduce_message(events).parts == message.parts
        assert all(call.id for call in message.tool_calls)
    else:
        assert events[-1].error.message.endswith((".", "?"))


@pytest.mark.R(39)
@pytest.mark.parametrize("adapter", ANSWERS, ids=NAMES)
def test_damaged_bytes(adapter):
    body = ANSWERS[adapter]
    check(list(adapter.parse_stream_events([body])))
    chance = random.Random(adapter.API)
    for _ in range(ROUNDS):
        check(list(adapter.parse_stream_events([damaged(body, chance)])))


@pytest.mark.R(39)
@pytest.mark.parametrize("adapter", [a for a in ANSWERS if a is not bedrock], ids=lambda a: a.API)
def test_well_formed_json_of_the_wrong_types(adapter):
    prefix = b"" if adapter is ollama else b"data: "
    end = b"\n" if adapter is ollama else b"\n\n"
    lines = [line for line in ANSWERS[adapter].split(end) if line and b"[DONE]" not in line]
    payloads = [json.loads(line.removeprefix(prefix)) for line in lines]
    chance = random.Random(adapter.API)
    for _ in range(ROUNDS):
        at = chance.randrange(len(payloads))
        broken = [*payloads[:at], retyped(payloads[at], chance), *payloads[at + 1 :]]
        body = b"".join(prefix + json.dumps(payload).encode() + end for payload in broken)
        check(list(adapter.parse_stream_events([body])))


@pytest.mark.R(39)
def test_wrong_types_in_frames():
    chance = random.Random(1)
    kinds = ("contentBlockDelta", "contentBlockStart", "messageStop", "metadata")
    good = {"contentBlockIndex": 0, "delta": {"text": "x"}, "usage": {"inputTokens": 1}}
    for _ in range(ROUNDS):
        broken = frame(chance.choice(kinds), retyped(good, chance))
        check(list(bedrock.parse_stream_events([broken + frame("messageStop", {})])))
