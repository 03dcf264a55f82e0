"""What a model server on this machine says of a model decides what a session asks of it."""

import json
import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jupyter_agent.access.model_access import ModelAccess
from jupyter_agent.config import ProviderOverride, Settings, Timeouts
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.protocol.models import ModelOverride
from jupyter_agent.runtime.build import build_manager


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        """Say nothing."""

    def do_GET(self):
        if self.server.holds:
            self.server.released.wait(30)
        if self.path == "/v1/models":
            self.answer({"data": [{"id": "mine", "max_model_len": self.server.window}]})
            return
        self.answer({"models": [{"name": "mine:latest"}, {"name": "other:7b"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/show":
            able = self.server.able if body["model"].startswith("mine") else []
            info = {"general.architecture": "x", "x.context_length": self.server.window}
            self.answer({"capabilities": ["completion", *able], "model_info": info})
            return
        self.server.questions.append(body)
        said = {"role": "assistant", "content": "Hello."}
        self.answer({"message": said, "done": True, "done_reason": "stop"})

    def answer(self, data):
        body = json.dumps(data).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def ollama(*able, window=131_072, holds=False):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.questions, server.able = True, [], able
    server.window, server.holds, server.released = window, holds, threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()


def settings_of(server):
    url = f"http://127.0.0.1:{server.server_port}"
    return Settings(
        providers={"ollama": ProviderOverride(base_url=url)},
        discover_local_servers=False,
        timeouts=Timeouts(connect=2.0),
    )


@asynccontextmanager
async def session_of(tmp_path, server, **said):
    manager = build_manager(
        replace(settings_of(server), models=said),
        root=tmp_path,
        store_path=None,
        credentials=nowhere(tmp_path),
    )
    try:
        made = await manager.create(owner="me", model="ollama/mine")
        session = await manager.get(made.id, owner="me")
        events = []
        session.journal.attach(lambda seq, event, data: events.append(event), 0)
        await session.prompt("hello")
        await session.wait()
        yield session, events
    finally:
        await manager.aclose()


def nowhere(folder):
    return Credentials(folder, environment={}, find_keyring=lambda: None)


def notices(events):
    return [event.code for event in events if event.type == "notice"]


async def test_seed_059_a_model_that_can_use_tools_gets_them(tmp_path):
    with ollama("tools", "vision") as server:
        async with session_of(tmp_path, server) as (session, events):
            assert session.history[-1].text == "Hello."
            assert session.vision
            assert notices(events) == []
    [question] = server.questions
    assert {"read_cells", "edit_cells"} <= {t["function"]["name"] for t in question["tools"]}


async def test_a_model_that_cannot_is_asked_without_and_it_is_said(tmp_path):
    with ollama() as server:
        async with session_of(tmp_path, server) as (session, events):
            assert session.history[-1].text == "Hello."
            assert notices(events) == ["no_tools"]
    assert "tools" not in server.questions[0]


@pytest.mark.parametrize(("window", "used"), [(131_072, 32_768), (8_192, 8_192)])
async def test_the_window_is_the_one_the_server_will_use(tmp_path, window, used):
    with ollama("tools", window=window) as server:
        async with session_of(tmp_path, server) as (_, events):
            [budget] = [event for event in events if event.type == "budget"]
            assert budget.context_window == used
    assert server.questions[0]["options"]["num_ctx"] == used


async def test_what_a_person_says_of_a_model_holds_against_its_server(tmp_path):
    with ollama(window=131_072) as server:
        async with session_of(
            tmp_path,
            server,
            **{"ollama/Mine": ModelOverride(context_window=4_096, capabilities={"tools": True})},
        ) as (_, events):
            assert notices(events) == ["small_window"]  # with tools, though the server says none
            [budget] = [event for event in events if event.type == "budget"]
            assert budget.context_window == 4_096
    assert server.questions[0]["options"]["num_ctx"] == 4_096
    assert server.questions[0]["tools"]


async def test_any_server_on_this_machine_tells_its_window(tmp_path):
    with ollama(window=4_096) as server:
        access = ModelAccess(Settings(), nowhere(tmp_path))
        opened = access.open(f"http://127.0.0.1:{server.server_port}/v1#mine")
        found = await access.refine(opened)
        await opened.provider.aclose()
    assert found.model.context_window == 4_096
    assert found.model.capabilities.tools
    # What is known for a moment needs no server.
    assert await access.refine(opened) == found


async def test_a_server_that_does_not_list_in_time_is_left_at_what_is_known(tmp_path):
    with ollama("tools", holds=True) as server:
        access = ModelAccess(settings_of(server), nowhere(tmp_path), refine_seconds=0.2)
        found = access.open("ollama/mine")
        try:
            assert await access.refine(found) == found
        finally:
            await found.provider.aclose()


async def test_a_server_that_is_not_there_is_left_at_what_is_known(tmp_path):
    with ollama() as server:
        settings = settings_of(server)
    access = ModelAccess(settings, nowhere(tmp_path))
    found = access.open("ollama/mine")
    assert await access.refine(found) == found
    await found.provider.aclose()


async def test_a_model_that_is_not_listed_is_left_at_what_is_known(tmp_path):
    with ollama("tools") as server:
        access = ModelAccess(settings_of(server), nowhere(tmp_path))
        found = access.open("ollama/missing")
        assert await access.refine(found) == found
        await found.provider.aclose()
