"""Providers by name, and what is refused before one is made."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from jupyter_agent.protocol.errors import ConfigError, MissingKey, UnknownModel
from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import Request
from jupyter_agent.providers.dialects import DIALECTS, LABELS
from jupyter_agent.providers.registry import (
    PROVIDERS,
    ProviderSpec,
    find_provider,
    make_provider,
)


@pytest.mark.parametrize(
    ("name", "tools", "vision"),
    [
        ("openai", True, True),
        ("anthropic", True, True),
        ("gemini", True, True),
        ("deepseek", True, False),
        ("cohere", True, False),
        ("groq", True, False),
        ("xai", True, False),
        ("ollama", False, False),
        ("perplexity", False, False),
    ],
)
def test_seed_059_the_nine_and_their_capabilities(name, tools, vision):
    for spelling in (name, name.upper(), f" {name.title()} "):
        assert find_provider(spelling).name == name
    found = find_provider(name).capabilities
    assert (found.tools, found.vision) == (tools, vision)
    assert found.streaming and found.system_prompt
    assert make_provider(ProviderSpec(provider=name, api_key="k")).name == name


def test_every_provider_can_be_made():
    for name in PROVIDERS:
        spec = ProviderSpec(provider=name, api_key="k", base_url="https://model.test/v1")
        made = make_provider(spec)
        assert made.name == name
        assert made.capabilities == PROVIDERS[name].capabilities


def test_the_table_says_who_needs_a_key():
    needy = {name for name, entry in PROVIDERS.items() if entry.capabilities.requires_key}
    assert {"openai", "anthropic", "groq", "vertex"} <= needy
    assert not needy & {"ollama", "vllm", "lmstudio", "openai-compatible", "bedrock"}


def test_unknown_names_get_the_nearest():
    with pytest.raises(UnknownModel, match="Did you mean anthropic"):
        find_provider("antropic")
    with pytest.raises(UnknownModel, match="Known are openai"):
        find_provider("zzzz")


def test_aliases_are_known():
    assert find_provider("Claude").name == "anthropic"
    assert find_provider("google").name == "gemini"


def test_a_missing_key_says_which_variable_to_set():
    with pytest.raises(MissingKey, match="GROQ_API_KEY") as caught:
        make_provider(ProviderSpec(provider="groq", api_key="  "))
    assert caught.value.details == {"provider": "groq", "key_env": ["GROQ_API_KEY"]}
    make_provider(ProviderSpec(provider="ollama"))
    make_provider(ProviderSpec(provider="groq", base_url="http://localhost:1/v1"))


@pytest.mark.parametrize(
    "spec",
    [
        ProviderSpec(provider="azure", api_key="k"),
        ProviderSpec(provider="openai", api_key="k", base_url="file:///etc/passwd"),
        ProviderSpec(provider="openai", api_key="k", api="telepathy"),
    ],
)
def test_what_cannot_work_is_refused(spec):
    with pytest.raises(ConfigError):
        make_provider(spec)


def test_importing_the_registry_loads_no_http_client_and_no_adapter():
    code = (
        "import sys, jupyter_agent.providers.registry;"
        "print([m for m in ('httpx', 'jupyter_agent.providers.anthropic') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "given",
    [
        "https://mine.openai.azure.com",
        "https://mine.openai.azure.com/",
        "https://mine.openai.azure.com/openai",
        "https://mine.openai.azure.com/openai/v1",
    ],
)
def test_azures_address_is_that_of_its_v1_api(given):
    made = make_provider(ProviderSpec(provider="azure", api_key="k", base_url=given))
    assert made.endpoint.base_url.rstrip("/") == "https://mine.openai.azure.com/openai/v1"
    assert made.auth_headers() == {"api-key": "k"}


@pytest.mark.parametrize(
    ("provider", "base_url", "header"),
    [
        ("azure", "https://mine.openai.azure.com/openai/v1", "api-key"),
        ("xai", None, "Authorization"),
        ("lmstudio", None, "Authorization"),
        ("bedrock-openai", None, "Authorization"),
        ("openai-compatible", "https://gateway.test/v1", "Authorization"),
    ],
)
def test_responses_can_be_spoken_elsewhere(provider, base_url, header):
    spec = ProviderSpec(
        provider=provider,
        api="openai_responses",
        api_key="k",
        base_url=base_url,
        region="eu-west-1",
    )
    made = make_provider(spec)
    assert type(made).__name__ == "OpenAIResponsesProvider"
    assert made.name == provider
    assert list(made.auth_headers()) == [header]


def test_a_new_vendor_is_one_record():
    """What the checklist in CONTRIBUTING.md promises: all else is made from the dialect."""
    for name, dialect in DIALECTS.items():
        entry = PROVIDERS[name]
        assert (entry.label, entry.base_url) == (dialect.label, dialect.base_url)
        assert entry.key_variables == dialect.key_env
        assert LABELS[name] == dialect.label
        if name != "openai":  # which speaks Responses by itself
            assert entry.api == "openai_chat"
            assert entry.capabilities.tools == dialect.tools
            assert entry.capabilities.vision == dialect.vision


def test_every_provider_is_in_the_documentation():
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [name for name in PROVIDERS if f"`{name}`" not in page] == []


def test_another_server_under_a_vendors_name_gets_no_cache_key():
    asked = []

    def answer(request):
        asked.append(json.loads(request.content))
        return httpx.Response(400)

    async def body(base_url):
        spec = ProviderSpec(
            provider="openai",
            api="openai_chat",
            api_key="k",
            base_url=base_url,
            transport=httpx.MockTransport(answer),
        )
        request = Request(model="m", messages=(user_message("x"),))
        await anext(make_provider(spec).stream(request))
        return asked[-1]

    assert "prompt_cache_key" in asyncio.run(body(None))
    assert "prompt_cache_key" not in asyncio.run(body("https://gateway.test/v1"))


def test_bedrock_lives_in_the_region_of_awss_own_tools(monkeypatch):
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    def address(name, **more):
        return make_provider(ProviderSpec(provider=name, api_key="k", **more)).endpoint.base_url

    for name in ("bedrock", "bedrock-openai"):
        assert "//bedrock-runtime.eu-central-1.amazonaws.com" in address(name)
        assert ".us-west-2." in address(name, region="us-west-2")
