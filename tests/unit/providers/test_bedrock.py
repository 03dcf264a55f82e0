"""Bedrock's Converse: blocks without a start, counts after the stop, exceptions as frames."""

import json
import struct
import sys
import zlib

import httpx
import pytest

from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import Capabilities, Request
from jupyter_agent.providers._http import HttpCall
from jupyter_agent.providers.bedrock import (
    _signature,
    create_stream,
    parse_stream_events,
    read_models,
)
from jupyter_agent.providers.registry import ProviderSpec, make_provider


def frame(payload, **headers):
    block = b""
    for name, value in headers.items():
        name = ":" + name.replace("_", "-")
        block += bytes([len(name)]) + name.encode()
        block += b"\x07" + struct.pack(">H", len(value)) + value.encode()
    raw = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(block) + len(raw), len(block))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + raw
    return body + struct.pack(">I", zlib.crc32(body))


def event(kind, **payload):
    return frame(payload, message_type="event", event_type=kind)


def delta(index, **fields):
    return event("contentBlockDelta", contentBlockIndex=index, delta=fields)


def start(index, **tool):
    return event(
        "contentBlockStart", contentBlockIndex=index, start={"toolUse": {"name": "run", **tool}}
    )


def stop(index):
    return event("contentBlockStop", contentBlockIndex=index)


def ending(reason):
    return event("messageStop", stopReason=reason)


def read(*frames):
    return list(parse_stream_events([b"".join(frames)]))


def response(*frames):
    last = read(*frames)[-1]
    assert last.type == "done", last
    return last.response


def test_text_without_a_start_calls_and_thinking():
    found = response(
        delta(0, reasoningContent={"text": "hm"}),
        delta(0, reasoningContent={"signature": "S"}),
        stop(0),
        delta(1, text="so"),
        stop(1),
        start(2, toolUseId="t1"),
        delta(2, toolUse={"input": '{"a":'}),
        delta(2, toolUse={"input": "1}"}),
        stop(2),
        start(3, toolUseId="t2", type="server_tool_use"),
        delta(3, toolUse={"input": "{}"}),
        stop(3),
        ending("tool_use"),
    )
    thinking, text, call = found.message.parts
    assert (thinking.text, thinking.signature, text.text) == ("hm", "S", "so")
    assert (call.id, call.arguments) == ("t1", {"a": 1})


def test_redacted_thinking_is_kept():
    found = response(
        delta(0, reasoningContent={"redactedContent": "R"}), stop(0), ending("end_turn")
    )
    assert found.message.parts[0].redacted_data == "R"


def test_a_metrics_frame_does_not_erase_the_counts():
    usage = {"inputTokens": 5, "outputTokens": 2, "cacheReadInputTokens": 10}
    found = response(
        delta(0, text="x"),
        ending("end_turn"),
        event("metadata", usage=usage),
        event("metadata", metrics={"latencyMs": 3}),
    ).usage
    assert (found.input, found.output, found.cache_read) == (15, 2, 10)


@pytest.mark.parametrize(
    ("name", "code", "retryable"),
    [
        ("throttlingException", "rate_limited", True),
        ("serviceUnavailableException", "overloaded", True),
        ("modelStreamErrorException", "overloaded", True),
        ("validationException", "bad_request", False),
        ("accessDeniedException", "unauthorized", False),
        ("newException", "bad_request", False),
    ],
)
def test_exceptions_come_as_frames(name, code, retryable):
    broken = frame({"message": "Told"}, message_type="exception", exception_type=name)
    events = read(start(0, toolUseId="t"), stop(0), broken, ending("tool_use"))
    assert (events[-1].error.code, events[-1].error.retryable) == (code, retryable)
    assert not any(e.type == "done" for e in events)


def test_a_frame_that_was_cut_is_no_end():
    whole = delta(0, text="x") + ending("end_turn")
    for cut in range(len(delta(0, text="x")), len(whole)):
        assert read(whole[:cut])[-1].error.code == "stream_interrupted"
    assert read(whole)[-1].type == "done"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("guardrail_intervened", "content_filter"),
        ("new", "other"),
    ],
)
def test_stop_reasons(reason, kind):
    assert response(delta(0, text="x"), ending(reason)).finish.kind == kind


def test_the_model_is_quoted_in_the_address_and_effort_is_anthropics():
    request = Request(model="us.anthropic.claude-x:0", messages=(user_message("x"),), effort="high")
    able = Capabilities(thinking=True)
    call = create_stream(request, base_url="https://x", capabilities=able)
    assert call.url == "https://x/model/us.anthropic.claude-x%3A0/converse-stream"
    assert call.body["additionalModelRequestFields"] == {
        "thinking": {"type": "enabled", "budget_tokens": 16384}
    }
    levels = Capabilities(thinking=True, effort_levels=("low", "high"))
    body = create_stream(request, base_url="https://x", capabilities=levels).body
    assert body["additionalModelRequestFields"]["output_config"] == {"effort": "high"}


async def test_the_key_travels_as_a_bearer_to_the_region():
    seen = []

    def handler(request):
        seen.append(request)
        return httpx.Response(200, content=delta(0, text="x") + ending("end_turn"))

    made = make_provider(
        ProviderSpec(
            provider="bedrock",
            api_key="k-1",
            region="eu-west-3",
            transport=httpx.MockTransport(handler),
        )
    )
    events = [e async for e in made.stream(Request(model="m", messages=(user_message("x"),)))]
    assert events[-1].type == "done"
    assert seen[0].url.host == "bedrock-runtime.eu-west-3.amazonaws.com"
    assert seen[0].headers["authorization"] == "Bearer k-1"


async def test_without_a_key_and_without_botocore_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore", None)  # as if it were not installed
    made = make_provider(ProviderSpec(provider="bedrock"))
    events = [e async for e in made.stream(Request(model="m", messages=(user_message("x"),)))]
    assert [e.error.code for e in events] == ["unauthorized"]
    assert "botocore" in events[0].error.message


def test_calls_are_signed_by_botocore(monkeypatch):
    pytest.importorskip("botocore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    call = HttpCall(url="https://bedrock-runtime.eu-west-3.amazonaws.com/model/a%3A0/x", body={})
    headers = _signature(call, "eu-west-3")
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-3/bedrock/aws4_request" in headers["Authorization"]


def test_only_models_that_stream_text_are_listed():
    rows = [
        {
            "modelId": "a.b",
            "modelName": "B",
            "inputModalities": ["TEXT", "IMAGE"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": True,
        },
        {"modelId": "c", "outputModalities": ["EMBEDDING"]},
    ]
    [model] = read_models({"modelSummaries": rows}, provider="bedrock")
    assert (model.id, model.label, model.capabilities.vision) == ("bedrock/a.b", "B", True)
