"""R6, R7: a login that ends takes its sockets with it, and owners do not see each other."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from jupyter_server.auth.identity import IdentityProvider, PasswordIdentityProvider, User
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.websocket import WebSocketClosedError
from traitlets.config import Config

from jupyter_agent.server.identity import LOCAL_OWNER, is_anonymous, owner_of


class Names(IdentityProvider):
    """Believes the name in a header, until it is told otherwise."""

    revoked: set[str] = set()  # noqa: RUF012 (the server makes the instance)

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("X-Name")
        return None if not name or name in self.revoked else User(username=name)


class OwnCookie(PasswordIdentityProvider):
    """Changes something that has nothing to do with who a user is."""

    def get_cookie_name(self, handler: Any) -> str:
        return "another-name"


@pytest.mark.R(7)
def test_names_drawn_by_lot_are_one_owner() -> None:
    for kind in (IdentityProvider, PasswordIdentityProvider, OwnCookie):
        provider = kind()
        assert is_anonymous(provider)
        assert owner_of(provider, User(username="abc")) == LOCAL_OWNER


@pytest.mark.R(7)
def test_real_names_are_owners_of_their_own() -> None:
    provider = Names()
    assert owner_of(provider, User(username="ada")) == "user:ada"
    # A user who is called like the owner of everybody's sessions is not that owner.
    assert owner_of(provider, User(username=LOCAL_OWNER)) != LOCAL_OWNER


class TestNames:
    @pytest.fixture
    def jp_server_config(self) -> Config:
        Names.revoked.clear()
        return Config(
            {
                "ServerApp": {
                    "jpserver_extensions": {"jupyter_agent": True},
                    "identity_provider_class": Names,
                    "disable_check_xsrf": True,
                },
                "JupyterAgent": {"store": "memory"},
            }
        )

    @pytest.mark.R(7)
    async def test_owners_do_not_see_each_others_sessions(
        self, manager: Any, stranger: Any
    ) -> None:
        manager.add("hers", owner="user:ada")
        assert (await stranger.fetch("sessions/hers/export", X_Name="ada")).code == 200
        for path, method, body in (
            ("sessions/hers/export", "GET", None),
            ("sessions/hers", "PATCH", {"title": "x"}),
            ("sessions/hers", "DELETE", None),
            ("sessions/hers/fork", "POST", {"message_id": "m"}),
        ):
            response = await stranger.fetch(path, method, body, X_Name="bob")
            assert response.code == 404
        socket = await stranger.open(**{"X-Name": "bob"})
        await socket.welcome()
        reply = await socket.ask(type="attach", session_id="hers")
        assert reply["error"]["code"] == "unknown_session"
        assert manager.kept["hers"].title == ""

    @pytest.mark.R(6)
    @pytest.mark.slow
    async def test_a_revoked_login_closes_its_sockets_within_five_seconds(
        self, manager: Any, stranger: Any
    ) -> None:
        ada = await stranger.open(**{"X-Name": "ada"})
        bob = await stranger.open(**{"X-Name": "bob"})
        await ada.welcome()
        await bob.welcome()
        Names.revoked.add("ada")
        assert await ada.closed(5.0) == 1008
        manager.add("s1", owner="user:bob")
        assert "error" not in await bob.ask(type="attach", session_id="s1")


class TestLogout:
    async def logout(self, server: ServerApp, client: Any) -> None:
        await AsyncHTTPClient().fetch(
            f"http://{client.host}{server.base_url}logout", headers=client.headers
        )

    @pytest.mark.R(6)
    async def test_logging_out_closes_that_users_sockets(
        self, jp_serverapp: ServerApp, manager: Any, browser: Any, make_browser: Any
    ) -> None:
        other = await make_browser(jp_serverapp.identity_provider.token)
        mine, theirs = await browser.open(), await other.open()
        await mine.welcome()
        await theirs.welcome()
        await self.logout(jp_serverapp, browser)
        assert await mine.closed(2.0) == 1008
        manager.add("s1")
        assert "error" not in await theirs.ask(type="attach", session_id="s1")

    @pytest.mark.R(6)
    async def test_nothing_is_heard_after_logging_out(
        self, jp_serverapp: ServerApp, manager: Any, browser: Any
    ) -> None:
        session = manager.add("s1")
        socket = await browser.open()
        await socket.welcome()
        await socket.ask(type="attach", session_id="s1")
        await self.logout(jp_serverapp, browser)
        assert not session.watchers
        # A client that does not answer the closing frame, and goes on.
        with suppress(WebSocketClosedError):
            await socket.send({"type": "resume", "id": "1", "session_id": "s1"})
        assert await socket.closed(6.0) == 1008
        assert session.told == []

    async def test_a_stranger_logs_nobody_out(
        self, jp_serverapp: ServerApp, manager: Any, browser: Any, stranger: Any
    ) -> None:
        socket = await browser.open()
        await socket.welcome()
        await self.logout(jp_serverapp, stranger)
        await asyncio.sleep(0)
        manager.add("s1")
        assert "error" not in await socket.ask(type="attach", session_id="s1")


class TestApproval:
    """R18: who may approve. A token, wherever it stands, takes the right away."""

    async def refused(self, socket: Any, manager: Any) -> str:
        welcome = await socket.welcome()
        assert welcome["can_approve"] is False
        assert welcome["reason"]
        session = manager.add("s1")
        for frame in (
            {"type": "approve", "approval_id": "a", "fingerprint": "f", "allow": True},
            {"type": "answer", "question_id": "q", "answer": "yes"},
            {"type": "configure", "mode": "auto"},
            {"type": "configure", "mode": "edits", "title": "x"},
        ):
            reply = await socket.ask(session_id="s1", nonce=socket.nonce, **frame)
            assert reply["error"]["code"] == "not_allowed"
        assert session.told == []
        # Everything else it may do, and ask to be asked more.
        assert "error" not in await socket.ask(type="configure", session_id="s1", mode="plan")
        assert "error" not in await socket.ask(type="resume", session_id="s1")
        return str(welcome["reason"])

    @pytest.mark.R(18)
    async def test_a_browsers_socket_may(self, manager: Any, browser: Any) -> None:
        assert (await (await browser.open()).welcome())["can_approve"] is True

    @pytest.mark.R(18)
    @pytest.mark.parametrize("place", ["header", "bearer", "query", "wrong query", "empty query"])
    async def test_a_token_beside_the_cookie_may_not(
        self, jp_serverapp: ServerApp, manager: Any, browser: Any, place: str
    ) -> None:
        token = jp_serverapp.identity_provider.token
        sockets = {
            "header": lambda: browser.open(Authorization=f"token {token}"),
            "bearer": lambda: browser.open(Authorization=f"Bearer {token}"),
            "query": lambda: browser.open(query=f"?token={token}"),
            "wrong query": lambda: browser.open(query="?token=wrong"),
            "empty query": lambda: browser.open(query="?token=x&token="),
        }
        assert "token" in await self.refused(await sockets[place](), manager)

    @pytest.mark.R(18)
    async def test_a_token_alone_may_not(
        self, jp_serverapp: ServerApp, manager: Any, stranger: Any
    ) -> None:
        token = jp_serverapp.identity_provider.token
        await self.refused(await stranger.open(query=f"?token={token}"), manager)
        await self.refused(await stranger.open(Authorization=f"token {token}"), manager)

    @pytest.mark.R(18)
    async def test_a_cookie_without_an_origin_may_not(self, manager: Any, browser: Any) -> None:
        assert "pages" in await self.refused(await browser.open(Origin="none"), manager)

    @pytest.mark.R(18)
    async def test_an_origin_allowed_by_a_star_may_not(
        self, jp_serverapp: ServerApp, manager: Any, browser: Any
    ) -> None:
        jp_serverapp.web_app.settings["allow_origin"] = "*"
        socket = await browser.open(Origin="http://evil.example")
        assert "pages" in await self.refused(socket, manager)
        jp_serverapp.web_app.settings["allow_origin"] = "https://proxy.example"
        named = await browser.open(Origin="https://proxy.example")
        assert (await named.welcome())["can_approve"] is True


class TestModesThatDoNotAsk:
    """R18: a session in which tools run unasked is not made with a token alone."""

    async def made(self, client: Any, mode: str, **headers: str) -> int:
        response = await client.fetch("sessions", "POST", {"mode": mode}, **headers)
        return int(response.code)

    @pytest.mark.R(18)
    @pytest.mark.parametrize("mode", ["edits", "auto"])
    async def test_a_page_may_choose_them_and_a_token_may_not(
        self, jp_serverapp: ServerApp, manager: Any, browser: Any, stranger: Any, mode: str
    ) -> None:
        token = f"token {jp_serverapp.identity_provider.token}"
        page = f"http://{browser.host}"
        assert await self.made(browser, mode, Origin=page) == 201
        assert await self.made(browser, mode, Origin=page, Authorization=token) == 201
        assert await self.made(browser, mode, Authorization=token) == 403
        assert await self.made(browser, mode) == 403
        assert await self.made(stranger, mode, Authorization=token) == 403
        assert await self.made(stranger, mode, Authorization=token, Origin=page) == 403
        forged = {"Cookie": 'username-127-0-0-1="2|1:0|forged"'}
        assert await self.made(stranger, mode, Authorization=token, Origin=page, **forged) == 403
        assert await self.made(stranger, "ask", Authorization=token) == 201
        assert len(manager.called) == 3


class TestWithoutAuthentication:
    @pytest.fixture
    def jp_server_config(self) -> Config:
        return Config(
            {
                "ServerApp": {"jpserver_extensions": {"jupyter_agent": True}},
                "IdentityProvider": {"token": ""},
                "JupyterAgent": {"store": "memory"},
            }
        )

    @pytest.mark.R(18)
    async def test_nobody_may_approve(
        self, jp_serverapp: ServerApp, manager: Any, stranger: Any
    ) -> None:
        jp_serverapp.identity_provider.token = ""
        reason = await TestApproval().refused(await stranger.open(), manager)
        assert reason.startswith("Authentication is off on this server")
        assert "allow_token_approvals" in reason
        made = await stranger.fetch("sessions", "POST", {"mode": "auto"}, xsrf=True)
        assert made.code == 403


class TestTokensAllowed:
    @pytest.fixture
    def jp_server_config(self) -> Config:
        return Config(
            {
                "ServerApp": {"jpserver_extensions": {"jupyter_agent": True}},
                "JupyterAgent": {"store": "memory", "allow_token_approvals": True},
            }
        )

    @pytest.mark.R(18)
    async def test_an_administrator_may_permit_tokens(
        self, jp_serverapp: ServerApp, manager: Any, stranger: Any
    ) -> None:
        token = jp_serverapp.identity_provider.token
        socket = await stranger.open(query=f"?token={token}")
        welcome = await socket.welcome()
        assert (welcome["can_approve"], welcome.get("reason")) == (True, None)
        with pytest.raises(HTTPClientError, match="403"):
            await stranger.open()
