"""What one run may do, beyond its session's mode: noted on its prompt, kept while it goes on.

A prompt may have a mode of its own. One that came over a connection that may not approve has a
limit: whatever mode and grants a browser gave the session, its run asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from ..policy.rules import stricter
from ..protocol.tools import Mode

if TYPE_CHECKING:
    from ..policy.grants import Grant
    from ..protocol.messages import Message
    from ..protocol.transcript import Transcript

_MODE_KEY = "mode"
_AT_MOST_KEY = "at_most"

LIMITED = (
    "This run was begun over a connection that may not approve, so it asks before it changes "
    "anything. The mode that was chosen holds from the next prompt."
)


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one run.

    `mode` is the person's choice for this prompt; a mode chosen in mid-run replaces it. `at_most`
    is the limit: the run never exceeds this mode, and earlier grants do not count for it.
    """

    mode: Mode | None = None
    at_most: Mode | None = None

    def admit(self, other: Terms) -> bool:
        """Return whether a prompt with other terms may steer a run that has these."""
        return other.mode in (None, self.mode) and other.at_most in (None, self.at_most)

    def limited_to(self, mode: Mode | None) -> Terms:
        """Return these terms with a further limit."""
        if mode is None:
            return self
        return replace(self, at_most=stricter(mode, self.at_most or mode))

    def noted_on(self, message: Message) -> Message:
        """Return a prompt with these terms noted, so that a resumed run keeps to them."""
        noted = {_MODE_KEY: self.mode, _AT_MOST_KEY: self.at_most}
        noted = {key: mode for key, mode in noted.items() if mode is not None}
        if not noted:
            return message
        extra = {**(message.metadata.extra or {}), **noted}
        return replace(message, metadata=replace(message.metadata, extra=extra))


NO_TERMS = Terms()


class CurrentTerms:
    """The terms of the run that goes on, `NO_TERMS` between runs."""

    def __init__(self) -> None:
        self.terms = NO_TERMS
        self._granted_before = 0

    def begin(self, terms: Terms, grants: Sequence[Grant]) -> None:
        """Note a run's terms, and what was granted before it."""
        self.terms, self._granted_before = terms, len(grants)

    def end(self) -> bool:
        """Forget a run's terms; returns whether it had any."""
        ended, self.terms = self.terms, NO_TERMS
        return ended != NO_TERMS

    def choose_mode(self) -> None:
        """Let the session's mode hold again: it was chosen while the run goes on."""
        self.terms = replace(self.terms, mode=None)

    def mode(self, settled: Mode) -> Mode:
        """Return the mode that holds now, given the session's."""
        mode = self.terms.mode or settled
        return mode if self.terms.at_most is None else stricter(mode, self.terms.at_most)

    def granted(self, grants: Sequence[Grant]) -> Sequence[Grant]:
        """Return the grants that count now: for a limited run, those given since it began."""
        return grants if self.terms.at_most is None else grants[self._granted_before :]


def terms_of(message: Message) -> Terms:
    """Return the terms that are noted on a prompt."""
    extra = message.metadata.extra or {}
    return Terms(_mode(extra.get(_MODE_KEY)), _mode(extra.get(_AT_MOST_KEY)))


def resumed_terms(shown: Transcript) -> Terms:
    """Return the terms of a run that goes on: those of the last prompt."""
    said = (entry.message for entry in reversed(shown.entries) if entry.type == "message")
    last = next((one for one in said if one.role == "user"), None)
    return terms_of(last) if last is not None else NO_TERMS


def _mode(noted: Any) -> Mode | None:
    return next((mode for mode in get_args(Mode) if mode == noted), None)
