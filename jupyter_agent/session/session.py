"""One conversation: its inbox, its run, its approvals, its watchers, its place in the store.

A session lives in the process that runs it; clients come and go. `history` is what the model is
told, `journal` what people see.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..agent.inbox import Inbox
from ..context.budget import ContextBudget
from ..digest.fence import Fence
from ..policy.broker import Broker
from ..protocol.codec import to_json
from ..protocol.errors import AgentError, NotAllowed
from ..protocol.messages import Effort, ImagePart, Mention, Message, Part, TextPart, now
from ..protocol.session_events import (
    MessageEnd,
    MessageStart,
    NotebookChange,
    Notice,
    RunEnd,
    RunStart,
    SessionChange,
    SessionEvent,
)
from ..workspace.kernel_stop import KernelStop
from .checkpoints import Checkpoints
from .follow import Elsewhere
from .lease import Lease, Quiet
from .left_over import left_over
from .mentions import MentionReader, waiting
from .parts import (
    SessionParts,
    changed_cells,
    last_end,
    last_prompt,
    title_of,
)
from .recovery import load_history, recover
from .reviewing import Review
from .run_work import RunWork
from .runs import Planned, Runs
from .terms import LIMITED, CurrentTerms, Terms, resumed_terms, terms_of

if TYPE_CHECKING:
    from ..agent.loop import Outcome
    from ..protocol.frames import Events, Snapshot
    from ..protocol.rpc import ApplyResult, Change
    from ..protocol.tools import GrantScope, Mode
    from ..tools.base import Tool
    from ..workspace.workspace import AnyNotebook, SessionWorkspace
    from .journal import OnReset, Watcher


class Session:
    """One conversation. Safe to call from one event loop."""

    def __init__(self, parts: SessionParts) -> None:
        self.id = parts.session_id
        self.settled = parts.settled
        self.journal = parts.journal
        self.history = parts.history
        self.grants = parts.grants
        self._parts = parts
        self._store = parts.store
        self.journal.on_conflict = self.catch_up
        self._elsewhere = Elsewhere(self)
        self._inbox = Inbox(self.journal.emit)
        self._broker = Broker(self._ask, attended=parts.attended, deadline=parts.approval_deadline)
        self._fence = Fence()
        self._seen: deque[str] = deque(maxlen=256)
        shown = self.journal.transcript.budget
        self._context = ContextBudget(
            history=self.history,
            fence=self._fence,
            emit=self.journal.emit,
            record=self._record,
            reported=(shown.context_tokens or 0) if shown else 0,
        )
        self._runs = Runs(self, lease=self._lease, quiet=self._left_alone)
        self.quiet = Quiet(
            self._lease, settled=self._runs.settled, idle=lambda: self._runs.stage == "idle"
        )
        self.checkpoints = Checkpoints(parts.store, self.id, self.journal.emit)
        self.review = Review(
            self.checkpoints, self.journal, document=self._document, quiet=self.quiet
        )
        self.run_work = RunWork(
            self,
            parts,
            inbox=self._inbox,
            broker=self._broker,
            fence=self._fence,
            context=self._context,
            mode=lambda: self._mode,
            grants=lambda: self._terms.granted(self.grants),
            record=self._record,
            interrupt=self._interrupt,
        )
        self._kernel_stop = KernelStop(self.journal.emit)
        # What the run that goes on may do, beyond the session's mode.
        self._terms = CurrentTerms()
        self._mentions: MentionReader | None = None
        self.workspace: SessionWorkspace | None = None
        self.tools: dict[str, Tool[Any]] = {}
        self.on_change: Callable[[], None] = lambda: None

    # -- what the manager needs --------------------------------------------------------------

    def equip(self, workspace: SessionWorkspace, tools: Sequence[Tool[Any]]) -> None:
        """Give the session its workspace and tools (after making it: they call back into it)."""
        self.workspace = workspace
        self.tools = {tool.name: tool for tool in (*tools, *self._parts.extra_tools)}
        self._mentions = MentionReader(workspace, self._parts.rules, self._parts.redactor)

    @property
    def broker(self) -> Broker:
        """The open approvals and questions."""
        return self._broker

    @property
    def vision(self) -> bool:
        """Whether the model in use can look at images."""
        return self.run_work.model is not None and self.run_work.model.capabilities.vision

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self._runs.stage in ("beginning", "working")

    @property
    def at_rest(self) -> bool:
        """Whether nothing would be lost with what is kept in memory alone, and nobody watches."""
        held = self._parts.grants or self.settled.mode == "auto" or len(self._inbox)
        runs = self.workspace.runs.values() if self.workspace is not None else ()
        busy = self._runs.stage != "idle" or not all(record.run.finished for record in runs)
        return not (busy or held or self.journal.watched)

    @property
    def runs_elsewhere(self) -> bool:
        """Whether a run goes on in another process, as far as one can see."""
        return self._runs.stage == "idle" and self.journal.transcript.running

    @property
    def status(self) -> Literal["idle", "running", "waiting", "interrupted"]:
        """What the session is doing."""
        if self.running:
            return "waiting" if self._broker.waiting else "running"
        if self.runs_elsewhere:
            return "running"
        return "interrupted" if self.interrupted else "idle"

    @property
    def interrupted(self) -> bool:
        """Whether the last run was cut by a crash or a restart and can be resumed."""
        return last_end(self.journal.transcript) == "interrupted"

    @property
    def unfinished(self) -> bool:
        """Whether the last run did not end by itself; then it can be resumed."""
        return last_end(self.journal.transcript) in ("interrupted", "failed", "limit", "stopped")

    def notebook_changed(self, path: str, result: ApplyResult, changes: Sequence[Change]) -> None:
        """Tell the watchers of changes the agent made to a notebook."""
        cells = changed_cells(path, result, changes)
        self.journal.emit(NotebookChange(path=path, revision=result.revision, cells=cells))

    def _ask(self, event: SessionEvent) -> None:
        """Show that a person is asked, or no more; the session's status is another by that."""
        self.journal.emit(event)
        self.on_change()

    def provenance(self) -> dict[str, str]:
        """Return what is noted on cells the agent writes."""
        model = self.run_work.model
        return {"session": self.id, "model": model.id if model else self.settled.model}

    # -- what clients call --------------------------------------------------------------------

    async def attach(
        self, watcher: Watcher, after: int | None, on_reset: OnReset = lambda snapshot: None
    ) -> tuple[Snapshot | Events, Callable[[], None]]:
        """Begin to watch from event `after`.

        Raises:
            StoreError: the session cannot be read.
        """
        if self._runs.stage == "idle":
            await self.catch_up()
            self._elsewhere.follow()
        return self.journal.attach(watcher, after, on_reset)

    async def prompt(
        self,
        text: str,
        images: Sequence[ImagePart] = (),
        *,
        mentions: Sequence[Mention] = (),
        mode: Literal["plan"] | None = None,
        delivery: Literal["steer", "queue"] = "steer",
        op_id: str | None = None,
        at_most: Mode | None = None,
    ) -> None:
        """Say something: starts a run, or steers or queues behind the one going on.

        Durable when it returns. The same `op_id` again does nothing. A prompt with a mode of its
        own has a run of its own, and so has one that may run in no more than the mode `at_most`
        (see `Terms`). What is mentioned is read now, or when a queued prompt begins.
        """
        if op_id is not None:
            if op_id in self._seen:
                return
            self._seen.append(op_id)
        try:
            await self._say(text.strip(), images, mentions, Terms(mode, at_most), delivery)
        except AgentError:
            if op_id is not None and op_id in self._seen:
                self._seen.remove(op_id)  # refused: the same may be tried again
            raise
        await self.journal.flush()

    async def _say(
        self,
        text: str,
        images: Sequence[ImagePart],
        mentions: Sequence[Mention],
        terms: Terms,
        delivery: Literal["steer", "queue"],
    ) -> None:
        if not text and not images:
            raise NotAllowed("The prompt is empty.")
        if terms.mode is not None and terms.mode not in self._parts.allowed_modes:
            raise NotAllowed(f"Mode {terms.mode} is not allowed here.")
        parts: tuple[Part, ...] = (TextPart(text=text), *images, *waiting(mentions))
        message = terms.noted_on(Message(role="user", parts=parts))
        if not self._terms.terms.admit(terms):
            delivery = "queue"
        await self._runs.settled()
        if not (self.running and delivery == "queue"):
            message = await self._read_mentions(message)
            await self._runs.settled()
        if not self.running:
            await self._runs.begin(self._planned(message))
        else:
            # What steers a run is said on the run's terms, also when it is resumed. Asked again:
            # another run may have begun while the mentions were read.
            steers = delivery == "steer" and self._terms.terms.admit(terms)
            message = self._terms.terms.noted_on(message) if steers else message
            self._inbox.put(message, "steer" if steers else "queue")

    async def compact(self) -> None:
        """Have the turns before the last summarised for the model; a run that Stop ends.

        Raises:
            NotAllowed: something runs, or there is nothing to summarise.
        """
        await self._runs.settled()
        if self.running:
            raise NotAllowed("Older turns are summarised between runs: wait, or stop this one.")
        if not self._context.compactable:
            raise NotAllowed("There is nothing to summarise yet.")
        await self._runs.begin(Planned(work=self.run_work.compact))
        await self.journal.flush()

    async def stop(self) -> None:
        """End the run now: the model's stream, waiting approvals, and what the kernel runs."""
        await self._runs.stop(self._parts.stop_patience, self._interrupt)

    async def resume(self, *, at_most: Mode | None = None) -> None:
        """Go on with a run that did not end by itself, with the conversation as it was.

        `at_most`: the mode that the run may not exceed, whoever began it.
        """
        await self._runs.settled()
        if self.running:
            raise NotAllowed("The session is running already.")
        if not self.unfinished:
            raise NotAllowed("There is no unfinished run to go on with.")
        terms = resumed_terms(self.journal.transcript).limited_to(at_most)
        await self._runs.begin(Planned(work=self.run_work.converse, terms=terms))
        await self.journal.flush()

    async def approve(
        self,
        approval_id: str,
        *,
        fingerprint: str,
        allow: bool,
        scope: GrantScope = "once",
        reason: str | None = None,
    ) -> None:
        """Answer an approval.

        Raises:
            NotAllowed: it is settled already, or the answer is for something else.
        """
        self._broker.answer(
            approval_id, fingerprint=fingerprint, allow=allow, scope=scope, reason=reason
        )

    async def answer(self, question_id: str, answer: str | None) -> None:
        """Answer a question of the model; raises `NotAllowed` when it is answered already."""
        self._broker.reply(question_id, answer)

    async def configure(
        self,
        *,
        model: str | None = None,
        mode: Mode | None = None,
        effort: Effort | None = None,
        title: str | None = None,
        notebook_path: str | None = None,
    ) -> None:
        """Change the session's settings; a new model takes effect with the next run.

        Raises:
            NotAllowed: the mode is forbidden here.
            UnknownModel: there is no such model.
        """
        if mode is not None and mode not in self._parts.allowed_modes:
            raise NotAllowed(f"Mode {mode} is not allowed here.")
        if model is not None:
            self._parts.access.open(model)
        changes = {"model": model, "mode": mode, "effort": effort, "title": title}
        changes |= {"notebook_path": notebook_path}
        changes = {name: value for name, value in changes.items() if value is not None}
        if mode is not None:
            self._terms.choose_mode()
        for name, value in changes.items():
            setattr(self.settled, name, value)
        # Auto is for now, not for ever: it is not kept beyond this process.
        kept = {name: value for name, value in changes.items() if value != "auto"}
        if kept:
            await self._store.update_session(self.id, **kept)
        self.journal.emit(SessionChange(**changes))  # type: ignore[arg-type]
        if mode is not None and self._mode != mode:
            self.journal.emit(SessionChange(mode=self._mode))
            self.journal.emit(Notice(level="info", text=LIMITED))
        self.on_change()

    async def unqueue(self, prompt_id: str) -> None:
        """Take a waiting prompt back; raises `NotAllowed` when it waits no longer."""
        if not self._inbox.remove(prompt_id):
            self.journal.emit(left_over(self.journal.transcript, prompt_id))

    async def wait(self) -> None:
        """Wait until no run goes on."""
        await self._runs.wait()

    async def aclose(self) -> None:
        """End the run, write everything, let go of kernels and tabs. Kernels stay."""
        await self._elsewhere.aclose()
        await self.stop()
        await self._kernel_stop.aclose()
        await self.journal.aclose()
        if self.workspace is not None:
            await self.workspace.aclose()

    # -- beside other processes ----------------------------------------------------------------

    async def _left_alone(self) -> None:
        await self.quiet.wait()

    def _lease(self) -> Lease:
        return Lease(self._store, self.id, self._parts.holder, self._taken)

    async def _taken(self) -> None:
        """Put the session in order, now that nobody else writes to it."""
        await self.catch_up()
        await recover(self._store, self.id, self.journal, self.history)

    async def catch_up(self) -> None:
        """Take in what another process has done to the session, while nothing runs here.

        Raises:
            StoreError: the session cannot be read.
        """
        moved = await self.journal.catch_up()
        if not moved and await self._store.count_messages(self.id) == len(self.history):
            return
        self.history[:] = await load_history(self._store, self.id)
        self.checkpoints.forget()
        shown = self.journal.transcript
        self._context.reported = (shown.budget.context_tokens or 0) if shown.budget else 0
        row = await self._store.session(self.id)
        if row is not None:
            self.settled.take(row)
        self.on_change()

    async def put_in_order(self) -> None:
        """Close what a crash cut off.

        Raises:
            SessionBusy: it was no crash, another process works on the session.
        """
        async with self.quiet.alone(patience=0.0):
            return

    # -- a run ---------------------------------------------------------------------------------

    @property
    def _mode(self) -> Mode:
        return self._terms.mode(self.settled.mode)

    def _planned(self, message: Message, *, queued: str | None = None) -> Planned:
        terms = terms_of(message)
        return Planned(work=self.run_work.converse, message=message, terms=terms, queued=queued)

    def begun(self, run_id: str, planned: Planned) -> bool:
        """Show that a run begins (see `runs.Stages`)."""
        if planned.queued is not None and not self._inbox.remove(planned.queued):
            return False  # taken back meanwhile
        message = planned.message
        self._terms.begin(planned.terms, self.grants)
        # What was meant to steer an earlier run may have been said on other terms.
        self._inbox.queue_steering(unless=lambda said: planned.terms.admit(terms_of(said)))
        start = RunStart(run_id=run_id, model=self.settled.model, mode=self._mode, started_at=now())
        self.journal.emit(start)
        if message is not None:
            self.journal.emit(MessageStart(message=message))
            self.journal.emit(MessageEnd(message_id=message.id, metadata=message.metadata))
        self.on_change()
        return True

    async def work(self, run_id: str, planned: Planned) -> Outcome:
        """Do a run's work."""
        message = planned.message
        await self._parts.redactor.refresh()
        self.checkpoints.begin(run_id, message or last_prompt(self.history))
        await self._store.start_run(self.id, run_id)
        if message is not None:
            self.history.append(message)
            await self._record(message)
            await self._name_after(message)
        return await planned.work(run_id)

    async def ended(self, run_id: str, outcome: Outcome) -> None:
        """Show how a run ended, then write it."""
        self.journal.emit(RunEnd(run_id=run_id, status=outcome.status, error=outcome.error))
        self._inbox.run_ended(outcome.status)
        if self._terms.end():
            self.journal.emit(SessionChange(mode=self.settled.mode))
        self.on_change()
        try:
            await self._store.end_run(self.id, run_id, outcome.status)
            await self.journal.tidy()
        except AgentError as error:
            self._complain(error, "error")

    async def following(self) -> Planned | None:
        """Return what was queued first, ready to run."""
        while (first := self._inbox.first) is not None:
            ready = await self._read_mentions(first)
            if self._inbox.first is first:  # it may have been taken back meanwhile
                return self._planned(ready, queued=first.id)
        return None

    def refused(self, error: AgentError) -> None:
        """Show why what was queued could not begin; it goes on waiting."""
        self._complain(error, "error")

    def _complain(self, error: AgentError, level: Literal["warning", "error"]) -> None:
        self.journal.emit(Notice(level=level, text=error.user_message, code=error.code))

    async def _read_mentions(self, message: Message) -> Message:
        if self._mentions is None:
            return message
        if not self.running:
            # Whether images can be shown depends on the model that will be asked.
            with contextlib.suppress(AgentError):
                self.run_work.model = self._parts.access.open(self.settled.model).model
        return await self._mentions.read(message)

    async def _record(self, message: Message) -> None:
        """Make a message of the history durable."""
        position = next(
            i for i in range(len(self.history) - 1, -1, -1) if self.history[i] is message
        )
        await self._store.put_message(self.id, position, message.id, to_json(Message, message))

    async def _name_after(self, message: Message) -> None:
        if self.settled.title:
            return
        self.settled.title = title_of(message)
        await self._store.update_session(self.id, title=self.settled.title)
        self.journal.emit(SessionChange(title=self.settled.title))
        self.on_change()

    async def _document(self, path: str) -> AnyNotebook:
        assert self.workspace is not None
        return await self.workspace.document(path)

    async def _interrupt(self, run_id: str | None) -> None:
        if self.workspace is not None and run_id is not None:
            await self._kernel_stop.interrupt(self.workspace, run_id)
