"""Which models a kernel asks itself, and which through the server that started it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_agent.access.model_access import Access, ModelAccess
from jupyter_agent.bridge import surroundings
from jupyter_agent.bridge.client import Bridge
from jupyter_agent.config import ProviderOverride, Settings
from jupyter_agent.models import catalogue
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.protocol.bridge import ServedModels
from jupyter_agent.protocol.bridge_address import SECRET_VARIABLE, URL_VARIABLE
from jupyter_agent.protocol.errors import (
    AgentError,
    ConfigError,
    ConnectionFailed,
    MissingKey,
    UnknownModel,
)
from jupyter_agent.protocol.models import ModelInfo, ModelList, ModelOverride
from jupyter_agent.providers.replay import ScriptedProvider

CANARY = "sk-canary-77aa"
OWN = "http://127.0.0.1:9000/v1"


class FakeServer:
    """A server that has keys for some providers."""

    def __init__(self, **served: Any) -> None:
        known = catalogue.find("anthropic", "claude-sonnet-5")
        assert known is not None
        script = replace(known, id="script/course", provider="script/course", name="script/course")
        self.served = ServedModels(models=ModelList(models=(known, script)), **served)
        self.problem: str | None = None
        self.failure: AgentError | None = None
        self.asked: list[str] = []

    async def models(self, *, live: bool = False, listed: bool = True) -> ServedModels:
        self.asked.append("models" if listed else "what it has")
        if self.failure is not None:
            self.problem = self.failure.user_message
            raise self.failure
        return self.served if listed else replace(self.served, models=ModelList(models=()))

    async def describe(self, model_id: str) -> ModelInfo:
        self.asked.append(model_id)
        if self.failure is not None:
            raise self.failure
        return ModelInfo(
            id=model_id, provider="p", name="known", label="Known", context_window=1234
        )

    def provider(self, info: ModelInfo, on_retry: Any = None) -> Any:
        return ScriptedProvider(lambda request: (), "served")


def access_in_kernel(
    folder: Path, server: FakeServer | None, *, own: tuple[str, ...] = (), **environment: str
) -> ModelAccess:
    """Return the access of a kernel whose person has stored keys that it must not read."""
    stored = Credentials(folder, environment={}, find_keyring=lambda: None)
    stored.set_key("anthropic", CANARY, "https://api.anthropic.com")
    settings = Settings(discover_local_servers=False)
    if own:
        settings = replace(
            settings, providers={name: ProviderOverride(base_url=OWN) for name in own}
        )
    keys = Credentials(folder, environment=environment, stored=False)
    return ModelAccess(settings, keys, server=server, own=own)


async def opened(access: ModelAccess, name: str) -> Access:
    await access.learn(name)
    return access.open(name)


@pytest.mark.R(37)
def test_stored_keys_are_not_read_in_a_kernel(tmp_path: Path) -> None:
    access_in_kernel(tmp_path, None)
    looked: list[str] = []
    keys = Credentials(
        tmp_path,
        environment={},
        find_keyring=lambda: looked.append("keyring"),  # type: ignore[func-returns-value]
        stored=False,
    )
    assert keys.lookup("anthropic", (), "https://api.anthropic.com") is None
    assert (keys.names(), keys.base_url("anthropic"), looked) == ([], None, [])
    for change in (
        lambda: keys.set_key("openai", "k", "https://api.openai.com/v1"),
        lambda: keys.set_base_url("openai", "https://example.com"),
        lambda: keys.remove("anthropic"),
    ):
        with pytest.raises(ConfigError, match="jupyter agent keys"):
            change()
    assert CANARY in (tmp_path / "credentials.json").read_text()


@pytest.mark.R(37)
def test_without_a_server_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    access = access_in_kernel(tmp_path, None)
    with pytest.raises(MissingKey, match=r"never read inside a kernel.*ANTHROPIC_API_KEY"):
        access.open("anthropic/claude-sonnet-5")


async def test_a_key_that_is_missing_here_is_the_servers_to_use(tmp_path: Path) -> None:
    access = access_in_kernel(tmp_path, FakeServer(stored=("anthropic",)))
    found = await opened(access, "Claude/claude-sonnet-5")
    assert found.served and found.model.id == "anthropic/claude-sonnet-5"
    assert found.model.price is not None and found.model.context_window
    assert (await access.refine(found)).model.context_window == 1234


async def test_a_key_of_the_environment_comes_first_as_everywhere(tmp_path: Path) -> None:
    server = FakeServer(stored=("anthropic",))
    access = access_in_kernel(tmp_path, server, ANTHROPIC_API_KEY="sk-mine")
    assert not (await opened(access, "anthropic/claude-sonnet-5")).served


async def test_an_address_that_was_entered_is_the_servers_to_reach(tmp_path: Path) -> None:
    server = FakeServer(stored=("anthropic", "ollama", OWN), moved=("anthropic", "ollama", OWN))
    access = access_in_kernel(tmp_path, server, ANTHROPIC_API_KEY="sk-mine")
    for name in ("anthropic/claude-sonnet-5", "ollama/qwen3", f"{OWN}#m"):
        assert (await opened(access, name)).served, name
    assert not (await opened(access, "http://127.0.0.1:9999/v1#m")).served


async def test_an_address_given_for_this_process_alone_stays_its_own(tmp_path: Path) -> None:
    server = FakeServer(stored=("openai-compatible",), moved=("openai-compatible",))
    access = access_in_kernel(tmp_path, server, own=("openai-compatible",))
    found = await opened(access, "openai-compatible/m")
    assert not found.served
    assert found.provider.endpoint.base_url == OWN  # type: ignore[attr-defined]


async def test_local_servers_and_the_demo_need_no_server(tmp_path: Path) -> None:
    server = FakeServer()
    access = access_in_kernel(tmp_path, server)
    assert not (await opened(access, "ollama/qwen3")).served
    server.asked.clear()
    assert not (await opened(access, "demo")).served
    assert server.asked == []


async def test_scripts_of_the_server_can_be_asked(tmp_path: Path) -> None:
    access = access_in_kernel(tmp_path, FakeServer())
    assert (await opened(access, "script/course")).served


@pytest.mark.parametrize("name", ["nonesuch/x", "anthropic", "anthropic/"])
async def test_a_wrong_name_is_told_here(tmp_path: Path, name: str) -> None:
    access = access_in_kernel(tmp_path, FakeServer(stored=("anthropic",)))
    with pytest.raises(UnknownModel):
        await opened(access, name)


async def test_what_is_forbidden_here_does_not_go_through_the_server(tmp_path: Path) -> None:
    server = FakeServer(stored=("anthropic",))
    settings = Settings(discover_local_servers=False, forbidden_providers=frozenset(("anthropic",)))
    keys = Credentials(tmp_path, environment={}, stored=False)
    access = ModelAccess(settings, keys, server=server)
    with pytest.raises(ConfigError, match="does not allow"):
        await opened(access, "anthropic/claude-sonnet-5")
    assert "anthropic" not in {m.provider for m in (await access.models()).models}


async def test_models_of_both_are_listed_and_the_default_is_the_servers(tmp_path: Path) -> None:
    server = FakeServer(stored=("anthropic",), default_model="script/course")
    access = access_in_kernel(tmp_path, server, XAI_API_KEY="k")
    found = await access.models()
    ready = [model.id for model in found.models if model.available]
    assert ready[:2] == ["anthropic/claude-sonnet-5", "script/course"]
    assert ready[-1] == "demo" and any(id.startswith("xai/") for id in ready)
    assert len({model.id for model in found.models}) == len(found.models)
    assert await access.default_model() == "script/course"
    server.served = replace(server.served, default_model=None)
    assert await access.default_model() == "anthropic/claude-sonnet-5"


async def test_what_people_say_of_a_model_holds_through_the_server(tmp_path: Path) -> None:
    said = ModelOverride(context_window=99)
    settings = Settings(discover_local_servers=False, models={"anthropic/claude-sonnet-5": said})
    keys = Credentials(tmp_path, environment={}, stored=False)
    access = ModelAccess(settings, keys, server=FakeServer(stored=("anthropic",)))
    found = await opened(access, "anthropic/claude-sonnet-5")
    assert found.model.context_window == 99
    assert (await access.refine(found)).model.context_window == 99


class TestUnreachable:
    """A kernel on another machine, or a server that is gone."""

    async def test_everything_else_still_works(self, tmp_path: Path) -> None:
        server = FakeServer(stored=("anthropic",))
        server.failure = ConnectionFailed("Could not connect to the Jupyter server.")
        access = access_in_kernel(tmp_path, server, XAI_API_KEY="k")
        assert not (await opened(access, "xai/grok-4.5")).served
        assert any(m.available for m in (await access.models()).models if m.provider == "xai")
        assert (await access.default_model() or "").startswith("xai/")
        with pytest.raises(MissingKey, match=r"Could not connect.*kernel does not read them"):
            await opened(access, "anthropic/claude-sonnet-5")

    async def test_it_is_asked_once_in_a_while(self, tmp_path: Path) -> None:
        server = FakeServer()
        server.failure = ConnectionFailed("Gone.")
        access = access_in_kernel(tmp_path, server)
        for _ in range(3):
            await access.learn("xai/x")
        assert server.asked == ["what it has"]

    async def test_an_address_that_leads_nowhere_costs_seconds_at_most(
        self, tmp_path: Path
    ) -> None:
        bridge = Bridge("http://127.0.0.1:9/", "s")
        with pytest.raises(ConnectionFailed):
            await bridge.models()
        assert bridge.problem and "Could not connect" in bridge.problem
        with pytest.raises(ConnectionFailed):
            await bridge.describe("x/y")


class TestSurroundings:
    def test_a_plain_process_keeps_its_keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("JPY_PARENT_PID", raising=False)
        assert surroundings.look_around() == surroundings.Surroundings()

    def test_what_a_kernel_starts_is_as_a_kernel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JPY_PARENT_PID", "1")
        monkeypatch.delenv(URL_VARIABLE, raising=False)
        around = surroundings.look_around()
        assert around.credentials is not None and not around.credentials.stored
        assert around.bridge is None
        assert "never read inside a kernel" in around.unused_keys()
        monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:1/")
        monkeypatch.setenv(SECRET_VARIABLE, "s")
        found = surroundings.look_around()
        assert found.bridge is not None
        assert found.unused_keys() == ""
