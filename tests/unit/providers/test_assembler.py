"""The assembler: ids, the one parse, bounds, exactly one terminal event."""

import pytest

from jupyter_agent.protocol.errors import ErrorInfo, Overloaded
from jupyter_agent.protocol.reduce import reduce_message
from jupyter_agent.protocol.usage import Usage
from jupyter_agent.providers._assemble import MAX_ARGUMENTS, MAX_CALLS, Assembler


@pytest.fixture
def assembler():
    return Assembler(provider="p", model="m")


def kinds(assembler):
    return [event.type for event in assembler.take()]


def done_of(assembler):
    return assembler.take()[-1].response


def test_seed_010_one_terminal_event_and_nothing_after_it(assembler):
    assembler.text("a")
    assembler.finish("stop", "end_turn")
    assembler.end()
    assembler.end()
    assembler.fail(Overloaded("late"))
    assembler.text("late")
    assembler.call(0, name="late")
    assembler.usage(input=1)
    assert kinds(assembler) == ["text_delta", "done"]


def test_without_the_end_mark_the_answer_is_an_error(assembler):
    assembler.call(0, name="run", arguments="{}")
    assembler.end()
    events = assembler.take()
    assert [event.type for event in events] == ["tool_call_start", "tool_call_delta", "error"]
    assert events[-1].error.code == "stream_interrupted"
    assert (events[-1].error.provider, events[-1].error.model) == ("p", "m")


def test_seed_009_interleaved_calls_stay_apart(assembler):
    assembler.call("a", id="x", name="one", arguments='{"n"')
    assembler.call("b", id="y", name="two", arguments="{")
    assembler.call("a", arguments=":1}")
    assembler.call("b", arguments="}")
    assembler.finish("tool_calls")
    assembler.end()
    first, second = done_of(assembler).message.tool_calls
    assert (first.id, first.index, first.arguments) == ("x", 0, {"n": 1})
    assert (second.id, second.index, second.arguments) == ("y", 1, {})


def test_seed_078_missing_and_repeated_ids_are_made_up():
    assembler = Assembler(provider="p", model="m", taken_ids={"old"})
    for key, id in enumerate((None, "", "same", "same", "old", "x" * 1000)):
        assembler.call(key, id=id, name="run")
    assembler.finish("stop")
    assembler.end()
    ids = [call.id for call in done_of(assembler).message.tool_calls]
    assert ids[2] == "same"
    assert len(set(ids)) == 6
    assert "old" not in ids and max(map(len, ids)) < 100


def test_the_start_waits_for_the_name_and_later_names_are_ignored(assembler):
    assembler.call(0, id="i", arguments='{"a"')
    assert kinds(assembler) == []
    assembler.call(0, name="run", arguments=":1}")
    assembler.call(0, id="other", name="run")
    start, delta = assembler.take()
    assert (start.name, start.id) == ("run", "i")
    assert delta.json == '{"a":1}'


def test_a_call_that_never_gets_a_name_cannot_run(assembler):
    assembler.call(0, arguments="{}")
    assembler.finish("tool_calls")
    assembler.end()
    [call] = done_of(assembler).message.tool_calls
    assert (call.name, call.arguments) == ("unknown", None)
    assert call.parse_error == "the call names no tool"


@pytest.mark.parametrize(
    "raw", ['{"a":', "[1]", "nonsense", '{"a":1,"a":2}', '{"a":NaN}', '{"a":"\\ud800"}', "1" * 5000]
)
def test_seed_077_arguments_that_do_not_parse_are_never_arguments(assembler, raw):
    assembler.call(0, name="run", arguments=raw)
    assembler.finish("tool_calls")
    assembler.end()
    [call] = done_of(assembler).message.tool_calls
    assert call.arguments is None
    assert call.parse_error
    assert call.arguments_raw == raw


@pytest.mark.parametrize("kind", ["length", "content_filter", "context_overflow", "refusal"])
def test_an_answer_cut_before_the_arguments_does_not_run_with_none(assembler, kind):
    assembler.call(0, name="delete_everything")
    assembler.finish(kind)
    assembler.end()
    [call] = done_of(assembler).message.tool_calls
    assert call.arguments is None
    assert "cut off" in call.parse_error


def test_arguments_are_bounded(assembler):
    for _ in range(MAX_ARGUMENTS // 1000 + 2):
        assembler.call(0, name="run", arguments="x" * 1000)
    *_, last = assembler.take()
    assert (last.type, last.error.code) == ("error", "parse_failed")


def test_the_number_of_calls_is_bounded(assembler):
    for key in range(MAX_CALLS + 1):
        assembler.call(key, name="run")
    assert assembler.take()[-1].type == "error"


def test_seed_067_whole_arguments_win_over_fragments(assembler):
    assembler.call(0, name="run", arguments='{"a":')
    assembler.end_call(0, '{"a":1}')
    assembler.call(1, name="run", arguments='{"b":')
    assembler.end_call(1, '{"c":1}')
    assembler.finish("stop")
    assembler.end()
    response = done_of(assembler)
    assert [call.arguments for call in response.message.tool_calls] == [{"a": 1}, {"c": 1}]


def test_seed_080_stop_with_calls_is_a_tool_turn(assembler):
    assembler.call(0, name="run")
    assembler.finish("stop", "stop")
    assembler.end()
    finish = done_of(assembler).finish
    assert (finish.kind, finish.raw) == ("tool_calls", "stop")


def test_seed_068_usage_may_repeat_and_what_is_none_changes_nothing(assembler):
    assembler.usage(input=10, output=1, cache_read=3)
    assembler.usage(output=5)
    assembler.usage(input=None, output=None)
    assembler.finish("stop")
    assembler.end()
    events = assembler.take()
    assert [event.type for event in events] == ["usage", "usage", "done"]
    assert events[-1].response.usage == Usage(input=10, output=5, total=15, cache_read=3)


def test_seed_006_unreported_usage_is_none(assembler):
    assembler.finish("stop")
    assembler.end()
    assert done_of(assembler).usage is None


def test_thinking_is_closed_by_what_follows(assembler):
    assembler.thinking("hm")
    assembler.text("so")
    assembler.thinking("more")
    assembler.end_thinking(signature="S")
    assembler.end_thinking(redacted_data="R")
    assembler.call(0, name="run")
    assembler.finish("stop")
    assembler.end()
    events = assembler.take()
    parts = events[-1].response.message.parts
    assert [part.type for part in parts] == [
        "thinking",
        "text",
        "thinking",
        "thinking",
        "tool_call",
    ]
    assert (parts[2].signature, parts[3].redacted_data, parts[3].text) == ("S", "R", "")
    assert reduce_message(events).parts == parts


def test_the_error_may_be_data(assembler):
    assembler.fail(ErrorInfo(code="refused", message="No.", provider="else"))
    [event] = assembler.take()
    assert (event.error.provider, event.error.model) == ("else", "m")
