"""Whether a tool call may run: one pure function of mode, permissions, rules and grants.

Deny beats ask beats allow, whatever scope they come from. The gate in `agent/execute.py` is the
only caller; what an ask becomes is settled in `broker.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from ..protocol.tools import Mode, Permission
from .grants import Grant, covers

Effect = Literal["allow", "ask", "deny"]

# What each mode does with each permission class.
MODES: dict[Mode, dict[Permission, Effect]] = {
    "plan": {"read": "allow", "write": "deny", "exec": "deny", "network": "deny"},
    "ask": {"read": "allow", "write": "ask", "exec": "ask", "network": "ask"},
    "edits": {"read": "allow", "write": "allow", "exec": "ask", "network": "ask"},
    "auto": {"read": "allow", "write": "allow", "exec": "allow", "network": "allow"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An administrator's or a person's rule: what to do with tools whose name matches `tool`.

    `tool` is a shell pattern; `permission` narrows it to calls that need that class.
    """

    effect: Effect
    tool: str = "*"
    permission: Permission | None = None

    def matches(self, call: CallFacts) -> bool:
        """Whether this rule speaks of the call."""
        if self.permission is not None and self.permission not in call.permissions:
            return False
        return fnmatchcase(call.tool_name, self.tool)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What the decision depends on."""

    tool_name: str
    permissions: frozenset[Permission]
    always_ask: bool = False
    notebook_path: str | None = None


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

    A call without any permission class counts as needing all of them: what says nothing about
    itself is not trusted. Grants answer asks of the mode; they never lift a deny, a rule that
    says ask, or a call that always asks.
    """
    needed: frozenset[Permission] = call.permissions or frozenset(
        ("read", "write", "exec", "network")
    )
    by_mode = [_by_mode(call, mode, permission) for permission in needed]
    by_rule = [rule.effect for rule in rules if rule.matches(call)]
    if "deny" in by_rule:
        return Verdict(effect="deny", reason=f"A rule forbids {call.tool_name}.")
    if "deny" in by_mode:
        return Verdict(
            effect="deny", reason=f"In {mode} mode the agent may only read. Nothing was done."
        )
    if call.always_ask or "ask" in by_rule:
        return Verdict(effect="ask")
    if "ask" in by_mode and "allow" not in by_rule:
        if any(covers(grant, call.tool_name, needed, call.notebook_path) for grant in grants):
            return Verdict(effect="allow", reason="granted earlier")
        return Verdict(effect="ask")
    return Verdict(effect="allow")
