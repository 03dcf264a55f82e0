"""OpenAI's Responses: items by index, texts that only come when done, reasoning sent back."""

import json

import pytest

from jupyter_agent.protocol.messages import Message, MessageMeta, TextPart, user_message
from jupyter_agent.protocol.models import Capabilities, Request
from jupyter_agent.providers.openai_responses import (
    create_stream,
    parse_stream_events,
    should_continue,
)

THINKS = Capabilities(thinking=True, effort_levels=("low", "high"))


def read(*payloads):
    body = "".join(f"event: {p['type']}\ndata: {json.dumps(p)}\n\n" for p in payloads)
    return list(parse_stream_events([body.encode()]))


def response(*payloads):
    last = read(*payloads)[-1]
    assert last.type == "done", last
    return last.response


def event(kind, index=0, **fields):
    return {"type": f"response.{kind}", "output_index": index, **fields}


def completed(kind="completed", **fields):
    return {"type": f"response.{kind}", "response": {"status": kind, **fields}}


def function(index=0, arguments="{}", **fields):
    return {"type": "function_call", "call_id": f"call_{index}", "name": "run", **fields} | {
        "arguments": arguments
    }


def test_a_call_is_known_by_its_index_though_its_ids_rotate():
    found = response(
        event("output_item.added", 0, item=function(0, "", id="fc_1")),
        event("output_item.added", 1, item=function(1, "", id="fc_2")),
        event("function_call_arguments.delta", 1, item_id="x", delta='{"b":'),
        event("function_call_arguments.delta", 0, item_id="y", delta='{"a":1}'),
        event("function_call_arguments.delta", 1, item_id="z", delta="2}"),
        event("output_item.done", 0, item=function(0, '{"a":1}', id="fc_9")),
        event("output_item.done", 1, item=function(1, '{"b":2}', id="fc_8")),
        completed(),
    )
    calls = found.message.tool_calls
    assert [(call.id, call.arguments) for call in calls] == [
        ("call_0", {"a": 1}),
        ("call_1", {"b": 2}),
    ]
    assert should_continue(found)
    assert found.finish.kind == "tool_calls"


@pytest.mark.parametrize(
    "events",
    [
        [event("output_text.delta", delta="Hel"), event("output_text.delta", delta="lo")],
        [event("output_text.delta", delta="Hel"), event("output_text.done", text="Hello")],
        [event("output_text.done", text="Hello")],
        [
            event("output_text.delta", content_index=1, delta="Hel"),
            event(
                "output_item.done",
                item={"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
            ),
        ],
        [],
    ],
)
def test_text_is_complete_however_little_is_streamed(events):
    whole = {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}
    found = response(*events, completed(output=[whole]))
    assert found.message.text == "Hello"


def test_only_the_last_event_may_hold_the_call():
    found = response(completed(output=[function(0, '{"a":1}')]))
    assert found.message.tool_calls[0].arguments == {"a": 1}


def test_reasoning_is_kept_whole_and_sent_back_only_when_encrypted():
    item = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "gAAAA",
    }
    found = response(
        event("reasoning_summary_text.delta", summary_index=0, delta="h"),
        event("reasoning_summary_text.done", summary_index=0, text="hm"),
        event("output_item.done", item=item),
        event("output_item.done", 1, item={"type": "reasoning", "id": "rs_2", "summary": []}),
        event("output_item.done", 2, item=function(2)),
        completed(),
    )
    assert found.message.thinking == "hm"
    meta = MessageMeta(provider="openai")
    turn = Message(role="assistant", parts=found.message.parts, metadata=meta)
    body = create_stream(
        Request(model="m", messages=(user_message("x"), turn)),
        base_url="https://x/v1",
        capabilities=THINKS,
    ).body
    assert [entry.get("type") for entry in body["input"]] == [None, "reasoning", "function_call"]
    assert body["input"][1] == item
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["store"] is False


def test_both_channels_of_reasoning_are_not_counted_twice():
    found = response(
        event("reasoning_text.delta", delta="hm"),
        event("reasoning_summary_text.delta", delta="hm"),
        completed(),
    )
    assert found.message.thinking == "hm"


def test_the_phase_of_a_message_goes_back_with_it():
    item = {"type": "message", "phase": "commentary", "content": []}
    found = response(
        event("output_text.delta", delta="First"),
        event("output_item.done", item=item),
        completed(),
    )
    turn = Message(role="assistant", parts=(*found.message.parts, TextPart(text="Then")))
    body = create_stream(
        Request(model="m", messages=(turn,)), base_url="https://x", capabilities=Capabilities()
    ).body
    assert body["input"] == [
        {"role": "assistant", "content": "First", "phase": "commentary"},
        {"role": "assistant", "content": "Then"},
    ]


@pytest.mark.parametrize(
    ("reason", "kind"), [("max_output_tokens", "length"), ("content_filter", "content_filter")]
)
def test_an_incomplete_answer_says_why(reason, kind):
    found = response(
        event("output_text.delta", delta="Hel"),
        completed("incomplete", incomplete_details={"reason": reason}),
    )
    assert (found.finish.kind, found.finish.raw) == (kind, reason)


def test_a_refusal_is_told():
    found = response(event("refusal.done", refusal="No."), completed())
    assert found.finish.kind == "refusal"
    assert found.message.metadata.extra == {"refusal": "No."}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "x"}, "rate_limited"),
        ({"type": "error", "error": {"code": "insufficient_quota"}}, "rate_limited"),
        (completed("failed", error={"code": "server_error", "message": "x"}), "overloaded"),
        (event("output_item.done", item=None), "parse_failed"),
        (event("output_text.delta", delta=3), "parse_failed"),
    ],
)
def test_errors_end_the_stream(payload, code):
    events = read(event("output_item.done", item=function()), payload, completed())
    assert events[-1].error.code == code
    assert not any(e.type == "done" for e in events)


def test_what_comes_after_the_end_is_ignored():
    found = read(completed(), {"type": "keepalive"}, event("output_text.delta", delta="late"))
    assert [e.type for e in found] == ["done"]


def test_done_is_no_end_mark_here():
    body = b'data: {"type":"response.output_text.delta","delta":"a"}\n\ndata: [DONE]\n\n'
    assert list(parse_stream_events([body]))[-1].error.code == "stream_interrupted"


def test_usage_is_told_apart():
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 2},
    }
    found = response(completed(usage=usage)).usage
    assert (found.input, found.output, found.cache_read, found.reasoning) == (10, 5, 4, 2)


def test_sampling_is_for_models_that_do_not_think():
    request = Request(model="m", messages=(user_message("x"),), temperature=0.0, effort="high")
    able = create_stream(request, base_url="https://x", capabilities=THINKS).body
    assert "temperature" not in able
    assert able["reasoning"] == {"effort": "high", "summary": "auto"}
    plain = create_stream(request, base_url="https://x", capabilities=Capabilities()).body
    assert plain["temperature"] == 0 and "reasoning" not in plain and "include" not in plain
