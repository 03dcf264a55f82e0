"""The catalogue: whole, dated, and priced right."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files

import pytest

from jupyter_agent.models import catalogue
from jupyter_agent.models.discover import LOCAL_SERVERS, LocalServer, listening
from jupyter_agent.models.pricing import cost
from jupyter_agent.protocol.models import Price
from jupyter_agent.protocol.usage import Usage
from jupyter_agent.providers.registry import PROVIDERS


def test_every_entry_is_sound() -> None:
    models = catalogue.known_models()
    assert len({model.id.lower() for model in models}) == len(models)
    for model in models:
        assert model.id == f"{model.provider}/{model.name}"
        assert model.label.strip()
        if model.provider != "perplexity":  # searches, and takes no tools
            assert model.capabilities.tools, "a model without tools is no use to an agent"
        if model.price is not None:
            assert 0 < model.price.input <= model.price.output
            assert model.price.cache_read is None or model.price.cache_read <= model.price.input
        if model.context_window is not None and model.max_output is not None:
            assert model.max_output <= model.context_window


def test_every_provider_that_is_asked_over_the_network_is_covered() -> None:
    listed = {model.provider for model in catalogue.known_models()}
    assert listed <= set(PROVIDERS)
    assert {
        name for name, entry in PROVIDERS.items() if not entry.local and not entry.twin
    } - listed <= {
        "openai-compatible",  # only its user knows its models
        "bedrock-openai",  # no source tells them
    }


def test_it_says_when_and_from_what_it_was_made() -> None:
    assert date.fromisoformat(catalogue.date()) >= date(2026, 11, 20)
    data = json.loads((files("jupyter_agent.models") / "catalogue.json").read_text("utf-8"))
    assert all(source["licence"] == "MIT" and source["version"] for source in data["sources"])
    assert len(json.dumps(data)) < 150_000


def test_a_name_of_another_provider_is_not_found() -> None:
    assert catalogue.find("anthropic", "claude-sonnet-5") is not None
    assert catalogue.find("openai", "claude-sonnet-5") is None


def test_a_name_is_found_in_any_case_and_with_a_date() -> None:
    plain = catalogue.find("anthropic", "claude-haiku-4-5")
    assert plain is not None
    assert catalogue.find("anthropic", "Claude-Haiku-4-5") == plain
    assert catalogue.find("anthropic", "claude-haiku-4-5-20251001") == plain


@pytest.mark.parametrize(
    "name",
    "text-embedding-3-large whisper-1 gpt-4o-transcribe tts-1-hd gpt-image-1 omni-moderation-latest "
    "dall-e-3 gemini-embedding-001 imagen-4.0 veo-3.1 BAAI/bge-m3 gpt-realtime nomic-embed-text "
    "black-forest-labs/FLUX.1-schnell text-search-ada-doc-001 meta-llama/Llama-Guard-4-12B".split(),
)
def test_models_that_do_not_chat_are_known_by_their_names(name: str) -> None:
    assert not catalogue.chats(name)


def test_all_models_of_the_catalogue_chat() -> None:
    assert [model.id for model in catalogue.known_models() if not catalogue.chats(model.name)] == []
    assert all(catalogue.chats(name) for name in ("gpt-99", "claude-of-tomorrow", "qwen3:8b"))


PRICE = Price(input=3, output=15, cache_read=0.3, cache_write=3.75)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(input=1_000_000, output=1_000_000), 18.0),
        (Usage(input=1_000_000, output=0, cache_read=1_000_000), 0.3),
        (Usage(input=1_000_000, cache_read=500_000, cache_write=100_000), 1.725),
        (Usage(input=10, cache_read=1_000_000), 0.3),
        (Usage(), 0.0),
    ],
)
def test_cached_tokens_have_their_own_price(usage: Usage, dollars: float) -> None:
    assert cost(usage, PRICE) == pytest.approx(dollars)


def test_without_a_price_the_cost_is_unknown_not_nothing() -> None:
    assert cost(Usage(input=1), None) is None


def test_without_a_cache_price_cached_tokens_cost_as_much_as_others() -> None:
    price = Price(input=2, output=4)
    assert cost(Usage(input=1_000_000, cache_read=1_000_000), price) == pytest.approx(2)


async def test_only_a_port_that_accepts_is_listening() -> None:
    import asyncio

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    here = LocalServer(provider="ollama", label="Ollama", port=port)
    assert await listening([here], timeout=5) == [here]
    server.close()
    await server.wait_closed()
    assert await listening([here], timeout=5) == []


def test_local_servers_are_on_loopback() -> None:
    assert all(server.base_url.startswith("http://127.0.0.1:") for server in LOCAL_SERVERS)
