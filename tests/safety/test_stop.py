"""R35: Stop ends a run within a second, whatever it is doing, and the conversation can go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from jupyter_agent.access.model_access import Access, ModelAccess
from jupyter_agent.config import Settings
from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.directory import OneKernel
from jupyter_agent.kernel.managed import ManagedKernels
from jupyter_agent.kernel.runner import CellSource
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.protocol.messages import Message
from jupyter_agent.protocol.models import ModelInfo, Request
from jupyter_agent.providers.replay import EVERYTHING, Call, Say, ScriptedProvider, Step, Wait
from jupyter_agent.runtime.build import build_manager
from jupyter_agent.session.session import Session

NOTEBOOK = "work.ipynb"
# A second, and a margin for a machine that does other things too.
WITHIN = 1.5
LONG = 60.0
RUN = Call("run_cells", {"scope": "all", "wait_s": LONG})
SWALLOWS = """
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""


class OneModel(ModelAccess):
    """Opens the test's script as `script`, and an address of the test as any other model."""

    def __init__(self, settings: Settings, folder: Path, script: Callable[..., Any]) -> None:
        super().__init__(settings, Credentials(folder, environment={}, find_keyring=lambda: None))
        self.window: int | None = None
        self.provider = ScriptedProvider(script, name="script", model="script")

    def open(self, model_id: str, on_retry: Any = None) -> Access:
        if model_id != "script":
            return super().open(model_id, on_retry)
        info = ModelInfo(
            id=model_id,
            provider="script",
            name=model_id,
            label=model_id,
            capabilities=EVERYTHING,
            context_window=self.window,
        )
        return Access(provider=self.provider, model=info)


class Rig:
    """A session on a real notebook, which begins with the steps of a test."""

    def __init__(self, folder: Path, steps: list[Step]) -> None:
        self.folder = folder
        self.kernels = ManagedKernels(folder)
        settings = Settings(discover_local_servers=False)
        self.manager = build_manager(
            settings, root=folder, store_path=folder / "sessions.db", kernels=self.kernels
        )

        def script(request: Request) -> Iterator[Step]:
            words = [m.text for m in request.messages if m.role == "user"][-1]
            return iter(steps if words.startswith("begin") else [Say("Here I am.")])

        self.access = OneModel(settings, folder, script)
        self.manager.access = self.access
        self.session: Session
        self.events: list[Any] = []

    async def open(self, mode: str = "auto", model: str = "script") -> None:
        made = await self.manager.create(owner="me", notebook_path=NOTEBOOK, model=model, mode=mode)
        self.session = await self.manager.get(made.id, owner="me")
        self.session.journal.attach(
            lambda seq, event, data: self.events.append(event), self.session.journal.seq
        )

    def write(self, source: str) -> Path:
        """Write a notebook of one cell, which first says that it runs; returns where."""
        started = self.folder / "started"
        says = f"import time\nopen({str(started)!r}, 'w').close()\n"
        cells = [nbformat.v4.new_code_cell(says + source)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), self.folder / NOTEBOOK)
        return started

    async def until(self, check: Callable[[], Any]) -> None:
        for _ in range(1_200):
            if check():
                return
            await asyncio.sleep(0.05)
        raise AssertionError([event.type for event in self.events])

    async def until_event(self, kind: str, **facts: Any) -> None:
        def seen() -> bool:
            return any(
                event.type == kind and all(getattr(event, k) == v for k, v in facts.items())
                for event in self.events
            )

        await self.until(seen)


@asynccontextmanager
async def rig_of(folder: Path, *steps: Step) -> AsyncIterator[Rig]:
    rig = Rig(folder, list(steps))
    rig.write("")
    try:
        yield rig
    finally:
        await rig.manager.aclose()
        await rig.kernels.aclose(now=True)


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[str]:
    """A model server that answers every request so, or never; yields its model."""
    open_writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            if answer is not None:
                writer.write(answer)
                await writer.drain()
                writer.close()

    running = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = running.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1#m"
    finally:
        running.close()
        for writer in open_writers:
            writer.close()


BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 40\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@asynccontextmanager
async def waiting_for_the_first_word(folder: Path) -> AsyncIterator[Rig]:
    async with rig_of(folder) as rig, server(None) as model:
        await rig.open(model=model)
        await rig.session.prompt("begin")
        await rig.until_event("turn_start")
        await asyncio.sleep(0.2)
        yield rig


@asynccontextmanager
async def waiting_to_ask_again(folder: Path) -> AsyncIterator[Rig]:
    async with rig_of(folder) as rig, server(BUSY) as model:
        await rig.open(model=model)
        await rig.session.prompt("begin")
        await rig.until_event("retry")
        yield rig


def streaming(*steps: Step, until: str) -> Callable[[Path], Any]:
    @asynccontextmanager
    async def state(folder: Path) -> AsyncIterator[Rig]:
        async with rig_of(folder, *steps) as rig:
            rig.access.provider._pace = 0.02
            await rig.open()
            await rig.session.prompt("begin")
            await rig.until_event(until)
            yield rig

    return state


@asynccontextmanager
async def with_a_prompt_in_the_queue(folder: Path) -> AsyncIterator[Rig]:
    async with rig_of(folder, Say("word "), Wait(LONG)) as rig:
        await rig.open()
        await rig.session.prompt("begin")
        await rig.until_event("text_delta")
        await rig.session.prompt("and then this", delivery="queue")
        yield rig


@asynccontextmanager
async def waiting_for_approval(folder: Path) -> AsyncIterator[Rig]:
    async with rig_of(folder, Say("May I?"), RUN, RUN) as rig:
        await rig.open(mode="ask")
        await rig.session.prompt("begin")
        await rig.until_event("approval_start")
        yield rig


@asynccontextmanager
async def waiting_for_an_answer(folder: Path) -> AsyncIterator[Rig]:
    async with rig_of(folder, Call("ask_user", {"question": "Which?"}), RUN) as rig:
        await rig.open()
        await rig.session.prompt("begin")
        await rig.until_event("question_start")
        yield rig


def running(source: str, *calls: Step) -> Callable[[Path], Any]:
    @asynccontextmanager
    async def state(folder: Path) -> AsyncIterator[Rig]:
        async with rig_of(folder, *(calls or (RUN, RUN))) as rig:
            started = rig.write(source)
            await rig.open()
            await rig.session.prompt("begin")
            await rig.until(started.exists)
            await asyncio.sleep(0.3)
            yield rig

    return state


@asynccontextmanager
async def starting_a_kernel(folder: Path) -> AsyncIterator[Rig]:
    async with rig_of(folder, RUN) as rig:
        await rig.open()
        await rig.session.prompt("begin")
        await rig.until_event("tool_start")
        yield rig


@asynccontextmanager
async def queued_behind_another_cell(folder: Path) -> AsyncIterator[Rig]:
    async with rig_of(folder, RUN) as rig:
        started = rig.write("")
        kernel = await rig.kernels.start(NOTEBOOK, None)
        other = KernelClientRunner(NOTEBOOK, OneKernel(kernel))
        mine = await other.start_run(
            [CellSource(cell_id="mine", source="import time; time.sleep(60)")], op_id="mine"
        )
        await rig.until(lambda: mine.cells[0].status == "running")
        await rig.open()
        await rig.session.prompt("begin")
        await rig.until_event("tool_start")
        await asyncio.sleep(0.5)
        assert not started.exists()
        yield rig
        await asyncio.sleep(1.5)
        assert not started.exists(), "a cell ran after Stop"
        assert mine.cells[0].status == "running", "somebody else's cell was stopped"
        await other.aclose()


@asynccontextmanager
async def summarising(folder: Path) -> AsyncIterator[Rig]:
    async with rig_of(folder) as rig:

        def script(request: Request) -> list[Step]:
            if "You summarise" in request.messages[0].text:
                return [Wait(LONG)]
            return [Say("Here I am.")]

        rig.access.provider = ScriptedProvider(script, name="script", model="script")
        rig.access.window = 8_000
        await rig.open()
        await rig.session.prompt("x" * 12_000)
        await rig.session.wait()
        rig.events.clear()
        await rig.session.prompt("begin " + "y" * 12_000)
        await rig.until(lambda: len(rig.access.provider.requests) == 2)
        yield rig
        rig.access.window = None


MANY_WORDS = Say("word " * 2_000)
LONG_CALL = Call("edit_cells", {"ops": [], "reason": "x" * 200_000})
STATES: dict[str, Callable[[Path], Any]] = {
    "waiting for the first word": waiting_for_the_first_word,
    "waiting to ask again": waiting_to_ask_again,
    "streaming text": streaming(MANY_WORDS, until="text_delta"),
    "streaming arguments": streaming(LONG_CALL, until="tool_call_delta"),
    "a prompt in the queue": with_a_prompt_in_the_queue,
    "waiting for approval": waiting_for_approval,
    "waiting for an answer": waiting_for_an_answer,
    "starting a kernel": starting_a_kernel,
    "queued behind another cell": queued_behind_another_cell,
    "running an endless cell": running("while True: pass"),
    "running a cell that swallows the interrupt": running(SWALLOWS),
    "running a cell in native code": running("import ctypes; ctypes.CDLL(None).sleep(60)"),
    "a cell that asks for input": running("input('Name? ')"),
    "verifying": running("while True: pass", Call("verify_notebook", {}), RUN),
    "trying code": running(
        "", Call("run_code", {"code": "import time\nopen('started', 'w')\ntime.sleep(60)"}), RUN
    ),
    "summarising": summarising,
}


def unanswered(history: list[Message]) -> list[str]:
    """Return the ids of calls that have not exactly one result."""
    results = [result.tool_call_id for message in history for result in message.tool_results]
    calls = [call.id for message in history for call in message.tool_calls]
    return [call for call in calls if results.count(call) != 1] + [
        result for result in results if result not in calls
    ]


@pytest.mark.parametrize("state", STATES)
async def test_stop_ends_it_within_a_second_and_the_conversation_goes_on(
    state: str, tmp_path: Path
) -> None:
    async with STATES[state](tmp_path) as rig:
        session = rig.session
        began = time.monotonic()
        await session.stop()
        assert time.monotonic() - began < WITHIN
        (end,) = [event for event in rig.events if event.type == "run_end"]
        assert end.status == "stopped" and session.status != "running"
        assert not session.running, "what was stopped still works"
        assert unanswered(session.history) == []
        said, asked = len(rig.events), len(rig.access.provider.requests)
        await asyncio.sleep(0.5)
        more = {event.type for event in rig.events[said:]}
        assert not more & {"tool_start", "tool_end", "turn_start", "run_start", "run_end"}
        assert len(rig.access.provider.requests) == asked
        rig.access.window = None
        await session.configure(model="script")
        await session.prompt("Are you there?")
        await asyncio.wait_for(session.wait(), 20)
        assert [event.status for event in rig.events if event.type == "run_end"][1] == "done"
        assert "Here I am." in [message.text for message in session.history]
        assert unanswered(session.history) == []
    left = [process for process in psutil.Process().children(recursive=True) if is_kernel(process)]
    assert left == []


@pytest.mark.R(35)
async def test_a_kernel_that_does_not_obey_is_told_of_and_offered_to_restart(
    tmp_path: Path,
) -> None:
    async with running(SWALLOWS)(tmp_path) as rig:
        await rig.session.stop()
        await rig.until_event("notice", code="kernel_still_running", path=NOTEBOOK)
        (record,) = rig.session.workspace.runs.values()
        assert not record.run.finished, "it was said to have ended"


async def test_stop_leaves_alone_what_an_earlier_prompt_left_running(tmp_path: Path) -> None:
    def script(request: Request) -> list[Step]:
        if request.messages[-1].role == "tool":
            return [Say("It trains; ask me later.")]
        if "loss" in request.messages[-1].text:
            return [Say("A loss is"), Wait(LONG)]
        return [Call("run_cells", {"scope": "all", "wait_s": 1})]

    async with rig_of(tmp_path) as rig:
        rig.write("while True: time.sleep(0.1)")
        rig.access.provider = ScriptedProvider(script, name="script", model="script")
        await rig.open()
        await rig.session.prompt("begin")
        await rig.session.wait()
        (record,) = rig.session.workspace.runs.values()
        assert record.run.cells[0].status == "running"
        rig.events.clear()
        await rig.session.prompt("What is a loss?")
        await rig.until_event("text_delta")
        await rig.session.stop()
        await asyncio.sleep(1)
        assert record.run.cells[0].status == "running", "the training was interrupted"


def is_kernel(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "ipykernel" in " ".join(process.cmdline())
    return False
