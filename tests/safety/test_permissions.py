"""R5: every frame and every route asks Jupyter's authorizer for exactly what it takes.

The tables here are written independently of the server's own. Each frame and each route is tried
with a person who may do everything but one thing, for each of these things.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.serverapp import ServerApp
from live_routes import METHODS, WITH_BODY, implements, our_routes
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketHandler
from traitlets.config import Config

from jupyter_agent.server.permissions import check_complete, frame_types

AGENT, KERNELS, CONTENTS = "jupyter_agent", "kernels", "contents"
EVERYTHING = {
    (action, resource)
    for action in ("read", "write", "execute")
    for resource in (AGENT, KERNELS, CONTENTS)
}
READ, WRITE, EXECUTE = ("read", AGENT), ("write", AGENT), ("execute", AGENT)
RUN_CODE, EDIT = ("execute", KERNELS), ("write", CONTENTS)
HAVE_IT_ACT = {EXECUTE, RUN_CODE, EDIT}

# What each frame takes beyond `read`, which opening the socket takes.
FRAMES: dict[str, set[tuple[str, str]]] = {
    "attach": {READ},
    "detach": set(),
    "prompt": HAVE_IT_ACT,
    "unqueue": {WRITE},
    "stop": {WRITE},
    "resume": HAVE_IT_ACT,
    "compact": HAVE_IT_ACT,
    "configure": {WRITE},
    "approve": HAVE_IT_ACT,
    "answer": HAVE_IT_ACT,
    "keep": {WRITE},
    "undo": {WRITE, EDIT},
    "look_again": {WRITE},
    "restore": {WRITE, EDIT},
    "notebooks": set(),
    "move_notebook": {WRITE},
    "rpc_result": set(),
    "rpc_progress": set(),
}
CONTENT: dict[str, dict[str, Any]] = {
    "prompt": {"op_id": "o", "text": "x"},
    "unqueue": {"prompt_id": "p"},
    "configure": {"mode": "ask"},
    "approve": {"approval_id": "a", "fingerprint": "f", "allow": True},
    "answer": {"question_id": "q"},
    "look_again": {"path": "a.ipynb"},
    "restore": {"message_id": "m"},
    "move_notebook": {"path": "a.ipynb", "to": "b.ipynb"},
}

# What each route takes; a dot stands for a name or an id.
ROUTES: dict[tuple[str, str], set[tuple[str, str]]] = {
    ("GET", "status"): {READ},
    ("GET", "models"): {READ},
    ("PATCH", "models/x"): {WRITE},
    ("DELETE", "models/x"): {WRITE},
    ("GET", "sessions"): {READ},
    ("GET", "search"): {READ},
    ("POST", "sessions"): {WRITE},
    ("PATCH", "sessions/x"): {WRITE},
    ("DELETE", "sessions/x"): {WRITE},
    ("POST", "sessions/x/fork"): {WRITE},
    ("GET", "sessions/x/export"): {READ},
    ("GET", "variables"): {READ, RUN_CODE},
    ("GET", "files"): {READ, ("read", CONTENTS)},
    ("GET", "demo"): {READ, ("read", CONTENTS)},
    ("POST", "demo"): {WRITE, EDIT},
    ("DELETE", "demo"): {WRITE, EDIT, ("write", KERNELS)},
    ("GET", "open-tabs"): {READ},
    ("GET", "providers"): {READ},
    ("PUT", "providers/x"): {WRITE},
    ("DELETE", "providers/x"): {WRITE},
    ("POST", "providers/x/test"): {WRITE},
}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "sessions/x"): {"title": "t"},
    ("POST", "sessions/x/fork"): {"message_id": "m"},
    ("PUT", "providers/x"): {"key": "k"},
    ("POST", "providers/x/test"): {},
}


class AllBut(Authorizer):
    """Allows everything but what is `denied`."""

    denied: set[tuple[str, str]] = set()  # noqa: RUF012 (the server makes the instance)

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return (action, resource) not in self.denied


@pytest.fixture
def jp_server_config() -> Config:
    AllBut.denied.clear()
    return Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"jupyter_agent": True},
                "authorizer_class": AllBut,
            },
            "JupyterAgent": {"store": "memory"},
        }
    )


def test_no_frame_is_without_an_entry() -> None:
    assert frame_types() == FRAMES.keys()
    for name in FRAMES:
        with pytest.raises(RuntimeError, match=name):
            check_complete({frame: () for frame in FRAMES if frame != name})
    with pytest.raises(RuntimeError, match="nonsense"):
        check_complete({**FRAMES, "nonsense": ()})


@pytest.mark.R(5)
async def test_each_frame_takes_each_of_its_permissions(manager: Any, browser: Any) -> None:
    session = manager.add("s1")
    socket = await browser.open()
    await socket.welcome()
    answered = [name for name in FRAMES if name not in UNANSWERED]
    for name in answered:
        for denied in sorted(EVERYTHING):
            AllBut.denied = {denied}
            effects = len(session.told), len(manager.called), len(session.watchers)
            frame = {"session_id": "s1", **CONTENT.get(name, {})}
            if name in ("approve", "answer"):
                frame["nonce"] = socket.nonce
            if name == "move_notebook":
                del frame["session_id"]
            reply = await socket.ask(type=name, **frame)
            if denied in FRAMES[name]:
                assert reply["error"]["code"] == "not_allowed", (name, denied)
                assert (
                    len(session.told),
                    len(manager.called),
                    len(session.watchers),
                ) == effects, (name, denied)
            else:
                assert "error" not in reply, (name, denied)
    assert {what for what, _ in session.told} == {
        name for name in answered if name not in ("attach", "move_notebook")
    }


# Frames without a reply. They say what this page has open, or answer calls made to it.
UNANSWERED = {"detach", "notebooks", "rpc_result", "rpc_progress"}


def test_frames_without_a_reply_need_nothing() -> None:
    assert {name for name, needed in FRAMES.items() if not needed} == UNANSWERED


@pytest.mark.R(5)
async def test_each_route_takes_each_of_its_permissions(
    jp_serverapp: ServerApp, manager: Any, browser: Any
) -> None:
    found = {
        (method, path)
        for path, handler in our_routes(jp_serverapp)
        if not issubclass(handler, WebSocketHandler)
        for method in METHODS
        if implements(handler, method)
    }
    assert found == ROUTES.keys()
    for (method, path), needed in ROUTES.items():
        for denied in sorted(EVERYTHING):
            query = ""
            if path.startswith("sessions/x"):
                manager.add("x")
            if (method, path) == ("DELETE", "demo"):
                AllBut.denied = set()
                made = await browser.fetch("demo", "POST", {})
                query = f"?notebook={json.loads(made.body)['notebook']}"
            AllBut.denied = {denied}
            effects = len(manager.called), set(manager.kept)
            body = BODIES.get((method, path), {}) if method in WITH_BODY else None
            response = await browser.fetch(f"{path}{query}", method, body)
            if denied in needed:
                assert response.code == 403, (method, path, denied)
                effects_now = len(manager.called), set(manager.kept)
                assert effects_now == effects, (method, path, denied)
            else:
                assert response.code < 300, (method, path, denied, response.body)


@pytest.mark.R(5)
async def test_the_socket_takes_reading(manager: Any, browser: Any) -> None:
    for denied in sorted(EVERYTHING):
        AllBut.denied = {denied}
        if denied == READ:
            with pytest.raises(HTTPClientError, match="403"):
                await browser.open()
        else:
            await (await browser.open()).welcome()
