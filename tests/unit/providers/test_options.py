"""What was chosen of a vendor's offers: sent on its own wire, and nowhere else."""

from dataclasses import replace

import httpx
import pytest
from test_structured import Server

from jupyter_agent.config import load_settings
from jupyter_agent.models.pricing import at_terms
from jupyter_agent.protocol.errors import ConfigError
from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import Price, ProviderOptions, Request, ToolDefinition
from jupyter_agent.providers.registry import ProviderSpec, make_provider

TOOL = ToolDefinition(name="look", description="Look.", parameters={"type": "object"})
REQUEST = Request(model="m", messages=(user_message("Hello"),), tools=(TOOL,))
ALL = ProviderOptions(
    cache_ttl="1h", cache_retention="24h", service_tier="flex", media_resolution="low"
)


async def body_of(name, options=ALL, request=REQUEST, **spec):
    server = Server()
    provider = make_provider(
        ProviderSpec(
            provider=name,
            api_key="k",
            max_retries=0,
            transport=httpx.MockTransport(server),
            options=options,
            **spec,
        )
    )
    async for _ in provider.stream(request):
        pass
    await provider.aclose()
    return server.asked[0]


async def test_anthropic_keeps_the_prompt_for_an_hour_and_streams_arguments_at_once():
    body = await body_of("anthropic")
    assert body["tools"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert body["messages"][-1]["content"][-1]["cache_control"]["ttl"] == "1h"
    assert body["tools"][0]["eager_input_streaming"] is True
    assert body["service_tier"] == "flex"
    assert "prompt_cache_retention" not in body and "generationConfig" not in body


async def test_nothing_is_sent_that_was_not_chosen():
    body = await body_of("anthropic", ProviderOptions())
    assert body["tools"][-1]["cache_control"] == {"type": "ephemeral"}
    assert "service_tier" not in body
    plain = await body_of("mistral", ProviderOptions())
    assert "service_tier" not in plain and "prompt_cache_retention" not in plain


async def test_another_server_of_the_same_protocol_is_not_sent_what_only_the_vendor_knows():
    body = await body_of("anthropic", ProviderOptions(), base_url="https://gateway.test")
    assert "eager_input_streaming" not in body["tools"][0]


@pytest.mark.parametrize("name", ["openai", "mistral"])
async def test_openais_wires_take_tier_and_retention(name):
    body = await body_of(name)
    assert (body["service_tier"], body["prompt_cache_retention"]) == ("flex", "24h")
    assert "eager_input_streaming" not in str(body)


async def test_gemini_looks_at_pictures_as_closely_as_chosen():
    body = await body_of("gemini")
    assert body["generationConfig"]["mediaResolution"] == "MEDIA_RESOLUTION_LOW"
    assert "service_tier" not in body


async def test_ollama_and_bedrock_have_none_of_it():
    for name in ("ollama", "bedrock"):
        text = str(await body_of(name, request=replace(REQUEST, tools=())))
        assert "flex" not in text and "24h" not in text and "RESOLUTION" not in text


def test_a_price_follows_what_was_chosen():
    price = Price(input=4.0, output=20.0, cache_read=0.4, cache_write=5.0)
    assert at_terms(price, ProviderOptions()) == price
    assert at_terms(price, ProviderOptions(cache_ttl="1h")).cache_write == 8.0
    half = at_terms(price, ProviderOptions(service_tier="flex"))
    assert (half.input, half.output, half.cache_read) == (2.0, 10.0, 0.2)
    # A tier with prices of its own is not guessed at: the cost is then not known.
    assert at_terms(price, ProviderOptions(service_tier="priority")) is None
    assert at_terms(None, ProviderOptions()) is None


def test_a_value_that_no_vendor_takes_is_refused_in_words():
    with pytest.raises(ConfigError, match="cache_ttl must be 5m or 1h, not '2h'"):
        load_settings({"providers": {"anthropic": {"cache_ttl": "2h"}}})
    with pytest.raises(ConfigError, match=r"Known are .*service_tier"):
        load_settings({"providers": {"anthropic": {"tier": "flex"}}})
    chosen = load_settings({"providers": {"anthropic": {"cache_ttl": "1h"}}})
    assert chosen.providers["anthropic"].cache_ttl == "1h"


async def test_a_settings_choice_reaches_the_wire_and_the_price(tmp_path):
    from jupyter_agent.access.model_access import ModelAccess
    from jupyter_agent.models.credentials import Credentials

    settings = load_settings(
        {"providers": {"anthropic": {"cache_ttl": "1h"}}, "discover_local_servers": False}
    )
    keys = Credentials(tmp_path, environment={"ANTHROPIC_API_KEY": "k"}, find_keyring=lambda: None)
    access = ModelAccess(settings, keys)
    opened = access.open("anthropic/claude-sonnet-4-5")
    plain = ModelAccess(load_settings({"discover_local_servers": False}), keys)
    before = plain.open("anthropic/claude-sonnet-4-5").model.price
    assert opened.provider.endpoint.options.cache_ttl == "1h"
    assert opened.model.price.cache_write == pytest.approx(before.cache_write * 1.6)
