"""How a run ended, for a program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic

from typing_extensions import TypeVar

from ..protocol.errors import ErrorInfo
from ..protocol.messages import Message
from ..protocol.session_events import Budget, RunStatus
from ..protocol.usage import Finish, Usage

T = TypeVar("T", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Generic[T]):
    """How a run ended.

    `text` is the last answer, `messages` all that the run added to the conversation, `cost` US
    dollars (None: the price is not known), `finish` why the model stopped. `error` says what
    happened unless `status` is `done` or `stopped`. `output` is what `run(…, output=…)` asked for,
    None without it and where the run was not done.
    """

    text: str
    messages: tuple[Message, ...]
    usage: Usage
    cost: float | None
    finish: Finish | None
    status: RunStatus
    error: ErrorInfo | None = None
    output: T | None = None

    def __str__(self) -> str:
        return self.text


def added(budget: Budget, more: Budget) -> Budget:
    """Return what two pieces of work used and cost together."""
    unknown = budget.cost is None and more.cost is None
    cost = None if unknown else (budget.cost or 0.0) + (more.cost or 0.0)
    return replace(more, usage=budget.usage + more.usage, cost=cost)
