"""How Claude is told to think: the same words on Anthropic's own wire and inside Bedrock's.

Source: https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking and /effort
"""

from __future__ import annotations

from typing import Any

from ..protocol.messages import Effort, ThinkingPart
from ..protocol.models import Capabilities, Request
from ._effort import clamp_effort

# What the API calls its levels; ours are a superset.
_EFFORT: dict[Effort, str] = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
}
# Tokens, for models without levels.
_BUDGET: dict[Effort, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 32000,
}


def claude_thinking(request: Request, capabilities: Capabilities) -> dict[str, Any]:
    """Write how hard to think: adaptive with an effort, or a budget for models without levels."""
    levels = capabilities.effort_levels
    if request.effort is None or not capabilities.thinking or _is_forced(request):
        return {}
    if request.effort == "none":
        return {"thinking": {"type": "disabled"}}
    effort = clamp_effort(request.effort, levels)
    if effort is not None:
        return {
            "thinking": {"type": "adaptive", "display": "summarized"},
            "output_config": {"effort": _EFFORT[effort]},
        }
    if _has_unsealed_call(request):
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": _BUDGET[request.effort]}}


def always_thinks(request: Request, refusal: str) -> bool:
    """Whether the API refused because this model cannot be kept from thinking.

    Nothing says so beforehand; such a model is then asked to think as little as it can.
    """
    return request.effort == "none" and "thinking.type.disabled" in refusal


def thinks(thinking: dict[str, Any]) -> bool:
    """Whether thinking is asked for; the API then takes no sampling settings."""
    mode = thinking.get("thinking")
    return mode is not None and mode["type"] != "disabled"


def room_for(thinking: dict[str, Any], limit: int, max_output: int | None = None) -> int:
    """Return the limit that leaves room for the answer; a budget must stay below it."""
    mode = thinking.get("thinking", {})
    if "budget_tokens" not in mode:
        return limit
    room = mode["budget_tokens"] + limit
    if max_output is not None and room > max_output:
        room = max_output
        mode["budget_tokens"] = max(_BUDGET["minimal"], min(mode["budget_tokens"], room // 2))
    return int(room)


def _is_forced(request: Request) -> bool:
    """Whether a tool call is demanded, which the API refuses together with thinking."""
    return bool(request.tools) and request.tool_choice not in (None, "auto", "none")


def _has_unsealed_call(request: Request) -> bool:
    """Whether the turn under way began without thinking; with a budget the API then refuses."""
    turn = next((m for m in reversed(request.messages) if m.role in ("assistant", "user")), None)
    if turn is None or not turn.tool_calls:
        return False
    first = turn.parts[0]
    return not (isinstance(first, ThinkingPart) and (first.signature or first.redacted_data))
