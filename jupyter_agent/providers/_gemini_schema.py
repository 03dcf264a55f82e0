"""JSON Schema → the subset of OpenAPI 3.0 that Gemini's function declarations take."""

from __future__ import annotations

from typing import Any

_KEPT = (
    "format",
    "title",
    "description",
    "nullable",
    "minItems",
    "maxItems",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
)
_MAX_DEPTH = 24


def to_gemini_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema in Gemini's form: upper-case types, references resolved.

    None stands for an object without properties, which Gemini wants left out altogether.
    """
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    written = _convert(schema, definitions, 0)
    return written if written.get("properties") else None


def _convert(schema: Any, definitions: dict[str, Any], depth: int) -> dict[str, Any]:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return {"type": "STRING"}
    if "$ref" in schema:
        named = definitions.get(str(schema["$ref"]).rpartition("/")[2], {})
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _convert({**named, **rest}, definitions, depth + 1)
    if len(schema.get("allOf") or ()) == 1:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        return _convert({**schema["allOf"][0], **rest}, definitions, depth + 1)
    written: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    kinds = schema.get("type")
    choices = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(kinds, list):
        choices = choices or [{**schema, "type": kind} for kind in kinds]
        kinds = None
    if choices:
        return _choose(written, choices, definitions, depth)
    if kinds is not None:
        written["type"] = str(kinds).upper()
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values and all(isinstance(value, str) for value in values):
        written["type"] = "STRING"  # Gemini takes choices of strings alone
        written["enum"] = values
    if "properties" in schema:
        written["properties"] = {
            name: _convert(inner, definitions, depth + 1)
            for name, inner in schema["properties"].items()
        }
    if written.get("type") == "ARRAY":
        written["items"] = _convert(schema.get("items", {}), definitions, depth + 1)
    written.setdefault("type", "OBJECT" if "properties" in schema else "STRING")
    return written


def _choose(
    written: dict[str, Any], choices: list[Any], definitions: dict[str, Any], depth: int
) -> dict[str, Any]:
    """Write alternatives; null among them makes the rest nullable."""
    real = [
        choice
        for choice in choices
        if not (isinstance(choice, dict) and choice.get("type") == "null")
    ]
    if len(real) < len(choices):
        written["nullable"] = True
    converted = [_convert(choice, definitions, depth + 1) for choice in real]
    if len(converted) == 1:
        return {**converted[0], **written}
    return {**written, "anyOf": converted}
