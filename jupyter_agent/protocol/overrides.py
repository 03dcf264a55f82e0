"""Reading what people say of models (`ModelOverride`), with errors they can act on, and applying it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from .codec import from_data, to_data
from .errors import BadFrame, ConfigError
from .models import Capabilities, ModelInfo, ModelOverride, Price

_KNOWN: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (ModelOverride, Price, Capabilities)
}


def read_override(model_id: str, data: Any) -> ModelOverride:
    """Read what is said of a model.

    Raises:
        ConfigError: the name is no model's, a key is not known, or a value cannot be; it says which.
    """
    provider, mark, name = model_id.partition("#" if "://" in model_id else "/")
    if not (provider.strip() and mark and name.strip()):
        raise ConfigError(f"{model_id!r} is no model: write it as provider/name or address#name.")
    where = f"What is said of the model {model_id!r}"
    _check_keys(where, data, ModelOverride)
    for key, kind in (("price", Price), ("capabilities", Capabilities)):
        if data.get(key) is not None:
            _check_keys(f"{where}, {key},", data[key], kind)
    try:
        found: ModelOverride = from_data(ModelOverride, dict(data))
        from_data(Capabilities, found.capabilities or {})
    except BadFrame as error:
        raise ConfigError(f"{where} is wrong. {error.user_message}", cause=error) from error
    _check_values(where, found)
    return found


def write_override(override: ModelOverride) -> dict[str, Any]:
    """Return it as plain data, without what is not said."""
    data: dict[str, Any] = to_data(ModelOverride, override)
    return data


def apply_override(info: ModelInfo, override: ModelOverride | None) -> ModelInfo:
    """Return a model's facts with what is said of it."""
    if override is None:
        return info
    return replace(
        info,
        label=override.label or info.label,
        context_window=override.context_window or info.context_window,
        max_output=override.max_output or info.max_output,
        price=override.price or info.price,
        capabilities=apply_capabilities(info.capabilities, override),
    )


def apply_capabilities(known: Capabilities, override: ModelOverride | None) -> Capabilities:
    """Return what a model can do, with what is said of that."""
    said = override.capabilities if override is not None else None
    changes: dict[str, Any] = dict(said or {})
    return replace(known, **changes)


def _check_keys(where: str, data: Any, kind: type) -> None:
    known = _KNOWN[kind]
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where} is not a set of names and values. Known are {_list(known)}.")
    unknown = [str(key) for key in data if key not in known]
    if unknown:
        raise ConfigError(f"{where} has an unknown key {unknown[0]!r}. Known are {_list(known)}.")


def _check_values(where: str, override: ModelOverride) -> None:
    for key in ("context_window", "max_output"):
        size = getattr(override, key)
        if size is not None and size <= 0:
            raise ConfigError(f"{where} is wrong: {key} is a number of tokens above zero.")
    if override.price is not None:
        prices = (getattr(override.price, name) for name in _KNOWN[Price])
        if any(price is not None and not 0 <= price < float("inf") for price in prices):
            raise ConfigError(
                f"{where} is wrong: a price is dollars for a million tokens, 0 or more."
            )


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)
