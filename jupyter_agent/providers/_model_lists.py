"""Lists of models: rows of any server → `ModelInfo`, with what the server says of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..protocol.models import Capabilities, ModelInfo, Price

CONTEXT_FIELDS = ("context_length", "context_window", "max_model_len")


def model_info(
    provider: str,
    name: str,
    *,
    label: str | None = None,
    context_window: Any = None,
    max_output: Any = None,
    capabilities: Capabilities | None = None,
    price: Price | None = None,
) -> ModelInfo:
    """Make a listed model; sizes that are not whole numbers above zero are left unknown."""
    return ModelInfo(
        id=f"{provider}/{name}",
        provider=provider,
        name=name,
        label=label or name,
        context_window=_size(context_window),
        max_output=_size(max_output),
        capabilities=capabilities or Capabilities(streaming=True, system_prompt=True),
        price=price,
    )


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def read_openai_list(
    body: Any,
    *,
    provider: str,
    context_fields: Sequence[str] = CONTEXT_FIELDS,
    default: Capabilities | None = None,
) -> list[ModelInfo]:
    """Read OpenAI's list and its variants: rows under `data` or `models`, or a bare list.

    Args:
        body: the JSON answer.
        provider: whose models they are.
        context_fields: fields that may hold the context size.
        default: what a model can do of which the server says nothing.
    """
    rows = body.get("data") or body.get("models") if isinstance(body, dict) else body
    found = []
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not _chats(row):
            continue
        top = _part(row, "top_provider")
        sizes = [row.get(key) for key in context_fields] + [
            host.get("context_length") for host in _hosts(row)
        ]
        found.append(
            model_info(
                provider,
                row["id"],
                label=row.get("name") or row.get("display_name"),
                context_window=next((size for size in sizes if size), None),
                max_output=top.get("max_completion_tokens") or row.get("max_completion_tokens"),
                capabilities=_described(row) or default,
                price=_price(row.get("pricing")),
            )
        )
    return found


# What models that hold no conversation are called by those who say it (Together, Vercel).
_OTHER_KINDS = frozenset(
    "audio embedding image moderation rerank reranking speech transcribe transcription video".split()
)


def _chats(row: dict[str, Any]) -> bool:
    """Say whether a model chats, as far as its row tells."""
    if row.get("type") in _OTHER_KINDS or row.get("active") is False:
        return False
    if row.get("supports_chat") is False:  # Fireworks
        return False
    if _part(row, "capabilities").get("completion_chat") is False:  # Mistral
        return False
    written = _part(row, "architecture").get("output_modalities")
    return not written or "text" in written


def _described(row: dict[str, Any]) -> Capabilities | None:
    """Read what a server says of a model's abilities; None for servers that say nothing.

    OpenRouter lists parameters and modalities, Mistral and Fireworks and Moonshot flags, Vercel
    tags, Hugging Face what each host of the model supports.
    """
    told = ("supported_parameters", "architecture", "tags", "supports_tools", "supports_image_in")
    if not any(key in row for key in told) and not row.get("capabilities"):
        return None
    accepted = row.get("supported_parameters") or ()
    inputs = _part(row, "architecture").get("input_modalities") or ()
    flags, tags = _part(row, "capabilities"), set(row.get("tags") or ())
    if isinstance(row.get("capabilities"), list):  # LM Studio
        tags |= {str(tag).replace("_", "-") for tag in row["capabilities"]}
    tools = (
        "tools" in accepted
        or "tool-use" in tags
        or bool(flags.get("function_calling") or row.get("supports_tools"))
        or any(host.get("supports_tools") for host in _hosts(row))
        or "supports_image_in" in row  # Moonshot's models all do, and its list does not say so
    )
    seen = row.get("supports_image_input") or row.get("supports_image_in")
    return Capabilities(
        streaming=True,
        system_prompt=True,
        tools=tools,
        tool_choice=tools,
        vision="image" in inputs or "vision" in tags or bool(flags.get("vision") or seen),
        audio="audio" in inputs or bool(flags.get("audio")),
        documents="file" in inputs or "file-input" in tags,
        thinking="reasoning" in accepted
        or "reasoning" in tags
        or bool(flags.get("reasoning") or row.get("supports_reasoning")),
    )


def _price(told: Any) -> Price | None:
    """Read a price: text for one token (OpenRouter, Vercel), or numbers whose unit is named (Perplexity)."""
    if not isinstance(told, dict):
        return None
    per_million = told.get("unit") == "usd_per_1m_tokens"
    names = (
        ("input", ("prompt", "input")),
        ("output", ("completion", "output")),
        ("cache_read", ("input_cache_read", "cache_read")),
        ("cache_write", ("input_cache_write", "cache_write")),
    )
    found: dict[str, float] = {}
    for ours, theirs in names:
        value = next((told[key] for key in theirs if told.get(key) is not None), None)
        if value is None or not (per_million or isinstance(value, str)):
            continue
        try:
            found[ours] = float(f"{float(value) * (1 if per_million else 1_000_000):.6g}")
        except (TypeError, ValueError):
            return None
    if "input" not in found or "output" not in found or min(found.values()) < 0:
        return None  # -1: it depends on where the question ends up
    return Price(**found)


def _part(row: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an object inside a row, empty where there is none."""
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _hosts(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the hosts of a model that a router (Hugging Face's) can choose from."""
    hosts = row.get("providers")
    return [host for host in hosts if isinstance(host, dict)] if isinstance(hosts, list) else []
