"""What servers say when a request is longer than the model's window: whether they say it, and the
sizes they name. Every server has its own words; numbers are tokens.

Sources of the wordings: llama.cpp (`exceed_context_size_error`), vLLM and SGLang (request
validation), OpenAI, Anthropic, Gemini, Mistral, Cohere, xAI, Text Generation Inference, LM Studio,
Ollama, Amazon Bedrock.
"""

from __future__ import annotations

import re

OVERFLOW = re.compile(
    r"prompt (is )?too long|context[ _-]?(length|window|size|limit)|maximum context|too many tokens"
    r"|input is too long|input token count.*exceeds|reduce the length|too_many_prompt_tokens"
    r"|length of all messages is too long|exceeds? the (available|maximum).*(context|tokens)"
    r"|(longer|greater|larger) than the (maximum|model's|context)|maximum (model|prompt|sequence) length"
    r"|context the overflows|`?max_new_tokens`? must be <=|max context",
    re.I,
)

# The first pattern that matches wins, so the most specific come first.
_WINDOW = (
    r"\bn_ctx\W{1,4}(\d+)",
    r"> (\d+)(?: maximum)?\b",
    r"must be <= (\d+)",
    r"cannot exceed (\d+)",
    r"tokens allowed \((\d+)\)",
    r"maximum (?:context|model|prompt|sequence|input) (?:length|size|window)\D{0,20}(\d+)",
    r"\b(\d+) maximum context",
    r"context (?:length|size|window|limit)(?:(?!\bby\b)\D){0,30}(\d+)",
)
_SENT = (
    r"\bn_prompt_tokens\W{1,4}(\d+)",
    r"request \((\d+) tokens",
    r"prompt \(length (\d+)",
    r"input \((\d+) tokens",
    r"resulted in (\d+) tokens",
    r"token count \((\d+)\)",
    r"(?:contains|has) (\d+) (?:input )?tokens",
    r"requested (\d+) tokens",
    r"\b(\d+) tokens? >",
    r"received (\d+)",
    r"Given: (\d+)",
    r"first (\d+) tokens",
)
# A window of fewer tokens does not exist; the number means something else.
_SMALLEST = 256


def sizes_in(text: str) -> dict[str, int]:
    """Return the sizes that an overflow error names: `window`, `prompt_tokens`; each may be missing.

    Args:
        text: the error's body, JSON or words.
    """
    plain = re.sub(r"(?<=\d)[,_](?=\d{3})", "", text)
    found = {"window": _number(_WINDOW, plain), "prompt_tokens": _number(_SENT, plain)}
    return {name: size for name, size in found.items() if size is not None and size >= _SMALLEST}


def _number(patterns: tuple[str, ...], text: str) -> int | None:
    for pattern in patterns:
        match = re.search(pattern, text, re.I)
        if match and len(match[1]) <= 9:
            return int(match[1])
    return None
