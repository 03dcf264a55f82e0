"""A notebook that a browser tab has open is never written from the command line or from Python."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from server_process import ServerProcess
from tornado.websocket import WebSocketClientConnection, websocket_connect

from jupyter_agent import Agent
from jupyter_agent.protocol.errors import OpenInTab
from jupyter_agent.protocol.rpc import SetSource
from jupyter_agent.workspace.open_tabs import refuse_open, running_servers

DONE, USAGE = 0, 2
RUN = ("run", "work.ipynb", "-p", "go", "--model", "script/edits", "--yes", "--json")


class Tab:
    """A page of the server, as its front end connects."""

    def __init__(self, server: ServerProcess, socket: WebSocketClientConnection) -> None:
        self._server = server
        self._socket = socket
        self._closed = False

    async def open(self, *paths: str) -> None:
        """Have these notebooks open; returns when the server knows."""
        frame = {"type": "notebooks", "notebooks": [{"path": path} for path in paths]}
        await self._socket.write_message(json.dumps(frame))
        await self._socket.write_message(json.dumps({"type": "nonsense", "id": "1"}))
        while True:  # frames are read in order: an answer to the next one means this was
            text = await self._socket.read_message()
            assert text is not None
            if json.loads(text)["type"] != "welcome":
                return

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._socket.close()
        while await self._socket.read_message() is not None:
            pass


@pytest.fixture
async def make_tab() -> AsyncIterator[Callable[[ServerProcess], Any]]:
    made: list[Tab] = []

    async def make(server: ServerProcess) -> Tab:
        address = f"ws://{server.address}jupyter-agent/api/socket?token={server.token}"
        made.append(Tab(server, await websocket_connect(address)))
        return made[-1]

    yield make
    for tab in made:
        await tab.close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process, as a program of the person whose servers `start_server` starts."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "work.ipynb"


async def test_run_and_undo_refuse_while_a_tab_has_the_notebook(
    command: Any, start_server: Callable[..., ServerProcess], make_tab: Any
) -> None:
    assert (await asyncio.to_thread(command.run, *RUN)).returncode == DONE
    before = command.notebook.read_bytes()
    tab = await make_tab(await asyncio.to_thread(start_server))
    await tab.open("other.ipynb", "work.ipynb")
    for arguments in (RUN, ("undo", "work.ipynb")):
        outcome = await asyncio.to_thread(command.run, *arguments)
        assert outcome.returncode == USAGE, outcome.stderr
        assert "work.ipynb is open in a browser tab" in outcome.stderr
        assert "panel" in outcome.stderr and outcome.stdout == ""
        assert command.notebook.read_bytes() == before
    # What only reads may.
    plan = await asyncio.to_thread(command.run, *RUN, "--mode", "plan")
    assert "browser tab" not in plan.stderr
    assert (await asyncio.to_thread(command.run, "verify", "work.ipynb")).returncode != USAGE
    await tab.open("other.ipynb")
    assert (await asyncio.to_thread(command.run, "undo", "work.ipynb")).returncode == DONE
    assert command.notebook.read_bytes() != before


async def test_an_agent_refuses_at_once_and_when_a_tab_opens_meanwhile(
    here: Path, command: Any, start_server: Callable[..., ServerProcess], make_tab: Any
) -> None:
    tab = await make_tab(await asyncio.to_thread(start_server))
    await tab.open("work.ipynb")
    before = command.notebook.read_bytes()
    async with Agent("demo", notebook=here, mode="auto") as agent:
        with pytest.raises(OpenInTab, match="Nothing was written"):
            await agent.run("go")
        await tab.open()
        session = await agent.open_session()
        assert session.workspace is not None
        document = await session.workspace.document("work.ipynb")
        [cell] = (await document.read()).cells
        await tab.open("work.ipynb")
        with pytest.raises(OpenInTab):
            await document.apply((SetSource(id=cell.id, source="lost"),), (), op_id="1")
        assert command.notebook.read_bytes() == before
        await tab.close()
        await document.apply((SetSource(id=cell.id, source="kept"),), (), op_id="2")
    assert command.read_notebook().cells[0].source == "kept"


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
async def test_a_tab_may_have_it_by_way_of_a_link_and_below_another_root(
    here: Path,
    tmp_path: Path,
    command: Any,
    start_server: Callable[..., ServerProcess],
    make_tab: Any,
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked.ipynb").symlink_to(here)
    server = await asyncio.to_thread(start_server, root=root, base_url="/a/b/")
    tab = await make_tab(server)
    await tab.open("work.ipynb")  # another one of that name
    await refuse_open(here)
    await tab.open("linked.ipynb")
    with pytest.raises(OpenInTab, match="/a/b/"):
        await refuse_open(here)


def describe(folder: Path, name: str, **told: Any) -> None:
    runtime = folder / "runtime"
    runtime.mkdir(exist_ok=True)
    (runtime / f"jpserver-{name}.json").write_text(json.dumps(told))


async def test_servers_that_do_not_answer_cost_little_and_decide_nothing(
    here: Path, tmp_path: Path
) -> None:
    await refuse_open(here)  # there is not even a folder
    asked: list[bytes] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.read()  # until the other side has had enough
        writer.close()

    async def foreign(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b'HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n{"open": true}')
        writer.close()

    mute, other = [await asyncio.start_server(kind, "127.0.0.1", 0) for kind in (silent, foreign)]
    for name, server in (("mute", mute), ("other", other)):
        port = server.sockets[0].getsockname()[1]
        describe(tmp_path, name, pid=os.getpid(), port=port, token="t", base_url="/")
    describe(tmp_path, "closed", pid=os.getpid(), port=1, token="t", base_url="/")
    describe(tmp_path, "secure", pid=os.getpid(), port=port, secure=True, token="t")
    describe(tmp_path, "wrong", pid=os.getpid(), port="x", hostname="a b", base_url=3)
    describe(tmp_path, "dead", pid=2**22 + 1, port=port, token="dead")
    describe(tmp_path, "foreign", pid=1 if os.geteuid() else 0, port=port, token="dead")
    (tmp_path / "runtime" / "jpserver-cut.json").write_text('{"pid": ')
    (tmp_path / "runtime" / "jpserver-list.json").write_text("[]")
    begun = time.monotonic()
    await refuse_open(here)
    assert time.monotonic() - begun < 4
    assert asked and not [head for head in asked if b"dead" in head]
    assert len(list(running_servers())) == 5
    mute.close()
    other.close()


async def test_proxies_are_not_asked(
    here: Path, start_server: Callable[..., ServerProcess], make_tab: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    tab = await make_tab(await asyncio.to_thread(start_server))
    await tab.open("work.ipynb")
    with pytest.raises(OpenInTab):
        await refuse_open(here)
