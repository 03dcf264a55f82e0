"""What a vendor lets its customers choose for each request, put into a request that is written.

Sources: https://platform.claude.com/docs/en/build-with-claude/prompt-caching,
https://platform.claude.com/docs/en/agents-and-tools/tool-use/fine-grained-tool-streaming,
https://developers.openai.com/api/docs/guides/prompt-caching,
https://ai.google.dev/gemini-api/docs/media-resolution
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..protocol.models import ProviderOptions
from ._http import HttpCall

# The wires of each choice. Another wire has no such field, and is not sent it.
_TTL = frozenset({"anthropic"})
_RETENTION = frozenset({"openai_chat", "openai_responses"})
_TIER = frozenset({"anthropic", "openai_chat", "openai_responses"})
_RESOLUTION = frozenset({"gemini"})


def with_options(call: HttpCall, options: ProviderOptions, api: str) -> HttpCall:
    """Return a call with what was chosen, as far as its wire has a field for it."""
    if call.body is None or options == ProviderOptions():
        return call
    body: dict[str, Any] = call.body
    if options.cache_ttl == "1h" and api in _TTL:
        body = _with_ttl(body, options.cache_ttl)
    if options.eager_tools and api in _TTL and body.get("tools"):
        tools = [{**tool, "eager_input_streaming": True} for tool in body["tools"]]
        body = {**body, "tools": tools}
    if options.cache_retention is not None and api in _RETENTION:
        body = {**body, "prompt_cache_retention": options.cache_retention}
    if options.service_tier is not None and api in _TIER:
        body = {**body, "service_tier": options.service_tier}
    if options.media_resolution is not None and api in _RESOLUTION:
        level = f"MEDIA_RESOLUTION_{options.media_resolution.upper()}"
        settings = {**body.get("generationConfig", {}), "mediaResolution": level}
        body = {**body, "generationConfig": settings}
    return replace(call, body=body)


def _with_ttl(value: Any, ttl: str) -> Any:
    """Return a body in which each mark of the cache names its time."""
    if isinstance(value, list):
        return [_with_ttl(inner, ttl) for inner in value]
    if not isinstance(value, dict):
        return value
    marked = value.get("cache_control")
    return {
        key: {**marked, "ttl": ttl}
        if key == "cache_control" and isinstance(marked, dict)
        else _with_ttl(inner, ttl)
        for key, inner in value.items()
    }
