"""Running tool calls: prepare → gate → run → finalise. The only place that permits a call.

Every call gets exactly one result, in order. Calls run one after another, in the order the model
gave them; neighbours that only read run side by side. A call is bound to what was shown: if the
facts it was allowed for have changed when it is about to run, it is refused.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ValidationError

from ..policy.broker import Answer, fingerprint
from ..policy.grants import Grant
from ..policy.rules import CallFacts, Rule, Verdict, decide
from ..protocol.errors import AgentError
from ..protocol.messages import TextPart, ToolCallPart, ToolResultPart, new_id
from ..protocol.session_events import ApprovalStart, SessionEvent, ToolEnd, ToolStart, ToolUpdate
from ..protocol.text import printable
from ..tools.base import (
    Preview,
    Tool,
    ToolCallContext,
    ToolOutput,
    failure,
    printable_output,
    printable_preview,
    redacted_blocks,
    redacted_output,
    text_output,
)
from .arguments import read_arguments

if TYPE_CHECKING:
    from ..protocol.tools import GrantScope, Mode
    from .limits import Spent

log = logging.getLogger(__name__)


class IntentLog(Protocol):
    """Durable notes around each call, so that a crash never leads to a second run."""

    async def begin(self, call: ToolCallPart) -> None:
        """Note that the call is about to run; returns when that is on disk."""

    async def end(self, result: ToolResultPart) -> None:
        """Note its result."""


@dataclass(slots=True, kw_only=True)
class Permits:
    """What the gate decides by. `grants` grows when a person allows more than one call."""

    mode: Callable[[], Mode]
    ask: Callable[[ApprovalStart], Awaitable[Answer]]
    rules: Sequence[Rule] = ()
    grants: Callable[[], Sequence[Grant]] = tuple
    grant: Callable[[Grant], None] = lambda grant: None
    expires_at: Callable[[], Any] = lambda: None


@dataclass(frozen=True, slots=True)
class _Prepared:
    call: ToolCallPart
    tool: Tool[Any]
    arguments: BaseModel
    preview: Preview
    facts: CallFacts


class Executor:
    """Runs the tool calls of one run.

    Args:
        run_id: the run, part of what approvals are bound to.
        tools: by name.
        permits: what the gate decides by.
        emit: takes the events for watchers.
        intents: durable notes around each call.
        spent: the run's limits.
        deadlines: seconds by tool name, where they are not the tool's own.
        redact: takes keys out of what a call brings, before anybody is told or it is kept.
        vision: whether the model can look at images, asked at each call.
    """

    def __init__(
        self,
        *,
        run_id: str,
        tools: Mapping[str, Tool[Any]],
        permits: Permits,
        emit: Callable[[SessionEvent], None],
        intents: IntentLog,
        spent: Spent,
        deadlines: Mapping[str, float] | None = None,
        redact: Callable[[str], str] = str,
        vision: Callable[[], bool] = lambda: True,
    ) -> None:
        self._run_id = run_id
        self._tools = tools
        self._permits = permits
        self._emit = emit
        self._intents = intents
        self._spent = spent
        self._deadlines = deadlines or {}
        self._redact = redact
        self._vision = vision

    async def run_calls(
        self, calls: Sequence[ToolCallPart], results: dict[str, ToolResultPart]
    ) -> None:
        """Run calls in order, filling `results` by call id as each ends.

        When it is cancelled, `results` holds what was finished and what was cut short.

        Raises:
            BudgetExceeded: a limit of the run is reached.
        """
        for group in self._groups(calls):
            for call in group:
                self._spent.begin_call(f"{call.name} {call.arguments_raw}")
            done = await asyncio.gather(*(self._run_one(call, results) for call in group))
            results.update({result.tool_call_id: result for result in done})

    def _groups(self, calls: Sequence[ToolCallPart]) -> list[list[ToolCallPart]]:
        groups: list[list[ToolCallPart]] = []
        side_by_side = False
        for call in calls:
            tool = self._tools.get(call.name)
            reads = tool is not None and tool.parallel
            if groups and reads and side_by_side:
                groups[-1].append(call)
            else:
                groups.append([call])
            side_by_side = reads
        return groups

    async def _run_one(
        self, call: ToolCallPart, results: dict[str, ToolResultPart]
    ) -> ToolResultPart:
        preview: Preview | None = None
        started: float | None = None
        try:
            prepared = await self._prepare(call)
            if isinstance(prepared, ToolOutput):
                return self._finalise(call, prepared)
            preview = prepared.preview
            refusal = await self._gate(prepared)
            if refusal is not None:
                return self._finalise(call, refusal, rejected=True, title=preview.title)
            started = time.monotonic()
            return await self._run(prepared)
        except asyncio.CancelledError:
            results[call.id] = self._finalise(
                call,
                interrupted_output(),
                title=preview.title if preview else None,
                duration=None if started is None else time.monotonic() - started,
                preview=preview,
                stopped=True,
            )
            raise

    async def _prepare(self, call: ToolCallPart) -> _Prepared | ToolOutput:
        """Validate the call and ask the tool what it would do. An output means it cannot."""
        if call.parse_error is not None or call.arguments is None:
            why = call.parse_error or "there are no arguments"
            return _invalid(call, f"{why}. Nothing was run; send the call again.")
        tool = self._tools.get(call.name)
        if tool is None:
            near = difflib.get_close_matches(call.name, self._tools, n=3)
            known = ", ".join(near or sorted(self._tools))
            return _invalid(call, f"There is no tool {call.name!r}. There are: {known}.")
        try:
            arguments = read_arguments(tool.arguments, call.arguments)
        except ValidationError as error:
            return _invalid(call, _faults(error))
        try:
            permissions = tool.permissions(arguments)
            always_ask = tool.always_ask(arguments)
            preview = printable_preview(await tool.preview(arguments))
        except AgentError as error:
            return failure(error, title=call.name)
        except Exception as error:
            return _broken(call, error)
        facts = CallFacts(
            tool_name=call.name,
            # What says nothing about itself needs everything, and no less for needing more.
            permissions=permissions | preview.needs if permissions else permissions,
            always_ask=always_ask,
            notebook_path=dict(preview.bound_to).get("notebook"),
        )
        return _Prepared(call, tool, arguments, preview, facts)

    async def _gate(self, prepared: _Prepared) -> ToolOutput | None:
        """Return None when the call may run, else the output that tells the model why not."""
        verdict = decide(
            prepared.facts,
            mode=self._permits.mode(),
            rules=self._permits.rules,
            grants=self._permits.grants(),
        )
        if verdict.effect == "deny":
            return refused_output(verdict.reason)
        if verdict.effect == "allow":
            return None
        return await self._ask(prepared, verdict)

    async def _ask(self, prepared: _Prepared, verdict: Verdict) -> ToolOutput | None:
        call, facts = prepared.call, prepared.facts
        scopes: tuple[GrantScope, ...] = ("once",)
        if not facts.always_ask:
            scopes = ("once", "session", "notebook") if facts.notebook_path else ("once", "session")
        approval = ApprovalStart(
            approval_id=new_id("apr"),
            call_id=call.id,
            tool_name=call.name,
            title=prepared.preview.title,
            permissions=tuple(sorted(facts.needed)),
            arguments=call.arguments or {},
            preview=prepared.preview.blocks,
            fingerprint=self._fingerprint(call, prepared.preview),
            scopes=scopes,
            expires_at=self._permits.expires_at(),
        )
        answer = await self._permits.ask(approval)
        if not answer.allow:
            return refused_output(answer.reason)
        # What was shown must be what runs: look again, now that time has passed.
        try:
            current = await prepared.tool.preview(prepared.arguments)
        except AgentError as error:
            return failure(error)
        except Exception as error:
            return _broken(call, error)
        if self._fingerprint(call, current) != approval.fingerprint:
            return refused_output(
                "What this call was allowed for changed while it waited, so it did not run. "
                "Read the cells again and repeat the call if it is still right."
            )
        if answer.scope != "once":
            self._permits.grant(
                Grant(
                    scope=answer.scope,
                    tool_name=call.name,
                    permissions=facts.needed,
                    notebook_path=facts.notebook_path if answer.scope == "notebook" else None,
                )
            )
        return None

    def _fingerprint(self, call: ToolCallPart, preview: Preview) -> str:
        return fingerprint(
            {
                "run": self._run_id,
                "call": call.id,
                "tool": call.name,
                "arguments": call.arguments,
                "bound_to": [list(fact) for fact in preview.bound_to],
            }
        )

    async def _run(self, prepared: _Prepared) -> ToolResultPart:
        call, tool, title = prepared.call, prepared.tool, prepared.preview.title
        await self._intents.begin(call)
        self._emit(ToolStart(call_id=call.id, tool_name=call.name, title=title))
        context = ToolCallContext(
            call_id=call.id,
            run_id=self._run_id,
            update=lambda text, cells: self._emit(
                ToolUpdate(call_id=call.id, text=printable(self._redact(text)), cells=tuple(cells))
            ),
            bound_to=tuple(prepared.preview.bound_to),
            vision=self._vision(),
        )
        deadline = self._deadlines.get(call.name, tool.deadline)
        started = time.monotonic()
        try:
            output = await asyncio.wait_for(tool.run(prepared.arguments, context), deadline)
        except asyncio.TimeoutError:
            output = text_output(
                f"TIMED_OUT: {call.name} did not finish within {deadline:g} s.",
                is_error=True,
                summary="timed out",
            )
        except AgentError as error:
            output = failure(error)
        except asyncio.CancelledError:
            await self._intents.end(_result(call, interrupted_output()))
            raise
        except Exception as error:
            output = _broken(call, error)
        result = self._finalise(
            call, output, title=title, duration=time.monotonic() - started, preview=prepared.preview
        )
        await self._intents.end(result)
        return result

    def _finalise(
        self,
        call: ToolCallPart,
        output: ToolOutput,
        *,
        rejected: bool = False,
        title: str | None = None,
        duration: float | None = None,
        preview: Preview | None = None,
        stopped: bool = False,
    ) -> ToolResultPart:
        output = printable_output(redacted_output(output, self._redact))
        result = _result(call, output, rejected=rejected)
        shown = output.preview or redacted_blocks(preview.blocks if preview else (), self._redact)
        self._emit(
            ToolEnd(
                call_id=call.id,
                tool_name=call.name,
                result=result,
                title=output.title or self._redact(title or call.name),
                summary=output.summary,
                cells=output.cells,
                preview=shown,
                duration=duration,
                stopped=stopped,
            )
        )
        return result


def refused_output(reason: str | None) -> ToolOutput:
    """Return what the model reads of a call that was not allowed."""
    text = "REJECTED: this call was not allowed and did not run."
    if reason:
        text += f"\nReason: {reason}"
    return text_output(text, is_error=True, summary=reason or "")


def interrupted_output() -> ToolOutput:
    """Return what the model reads of a call that was stopped, or lost in a crash."""
    return text_output(
        "INTERRUPTED: this call was stopped before it ended; it may have had part of its effect. "
        "Look at the notebook before you repeat it.",
        is_error=True,
        summary="stopped",
    )


def interrupted_result(call: ToolCallPart) -> ToolResultPart:
    """Return the result of a call that was stopped, or lost in a crash."""
    return _result(call, interrupted_output())


def _result(call: ToolCallPart, output: ToolOutput, *, rejected: bool = False) -> ToolResultPart:
    return ToolResultPart(
        tool_call_id=call.id,
        tool_name=call.name,
        content=output.content or (TextPart(text="(nothing)"),),
        is_error=output.is_error,
        rejected=rejected,
    )


def _invalid(call: ToolCallPart, why: str) -> ToolOutput:
    return text_output(
        f"INVALID_CALL: {call.name}: {why}", is_error=True, summary="call not understood"
    )


def _broken(call: ToolCallPart, error: Exception) -> ToolOutput:
    """Return what the model reads of a tool's own bug: a result, never the end of the run."""
    log.warning("The tool %s failed on its own fault.", call.name, exc_info=error)
    return text_output(
        f"TOOL_ERROR: {type(error).__name__}: {error}",
        is_error=True,
        summary=f"{type(error).__name__}",
    )


def _faults(error: ValidationError) -> str:
    lines = []
    for fault in error.errors(include_url=False, include_input=False)[:8]:
        place = ".".join(str(step) for step in fault["loc"]) or "arguments"
        lines.append(f"{place}: {fault['msg']}")
    return "; ".join(lines) + ". Nothing was run; correct the arguments and call again."
