"""IOPub messages become nbformat outputs, whatever order and size they come in."""

from __future__ import annotations

from typing import Any

from jupyter_agent.kernel.outputs import OutputCollector, OutputLimits


def stream(text: str, name: str = "stdout") -> tuple[str, dict[str, Any]]:
    return "stream", {"name": name, "text": text}


def display(text: str, display_id: str | None = None, kind: str = "display_data") -> Any:
    transient = {"display_id": display_id} if display_id else {}
    return kind, {"data": {"text/plain": text}, "metadata": {}, "transient": transient}


def collect(*messages: tuple[str, dict[str, Any]], **limits: int) -> OutputCollector:
    collector = OutputCollector(limits=OutputLimits(**limits))
    for kind, content in messages:
        collector.apply(kind, content)
    return collector


def test_streams_of_one_name_are_merged() -> None:
    outputs = collect(stream("a"), stream("b"), stream("c", "stderr"), stream("d")).outputs()
    assert [(output["name"], output["text"]) for output in outputs] == [
        ("stdout", "ab"),
        ("stderr", "c"),
        ("stdout", "d"),
    ]


def test_outputs_may_be_looked_at_while_they_grow() -> None:
    collector = collect(stream("a"))
    before = collector.outputs()
    collector.apply(*stream("b"))
    assert before[0]["text"] == "a"
    assert collector.outputs()[0]["text"] == "ab"


def test_a_result_keeps_its_count() -> None:
    content = {"data": {"text/plain": "1"}, "metadata": {}, "execution_count": 7}
    assert collect(("execute_result", content)).outputs() == [
        {
            "output_type": "execute_result",
            "data": {"text/plain": "1"},
            "metadata": {},
            "execution_count": 7,
        }
    ]


def test_an_error_is_named() -> None:
    content = {"ename": "KeyError", "evalue": "'a'", "traceback": ["line"]}
    collector = collect(("error", content))
    assert collector.error_name == "KeyError"
    assert collector.outputs()[0] == {"output_type": "error", **content}


def test_clearing_waits_for_the_next_output() -> None:
    collector = collect(stream("old"), ("clear_output", {"wait": True}))
    assert collector.outputs()[0]["text"] == "old"
    collector.apply(*stream("new"))
    assert [output["text"] for output in collector.outputs()] == ["new"]


def test_clearing_at_once() -> None:
    assert collect(stream("old"), ("clear_output", {"wait": False})).outputs() == []


def test_a_display_is_updated_wherever_it_is_shown() -> None:
    collector = collect(display("old", "x"), stream("between"), display("old", "x"))
    before = collector.outputs()
    assert collector.apply(*display("new", "x", "update_display_data"))
    assert [output.get("data") for output in collector.outputs()] == [
        {"text/plain": "new"},
        None,
        {"text/plain": "new"},
    ]
    assert before[0]["data"] == {"text/plain": "old"}


def test_an_update_of_an_unknown_display_changes_nothing() -> None:
    collector = collect(display("old", "x"))
    assert not collector.apply(*display("new", "y", "update_display_data"))
    assert not collector.apply(*display("new", None, "update_display_data"))
    assert collector.outputs()[0]["data"] == {"text/plain": "old"}


def test_a_long_stream_keeps_head_and_tail() -> None:
    pieces = [f"{number:05}\n" for number in range(10_000)]
    collector = collect(*map(stream, pieces), stream=6_000)
    (output,) = collector.outputs()
    whole = "".join(pieces)
    head, note, tail = output["text"].partition("\n[… 54,000 characters were not kept …]\n")
    assert note and whole.startswith(head) and whole.endswith(tail)
    assert len(head) == len(tail) == 3_000


def test_one_long_message_keeps_head_and_tail() -> None:
    (output,) = collect(stream("a" * 5_000 + "z" * 5_000), stream=100).outputs()
    assert output["text"].startswith("a" * 50 + "\n[…") and output["text"].endswith("z" * 50)


def test_the_number_of_outputs_is_bounded_and_an_error_still_kept() -> None:
    messages = [display(str(number)) for number in range(20)]
    error = ("error", {"ename": "E", "evalue": "", "traceback": []})
    outputs = collect(*messages, error, outputs=5).outputs()
    assert [output["output_type"] for output in outputs] == ["display_data"] * 5 + [
        "error",
        "stream",
    ]
    assert outputs[-1]["text"] == "[15 more outputs were not kept]\n"


def test_large_data_is_replaced_by_a_sentence() -> None:
    picture = ("display_data", {"data": {"image/png": "A" * 600}, "metadata": {}})
    outputs = collect(picture, picture, data=1_000).outputs()
    assert outputs[0]["data"] == {"image/png": "A" * 600}
    assert outputs[1]["data"] == {"text/plain": "[image/png of 600 characters was not kept]"}


def test_a_long_traceback_is_bounded() -> None:
    lines = [f"line {number}" for number in range(100_000)]
    content = {"ename": "E", "evalue": "", "traceback": lines}
    (output,) = collect(("error", content), stream=1_000).outputs()
    assert sum(map(len, output["traceback"])) < 1_100
    assert output["traceback"][0].startswith("line 0\n")
    assert output["traceback"][-1].endswith("line 99999")


def test_hostile_content_is_taken_in() -> None:
    collector = collect(
        ("stream", {}),
        ("stream", {"name": 3, "text": 5}),
        ("error", {"traceback": "not a list"}),
        ("display_data", {"data": "not a dict", "metadata": None}),
        ("comm_msg", {"data": {}}),
    )
    assert [output["output_type"] for output in collector.outputs()] == [
        "stream",
        "error",
        "display_data",
    ]
