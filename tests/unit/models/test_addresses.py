"""Addresses as people type them: what is one without its scheme, and what is a model's name."""

import pytest

from jupyter_agent.models.addresses import with_scheme
from jupyter_agent.protocol.errors import UnknownModel
from jupyter_agent.providers.registry import ALIASES, PROVIDERS

NAMES = PROVIDERS.keys() | ALIASES.keys()


@pytest.mark.parametrize(
    "typed",
    [
        "localhost:8080",
        "localhost:8080#m",
        "localhost:8000/v1#qwen3:8b",
        "LOCALHOST/v1#m",
        "127.0.0.1:1234/v1",
        "[::1]:8080/v1#m",
    ],
)
def test_a_server_on_this_machine_needs_no_scheme(typed):
    assert with_scheme(f" {typed} ", NAMES) == f"http://{typed}"


@pytest.mark.parametrize(
    "typed",
    [
        "10.0.0.5:8000/v1#m",
        "10.0.0.5",
        "gpu.example.com:8000",
        "gateway.example.com/v1",
        "gateway.example.com#m",
        "gpubox:8000/v1#m",
        "[fe80::1]:8080",
    ],
)
def test_another_address_is_not_guessed_and_the_remedy_is_named(typed):
    with pytest.raises(UnknownModel) as caught:
        with_scheme(typed, NAMES)
    assert f"https://{typed}," in caught.value.user_message
    assert f"http://{typed} if" in caught.value.user_message


@pytest.mark.parametrize(
    "typed",
    [
        "https://host/v1#m",
        "http://localhost:8080#m",
        "openai/gpt-5",
        "llama.cpp/m",
        "llama.cpp",
        "ollama/qwen3:8b",
        "ollama/qwen3:8",
        "qwen3:8b",
        "llama3:70",
        "claude-sonnet-4.5",
        "huggingface/meta-llama/Llama-3.1-8B",
        "meta-llama/Llama-3.1-8B",
        "script/localhost:8080",
        "demo",
        "",
    ],
)
def test_what_is_a_model_or_a_provider_stays_as_it_is(typed):
    assert with_scheme(typed, NAMES) == typed
