"""The server's kernels as the core sees them, with a real one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import kernel_specs
import pytest
from jupyter_server.serverapp import ServerApp
from tornado.web import HTTPError

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.directory import KernelDirectory, KernelHandle
from jupyter_agent.kernel.runner import CellSource
from jupyter_agent.protocol.errors import KernelError, KernelStartFailed
from jupyter_agent.server.kernels import ServerKernel, ServerKernels


@pytest.fixture
def kernels(jp_serverapp: ServerApp, jp_root_dir: Path) -> ServerKernels:
    return ServerKernels(jp_serverapp.session_manager, jp_serverapp.kernel_manager)


async def test_a_notebook_without_a_kernel_has_none(kernels: ServerKernels) -> None:
    directory: KernelDirectory = kernels
    assert await directory.find("n.ipynb") is None
    await directory.shutdown("n.ipynb")


async def test_a_kernel_is_started_found_and_shut_down(
    kernels: ServerKernels, jp_serverapp: ServerApp
) -> None:
    started: KernelHandle = await kernels.start("n.ipynb", "python3")
    assert started.kernel_name == "python3"
    assert started.language == "python"
    assert await started.is_alive()
    sessions = await jp_serverapp.session_manager.list_sessions()
    assert [session["path"] for session in sessions] == ["n.ipynb"], "a tab finds it as well"
    again = await kernels.start("n.ipynb", None)
    found = await kernels.find("n.ipynb")
    assert found is not None
    assert found.kernel_id == again.kernel_id == started.kernel_id
    await kernels.shutdown("n.ipynb")
    assert await kernels.find("n.ipynb") is None
    assert not await started.is_alive()
    assert started.execution_state == "dead"


async def test_a_kernel_of_shared_editing_is_found(
    kernels: ServerKernels, jp_serverapp: ServerApp
) -> None:
    made = await jp_serverapp.session_manager.create_session(
        path="RTC:a/n.ipynb", name="n.ipynb", type="notebook", kernel_name="python3"
    )
    found = await kernels.find("a/n.ipynb")
    assert found is not None and found.kernel_id == made["kernel"]["id"]
    assert await kernels.find("n.ipynb") is None
    await kernels.shutdown("a/n.ipynb")


async def test_a_kernel_that_does_not_exist_is_an_error_with_a_sentence(
    kernels: ServerKernels,
) -> None:
    with pytest.raises(KernelStartFailed, match="no-such-kernel"):
        await kernels.start("n.ipynb", "no-such-kernel")
    assert await kernels.find("n.ipynb") is None


async def test_a_kernel_whose_port_was_taken_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernels: ServerKernels
) -> None:
    kernel_specs.install_contended(tmp_path, monkeypatch, times=1)
    runner = KernelClientRunner("n.ipynb", kernels, kernel_name="contended")
    run = await runner.start_run([CellSource(cell_id="a", source="6 * 7")], op_id="a")
    assert await run.wait(30)
    assert [cell.status for cell in run.cells] == ["ok"]
    await runner.aclose()
    assert await kernels.find("n.ipynb") is None


@pytest.mark.R(36)
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
async def test_the_death_of_a_kernel_is_told(kernels: ServerKernels, until: Any) -> None:
    handle = await kernels.start("n.ipynb", "python3")
    died = asyncio.Event()
    never = asyncio.Event()
    remove = handle.add_death_callback(died.set)
    handle.add_death_callback(never.set)()
    first = handle.manager.provisioner.pid
    os.kill(first, signal.SIGKILL)
    await asyncio.wait_for(died.wait(), 10)
    assert not never.is_set()
    remove()
    # The server restarts it; shutting it down in the middle of that is jupyter_client's to bear.
    await until(lambda: handle.manager.provisioner.pid not in (None, first))
    await handle.manager.ready
    assert await handle.is_alive()
    await kernels.shutdown("n.ipynb")
    remove()


async def test_a_notebook_changes_its_kernel_and_a_tab_sees_it(
    kernels: ServerKernels, jp_serverapp: ServerApp
) -> None:
    before = await kernels.start("n.ipynb", "python3")
    assert "python3" in await kernels.kernel_names()
    with pytest.raises(KernelStartFailed, match="no-such-kernel"):
        await kernels.change("n.ipynb", "no-such-kernel")
    await kernels.change("n.ipynb", "python3")
    [session] = await jp_serverapp.session_manager.list_sessions()
    assert session["path"] == "n.ipynb" and session["kernel"]["id"] != before.kernel_id
    assert not await before.is_alive()
    await kernels.shutdown("n.ipynb")


class Gateway:
    """A gateway that has a kernel, and answers as a busy one does."""

    async def _busy(self, *arguments: Any, **more: Any) -> Any:
        raise HTTPError(503, "the gateway is overloaded")

    is_alive = interrupt_kernel = restart_kernel = list_sessions = create_session = _busy

    def __contains__(self, kernel_id: str) -> bool:
        return True

    def get_kernel(self, kernel_id: str) -> Gateway:
        return self


@pytest.mark.parametrize("act", ["is_alive", "interrupt", "restart"])
async def test_what_a_gateway_answers_is_an_error_of_ours(act: str) -> None:
    with pytest.raises(KernelError, match="overloaded"):
        await getattr(ServerKernel(Gateway(), "k"), act)()


async def test_a_gateway_that_does_not_list_its_kernels_is_an_error_of_ours() -> None:
    kernels = ServerKernels(Gateway(), Gateway())
    for call in (kernels.find("n.ipynb"), kernels.start("n.ipynb", None)):
        with pytest.raises(KernelError, match="overloaded"):
            await call
