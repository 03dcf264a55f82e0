"""The bridge: what a kernel asks the server's models for, over a real connection."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import bridge_scripts
import pytest
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from traitlets.config import Config

from jupyter_agent.bridge.client import Bridge, find_bridge
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.protocol.bridge_address import SECRET_HEADER, SECRET_VARIABLE, URL_VARIABLE
from jupyter_agent.protocol.codec import to_data
from jupyter_agent.protocol.errors import (
    BudgetExceeded,
    ConfigError,
    MissingKey,
    NotAllowed,
    RateLimited,
    UnknownModel,
    error_from_info,
)
from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import ModelInfo, ModelList, Request, ToolDefinition
from jupyter_agent.protocol.provider_events import ProviderEvent
from jupyter_agent.providers.replay import ScriptedProvider
from jupyter_agent.server import bridge as routes
from jupyter_agent.server.extension import JupyterAgentApp

CANARY = "sk-canary-5f2d90ab"
LOOK = ToolDefinition(name="look", description="Look.", parameters={"type": "object"})
SCRIPTS = ("everything", "endless", "thinks", "limited", "broken")


@pytest.fixture
def settings() -> dict[str, Any]:
    """More settings of the agent, for a class of tests."""
    return {}


@pytest.fixture
def jp_server_config(settings: dict[str, Any]) -> Config:
    return Config(
        {
            "ServerApp": {"jpserver_extensions": {"jupyter_agent": True}},
            "JupyterAgent": {
                "store": "memory",
                "discover_local_servers": False,
                "scripts": {name: f"bridge_scripts:{name}" for name in SCRIPTS},
                **settings,
            },
        }
    )


@pytest.fixture
def keys(jp_serverapp: ServerApp, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    """What the person has stored, on the server."""
    for name in ("ANTHROPIC_API_KEY", "XAI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    folder = Path(os.environ["JUPYTER_DATA_DIR"]) / "jupyter_agent"
    stored = Credentials(folder, find_keyring=lambda: None)
    stored.set_key("xai", CANARY, "https://api.x.ai/v1")
    return stored


@pytest.fixture
def environment(agent_app: JupyterAgentApp, jp_serverapp: ServerApp) -> Iterator[dict[str, str]]:
    """What a kernel of this server inherits."""
    assert agent_app.bridge.open(jp_serverapp) is None
    yield dict(os.environ)
    agent_app.bridge.close()
    assert URL_VARIABLE not in os.environ and SECRET_VARIABLE not in os.environ


@pytest.fixture
async def bridge(
    environment: dict[str, str], keys: Credentials, http_server: object
) -> AsyncIterator[Bridge]:
    bridge_scripts.ended.clear()
    found = find_bridge(environment)
    assert found is not None
    yield found


def asked(text: str = "Hello") -> Request:
    return Request(model="x", messages=(user_message(text),), tools=(LOOK,))


def model(name: str) -> ModelInfo:
    return ModelInfo(id=name, provider="script", name=name, label=name)


async def answer(bridge: Bridge, name: str, **more: Any) -> list[ProviderEvent]:
    provider = bridge.provider(model(name), **more)
    try:
        return [event async for event in provider.stream(asked())]
    finally:
        await provider.aclose()


async def fetch(
    bridge: Bridge, path: str, method: str = "GET", body: Any = None, **headers: str
) -> HTTPResponse:
    given = {**bridge.headers(), **{k.replace("_", "-"): v for k, v in headers.items()}}
    request = HTTPRequest(
        f"{bridge.url}/{path}", method, headers=given, body=body, allow_nonstandard_methods=True
    )
    return await AsyncHTTPClient().fetch(request, raise_error=False)


async def test_events_come_out_as_the_provider_gave_them(bridge: Bridge) -> None:
    direct = ScriptedProvider(bridge_scripts.everything, "script/everything")
    request = replace(asked(), model="script/everything")
    expected = [event async for event in direct.stream(request)]
    found = await answer(bridge, "script/everything")
    assert [comparable(event) for event in found] == [comparable(event) for event in expected]
    done = found[-1]
    assert done.type == "done"
    [call] = done.response.message.tool_calls
    assert call.arguments == {"at": None, "how": ["twice", 2, True]}


def comparable(event: ProviderEvent) -> Any:
    """Return an event as data, without what is drawn by lot or read from a clock."""

    def plain(data: Any) -> Any:
        if isinstance(data, dict):
            drawn = ("id", "created_at", "time_to_first_token", "total_duration")
            return {name: plain(value) for name, value in data.items() if name not in drawn}
        return [plain(item) for item in data] if isinstance(data, list) else data

    return plain(to_data(ProviderEvent, event))


async def test_a_piece_is_sent_when_it_comes(bridge: Bridge) -> None:
    provider = bridge.provider(model("script/endless"))
    async with aclosing(provider.stream(asked())) as events:
        first = await asyncio.wait_for(anext(events), 5)
        assert first.type == "text_delta" and first.text == "One "
    await provider.aclose()


async def test_leaving_the_answer_ends_the_providers_call(bridge: Bridge, until: Any) -> None:
    provider = bridge.provider(model("script/endless"))
    events = provider.stream(asked())
    await anext(events)
    assert bridge_scripts.ended == []
    await events.aclose()
    await asyncio.wait_for(until(lambda: bridge_scripts.ended == ["endless"]), 2)
    await provider.aclose()


async def test_a_cancelled_task_ends_the_providers_call(bridge: Bridge, until: Any) -> None:
    task = asyncio.create_task(answer(bridge, "script/endless"))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(until(lambda: bridge_scripts.ended == ["endless"]), 2)


async def test_the_providers_error_is_the_same_at_the_other_end(bridge: Bridge) -> None:
    *before, failed = await answer(bridge, "script/limited")
    assert [event.type for event in before][:1] == ["text_delta"]
    assert failed.type == "error"
    error = error_from_info(failed.error)
    assert isinstance(error, RateLimited)
    assert (error.status, error.retry_after, error.request_id) == (429, 3.0, "r1")


async def test_a_fault_on_the_server_tells_nothing_of_itself(
    bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    [*_, failed] = await answer(bridge, "script/broken")
    assert failed.type == "error" and failed.error.code == "internal"
    assert "canary" not in failed.error.message
    caplog.clear()


@pytest.mark.R(9, 37)
async def test_models_are_listed_without_a_key(bridge: Bridge) -> None:
    found = await bridge.models()
    ids = {m.id: m for m in found.models.models}
    assert ids["script/everything"].available
    assert any(m.available for m in ids.values() if m.provider == "xai")
    assert not any(m.available for m in ids.values() if m.provider == "anthropic")
    assert (found.stored, found.moved) == (("xai",), ())
    brief = await bridge.models(listed=False)
    assert brief == replace(found, models=ModelList(models=()))
    for path in ("models", "models?live=0", "model?id=xai%2Fgrok-4.5"):
        response = await fetch(bridge, path)
        assert response.code == 200
        assert CANARY.encode() not in response.body and CANARY not in str(response.headers)


async def test_a_model_is_described_as_the_server_knows_it(bridge: Bridge) -> None:
    known = await bridge.describe("xai/grok-4.5")
    assert known.price is not None and known.context_window and known.capabilities.tools
    provider = bridge.provider(known)
    assert provider.name == "xai" and provider.capabilities == known.capabilities
    assert await provider.list_models() == [known]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("script/nonesuch", UnknownModel),
        ("nonesuch/x", UnknownModel),
        ("anthropic/claude-sonnet-5", MissingKey),
        ("openai-compatible/x", ConfigError),
        ("http://169.254.169.254/v1#x", UnknownModel),
        ("localhost:9/v1#x", UnknownModel),  # an address all the same
        ("", UnknownModel),
    ],
)
async def test_what_cannot_be_asked_is_the_same_error_as_on_the_server(
    bridge: Bridge, name: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await bridge.describe(name)
    [failed] = await answer(bridge, name)
    assert failed.type == "error"
    assert isinstance(error_from_info(failed.error), kind)


async def test_a_model_is_asked_by_its_id_and_no_other(bridge: Bridge) -> None:
    """The name in the request is not what the settings have passed."""
    bridge_scripts.asked.clear()
    await answer(bridge, "script/everything")
    assert bridge_scripts.asked == ["script/everything"]


@pytest.mark.R(9)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"model": 1}', b"{" * 2000])
async def test_what_is_no_question_is_refused(bridge: Bridge, body: bytes) -> None:
    response = await fetch(bridge, "answer", "POST", body)
    assert response.code == 400
    assert b"bad_frame" in response.body


async def test_a_question_may_not_be_too_large(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MAX_BODY", 1000)
    assert (await fetch(bridge, "answer", "POST", b"x" * 1001)).code == 413
    assert (await fetch(bridge, "answer", "POST", b"x" * 1000)).code == 400

    async def chunks(write: Any) -> None:
        for _ in range(50):
            await write(b"y" * 100)

    request = HTTPRequest(
        f"{bridge.url}/answer", "POST", headers=bridge.headers(), body_producer=chunks
    )
    response = await AsyncHTTPClient().fetch(request, raise_error=False)
    assert response.code == 413


class TestSecret:
    """R37: the bridge's secret opens the bridge, all of it, and nothing else."""

    @pytest.mark.R(1, 37)
    @pytest.mark.parametrize("secret", [None, "", "wrong", "é", "x" * 5000])
    async def test_without_it_nothing_answers(self, bridge: Bridge, secret: str | None) -> None:
        headers = {} if secret is None else {SECRET_HEADER: secret}
        for path, method in (("models", "GET"), ("model?id=demo", "GET"), ("answer", "POST")):
            request = HTTPRequest(
                f"{bridge.url}/{path}", method, headers=headers, allow_nonstandard_methods=True
            )
            response = await AsyncHTTPClient().fetch(request, raise_error=False)
            assert response.code == 403, (path, secret)
            assert "Access-Control-Allow-Origin" not in response.headers

    @pytest.mark.R(37)
    async def test_a_wrong_one_is_told_in_words(self, bridge: Bridge) -> None:
        other = Bridge(bridge.url.removesuffix("/jupyter-agent/bridge"), "wrong")
        with pytest.raises(NotAllowed, match="Restart the kernel"):
            await other.models()
        [failed] = await answer(other, "script/everything")
        assert failed.type == "error" and failed.error.code == "not_allowed"

    @pytest.mark.R(1, 37)
    async def test_a_users_login_does_not_open_it(
        self, bridge: Bridge, jp_serverapp: ServerApp, browser: Any
    ) -> None:
        token = jp_serverapp.identity_provider.token
        xsrf = {"X-XSRFToken": browser.cookies["_xsrf"], **browser.headers}
        for headers in (xsrf, {"Authorization": f"token {token}"}, {SECRET_HEADER: token}):
            for path, method in (("models", "GET"), ("answer", "POST")):
                url = f"{bridge.url}/{path}?token={token}"
                request = HTTPRequest(url, method, headers=headers, allow_nonstandard_methods=True)
                response = await AsyncHTTPClient().fetch(request, raise_error=False)
                assert response.code == 403, (path, headers)

    @pytest.mark.R(1, 10, 37)
    async def test_it_opens_nothing_else(
        self, bridge: Bridge, jp_serverapp: ServerApp, environment: dict[str, str]
    ) -> None:
        secret = environment[SECRET_VARIABLE]
        base = bridge.url.removesuffix("jupyter-agent/bridge")
        places = ("jupyter-agent/api/status", "jupyter-agent/api/providers", "api/contents")
        headers: list[dict[str, str]] = [
            {SECRET_HEADER: secret},
            {"Authorization": f"token {secret}"},
            {"Authorization": f"Bearer {secret}"},
        ]
        for given in headers:
            for place in places:
                request = HTTPRequest(f"{base}{place}", headers=given, follow_redirects=False)
                response = await AsyncHTTPClient().fetch(request, raise_error=False)
                assert response.code == 403, (place, given)
        query = HTTPRequest(f"{base}jupyter-agent/api/status?token={secret}")
        assert (await AsyncHTTPClient().fetch(query, raise_error=False)).code == 403
        assert secret != jp_serverapp.identity_provider.token

    @pytest.mark.R(9)
    async def test_it_is_not_logged(
        self,
        bridge: Bridge,
        environment: dict[str, str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        await bridge.models()
        await answer(bridge, "script/everything")
        await fetch(bridge, "nonesuch")
        assert environment[SECRET_VARIABLE] not in caplog.text
        assert environment[SECRET_VARIABLE] not in repr(bridge) + repr(
            bridge.provider(model("demo"))
        )

    @pytest.mark.R(4)
    async def test_a_foreign_host_name_is_refused(
        self, bridge: Bridge, jp_serverapp: ServerApp
    ) -> None:
        jp_serverapp.web_app.settings["allow_remote_access"] = False
        assert (await fetch(bridge, "models", Host="evil.example")).code == 403

    async def test_once_closed_it_opens_nothing(
        self, bridge: Bridge, agent_app: JupyterAgentApp
    ) -> None:
        agent_app.bridge.close()
        assert (await fetch(bridge, "models")).code == 403


class TestForbidden:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"forbidden_providers": ["xai"], "default_model": "script/everything"}

    async def test_a_forbidden_provider_is_forbidden_here_too(self, bridge: Bridge) -> None:
        found = await bridge.models()
        assert "xai" not in {m.provider for m in found.models.models}
        assert "xai" not in found.stored
        assert found.default_model == "script/everything"
        [failed] = await answer(bridge, "xai/grok-4.5")
        assert failed.type == "error"
        assert "does not allow" in failed.error.message
        assert isinstance(error_from_info(failed.error), ConfigError)


class TestBudget:
    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_tokens": 150}

    async def test_the_servers_limits_hold_for_each_run(self, bridge: Bridge) -> None:
        run = bridge.provider(model("script/everything"))
        for _ in range(2):
            *_, end = [event async for event in run.stream(asked())]
            assert end.type == "done"
        [end] = [event async for event in run.stream(asked())]
        assert end.type == "error"
        assert isinstance(error_from_info(end.error), BudgetExceeded)
        assert (await answer(bridge, "script/everything"))[-1].type == "done"
        await run.aclose()


class TestServing:
    """What is settled in the runtime: signs of life, deadlines, how many at once."""

    async def test_silence_is_bridged_by_signs_of_life(
        self, bridge: Bridge, agent_app: JupyterAgentApp
    ) -> None:
        serving = (await agent_app.manager()).serving
        serving._heartbeat = 0.05
        body = b'{"model": "script/thinks", "run": "r", "request": {"model": "x", "messages": []}}'
        response = await fetch(bridge, "answer", "POST", body)
        lines = response.body.splitlines()
        assert lines[0] == b'{"type":"waiting"}'
        assert b'"done"' in lines[-1]
        assert (await answer(bridge, "script/thinks"))[-1].type == "done"

    async def test_an_answer_that_does_not_end_is_cut(
        self, bridge: Bridge, agent_app: JupyterAgentApp, until: Any
    ) -> None:
        serving = (await agent_app.manager()).serving
        serving._longest = 0.2
        *_, failed = await answer(bridge, "script/endless")
        assert failed.type == "error" and failed.error.code == "timed_out"
        await asyncio.wait_for(until(lambda: bridge_scripts.ended == ["endless"]), 2)

    async def test_more_than_enough_at_once_are_refused(
        self, bridge: Bridge, agent_app: JupyterAgentApp
    ) -> None:
        serving = (await agent_app.manager()).serving
        serving._answering = 16
        [failed] = await answer(bridge, "script/everything")
        assert failed.type == "error" and failed.error.code == "overloaded"
        assert failed.error.retryable
        serving._answering = 0
        assert (await answer(bridge, "script/everything"))[-1].type == "done"
        assert serving._answering == 0


class TestDoor:
    """Who is let in, and by which address."""

    @pytest.mark.parametrize(
        ("ip", "host"),
        [
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("", "127.0.0.1"),
            ("*", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.1"),
            ("::", "[::1]"),
            ("::1", "[::1]"),
            ("10.1.2.3", "10.1.2.3"),
        ],
    )
    def test_kernels_are_given_the_address_that_is_listened_on(
        self, agent_app: JupyterAgentApp, jp_serverapp: ServerApp, ip: str, host: str
    ) -> None:
        jp_serverapp.ip = ip
        agent_app.bridge.open(jp_serverapp)
        base = f"http://{host}:{jp_serverapp.port}{jp_serverapp.base_url}"
        assert os.environ[URL_VARIABLE] == base
        agent_app.bridge.close()

    @pytest.mark.parametrize("trait", ["sock", "certfile"])
    def test_there_is_none_where_it_could_not_work(
        self, agent_app: JupyterAgentApp, jp_serverapp: ServerApp, trait: str
    ) -> None:
        jp_serverapp.set_trait(trait, "/nowhere/file")
        assert agent_app.bridge.open(jp_serverapp)
        assert URL_VARIABLE not in os.environ
        jp_serverapp.set_trait(trait, "")

    async def test_another_servers_is_not_handed_on(
        self,
        agent_app: JupyterAgentApp,
        jp_serverapp: ServerApp,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A server that was started in a terminal of another one."""
        agent_app.bridge.close()
        monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:1/")
        monkeypatch.setenv(SECRET_VARIABLE, "theirs")
        agent_app.agent_settings = replace(agent_app.agent_settings, bridge=False)
        await agent_app._start_jupyter_server_extension(jp_serverapp)
        assert URL_VARIABLE not in os.environ and SECRET_VARIABLE not in os.environ

    async def test_kernels_are_told_when_the_server_starts_and_no_more_when_it_ends(
        self, agent_app: JupyterAgentApp, jp_serverapp: ServerApp
    ) -> None:
        await agent_app._start_jupyter_server_extension(jp_serverapp)
        assert agent_app.bridge.admits(os.environ[SECRET_VARIABLE])
        await agent_app.stop_extension()
        assert URL_VARIABLE not in os.environ and SECRET_VARIABLE not in os.environ
