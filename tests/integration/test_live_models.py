"""Providers that are asked for their models: servers on this machine that answer, refuse, or hang."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from listing_server import Listing, row, serving

from jupyter_agent.access.model_access import ModelAccess
from jupyter_agent.config import ProviderOverride, Settings
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.protocol.errors import ConfigError, NotAllowed, UnknownModel
from jupyter_agent.protocol.models import ModelOverride
from jupyter_agent.providers.registry import PROVIDERS


def access_to(
    tmp_path: Path,
    *,
    environment: dict[str, str] | None = None,
    ask_seconds: float = 5.0,
    models: dict[str, ModelOverride] | None = None,
    **servers: Listing,
) -> ModelAccess:
    """Return access with each named provider at one of these servers."""
    settings = Settings(
        providers={name: ProviderOverride(base_url=it.url) for name, it in servers.items()},
        models=models or {},
        discover_local_servers=False,
    )
    keys = {f"{name.upper()}_API_KEY": f"sk-{name}" for name in servers}
    credentials = Credentials(tmp_path, environment=environment or keys, find_keyring=lambda: None)
    return ModelAccess(settings, credentials, ask_seconds=ask_seconds)


async def test_nobody_is_asked_unless_somebody_wants_to_know(tmp_path: Path) -> None:
    with serving(row("grok-4.5")) as xai:
        access = access_to(tmp_path, xai=xai)
        await access.models()
        await access.default_model()
        access.open("xai/grok-4.5")
        assert xai.keys == []


async def test_what_ready_providers_list_is_merged_with_the_catalogue(tmp_path: Path) -> None:
    rows = (
        row("llama-3.3-70b-versatile", context_window=99_000, max_completion_tokens=9_000),
        row("llama-9", context_window=50_000),
        row("whisper-large-v3"),
        row("gone", active=False),
    )
    with serving(*rows) as groq:
        access = access_to(tmp_path, groq=groq)
        found = await access.models(live=True)
        assert found.live and found.failures == ()
        models = {model.id: model for model in found.models if model.provider == "groq"}
        assert "groq/whisper-large-v3" not in models and "groq/gone" not in models
        known = models["groq/llama-3.3-70b-versatile"]
        assert (known.context_window, known.max_output) == (99_000, 9_000)
        assert known.price is not None and known.label == "Llama 3.3 70B on Groq"
        assert models["groq/llama-9"].available and models["groq/llama-9"].price is None
        assert "Not in the list" in (models["groq/openai/gpt-oss-20b"].reason or "")
        assert groq.keys == ["Bearer sk-groq"]
        # What was told is what a session goes by, and the answer is kept.
        assert access.open("groq/llama-9").model.context_window == 50_000
        await access.models(live=True)
        assert len(groq.keys) == 1


async def test_a_provider_that_fails_keeps_its_models_and_the_failure_is_told(
    tmp_path: Path,
) -> None:
    with (
        serving(status=401) as xai,
        serving(hangs=True) as mistral,
        serving(row("llama-9")) as groq,
    ):
        access = access_to(tmp_path, ask_seconds=3, xai=xai, mistral=mistral, groq=groq)
        found = await access.models(live=True)
        failures = {failure.provider: failure for failure in found.failures}
        assert set(failures) == {"xai", "mistral"}
        assert failures["xai"].label == "xAI" and "key" in failures["xai"].message
        assert failures["mistral"].message == "Mistral did not answer within 3 seconds."
        ready = {model.id for model in found.models if model.available}
        assert {"xai/grok-4.5", "mistral/mistral-medium-3.5", "groq/llama-9"} <= ready


async def test_a_list_that_nobody_foresaw_is_a_failure_too(tmp_path: Path, caplog: Any) -> None:
    with serving(row("x", context_window={"odd": 1}), row("y", top_provider=7)) as groq:
        assert (await access_to(tmp_path, groq=groq).models(live=True)).failures == ()
    with serving(row("x", type=["odd"])) as groq:
        [failure] = (await access_to(tmp_path, groq=groq).models(live=True)).failures
        assert "no list of models" in failure.message and "groq" in caplog.text


async def test_another_key_or_address_is_asked_anew(tmp_path: Path) -> None:
    with serving(row("one")) as first, serving(row("two")) as second:
        access = access_to(tmp_path, environment={"A": ""})
        await access.keys.store("groq", base_url=first.url, key="sk-1")
        assert "groq/one" in {m.id for m in (await access.models(live=True)).models}
        await access.keys.store("groq", key="sk-2")
        await access.models(live=True)
        assert first.keys == ["Bearer sk-1", "Bearer sk-2"]
        await access.keys.store("groq", base_url=second.url, key="sk-3")
        listed = {m.id for m in (await access.models(live=True)).models}
        assert "groq/two" in listed and "groq/one" not in listed
        # Another process has entered a key: no message of it reaches this one.
        access.endpoints.credentials.set_key("groq", "sk-4", second.url)
        await access.models(live=True)
        assert second.keys == ["Bearer sk-3", "Bearer sk-4"]


async def test_a_server_of_ones_own_is_tested_before_it_is_stored(tmp_path: Path) -> None:
    with serving(row("qwen"), key="sk-right") as own:
        access = access_to(tmp_path)
        host = own.url.split("/")[2]
        wrong = await access.keys.test(own.url, key="sk-wrong")
        assert not wrong["ok"] and host in wrong["message"], wrong
        right = await access.keys.test(own.url, key="sk-right")
        assert right == {"ok": True, "message": f"{host} answers: 1 model."}
        assert not [r for r in await access.keys.rows() if r["own"]], "a test stores nothing"
        # What is listed as tested was asked with the key that is stored.
        await access.keys.store(own.url, key="sk-wrong")
        [kept] = [r for r in await access.keys.rows() if r["own"]]
        assert kept["tested"] is None
        await access.keys.test(own.url)
        [kept] = [r for r in await access.keys.rows() if r["own"]]
        assert kept["has_key"] and kept["tested"] is False
        await access.keys.store(own.url, key="sk-right")
        await access.keys.test(own.url)
        [kept] = [r for r in await access.keys.rows() if r["own"]]
        assert kept["tested"] is True
        with pytest.raises(NotAllowed):
            await access.keys.test("openai", key="sk-other")


async def test_a_server_that_is_not_there_is_named_by_its_address(tmp_path: Path) -> None:
    access = access_to(tmp_path)
    with serving(row("qwen")) as own:
        url = own.url
    told = await access.keys.test(url)
    assert not told["ok"]
    assert told["message"] == (
        f"Could not connect to {url.split('/')[2]}. Is the server running, and its address right?"
    )


async def test_a_server_of_ones_own_is_listed_and_its_models_open(tmp_path: Path) -> None:
    with serving(row("qwen/3", max_model_len=9_000), row("bge-m3")) as own:
        access = access_to(tmp_path, environment={"OPENAI_API_KEY": ""})
        url = await access.keys.store(f"{own.url}/")
        assert url == own.url
        found = await access.models(live=True)
        [model] = [m for m in found.models if m.provider == "custom"]
        assert (model.id, model.context_window) == (f"{url}#qwen/3", 9_000)
        assert access.open(model.id).model.id == model.id
        assert (await access.keys.test(url, "qwen/3"))["ok"]
        tried = await access.keys.test(url, "qwen/4")
        assert not tried["ok"] and "qwen/3" in tried["message"]
        await access.keys.store(url, key="sk-own")
        await access.models(live=True)
        assert own.keys[0] is None and own.keys[-1] == "Bearer sk-own"
        [kept] = [r for r in await access.keys.rows() if r["own"]]
        assert kept["key_source"] == "file" and "sk-own" not in json.dumps(kept)
        assert await access.keys.remove(url)
        assert all(m.provider != "custom" for m in (await access.models(live=True)).models)


async def test_what_is_said_of_a_model_wins_over_its_provider(tmp_path: Path) -> None:
    said = {
        "XAI/grok-4.5": ModelOverride(context_window=7_000, capabilities={"vision": False}),
        "grok/of-mine": ModelOverride(label="Mine"),
    }
    with serving(row("grok-4.5", context_length=999_000)) as xai:
        access = access_to(tmp_path, models=said, xai=xai)
        models = {m.id: m for m in (await access.models(live=True)).models}
        assert models["xai/grok-4.5"].context_window == 7_000
        assert not models["xai/grok-4.5"].capabilities.vision
        assert models["xai/of-mine"].label == "Mine" and models["xai/of-mine"].available
        opened = access.open("grok/Grok-4.5")
        assert opened.model.id == "xai/grok-4.5" and opened.model.context_window == 7_000
        assert not opened.provider.capabilities.vision
        await access.say("xai/later", {"label": "Later"})
        assert "xai/later" in {m.id for m in (await access.models()).models}
        with pytest.raises(NotAllowed):
            await access.say("xai/grok-4.5", None)
        with pytest.raises(UnknownModel, match="xai"):
            await access.say("xia/x", {})


async def test_an_administrators_address_stays(tmp_path: Path) -> None:
    with serving(row("one")) as xai:
        access = access_to(tmp_path, xai=xai)
        with pytest.raises(NotAllowed, match="administrator of this server has set the address"):
            await access.keys.store("xai", base_url="https://evil.test/v1", key="sk-mine")
        assert access.endpoints.credentials.names() == []
        await access.keys.store("grok", base_url=xai.url, key="sk-mine")  # the same address
        [kept] = [r for r in await access.keys.rows() if r["name"] == "xai"]
        assert kept["locked"] and kept["base_url"] == xai.url


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(forbidden_providers=frozenset({"google"})), "gemini"),
        (Settings(forbidden_providers=frozenset({"custom"})), "http://127.0.0.1:9/v1"),
        (Settings(allowed_providers=frozenset({"openai"})), "http://127.0.0.1:9/v1"),
        (Settings(allowed_providers=frozenset({"openai"})), "claude"),
    ],
)
async def test_what_is_not_allowed_is_neither_listed_stored_nor_tested(
    tmp_path: Path, settings: Settings, name: str
) -> None:
    keys = Credentials(tmp_path, environment={}, find_keyring=lambda: None)
    access = ModelAccess(settings, keys)
    for attempt in (access.keys.store(name, key="k"), access.keys.test(name)):
        with pytest.raises(ConfigError, match="does not allow"):
            await attempt
    assert name not in {r["name"] for r in await access.keys.rows()}
    assert name not in {m.provider for m in (await access.models()).models}


def test_a_forbidden_name_that_is_none_stops_the_start(tmp_path: Path) -> None:
    keys = Credentials(tmp_path, environment={}, find_keyring=lambda: None)
    with pytest.raises(ConfigError, match=r"forbidden_providers.*gogle.*google"):
        ModelAccess(Settings(forbidden_providers=frozenset({"gogle"})), keys)


async def test_unknown_names_are_refused_with_the_nearest(tmp_path: Path) -> None:
    access = access_to(tmp_path, environment={"A": ""})
    for attempt in (
        access.keys.store("opnai", key="k"),
        access.keys.test("opnai"),
        access.keys.remove("opnai"),
    ):
        with pytest.raises(UnknownModel, match="openai"):
            await attempt


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("opnai/gpt-5", "openai/gpt-5?"),
        ("gogle/x", "google/x?"),
        ("claude-sonet-5", "Did you mean anthropic/claude-sonnet-5,"),
    ],
)
def test_a_model_that_is_not_there_names_the_nearest(tmp_path: Path, typed: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        access_to(tmp_path, environment={"A": ""}).open(typed)
    assert hint in caught.value.user_message
    assert (caught.value.details or {})["nearest"]


async def test_a_list_says_of_each_model_what_opening_it_says(tmp_path: Path) -> None:
    keys = {variable: "k" for entry in PROVIDERS.values() for variable in entry.key_variables}
    with serving(row("claude-9", capabilities={"image_input": {"supported": True}})) as anthropic:
        access = access_to(tmp_path, environment=keys, anthropic=anthropic)
        listed = [m for m in (await access.models()).models if m.available and "/" in m.id]
        live = (await access.models(live=True)).models
        listed += [model for model in live if model.id == "anthropic/claude-9"]
        assert len({model.provider for model in listed}) > 15
        for model in listed:
            opened = access.open(model.id).model.capabilities
            assert opened.structured_output == model.capabilities.structured_output, model.id
            assert opened.tools == model.capabilities.tools, model.id
    assert any(model.capabilities.structured_output for model in listed)
    [demo] = [model for model in live if model.id == "demo"]
    assert demo.capabilities.structured_output


async def test_the_default_model_uses_tools(tmp_path: Path) -> None:
    only_search = access_to(tmp_path, environment={"PERPLEXITY_API_KEY": "k"})
    assert await only_search.default_model() == "perplexity/sonar"
    both = access_to(tmp_path, environment={"PERPLEXITY_API_KEY": "k", "ZAI_API_KEY": "k"})
    assert (await both.default_model() or "").startswith("zai/")
    assert await access_to(tmp_path, environment={"A": ""}).default_model() is None
