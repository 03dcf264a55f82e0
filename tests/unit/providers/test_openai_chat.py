"""Chat Completions: the habits of its many servers, on made-up streams."""

import json

import pytest

from jupyter_agent.providers._assemble import Assembler
from jupyter_agent.providers._history import WireNames
from jupyter_agent.providers.openai_chat import (
    ChatDecoder,
    format_error,
    parse_stream_events,
    read_models,
    should_continue,
)

STOP = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


def body(*payloads, done=True):
    lines = [f"data: {json.dumps(payload)}\n\n" for payload in payloads]
    return "".join(lines + (["data: [DONE]\n\n"] if done else [])).encode()


def delta(**fields):
    return {"choices": [{"index": 0, "delta": fields}]}


def calls(*fragments):
    return delta(tool_calls=list(fragments))


def fragment(index="left out", id="left out", name="left out", arguments="left out"):
    function = {"name": name, "arguments": arguments}
    function = {key: value for key, value in function.items() if value != "left out"}
    head = {"index": index, "id": id}
    return {
        **{key: value for key, value in head.items() if value != "left out"},
        "function": function,
    }


def read(*payloads, **options):
    assembler = Assembler(provider="p", model="m")
    decoder = ChatDecoder(assembler, provider="p", model="m", **options)
    events = decoder.feed(body(*payloads))
    return [*events, *decoder.finish()]


def response(*payloads, **options):
    last = read(*payloads, **options)[-1]
    assert last.type == "done", last
    return last.response


def ran(*payloads):
    return [(c.name, c.arguments) for c in response(*payloads, STOP).message.tool_calls]


def test_by_index():
    found = ran(
        calls(fragment(0, "a", "one", ""), fragment(1, "b", "two", "")),
        calls(fragment(1, arguments='{"y":2}')),
        calls(fragment(0, arguments='{"x":1}')),
    )
    assert found == [("one", {"x": 1}), ("two", {"y": 2})]


def test_a_new_id_at_the_same_index_is_a_new_call():
    found = ran(
        calls(fragment(0, "a", "one", '{"x":1}')),
        calls(fragment(0, "b", "one", '{"x":')),
        calls(fragment(0, "b", "one", "2}")),
    )
    assert found == [("one", {"x": 1}), ("one", {"x": 2})]


@pytest.mark.parametrize("index", ["left out", None])
def test_without_an_index(index):
    found = ran(
        calls(fragment(index, "a", "one", "")),
        calls(fragment(index, arguments='{"x":1}')),
        calls(fragment(index, "b", "two", "{}")),
        calls(fragment(index, "c", "three", None)),
    )
    assert found == [("one", {"x": 1}), ("two", {}), ("three", {})]


def test_without_ids_and_with_one_index_for_all():
    found = ran(calls(fragment(0, "", "one", '{"x":1}')), calls(fragment(0, "", "two", '{"y":2}')))
    assert found == [("one", {"x": 1}), ("two", {"y": 2})]


def test_names_and_ids_repeated_in_every_delta_are_one():
    pieces = ('{"x"', ":", "1}")
    found = ran(*(calls(fragment(0, "a", "one", piece)) for piece in pieces))
    assert found == [("one", {"x": 1})]


def test_an_id_that_comes_late():
    found = response(
        calls(fragment(0, "", "one", '{"x"')), calls(fragment(0, "late", arguments=":1}")), STOP
    )
    assert [call.arguments for call in found.message.tool_calls] == [{"x": 1}]


def test_arguments_as_an_object_and_calls_without_a_function():
    found = ran(calls(fragment(0, "a", "one", {"x": 1}), {"index": 1, "type": "custom"}))
    assert found == [("one", {"x": 1})]


def test_the_old_function_call():
    found = ran(
        delta(function_call={"name": "one", "arguments": '{"x":'}),
        delta(function_call={"arguments": "1}"}),
    )
    assert found == [("one", {"x": 1})]


def test_odd_chunks_are_no_trouble():
    found = response(
        {"choices": []},
        {"choices": None},
        {},
        {"choices": [{"delta": None}]},
        delta(content=None, role="assistant"),
        delta(content=[{"type": "text", "text": "a"}, {"type": "reference"}, "x"]),
        delta(content="b", tool_calls=None),
        STOP,
        STOP,
    )
    assert found.message.text == "ab"


def test_thinking_is_not_counted_twice():
    details = [{"type": "reasoning.text", "text": "hm", "index": 0}]
    found = response(
        delta(reasoning="hm", reasoning_content="hm", reasoning_details=details),
        delta(reasoning_details=[{"type": "reasoning.text", "text": "m", "index": 0}]),
        delta(reasoning_details=[{"type": "reasoning.text", "signature": "S", "index": 0}]),
        delta(content="so"),
        STOP,
        readable_details=True,
    )
    assert found.message.thinking == "hmm"
    assert found.message.metadata.reasoning_details == [
        {"type": "reasoning.text", "text": "hmm", "index": 0, "signature": "S"}
    ]


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("<think>why</think>so", "why", "so"),
        ("\n<think>\nwhy\n</think>\n\nso", "\nwhy\n", "so"),
        ("why</think>so", "", "whyso"),
        ("plain < text <thin>", "", "plain < text <thin>"),
        ("<think>never ends", "never ends", ""),
        ("a <think>b</think>", "", "a <think>b"),
        ("<think></think>x</think>", "", "x</think>"),
    ],
)
def test_thinking_inside_the_text(text, thinking, answer, size):
    pieces = [delta(content=text[at : at + size]) for at in range(0, len(text), size)]
    message = response(*pieces, STOP, think_tags=True).message
    assert (message.thinking, message.text) == (thinking, answer)
    assert response(*pieces, STOP).message.text == text


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("model_length", "context_overflow"),
        ("something new", "other"),
    ],
)
def test_seed_053_finish_words(word, kind):
    finish = response(delta(content="x"), {"choices": [{"finish_reason": word}]}).finish
    assert (finish.kind, finish.raw) == (kind, word)


def test_a_refusal_is_told():
    found = response(delta(refusal="I can"), delta(refusal="not."), STOP)
    assert found.finish.kind == "refusal"
    assert found.message.metadata.extra == {"refusal": "I cannot."}


@pytest.mark.parametrize(
    "payload",
    [
        {"error": {"message": "Token limit reached", "code": 400}},
        {"error": "boom"},
        {"choices": [{"delta": {"content": ""}, "error": {"message": "boom"}}]},
        {"choices": [{"delta": {"content": ""}, "finish_reason": "error"}]},
        {"choices": [17]},
        {"choices": {"a": 1}},
        {"choices": [{"delta": {"tool_calls": [{"function": 1}, 3]}}]},
        {"choices": [{"delta": {"content": 3}}]},
        {"usage": 3},
    ],
)
def test_errors_and_nonsense_inside_the_stream_end_it(payload):
    events = read(calls(fragment(0, "a", "one", "{}")), payload, STOP)
    assert events[-1].type == "error"
    assert not any(event.type in ("done", "tool_call_end") for event in events)


def test_seed_071_usage_after_the_finish():
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    found = response(delta(content="x"), STOP, {"choices": [], "usage": usage}).usage
    assert (found.input, found.output, found.cache_read, found.reasoning) == (10, 5, 4, 2)
    found = response(delta(content="x"), {**STOP, "x_groq": {"usage": usage}}).usage
    assert found.input == 10


def test_the_done_mark_alone_ends_an_answer():
    assert response(delta(content="x")).finish.kind == "stop"
    events = list(parse_stream_events([body(delta(content="x"), done=False)]))
    assert events[-1].error.code == "stream_interrupted"
    events = list(parse_stream_events([body(delta(content="x"), STOP, done=False)]))
    assert events[-1].type == "done"


def test_tool_names_are_mapped_back():
    names = WireNames(["nb.read"])
    found = response(calls(fragment(0, "a", "nb_read", "{}")), STOP, names=names)
    assert found.message.tool_calls[0].name == "nb.read"


def test_seed_069_the_calls_decide_whether_to_go_on():
    assert should_continue(response(calls(fragment(0, "a", "one", "{}")), STOP))
    assert not should_continue(response(delta(content="x"), STOP))
    error = format_error(404, {}, b"", provider="openai", model="m")
    assert error.code == "bad_request"


def test_model_lists_of_several_shapes():
    rows = [{"id": "a", "max_context_length": 9, "capabilities": {"function_calling": True}}]
    for shape in ({"data": rows}, {"models": rows}, rows):
        [model] = read_models(shape, provider="mistral")
        assert (model.name, model.context_window, model.capabilities.tools) == ("a", 9, True)
    assert read_models({"data": None}, provider="x") == []
    assert read_models("x", provider="x") == []
