"""Lists of models: rows of any server → `ModelInfo`, with what the server says of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..protocol.models import Capabilities, ModelInfo, Price

# Fields that may hold the context size, in tokens, best first: what a server has loaded a model with
# wins over what the model was trained for. A dot leads into an object (llama.cpp: `meta.n_ctx`).
CONTEXT_FIELDS = (
    "loaded_context_length",
    "meta.n_ctx",
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
)


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
        sizes = [_at(row, path) for path in context_fields] + [
            host.get("context_length") for host in _hosts(row)
        ]
        found.append(
            model_info(
                provider,
                row["id"],
                label=row.get("name") or row.get("display_name"),
                context_window=next((size for size in sizes if size), None),
                max_output=top.get("max_completion_tokens") or row.get("max_completion_tokens"),
                capabilities=_described(row, default) or default,
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


def _described(row: dict[str, Any], default: Capabilities | None) -> Capabilities | None:
    """Return what a row says of a model's abilities, on top of `default`; None when it says nothing.

    Each ability is yes, no or unknown, and unknown keeps the default. A "no" comes only from a field
    that is known to state that ability: a llama.cpp server sends `tags: []` and `architecture` with
    every model, whatever its chat template can do.
    """
    stated = _abilities(row)
    if all(value is None for value in stated.values()):
        return None
    known = default or Capabilities(streaming=True, system_prompt=True)

    def value(name: str, before: bool) -> bool:
        told = stated[name]
        return before if told is None else told

    return replace(
        known,
        tools=value("tools", known.tools),
        tool_choice=value("tools", known.tool_choice),
        vision=value("vision", known.vision),
        audio=value("audio", known.audio),
        documents=value("documents", known.documents),
        thinking=value("thinking", known.thinking),
    )


def _abilities(row: dict[str, Any]) -> dict[str, bool | None]:
    """Read each ability a row states: True, False, or None where no field speaks of it.

    OpenRouter lists parameters and modalities; Mistral, Fireworks and Moonshot set flags; Vercel and
    LM Studio list tags; Hugging Face says what each host of the model supports.
    """
    accepted = _words(row.get("supported_parameters"))
    inputs = _words(_part(row, "architecture").get("input_modalities"))
    flags = _part(row, "capabilities")
    tags = _words(row.get("tags")) | _words(row.get("capabilities"))
    return {
        "tools": _first(
            _flag(row, "supports_tools"),
            _flag(flags, "function_calling", "tools", "tool_use", "trained_for_tool_use"),
            ("tools" in accepted) if accepted else None,
            _any(host.get("supports_tools") for host in _hosts(row)),
            True if "tool-use" in tags else None,
            # Moonshot's models all take tools; its list has this field and does not say so.
            True if "supports_image_in" in row else None,
        ),
        "vision": _first(
            _flag(row, "supports_image_input", "supports_image_in"),
            _flag(flags, "vision"),
            ("image" in inputs) if inputs else None,
            True if "vision" in tags else None,
        ),
        "audio": _first(_flag(flags, "audio"), ("audio" in inputs) if inputs else None),
        "documents": _first(
            ("file" in inputs) if inputs else None, True if "file-input" in tags else None
        ),
        "thinking": _first(
            _flag(row, "supports_reasoning"),
            _flag(flags, "reasoning"),
            ("reasoning" in accepted) if accepted else None,
            True if "reasoning" in tags else None,
        ),
    }


def _words(value: Any) -> set[str]:
    """Return the words of a list, with hyphens; empty for anything else."""
    words = value if isinstance(value, list) else ()
    return {word.replace("_", "-") for word in words if isinstance(word, str)}


def _flag(source: dict[str, Any], *names: str) -> bool | None:
    """Return the first of these fields that is true or false."""
    return _first(*(source[name] for name in names if isinstance(source.get(name), bool)))


def _first(*answers: bool | None) -> bool | None:
    return next((answer for answer in answers if answer is not None), None)


def _any(answers: Iterable[Any]) -> bool | None:
    """Return whether one says yes; None when none says anything."""
    said = [answer for answer in answers if isinstance(answer, bool)]
    return any(said) if said else None


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


def _at(row: dict[str, Any], path: str) -> Any:
    """Return the field that a dotted path names."""
    *parents, name = path.split(".")
    for parent in parents:
        row = _part(row, parent)
    return row.get(name)


def _part(row: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an object inside a row, empty where there is none."""
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _hosts(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the hosts of a model that a router (Hugging Face's) can choose from."""
    hosts = row.get("providers")
    return [host for host in hosts if isinstance(host, dict)] if isinstance(hosts, list) else []
