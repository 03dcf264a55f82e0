"""How hard to think: our levels, clamped to what a model takes."""

from __future__ import annotations

from ..protocol.messages import Effort

_LADDER: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh")


def clamp_effort(effort: Effort | None, levels: tuple[Effort, ...]) -> Effort | None:
    """Return the level to ask for: this one, else the next lower, else the lowest that thinks.

    A model without the level "none" cannot be kept from thinking: its lowest is the nearest. None
    means that nothing should be said: no effort is wanted, or the model has no levels.
    """
    if effort is None or not levels:
        return None
    if effort in levels:
        return effort
    known = [level for level in _LADDER if level in levels and level != "none"]
    lower = [level for level in known if _LADDER.index(level) < _LADDER.index(effort)]
    if lower:
        return lower[-1]
    return known[0] if known else None
