"""What a session's answers use, added up and told to its watchers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..context.budget import ContextBudget, counted_usage, estimated_usage
from ..models.pricing import cost
from ..protocol.session_events import Budget, Notice
from ..protocol.usage import Usage

if TYPE_CHECKING:
    from ..agent.limits import Spent
    from ..protocol.messages import Message
    from ..protocol.models import ModelInfo, Request
    from .journal import Journal


class Spending:
    """The tokens and the cost of one session."""

    def __init__(self, journal: Journal, context: ContextBudget) -> None:
        self._journal = journal
        self._context = context
        self._told = False

    def count(
        self,
        usage: Usage | None,
        request: Request,
        answer: Message,
        *,
        spent: Spent,
        model: ModelInfo,
    ) -> None:
        """Add an answer's usage; where the provider tells none that can be, an estimate stands in."""
        usage = counted_usage(usage, estimated_usage(request, answer))
        self._context.counted(usage.input)
        self.add(usage, spent, model, usage.input + usage.output)

    def add(
        self, usage: Usage, spent: Spent, model: ModelInfo, context_tokens: int | None = None
    ) -> None:
        """Add usage; `context_tokens` is what the conversation now takes, None: as before."""
        price = cost(usage, model.price) if model.price is not None else None
        spent.add(usage, price)
        if price is None and spent.limits.max_cost is not None and not self._told:
            self._told = True
            self._journal.emit(
                Notice(
                    level="warning",
                    text=f"The price of {model.id} is not known, so the limit of "
                    f"${spent.limits.max_cost:.2f} cannot stop it. A limit of tokens (max_tokens) "
                    "holds for every model; a price can be entered in the model's settings.",
                    code="price_unknown",
                )
            )
        before = self._journal.transcript.budget
        session_usage = (before.session_usage if before else Usage()) + usage
        session_cost = before.session_cost if before else None
        if price is not None:
            session_cost = (session_cost or 0.0) + price
        if context_tokens is None and before is not None:
            context_tokens = before.context_tokens
        self._journal.emit(
            Budget(
                usage=spent.usage,
                session_usage=session_usage,
                cost=spent.cost,
                session_cost=session_cost,
                max_cost=spent.limits.max_cost,
                context_tokens=context_tokens,
                context_window=model.context_window,
            )
        )

    def context_is(self, tokens: int) -> None:
        """Tell how much the conversation takes now that it was summarised."""
        budget = self._journal.transcript.budget
        if budget is not None:
            self._journal.emit(replace(budget, context_tokens=tokens))
