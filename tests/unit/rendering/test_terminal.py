"""Runs and approvals as plain text."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from jupyter_agent.protocol.messages import MessageMeta, TextPart, ToolResultPart
from jupyter_agent.protocol.session_events import (
    ApprovalStart,
    MessageEnd,
    MessageTextDelta,
    QuestionStart,
    ToolEnd,
    ToolStart,
)
from jupyter_agent.protocol.tools import PreviewBlock
from jupyter_agent.rendering.terminal import (
    Progress,
    ask_by_input,
    describe_approval,
    question_by_input,
    visible,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"
LOOKALIKES = json.loads((FIXTURES / "lookalikes.json").read_text("utf-8"))


def approval(*blocks, scopes=("once", "session")):
    return ApprovalStart(
        approval_id="apr",
        call_id="call",
        tool_name="run_code",
        title="Run code",
        permissions=("exec",),
        arguments={"code": "x"},
        preview=blocks,
        fingerprint="f",
        scopes=scopes,
    )


CODE = PreviewBlock(kind="code", text="a = 1\n\nb = 2", label="new cell")


@pytest.mark.R(17)
@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("\x1b[2K", "\\u{1b}[2K"),
        ("a\rb", "a\\u{d}b"),
        ("\u202e", "\\u{202e}"),
        ("\u200b", "\\u{200b}"),
        ("\U000e0041", "\\u{e0041}"),
        ("\u2028", "\\u{2028}"),
    ],
)
def test_what_hides_or_moves_text_is_spelled_out(hidden, shown):
    assert visible(hidden) == shown


def test_ordinary_text_stays_as_it_is():
    text = "naïve – 日本語 → ✓ 👍\n\tx"
    assert visible(text) == text


@pytest.mark.R(17)
@pytest.mark.parametrize("case", LOOKALIKES, ids=lambda case: case["name"])
def test_letters_that_look_like_others_are_told_in_an_approval(case):
    shown = describe_approval(approval(PreviewBlock(kind="code", text=case["text"])))
    assert [f"U+{int(code, 16):04X}" for code in re.findall(r"\\u{(\w+)}", shown)] == case["marked"]
    assert case["text"] in re.sub(r"\\u{\w+}", "", shown)


@pytest.mark.R(21)
def test_an_approval_shows_the_code_whole():
    shown = describe_approval(approval(CODE))
    assert "Run code (exec)" in shown
    assert "  new cell" in shown
    assert "  │ a = 1\n  │ \n  │ b = 2" in shown


def test_an_approval_without_a_preview_shows_its_arguments():
    assert "code = 'x'" in describe_approval(approval())


def test_a_diff_is_shown_with_its_marks_and_all_its_lines():
    before = "\n".join(f"line {n}" for n in range(30))
    diff = PreviewBlock(kind="diff", before=before, text=before.replace("line 15", "changed"))
    shown = describe_approval(approval(diff))
    assert "│ -line 15\n" in shown and "│ +changed\n" in shown
    assert "│  line 0\n" in shown and "│  line 29" in shown


@pytest.mark.parametrize(
    ("said", "allow", "scope", "reason"),
    [
        ("y", True, "once", None),
        (" YES ", True, "once", None),
        ("s", True, "session", None),
        ("session", True, "session", None),
        ("n", False, "once", None),
        ("", False, "once", None),
        ("not now", False, "once", "not now"),
    ],
)
def test_the_answer_is_read(said, allow, scope, reason):
    answer = ask_by_input(approval(CODE), lambda prompt: said)
    assert (answer.allow, answer.scope, answer.reason) == (allow, scope, reason)


def test_a_scope_that_is_not_offered_is_no_yes():
    assert not ask_by_input(approval(CODE, scopes=("once",)), lambda prompt: "s").allow


@pytest.mark.parametrize("fault", [EOFError, NotImplementedError])
def test_where_nobody_can_answer_it_is_denied(fault):
    def ask(prompt):
        raise fault

    assert not ask_by_input(approval(CODE), ask).allow
    question = QuestionStart(question_id="q", call_id="c", question="Which?")
    assert question_by_input(question, ask) is None


@pytest.mark.parametrize(
    ("said", "answer"), [("2", "blue"), ("green", "green"), ("", None), ("3", "3")]
)
def test_a_question_is_answered_by_number_or_in_words(said, answer):
    question = QuestionStart(
        question_id="q", call_id="c", question="Which?", options=("red", "blue")
    )
    assert question_by_input(question, lambda prompt: said) == answer


def progress_of(*events, colour=False):
    written = []
    progress = Progress(written.append, colour=colour)
    for event in events:
        progress.show(event)
    return "".join(written)


def tool_end(**more):
    text = (TextPart(text="done"),)
    result = ToolResultPart(tool_call_id="c", tool_name="t", content=text, **more)
    return ToolEnd(call_id="c", tool_name="t", result=result, title="Ran [4]", summary="1 plot")


def test_progress_begins_a_line_for_each_tool_call():
    text = progress_of(
        MessageTextDelta(message_id="m", text="Now\nthis"),
        MessageEnd(message_id="m", metadata=MessageMeta()),
        tool_end(),
        tool_end(is_error=True),
        tool_end(is_error=True, rejected=True),
    )
    assert text == "Now\nthis\n✓ Ran [4] · 1 plot\n✗ Ran [4] · 1 plot\n⊘ Ran [4] · 1 plot\n"


def test_progress_lets_no_escape_of_the_model_through():
    event = MessageTextDelta(message_id="m", text="\x1b]0;owned\x07")
    assert "\x1b" not in progress_of(event, colour=True)


def test_colour_is_only_on_the_mark():
    assert progress_of(tool_end(), colour=True) == "\x1b[32m✓\x1b[0m Ran [4] · 1 plot\n"


def tool_start():
    return ToolStart(call_id="c", tool_name="t", title="Run [4]")


def test_a_call_is_shown_when_it_starts():
    assert progress_of(tool_start(), tool_end()) == "● Run [4]\n✓ Ran [4] · 1 plot\n"


async def test_where_a_line_can_be_written_over_a_call_shows_its_time():
    written: list[str] = []
    ticked = asyncio.Event()

    def write(text: str) -> None:
        written.append(text)
        if "Run [4] · 1 s" in text:
            ticked.set()

    progress = Progress(write, live=True)
    progress.show(tool_start())
    await asyncio.wait_for(ticked.wait(), 30)
    progress.show(tool_end())
    clear = "\r\x1b[2K"
    assert "".join(written).startswith(f"● Run [4] · 0 s{clear}● Run [4] · 1 s")
    assert "".join(written).endswith(f"{clear}✓ Ran [4] · 1 plot\n")
