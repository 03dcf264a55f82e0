"""Models for kernels: what a server answers when a loop outside it asks for a model.

The keys are used here and stay here. Whoever asks gets names, facts and answers, within the
settings of this server: providers that are forbidden stay forbidden, limits hold for each run.
The routes are in `server/bridge.py`, the other end is the room `bridge/`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..agent.limits import Limits, Spent
from ..context.budget import counted_usage, estimated_usage
from ..models.pricing import cost
from ..protocol.bridge import AskingAgain, BridgeLine, ModelQuestion, ServedModels, Waiting
from ..protocol.bridge_address import HEARTBEAT
from ..protocol.errors import ErrorInfo, Overloaded, TimedOut, UnknownModel
from ..protocol.models import ModelInfo, ModelList
from ..protocol.provider_events import Done, Failed

if TYPE_CHECKING:
    from .endpoints import OnRetry
    from .model_access import Access, ModelAccess

MAX_AT_ONCE = 16
# Longer than any answer takes; a question must not hold its place for ever.
LONGEST_ANSWER = 3600.0
_RUNS_KEPT = 512
_AHEAD = 64  # events that wait for a slow reader before the provider has to

log = logging.getLogger(__name__)


class ModelServing:
    """Answers questions from outside with the models of this process.

    Args:
        access: opens the models.
        limits: what a run may use; of these, tokens, cost and time hold here as well.
        heartbeat: seconds of silence after which a sign of life is given.
        longest: seconds that one answer may take.
    """

    def __init__(
        self,
        access: ModelAccess,
        limits: Limits,
        *,
        heartbeat: float = HEARTBEAT,
        longest: float = LONGEST_ANSWER,
    ) -> None:
        self._access = access
        # Turns are the loop's to count: a summary, or an answer asked again, is none.
        self._limits = replace(limits, max_turns=1 << 30)
        self._heartbeat = heartbeat
        self._longest = longest
        self._runs: OrderedDict[str, Spent] = OrderedDict()
        self._answering = 0

    async def models(self, *, live: bool = False, listed: bool = True) -> ServedModels:
        """Return what can be reached from here; `live` asks the providers.

        Without `listed` the models are left out, and nobody is asked anything.
        """
        endpoints = self._access.endpoints
        models = await self._access.models(live=live) if listed else ModelList(models=())
        names = await asyncio.to_thread(endpoints.names)
        stored = await asyncio.to_thread(endpoints.credentials.names)
        return ServedModels(
            models=models,
            default_model=self._access.settings.default_model,
            stored=tuple(name for name in names if name in stored),
            moved=tuple(name for name in names if endpoints.moved(name)),
        )

    async def describe(self, model_id: str) -> ModelInfo:
        """Return what is known of a model, as a run here would know it.

        Raises:
            UnknownModel, MissingKey, ConfigError: it cannot be used.
        """
        access = await self._open(model_id)
        try:
            return (await self._access.refine(access)).model
        finally:
            await access.provider.aclose()

    @asynccontextmanager
    async def answer(
        self, question: ModelQuestion
    ) -> AsyncGenerator[AsyncGenerator[BridgeLine, None], None]:
        """Give the lines of an answer. Leaving the context ends the provider's call.

        Raises:
            UnknownModel, MissingKey, ConfigError: the model cannot be used.
            BudgetExceeded: the run has used what it may.
            Overloaded: too many questions are being answered.
        """
        if self._answering >= MAX_AT_ONCE:
            raise Overloaded(
                f"The Jupyter server answers {MAX_AT_ONCE} questions of kernels at the same time, "
                "and no more. Try again soon."
            )
        spent = self._spent(question.run)
        spent.begin_turn()
        self._answering += 1
        try:
            lines: asyncio.Queue[BridgeLine] = asyncio.Queue(_AHEAD)

            def ask_again(attempt: int, delay: float, error: ErrorInfo) -> None:
                if not lines.full():  # nothing has begun, so it is empty or nearly so
                    lines.put_nowait(AskingAgain(attempt=attempt, delay=delay, error=error))

            access = await self._open(question.model, ask_again)
            asking = asyncio.create_task(_ask(access, question, lines))
            try:
                async with aclosing(self._lines(lines, access, question, spent)) as given:
                    yield given
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                await access.provider.aclose()
        finally:
            self._answering -= 1

    # -- inside ----------------------------------------------------------------------------------

    async def _open(self, model_id: str, on_retry: OnRetry | None = None) -> Access:
        """Open a model; an address nobody set up here is not asked on somebody else's behalf."""
        model_id = self._access.endpoints.spelled_out(model_id)
        if "://" in model_id:
            address = self._access.endpoints.canonical(model_id.partition("#")[0])
            if address not in await asyncio.to_thread(self._access.endpoints.names):
                raise UnknownModel(f"Nobody has set up {address} on the Jupyter server.")
        return await asyncio.to_thread(self._access.open, model_id, on_retry)

    def _spent(self, run: str) -> Spent:
        spent = self._runs.setdefault(run, Spent(self._limits))
        self._runs.move_to_end(run)
        while len(self._runs) > _RUNS_KEPT:
            self._runs.popitem(last=False)
        return spent

    async def _lines(
        self,
        lines: asyncio.Queue[BridgeLine],
        access: Access,
        question: ModelQuestion,
        spent: Spent,
    ) -> AsyncGenerator[BridgeLine, None]:
        """Yield what the provider says, and signs of life; ends with `done` or `error`."""
        deadline = time.monotonic() + self._longest
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                yield Failed(error=_too_long(question).info())
                return
            try:
                line = (
                    await asyncio.wait_for(lines.get(), min(self._heartbeat, left))
                    if lines.empty()
                    else lines.get_nowait()
                )
            except asyncio.TimeoutError:
                yield Waiting()
                continue
            if isinstance(line, Done):
                _count(line, access, question, spent)
            yield line
            if isinstance(line, Done | Failed):
                return


async def _ask(access: Access, question: ModelQuestion, lines: asyncio.Queue[BridgeLine]) -> None:
    """Put the question and pass on what comes; whatever happens, the last line ends the answer."""
    # Which model is asked is decided by its id, which the settings have passed.
    request = replace(question.request, model=access.model.name)
    try:
        async with aclosing(access.provider.stream(request)) as events:
            async for event in events:
                await lines.put(event)
    except Exception:
        log.exception("A model's answer for a kernel could not be read")
        error = ErrorInfo(
            code="internal", message="Something went wrong on the server. Its log says what."
        )
        await lines.put(Failed(error=error))


def _count(done: Done, access: Access, question: ModelQuestion, spent: Spent) -> None:
    response = done.response
    usage = counted_usage(response.usage, estimated_usage(question.request, response.message))
    spent.add(usage, cost(usage, access.model.price))


def _too_long(question: ModelQuestion) -> TimedOut:
    return TimedOut(
        f"{question.model} did not come to an end in time, so its answer was cut off. Try again.",
        model=question.model,
        retryable=False,
    )
