"""A full window in the words of each server, and the sizes it names."""

from __future__ import annotations

import json

import pytest

from jupyter_agent.protocol.errors import BadRequest, ContextOverflow
from jupyter_agent.providers._errors import error_from_body

WORDS = [
    ("request (4610 tokens) exceeds the available context size (4096 tokens)", 4096, 4610),
    (
        "This model's maximum context length is 4,096 tokens. However, your messages resulted in "
        "4,610 tokens.",
        4096,
        4610,
    ),
    (
        "This model's maximum context length is 4096 tokens and your request has 4610 input tokens",
        4096,
        4610,
    ),
    (
        "The decoder prompt (length 4610) is longer than the maximum model length of 4096.",
        4096,
        4610,
    ),
    (
        "The input (4610 tokens) is longer than the model's context length (4096 tokens).",
        4096,
        4610,
    ),
    ("prompt is too long: 210000 tokens > 200000 maximum", 200000, 210000),
    (
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        1048576,
        1200000,
    ),
    (
        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum "
        "context length",
        32768,
        40000,
    ),
    (
        "Trying to keep the first 4610 tokens when context the overflows. However, the model is "
        "loaded with context length of only 4096 tokens, which is not enough.",
        4096,
        4610,
    ),
    (
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4610 `inputs` tokens and 20 "
        "`max_new_tokens`",
        4096,
        4610,
    ),
    (
        "too many tokens: total number of tokens in the prompt cannot exceed 128000 - received "
        "130000.",
        128000,
        130000,
    ),
    (
        "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
        131072,
        200000,
    ),
    ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", 200000, None),
    ("prompt too long; exceeded max context length by 514 tokens", None, None),
    ("the input length exceeds the context length", None, None),
    (
        "The number of tokens to keep from the initial prompt is greater than the context length.",
        None,
        None,
    ),
    ("Input is too long for requested model.", None, None),
    ("Please reduce the length of the messages or completion.", None, None),
]


@pytest.mark.parametrize(
    ("words", "window", "sent"), WORDS, ids=[words[:30] for words, *_ in WORDS]
)
def test_a_full_window_is_told_with_its_sizes(words: str, window: int, sent: int) -> None:
    body = {"error": {"message": words, "type": "BadRequestError", "code": 400}}
    error = error_from_body(body, status=400, provider="vllm", model="m")
    assert isinstance(error, ContextOverflow) and not error.retryable
    details = error.details or {}
    assert details.get("window") == window
    if window is not None:
        assert details.get("prompt_tokens") == sent


def test_llamacpps_own_fields_win() -> None:
    error = {
        "code": 400,
        "message": "the request exceeds the available context size. try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 4610,
        "n_ctx": 4096,
    }
    found = error_from_body(
        json.dumps({"error": error}), status=400, provider="llamacpp", model="m"
    )
    assert isinstance(found, ContextOverflow)
    assert found.details == {"window": 4096, "prompt_tokens": 4610}


def test_another_refusal_names_no_window() -> None:
    body = {"error": {"message": "temperature must be <= 2", "code": 400}}
    error = error_from_body(body, status=400, provider="vllm", model="m")
    assert type(error) is BadRequest and not error.details
