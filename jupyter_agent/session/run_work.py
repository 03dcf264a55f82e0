"""The work of one session's runs: the loop over its model, tools, permits and limits, put together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..access.fallback import Answering
from ..agent.execute import Executor, Permits
from ..agent.limits import Spent
from ..agent.loop import Loop, Outcome
from ..context.prompt import PromptFacts
from ..protocol.errors import ContextOverflow, ErrorInfo
from ..protocol.session_events import Notice, Retry
from ..tools.base import Tool, definition
from .parts import Intents, SessionParts
from .request_builder import Questions
from .spending import Spending

if TYPE_CHECKING:
    from ..agent.inbox import Inbox
    from ..context.budget import ContextBudget
    from ..digest.fence import Fence
    from ..policy.broker import Broker
    from ..policy.grants import Grant
    from ..protocol.messages import Message
    from ..protocol.models import ModelInfo
    from ..protocol.tools import Mode
    from ..providers.base import Provider


class Equipped(Protocol):
    """A session, as its runs see it."""

    tools: dict[str, Tool[Any]]


class RunWork:
    """What the runs of a session do.

    Args:
        session: whose tools are run.
        parts: what the session is made of.
        inbox: what steers a run.
        broker: asks people.
        fence: marks what is data.
        context: keeps to the model's window.
        mode: the mode of the run that goes on.
        grants: what was granted and counts for the run that goes on.
        record: makes a message of the history durable.
        interrupt: ends what the tools of a run left running.
    """

    def __init__(
        self,
        session: Equipped,
        parts: SessionParts,
        *,
        inbox: Inbox,
        broker: Broker,
        fence: Fence,
        context: ContextBudget,
        mode: Callable[[], Mode],
        grants: Callable[[], Sequence[Grant]],
        record: Callable[[Message], Awaitable[None]],
        interrupt: Callable[[str], Awaitable[None]],
    ) -> None:
        # The model that answers, or answered last.
        self.model: ModelInfo | None = None
        self._session = session
        self._parts = parts
        self._inbox = inbox
        self._broker = broker
        self._fence = fence
        self._context = context
        self._mode = mode
        self._grants = grants
        self._record = record
        self._interrupt = interrupt
        self._spending = Spending(parts.journal, context)
        self._warned: set[str] = set()

    async def converse(self, run_id: str) -> Outcome:
        """Answer what was said, until the model is done."""
        async with self._answering() as answering:
            spent = Spent(self._parts.limits)
            loop = self._loop(run_id, answering, spent)
            outcome = await self._in_time(run_id, spent, loop.run())
        if outcome.error is not None and outcome.error.code == ContextOverflow.code:
            await self._leave_out_prompts(outcome.error)
        return outcome

    async def compact(self, run_id: str) -> Outcome:
        """Summarise the turns before the last."""
        async with self._answering() as answering:
            spent = Spent(self._parts.limits)
            return await self._in_time(run_id, spent, self._compact(answering, spent))

    @contextlib.asynccontextmanager
    async def questions(self) -> AsyncIterator[Questions]:
        """Ask the model beside the conversation."""
        async with self._answering() as answering:
            yield self._questions(answering, Spent(self._parts.limits))

    async def _compact(self, answering: Answering, spent: Spent) -> Outcome:
        await self._questions(answering, spent).compact()
        return Outcome(status="done")

    async def _in_time(
        self, run_id: str, spent: Spent, work: Coroutine[Any, Any, Outcome]
    ) -> Outcome:
        """Do a run's work; when its time is up, end it and interrupt what it left running."""
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=spent.limits.max_seconds)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            return task.result()
        if done:
            return task.result()
        task.cancel()
        interrupting = asyncio.ensure_future(self._interrupt(run_id))
        await asyncio.wait({task, interrupting}, timeout=self._parts.stop_patience)
        return Outcome(status="limit", error=spent.out_of_time().info())

    @contextlib.asynccontextmanager
    async def _answering(self) -> AsyncIterator[Answering]:
        answering = Answering(
            self._parts.access,
            self._parts.history,
            tools=bool(self._session.tools),
            emit=self._parts.journal.emit,
            on_retry=self._on_retry,
            on_model=self._answered_by,
            warned=self._warned,
        )
        try:
            await answering.open(self._parts.settled.model)
            yield answering
        finally:
            await answering.aclose()

    def _answered_by(self, model: ModelInfo) -> None:
        self.model = model

    def _on_retry(self, attempt: int, delay: float, error: ErrorInfo) -> None:
        self._parts.journal.emit(Retry(attempt=attempt, delay=delay, error=error))

    def _loop(self, run_id: str, answering: Answering, spent: Spent) -> Loop:
        parts = self._parts
        executor = Executor(
            run_id=run_id,
            tools=self._session.tools,
            permits=self._permits(),
            emit=parts.journal.emit,
            intents=Intents(parts.store, parts.session_id, run_id),
            spent=spent,
            deadlines=parts.tool_deadlines,
            redact=parts.redactor,
            vision=lambda: answering.current.model.capabilities.vision,
        )
        return Loop(
            provider=answering.current.provider,
            executor=executor,
            inbox=self._inbox,
            history=parts.history,
            spent=spent,
            emit=parts.journal.emit,
            record=self._record,
            build_request=self._questions(answering, spent).build,
            on_usage=lambda usage, request: self._spending.count(
                usage, request, parts.history[-1], spent=spent, model=answering.current.model
            ),
            fall_back=lambda error: self._recover(answering, error),
        )

    async def _recover(self, answering: Answering, error: ErrorInfo) -> Provider | None:
        """Return who can answer after a failure: the same model when the request can be shortened."""
        if error.code == ContextOverflow.code:
            window = self._context.refused(error, answering.current.model.context_window)
            return None if window is None else answering.with_window(window)
        return await answering.fall_back(error)

    async def _leave_out_prompts(self, error: ErrorInfo) -> None:
        if await self._context.leave_out_prompts(error):
            self._parts.journal.emit(
                Notice(
                    level="info",
                    text="The model could not read this prompt: it is too long. It stays here, and "
                    "is left out of what the model is sent from now on.",
                    code="prompt_left_out",
                )
            )

    def _permits(self) -> Permits:
        return Permits(
            mode=self._mode,
            ask=self._parts.ask or self._broker.ask,
            rules=self._parts.rules,
            grants=self._grants,
            grant=self._parts.grants.append,
            expires_at=self._broker.expires_at,
        )

    def _questions(self, answering: Answering, spent: Spent) -> Questions:
        parts = self._parts
        return Questions(
            answering=answering,
            context=self._context,
            spending=self._spending,
            spent=spent,
            tools=[definition(tool) for tool in self._session.tools.values()],
            facts=lambda: PromptFacts(
                mode=self._mode(),
                notebook_path=parts.settled.notebook_path,
                instructions=parts.instructions,
            ),
            effort=lambda: parts.settled.effort,
        )
