"""The Python door: `Agent` runs prompts, `@tool` offers your own functions to the model.

The core runs in the process that imports this. In an IPython kernel an agent without a notebook
works in the person's own shell; with `notebook` it works on that file, in a kernel of its own.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args, overload

from typing_extensions import TypeVar

from .blocking import LoopHere, LoopThread, interrupts_cancel
from .config import MODES, load_settings, setting_names
from .policy.broker import Answer
from .protocol.errors import (
    ConfigError,
    KernelStartFailed,
    NotAllowed,
    NotebookError,
    UnknownModel,
    error_from_info,
)
from .protocol.messages import Effort
from .protocol.session_events import ApprovalStart, Budget, RunEnd, SessionEvent
from .protocol.tools import Mode
from .protocol.usage import Usage
from .runtime.agent_core import AgentCore, Turn, events_of
from .runtime.answer_shapes import shape_of
from .runtime.given import Confirm, check_choice, check_notebook, confirmed, given_model
from .runtime.in_shell import find_ipython, keep_to_shell, shell_runner
from .runtime.result import Result, added
from .session.structured import shaped
from .tools.base import Tool
from .tools.function import FunctionTool, tool

if TYPE_CHECKING:
    from .blocking import Blocking
    from .kernel.managed import ManagedKernels
    from .notebook.reviewed import TakenBack
    from .providers.base import Provider
    from .runtime.sessions import Sessions
    from .session.session import Session

S = TypeVar("S")

__all__ = ["Agent", "Result", "tool"]
OWNER = "python"
# Faults of the call or the settings, as against what went wrong while it worked.
NO_MODEL = (
    'No model is ready. Pass one, as in Agent("anthropic/…"), set a provider\'s key, '
    "or start a local server; `jupyter agent models` lists what can be reached. "
    'Agent("demo") needs neither.'
)
_RAISED = (ConfigError, NotebookError, KernelStartFailed)
AT_WORK = "This agent is at work already. Wait for it or stop it; two agents can work side by side."


class Agent:
    """An agent with a conversation that goes on from one `run` to the next.

    With a `notebook`, use it from one event loop. `async with Agent(…) as agent` shuts down the
    kernel it started for a notebook; a Python kernel left behind ends by itself when this process
    does.

    Args:
        model: such as `anthropic/claude-sonnet-5`, `ollama/qwen3` or `demo`; or a `Provider` with
            one model, such as a `ScriptedProvider`. None: the one set, else the first that is
            ready.
        notebook: the file to work on. Without one, in IPython, the agent works in your shell.
        mode: `plan`, `ask`, `edits` or `auto`; None: the one set, else `ask`.
        tools: functions, or tools made with `@tool`, that the model may call as well.
        instructions: what the model is always told, after the instructions that are set.
        effort: how much the model is to think.
        confirm: gets what would be done and returns whether it may (a bool or an `Answer`; it may
            be async). None: in IPython you are asked in the cell, elsewhere it is denied.
        settings: any setting by its name, such as `max_turns`, `max_cost`, `rules`, `proxy`. A
            script may be given as a function: `scripts={"mine": function}`.

    Raises:
        TypeError: there is no such setting, or `model` is neither a name nor a provider.
        ConfigError: there is no such mode or effort, or a setting has a wrong value.
    """

    def __init__(
        self,
        model: str | Provider | None = None,
        *,
        notebook: str | Path | None = None,
        mode: Mode | None = None,
        tools: Sequence[Callable[..., Any] | Tool[Any]] = (),
        instructions: str = "",
        effort: Effort | None = None,
        confirm: Confirm | None = None,
        **settings: Any,
    ) -> None:
        for name in sorted(settings.keys() - setting_names()):
            near = get_close_matches(name, setting_names(), n=1)
            raise TypeError(
                f"Agent has no setting {name!r}{f'; there is {near[0]!r}' if near else ''}."
            )
        check_choice("mode", mode, MODES)
        check_choice("effort", effort, get_args(Effort))
        if not (model is None or isinstance(model, str) or hasattr(model, "list_models")):
            raise TypeError(
                f"model must be the name of a model or a Provider, not {type(model).__name__}."
            )
        from .notebook.places import named_file

        self.notebook = None if notebook is None else named_file(notebook)
        # True while a client that shows approvals and questions answers them through the session.
        self.answered_by_events = False
        self._model = model
        self._mode = mode
        self._tools = [_as_tool(given) for given in tools]
        self._instructions = instructions
        self._effort = effort
        self._confirm = confirm
        self._settings = load_settings(settings)
        self._own_providers = tuple(settings.get("providers", ()))
        self._core: AgentCore | None = None
        self._opening: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._turn: Turn | None = None
        self._blocking: Blocking | None = None
        self._on_open: list[Callable[[Session], None]] = []

    # -- running ---------------------------------------------------------------------------------

    @overload
    async def run(
        self,
        prompt: str,
        *,
        output: None = None,
        on_event: Callable[[SessionEvent], None] | None = None,
    ) -> Result[None]: ...
    @overload
    async def run(
        self,
        prompt: str,
        *,
        output: type[S],
        on_event: Callable[[SessionEvent], None] | None = None,
    ) -> Result[S]: ...
    @overload
    async def run(
        self,
        prompt: str,
        *,
        output: dict[str, Any],
        on_event: Callable[[SessionEvent], None] | None = None,
    ) -> Result[Any]: ...
    async def run(
        self,
        prompt: str,
        *,
        output: type[Any] | dict[str, Any] | None = None,
        on_event: Callable[[SessionEvent], None] | None = None,
    ) -> Result[Any]:
        """Work on a prompt until it is done; `on_event` is called with each event meanwhile.

        With `output` the model is asked at the end for the result as a value: a pydantic model, a
        dataclass, a type such as `list[float]`, `pandas.DataFrame`, or a JSON Schema. The answer is
        checked, and asked for once more where it does not fit.

        What goes wrong while it works is in the result's `status` and `error`.

        Raises:
            AgentError: it cannot begin: no such model, a missing key, no such notebook.
            TypeError: an answer cannot be read as `output`.
            ProviderError: the model gave no answer that fits `output` (`WrongShape`), or none.
        """
        shape = None if output is None else shape_of(output)
        value: Any = None
        budget, end = Budget(usage=Usage(), session_usage=Usage()), None
        async with self._take_turn() as session:
            before = len(session.history)
            with interrupts_cancel():
                async with aclosing(events_of(session, prompt)) as events:
                    async for event in events:
                        if on_event is not None:
                            on_event(event)
                        if isinstance(event, Budget):
                            budget = event
                        elif isinstance(event, RunEnd):
                            end = event
            messages = tuple(session.history[before:])
            if shape is not None and end is not None and end.status == "done":
                value = await shaped(session, shape)
                if (more := session.journal.transcript.budget) is not None:
                    budget = added(budget, more)
        assert end is not None  # a stream that was not cut ends with it
        if end.error is not None:
            fault = error_from_info(end.error)
            if isinstance(fault, _RAISED):
                raise fault
        answers = [message for message in messages if message.role == "assistant"]
        return Result(
            text=answers[-1].text if answers else "",
            messages=messages,
            usage=budget.usage,
            cost=budget.cost,
            finish=answers[-1].metadata.finish if answers else None,
            status=end.status,
            error=end.error,
            output=value,
        )

    async def stream(self, prompt: str) -> AsyncGenerator[SessionEvent, None]:
        """Work on a prompt and yield each event; the last is a `run_end`.

        Leaving the iteration early stops the run.

        Raises:
            AgentError: it cannot begin.
        """
        async with self._take_turn() as session, aclosing(events_of(session, prompt)) as events:
            async for event in events:
                yield event

    @asynccontextmanager
    async def _take_turn(self) -> AsyncIterator[Session]:
        """Have the agent for one run.

        Raises:
            NotAllowed: it is at work.
        """
        # The loop closes an iteration that was left by `break` within its next two steps.
        for _ in range(2):
            if self._turn is not None:
                await asyncio.sleep(0)
        while (before := self._turn) is not None:
            if not before.leaving:
                raise NotAllowed(AT_WORK)
            await before.over.wait()
        turn = self._turn = Turn()
        try:
            session = await self.open_session()
            if session.running:
                raise NotAllowed(AT_WORK)
            self.answered_by_events = False
            try:
                yield session
            finally:
                turn.leaving = True
                await session.stop()
        finally:
            self._turn = None
            turn.over.set()

    @overload
    def run_sync(self, prompt: str, *, output: None = None) -> Result[None]: ...
    @overload
    def run_sync(self, prompt: str, *, output: type[S]) -> Result[S]: ...
    @overload
    def run_sync(self, prompt: str, *, output: dict[str, Any]) -> Result[Any]: ...
    def run_sync(
        self, prompt: str, *, output: type[Any] | dict[str, Any] | None = None
    ) -> Result[Any]:
        """Do the same as `run` without `await`, for scripts and functions that are not async.

        It may also be called while an event loop runs, which it blocks. In IPython, without a
        notebook, the agent works on the calling thread, as code in a cell does; else on a thread
        of its own. In a notebook prefer `await agent.run(…)`: there other tasks go on meanwhile.
        `close` ends what this began.

        Raises:
            AgentError: it cannot begin.
            KeyboardInterrupt: the person interrupted; the run is stopped.
        """
        if self._blocking is None:
            here = self.notebook is None and find_ipython() is not None
            main = threading.current_thread() is threading.main_thread()
            self._blocking = LoopHere() if here and main else LoopThread()
        work: Coroutine[Any, Any, Result[Any]] = self.run(prompt, output=cast("Any", output))
        return self._blocking.result(work)

    async def undo(self, *, force: bool = False) -> TakenBack:
        """Take back what the last run that changed the notebook did to it.

        Cells that were changed since are left alone, unless `force`. The result says how many
        `cells` are as before, and which were left alone (`conflicts`: path and cell id).

        Raises:
            NotAllowed: there is nothing to undo, or a run goes on.
        """
        session = await self.open_session()
        return await session.review.undo_run(force=force)

    def stop(self) -> None:
        """End the current run, if there is one; it ends within a second. Safe from any thread."""
        core = self._core
        if core is not None and not core.loop.is_closed():
            core.loop.call_soon_threadsafe(lambda: core.start(core.session.stop()))

    def chat(self) -> Any:
        """Return the chat as a widget, to be shown in a cell."""
        # The widget lies on a higher floor: looked up when asked for.
        return importlib.import_module("jupyter_agent.widget").AgentChat(self)

    async def __aenter__(self) -> Agent:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop, and end the kernels that were started."""
        core, self._core = self._core, None
        if core is not None and core.loop is asyncio.get_running_loop():
            await core.aclose()
        elif core is not None:  # of a loop that stands still: nothing of it runs
            await (await core.manager.store()).aclose()

    def close(self) -> None:
        """Do the same as `aclose`, for an agent used with `run_sync`."""
        blocking, self._blocking = self._blocking, None
        if blocking is not None:
            blocking.result(self.aclose())
            blocking.end()

    # -- for the surfaces built on it ------------------------------------------------------------

    @property
    def session(self) -> Session | None:
        """The conversation, None before it began."""
        return None if self._core is None else self._core.session

    def on_open(self, callback: Callable[[Session], None]) -> Callable[[], None]:
        """Call back with the conversation when it begins; returns a function that ends it."""
        self._on_open.append(callback)
        return lambda: self._on_open.remove(callback) if callback in self._on_open else None

    async def open_session(self) -> Session:
        """Return the conversation, begun at first use.

        One in the person's shell may go on in another event loop of this process.

        Raises:
            AgentError: it cannot begin, or it belongs to another event loop.
        """
        loop = asyncio.get_running_loop()
        if self._opening is None or self._opening[0] is not loop:
            self._opening = loop, asyncio.Lock()
        async with self._opening[1]:
            before = self._core
            if before is None or before.loop is not loop:
                self._check_move(before)
                if before is not None:
                    await before.session.journal.flush()
                self._core = await self._open(loop, before)
                for callback in tuple(self._on_open):
                    callback(self._core.session)
            assert self._core is not None
            return self._core.session

    def _check_move(self, core: AgentCore | None) -> None:
        if core is None:
            return
        if core.kernels is not None:
            raise NotAllowed(
                "This agent belongs to another event loop. Use it from one loop, either with "
                "`await agent.run(…)` or with `agent.run_sync(…)`."
            )
        if core.session.running:
            raise NotAllowed(AT_WORK)

    async def _open(self, loop: asyncio.AbstractEventLoop, before: AgentCore | None) -> AgentCore:
        """Put the agent together; it goes on with the conversation that it had `before`."""
        from .bridge.surroundings import look_around
        from .notebook.places import FolderNotebooks
        from .runtime.build import build_manager

        settings, around = self._settings, look_around()
        shell = None if self.notebook is not None else shell_runner()
        root = Path.cwd() if before is None else before.manager.world.root
        kernels: ManagedKernels | None = None
        if self.notebook is not None:
            root = self.notebook.parent
            await check_notebook(
                self.notebook, writing=(self._mode or settings.default_mode) != "plan"
            )
        if shell is None:
            from .kernel.managed import ManagedKernels

            kernels = ManagedKernels(root)
        given = (
            {}
            if self._model is None or isinstance(self._model, str)
            else await given_model(self._model)
        )
        notebooks = None
        if self.notebook is not None:
            notebooks = FolderNotebooks(root, named=self.notebook.name)
        manager = build_manager(
            settings,
            root=root,
            notebooks=notebooks,
            store_path=None,
            store=None if before is None else await before.manager.store(),
            kernels=kernels,
            shell=shell,
            credentials=around.credentials,
            server=around.bridge,
            own=self._own_providers,
            given=given,
            ask=self._ask,
            attended=lambda: self.answered_by_events or find_ipython() is not None,
            extra_tools=self._tools,
            instructions="\n\n".join(filter(None, (settings.instructions, self._instructions))),
            grants=[] if before is None else before.session.grants,
        )
        model = next(iter(given), None) or cast("str | None", self._model)
        session = await self._begun(manager, before, model, around.unused_keys())
        if shell is not None:
            keep_to_shell(session, shell, self._tools, settings.limits.max_seconds)
        core = AgentCore(loop=loop, manager=manager, session=session, kernels=kernels)
        session.journal.attach(
            lambda seq, event, data: self._answer_question(core, event), session.journal.seq
        )
        return core

    async def _begun(
        self, manager: Sessions, before: AgentCore | None, model: str | None, hint: str
    ) -> Session:
        """Return the conversation that was `before`, or a new one with a model."""
        if before is not None:
            session = await manager.get(before.session.id, owner=OWNER)
            session.settled.mode = before.session.settled.mode  # `auto` is never stored
            return session
        model = model or await manager.access.default_model()
        if model is None:
            raise UnknownModel(f"{NO_MODEL}{hint}")
        path = None if self.notebook is None else self.notebook.name
        made = await manager.create(owner=OWNER, notebook_path=path, model=model, mode=self._mode)
        session = await manager.get(made.id, owner=OWNER)
        if self._effort is not None:
            await session.configure(effort=self._effort)
        return session

    def _answer_question(self, core: AgentCore, event: SessionEvent) -> None:
        """Put the model's question to the person in the cell, unless a client shows it."""
        if event.type != "question_start" or self.answered_by_events:
            return
        from .rendering.terminal import question_by_input

        async def answer() -> None:
            try:
                said = question_by_input(event)
            except KeyboardInterrupt:
                await core.session.stop()
            else:
                await core.session.answer(event.question_id, said)

        core.start(answer())

    async def _ask(self, approval: ApprovalStart) -> Answer:
        """Settle an approval: by the events' client, by `confirm`, in the cell, or not at all."""
        from .rendering.terminal import NOBODY, ask_by_input

        assert self._core is not None
        if self.answered_by_events:
            return await self._core.session.broker.ask(approval)
        if self._confirm is not None:
            return await confirmed(self._confirm, approval)
        if find_ipython() is not None:
            try:
                return ask_by_input(approval)
            except KeyboardInterrupt:
                raise asyncio.CancelledError from None
        return Answer(allow=False, reason=NOBODY)


def _as_tool(given: Callable[..., Any] | Tool[Any]) -> Tool[Any]:
    if hasattr(given, "permissions") and hasattr(given, "arguments"):
        return cast("Tool[Any]", given)
    return FunctionTool(given)
