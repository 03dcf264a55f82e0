"""Whether a tool call may run: one pure function of mode, permissions, rules and grants.

Deny beats ask beats allow, whatever scope they come from. The gate in `agent/execute.py` is the
only caller; what an ask becomes is settled in `broker.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from ..protocol.tools import Mode, Permission
from .grants import Grant, covers

Effect = Literal["allow", "ask", "deny"]

EVERY_PERMISSION: frozenset[Permission] = frozenset(get_args(Permission))

# What each mode does with each permission class.
MODES: dict[Mode, dict[Permission, Effect]] = {
    "plan": {"read": "allow", "write": "deny", "exec": "deny", "network": "deny"},
    "ask": {"read": "allow", "write": "ask", "exec": "ask", "network": "ask"},
    "edits": {"read": "allow", "write": "allow", "exec": "ask", "network": "ask"},
    "auto": {"read": "allow", "write": "allow", "exec": "allow", "network": "allow"},
}


def stricter(one: Mode, other: Mode) -> Mode:
    """Return the mode of two that lets less run unasked."""
    order = list(MODES)  # each allows what the one before it allows, and more
    return min(one, other, key=order.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An administrator's or a person's rule: what to do with tools whose name matches `tool`.

    `tool` is a shell pattern; `permission` narrows it to calls that need that class. An allow that
    is narrowed so answers for that class alone: what else a call needs is asked as ever.
    """

    effect: Effect
    tool: str = "*"
    permission: Permission | None = None

    def matches(self, call: CallFacts) -> bool:
        """Whether this rule speaks of the call."""
        if self.permission is not None and self.permission not in call.needed:
            return False
        return fnmatchcase(call.tool_name, self.tool)

    def lifts(self, permission: Permission) -> bool:
        """Whether this rule, where it matches, lifts what a mode asks for a permission class."""
        return self.effect == "allow" and self.permission in (None, permission)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What the decision depends on."""

    tool_name: str
    permissions: frozenset[Permission]
    always_ask: bool = False
    notebook_path: str | None = None

    @property
    def needed(self) -> frozenset[Permission]:
        """What the call needs: what says nothing about itself counts as needing everything."""
        return self.permissions or EVERY_PERMISSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision, and in words why."""

    effect: Effect
    reason: str = ""


def _by_mode(call: CallFacts, mode: Mode, permission: Permission) -> Effect:
    if mode == "edits" and permission == "write" and call.notebook_path is None:
        return "ask"  # edits of notebooks are reviewed afterwards; other files have no review
    return MODES[mode][permission]


def decide(
    call: CallFacts, *, mode: Mode, rules: Sequence[Rule] = (), grants: Sequence[Grant] = ()
) -> Verdict:
    """Decide on one call.

    Grants answer asks of the mode; they never lift a deny, a rule that says ask, or a call that
    always asks.
    """
    by_mode = {permission: _by_mode(call, mode, permission) for permission in call.needed}
    matching = [rule for rule in rules if rule.matches(call)]
    effects = {rule.effect for rule in matching}
    if "deny" in effects:
        return Verdict(effect="deny", reason=f"A rule forbids {call.tool_name}.")
    if "deny" in by_mode.values():
        return Verdict(
            effect="deny", reason=f"In {mode} mode the agent may only read. Nothing was done."
        )
    if call.always_ask or "ask" in effects:
        return Verdict(effect="ask")
    asked = [permission for permission, effect in by_mode.items() if effect == "ask"]
    if all(any(rule.lifts(permission) for rule in matching) for permission in asked):
        return Verdict(effect="allow")
    if any(covers(grant, call.tool_name, call.needed, call.notebook_path) for grant in grants):
        return Verdict(effect="allow", reason="granted earlier")
    return Verdict(effect="ask")
