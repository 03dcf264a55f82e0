"""A conversation as Markdown: prompts, answers, and one line for each thing the agent did."""

from __future__ import annotations

from ..protocol.messages import Message
from ..protocol.transcript import ToolState, Transcript

_MARKS = {"ok": "✓", "error": "✗", "denied": "⊘", "interrupted": "■"}


def markdown(transcript: Transcript) -> str:
    """Return the conversation as a person would keep it."""
    blocks = [f"# {transcript.title or 'Conversation'}"]
    if transcript.notebook_path:
        blocks.append(f"Notebook: `{transcript.notebook_path}`")
    for entry in transcript.entries:
        if entry.type == "message":
            blocks += _message(entry.message, transcript.tools)
        elif entry.type == "notice":
            blocks.append(f"*{entry.text}*")
        elif entry.error is not None:
            blocks.append(f"*Run {entry.status}: {entry.error.message}*")
        else:
            blocks.append(f"*Run {entry.status}.*")
    return "\n\n".join(blocks) + "\n"


def _message(message: Message, tools: dict[str, ToolState]) -> list[str]:
    blocks = [f"## {'You' if message.role == 'user' else 'Agent'}"]
    for part in message.parts:
        if part.type == "text" and part.text.strip():
            blocks.append(part.text.strip())
        elif part.type == "image":
            blocks.append("*[image]*")
        elif part.type == "tool_call":
            tool = tools.get(part.id)
            mark = _MARKS.get(tool.status, "…") if tool else "…"
            title = tool.title if tool else part.name
            summary = f" · {tool.summary}" if tool and tool.summary else ""
            blocks.append(f"- {mark} {title}{summary}")
    return blocks
