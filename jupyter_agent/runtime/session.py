"""One conversation: its inbox, its run, its approvals, its watchers, its place in the store.

A session lives in the process that runs it; clients come and go. `history` is what the model is
told, `journal` what people see.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Literal

from ..agent.execute import Executor, Permits
from ..agent.inbox import Inbox
from ..agent.limits import Spent
from ..agent.loop import Loop, Outcome
from ..context.budget import ContextBudget
from ..context.prompt import PromptFacts
from ..digest.fence import Fence
from ..policy.broker import Broker
from ..protocol.codec import to_json
from ..protocol.errors import AgentError, ErrorInfo, NotAllowed
from ..protocol.frames import Events, Snapshot
from ..protocol.messages import Effort, ImagePart, Mention, Message, Part, TextPart, new_id, now
from ..protocol.models import ModelInfo
from ..protocol.rpc import ApplyResult, Change
from ..protocol.session_events import (
    MessageEnd,
    MessageStart,
    NotebookChange,
    Notice,
    Retry,
    RunEnd,
    RunStart,
    RunStatus,
    SessionChange,
)
from ..protocol.tools import GrantScope, Mode
from ..tools.base import Tool, definition
from .answering import Answering
from .checkpoints import Checkpoints
from .journal import Watcher
from .lease import Lease, Quiet
from .mentions import MentionReader, waiting
from .questions import Questions
from .reviewing import Review
from .session_parts import (
    Intents,
    SessionParts,
    changed_cells,
    guarded,
    own_mode,
    title_of,
    with_mode,
)
from .spending import Spending
from .workspace import AnyNotebook, SessionWorkspace

Work = Callable[[str], Awaitable[Outcome]]


class Session:
    """One conversation. Safe to call from one event loop."""

    def __init__(self, parts: SessionParts) -> None:
        self.id = parts.session_id
        self.settled = parts.settled
        self.journal = parts.journal
        self.history = parts.history
        self._parts = parts
        self._store = parts.store
        self._inbox = Inbox(self.journal.emit)
        self._broker = Broker(
            self.journal.emit, attended=parts.attended, deadline=parts.approval_deadline
        )
        self._fence = Fence()
        self._run: asyncio.Task[None] | None = None
        self._run_id: str | None = None
        self._seen: deque[str] = deque(maxlen=256)
        self._model: ModelInfo | None = None
        self._warned: set[str] = set()
        shown = self.journal.transcript.budget
        self._context = ContextBudget(
            history=self.history,
            fence=self._fence,
            emit=self.journal.emit,
            record=self._record,
            reported=(shown.context_tokens or 0) if shown else 0,
        )
        self._quiet = Quiet(parts.store, self.id, parts.holder, lambda: self.running)
        self.checkpoints = Checkpoints(parts.store, self.id, self.journal.emit)
        self.review = Review(
            self.checkpoints, self.journal, document=self._document, quiet=self._quiet
        )
        self._spending = Spending(self.journal, self._context)
        # The mode of a prompt that has one of its own, while it runs.
        self._run_mode: Mode | None = None
        self._mentions: MentionReader | None = None
        self.workspace: SessionWorkspace | None = None
        self.tools: dict[str, Tool[Any]] = {}
        self.on_change: Callable[[], None] = lambda: None

    # -- what the manager needs --------------------------------------------------------------

    def equip(self, workspace: SessionWorkspace, tools: Sequence[Tool[Any]]) -> None:
        """Give the session its workspace and tools (after making it: they call back into it)."""
        self.workspace = workspace
        self.tools = {tool.name: tool for tool in (*tools, *self._parts.extra_tools)}
        self._mentions = MentionReader(workspace, self._parts.rules)

    @property
    def broker(self) -> Broker:
        """The open approvals and questions."""
        return self._broker

    @property
    def vision(self) -> bool:
        """Whether the model in use can look at images."""
        return self._model is not None and self._model.capabilities.vision

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self._run is not None and not self._run.done()

    @property
    def status(self) -> Literal["idle", "running", "waiting", "interrupted"]:
        """What the session is doing."""
        if self.running:
            return "waiting" if self._broker.waiting else "running"
        return "interrupted" if self.interrupted else "idle"

    @property
    def interrupted(self) -> bool:
        """Whether the last run was cut by a crash or a restart and can be resumed."""
        return self._last_end == "interrupted"

    @property
    def _last_end(self) -> RunStatus | None:
        """How the last run ended, when it did not simply end and nothing was said since."""
        entries = self.journal.transcript.entries
        last = entries[-1] if entries else None
        return last.status if last is not None and last.type == "run" else None

    def notebook_changed(self, path: str, result: ApplyResult, changes: Sequence[Change]) -> None:
        """Tell the watchers of changes the agent made to a notebook."""
        cells = changed_cells(path, result, changes)
        self.journal.emit(NotebookChange(path=path, revision=result.revision, cells=cells))

    def provenance(self) -> dict[str, str]:
        """Return what is noted on cells the agent writes."""
        model = self._model.id if self._model is not None else self.settled.model
        return {"session": self.id, "model": model}

    # -- what clients call --------------------------------------------------------------------

    async def attach(
        self, watcher: Watcher, after: int | None
    ) -> tuple[Snapshot | Events, Callable[[], None]]:
        """Begin to watch from event `after`."""
        return self.journal.attach(watcher, after)

    async def prompt(
        self,
        text: str,
        images: Sequence[ImagePart] = (),
        *,
        mentions: Sequence[Mention] = (),
        mode: Literal["plan"] | None = None,
        delivery: Literal["steer", "queue"] = "steer",
        op_id: str | None = None,
    ) -> None:
        """Say something: starts a run, or steers or queues behind the one going on.

        Durable when it returns. The same `op_id` again does nothing. A prompt with a mode of its
        own has a run of its own. What is mentioned is read now, or when a queued prompt begins.
        """
        if op_id is not None:
            if op_id in self._seen:
                return
            self._seen.append(op_id)
        text = text.strip()
        if not text and not images:
            raise NotAllowed("The prompt is empty.")
        if mode is not None and mode not in self._parts.allowed_modes:
            raise NotAllowed(f"Mode {mode} is not allowed here.")
        parts: tuple[Part, ...] = (TextPart(text=text), *images, *waiting(mentions))
        message = with_mode(Message(role="user", parts=parts), mode)
        if mode is not None and self._run_mode != mode:
            delivery = "queue"
        if not (self.running and delivery == "queue"):
            message = await self._read_mentions(message)
        if not self.running:
            self._start(message)
        else:
            # What steers a run is said in the run's mode, also when it is resumed.
            steers = delivery == "steer"
            self._inbox.put(with_mode(message, self._run_mode) if steers else message, delivery)
        await self.journal.flush()

    async def compact(self) -> None:
        """Have the turns before the last summarised for the model; a run that Stop ends.

        Raises:
            NotAllowed: something runs, or there is nothing to summarise.
        """
        if self.running:
            raise NotAllowed("Older turns are summarised between runs: wait, or stop this one.")
        if not self._context.compactable:
            raise NotAllowed("There is nothing to summarise yet.")
        self._start(None, self._compact)
        await self.journal.flush()

    async def stop(self) -> None:
        """End the run now: the model's stream, waiting approvals, and what the kernel runs."""
        task, run_id = self._run, self._run_id
        if task is None or task.done():
            return
        task.cancel()
        interrupt = asyncio.ensure_future(self._interrupt())
        await asyncio.wait({task}, timeout=self._parts.stop_patience)
        if not task.done() and run_id is not None:
            await self._end(run_id, Outcome(status="stopped"))
        await asyncio.wait({interrupt}, timeout=self._parts.stop_patience)

    async def resume(self) -> None:
        """Go on with a run that did not end by itself, with the conversation as it was."""
        if self.running:
            raise NotAllowed("The session is running already.")
        if self._last_end not in ("interrupted", "failed", "limit", "stopped"):
            raise NotAllowed("There is no unfinished run to go on with.")
        self._start(None)
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
        """Answer a question of the model.

        Raises:
            NotAllowed: it is answered already.
        """
        self._broker.reply(question_id, answer)

    async def configure(
        self,
        *,
        model: str | None = None,
        mode: Mode | None = None,
        effort: Effort | None = None,
        title: str | None = None,
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
        changes = {name: value for name, value in changes.items() if value is not None}
        if mode is not None:
            self._run_mode = None
        for name, value in changes.items():
            setattr(self.settled, name, value)
        # Auto is for now, not for ever: it is not kept beyond this process.
        kept = {name: value for name, value in changes.items() if value != "auto"}
        if kept:
            await self._store.update_session(self.id, **kept)
        self.journal.emit(SessionChange(**changes))  # type: ignore[arg-type]
        self.on_change()

    async def unqueue(self, prompt_id: str) -> None:
        """Take a waiting prompt back; raises `NotAllowed` when it waits no longer."""
        if not self._inbox.remove(prompt_id):
            raise NotAllowed("This prompt waits no longer: the agent has it.")

    async def wait(self) -> None:
        """Wait until no run goes on."""
        while self._run is not None and not self._run.done():
            await asyncio.shield(self._run)

    async def aclose(self) -> None:
        """End the run, write everything, let go of kernels and tabs. Kernels stay."""
        await self.stop()
        await self.journal.aclose()
        if self.workspace is not None:
            await self.workspace.aclose()

    # -- a run ---------------------------------------------------------------------------------

    @property
    def _mode(self) -> Mode:
        return self._run_mode or self.settled.mode

    def _start(self, message: Message | None, work: Work | None = None) -> None:
        self._run_id = new_id("run")
        self._run_mode = None if work else own_mode(message, self.journal.transcript)
        start = RunStart(
            run_id=self._run_id,
            model=self.settled.model,
            mode=self._mode,
            started_at=now(),
        )
        self.journal.emit(start)
        if message is not None:
            self._show(message)
        running = self._run_all(self._run_id, message, work or self._work)
        self._run = asyncio.get_running_loop().create_task(running)
        self.on_change()

    async def _read_mentions(self, message: Message) -> Message:
        if self._mentions is None:
            return message
        if not self.running:
            # Whether images can be shown depends on the model that will be asked.
            with contextlib.suppress(AgentError):
                self._model = self._parts.access.open(self.settled.model).model
        return await self._mentions.read(message)

    def _show(self, message: Message) -> None:
        self.journal.emit(MessageStart(message=message))
        self.journal.emit(MessageEnd(message_id=message.id, metadata=message.metadata))

    async def _run_all(self, run_id: str, message: Message | None, work: Work) -> None:
        """Run a prompt, then whatever was queued behind it."""
        lease = Lease(self._store, self.id, self._parts.holder)
        outcome = await guarded(self._run_whole(run_id, message, lease, work), run_id)
        await self._end(run_id, outcome)
        await lease.release()
        while outcome.status == "done" and (following := self._inbox.first) is not None:
            ready = await self._read_mentions(following)
            # It may have been taken back meanwhile.
            if self._inbox.remove(following.id):
                self._start(ready)
                return

    async def _run_whole(
        self, run_id: str, message: Message | None, lease: Lease, work: Work
    ) -> Outcome:
        await self._quiet.wait()
        await lease.acquire()
        self.checkpoints.begin(run_id, message or self._last_prompt())
        await self._store.start_run(self.id, run_id)
        if message is not None:
            self.history.append(message)
            await self._record(message)
            await self._name_after(message)
        return await work(run_id)

    async def _work(self, run_id: str) -> Outcome:
        async with self._answering() as answering:
            return await self._loop(run_id, answering).run()

    async def _compact(self, run_id: str) -> Outcome:
        async with self._answering() as answering:
            await self._questions(answering, Spent(self._parts.limits)).compact()
        return Outcome(status="done")

    @contextlib.asynccontextmanager
    async def _answering(self) -> AsyncIterator[Answering]:
        answering = Answering(
            self._parts.access,
            self.history,
            tools=bool(self.tools),
            emit=self.journal.emit,
            on_retry=self._on_retry,
            on_model=self._answered_by,
            warned=self._warned,
        )
        try:
            await answering.open(self.settled.model)
            yield answering
        finally:
            await answering.aclose()

    def _answered_by(self, model: ModelInfo) -> None:
        self._model = model

    def _loop(self, run_id: str, answering: Answering) -> Loop:
        spent = Spent(self._parts.limits)
        executor = Executor(
            run_id=run_id,
            tools=self.tools,
            permits=self._permits(),
            emit=self.journal.emit,
            intents=Intents(self._store, self.id, run_id),
            spent=spent,
            deadlines=self._parts.tool_deadlines,
        )
        return Loop(
            provider=answering.current.provider,
            executor=executor,
            inbox=self._inbox,
            history=self.history,
            spent=spent,
            emit=self.journal.emit,
            record=self._record,
            build_request=self._questions(answering, spent).build,
            on_usage=lambda usage, request: self._spending.count(
                usage, request, self.history[-1], spent=spent, model=answering.current.model
            ),
            fall_back=answering.fall_back,
        )

    def _permits(self) -> Permits:
        return Permits(
            mode=lambda: self._mode,
            ask=self._parts.ask or self._broker.ask,
            rules=self._parts.rules,
            grants=lambda: self._parts.grants,
            grant=self._parts.grants.append,
            expires_at=self._broker.expires_at,
        )

    def _questions(self, answering: Answering, spent: Spent) -> Questions:
        return Questions(
            answering=answering,
            context=self._context,
            spending=self._spending,
            spent=spent,
            tools=[definition(tool) for tool in self.tools.values()],
            facts=lambda: PromptFacts(
                mode=self._mode,
                data_rule=self._fence.rule,
                notebook_path=self.settled.notebook_path,
                instructions=self._parts.instructions,
            ),
            effort=lambda: self.settled.effort,
        )

    def _on_retry(self, attempt: int, delay: float, error: ErrorInfo) -> None:
        self.journal.emit(Retry(attempt=attempt, delay=delay, error=error))

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

    async def _end(self, run_id: str, outcome: Outcome) -> None:
        """Close a run once; whoever comes second does nothing."""
        if self._run_id != run_id:
            return
        self._run_id = None
        self.journal.emit(RunEnd(run_id=run_id, status=outcome.status, error=outcome.error))
        if self._run_mode is not None:
            self._run_mode = None
            self.journal.emit(SessionChange(mode=self.settled.mode))
        try:
            await self._store.end_run(self.id, run_id, outcome.status)
            await self.journal.checkpoint()
        except AgentError as error:
            self.journal.emit(Notice(level="error", text=error.user_message, code=error.code))
        self.on_change()

    def _last_prompt(self) -> Message | None:
        return next((said for said in reversed(self.history) if said.role == "user"), None)

    async def _document(self, path: str) -> AnyNotebook:
        assert self.workspace is not None
        return await self.workspace.document(path)

    async def _interrupt(self) -> None:
        if self.workspace is not None:
            try:
                await self.workspace.interrupt()
            except AgentError as error:
                self.journal.emit(Notice(level="warning", text=error.user_message, code=error.code))
