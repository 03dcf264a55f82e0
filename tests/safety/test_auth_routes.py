"""R1, R2, R4, R5, R8: every route and socket of ours, walked from the live router, asks who is there.

Those of the bridge ask for its secret, and for no user: see also `tests/server/test_bridge.py`.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import JupyterServerAuthWarning
from live_routes import METHODS, WITH_BODY, all_routes, bridge_routes, implements, our_routes
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketHandler
from traitlets.config import Config


@pytest.fixture(params=[True, False], ids=["unauthenticated-allowed", "unauthenticated-refused"])
def jp_server_config(request: pytest.FixtureRequest) -> Config:
    return Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"jupyter_agent": True},
                "allow_unauthenticated_access": request.param,
            },
            "JupyterAgent": {"store": "memory", "discover_local_servers": False},
        }
    )


@pytest.mark.R(1, 2)
async def test_nothing_answers_without_credentials(
    jp_serverapp: ServerApp, manager: Any, stranger: Any, browser: Any
) -> None:
    routes = our_routes(jp_serverapp)
    assert len(routes) >= 10
    # A stranger who has got past the check against forged requests: it is not what must hold.
    stranger.cookies = {"_xsrf": browser.cookies["_xsrf"]}
    for path, handler in routes:
        for method in METHODS:
            body: Any = {} if method in WITH_BODY else None
            response = await stranger.fetch(path, method, body)
            allowed = (403,) if implements(handler, method) else (403, 405)
            assert response.code in allowed, (method, path, response.code)
            assert b"sessions" not in response.body
        options = await stranger.fetch(path, "OPTIONS")
        assert options.code in (403, 405) or options.body == b""
    assert not manager.started and not manager.called


@pytest.mark.R(1, 2, 37)
@pytest.mark.parametrize("door", ["open", "closed"])
async def test_a_users_credentials_do_not_open_the_bridge(
    agent_app: Any, manager: Any, stranger: Any, browser: Any, door: str
) -> None:
    """Nobody but who has the bridge's own secret; nor is anybody told why."""
    server = agent_app.serverapp
    routes = bridge_routes(server)
    assert len(routes) == 3
    if door == "open":
        agent_app.bridge.open(server)
    token = server.identity_provider.token
    for path, _ in routes:
        for method in (*METHODS, "OPTIONS"):
            body: Any = {} if method in WITH_BODY else None
            tries = [
                await stranger.fetch(f"/{path}", method, body),
                await browser.fetch(f"/{path}", method, body),
                await stranger.fetch(f"/{path}", method, body, Authorization=f"token {token}"),
                await stranger.fetch(f"/{path}?token={token}", method, body),
            ]
            assert [response.code for response in tries] == [403] * len(tries), (method, path)
    assert not manager.started and not manager.called
    agent_app.bridge.close()


@pytest.mark.R(2)
async def test_no_socket_opens_without_credentials(
    jp_serverapp: ServerApp, manager: Any, stranger: Any
) -> None:
    sockets = [
        path for path, kind in our_routes(jp_serverapp) if issubclass(kind, WebSocketHandler)
    ]
    assert sockets == ["socket"]
    for query in ("", "?token=", "?token=wrong", "?token=undefined"):
        with pytest.raises(HTTPClientError, match="403"):
            await stranger.open(query=query)
    for authorization in ("token wrong", "Bearer ", "Basic OnRva2Vu"):
        with pytest.raises(HTTPClientError, match="403"):
            await stranger.open(Authorization=authorization)
    assert not manager.started


async def test_with_credentials_the_same_routes_answer(
    jp_serverapp: ServerApp, manager: Any, stranger: Any, browser: Any
) -> None:
    """The control: what the other tests see refused is refused for want of credentials alone."""
    assert (await browser.fetch("status")).code == 200
    token = jp_serverapp.identity_provider.token
    assert (await stranger.fetch("status", Authorization=f"token {token}")).code == 200
    assert (await stranger.fetch(f"status?token={token}")).code == 200
    await (await browser.open()).welcome()
    await (await stranger.open(query=f"?token={token}")).welcome()


def test_the_server_finds_no_handler_without_a_decorator(
    jp_configurable_serverapp: Any, jp_server_config: Config
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        server = jp_configurable_serverapp(config=jp_server_config)
    assert our_routes(server)
    texts = [str(w.message) for w in caught if issubclass(w.category, JupyterServerAuthWarning)]
    assert not [text for text in texts if "jupyter-agent" in text or "jupyter_agent" in text]
    for _, handler in all_routes(server):
        assert handler.auth_resource == "jupyter_agent"


@pytest.mark.R(4)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8888", "127.0.0.1.evil.example"])
async def test_a_wrong_host_is_refused(
    jp_serverapp: ServerApp, manager: Any, browser: Any, host: str
) -> None:
    jp_serverapp.web_app.settings["allow_remote_access"] = False
    for path, handler in our_routes(jp_serverapp):
        for method in METHODS:
            if implements(handler, method):
                body: Any = {} if method in WITH_BODY else None
                response = await browser.fetch(path, method, body, Host=host)
                assert response.code == 403, (method, path)
    with pytest.raises(HTTPClientError, match="403"):
        await browser.open(Host=host, Origin=f"http://{host}")
    assert not manager.started


@pytest.mark.R(8)
async def test_reading_changes_nothing(jp_serverapp: ServerApp, manager: Any, browser: Any) -> None:
    manager.add("x")
    for path, handler in our_routes(jp_serverapp):
        if implements(handler, "GET") and not issubclass(handler, WebSocketHandler):
            assert (await browser.fetch(path)).code == 200, path
    assert list(manager.kept) == ["x"]
    assert {name for name, _ in manager.called} <= {"sessions"}


class Refusing(Authorizer):
    """Allows nothing, and notes what it was asked."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012 (the server makes the instance)
    allowed: set[tuple[str, str]] = set()  # noqa: RUF012

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return (action, resource) in self.allowed


class TestAuthorizer:
    """R5: whoever may do nothing on this server may do nothing through the agent."""

    @pytest.fixture
    def jp_server_config(self) -> Config:
        Refusing.asked.clear()
        Refusing.allowed.clear()
        return Config(
            {
                "ServerApp": {
                    "jpserver_extensions": {"jupyter_agent": True},
                    "authorizer_class": Refusing,
                },
                "JupyterAgent": {"store": "memory"},
            }
        )

    @pytest.mark.R(5)
    async def test_it_is_asked_for_every_route(
        self, jp_serverapp: ServerApp, manager: Any, browser: Any
    ) -> None:
        for path, handler in our_routes(jp_serverapp):
            for method in METHODS:
                if not implements(handler, method) or issubclass(handler, WebSocketHandler):
                    continue
                Refusing.asked.clear()
                body: Any = {} if method in WITH_BODY else None
                response = await browser.fetch(path, method, body)
                assert response.code == 403, (method, path)
                action = "read" if method == "GET" else "write"
                assert Refusing.asked == [(action, "jupyter_agent")], (method, path)
        with pytest.raises(HTTPClientError, match="403"):
            await browser.open()
        assert not manager.started
