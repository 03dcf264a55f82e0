"""A conversation as a document: what was said, what was done, and the code that came of it."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from jupyter_agent.protocol.messages import Message, TextPart, ToolCallPart
from jupyter_agent.protocol.tools import PreviewBlock
from jupyter_agent.protocol.transcript import (
    MessageEntry,
    NoticeEntry,
    RunEntry,
    ToolState,
    Transcript,
)
from jupyter_agent.session.export import markdown, notebook


def call(number: int, name: str = "edit_cells") -> ToolCallPart:
    return ToolCallPart(id=f"c{number}", index=number, name=name, arguments_raw="{}", arguments={})


def state(number: int, *blocks: PreviewBlock, name: str = "edit_cells", **more: Any) -> ToolState:
    given = {"status": "ok", "title": f"Step {number}", "summary": "+1", **more}
    return ToolState(call_id=f"c{number}", tool_name=name, preview=blocks, **given)


def code(text: str, kind: Any = "code", language: str | None = "python") -> PreviewBlock:
    return PreviewBlock(kind=kind, text=text, language=language)


@pytest.fixture
def transcript() -> Transcript:
    said = (TextPart(text="Look: ![x](https://evil.example/?q=1)"),)
    calls = tuple(call(number) for number in range(1, 6))
    return Transcript(
        title="Penguins",
        notebook_path="a/b.ipynb",
        entries=(
            MessageEntry(message=Message(role="user", parts=(TextPart(text="Plot it."),))),
            MessageEntry(message=Message(role="assistant", parts=(*said, *calls))),
            NoticeEntry(level="info", text="Another model answered."),
            MessageEntry(message=Message(role="assistant", parts=(TextPart(text="Done.\nEnd."),))),
            RunEntry(run_id="r", status="stopped"),
        ),
        tools={
            tool.call_id: tool
            for tool in (
                state(1, code("import math\nx = 1"), code("# words", "text", "markdown")),
                state(
                    2, code("y = 2", "diff"), code("# new", "diff", "markdown"), code("", "diff")
                ),
                state(3, code("never = 1"), status="denied"),
                state(4, code("print(x)"), name="run_cells"),
                state(5, code("probe()"), name="run_code"),
            )
        },
    )


def test_as_markdown_each_deed_is_a_line(transcript: Transcript) -> None:
    text = markdown(transcript)
    assert text.startswith(
        "# Penguins\n\nNotebook: `a/b.ipynb`\n\n## You\n\nPlot it.\n\n## Agent\n"
    )
    assert "- ✓ Step 1 · +1" in text and "- ⊘ Step 3 · +1" in text
    assert text.endswith("Done.\nEnd.\n\n*Run stopped.*\n")


def test_as_a_notebook_what_was_written_is_code(transcript: Transcript) -> None:
    made = nbformat.reads(notebook(transcript), as_version=4)
    nbformat.validate(made)
    sources = [(cell.cell_type, cell.source) for cell in made.cells]
    assert [source for kind, source in sources if kind == "code"] == [
        "import math\nx = 1",
        "y = 2",
        "probe()",
    ]
    assert sources[0] == ("markdown", "# Penguins\n\nNotebook: `a/b.ipynb`")
    assert sources[1] == ("markdown", "## You\n\nPlot it.")
    assert sources[-1] == ("markdown", "## Agent\n\nDone.\nEnd.\n\n*Run stopped.*")
    assert all(not cell.get("outputs") for cell in made.cells)
    assert notebook(transcript) == notebook(transcript)


@pytest.mark.R(14)
def test_a_notebook_that_is_opened_loads_nothing(transcript: Transcript) -> None:
    assert "![" not in notebook(transcript)


def test_an_empty_conversation_is_a_notebook_too() -> None:
    nbformat.validate(nbformat.reads(notebook(Transcript()), as_version=4))
