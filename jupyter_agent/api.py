"""The Python door: `Agent` runs prompts, `@tool` offers your own functions to the model.

The core runs in the process that imports this. In an IPython kernel an agent without a notebook
works in the person's own shell; with `notebook` it works on that file, in a kernel of its own.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .config import MODES, Limits, Settings, load_settings
from .policy.broker import Answer
from .protocol.errors import (
    ConfigError,
    ErrorInfo,
    KernelStartFailed,
    NotAllowed,
    NotebookError,
    UnknownModel,
    error_from_info,
)
from .protocol.messages import Effort, Message
from .protocol.session_events import ApprovalStart, Budget, RunEnd, RunStatus, SessionEvent
from .protocol.tools import Mode
from .protocol.usage import Finish, Usage
from .tools.base import Tool
from .tools.function import FunctionTool, tool

if TYPE_CHECKING:
    from .kernel.managed import ManagedKernels
    from .kernel.runner import KernelRunner
    from .notebook.reviewed import TakenBack
    from .runtime.manager import SessionManager
    from .runtime.session import Session

T = TypeVar("T")
Confirm = Callable[[ApprovalStart], "bool | Answer | Awaitable[bool | Answer]"]

__all__ = ["Agent", "Result", "tool"]
OWNER = "python"
# What needs no notebook, and is offered beside the shell's own tools where there is none.
SHELL_TOOLS = frozenset(
    ("list_files", "read_file", "search_files", "write_file", "ask_user", "update_plan")
)
_SETTINGS = {field.name for field in fields(Settings)}
_LIMITS = {field.name for field in fields(Limits)}
# Faults of the call or the settings, as against what went wrong while it worked.
_RAISED = (ConfigError, NotebookError, KernelStartFailed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended.

    `text` is the last answer, `messages` all that the run added to the conversation, `cost` US
    dollars (None: the price is not known), `finish` why the model stopped. `error` says what
    happened unless `status` is `done` or `stopped`.
    """

    text: str
    messages: tuple[Message, ...]
    usage: Usage
    cost: float | None
    finish: Finish | None
    status: RunStatus
    error: ErrorInfo | None = None

    def __str__(self) -> str:
        return self.text


class Agent:
    """An agent with a conversation that goes on from one `run` to the next.

    Use it from one event loop. `async with Agent(…) as agent` shuts down the kernel it started for
    a notebook; a Python kernel left behind ends by itself when this process does.

    Args:
        model: such as `anthropic/claude-sonnet-5`, `ollama/qwen3` or `demo`; None: the one set,
            else the first that is ready.
        notebook: the file to work on. Without one, in IPython, the agent works in your shell.
        mode: `plan`, `ask`, `edits` or `auto`; None: the one set, else `ask`.
        tools: functions, or tools made with `@tool`, that the model may call as well.
        instructions: what the model is always told, after the instructions that are set.
        effort: how much the model is to think.
        confirm: gets what would be done and returns whether it may (a bool or an `Answer`; it may
            be async). None: in IPython you are asked in the cell, elsewhere it is denied.
        settings: any setting by its name, such as `max_turns`, `max_cost`, `rules`, `proxy`.

    Raises:
        TypeError: there is no such setting.
        ConfigError: there is no such mode.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        notebook: str | Path | None = None,
        mode: Mode | None = None,
        tools: Sequence[Callable[..., Any] | Tool[Any]] = (),
        instructions: str = "",
        effort: Effort | None = None,
        confirm: Confirm | None = None,
        **settings: Any,
    ) -> None:
        unknown = sorted(set(settings) - _SETTINGS - _LIMITS)
        if unknown:
            raise TypeError(f"Agent has no setting {unknown[0]!r}.")
        if mode is not None and mode not in MODES:
            raise ConfigError(f"There is no mode {mode!r}. Modes are {', '.join(MODES)}.")
        self.notebook = None if notebook is None else Path(notebook).expanduser().resolve()
        # True while a client that shows approvals and questions answers them through the session.
        self.answered_by_events = False
        self._model = model
        self._mode = mode
        self._tools = [_as_tool(given) for given in tools]
        self._instructions = instructions
        self._effort = effort
        self._confirm = confirm
        self._changes = settings
        self._core: _Core | None = None
        self._opening: asyncio.Lock | None = None
        self._thread: _LoopThread | None = None

    # -- running ---------------------------------------------------------------------------------

    async def run(self, prompt: str) -> Result:
        """Work on a prompt until it is done.

        What goes wrong while it works is in the result's `status` and `error`.

        Raises:
            AgentError: it cannot begin: no such model, a missing key, no such notebook.
        """
        session = await self.open_session()
        before = len(session.history)
        budget, end = Budget(usage=Usage(), session_usage=Usage()), None
        async with aclosing(self.stream(prompt)) as events:
            async for event in events:
                if isinstance(event, Budget):
                    budget = event
                elif isinstance(event, RunEnd):
                    end = event
        assert end is not None  # a stream that was not cut ends with it
        if end.error is not None:
            fault = error_from_info(end.error)
            if isinstance(fault, _RAISED):
                raise fault
        messages = tuple(session.history[before:])
        answers = [message for message in messages if message.role == "assistant"]
        return Result(
            text=answers[-1].text if answers else "",
            messages=messages,
            usage=budget.usage,
            cost=budget.cost,
            finish=answers[-1].metadata.finish if answers else None,
            status=end.status,
            error=end.error,
        )

    async def stream(self, prompt: str) -> AsyncGenerator[SessionEvent, None]:
        """Work on a prompt and yield each event; the last is a `run_end`.

        Leaving the iteration early stops the run.

        Raises:
            AgentError: it cannot begin.
        """
        session = await self.open_session()
        if session.running:
            raise NotAllowed("This agent is at work already. Wait for it, or stop it.")
        self.answered_by_events = False
        events: asyncio.Queue[SessionEvent] = asyncio.Queue()
        _, detach = session.journal.attach(
            lambda seq, event, data: events.put_nowait(event), session.journal.seq
        )
        try:
            await session.prompt(prompt)
            while True:
                event = await events.get()
                if event.type == "run_end":
                    await session.wait()
                    yield event
                    return
                yield event
        finally:
            detach()
            await session.stop()

    def run_sync(self, prompt: str) -> Result:
        """Do the same as `run` without `await`, for scripts and functions that are not async.

        The agent works on a thread with an event loop of its own, so this may also be called
        while a loop runs; it then blocks that loop. In a notebook prefer `await agent.run(…)`:
        there Stop also reaches your own code. `close` ends what this began.

        Raises:
            AgentError: it cannot begin.
        """
        if self._thread is None:
            self._thread = _LoopThread()
        try:
            return self._thread.result(self.run(prompt))
        except KeyboardInterrupt:
            self.stop()
            raise

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
        if core is not None:
            await core.aclose()

    def close(self) -> None:
        """Do the same as `aclose`, for an agent used with `run_sync`."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.result(self.aclose())
            thread.end()

    # -- for the surfaces built on it ------------------------------------------------------------

    async def open_session(self) -> Session:
        """Return the conversation, begun at first use.

        Raises:
            AgentError: it cannot begin, or it belongs to another event loop.
        """
        loop = asyncio.get_running_loop()
        if self._core is None:
            self._opening = self._opening or asyncio.Lock()
            async with self._opening:
                if self._core is None:
                    self._core = await self._open(loop)
        if self._core.loop is not loop:
            raise NotAllowed(
                "This agent belongs to another event loop. Use it from one loop, either with "
                "`await agent.run(…)` or with `agent.run_sync(…)`."
            )
        return self._core.session

    async def _open(self, loop: asyncio.AbstractEventLoop) -> _Core:
        from .bridge.surroundings import look_around
        from .runtime.build import build_manager

        settings = self._settings()
        around = look_around()
        shell = None if self.notebook is not None else _shell_runner()
        root, path = Path.cwd(), None
        kernels: ManagedKernels | None = None
        if self.notebook is not None:
            root, path = self.notebook.parent, self.notebook.name
            await _check_notebook(
                self.notebook, writing=(self._mode or settings.default_mode) != "plan"
            )
        if shell is None:
            from .kernel.managed import ManagedKernels

            kernels = ManagedKernels(root)
        manager = build_manager(
            settings,
            root=root,
            store_path=None,
            kernels=kernels,
            shell=shell,
            credentials=around.credentials,
            server=around.bridge,
            own=self._changes.get("providers", ()),
            ask=self._ask,
            attended=lambda: self.answered_by_events or _ipython() is not None,
            extra_tools=self._tools,
            instructions="\n\n".join(filter(None, (settings.instructions, self._instructions))),
        )
        model = self._model or await manager.access.default_model()
        if model is None:
            raise UnknownModel(
                'No model is ready. Pass one, as in Agent("anthropic/…"), set a provider\'s key, '
                "or start a local server; `jupyter agent models` lists what can be reached. "
                f'Agent("demo") needs neither.{around.unused_keys()}'
            )
        summary = await manager.create(
            owner=OWNER, notebook_path=path, model=model, mode=self._mode
        )
        session = await manager.get(summary.id, owner=OWNER)
        if self._effort is not None:
            await session.configure(effort=self._effort)
        if shell is not None:
            _keep_to_shell(session, shell, self._tools)
        core = _Core(loop=loop, manager=manager, session=session, kernels=kernels)
        session.journal.attach(
            lambda seq, event, data: self._answer_question(core, event), session.journal.seq
        )
        return core

    def _settings(self) -> Settings:
        settings = load_settings()
        limits = {name: value for name, value in self._changes.items() if name in _LIMITS}
        others = {name: value for name, value in self._changes.items() if name not in _LIMITS}
        return replace(settings, limits=replace(settings.limits, **limits), **others)

    def _answer_question(self, core: _Core, event: SessionEvent) -> None:
        """Put the model's question to the person in the cell, unless a client shows it."""
        if event.type != "question_start" or self.answered_by_events:
            return
        from .runtime.terminal import question_by_input

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
        from .runtime.terminal import NOBODY, ask_by_input

        assert self._core is not None
        if self.answered_by_events:
            return await self._core.session.broker.ask(approval)
        if self._confirm is not None:
            verdict = self._confirm(approval)
            if inspect.isawaitable(verdict):
                verdict = await verdict
            return verdict if isinstance(verdict, Answer) else Answer(allow=bool(verdict))
        if _ipython() is not None:
            try:
                return ask_by_input(approval)
            except KeyboardInterrupt:
                raise asyncio.CancelledError from None
        return Answer(allow=False, reason=NOBODY)


@dataclass(slots=True, kw_only=True)
class _Core:
    """What an agent is made of once it works."""

    loop: asyncio.AbstractEventLoop
    manager: SessionManager
    session: Session
    kernels: ManagedKernels | None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something soon, on the agent's loop."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def aclose(self) -> None:
        await self.manager.aclose()
        if self.kernels is not None:
            await self.kernels.aclose()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class _LoopThread:
    """An event loop on a thread of its own, for `run_sync`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="jupyter-agent", daemon=True
        )
        self._thread.start()

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the thread and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def end(self) -> None:
        """End the loop and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _as_tool(given: Callable[..., Any] | Tool[Any]) -> Tool[Any]:
    if hasattr(given, "permissions") and hasattr(given, "arguments"):
        return cast("Tool[Any]", given)
    return FunctionTool(given)


def _ipython() -> Any:
    """Return the IPython shell this runs in, None outside; never imports it."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def _shell_runner() -> KernelRunner | None:
    shell = _ipython()
    if shell is None:
        return None
    from .kernel.inprocess import ShellRunner

    return ShellRunner(shell)


def _keep_to_shell(session: Session, shell: KernelRunner, own: Sequence[Tool[Any]]) -> None:
    """Offer the tools that need no notebook, and those of the shell."""
    from .tools.shell import shell_tools

    kept = {name: tool for name, tool in session.tools.items() if name in SHELL_TOOLS}
    shells = {tool.name: tool for tool in shell_tools(shell, lambda: session.vision)}
    session.tools = {**shells, **kept, **{tool.name: tool for tool in own}}


async def _check_notebook(path: Path, *, writing: bool) -> None:
    """See that there is a notebook, and that it may be written if it is to be.

    Raises:
        NotebookMissing, NotANotebook: there is none.
        OpenInTab: a browser tab has it open.
    """
    from .notebook.file import FileNotebook
    from .runtime.open_tabs import refuse_open

    await FileNotebook(path.name, path).read()
    if writing:
        await refuse_open(path)
