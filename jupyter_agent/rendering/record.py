"""A conversation as a document that stays in a notebook: HTML, Markdown and plain text.

It is made of the blocks that the chat widget draws. Everything a model or an output said becomes
text: nothing in it loads or runs.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from typing import Any

from .inert import inert_markdown

MARKS = {"ok": "✓", "error": "✗", "denied": "⊘", "interrupted": "■", "stopped": "■", "running": "●"}
_BOX = "border:1px solid #8888;border-radius:4px;padding:4px 8px;margin:6px 0;"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$!&])")

Block = dict[str, Any]


def mime_bundle(blocks: Sequence[Block], *, name: str) -> dict[str, str]:
    """Return the conversation in each form.

    Args:
        blocks: what is shown, in order; see `widget.blocks_of`.
        name: class of the HTML, by which a view that shows the same hides it.
    """
    inner = "".join(_html(block) for block in blocks) or "<em>No message yet.</em>"
    return {
        "text/html": f'<div class="{html.escape(name)}">{inner}</div>',
        "text/markdown": "\n\n".join(_markdown(block) for block in blocks) or "*No message yet.*",
        "text/plain": "\n\n".join(_plain(block) for block in blocks) or "No message yet.",
    }


def _html(block: Block) -> str:
    kind = block["kind"]
    if kind == "user":
        return f'<div style="{_BOX}{_TEXT}"><b>You:</b> {html.escape(block["text"])}</div>'
    if kind == "thinking":
        text = html.escape(block["text"])
        return f'<details><summary>Thought</summary><div style="{_TEXT}">{text}</div></details>'
    if kind == "tool":
        pieces = [part["text"] for part in block["code"]] + [block["result"]]
        pres = "".join(f'<pre style="{_TEXT}">{html.escape(p)}</pre>' for p in pieces if p)
        images = "".join(
            f'<img alt="Output" style="max-width:100%" src="{html.escape(source)}">'
            for source in block["images"]
        )
        title = html.escape(_title(block))
        return f"<details><summary>{title}</summary>{pres}</details>{images}"
    return f'<div style="{_TEXT}">{html.escape(_words(block))}</div>'


def _markdown(block: Block) -> str:
    kind = block["kind"]
    if kind == "text":
        return inert_markdown(block["text"])
    if kind == "user":
        return "\n".join(f"> {line}" for line in _escaped(f"You: {block['text']}").splitlines())
    return _escaped(_title(block) if kind == "tool" else _words(block))


def _plain(block: Block) -> str:
    if block["kind"] == "user":
        return f"> {block['text']}"
    return _title(block) if block["kind"] == "tool" else _words(block)


def _title(block: Block) -> str:
    return f"{MARKS.get(block['status'], '○')} {block['title']}"


def _words(block: Block) -> str:
    return str(block.get("text") or block.get("title") or "")


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
