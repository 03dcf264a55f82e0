r"""A tool call's arguments → the tool's own model, read as they are meant where that is certain.

Small models often write a list or an object as text: `{"ids": "[\"a\"]"}`. Where the tool wants a
list or an object and the text is the JSON of one, that is what is meant. Nothing else is guessed.
"""

from __future__ import annotations

import copy
from typing import Any

from pydantic import BaseModel, ValidationError

from ..protocol.codec import parse_strictly

# What pydantic says where a list or an object is wanted.
_WANTS_MORE_THAN_TEXT = frozenset(
    "list_type tuple_type set_type dict_type model_type model_attributes_type dataclass_type".split()
)


def read_arguments(model: type[BaseModel], arguments: dict[str, Any]) -> BaseModel:
    """Validate a call's arguments.

    Raises:
        ValidationError: they do not fit; it speaks of the arguments as they came.
    """
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        meant = _without_text(arguments, error)
        if meant is None:
            raise
        try:
            return model.model_validate(meant)
        except ValidationError:
            raise error from None


def _without_text(arguments: dict[str, Any], error: ValidationError) -> dict[str, Any] | None:
    """Return the arguments with the JSON that was written as text; None when there is none."""
    meant: dict[str, Any] | None = None
    for fault in error.errors(include_url=False):
        value = fault["input"]
        if fault["type"] not in _WANTS_MORE_THAN_TEXT or not isinstance(value, str):
            continue
        parsed = parse_strictly(value)
        if not isinstance(parsed, (list, dict)):
            continue
        meant = copy.deepcopy(arguments) if meant is None else meant
        _put(meant, fault["loc"], value, parsed)
    return meant


def _put(target: Any, place: tuple[int | str, ...], before: str, value: Any) -> None:
    """Replace the text at a place; steps that only name a variant of the model are passed over."""
    for step in place:
        try:
            inner = target[step]
        except (KeyError, IndexError, TypeError):
            continue
        if isinstance(inner, str):
            if inner == before:
                target[step] = value
            return
        target = inner
