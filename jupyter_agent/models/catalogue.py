"""Facts about well-known models: window, price, abilities. Dated, and never the last word.

What a provider says of its models live wins over this; an unknown model is not an error. The file
is written by `scripts/generate_catalogue.py`.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
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


@lru_cache(maxsize=1)
def _by_id() -> dict[str, ModelInfo]:
    return {model.id.lower(): model for model in known_models()}


def find(provider: str, name: str) -> ModelInfo | None:
    """Return what is known of a model, in any case, also of a dated snapshot of it."""
    known = _by_id()
    return known.get(f"{provider}/{name}".lower()) or known.get(
        f"{provider}/{without_date(name)}".lower()
    )


def without_date(name: str) -> str:
    """Return a model's name without the date of a snapshot."""
    return _SNAPSHOT.sub("", name)


def chats(name: str) -> bool:
    """Say whether a model holds conversations, as far as its name tells: no embedding, no speech."""
    plain = name.lower()
    return not any(fnmatchcase(plain, pattern) for pattern in _catalogue()["not_chat"])


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
