"""Facts about well-known models: window, price, abilities. Dated, and never the last word.

What a provider says of its models live wins over this; an unknown model is not an error.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

from ..protocol.codec import from_data
from ..protocol.models import Capabilities, ModelInfo, Price

# Providers' own dated names of one model: `-20251001`, `-2026-03-05`.
_SNAPSHOT = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")


@lru_cache(maxsize=1)
def _catalogue() -> dict[str, Any]:
    text = (files(__package__) / "catalogue.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def date() -> str:
    """Return the day the facts were gathered, in ISO 8601."""
    return str(_catalogue()["date"])


@lru_cache(maxsize=1)
def known_models() -> tuple[ModelInfo, ...]:
    """Return all models of the catalogue, in the order people should see them."""
    return tuple(_model(entry) for entry in _catalogue()["models"])


def find(provider: str, name: str) -> ModelInfo | None:
    """Return what is known of a model, also of a dated snapshot of it."""
    plain = _SNAPSHOT.sub("", name)
    for model in known_models():
        if model.provider == provider and model.name in (name, plain):
            return model
    return None


def _model(entry: dict[str, Any]) -> ModelInfo:
    provider, _, name = entry["id"].partition("/")
    able = {"streaming": True, "system_prompt": True, "requires_key": True, **entry["able"]}
    return ModelInfo(
        id=entry["id"],
        provider=provider,
        name=name,
        label=entry["label"],
        context_window=entry.get("context_window"),
        max_output=entry.get("max_output"),
        capabilities=from_data(Capabilities, able),
        price=from_data(Price, entry["price"]) if "price" in entry else None,
    )
