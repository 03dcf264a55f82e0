"""What the chat widget sends to its front end."""

import pytest

from jupyter_agent.protocol.errors import ErrorInfo
from jupyter_agent.protocol.messages import (
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from jupyter_agent.protocol.session_events import ApprovalStart
from jupyter_agent.protocol.tools import PreviewBlock
from jupyter_agent.protocol.transcript import MessageEntry, RunEntry, ToolState, Transcript
from jupyter_agent.widget import LONGEST_RESULT, blocks_of

CALL = ToolCallPart(id="c1", index=0, name="run_code", arguments_raw="{}", arguments={})


def transcript(*parts, role="assistant", **more):
    entry = MessageEntry(message=Message(id="m", role=role, parts=parts))
    return Transcript(entries=(entry,), **more)


def tool(*content, status="ok", **more):
    result = ToolResultPart(tool_call_id="c1", tool_name="run_code", content=content)
    return ToolState(
        call_id="c1", tool_name="run_code", status=status, title="Ran code", result=result, **more
    )


def test_a_message_becomes_a_block_for_each_part_in_order():
    shown = transcript(
        ThinkingPart(text="hmm"), TextPart(text="So:"), CALL, tools={"c1": tool(summary="1 plot")}
    )
    blocks = blocks_of(shown)
    assert [block["kind"] for block in blocks] == ["thinking", "text", "tool"]
    assert len({block["key"] for block in blocks}) == 3
    assert blocks[2]["title"] == "Ran code · 1 plot"


def test_a_growing_answer_keeps_its_key():
    [before] = blocks_of(transcript(TextPart(text="So")))
    [after] = blocks_of(transcript(TextPart(text="So it is")))
    assert before["key"] == after["key"]
    assert before != after


@pytest.mark.R(14)
@pytest.mark.parametrize(
    ("image", "shown"),
    [
        (ImagePart(media_type="image/png", data="AA=="), ["data:image/png;base64,AA=="]),
        (ImagePart(media_type="image/svg+xml", data="AA=="), []),
        (ImagePart(media_type="image/png", url="https://evil.example/1"), []),
        (ImagePart(media_type='image/png"onload="x', data="AA=="), []),
    ],
)
def test_only_pictures_that_came_along_are_shown(image, shown):
    [block] = blocks_of(transcript(CALL, tools={"c1": tool(image)}))
    assert block["images"] == shown


def test_a_long_result_is_cut_and_says_so():
    text = TextPart(text="x" * (LONGEST_RESULT + 7))
    [block] = blocks_of(transcript(CALL, tools={"c1": tool(text)}))
    assert block["result"].endswith("(7 more characters)")


@pytest.mark.R(17, 19, 21)
def test_an_approval_carries_the_whole_code_and_what_its_answer_is_bound_to():
    approval = ApprovalStart(
        approval_id="apr",
        call_id="c1",
        tool_name="run_code",
        title="Run code",
        permissions=("exec",),
        arguments={"code": "x"},
        preview=(PreviewBlock(kind="code", text="a = 1\n\u202eb = 2"),),
        fingerprint="f",
        scopes=("once",),
    )
    [block] = blocks_of(Transcript(approvals=(approval,)))
    assert block["code"] == [{"label": "", "text": "a = 1\n\\u{202e}b = 2"}]
    assert (block["key"], block["fingerprint"], block["scopes"]) == ("apr", "f", ["once"])


def test_how_a_run_ended_is_said():
    error = ErrorInfo(code="limit", message="The run stopped at its limit.")
    [block] = blocks_of(Transcript(entries=(RunEntry(run_id="r", status="limit", error=error),)))
    assert (block["kind"], block["text"]) == ("notice", "The run stopped at its limit.")
