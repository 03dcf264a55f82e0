"""The questions of one run: what the model is asked, and how older turns are summarised for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..context.budget import ContextBudget, counted_usage, estimated_usage, summary_of
from ..context.prompt import PromptFacts, system_prompt
from ..context.request import build_request
from ..context.small_window import tools_for
from ..providers.base import complete

if TYPE_CHECKING:
    from ..access.fallback import Answering
    from ..agent.limits import Spent
    from ..protocol.messages import Effort, Message
    from ..protocol.models import Request, ToolDefinition
    from ..protocol.provider_events import Response
    from .spending import Spending


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Asks whichever model answers now; `facts` and `effort` are those of the moment."""

    answering: Answering
    context: ContextBudget
    spending: Spending
    spent: Spent
    tools: Sequence[ToolDefinition]
    facts: Callable[[], PromptFacts]
    effort: Callable[[], Effort | None]

    async def build(self, _: Sequence[Message]) -> Request:
        """Return the next question, with older turns summarised when the window is nearly full."""
        window = self.answering.current.model.context_window
        return await self.context.request(self._make, window=window, summarise=self._summarise)

    async def compact(self) -> None:
        """Summarise older turns now, and tell how much is left."""
        window = self.answering.current.model.context_window
        after = await self.context.compact(self._make, window=window, summarise=self._summarise)
        self.spending.context_is(after)

    def _make(self, told: Sequence[Message]) -> Request:
        model = self.answering.current.model
        facts = self.facts()
        tools = tools_for(
            self.tools, model.context_window, has_notebook=facts.notebook_path is not None
        )
        return build_request(
            told,
            model=model.name,
            system=system_prompt(facts),
            fence=self.context.fence,
            tools=tools if model.capabilities.tools else (),
            effort=self.effort(),
            window=model.context_window,
        )

    async def answer(self, question: Request) -> Message:
        """Return the answer to a question beside the conversation; what it costs is counted."""
        return (await self._response(question)).message

    async def _summarise(self, question: Request) -> str:
        return summary_of(await self._response(question))

    async def _response(self, question: Request) -> Response:
        access = self.answering.current
        response = await complete(access.provider, question)
        usage = counted_usage(response.usage, estimated_usage(question, response.message))
        self.spending.add(usage, self.spent, access.model)
        return response
