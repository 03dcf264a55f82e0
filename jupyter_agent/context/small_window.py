"""What a model with a small window is given: fewer tools, terser schemas, shorter results.

All tools take some 4,000 tokens; a model that reads 4,096 at a time could not even be asked. The
five that are left suffice to look at a notebook, change it and run it. Nothing is taken from the
history: a model with a larger window gets everything again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ..digest.tokens import characters_for
from ..protocol.messages import TextPart, ToolResultPart

if TYPE_CHECKING:
    from ..protocol.models import ToolDefinition

SMALL_WINDOW = 16_000  # tokens
# What a conversation can do without. Tools of the person's own stay.
_LEFT_OUT = frozenset(
    "run_status inspect_variables kernel verify_notebook create_notebook checkpoint list_files"
    " read_file search_files write_file ask_user update_plan".split()
)
_KEPT_KEYWORDS = frozenset("type description properties required items enum anyOf".split())
_RESULT_SHARE = 0.2  # of the window, for one result


def is_small(window: int | None) -> bool:
    """Return whether a window, in tokens, is too small for all tools; an unknown one is not."""
    return window is not None and window < SMALL_WINDOW


def tools_for(
    tools: Sequence[ToolDefinition], window: int | None, *, has_notebook: bool
) -> tuple[ToolDefinition, ...]:
    """Return the tools to offer to a model with a window of so many tokens.

    Args:
        tools: all tools of the session.
        window: tokens the model can read; None when unknown.
        has_notebook: whether the session works on a notebook; in a shell the variables are all
            there is to look at, so the tool for them stays.
    """
    if not is_small(window):
        return tuple(tools)
    left_out = _LEFT_OUT if has_notebook else _LEFT_OUT - {"inspect_variables"}
    return tuple(
        replace(tool, parameters=_terse(tool.parameters))
        for tool in tools
        if tool.name not in left_out
    )


def shortened(result: ToolResultPart, window: int | None) -> ToolResultPart:
    """Return a result that takes no more than its share of a small window."""
    if window is None or not is_small(window):
        return result
    tokens = window * _RESULT_SHARE
    return replace(
        result,
        content=tuple(
            replace(part, text=_cut(part.text, characters_for(part.text, tokens)))
            if isinstance(part, TextPart)
            else part
            for part in result.content
        ),
    )


def _cut(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    note = f"\n[… {len(text) - room:,} characters left out to fit the model's window; ask for less …]\n"
    head = room * 2 // 3
    return f"{text[:head]}{note}{text[len(text) - (room - head) :]}"


def _terse(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a schema of types, names and the words a model needs to fill it in."""
    terse: dict[str, JsonValue] = {}
    for key, value in schema.items():
        if key not in _KEPT_KEYWORDS:
            continue
        if key == "properties" and isinstance(value, dict):
            terse[key] = {
                name: _terse(inner) if isinstance(inner, dict) else inner
                for name, inner in value.items()
                if name not in ("notebook", "reason")
            }
        elif key == "items" and isinstance(value, dict):
            terse[key] = _terse(value)
        else:
            terse[key] = value
    return terse
