"""R37 with real parts: a Jupyter server that has a key, its kernel that has not, and a model.

The server and the kernel are processes of their own; the model's API is a small HTTP server here,
which notes who asked with which key, and whether they went away before the answer ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

import httpx
import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient

from jupyter_agent.models.credentials import Credentials

HERE = Path(__file__).parent
CANARY = "sk-canary-" + "9b1f6c2e7d"
TOKEN = "a-token-of-the-test"
DEADLINE = 40.0


@dataclass
class Model:
    """The API of a model: says its lines, and notes what it sees."""

    url: str = ""
    keys: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    hesitates: bool = False
    begun: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)


class ModelHandler(BaseHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        body = json.dumps({"data": [{"id": "parrot", "object": "model"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        model: Model = self.server.model  # type: ignore[attr-defined]
        model.keys.append(self.headers.get("Authorization", ""))
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        model.prompts.append(str(asked["messages"][-1]["content"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self._say({"content": "Polly wants "})
        model.begun.set()
        if model.hesitates:
            self._hesitate(model)
            return
        self._say({"content": "a cracker."}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _say(self, delta: dict[str, str], finish: str | None = None) -> None:
        chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def _hesitate(self, model: Model) -> None:
        try:
            for _ in range(600):
                self.wfile.write(b": still here\n\n")
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            model.left.set()


@pytest.fixture
def model() -> Iterator[Model]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), ModelHandler)
    server.daemon_threads = True
    made = Model(url=f"http://127.0.0.1:{server.server_port}/v1")
    server.model = made  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Cell:
    """What a cell showed, in order, and how it ended."""

    status: str
    text: str
    error: str
    seconds: float


@dataclass
class Lab:
    """A Jupyter server with one kernel."""

    folder: Path
    url: str
    process: Any
    kernel_id: str = ""
    client: AsyncKernelClient | None = None

    async def ask(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"token {TOKEN}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=DEADLINE) as http:
            return await http.request(method, f"{self.url}{path}", **more)

    async def start_kernel(self) -> None:
        made = await self.ask("api/kernels", "POST", json={"name": "python3"})
        self.kernel_id = made.json()["id"]
        file = self.folder / "runtime" / f"kernel-{self.kernel_id}.json"
        self.client = AsyncKernelClient(connection_file=str(file))
        self.client.load_connection_file()
        self.client.start_channels()
        await self._hear(self.client)
        assert (await self.run("%load_ext jupyter_agent")).status == "ok"

    async def _hear(self, client: AsyncKernelClient) -> None:
        """Wait until what the kernel publishes is heard; `wait_for_ready` gives up on a slow one."""
        for _ in range(int(DEADLINE)):
            client.kernel_info()
            try:
                await client.get_iopub_msg(timeout=1.0)
            except Empty:
                continue
            return
        raise AssertionError("the kernel says nothing")

    async def run(self, code: str, *, when_shown: tuple[str, Any] | None = None) -> Cell:
        """Run a cell. `when_shown` is text, and what to call once it was shown."""
        client = self.client
        assert client is not None
        # As a front end in a browser, whose requests have plain UUIDs: it sees an answer grow.
        asked = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        request = client.session.msg("execute_request", {**asked, "user_expressions": {}})
        sent = request["header"]["msg_id"] = request["msg_id"] = str(uuid4())
        client.shell_channel.send(request)
        begun = time.monotonic()
        cell = Cell("", "", "", 0.0)
        while True:
            message = await client.get_iopub_msg(timeout=DEADLINE)
            if message["parent_header"].get("msg_id") != sent:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind in ("display_data", "update_display_data", "execute_result"):
                data = content["data"]
                cell.text += data.get("text/markdown", data.get("text/plain", ""))
            elif kind == "stream":
                cell.text += content["text"]
            elif kind == "error":
                cell.error = "\n".join(content["traceback"])
            if when_shown and when_shown[0] in cell.text:
                action, when_shown, begun = when_shown[1], None, time.monotonic()
                await action()
        reply = await client.get_shell_msg(timeout=DEADLINE)
        while reply["parent_header"].get("msg_id") != sent:
            reply = await client.get_shell_msg(timeout=DEADLINE)
        cell.status, cell.seconds = reply["content"]["status"], time.monotonic() - begun
        return cell

    async def interrupt(self) -> None:
        await self.ask(f"api/kernels/{self.kernel_id}/interrupt", "POST")

    async def kill(self) -> None:
        self.process.kill()
        await asyncio.to_thread(self.process.wait)

    async def end(self) -> None:
        if self.process.poll() is None and self.kernel_id:
            await self.ask(f"api/kernels/{self.kernel_id}", "DELETE")
        elif self.client is not None:
            self.client.shutdown()
            await asyncio.sleep(1.0)
        if self.client is not None:
            self.client.stop_channels()
            self.client.context.destroy()
        self.process.terminate()
        await asyncio.to_thread(self.process.wait)


@pytest.fixture
def settings() -> dict[str, Any]:
    return {}


@pytest.fixture
async def lab(tmp_path: Path, model: Model, settings: dict[str, Any]) -> AsyncIterator[Lab]:
    """A server for which a person has stored a key, bound to the model's address."""
    keys = Credentials(tmp_path / "data" / "jupyter_agent", find_keyring=lambda: None)
    keys.set_base_url("openai-compatible", model.url)
    keys.set_key("openai-compatible", CANARY, model.url)
    (tmp_path / "config").mkdir()
    config = {
        "ServerApp": {"jpserver_extensions": {"jupyter_agent": True}},
        "JupyterAgent": {"store": "memory", "discover_local_servers": False, **settings},
    }
    (tmp_path / "config" / "jupyter_server_config.json").write_text(json.dumps(config))
    port = free_port()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_API_KEY", "_TOKEN")) and not name.startswith(("JUPYTER_", "JPY_"))
    }
    environment = kept | {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    command = [sys.executable, "-m", "jupyter_server", f"--port={port}", "--ip=127.0.0.1"]
    command += [
        f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.base_url=/user/ada/",
        "--no-browser",
    ]
    command += ["--allow-root", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={tmp_path}"]
    process = start(command, environment, tmp_path)
    made = Lab(tmp_path, f"http://127.0.0.1:{port}/user/ada/", process)
    try:
        await until_it_answers(made)
        await made.start_kernel()
        yield made
    finally:
        await made.end()


def start(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)


async def until_it_answers(lab: Lab) -> None:
    for _ in range(300):
        assert lab.process.poll() is None, (lab.folder / "server.log").read_text()
        try:
            if (await lab.ask("api/status")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError((lab.folder / "server.log").read_text())


ASK = "%agent --model openai-compatible/parrot"

# Writes all writable memory of the process into a file, without naming what is looked for.
DUMP = """
marker = "a-marker-" + str(4711)
import os
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory, \
        open("memory.bin", "wb") as file:
    for line in maps.read().splitlines():
        place, rights = line.split()[:2]
        if rights.startswith("rw") and "[v" not in line:
            start, end = (int(part, 16) for part in place.split("-"))
            for at in range(start, end, 1 << 22):
                try:
                    memory.seek(at)
                    file.write(memory.read(min(1 << 22, end - at)))
                except (OSError, ValueError, OverflowError):
                    break
"""


@pytest.mark.R(9, 37)
@pytest.mark.slow
async def test_the_answer_comes_and_the_key_stays(lab: Lab, model: Model) -> None:
    cell = await lab.run(f"{ASK} Hello Polly")
    assert cell.status == "ok", cell.error
    assert "Polly wants a cracker." in cell.text
    assert model.keys == [f"Bearer {CANARY}"]
    assert "Hello Polly" in model.prompts[0]

    seen = await lab.run("import os; print(os.environ)")
    assert "JUPYTER_AGENT_BRIDGE_SECRET" in seen.text
    looked = await lab.run(
        "agent = get_ipython().magics_manager.magics['line']['agent'].__self__._agent\n"
        "access = agent._core.manager.access\n"
        "keys = access.endpoints.credentials\n"
        "print(keys.stored, keys.names(), vars(keys), vars(access))\n"
        "opened = access.open('openai-compatible/parrot')\n"
        "print(opened, vars(opened.provider))"
    )
    assert looked.status == "ok", looked.error
    failed = await lab.run("%agent --model anthropic/claude-sonnet-5 Hello")
    assert failed.status == "error" and "needs a key" in failed.error
    for shown in (cell, seen, looked, failed):
        assert CANARY not in shown.text + shown.error
    if sys.platform == "linux":
        assert (await lab.run(DUMP)).status == "ok"
        memory = (lab.folder / "memory.bin").read_bytes()
        assert b"a-marker-4711" in memory and b"Polly wants" in memory
        assert CANARY.encode() not in memory
        assert CANARY.encode("utf-16-le") not in memory
    assert CANARY not in (lab.folder / "server.log").read_text()


@pytest.fixture
def default_model(settings: dict[str, Any]) -> None:
    settings["default_model"] = "openai-compatible/parrot"


@pytest.mark.R(37)
@pytest.mark.slow
@pytest.mark.usefixtures("default_model", "lab")
async def test_python_api_and_widget_use_the_same_way(lab: Lab, model: Model) -> None:
    code = (
        "from jupyter_agent import Agent\n"
        "agent = Agent('openai-compatible/parrot')\n"
        "result = await agent.run('one')\n"
        "print(result.text, result.status, result.usage.input > 0)\n"
        "import asyncio\n"
        "chat = agent.chat()\n"
        "await chat._prompt({'text': 'two'})\n"
        "await (await agent.open_session()).wait()\n"
        "print(len((await agent.open_session()).history))\n"
        "print(Agent('openai-compatible/parrot').run_sync('three').text)\n"
        "print((await Agent(discover_local_servers=False).run('four')).text)"
    )
    cell = await lab.run(code)
    assert cell.status == "ok", cell.error
    assert "Polly wants a cracker. done True" in cell.text
    assert cell.text.count("Polly wants a cracker.") == 3
    assert model.keys == [f"Bearer {CANARY}"] * 4


@pytest.mark.R(35, 37)
@pytest.mark.slow
async def test_an_interrupt_ends_the_call_to_the_model(lab: Lab, model: Model) -> None:
    model.hesitates = True
    cell = await lab.run(f"{ASK} Hello", when_shown=("Polly", lab.interrupt))
    assert cell.status == "error" and cell.error.endswith("Stopped.")
    assert cell.seconds < 5
    assert await asyncio.to_thread(model.left.wait, 5)
    model.hesitates = False
    assert "cracker" in (await lab.run(f"{ASK} Again")).text


@pytest.mark.R(40)
@pytest.mark.slow
async def test_a_server_that_dies_in_the_middle_is_a_broken_stream(lab: Lab, model: Model) -> None:
    model.hesitates = True
    cell = await lab.run(f"{ASK} Hello", when_shown=("Polly", lab.kill))
    assert cell.status == "error"
    assert "broke" in cell.error and "try again" in cell.error
    assert cell.seconds < 10


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Something that is no Jupyter server: it takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@pytest.mark.R(37)
@pytest.mark.parametrize("there", ["nothing", "something silent"])
async def test_an_address_that_leads_nowhere_holds_nothing_up(
    kernel: Any, silent_port: int, there: str
) -> None:
    """A kernel on another machine that was given this one's environment."""
    port, says = (
        (9, "Could not connect") if there == "nothing" else (silent_port, "did not begin to answer")
    )
    lab = Lab(kernel.folder, "", kernel.manager, client=kernel.client)
    setup = (
        "import os\n"
        f"os.environ['JUPYTER_AGENT_BRIDGE_URL'] = 'http://127.0.0.1:{port}/'\n"
        "os.environ['JUPYTER_AGENT_BRIDGE_SECRET'] = 's'\n"
        "%load_ext jupyter_agent"
    )
    assert (await lab.run(setup)).status == "ok"
    asked = await lab.run("%agent --model anthropic/claude-sonnet-5 Hello")
    assert asked.status == "error" and asked.seconds < 12
    assert says in asked.error and "kernel does not read them" in asked.error
    again = await lab.run("%agent Hello")
    assert again.status == "error" and again.seconds < 3
    assert "I am the demo" in (await lab.run("%agent --model demo Hello")).text


@pytest.mark.slow
class TestForbidden:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"forbidden_providers": ["openai-compatible"]}

    async def test_what_the_administrator_forbids_is_refused(self, lab: Lab, model: Model) -> None:
        cell = await lab.run(f"{ASK} Hello")
        assert cell.status == "error"
        assert "does not allow" in cell.error
        assert model.keys == []


@pytest.mark.R(37)
@pytest.mark.slow
class TestOff:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"bridge": False}

    async def test_without_the_bridge_it_says_what_to_do(self, lab: Lab, model: Model) -> None:
        assert "BRIDGE" not in (await lab.run("import os; print(list(os.environ))")).text
        cell = await lab.run("%agent --model anthropic/claude-sonnet-5 Hello")
        assert cell.status == "error"
        assert "never read inside a kernel" in cell.error and "ANTHROPIC_API_KEY" in cell.error
        assert (await lab.run(f"{ASK} Hello")).status == "error"
        assert model.keys == []
