"""Context sizes that a local server states at an endpoint of its own, beside the list of models.

A llama.cpp server answers `/props` with the size it was started with; its list has it only in newer
builds. LM Studio lists the loaded and the largest size at `/api/v0/models`.
Sources: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (GET /props),
https://lmstudio.ai/docs/developer/rest/endpoints (GET /api/v0/models).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from ..protocol.errors import AgentError
from ..protocol.models import ModelInfo
from ._model_lists import read_openai_list
from .dialects import OwnFacts

Get = Callable[[str], Awaitable[Any]]


async def with_own_windows(
    models: Sequence[ModelInfo], sources: Sequence[OwnFacts], *, base_url: str, get: Get
) -> list[ModelInfo]:
    """Return the models with the context sizes that the server's own endpoints state.

    Args:
        models: the list as read; those with a context size keep it.
        sources: which endpoints to ask, in order.
        base_url: the address of the OpenAI-compatible API, usually ending in `/v1`.
        get: returns the JSON answer of an address; its errors count as "states nothing".
    """
    found = list(models)
    root = base_url.rstrip("/").removesuffix("/v1")
    for source in sources:
        if all(model.context_window for model in found):
            break
        sizes = await _sizes(source, root, get)
        found = [
            replace(model, context_window=sizes.get(model.name) or sizes.get(""))
            if model.context_window is None
            else model
            for model in found
        ]
    return found


async def _sizes(source: OwnFacts, root: str, get: Get) -> dict[str, int]:
    """Return tokens by model name; the size of whatever is loaded has the empty name."""
    path, read = _SOURCES[source]
    try:
        return read(await get(f"{root}{path}"))
    except AgentError:  # another kind of server, or one that keeps this to itself
        return {}


def _props(body: Any) -> dict[str, int]:
    """Read llama.cpp's `/props`: the size of one slot, which is what one conversation gets."""
    settings = body.get("default_generation_settings") if isinstance(body, dict) else None
    size = settings.get("n_ctx") if isinstance(settings, dict) else None
    return {"": size} if isinstance(size, int) and size > 0 else {}


def _lmstudio(body: Any) -> dict[str, int]:
    """Read LM Studio's own list: the size a model is loaded with, else the largest it can have."""
    listed = read_openai_list(body, provider="lmstudio")
    return {model.name: model.context_window for model in listed if model.context_window}


_SOURCES: dict[OwnFacts, tuple[str, Callable[[Any], dict[str, int]]]] = {
    "llamacpp": ("/props", _props),
    "lmstudio": ("/api/v0/models", _lmstudio),
}
