"""Anthropic's Messages: the traps of its wire, on made-up streams."""

import json

import pytest

from jupyter_agent.protocol.messages import (
    Message,
    MessageMeta,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    user_message,
)
from jupyter_agent.protocol.models import Capabilities, Request, ToolDefinition
from jupyter_agent.providers.anthropic import (
    create_stream,
    parse_stream_events,
    read_models,
    should_continue,
)

START = {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 5}}}
STOP = {"type": "message_stop"}
THINKS = Capabilities(tools=True, thinking=True, effort_levels=("low", "high"))
OLDER = Capabilities(tools=True, thinking=True)


def ending(reason, **usage):
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def block(index, block, *deltas, stop=True):
    yield {"type": "content_block_start", "index": index, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    if stop:
        yield {"type": "content_block_stop", "index": index}


def read(*payloads):
    body = "".join(f"event: {p['type']}\ndata: {json.dumps(p)}\n\n" for p in payloads)
    return list(parse_stream_events([body.encode()]))


def response(*payloads):
    last = read(*payloads)[-1]
    assert last.type == "done", last
    return last.response


def tool(index, *pieces, **fields):
    return block(
        index,
        {"type": "tool_use", "id": f"toolu_{index}", "name": "run", "input": {}, **fields},
        *({"type": "input_json_delta", "partial_json": piece} for piece in pieces),
    )


@pytest.mark.parametrize(
    ("pieces", "arguments"),
    [((), {}), (("",), {}), (("", '{"a"', ": 1}"), {"a": 1}), (('{"a": tru',), None)],
)
def test_partial_json(pieces, arguments):
    found = response(START, *tool(0, *pieces), ending("tool_use"), STOP)
    [call] = found.message.tool_calls
    assert call.arguments == arguments
    assert (call.parse_error is None) is (arguments is not None)


def test_an_input_given_whole_at_the_start():
    found = response(START, *tool(0, input={"a": 1}), ending("tool_use"), STOP)
    assert found.message.tool_calls[0].arguments == {"a": 1}


def test_seed_070_a_text_blocks_stop_is_harmless_and_unknown_blocks_are_ignored():
    found = response(
        START,
        *block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "a"}),
        *block(1, {"type": "server_tool_use", "id": "x", "name": "web"}, {"type": "new_delta"}),
        *block(2, {"type": "text", "text": "b"}, {"type": "citations_delta", "citation": {}}),
        {"type": "ping"},
        {"type": "something_new", "x": 1},
        ending("end_turn"),
        STOP,
    )
    assert found.message.text == "ab"
    assert found.message.tool_calls == ()


def test_thinking_keeps_its_seal_even_when_it_is_empty_or_redacted():
    found = response(
        START,
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": "S1"},
        ),
        *block(
            1, {"type": "thinking", "thinking": ""}, {"type": "signature_delta", "signature": "S2"}
        ),
        *block(2, {"type": "redacted_thinking", "data": "R"}),
        *tool(3),
        ending("tool_use"),
        STOP,
    )
    first, second, third, _ = found.message.parts
    assert (first.text, first.signature) == ("hm", "S1")
    assert (second.text, second.signature) == ("", "S2")
    assert (third.text, third.redacted_data) == ("", "R")


def test_usage_is_cumulative_and_input_holds_the_cache():
    start = {
        "type": "message_start",
        "message": {
            "id": "m",
            "usage": {
                "input_tokens": 5,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
                "output_tokens": 1,
            },
        },
    }
    found = response(start, ending("end_turn", output_tokens=9, input_tokens=None), STOP).usage
    assert (found.input, found.output, found.total) == (125, 9, 134)
    assert (found.cache_read, found.cache_write) == (100, 20)


def test_a_second_start_is_an_error_unless_it_is_the_same():
    other = {"type": "message_start", "message": {"id": "msg_2"}}
    assert read(START, other, ending("end_turn"), STOP)[-1].type == "error"
    assert read(START, START, ending("end_turn"), STOP)[-1].type == "done"


@pytest.mark.parametrize(
    ("kind", "code", "retryable"),
    [
        ("overloaded_error", "overloaded", True),
        ("api_error", "overloaded", True),
        ("rate_limit_error", "rate_limited", True),
        ("authentication_error", "unauthorized", False),
        ("invalid_request_error", "bad_request", False),
    ],
)
def test_errors_at_status_200_are_classified_by_their_type(kind, code, retryable):
    error = {"type": "error", "error": {"type": kind, "message": "Told"}}
    events = read(START, *tool(0, "{}"), error)
    assert (events[-1].error.code, events[-1].error.retryable) == (code, retryable)
    assert not any(event.type == "done" for event in events)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_overflow"),
        ("pause_turn", "other"),
        ("new_reason", "other"),
    ],
)
def test_seed_084_each_stop_reason_is_visible(reason, kind):
    found = response(START, ending(reason), STOP)
    assert (found.finish.kind, found.finish.raw) == (kind, reason)
    assert should_continue(found) is (reason == "pause_turn")


def test_the_reason_of_a_refusal_is_kept():
    delta = {"stop_reason": "refusal", "stop_details": {"category": "bio"}}
    found = response(START, {"type": "message_delta", "delta": delta}, STOP)
    assert found.message.metadata.extra == {"stop_details": {"category": "bio"}}


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "content_block_delta"},
        {"type": "content_block_start", "index": 0, "content_block": 3},
        {"type": "message_start", "message": None},
        {"type": "message_delta", "delta": [1]},
    ],
)
def test_nonsense_is_an_error_not_a_crash(payload):
    assert read(START, payload, STOP)[-1].error.code == "parse_failed"


def request(*messages, **fields):
    return Request(model="m", messages=(user_message("x"), *messages), **fields)


def sent(capabilities=THINKS, max_output=None, **fields):
    call = create_stream(
        request(*fields.pop("messages", ()), **fields),
        base_url="https://api.anthropic.com/v1/",
        capabilities=capabilities,
        max_output=max_output,
    )
    assert call.url == "https://api.anthropic.com/v1/messages"
    return call.body


def test_seed_028_effort_is_clamped_and_none_disables():
    assert sent(effort="xhigh")["output_config"] == {"effort": "high"}
    assert sent(effort="minimal")["output_config"] == {"effort": "low"}
    assert sent(effort="none")["thinking"] == {"type": "disabled"}
    assert "thinking" not in sent(effort="high", capabilities=Capabilities())
    assert "thinking" not in sent()


def test_models_without_levels_get_a_budget_below_the_limit():
    body = sent(capabilities=OLDER, effort="high", max_tokens=100)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 16384}
    assert body["max_tokens"] == 16484
    body = sent(capabilities=OLDER, effort="xhigh", max_output=8192)
    assert body["max_tokens"] == 8192
    assert body["thinking"]["budget_tokens"] == 4096


def test_thinking_is_left_out_where_the_api_would_refuse_it():
    tool = ToolDefinition(name="run", description="", parameters={})
    forced = sent(effort="high", tools=(tool,), tool_choice="required")
    assert "thinking" not in forced
    call = ToolCallPart(id="a", index=0, name="run", arguments_raw="{}", arguments={})
    answer = ToolResultPart(tool_call_id="a", tool_name="run", content=())

    def loop(*parts):
        meta = MessageMeta(provider="anthropic")
        return (
            Message(role="assistant", parts=(*parts, call), metadata=meta),
            Message(role="tool", parts=(answer,)),
        )

    assert "thinking" not in sent(capabilities=OLDER, effort="high", messages=loop())
    sealed = loop(ThinkingPart(text="t", signature="s"))
    assert "thinking" in sent(capabilities=OLDER, effort="high", messages=sealed)


def test_seed_061_max_tokens_is_always_sent():
    assert sent()["max_tokens"] == 8192
    assert sent(max_output=64_000)["max_tokens"] == 64_000
    assert sent(max_tokens=7, max_output=64_000)["max_tokens"] == 7


def test_blank_text_is_not_sent():
    blank = Message(role="assistant", parts=(TextPart(text=" \n"), TextPart(text="a")))
    body = sent(messages=(blank, user_message("y")))
    assert body["messages"][1]["content"] == [{"type": "text", "text": "a"}]


def test_sizes_and_capabilities_are_read_from_the_list():
    supported = {"supported": True}
    rows = [
        {
            "id": "new",
            "display_name": "New",
            "max_input_tokens": 10,
            "max_tokens": 5,
            "capabilities": {
                "image_input": supported,
                "effort": {"supported": True, "low": supported, "xhigh": {"supported": False}},
                "thinking": {"supported": True, "types": {"adaptive": supported}},
            },
        },
        {"id": "old", "capabilities": {"thinking": {"types": {"enabled": supported}}}},
        {"nothing": 1},
    ]
    new, old = read_models({"data": rows}, provider="anthropic")
    assert (new.id, new.label, new.context_window, new.max_output) == (
        "anthropic/new",
        "New",
        10,
        5,
    )
    assert new.capabilities.vision and new.capabilities.effort_levels == ("low", "none")
    assert old.capabilities.thinking and old.capabilities.effort_levels == ()


def test_on_vertex_the_model_stands_in_the_address():
    call = create_stream(
        Request(model="claude@1", messages=(user_message("x"),)),
        base_url="https://eu.test/v1/projects/p/locations/eu/publishers/anthropic",
        capabilities=THINKS,
        vertex=True,
    )
    assert call.url.endswith("/publishers/anthropic/models/claude@1:streamRawPredict")
    assert call.body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in call.body and not call.headers
