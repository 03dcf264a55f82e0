"""From a model's id to what an adapter needs, and errors that name the nearest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jupyter_agent.config import ProviderOverride, Settings
from jupyter_agent.models import catalogue
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.models.resolve import ResolvedModel, resolve
from jupyter_agent.protocol.errors import ConfigError, MissingKey, UnknownModel
from jupyter_agent.protocol.models import Capabilities


@dataclass(frozen=True)
class Row:
    label: str
    base_url: str
    api: str = "openai_chat"
    key_variables: tuple[str, ...] = ()
    local: bool = False
    custom_api: str = ""
    twin: str = ""
    capabilities: Capabilities = field(default_factory=Capabilities)


KEYED = Capabilities(tools=True, streaming=True, requires_key=True)
TABLE = {
    "anthropic": Row(
        "Anthropic",
        "https://api.anthropic.com",
        "anthropic",
        ("ANTHROPIC_API_KEY",),
        capabilities=KEYED,
    ),
    "openai": Row(
        "OpenAI",
        "https://api.openai.com/v1",
        "openai_responses",
        ("OPENAI_API_KEY",),
        custom_api="openai_chat",
        capabilities=KEYED,
    ),
    "azure": Row("Azure", "", "openai_chat", ("AZURE_OPENAI_API_KEY",), capabilities=KEYED),
    "ollama": Row("Ollama", "http://127.0.0.1:11434", "ollama", local=True),
    "gemini-openai": Row("Gemini", "https://gemini.test/openai", twin="gemini"),
}


def found(
    tmp_path: Path,
    model_id: str,
    settings: Settings | None = None,
    environment: dict[str, str] | None = None,
    credentials: Credentials | None = None,
) -> ResolvedModel:
    keys = credentials or Credentials(
        tmp_path,
        environment={"ANTHROPIC_API_KEY": "sk-a"} if environment is None else environment,
        find_keyring=lambda: None,
    )
    return resolve(model_id, settings or Settings(), keys, TABLE)


def test_a_server_in_another_protocol_has_the_same_models(tmp_path: Path) -> None:
    model = found(tmp_path, "gemini-openai/gemini-2.5-pro").info
    plain = catalogue.find("gemini", "gemini-2.5-pro")
    assert plain is not None
    assert (model.id, model.provider) == ("gemini-openai/gemini-2.5-pro", "gemini-openai")
    assert (model.context_window, model.price) == (plain.context_window, plain.price)
    assert model.capabilities.vision and not model.capabilities.documents
    assert found(tmp_path, "gemini-openai/unheard-of").info.label == "unheard-of"


def test_a_known_model_comes_with_its_facts(tmp_path: Path) -> None:
    model = found(tmp_path, " Anthropic/claude-sonnet-5 ")
    assert (model.id, model.api, model.key) == ("anthropic/claude-sonnet-5", "anthropic", "sk-a")
    assert model.base_url == "https://api.anthropic.com"
    assert model.info.context_window == 1_000_000
    assert model.info.price is not None


def test_a_dated_snapshot_is_the_same_model(tmp_path: Path) -> None:
    model = found(tmp_path, "anthropic/claude-haiku-4-5-20251001")
    assert model.name == "claude-haiku-4-5-20251001"
    assert model.info.context_window == 200_000


def test_an_unknown_model_of_a_known_provider_is_tried(tmp_path: Path) -> None:
    model = found(tmp_path, "anthropic/claude-of-tomorrow")
    assert model.info.capabilities == KEYED
    assert model.info.price is None


def test_a_local_model_needs_no_key(tmp_path: Path) -> None:
    model = found(tmp_path, "ollama/hf.co/some/model:q4")
    assert (model.name, model.key, model.local) == ("hf.co/some/model:q4", None, True)


def test_the_demo_is_there_only_by_name(tmp_path: Path) -> None:
    assert found(tmp_path, "demo").provider == "demo"
    with pytest.raises(UnknownModel):
        found(tmp_path, "")


def test_an_address_of_ones_own(tmp_path: Path) -> None:
    model = found(tmp_path, "https://LLM.example:8443/v1/#my/model")
    assert (model.base_url, model.name) == ("https://llm.example:8443/v1", "my/model")
    assert (model.provider, model.api, model.key) == ("custom", "openai_chat", None)
    with pytest.raises(UnknownModel, match="#name"):
        found(tmp_path, "https://llm.example/v1")
    with pytest.raises(ConfigError):
        found(tmp_path, "ftp://llm.example/v1#m")


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("claude-sonet-5", "anthropic/claude-sonnet-5"),
        ("antropic/claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("openi/some-thing-else", "openai/some-thing-else"),
        ("anthropic", "anthropic/claude-opus-5"),
        ("anthropic/", "anthropic/claude-opus-5"),
    ],
)
def test_what_is_not_there_names_the_nearest(tmp_path: Path, typed: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        found(tmp_path, typed)
    assert hint in caught.value.user_message


def test_a_missing_key_says_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(MissingKey, match="ANTHROPIC_API_KEY"):
        found(tmp_path, "anthropic/claude-sonnet-5", environment={})


def test_an_administrator_decides_who_is_asked(tmp_path: Path) -> None:
    for settings in (
        Settings(forbidden_providers=frozenset({"anthropic"})),
        Settings(allowed_providers=frozenset({"ollama"})),
        Settings(
            allowed_providers=frozenset({"anthropic"}),
            forbidden_providers=frozenset({"anthropic"}),
        ),
    ):
        with pytest.raises(ConfigError, match="administrator"):
            found(tmp_path, "anthropic/claude-sonnet-5", settings)
    with pytest.raises(ConfigError, match="administrator"):
        found(
            tmp_path, "https://llm.example/v1#m", Settings(allowed_providers=frozenset({"ollama"}))
        )


def test_an_administrators_address_gets_the_environments_key(tmp_path: Path) -> None:
    override = ProviderOverride(
        base_url="https://gateway.corp/anthropic", headers={"x-team": "data"}, api="openai_chat"
    )
    model = found(
        tmp_path, "anthropic/claude-sonnet-5", Settings(providers={"anthropic": override})
    )
    assert (model.base_url, model.key) == ("https://gateway.corp/anthropic", "sk-a")
    assert (model.api, dict(model.headers)) == ("openai_chat", {"x-team": "data"})


@pytest.mark.R(10)
def test_an_entered_address_does_not_get_the_environments_key(tmp_path: Path) -> None:
    keys = Credentials(
        tmp_path, environment={"OPENAI_API_KEY": "sk-env"}, find_keyring=lambda: None
    )
    keys.set_base_url("openai", "https://gateway.example/v1")
    with pytest.raises(MissingKey, match=r"gateway\.example"):
        found(tmp_path, "openai/gpt-5.4", credentials=keys)
    keys.set_key("openai", "sk-gateway", "https://gateway.example/v1")
    assert found(tmp_path, "openai/gpt-5.4", credentials=keys).key == "sk-gateway"


def test_another_address_may_speak_another_api(tmp_path: Path) -> None:
    keys = Credentials(
        tmp_path, environment={"OPENAI_API_KEY": "sk-env"}, find_keyring=lambda: None
    )
    assert found(tmp_path, "openai/gpt-5.4", credentials=keys).api == "openai_responses"
    override = ProviderOverride(base_url="https://gateway.corp/v1")
    settings = Settings(providers={"openai": override})
    assert found(tmp_path, "openai/gpt-5.4", settings, credentials=keys).api == "openai_chat"
    override = ProviderOverride(base_url="https://gateway.corp/v1", api="openai_responses")
    settings = Settings(providers={"openai": override})
    assert found(tmp_path, "openai/gpt-5.4", settings, credentials=keys).api == "openai_responses"


def test_a_provider_without_an_address_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="enter its address"):
        found(tmp_path, "azure/gpt-5.4")


@pytest.mark.R(9)
def test_repr_shows_no_key(tmp_path: Path) -> None:
    model = found(tmp_path, "anthropic/claude-sonnet-5")
    assert model.key is not None
    assert model.key not in repr(model)
