"""`jupyter agent run`: a prompt on a notebook, headless, in a kernel of its own.

Progress goes to standard output, as text or as one JSON event a line; what a person should know
besides goes to standard error. The conversation is kept, so that a killed run can be resumed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..config import MODES, Settings, load_settings
from ..kernel.managed import ManagedKernels
from ..notebook.file import FileNotebook
from ..notebook.places import FolderNotebooks, named_file
from ..policy.broker import Answer
from ..protocol.errors import NotAllowed, SessionBusy, UnknownModel
from ..protocol.session_events import ApprovalStart, Budget, RunEnd, SessionEvent, ToolEnd
from ..rendering.terminal import Progress, visible
from ..runtime.build import build_manager
from ..runtime.sessions import Sessions
from ..session.session import Session
from ..tools.workspace import RunRecord
from ..workspace.kernel_stop import OBEY_DEADLINE
from ..workspace.open_tabs import refuse_open
from . import exits
from .arguments import count, dollars, seconds
from .sessions import owner_of

DESCRIPTION = """\
Work on a notebook with a prompt, without a browser. The notebook gets a kernel of its own, which
is shut down at the end. Without --yes, whatever the mode asks about is denied.
"""
LATEST = "latest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK", help="the notebook to work on")
    parser.add_argument("-p", "--prompt", help="what to do; - reads it from standard input")
    parser.add_argument("--model", help="such as anthropic/claude-sonnet-5, ollama/qwen3 or demo")
    parser.add_argument(
        "--mode",
        choices=MODES,
        help="plan: only read; ask: edits and runs need approval (the default); edits: runs need "
        "approval; auto: everything is allowed",
    )
    parser.add_argument(
        "--yes", action="store_true", help="allow whatever is asked; what is denied stays denied"
    )
    parser.add_argument("--json", action="store_true", help="print one event a line, as JSON")
    parser.add_argument("--timeout", type=seconds, metavar="S", help="stop after S seconds")
    parser.add_argument(
        "--max-cost", type=dollars, metavar="USD", help="stop when it has cost so many US dollars"
    )
    parser.add_argument(
        "--max-turns", type=count, metavar="N", help="stop after N questions to the model"
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const=LATEST,
        metavar="SESSION",
        help="go on with the session, by default the notebook's last one whose run did not end by "
        "itself; with a prompt, go on with that",
    )
    parser.add_argument(
        "--store",
        metavar="PATH",
        help="file of the sessions, or `memory` to keep none (default: in Jupyter's data folder)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Run the prompt and return the exit code."""
    path = named_file(arguments.notebook)
    return asyncio.run(_Run(arguments, path).main())


@dataclass(slots=True)
class _Run:
    """One call of the command."""

    arguments: argparse.Namespace
    path: Path
    denied: list[ApprovalStart] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    session: Session | None = None
    kept: bool = False
    failed_later: str | None = None
    signal: int | None = None
    budget: Budget | None = None
    end: RunEnd | None = None
    unread: asyncio.Future[None] | None = None

    async def main(self) -> int:
        path = self.path
        prompt, settings = self._prompt(), load_settings()
        await FileNotebook(path.name, path).read()
        if (self.arguments.mode or settings.default_mode) != "plan":
            await refuse_open(path)
        kernels = ManagedKernels(path.parent)
        manager = await self._manager(settings, kernels)
        try:
            session = self.session = await self._session(manager)
            _say(f"Session {session.id}, model {session.settled.model}")
            timed_out = await self._work(session, prompt)
        finally:
            await manager.aclose()
            await kernels.aclose()
        return self._conclude(timed_out)

    def _prompt(self) -> str | None:
        prompt: str | None = self.arguments.prompt
        if prompt == "-":
            prompt = sys.stdin.read()
        if prompt is None and self.arguments.resume is not None:
            return None
        if prompt is None or not prompt.strip():
            raise NotAllowed("Say what to do, with -p PROMPT.")
        return prompt

    async def _manager(self, settings: Settings, kernels: ManagedKernels) -> Sessions:
        if self.arguments.store is not None:
            settings = replace(settings, store=self.arguments.store)
        own = {"max_cost": self.arguments.max_cost, "max_turns": self.arguments.max_turns}
        own = {name: value for name, value in own.items() if value is not None}
        settings = replace(settings, limits=replace(settings.limits, **own))
        path = settings.store_path()
        manager = build_manager(
            settings,
            root=self.path.parent,
            notebooks=FolderNotebooks(self.path.parent, named=self.path.name),
            store_path=path,
            kernels=kernels,
            ask=self._ask,
            attended=lambda: False,
            memory_instead=self.arguments.resume is None,
        )
        self.kept = path is not None and (await manager.store()).path is not None
        if path is not None and not self.kept:
            _say("The sessions' file cannot be used: this run is not kept and cannot be resumed.")
        return manager

    async def _ask(self, approval: ApprovalStart) -> Answer:
        if self.arguments.yes:
            return Answer(allow=True)
        self.denied.append(approval)
        return Answer(
            allow=False, reason="Nobody is there to allow it: this run is headless, without --yes."
        )

    async def _session(self, manager: Sessions) -> Session:
        """Return the session to resume, or a new one."""
        path = self.path
        owner, wanted = owner_of(path.parent), self.arguments.resume
        if wanted is None:
            model = self.arguments.model or await manager.access.default_model()
            if model is None:
                raise UnknownModel(
                    "No model is ready. Name one with --model, set a provider's key, or start a "
                    "local server; `jupyter agent models` lists what can be reached. "
                    "`--model demo` needs neither."
                )
            made = await manager.create(
                owner=owner, notebook_path=path.name, model=model, mode=self.arguments.mode
            )
            return await manager.get(made.id, owner=owner)
        if wanted == LATEST:
            session = await _last_unfinished(manager, owner, path)
        else:
            session = await manager.get(wanted, owner=owner)
        if session.journal.transcript.running:
            raise SessionBusy("Another process is working on this session.")
        await session.configure(model=self.arguments.model, mode=self.arguments.mode)
        return session

    async def _work(self, session: Session, prompt: str | None) -> bool:
        """Run to the end; returns whether the time was up first."""
        show = _print_json if self.arguments.json else _progress()

        def watch(seq: int, event: SessionEvent, data: bytes) -> None:
            if isinstance(event, Budget):
                self.budget = event
            elif isinstance(event, RunEnd):
                self.end = event
            elif isinstance(event, ToolEnd) and event.result.rejected:
                self._note_refusal(session, event)
            if self.unread is None:
                try:
                    show(event, data)
                except BrokenPipeError:  # whoever read it has gone: `… | head`
                    self.unread = asyncio.ensure_future(session.stop())

        session.journal.attach(watch, session.journal.seq)
        with _StopOnSignal(self, session):
            if prompt is None:
                await session.resume()
            else:
                await session.prompt(prompt)
            try:
                await asyncio.wait_for(self._to_the_end(session), self.arguments.timeout)
            except asyncio.TimeoutError:
                await stop(session)
                return True
        return False

    def _note_refusal(self, session: Session, event: ToolEnd) -> None:
        """Note a call that a rule forbids; what a mode forbids was chosen for this run."""
        asked = any(approval.call_id == event.call_id for approval in self.denied)
        if not asked and session.settled.mode != "plan":
            self.forbidden.append(event.title)

    async def _to_the_end(self, session: Session) -> None:
        """Wait for the run, and for the cells that it left running: their kernel is ours."""
        await session.wait()
        records = _running(session)
        if records and self.signal is None:
            _say("The agent has ended, and a cell still runs: waiting for it. Ctrl-C stops it.")
        for record in records:
            await record.run.wait()
            for cell in record.run.cells:
                if cell.status != "ok" and self.failed_later is None:
                    self.failed_later = cell.status

    def _conclude(self, timed_out: bool) -> int:
        """Say how it ended, and return the exit code."""
        if self.budget is not None:
            _say(_spent(self.budget))
        if self.signal is not None:
            _say(f"Stopped. {self._hint()}".strip())
            return 128 + self.signal
        if timed_out:
            _say(f"Stopped after {self.arguments.timeout:g} s (--timeout). {self._hint()}".strip())
            return exits.LIMIT
        end = self.end
        if end is None or end.status != "done":
            error = end.error if end is not None else None
            _say(error.message if error is not None else "The run was stopped.")
            if end is not None and end.status == "limit":
                return exits.LIMIT
            return exits.FAILED if error is None else exits.code_of(error)
        if self.denied:
            titles = "; ".join(dict.fromkeys(approval.title for approval in self.denied))
            _say(f"Needed approval and was denied: {titles}. --yes allows what is asked.")
            return exits.DENIED
        if self.forbidden:
            _say(f"Forbidden by a rule: {'; '.join(dict.fromkeys(self.forbidden))}.")
            return exits.DENIED
        if self.failed_later is not None:
            _say(
                f"A cell that still ran when the agent ended did not succeed ({self.failed_later})."
            )
            return exits.FAILED
        return exits.DONE

    def _hint(self) -> str:
        """Say how to go on with the session, where it is kept."""
        if self.session is None or not self.kept:
            return ""
        words = ["jupyter", "agent", "run", self.arguments.notebook, "--resume", self.session.id]
        if self.arguments.store is not None:
            words += ["--store", self.arguments.store]
        if self.arguments.yes:
            words.append("--yes")
        return f"Go on with: {shlex.join(words)}"


async def _last_unfinished(manager: Sessions, owner: str, path: Path) -> Session:
    for summary in await manager.sessions(owner=owner, notebook_path=path.name):
        session = await manager.get(summary.id, owner=owner)
        if session.unfinished or session.journal.transcript.running:
            return session
    raise NotAllowed(
        f"No run on {path.name} was interrupted. `jupyter agent sessions` lists the "
        "sessions; go on with one by --resume SESSION -p PROMPT."
    )


def _running(session: Session) -> list[RunRecord]:
    """Return the runs of cells that go on in the session's kernels."""
    if session.workspace is None:
        return []
    return [record for record in session.workspace.runs.values() if not record.run.finished]


async def stop(session: Session) -> None:
    """End the run, and the cells that it left running."""
    await session.stop()
    records = _running(session)
    for agent_run in {record.agent_run for record in records}:
        if session.workspace is not None:
            await session.workspace.interrupt(agent_run)
    for record in records:
        await record.run.wait(OBEY_DEADLINE)


class _StopOnSignal:
    """While inside, Ctrl-C and SIGTERM stop the run; a second one ends the process as usual."""

    def __init__(self, run: _Run, session: Session) -> None:
        self._run = run
        self._session = session
        self._before: dict[int, Any] = {}
        self._stopping: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()

        def handle(number: int, frame: object) -> None:
            loop.call_soon_threadsafe(self._stop, number)

        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, handle)

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _stop(self, number: int) -> None:
        self._restore()
        self._run.signal = number
        self._stopping = asyncio.get_running_loop().create_task(stop(self._session))

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)


def _progress() -> Callable[[SessionEvent, bytes], None]:
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    progress = Progress(write, colour=colour, live=sys.stdout.isatty())
    return lambda event, data: progress.show(event)


def _print_json(event: SessionEvent, data: bytes) -> None:
    sys.stdout.buffer.write(data + b"\n")
    sys.stdout.buffer.flush()


def _spent(budget: Budget) -> str:
    tokens = f"{budget.usage.input + budget.usage.output:,} tokens"
    return tokens if budget.cost is None else f"{tokens} · ${budget.cost:.4f}"


def _say(text: str) -> None:
    with suppress(BrokenPipeError):
        print(visible(text), file=sys.stderr, flush=True)
