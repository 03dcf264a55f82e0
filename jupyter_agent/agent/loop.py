"""The agent's loop: ask the model, run its tools, tell it what came out, until it is done.

Each turn: steering in → build the request → stream the answer → run its calls → next turn. What
the loop knows of notebooks, stores and settings arrives as callables; every provider event is
turned into the loop's own events here, and nobody downstream sees another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..protocol.errors import (
    AgentError,
    BudgetExceeded,
    ErrorInfo,
    error_from_info,
)
from ..protocol.messages import Message, MessageMeta, ToolResultPart, new_id
from ..protocol.reduce import MessageBuilder
from ..protocol.session_events import (
    MessageEnd,
    MessageStart,
    RunStatus,
    SessionEvent,
    TurnEnd,
    TurnStart,
)
from ..providers.base import goes_on
from . import endings
from .events import to_session_event
from .execute import Executor, interrupted_result

if TYPE_CHECKING:
    from ..protocol.models import Request
    from ..protocol.provider_events import Response
    from ..protocol.usage import Usage
    from ..providers.base import Provider
    from .inbox import Inbox
    from .limits import Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended; `error` says why unless it is `done` or `stopped`."""

    status: RunStatus
    error: ErrorInfo | None = None


@dataclass(slots=True, kw_only=True)
class Loop:
    """One run. `history` is the conversation; the loop appends to it and calls `record` for each.

    `build_request` makes the question from the history. `fall_back` names another provider when an
    answer fails before it has begun, or None.
    """

    provider: Provider
    executor: Executor
    inbox: Inbox
    history: list[Message]
    spent: Spent
    emit: Callable[[SessionEvent], None]
    record: Callable[[Message], Awaitable[None]]
    build_request: Callable[[Sequence[Message]], Awaitable[Request]]
    on_usage: Callable[[Usage | None, Request], None] = lambda usage, request: None
    fall_back: Callable[[ErrorInfo], Awaitable[Provider | None]] | None = None
    _begun: bool = False
    _asked_again: bool = False
    _told_of_calls_in_text: bool = False
    _partial: MessageBuilder | None = None
    _partial_started: float = 0.0
    _known_ids: set[str] = field(default_factory=set)
    _renamed: dict[str, str] = field(default_factory=dict)

    async def run(self) -> Outcome:
        """Work until the model is done. Cancelling it is Stop: the outcome is then `stopped`.

        The history is left so that it can be continued: every tool call has its result.
        """
        try:
            while await self._turn():
                pass
        except asyncio.CancelledError:
            await asyncio.shield(self._close_partial())
            return Outcome(status="stopped")
        except BudgetExceeded as error:
            return Outcome(status="limit", error=error.info())
        except AgentError as error:
            await self._close_partial()
            return Outcome(status="failed", error=error.info())
        return Outcome(status="done")

    async def _turn(self) -> bool:
        """Run one turn; returns whether another must follow."""
        turn = self.spent.begin_turn()
        await self._take_steering()
        self.emit(TurnStart(turn=turn))
        response = await self._ask()
        calls = response.message.tool_calls
        if endings.has_calls_in_text(response) and not self._told_of_calls_in_text:
            self._told_of_calls_in_text = True
            self.emit(endings.CALLS_IN_TEXT)
        if calls:
            self._asked_again = False
            await self._run_calls(response.message)
        self.emit(TurnEnd(turn=turn))
        if goes_on(self.provider, response):
            return True
        if (notice := endings.explained(response)) is not None:
            self.emit(notice)
        if await self._take_steering():
            return True
        return endings.says_nothing(response) and self._ask_again(response)

    def _ask_again(self, response: Response) -> bool:
        """Decide after an answer without words; returns whether the model is asked once more.

        Raises:
            ParseFailed: the second answer is as empty, and nothing was done since the prompt.
        """
        if self._asked_again and not endings.follows_calls(self.history):
            raise endings.empty_answer(response)
        self.emit(endings.ENDED_EMPTY if self._asked_again else endings.EMPTY)
        self._asked_again = not self._asked_again
        return self._asked_again

    async def _take_steering(self) -> bool:
        messages = self.inbox.take_steering()
        for message in messages:
            await self._append_whole(message)
        return bool(messages)

    async def _append_whole(self, message: Message) -> None:
        self.history.append(message)
        if message.role != "tool":  # `tool_end` has told the results already
            self.emit(MessageStart(message=message))
            self.emit(MessageEnd(message_id=message.id, metadata=message.metadata))
        await self.record(message)

    async def _ask(self) -> Response:
        """Put the question; while no answer has begun, another model may take it over.

        Raises:
            ProviderError: nobody answered, or the answer broke off.
        """
        while True:
            request = await self.build_request(self.history)
            try:
                return await self._answer(request)
            except AgentError as error:
                if self._begun or self.fall_back is None:
                    raise
                other = await self.fall_back(error.info())
                if other is None:
                    raise
                self.provider = other

    async def _answer(self, request: Request) -> Response:
        """Stream one answer into events and the history.

        Raises:
            ProviderError: it failed; nothing of it will run.
        """
        self._known_ids = {call.id for message in self.history for call in message.tool_calls}
        self._renamed = {}
        self._begun = False
        message_id = new_id("msg")
        started = time.monotonic()
        first: float | None = None
        thinking_since: float | None = None
        stream = self.provider.stream(request)
        try:
            async for event in stream:
                if event.type == "error":
                    await self._close_partial()
                    raise error_from_info(event.error)
                self._begun = True
                if event.type == "usage":
                    continue
                if event.type == "done":
                    return await self._finish(event.response, request, message_id, started, first)
                if self._partial is None:
                    first = time.monotonic() - started
                    self._open_partial(message_id, started)
                assert self._partial is not None
                event = self._own_id(event)
                duration = None
                if event.type == "thinking_delta" and thinking_since is None:
                    thinking_since = time.monotonic()
                elif event.type == "thinking_end" and thinking_since is not None:
                    duration = time.monotonic() - thinking_since
                    thinking_since = None
                self._partial.append(event)
                self.emit(to_session_event(message_id, event, duration))
        finally:
            await stream.aclose()
        raise error_from_info(
            ErrorInfo(
                code="stream_interrupted",
                message="The model's answer broke off. Nothing of it was run. Try again.",
                retryable=True,
                provider=self.provider.name,
                model=request.model,
            )
        )

    def _own_id(self, event: Any) -> Any:
        """Rename a call whose id was used before in this conversation: some servers reuse theirs,
        and results, cards and the store go by id.
        """
        if not event.type.startswith("tool_call_"):
            return event
        if event.type == "tool_call_start":
            taken = event.id in self._known_ids or event.id in self._renamed.values()
            self._renamed[event.id] = new_id("call") if taken else event.id
        own = self._renamed.get(event.id, event.id)
        return event if own == event.id else replace(event, id=own)

    def _open_partial(self, message_id: str, started: float) -> None:
        start = Message(id=message_id, role="assistant", parts=())
        self._partial = MessageBuilder("assistant", id=message_id, created_at=start.created_at)
        self._partial_started = started
        self.emit(MessageStart(message=start))

    async def _finish(
        self,
        response: Response,
        request: Request,
        message_id: str,
        started: float,
        first: float | None,
    ) -> Response:
        if self._partial is None:
            self._open_partial(message_id, started)
        assert self._partial is not None
        metadata = replace(
            response.message.metadata,
            provider=self.provider.name,
            model=request.model,
            time_to_first_token=first,
            total_duration=time.monotonic() - started,
            usage=response.usage,
            finish=response.finish,
            effort=request.effort,
        )
        message = self._partial.build(metadata)
        self._partial = None
        self.history.append(message)
        self.emit(MessageEnd(message_id=message.id, metadata=metadata))
        await self.record(message)
        self.on_usage(response.usage, request)
        return replace(response, message=message)

    async def _close_partial(self) -> None:
        """Keep what an unfinished answer said; its calls will never run."""
        if self._partial is None:
            return
        builder, self._partial = self._partial, None
        metadata = MessageMeta(
            provider=self.provider.name,
            interrupted=True,
            total_duration=time.monotonic() - self._partial_started,
        )
        built = builder.build(metadata)
        kept = tuple(part for part in built.parts if part.type != "tool_call")
        self.emit(MessageEnd(message_id=built.id, metadata=metadata))
        if any(part.type == "text" and part.text.strip() for part in kept):
            message = replace(built, parts=tuple(p for p in kept if p.type == "text"))
            self.history.append(message)
            await self.record(message)

    async def _run_calls(self, message: Message) -> None:
        results: dict[str, ToolResultPart] = {}
        try:
            await self.executor.run_calls(message.tool_calls, results)
        finally:
            # Stop, a limit or a bug may have cut the calls short: each still gets its result,
            # or every later request would be refused.
            parts = tuple(
                results.get(call.id) or interrupted_result(call) for call in message.tool_calls
            )
            await asyncio.shield(self._append_whole(Message(role="tool", parts=parts)))
