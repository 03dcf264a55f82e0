"""Pending approvals and questions: shown to every client, settled by the first valid answer.

An answer must repeat the approval's fingerprint, the hash of all it is bound to (tool, arguments,
versions, run, call). Each is used once; Stop and the end of a run void what is open.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..protocol.errors import NotAllowed
from ..protocol.messages import new_id, now
from ..protocol.session_events import (
    ApprovalEnd,
    ApprovalStart,
    QuestionEnd,
    QuestionStart,
    SessionEvent,
)
from ..protocol.tools import GrantScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How an approval was settled. `reason` is the person's, for the model."""

    allow: bool
    scope: GrantScope = "once"
    reason: str | None = None


@dataclass(slots=True)
class _Pending:
    event: ApprovalStart
    answer: asyncio.Future[Answer]


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Return the hash of JSON facts, independent of the order of keys."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Broker:
    """The open approvals and questions of one session.

    Args:
        emit: takes the events that show and settle them.
        attended: whether anybody could answer; where not, asks are denied at once.
        deadline: seconds an approval stays open, None for as long as the run lasts.
    """

    def __init__(
        self,
        emit: Callable[[SessionEvent], None],
        *,
        attended: Callable[[], bool] = lambda: True,
        deadline: float | None = None,
    ) -> None:
        self._emit = emit
        self._attended = attended
        self._deadline = deadline
        self._approvals: dict[str, _Pending] = {}
        self._questions: dict[str, tuple[QuestionStart, asyncio.Future[str | None]]] = {}

    async def ask(self, approval: ApprovalStart) -> Answer:
        """Show an approval and wait for its answer. Cancelling voids it."""
        if not self._attended():
            return Answer(allow=False, reason="Nobody is there to allow it, so it was denied.")
        pending = _Pending(approval, asyncio.get_running_loop().create_future())
        self._approvals[approval.approval_id] = pending
        self._emit(approval)
        try:
            answer = await asyncio.wait_for(pending.answer, self._deadline)
        except asyncio.TimeoutError:
            self._settle(approval, "expired")
            return Answer(allow=False, reason="Nobody answered in time.")
        except asyncio.CancelledError:
            self._settle(approval, "cancelled")
            raise
        decision = "allow" if answer.allow else "deny"
        self._settle(approval, decision, scope=answer.scope, reason=answer.reason)
        return answer

    def answer(
        self,
        approval_id: str,
        *,
        fingerprint: str,
        allow: bool,
        scope: GrantScope = "once",
        reason: str | None = None,
    ) -> None:
        """Settle an approval.

        Raises:
            NotAllowed: it is not open any more, or the answer is for something else.
        """
        pending = self._approvals.get(approval_id)
        if pending is None or pending.answer.done():
            raise NotAllowed("This approval is settled already.")
        if fingerprint != pending.event.fingerprint:
            raise NotAllowed("This answer is for another call than the one that waits.")
        if allow and scope not in pending.event.scopes:
            raise NotAllowed("This call can only be allowed once.")
        pending.answer.set_result(Answer(allow=allow, scope=scope, reason=reason or None))

    async def question(self, call_id: str, text: str, options: Sequence[str]) -> str | None:
        """Ask the person and wait; None when nobody can answer or they decline."""
        if not self._attended():
            return None
        event = QuestionStart(
            question_id=new_id("q"), call_id=call_id, question=text, options=tuple(options)
        )
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._questions[event.question_id] = (event, future)
        self._emit(event)
        answer: str | None = None
        try:
            answer = await future
        finally:
            del self._questions[event.question_id]
            self._emit(QuestionEnd(question_id=event.question_id, call_id=call_id, answer=answer))
        return answer

    def reply(self, question_id: str, answer: str | None) -> None:
        """Answer a question.

        Raises:
            NotAllowed: it is not open any more.
        """
        _, future = self._questions.get(question_id, (None, None))
        if future is None or future.done():
            raise NotAllowed("This question is answered already.")
        future.set_result(answer)

    def expires_at(self) -> Any:
        """Return when an approval asked now would expire, None for never."""
        return None if self._deadline is None else now() + timedelta(seconds=self._deadline)

    @property
    def waiting(self) -> bool:
        """Whether a person is being waited for."""
        return bool(self._approvals or self._questions)

    def _settle(self, approval: ApprovalStart, decision: Any, **more: Any) -> None:
        del self._approvals[approval.approval_id]
        self._emit(
            ApprovalEnd(
                approval_id=approval.approval_id,
                call_id=approval.call_id,
                decision=decision,
                **more,
            )
        )
