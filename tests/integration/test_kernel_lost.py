"""A kernel behind a gateway whose connection breaks: what may have run is unknown, not `not_run`.

The relay here has the shape of `jupyter_server`'s gateway client: one socket for all channels,
which ends with a message on a channel that was not started. `tests/real/gateway` has a real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jupyter_client.blocking import BlockingKernelClient

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.directory import OneKernel
from jupyter_agent.kernel.managed import ManagedKernel, ManagedKernels
from jupyter_agent.kernel.observed import ObservedRunner
from jupyter_agent.kernel.runner import CellRecord, CellSource, Run
from jupyter_agent.protocol.messages import new_id

PATH = "test.ipynb"
Progress = Callable[[dict[str, Any]], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")


class TabGone(Exception):
    """The tab went away."""


class Channel:
    """One channel of a relay's socket."""

    def __init__(self, relay: Relay, name: str, channel: Any) -> None:
        self._relay = relay
        self._name = name
        self._channel = channel

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        if self._relay.cut:
            raise RuntimeError("Response router had finished")
        message: dict[str, Any] = self._channel.get_msg(timeout=timeout)
        return message

    def send(self, message: dict[str, Any]) -> None:
        if self._relay.cut:
            raise BrokenPipeError
        self._channel.send(message)


class Relay:
    """A remote kernel's client."""

    def __init__(self, connection_file: str) -> None:
        self._client = BlockingKernelClient(connection_file=connection_file)
        self._client.load_connection_file()
        self.session = self._client.session
        self.cut = False
        self.channel_socket = self

    def settimeout(self, seconds: float | None) -> None:
        assert seconds is None, "a silent cell would end the socket"

    async def start_channels(self, **channels: bool) -> None:
        started = channels.get("shell") and channels.get("stdin") and channels.get("control")
        self.cut = not started
        self._client.start_channels(hb=False)
        for name in ("shell", "iopub", "stdin", "control"):
            channel = Channel(self, name, getattr(self._client, f"{name}_channel"))
            setattr(self, f"{name}_channel", channel)

    def stop_channels(self) -> None:
        self._client.stop_channels()


class Remote:
    """A kernel's handle, as a gateway's manager would give it."""

    def __init__(self, kernel: ManagedKernel) -> None:
        self._kernel = kernel
        self.manager = self
        self.relays: list[Relay] = []

    def client(self) -> Relay:
        self.relays.append(Relay(self._kernel.manager.connection_file))
        return self.relays[-1]

    def cut(self) -> None:
        for relay in self.relays:
            relay.cut = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernel, name)


class Tab:
    """A tab that does as a test tells it."""

    def __init__(self, work: Callable[[Progress], Any]) -> None:
        self.work = work

    async def run(
        self, op_id: str, cells: Sequence[CellSource], stop_on_error: bool, on_progress: Progress
    ) -> dict[str, Any]:
        found: dict[str, Any] = await self.work(on_progress)
        return found

    async def stop(self, op_id: str) -> None:
        """There is nothing to stop."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def remote(tmp_path_factory: Any) -> AsyncIterator[Remote]:
    folder: Path = tmp_path_factory.mktemp("notebooks")
    kernels = ManagedKernels(folder)
    starter = KernelClientRunner(PATH, kernels, keep_kernel=True)
    run = await starter.start_run([CellSource(cell_id="a", source="ran = 0")], op_id="a")
    assert await run.wait(30)
    await starter.aclose()
    kernel = await kernels.find(PATH)
    assert kernel is not None
    yield Remote(kernel)
    await kernels.aclose()


def sources(count: int = 2) -> list[CellSource]:
    return [
        CellSource(cell_id=new_id("cell"), source=f"ran += 1; print('ran {n}')")
        for n in range(count)
    ]


async def observe(
    remote: Remote, cells: list[CellSource], work: Callable[[Any, Progress], Any]
) -> list[CellRecord]:
    """Run cells in a tab, whose own connection to the kernel stays."""
    tab = remote._kernel.manager.client()
    tab.session.session = new_id("tab")
    tab.start_channels(hb=False)
    runner = ObservedRunner(
        remote, Tab(lambda on_progress: work(tab, on_progress)), lost=(TabGone,)
    )
    try:
        run = await runner.start_run(cells, op_id=new_id("op"))
        assert await run.wait(30), [cell.status for cell in run.cells]
        return run.cells
    finally:
        await runner.aclose()
        tab.stop_channels()


async def executed(tab: Any, cell: CellSource, on_progress: Progress) -> dict[str, Any]:
    """Run a cell as a tab does, and tell of it."""
    message_id = tab.execute(cell.source)
    on_progress({"cell_id": cell.cell_id, "message_id": message_id, "state": "sent"})
    while True:
        reply = await tab.get_shell_msg()
        if reply["parent_header"].get("msg_id") == message_id:
            return {"cell_id": cell.cell_id, "status": "ok", "message_id": message_id}


async def test_an_observer_hears_a_remote_kernel(remote: Remote) -> None:
    cells = sources()

    async def work(tab: Any, on_progress: Progress) -> dict[str, Any]:
        return {"cells": [await executed(tab, cell, on_progress) for cell in cells]}

    records = await observe(remote, cells, work)
    assert [(cell.status, cell.outputs[0]["text"]) for cell in records] == [
        ("ok", "ran 0\n"),
        ("ok", "ran 1\n"),
    ]


async def test_without_the_observer_the_tab_is_believed(remote: Remote) -> None:
    cells = sources()

    async def work(tab: Any, on_progress: Progress) -> dict[str, Any]:
        remote.cut()
        return {"cells": [await executed(tab, cell, on_progress) for cell in cells]}

    records = await observe(remote, cells, work)
    assert [cell.status for cell in records] == ["ok", "ok"]
    assert all("read_cells" in (cell.reason or "") for cell in records)


async def test_without_the_observer_and_the_tab_it_is_unknown(remote: Remote) -> None:
    cells = sources(3)

    async def work(tab: Any, on_progress: Progress) -> dict[str, Any]:
        remote.cut()
        await executed(tab, cells[0], on_progress)
        raise TabGone

    records = await observe(remote, cells, work)
    assert [cell.status for cell in records] == ["unknown"] * 3
    assert all(cell.reason for cell in records)


async def test_a_tab_that_fails_after_it_sent_a_cell_leaves_it_unknown(remote: Remote) -> None:
    cells = sources(2)

    async def work(tab: Any, on_progress: Progress) -> dict[str, Any]:
        await executed(tab, cells[0], lambda _: None)
        raise ValueError("what came from the page was no answer")

    records = await observe(remote, cells, work)
    assert [cell.status for cell in records] == ["unknown"] * 2


async def test_a_headless_cell_whose_connection_breaks_is_unknown(remote: Remote) -> None:
    runner = KernelClientRunner(PATH, OneKernel(remote))
    begun = asyncio.Event()
    cells = [CellSource(cell_id="slow", source="import time; time.sleep(1); ran += 1"), *sources(1)]
    run: Run = await runner.start_run(cells, op_id=new_id("op"))
    run.watch(lambda cell: begun.set() if cell.status == "running" else None)
    if run.cells[0].status == "running":
        begun.set()
    await asyncio.wait_for(begun.wait(), 30)
    remote.cut()
    assert await run.wait(30)
    assert [cell.status for cell in run.cells] == ["unknown", "not_run"]
    assert run.cells[0].reason and run.cells[1].reason
    # The next run finds its way to the kernel again.
    again = await runner.start_run(sources(1), op_id=new_id("op"))
    assert await again.wait(30)
    assert again.cells[0].status == "ok"
    await runner.aclose()
