"""A conversation as Markdown, or as a notebook with the code that came of it.

Prompts, answers, and one line for each thing the agent did. Both are made of the transcript: what
people saw, with keys replaced already.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..notebook.creation import new_notebook
from ..notebook.lines import split_texts
from ..protocol.rpc import CellState
from ..rendering.inert import inert_markdown

if TYPE_CHECKING:
    from ..protocol.messages import Message
    from ..protocol.transcript import ToolState, Transcript

_MARKS = {"ok": "✓", "error": "✗", "denied": "⊘", "interrupted": "■"}
# What these show of themselves is code that was written, not code that was there.
_WRITING_TOOLS = frozenset({"edit_cells", "run_code", "create_notebook"})


def markdown(transcript: Transcript) -> str:
    """Return the conversation as a person would keep it."""
    return "\n\n".join(text for text, _ in _blocks(transcript)) + "\n"


def notebook(transcript: Transcript) -> str:
    """Return the conversation as the text of a notebook; its code is in code cells, not run."""
    cells: list[CellState] = []
    waiting: list[str] = []

    def close() -> None:
        if waiting:
            cells.append(_cell(len(cells), "markdown", inert_markdown("\n\n".join(waiting))))
            waiting.clear()

    for text, tool in _blocks(transcript):
        if text.startswith("## "):  # a message begins
            close()
        waiting.append(text)
        for code in _written_code(tool):
            close()
            cells.append(_cell(len(cells), "code", code))
    close()
    content = new_notebook(cells, None)
    split_texts(content)
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _blocks(transcript: Transcript) -> Iterator[tuple[str, ToolState | None]]:
    """Yield paragraphs of Markdown, each with the call that it tells of, if it does."""
    yield f"# {transcript.title or 'Conversation'}", None
    if transcript.notebook_path:
        yield f"Notebook: `{transcript.notebook_path}`", None
    for entry in transcript.entries:
        if entry.type == "message":
            yield from _message(entry.message, transcript.tools)
        elif entry.type == "notice":
            yield f"*{entry.text}*", None
        elif entry.error is not None:
            yield f"*Run {entry.status}: {entry.error.message}*", None
        else:
            yield f"*Run {entry.status}.*", None


def _message(
    message: Message, tools: dict[str, ToolState]
) -> Iterator[tuple[str, ToolState | None]]:
    yield f"## {'You' if message.role == 'user' else 'Agent'}", None
    for part in message.parts:
        if part.type == "text" and part.text.strip():
            yield part.text.strip(), None
        elif part.type == "image":
            yield "*[image]*", None
        elif part.type == "tool_call":
            tool = tools.get(part.id)
            mark = _MARKS.get(tool.status, "…") if tool else "…"
            title = tool.title if tool else part.name
            summary = f" · {tool.summary}" if tool and tool.summary else ""
            yield f"- {mark} {title}{summary}", tool


def _written_code(tool: ToolState | None) -> list[str]:
    if tool is None or tool.status != "ok" or tool.tool_name not in _WRITING_TOOLS:
        return []
    return [
        block.text
        for block in tool.preview
        if block.kind in ("code", "diff")
        and block.text.strip()
        and block.language not in ("markdown", "raw")
    ]


def _cell(number: int, kind: str, source: str) -> CellState:
    # The same ids at every export: two of them can be compared.
    return CellState(
        id=f"export-{number}", cell_type="code" if kind == "code" else "markdown", source=source
    )
