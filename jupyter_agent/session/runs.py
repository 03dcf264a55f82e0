"""The runs of one session: one at a time, begun under its lease, ended once, then what waits.

A run *begins* (the session's lease is taken, and what another process wrote meanwhile is read),
*works*, and *ends*: people see its end, it is written, the lease is let go. What a person says
while one begins or ends has to wait for that: `settled`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ..agent.loop import Outcome
from ..protocol.errors import AgentError, ErrorInfo, NotAllowed, error_from_info
from ..protocol.messages import Message, new_id
from .terms import NO_TERMS, Terms

if TYPE_CHECKING:
    from .lease import Lease

log = logging.getLogger("jupyter_agent")

Work = Callable[[str], Awaitable[Outcome]]
Stage = Literal["idle", "beginning", "working", "ending"]

# Seconds that a run may take to begin or to let go before one who waits for it is told so.
PATIENCE = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A run to be: its prompt (None: it goes on with the conversation) and what it does.

    `terms`: what the run may do, beyond the session's mode. `queued`: the id of the prompt in the
    inbox, which it leaves when the run has begun.
    """

    work: Work
    message: Message | None = None
    terms: Terms = NO_TERMS
    queued: str | None = None


class Stages(Protocol):
    """What a session does in its runs' stages."""

    def begun(self, run_id: str, planned: Planned) -> bool:
        """Show that a run begins; returns False when it need not any more."""

    async def work(self, run_id: str, planned: Planned) -> Outcome:
        """Do the run's work."""

    async def ended(self, run_id: str, outcome: Outcome) -> None:
        """Show how a run ended, then write it."""

    async def following(self) -> Planned | None:
        """Return what waits to run next."""

    def refused(self, error: AgentError) -> None:
        """Show why what waited could not begin."""


class Runs:
    """The runs of one session.

    Args:
        stages: what is done in each.
        lease: makes a holding of the session.
        quiet: waits for work outside of runs to end.
    """

    def __init__(
        self,
        stages: Stages,
        *,
        lease: Callable[[], Lease],
        quiet: Callable[[], Awaitable[None]],
    ) -> None:
        self.stage: Stage = "idle"
        self._stages = stages
        self._lease = lease
        self._quiet = quiet
        self._moved = asyncio.Event()
        self._run_id: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def settled(self) -> None:
        """Wait while a run begins or ends.

        Raises:
            NotAllowed: it takes too long; what was stopped may not have let go of the session.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while self.stage in ("beginning", "ending"):
            moved = asyncio.ensure_future(self._moved.wait())
            done, _ = await asyncio.wait({moved}, timeout=deadline - loop.time())
            if not done:
                moved.cancel()
                raise NotAllowed("The last run has not let go of the session yet. Try again soon.")

    async def begin(self, planned: Planned) -> None:
        """Begin a run, with none going on; returns when people see it.

        Raises:
            SessionBusy: another process works on the session.
            NotAllowed: it was stopped before it began.
            AgentError: the store cannot be used.
        """
        assert self.stage == "idle"
        self._move("beginning")
        loop = asyncio.get_running_loop()
        begun: asyncio.Future[AgentError | None] = loop.create_future()
        self._task = loop.create_task(self._run_all(planned, begun))
        self._task.add_done_callback(lambda task: self._over(task, begun))
        # Shielded: who asked for a run may go, and the run goes on.
        error = await asyncio.shield(begun)
        if error is not None:
            raise error

    async def stop(
        self, patience: float, interrupt: Callable[[str | None], Awaitable[None]]
    ) -> None:
        """End what goes on, and let nothing follow it.

        Args:
            patience: seconds until a run that does not end is shown as ended all the same.
            interrupt: ends what the tools of a run left running.
        """
        task, run_id = self._task, self._run_id
        if task is None or task.done():
            return
        task.cancel()
        interrupting = asyncio.ensure_future(interrupt(run_id))
        await asyncio.wait({task}, timeout=patience)
        if not task.done() and run_id is not None:
            await self._end(run_id, Outcome(status="stopped"))
        await asyncio.wait({interrupting}, timeout=patience)

    async def wait(self) -> None:
        """Wait until nothing goes on and nothing follows."""
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    # -- inside ----------------------------------------------------------------------------------

    def _move(self, stage: Stage) -> None:
        self.stage = stage
        self._moved.set()
        self._moved = asyncio.Event()

    async def _run_all(
        self, planned: Planned, begun: asyncio.Future[AgentError | None] | None
    ) -> None:
        """Run a prompt, then whatever was queued behind it."""
        following: Planned | None = planned
        while following is not None:
            following = await self._run_one(following, begun)
            begun = None

    def _over(self, task: asyncio.Task[None], begun: asyncio.Future[AgentError | None]) -> None:
        if task is self._task:
            self._move("idle")
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            log.error("A session's run failed", exc_info=fault)
        if not begun.done():  # Stop came before its first step
            begun.set_result(_stopped_before() if fault is None else error_from_info(_info(fault)))

    async def _run_one(
        self, planned: Planned, begun: asyncio.Future[AgentError | None] | None
    ) -> Planned | None:
        """Run one prompt; returns what follows it."""
        run_id = new_id("run")
        lease = self._lease()
        error: AgentError | None = None
        outcome = Outcome(status="done")  # also of one that was taken back before it began
        self._move("beginning")
        try:
            error = await self._begin(run_id, planned, lease)
            if self._run_id == run_id:
                if begun is not None:
                    begun.set_result(None)
                outcome = await guarded(self._stages.work(run_id, planned), run_id)
        finally:
            # Stop may come at any time; the run is ended and the lease given back all the same.
            stopped = await _to_the_end(self._let_go(run_id, outcome, lease))
        if error is not None:
            self._move("idle")
            if begun is not None:
                begun.set_result(error)
            else:
                self._stages.refused(error)
            return None
        return await self._stages.following() if outcome.status == "done" and not stopped else None

    async def _begin(self, run_id: str, planned: Planned, lease: Lease) -> AgentError | None:
        try:
            await self._quiet()
            await lease.acquire()
        except AgentError as error:
            return error
        except asyncio.CancelledError:
            return _stopped_before()
        if self._stages.begun(run_id, planned):
            self._run_id = run_id
            self._move("working")
        return None

    async def _let_go(self, run_id: str, outcome: Outcome, lease: Lease) -> None:
        try:
            await self._end(run_id, outcome)
        finally:
            await lease.release()

    async def _end(self, run_id: str, outcome: Outcome) -> None:
        """End a run once; whoever comes second does nothing."""
        if self._run_id != run_id:
            return
        self._run_id = None
        self._move("ending")
        await self._stages.ended(run_id, outcome)


async def _to_the_end(work: Awaitable[None]) -> bool:
    """Wait for work that must not be cut short; returns whether we were told to stop meanwhile."""
    task = asyncio.ensure_future(work)
    stopped = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            stopped = True
    try:
        task.result()
    except AgentError as error:
        log.warning("A session's run could not be closed: %s", error.user_message)
    return stopped


async def guarded(work: Awaitable[Outcome], run_id: str) -> Outcome:
    """Return how a run ended, whatever it met."""
    try:
        return await work
    except asyncio.CancelledError:
        return Outcome(status="stopped")
    except AgentError as error:
        return Outcome(status="failed", error=error.info())
    except Exception as error:  # a defect of ours: shown as such, and the session lives on
        log.exception("The run %s failed", run_id)
        return Outcome(status="failed", error=_info(error))


def _info(fault: BaseException) -> ErrorInfo:
    return ErrorInfo(
        code="internal_error",
        message=f"The agent failed on its own fault ({type(fault).__name__}). "
        "The details are in the log of the process it works in.",
    )


def _stopped_before() -> AgentError:
    return NotAllowed("It was stopped before it began.")
