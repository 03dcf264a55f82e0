"""Reading and writing protocol data: one validated reader and one writer for each union.

`None` fields are left out. Adapters are built on first use, so importing this costs nothing.
"""

from __future__ import annotations

import gc
import json
from functools import lru_cache
from math import isfinite
from typing import Any, TypeVar, overload

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError
from pydantic_core import from_json as pydantic_from_json

from .errors import BadFrame
from .text import printable

T = TypeVar("T")


@lru_cache(maxsize=256)
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the (cached) adapter of a dataclass or union."""
    return TypeAdapter(kind)


def to_json(kind: Any, value: Any) -> bytes:
    """Write a value as compact JSON bytes; `�` stands for half of a surrogate pair."""
    try:
        return adapter(kind).dump_json(value, exclude_none=True)
    except PydanticSerializationError:
        data = _written(to_data(kind, value))
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def to_data(kind: Any, value: Any) -> Any:
    """Write a value as plain JSON data (dicts, lists, strings, numbers)."""
    return adapter(kind).dump_python(value, mode="json", exclude_none=True)


@overload
def from_json(kind: type[T], data: bytes | str) -> T: ...
@overload
def from_json(kind: object, data: bytes | str) -> Any: ...  # a union: no type has its name
def from_json(kind: object, data: bytes | str) -> Any:
    """Read a value from JSON.

    Raises:
        BadFrame: it is not JSON, or not of this kind; the sentence names the first fault.
    """
    try:
        return adapter(kind).validate_json(data)
    except ValidationError as error:
        raise BadFrame(_first_fault(error), cause=error) from error


def json_data(data: bytes | str) -> Any:
    """Read JSON as plain data, as quickly as it can be done.

    The collector of garbage would go through a large value several times while it is made.

    Raises:
        BadFrame: it is not JSON.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        raw = data.encode() if isinstance(data, str) else data
        return pydantic_from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise BadFrame(f"Not understood: {error}.", cause=error) from error
    finally:
        if collecting:
            gc.enable()


@overload
def from_data(kind: type[T], data: object) -> T: ...
@overload
def from_data(kind: object, data: object) -> Any: ...
def from_data(kind: object, data: object) -> Any:
    """Read a value from plain JSON data.

    Raises:
        BadFrame: it is not of this kind; the sentence names the first fault.
    """
    try:
        return adapter(kind).validate_python(data)
    except ValidationError as error:
        raise BadFrame(_first_fault(error), cause=error) from error


def _written(data: Any) -> Any:
    """Return plain data as the fast way would write it, with text that can be written."""
    if isinstance(data, str):
        return printable(data)
    if isinstance(data, dict):
        return {printable(key): _written(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_written(value) for value in data]
    return None if isinstance(data, float) and not isfinite(data) else data


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in fault["loc"]) or "the whole"
    return f"Not understood: {place}: {fault['msg']}."


class DuplicateKey(ValueError):
    """A JSON object names a key twice."""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DuplicateKey(f"the key {key!r} stands twice")
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)


def parse_strictly(text: str) -> Any:
    """Return the value of a JSON text, parsed as arguments are; None for what is not such a text."""
    try:
        return _loads(text)
    except (RecursionError, ValueError):
        return None


def parse_arguments(raw: str) -> tuple[dict[str, Any] | None, str | None]:
    """Parse a tool call's arguments once, strictly.

    Nothing at all, or `null`, means `{}`; an object written as a JSON string is that object. Duplicate keys, NaN, anything but an object, and nesting beyond
    Python's recursion limit are refused: what is shown must be what runs.

    Returns:
        The arguments and None, or None and why they cannot be used.
    """
    if raw.strip() in ("", "null"):
        return {}, None
    try:
        value = _loads(raw)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            raw, value = value, _loads(value)
    except RecursionError:
        return None, "the arguments are nested too deeply"
    except ValueError as error:
        return None, f"the arguments are not valid JSON: {error}"
    if "\\ud" in raw.lower() and not _is_text(value):
        return None, "the arguments hold half of a character (a lone surrogate)"
    if not isinstance(value, dict):
        return None, f"the arguments must be a JSON object, not {type(value).__name__}"
    return value, None


def _is_text(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
