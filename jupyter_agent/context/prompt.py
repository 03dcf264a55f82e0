"""The system prompt: what the agent is, what it works on, what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from ..digest.fence import RULE
from ..protocol.tools import Mode

_MODES: dict[Mode, str] = {
    "plan": "Mode plan: you may only read. Make a plan the user can agree to; change nothing.",
    "ask": "Mode ask: the user allows each edit and each run.",
    "edits": "Mode edits: your edits apply at once and are reviewed afterwards; runs are allowed "
    "one by one.",
    "auto": "Mode auto: edits and runs happen at once. Be careful with what cannot be undone.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFacts:
    """What the prompt tells of the session."""

    mode: Mode
    notebook_path: str | None = None
    language: str | None = None
    instructions: str = ""


@lru_cache(maxsize=1)
def _template() -> str:
    return (files(__package__) / "system.md").read_text(encoding="utf-8").strip()


def system_prompt(facts: PromptFacts) -> str:
    """Return the system prompt. It is the same for the same facts, so that caches can hold it."""
    lines = [_template().replace("{data_rule}", RULE), "", _MODES[facts.mode]]
    if facts.notebook_path:
        lines.append(f"The session's notebook: {facts.notebook_path}")
    else:
        lines.append("There is no notebook in this session; code runs in the user's shell.")
    if facts.language:
        lines.append(f"Its kernel's language: {facts.language}")
    if facts.instructions:
        lines += ["", "The user's standing instructions:", facts.instructions.strip()]
    return "\n".join(lines)
