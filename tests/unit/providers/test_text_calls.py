"""Tool calls that came as text: read as calls where that is certain, left alone everywhere else."""

from __future__ import annotations

import json
import random

import pytest

from jupyter_agent.protocol.provider_events import Done
from jupyter_agent.providers._assemble import Assembler
from jupyter_agent.providers.openai_chat import ChatDecoder

CALL = '{"name": "read_cells", "arguments": {"ids": ["a"]}}'
OFFERED = {"read_cells": "read_cells", "notebook_overview": "notebook_overview"}


def answer(
    text: str, *, thinking: str = "", finish: str = "stop", pieces: int = 1, seed: int = 0
) -> Done:
    """Stream an answer in so many pieces per delta; return its end."""
    assembler = Assembler(provider="p", model="m")
    decoder = ChatDecoder(
        assembler, provider="p", model="m", think_tags=True, calls_in_text=OFFERED
    )
    chance = random.Random(seed)
    deltas = [{"reasoning_content": thinking}] if thinking else []
    rest = text
    while rest:
        size = chance.randint(1, pieces)
        deltas.append({"content": rest[:size]})
        rest = rest[size:]
    events = []
    for delta in [*deltas, None]:
        choice = {"index": 0, "delta": delta or {}, "finish_reason": None if delta else finish}
        data = json.dumps({"choices": [choice]})
        events += decoder.feed(f"data: {data}\n\n".encode())
    events += decoder.feed(b"data: [DONE]\n\n")
    assert isinstance(events[-1], Done)
    return events[-1]


READ = [
    f"<tool_call>\n{CALL}\n</tool_call>",
    f"<tool_call>{CALL}</tool_call>",
    f"I look first.\n<tool_call>\n{CALL}\n</tool_call>\n",
    f"<tool_call>\n{CALL}",  # the server ends the answer at the closing tag
    CALL,
    f"\n  {CALL}\n",
    '<tool_call>{"name": "read_cells", "parameters": {"ids": ["a"]}}</tool_call>',
    '<function=read_cells>{"ids": ["a"]}</function>',
    '<tool_call>\n<function=read_cells>\n<parameter=ids>\n["a"]\n</parameter>\n</function>\n</tool_call>',
    f"<think>Hm.</think>\n\n<tool_call>\n{CALL}\n</tool_call>",
]


@pytest.mark.parametrize("text", READ)
@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_a_call_written_as_text_is_a_call(text: str, pieces: int) -> None:
    message = answer(text, pieces=pieces).response.message
    [call] = message.tool_calls
    assert call.name == "read_cells" and call.parse_error is None
    assert call.arguments in ({"ids": ["a"]}, {"ids": '["a"]'})
    assert "<" not in message.text and "{" not in message.text
    assert message.metadata.extra == {"calls_in_text": True}


def test_several_calls_keep_their_order() -> None:
    other = '<tool_call>{"name": "notebook_overview", "arguments": {}}</tool_call>'
    message = answer(f"{other}\n<tool_call>{CALL}</tool_call>").response.message
    assert [call.name for call in message.tool_calls] == ["notebook_overview", "read_cells"]


def test_a_call_inside_the_thinking_counts_when_nothing_else_was_said() -> None:
    thinking = f"I should read.\n<tool_call>{CALL}</tool_call>"
    assert len(answer("", thinking=thinking).response.message.tool_calls) == 1
    assert not answer("Done.", thinking=thinking).response.message.tool_calls


LEFT = [
    f"Write `<tool_call>{CALL}</tool_call>` to call a tool.",
    f"<tool_call>{CALL}</tool_call> is how it is written.",
    f"For example:\n```\n<tool_call>{CALL}</tool_call>\n```\n",
    '<tool_call>{"name": "rm_rf", "arguments": {}}</tool_call>',
    '<tool_call>{"name": "read_cells", "arguments": {"ids": ["a"</tool_call>',
    '<tool_call>{"name": "read_cells", "arguments": {}, "arguments": {"ids": []}}</tool_call>',
    "<tool_call>\nnot JSON\n</tool_call>",
    "<tool_calling> is a topic of its own.",
    '{"answer": 42}',
    f"{CALL}\nis what I would send.",
    f"The call:\n{CALL}",
    "a < b, and <function=unknown>{}</function>",
    "  \n<tool",
]


@pytest.mark.parametrize("text", LEFT)
@pytest.mark.parametrize("pieces", [1, 4, 1000])
def test_everything_else_stays_the_text_it_is(text: str, pieces: int) -> None:
    message = answer(text, pieces=pieces).response.message
    assert not message.tool_calls and message.text == text
    assert message.metadata.extra is None


def test_an_answer_cut_at_a_limit_holds_no_call() -> None:
    message = answer(f"<tool_call>{CALL}", finish="length").response.message
    assert not message.tool_calls and message.text == f"<tool_call>{CALL}"
