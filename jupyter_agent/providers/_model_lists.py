"""Lists of models: rows of any server → `ModelInfo`, with what the server says of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..protocol.models import Capabilities, ModelInfo

CONTEXT_FIELDS = ("context_length", "context_window", "max_model_len")


def model_info(
    provider: str,
    name: str,
    *,
    label: str | None = None,
    context_window: Any = None,
    max_output: Any = None,
    capabilities: Capabilities | None = None,
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
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            continue
        top = row.get("top_provider") or {}
        found.append(
            model_info(
                provider,
                row["id"],
                label=row.get("name") or row.get("display_name"),
                context_window=next((row[key] for key in context_fields if row.get(key)), None),
                max_output=top.get("max_completion_tokens") or row.get("max_completion_tokens"),
                capabilities=_described(row) or default,
            )
        )
    return found


def _described(row: dict[str, Any]) -> Capabilities | None:
    """Read what OpenRouter and Mistral say of a model; None for servers that say nothing."""
    if not any(key in row for key in ("supported_parameters", "architecture", "capabilities")):
        return None
    accepted = row.get("supported_parameters") or ()
    inputs = (row.get("architecture") or {}).get("input_modalities") or ()
    mistral = row.get("capabilities")
    mistral = mistral if isinstance(mistral, dict) else {}
    tools = "tools" in accepted or bool(mistral.get("function_calling"))
    return Capabilities(
        streaming=True,
        system_prompt=True,
        tools=tools,
        tool_choice=tools,
        vision="image" in inputs or bool(mistral.get("vision")),
        audio="audio" in inputs,
        documents="file" in inputs,
        thinking="reasoning" in accepted or bool(mistral.get("reasoning")),
    )
