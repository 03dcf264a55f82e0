"""The bounds of a run: turns, calls, tokens, cost, time, identical calls. Pure counting.

Bounds are checked before each question and each call, so they overshoot by one at most; that of
time also ends what runs (`runtime/run_work.py`). Token and
cost bounds also hold when a provider reports nothing: then the estimate counts.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ..protocol.errors import BudgetExceeded
from ..protocol.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one run; None means none. Tokens count input and output, cost in US dollars."""

    max_turns: int = 25
    max_calls: int = 200
    max_identical_calls: int = 8
    max_tokens: int | None = None
    max_cost: float | None = None
    max_seconds: float | None = None


@dataclass(slots=True)
class Spent:
    """What a run has used so far, and the checks against its limits."""

    limits: Limits
    clock: Callable[[], float] = time.monotonic
    turns: int = 0
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None
    _started: float = 0.0
    _identical: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def begin_turn(self) -> int:
        """Count a question to the model and return its number.

        Raises:
            BudgetExceeded: a limit is reached; the sentence names it and how to go on.
        """
        limits = self.limits
        if self.turns >= limits.max_turns:
            raise _exceeded("max_turns", f"{limits.max_turns} questions to the model")
        tokens = self.usage.input + self.usage.output
        if limits.max_tokens is not None and tokens >= limits.max_tokens:
            raise _exceeded("max_tokens", f"{limits.max_tokens:,} tokens")
        if limits.max_cost is not None and (self.cost or 0.0) >= limits.max_cost:
            raise _exceeded("max_cost", f"${limits.max_cost:.2f}")
        self._check_time()
        self.turns += 1
        return self.turns

    def begin_call(self, key: str) -> None:
        """Count a tool call; `key` is the same for identical calls.

        Raises:
            BudgetExceeded: a limit is reached.
        """
        if self.calls >= self.limits.max_calls:
            raise _exceeded("max_calls", f"{self.limits.max_calls} tool calls")
        if self._identical[key] >= self.limits.max_identical_calls:
            raise _exceeded(
                "max_identical_calls",
                f"{self.limits.max_identical_calls} calls that are all the same",
            )
        self._check_time()
        self.calls += 1
        self._identical[key] += 1

    def add(self, usage: Usage, cost: float | None) -> None:
        """Add what an answer used."""
        self.usage = self.usage + usage
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost

    def _check_time(self) -> None:
        limit = self.limits.max_seconds
        if limit is not None and self.clock() - self._started >= limit:
            raise self.out_of_time()

    def out_of_time(self) -> BudgetExceeded:
        """Return what says that the run's time is up."""
        return _exceeded("max_seconds", f"{self.limits.max_seconds or 0:,.10g} seconds")


def _exceeded(name: str, amount: str) -> BudgetExceeded:
    return BudgetExceeded(
        f"The run stopped at its limit of {amount}. Say “go on” to continue, or raise the limit "
        f"({name}) in the settings.",
        details={"limit": name},
    )
