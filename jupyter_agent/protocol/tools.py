"""Words shared by tools, the policy that permits them, and the people who watch them run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Permission = Literal["read", "write", "exec", "network"]
Mode = Literal["plan", "ask", "edits", "auto"]
GrantScope = Literal["once", "session", "notebook"]

PreviewKind = Literal["code", "diff", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewBlock:
    """A piece of what a tool call would do, whole, for a person to read before allowing it.

    `label` names the place in people's words (`[4]`, `new cell after [3]`, a path). A `diff` has
    `before` and `text` (after); `code` and `text` have `text` alone.
    """

    kind: PreviewKind
    text: str
    before: str | None = None
    label: str | None = None
    language: str | None = None
    cell_id: str | None = None


CellAction = Literal["read", "inserted", "edited", "deleted", "moved", "ran", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRef:
    """A cell a tool touched, so that the panel can name it and jump to it.

    `number` is what people see in brackets: the execution count, or the position (from 1) with
    `executed` False.
    """

    cell_id: str
    action: CellAction
    number: int | None = None
    executed: bool = False
    path: str | None = None
    added: int | None = None
    removed: int | None = None
