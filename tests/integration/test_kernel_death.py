"""R36: whatever a session is doing, it survives the end of the kernel and says what became of cells.

A kernel ends in three ways: killed, restarted by a person, or killed and restarted at once by its
owner, as a Jupyter server does when the system takes a kernel for its memory. All tests use one
folder and its kernels: each leaves a new kernel behind for the next one.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
import pytest_asyncio

from jupyter_agent.access.model_access import Access, ModelAccess
from jupyter_agent.config import Settings
from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.directory import OneKernel
from jupyter_agent.kernel.managed import ManagedKernel, ManagedKernels
from jupyter_agent.kernel.runner import CellSource
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.codec import to_data
from jupyter_agent.protocol.messages import Message, new_id
from jupyter_agent.protocol.models import ModelInfo, Request
from jupyter_agent.protocol.rpc import NotebookState
from jupyter_agent.providers.replay import EVERYTHING, Call, Say, ScriptedProvider, Step
from jupyter_agent.runtime.build import build_manager

PATH = "work.ipynb"
WITHIN = 5.0  # seconds from the kernel's end to the end of the run
SETTINGS = Settings(discover_local_servers=False)

pytestmark = [
    pytest.mark.R(36),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here"),
]


def script(request: Request) -> Iterator[Step]:
    """Run the whole notebook, then repeat what the tool said."""
    last = request.messages[-1]
    if last.role == "tool":
        yield Say("Told: " + " ".join(result.text for result in last.tool_results))
    elif last.text == "Are you there?":
        yield Say("Here I am.")
    else:
        yield Call("run_cells", {"scope": "all", "wait_s": 60})


class Models(ModelAccess):
    """Opens the script as `script`, and an address of a test as any other model."""

    def open(self, model_id: str, on_retry: Any = None) -> Access:
        if model_id != "script":
            return super().open(model_id, on_retry)
        info = ModelInfo(
            id=model_id,
            provider="script",
            name=model_id,
            label=model_id,
            capabilities=EVERYTHING,
        )
        provider = ScriptedProvider(script, name="script", model="script")
        return Access(provider=provider, model=info)


class Tab:
    """A tab that has the notebook open while `shown`; it waits for replies that never come."""

    def __init__(self, world: World) -> None:
        self.shown = False
        self._world = world

    def has_tab(self, path: str) -> bool:
        return self.shown

    def only_others_have(self, path: str) -> bool:
        return False

    def kernel_id(self, path: str) -> str | None:
        return None

    async def open(self, path: str) -> bool:
        return False

    async def call(
        self, path: str, method: str, params: dict[str, Any], *, on_progress: Any = None, **_: Any
    ) -> Any:
        kernels = self._world.kernels
        if method == "notebook.read":
            state = await FileNotebook(PATH, self._world.folder / PATH).read()
            return to_data(NotebookState, state)
        if method == "notebook.kernel":
            kernel = await kernels.find(path) or await kernels.start(path, None)
            return {"kernel_id": kernel.kernel_id}
        if method != "notebook.run":
            return {}
        handle: Any = await kernels.find(path)
        client = handle.manager.client()
        client.session.session = new_id("tab")
        client.start_channels(hb=False)
        try:
            for cell in params["expect"]:
                request = client.execute(cell["source"])
                on_progress({"cell_id": cell["id"], "message_id": request, "state": "sent"})
                while (await client.get_shell_msg())["parent_header"].get("msg_id") != request:
                    pass
        finally:
            client.stop_channels()


class World:
    """A folder with a notebook, its kernels, and a manager of sessions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kernels = ManagedKernels(folder)
        self.tab = Tab(self)
        self.manager: Any = build_manager(
            SETTINGS,
            root=folder,
            store_path=None,
            kernels=self.kernels,
            browser=lambda *_: self.tab,  # type: ignore[arg-type,return-value]
        )
        nowhere = Credentials(folder, environment={}, find_keyring=lambda: None)
        self.manager.access = Models(SETTINGS, nowhere)

    def write(self, source: str) -> None:
        cells = [nbformat.v4.new_code_cell(source, id="only0000")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), self.folder / PATH)

    async def kernel(self) -> ManagedKernel:
        kernel = await self.kernels.find(PATH) or await self.kernels.start(PATH, None)
        assert isinstance(kernel, ManagedKernel)
        return kernel


class Rig:
    """A session on the notebook, and what happened in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.session: Any = None
        self.events: list[Any] = []

    async def begin(self, source: str, *, mode: str = "auto", model: str = "script") -> None:
        """Give a prompt that has a cell of this source run."""
        self.world.write(source)
        made = await self.world.manager.create(
            owner="me", notebook_path=PATH, model=model, mode=mode
        )
        self.session = await self.world.manager.get(made.id, owner="me")
        self.session.journal.attach(
            lambda seq, event, data: self.events.append(event), self.session.journal.seq
        )
        await self.session.prompt("begin")

    def all_of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    async def until(self, check: Callable[[], Any], seconds: float = 60) -> None:
        for _ in range(int(seconds / 0.02)):
            if check():
                return
            await asyncio.sleep(0.02)
        raise AssertionError([event.type for event in self.events])

    async def until_cell(self, status: str, text: str = "") -> None:
        """Wait until the cell of this session is in a state, and has printed something."""

        def look() -> bool:
            cells = [cell for record in self.records() for cell in record.run.cells]
            return any(cell.status == status and text in str(cell.outputs) for cell in cells)

        await self.until(look)

    def records(self) -> Sequence[Any]:
        return list(self.session.workspace.runs.values())

    def told(self) -> str:
        """Return what the model was told by tools."""
        messages: list[Message] = list(self.session.history)
        return " ".join(result.text for message in messages for result in message.tool_results)

    def unanswered(self) -> list[str]:
        """Return the ids of calls that have not exactly one result."""
        messages: list[Message] = list(self.session.history)
        results = [result.tool_call_id for message in messages for result in message.tool_results]
        calls = [call.id for message in messages for call in message.tool_calls]
        return [call for call in calls if results.count(call) != 1]


State = Callable[[World, Rig], Any]


@asynccontextmanager
async def idle(world: World, rig: Rig) -> AsyncIterator[None]:
    await rig.begin("x = 1")
    await rig.session.wait()
    yield
    assert len(rig.all_of("run_end")) == 1


@asynccontextmanager
async def queued(world: World, rig: Rig) -> AsyncIterator[None]:
    other = KernelClientRunner(PATH, OneKernel(await world.kernel()))
    sleeps = CellSource(cell_id="mine", source="import time; time.sleep(60)")
    mine = await other.start_run([sleeps], op_id=new_id("op"))
    await rig.until(lambda: mine.cells[0].status == "running")
    await rig.begin("ran = 'never'")
    await rig.until(rig.records)
    try:
        yield
        assert mine.cells[0].status == "kernel_died"
    finally:
        await other.aclose()


@asynccontextmanager
async def connecting(world: World, rig: Rig) -> AsyncIterator[None]:
    kernel = await world.kernel()
    os.kill(kernel.manager.provisioner.pid, signal.SIGSTOP)  # it lives, and answers nobody
    await rig.begin("x = 1")
    await rig.until(lambda: rig.all_of("tool_start"))
    yield
    await asyncio.wait_for(rig.session.wait(), WITHIN)
    assert rig.records()[0].run.cells[0].status in ("kernel_died", "ok")


def under_way(source: str, status: str = "running", text: str = "") -> State:
    @asynccontextmanager
    async def state(world: World, rig: Rig) -> AsyncIterator[None]:
        await rig.begin(source)
        await rig.until_cell(status, text)
        yield

    return state


@asynccontextmanager
async def waiting_for_approval(world: World, rig: Rig) -> AsyncIterator[None]:
    await world.kernel()
    await rig.begin("x = 1", mode="ask")
    await rig.until(lambda: rig.all_of("approval_start"))
    yield
    (asked,) = rig.all_of("approval_start")
    assert not rig.all_of("run_end"), "what waits for a person needs no kernel"
    await rig.session.approve(asked.approval_id, fingerprint=asked.fingerprint, allow=True)
    await asyncio.wait_for(rig.session.wait(), 30)


BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
SAYS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    b'data: {"choices":[{"index":0,"delta":{"content":"Here I am."},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


@asynccontextmanager
async def waiting_to_ask_the_model_again(world: World, rig: Rig) -> AsyncIterator[None]:
    answers = [BUSY, SAYS]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            asked = await reader.readuntil(b"\r\n\r\n")
            writer.write(answers.pop(0) if asked.startswith(b"POST") else NOTHING)
            await writer.drain()
        writer.close()

    await world.kernel()
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        await rig.begin("x = 1", model=f"http://127.0.0.1:{port}/v1#m")
        await rig.until(lambda: rig.all_of("retry"))
        yield
        await asyncio.wait_for(rig.session.wait(), 30)
        assert answers == []
    finally:
        server.close()


@asynccontextmanager
async def observed_in_a_tab(world: World, rig: Rig) -> AsyncIterator[None]:
    world.tab.shown = True
    try:
        await rig.begin("import time; print('in', flush=True); time.sleep(60)")
        await rig.until_cell("running", "in")
        yield
    finally:
        world.tab.shown = False


# Whether the cell was the session's, so that the model hears of its end.
STATES: dict[str, tuple[State, bool]] = {
    "idle": (idle, False),
    "connecting": (connecting, False),
    "queued": (queued, True),
    "running": (under_way("import time; time.sleep(60)"), True),
    "streaming output": (
        under_way("import time\nwhile True: print('word', flush=True); time.sleep(0.01)", text="w"),
        True,
    ),
    "awaiting input": (under_way("input('Name? ')", status="awaiting_input"), True),
    "waiting for approval": (waiting_for_approval, False),
    "waiting to ask the model again": (waiting_to_ask_the_model_again, False),
    "observed in a tab": (observed_in_a_tab, True),
}


async def killed(kernel: ManagedKernel) -> None:
    os.kill(kernel.manager.provisioner.pid, signal.SIGKILL)
    await kernel.manager.provisioner.wait()


async def restarted(kernel: ManagedKernel) -> None:
    await kernel.restart()


async def killed_and_restarted(kernel: ManagedKernel) -> None:
    await killed(kernel)
    await kernel.restart()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: Any) -> AsyncIterator[World]:
    made = World(tmp_path_factory.mktemp("notebooks"))
    yield made
    await made.manager.aclose()
    await made.kernels.aclose(now=True)


@pytest.mark.parametrize("end", [killed, restarted, killed_and_restarted])
@pytest.mark.parametrize("state", STATES)
async def test_the_end_of_the_kernel_is_reported_and_the_conversation_goes_on(
    world: World, state: str, end: Callable[[ManagedKernel], Awaitable[None]]
) -> None:
    rig = Rig(world)
    enter, is_running = STATES[state]
    async with enter(world, rig):
        kernel = await world.kernel()
        before = kernel.manager.provisioner.pid
        ending = asyncio.ensure_future(end(kernel))
        if is_running:
            await rig.until(lambda: rig.all_of("run_end"), WITHIN)
            (cell,) = [cell for record in rig.records() for cell in record.run.cells]
            assert cell.status == "kernel_died"
            assert "kernel" in rig.told()

        await ending
    (over,) = rig.all_of("run_end")
    assert over.status == "done"
    assert rig.unanswered() == []
    # The next prompt runs its cell in a kernel that knows nothing of the one before.
    world.write("'x' in dir(), 6 * 7")
    await rig.session.configure(model="script", mode="auto")
    await rig.session.prompt("run it again")
    await asyncio.wait_for(rig.session.wait(), 30)
    assert [event.status for event in rig.all_of("run_end")] == ["done", "done"]
    after = await world.kernel()
    assert after.manager.provisioner.pid != before
    (cell,) = nbformat.read(world.folder / PATH, as_version=4).cells
    # An approval is for one kernel: a restarted one has the same id, a new one has another.
    survived = state == "waiting for approval" and end is not killed
    if state == "waiting for approval":
        assert survived or "changed while it waited" in rig.told()
    shown = cell.outputs[0]["data"]["text/plain"]
    # Where the kernel comes back at the same ports, what was on its way to it arrives late.
    assert shown == f"({survived}, 42)" or (state == "connecting" and shown.endswith(", 42)"))


@pytest.mark.parametrize("source", ["exit()", "import os; os._exit(0)"])
async def test_a_kernel_that_a_cell_ends_is_not_said_to_be_out_of_memory(
    world: World, source: str
) -> None:
    rig = Rig(world)
    await rig.begin(source)
    await asyncio.wait_for(rig.session.wait(), 30)
    # A kernel that is asked to exit answers first, and is gone a moment later.
    await rig.session.prompt("run it again")
    await asyncio.wait_for(rig.session.wait(), 60)
    told = rig.told()
    assert "out of memory" not in told
    assert "a cell ended the kernel itself" in told or "kernel_died" not in told, told
