"""A server with the extension in it, sessions made of nothing, and clients of every kind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.websocket import WebSocketClientConnection, websocket_connect
from traitlets.config import Config

from jupyter_agent.protocol.codec import to_json
from jupyter_agent.protocol.errors import NotAllowed, UnknownSession
from jupyter_agent.protocol.frames import (
    Events,
    ServerStatus,
    SessionSummary,
    Snapshot,
)
from jupyter_agent.protocol.models import ListFailure, ModelInfo, ModelList
from jupyter_agent.protocol.session_events import Notice, SessionEvent
from jupyter_agent.protocol.transcript import Transcript
from jupyter_agent.runtime.sessions import World
from jupyter_agent.server.extension import JupyterAgentApp


class FakeSession:
    """A session that notes what it is told, and whose events the test emits."""

    def __init__(self, session_id: str, owner: str) -> None:
        self.id = session_id
        self.owner = owner
        self.title = ""
        self.running = False
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.review = FakeReview(self.told)
        self.events: list[Notice] = []
        self.watchers: list[Callable[[int, Any, bytes], None]] = []
        self.stopping: asyncio.Event | None = None
        self.attaching: asyncio.Event | None = None

    def emit(self, text: str) -> None:
        event = Notice(level="info", text=text)
        self.events.append(event)
        data = to_json(SessionEvent, event)
        for watcher in tuple(self.watchers):
            watcher(len(self.events), event, data)

    @property
    def journal(self) -> FakeSession:
        return self

    @property
    def transcript(self) -> Transcript:
        return Transcript(title=self.title)

    async def attach(self, watcher: Any, after: int | None, on_reset: Any) -> Any:
        self.watchers.append(watcher)
        if self.attaching is not None:
            await self.attaching.wait()
        first: Snapshot | Events
        if after is None or after > len(self.events):
            first = Snapshot(session_id=self.id, seq=len(self.events), transcript=self.transcript)
        else:
            rest = tuple(self.events[after:])
            first = Events(session_id=self.id, seq=after + 1, events=rest)
        return first, lambda: self.watchers.remove(watcher)

    async def prompt(
        self,
        text: str,
        images: Any,
        *,
        mentions: Any,
        mode: Any,
        delivery: str,
        op_id: str,
        at_most: Any,
    ) -> None:
        if text == "break":
            raise RuntimeError("sk-canary-in-an-exception")
        said = {"text": text, "delivery": delivery, "op_id": op_id}
        if mentions or mode:
            said |= {"mentions": mentions, "mode": mode}
        self.told.append(("prompt", said))

    async def compact(self) -> None:
        self.told.append(("compact", {}))

    async def stop(self) -> None:
        if self.stopping is not None:
            await self.stopping.wait()
        self.told.append(("stop", {}))

    async def resume(self, *, at_most: Any) -> None:
        self.told.append(("resume", {}))

    async def approve(self, approval_id: str, **answer: Any) -> None:
        if approval_id == "settled":
            raise NotAllowed("It is settled already.")
        self.told.append(("approve", {"approval_id": approval_id, **answer}))

    async def answer(self, question_id: str, answer: str | None) -> None:
        self.told.append(("answer", {"question_id": question_id, "answer": answer}))

    async def configure(self, **changes: Any) -> None:
        self.told.append(("configure", changes))

    async def unqueue(self, prompt_id: str) -> None:
        self.told.append(("unqueue", {"prompt_id": prompt_id}))


class FakeReview:
    """Notes what a session is told to keep, undo and restore."""

    def __init__(self, told: list[tuple[str, dict[str, Any]]]) -> None:
        self._told = told

    async def keep(self, path: str | None, cell_id: str | None) -> None:
        self._told.append(("keep", {"path": path, "cell_id": cell_id}))

    async def undo(self, path: str | None, cell_id: str | None, *, force: bool) -> None:
        self._told.append(("undo", {"path": path, "cell_id": cell_id, "force": force}))

    async def look_again(self, path: str) -> None:
        self._told.append(("look_again", {"path": path}))

    async def restore_before(self, message_id: str) -> None:
        if message_id == "running":
            raise NotAllowed("The agent is at work. Stop it first, then undo what it did.")
        self._told.append(("restore", {"message_id": message_id}))


@dataclass
class FakeAccess:
    """Models and providers in memory; `called` notes what was asked for."""

    called: list[tuple[str, Any]]
    asked_live: list[bool] = field(default_factory=list)

    @property
    def keys(self) -> FakeAccess:
        return self

    async def models(self, *, live: bool = False) -> ModelList:
        self.asked_live.append(live)
        demo = ModelInfo(id="demo", provider="demo", name="demo", label="Demo")
        failure = ListFailure(provider="openai", label="OpenAI", message="Down.")
        return ModelList(models=(demo,), failures=(failure,) if live else (), live=live)

    async def say(self, model_id: str, said: dict[str, Any] | None) -> None:
        self.called.append(("say", (model_id, said)))

    async def rows(self) -> list[dict[str, Any]]:
        return [{"name": "openai", "has_key": True}]

    async def store(self, name: str, *, key: str | None, base_url: str | None) -> None:
        self.called.append(("store", (name, key, base_url)))

    async def remove(self, name: str) -> None:
        self.called.append(("remove", name))

    async def test(self, name: str, *, model: str | None, key: str | None) -> dict[str, Any]:
        return {"ok": True, "message": f"{name} {model} {bool(key)}"}


@dataclass
class FakeManager:
    """Sessions in memory. A test reaches what the server was asked through `called`."""

    world: World
    kept: dict[str, FakeSession] = field(default_factory=dict)
    watchers: list[Callable[[], None]] = field(default_factory=list)
    called: list[tuple[str, Any]] = field(default_factory=list)
    started: bool = False
    closed: bool = False

    def __post_init__(self) -> None:
        self.access = FakeAccess(self.called)

    async def start(self) -> None:
        self.started = True

    async def aclose(self) -> None:
        self.closed = True

    def add(self, session_id: str, owner: str = "local") -> FakeSession:
        self.kept[session_id] = FakeSession(session_id, owner)
        return self.kept[session_id]

    async def end_demo(self, path: str, *, owner: str, as_made: Path) -> None:
        self.called.append(("end_demo", path))

    async def create(self, *, owner: str, **given: Any) -> SessionSummary:
        self.called.append(("create", given))
        return summary(self.add(f"s{len(self.kept) + 1}", owner))

    async def sessions(
        self, *, owner: str, notebook_path: str | None = None
    ) -> list[SessionSummary]:
        self.called.append(("sessions", notebook_path))
        return [summary(session) for session in self.kept.values() if session.owner == owner]

    async def search(self, query: str, *, owner: str) -> dict[str, str]:
        return {one.id: query for one in self.kept.values() if one.owner == owner}

    async def get(self, session_id: str, *, owner: str) -> FakeSession:
        session = self.kept.get(session_id)
        if session is None or session.owner != owner:
            raise UnknownSession("There is no such session.")
        return session

    async def rename(self, session_id: str, title: str, *, owner: str) -> None:
        (await self.get(session_id, owner=owner)).title = title

    async def delete(self, session_id: str, *, owner: str) -> None:
        await self.get(session_id, owner=owner)
        del self.kept[session_id]

    async def fork(
        self, session_id: str, message_id: str, *, owner: str, before: bool = False
    ) -> SessionSummary:
        await self.get(session_id, owner=owner)
        self.called.append(("fork before" if before else "fork", message_id))
        return summary(self.add("forked", owner))

    async def move_notebook(self, old: str, new: str, *, owner: str) -> None:
        self.called.append(("move_notebook", (old, new, owner)))

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.watchers.append(callback)
        return lambda: self.watchers.remove(callback)

    async def status(self) -> ServerStatus:
        return ServerStatus(
            version="1",
            default_model=None,
            default_mode="ask",
            modes=("plan", "ask"),
            open_panel="first",
            demo_prompt="",
            demo_explore_prompt="",
            looked_for=(),
        )


def summary(session: FakeSession) -> SessionSummary:
    return SessionSummary(
        id=session.id,
        title=session.title,
        notebook_path=None,
        model="demo",
        mode="ask",
        effort=None,
        created_at="2026-11-20T12:00:00+00:00",
        updated_at="2026-11-20T12:00:00+00:00",
        status="idle",
    )


class Browser:
    """A client with cookies, as a page of this server has them; reads frames with a deadline."""

    def __init__(self, server: ServerApp, port: int, cookies: dict[str, str]) -> None:
        self.server = server
        self.port = port
        self.host = f"127.0.0.1:{port}"
        self.cookies = cookies
        self.opened: list[Socket] = []

    @property
    def headers(self) -> dict[str, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": cookie} if cookie else {}

    def url(self, path: str, scheme: str = "http") -> str:
        """Return the address of a path below `jupyter-agent/api/`, or of one that begins with /."""
        below = path[1:] if path.startswith("/") else f"jupyter-agent/api/{path}"
        return f"{scheme}://{self.host}{self.server.base_url}{below}"

    async def fetch(
        self,
        path: str,
        method: str = "GET",
        body: Any = None,
        *,
        xsrf: bool = True,
        raise_error: bool = False,
        **headers: str,
    ) -> HTTPResponse:
        given = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if xsrf and "_xsrf" in self.cookies:
            given["X-XSRFToken"] = self.cookies["_xsrf"]
        content: bytes | str | None = body
        if body is not None and not isinstance(body, bytes | str):
            content = json.dumps(body)
            given.setdefault("Content-Type", "application/json")
        request = HTTPRequest(
            self.url(path),
            method,
            headers=given,
            body=content,
            allow_nonstandard_methods=True,
            follow_redirects=False,
        )
        return await AsyncHTTPClient().fetch(request, raise_error=raise_error)

    async def open(self, *, query: str = "", **headers: str) -> Socket:
        given = {"Origin": f"http://{self.host}", **self.headers, **headers}
        given = {name: value for name, value in given.items() if value != "none"}
        request = HTTPRequest(self.url(f"socket{query}", "ws"), headers=given)
        self.opened.append(Socket(await websocket_connect(request)))
        return self.opened[-1]


class Socket:
    """The client's end of a socket."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self.nonce = ""

    async def read(self, seconds: float = 10.0) -> dict[str, Any] | None:
        """Return the next frame, None when the server has closed the socket."""
        message = await asyncio.wait_for(self.connection.read_message(), seconds)
        return None if message is None else json.loads(message)

    async def read_until(self, kind: str) -> dict[str, Any]:
        while True:
            frame = await self.read()
            assert frame is not None, f"closed before a {kind}"
            if frame["type"] == kind:
                return frame

    async def welcome(self) -> dict[str, Any]:
        frame = await self.read()
        assert frame is not None and frame["type"] == "welcome"
        self.nonce = frame["nonce"]
        return frame

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        if isinstance(frame, dict):
            frame = json.dumps(frame)
        await self.connection.write_message(frame)

    async def ask(self, **frame: Any) -> dict[str, Any]:
        """Send a frame and return its reply."""
        await self.send({"id": "1", **frame})
        return await self.read_until("reply")

    async def closed(self, seconds: float = 10.0) -> int | None:
        """Wait until the server has closed the socket; returns the code."""
        while await self.read(seconds) is not None:
            pass
        return self.connection.close_code

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def jp_server_config() -> Config:
    return Config(
        {
            "ServerApp": {"jpserver_extensions": {"jupyter_agent": True}},
            "JupyterAgent": {"store": "memory", "discover_local_servers": False},
        }
    )


@pytest.fixture
def agent_app(jp_serverapp: ServerApp) -> JupyterAgentApp:
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_agent"]
    assert isinstance(app, JupyterAgentApp)
    return app


@pytest.fixture
def manager(agent_app: JupyterAgentApp, jp_root_dir: Path) -> FakeManager:
    """Sessions made of nothing, in the place of the real ones."""
    fake = FakeManager(World(root=jp_root_dir))
    agent_app.make_manager = lambda app: fake  # type: ignore[assignment,return-value]
    return fake


@pytest.fixture
async def make_browser(
    jp_serverapp: ServerApp, jp_http_port: int, http_server: object
) -> AsyncIterator[Callable[[str], Awaitable[Browser]]]:
    """Log in as a person does; returns a client with the cookies that come of it."""
    made: list[Browser] = []

    async def make(token: str) -> Browser:
        browser = Browser(jp_serverapp, jp_http_port, {})
        made.append(browser)
        # The login page sets the cookie against forged requests, the login the other.
        for query in ("", f"?token={token}") if token else ():
            url = f"http://{browser.host}{jp_serverapp.base_url}login{query}"
            response = await AsyncHTTPClient().fetch(url, follow_redirects=False, raise_error=False)
            for header in response.headers.get_list("Set-Cookie"):
                for name, morsel in SimpleCookie(header).items():
                    browser.cookies[name] = morsel.value
        return browser

    yield make
    for browser in made:
        for opened in browser.opened:
            opened.close()


@pytest.fixture
async def browser(
    make_browser: Callable[[str], Awaitable[Browser]], jp_serverapp: ServerApp
) -> Browser:
    made = await make_browser(jp_serverapp.identity_provider.token)
    assert any(name.startswith("username") for name in made.cookies)
    return made


@pytest.fixture
async def stranger(make_browser: Callable[[str], Awaitable[Browser]]) -> Browser:
    """A client without any credentials."""
    return await make_browser("")


@pytest.fixture
async def socket(manager: FakeManager, browser: Browser) -> Socket:
    opened = await browser.open()
    await opened.welcome()
    return opened


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Let the loop turn until something is so; the test's own deadline bounds it."""

    async def wait(condition: Callable[[], object]) -> None:
        while not condition():  # noqa: ASYNC110 (what it waits for knows no events)
            await asyncio.sleep(0.002)

    return wait
