"""Repair before sending, and the maps of names and ids."""

import pytest

from jupyter_agent.protocol.errors import BadRequest
from jupyter_agent.protocol.messages import (
    Message,
    MessageMeta,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    system_message,
    user_message,
)
from jupyter_agent.providers._history import (
    INTERRUPTED,
    WireIds,
    WireNames,
    repair,
    result_text,
    split_system,
)


def assistant(*parts, provider=None):
    return Message(role="assistant", parts=parts, metadata=MessageMeta(provider=provider))


def call(id, **more):
    return ToolCallPart(id=id, index=0, name="run", arguments_raw="{}", arguments={}, **more)


def result(id, text="ok"):
    return ToolResultPart(tool_call_id=id, tool_name="run", content=(TextPart(text=text),))


def tool(*parts):
    return Message(role="tool", parts=parts)


def test_seed_083_unanswered_calls_get_a_result():
    messages = repair((assistant(call("a"), call("b")), tool(result("b"))), "p")
    first, second = messages[1].tool_results
    assert (first.tool_call_id, first.text, first.is_error) == ("a", INTERRUPTED, True)
    assert second.tool_call_id == "b"


def test_results_follow_their_turn_at_once_and_in_order():
    history = (assistant(call("a"), call("b")), tool(result("b")), tool(result("a")))
    _, results = repair(history, "p")
    assert [answer.tool_call_id for answer in results.tool_results] == ["a", "b"]


def test_a_turn_without_any_result_is_answered_before_the_next_message():
    history = (assistant(call("a")), user_message("go on"))
    assert [message.role for message in repair(history, "p")] == ["assistant", "tool", "user"]


def test_orphan_results_are_dropped():
    history = (user_message("x"), tool(result("gone")), assistant(TextPart(text="y")))
    assert [message.role for message in repair(history, "p")] == ["user", "assistant"]


def test_a_repeated_result_counts_once():
    history = (assistant(call("a")), tool(result("a")), user_message("x"), tool(result("a")))
    assert [message.role for message in repair(history, "p")] == ["assistant", "tool", "user"]


def test_seed_061_a_result_without_an_id_fails():
    with pytest.raises(BadRequest, match="which call"):
        repair((tool(result("")),), "p")


def test_seed_061_empty_assistant_turns_are_skipped():
    history = (
        assistant(),
        assistant(TextPart(text="")),
        assistant(ThinkingPart(text="cut", signature="s")),
        user_message("x"),
    )
    assert [message.role for message in repair(history, "p")] == ["user"]


@pytest.mark.parametrize(("provider", "kept"), [("p", True), (None, True), ("other", False)])
def test_seed_082_what_another_provider_sealed_is_dropped(provider, kept):
    sealed = assistant(
        ThinkingPart(text="t", signature="s"),
        TextPart(text="x", provider_metadata={"a": 1}),
        call("a", provider_metadata={"b": 2}),
        provider=provider,
    )
    clean, _ = repair((sealed, tool(result("a"))), "p")
    assert (clean.parts == sealed.parts) is kept
    if not kept:
        assert [part.type for part in clean.parts] == ["text", "tool_call"]
        assert all(part.provider_metadata is None for part in clean.parts)


def test_what_needs_no_repair_is_the_same_object():
    history = (user_message("x"), assistant(TextPart(text="y")))
    assert all(a is b for a, b in zip(repair(history, "p"), history, strict=True))


def test_seed_061_system_messages_are_joined_by_a_blank_line():
    history = (system_message("one"), user_message("x"), system_message("two"), system_message(""))
    system, rest = split_system(history)
    assert system == "one\n\ntwo"
    assert [message.role for message in rest] == ["user"]


def test_seed_087_names_are_encoded_and_mapped_back():
    wanted = ["nb.read", "nb_read", "plain", "über all", "x" * 80, "x" * 81, "", "mcp:a/b"]
    names = WireNames(wanted)
    wires = [names.to_wire(name) for name in wanted]
    assert len(set(wires)) == len(wanted)
    assert all(wire.isascii() and 0 < len(wire) <= 64 and "." not in wire for wire in wires)
    assert [names.from_wire(wire) for wire in wires] == wanted
    assert names.to_wire("nb_read") == "nb_read"
    assert names.from_wire("never sent") == "never sent"


def test_names_do_not_depend_on_what_else_is_offered():
    assert WireNames(["a.b"]).to_wire("a.b") == WireNames(["c.d", "a.b"]).to_wire("a.b")


def test_seed_078_ids_take_the_form_of_the_wire_and_back():
    ids = WireIds(r"[A-Za-z0-9]{9}", length=9)
    ours = ["call_1234567890", "abcdefghi", "", "call_1234567891"]
    wires = [ids.to_wire(id) for id in ours]
    assert wires[1] == "abcdefghi"
    assert all(len(wire) == 9 and wire.isalnum() for wire in wires)
    assert [ids.from_wire(wire) for wire in wires] == ours
    assert wires == [WireIds(r"[A-Za-z0-9]{9}", length=9).to_wire(id) for id in ours]


def test_seed_085_errors_are_marked_in_the_text():
    failed = ToolResultPart(
        tool_call_id="a", tool_name="run", content=(TextPart(text="no cell"),), is_error=True
    )
    assert result_text(failed) == "Error: no cell"
    assert result_text(result("a")) == "ok"
