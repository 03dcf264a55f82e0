"""Tools' JSON Schemas in forms that every server can take. Our own validation keeps all bounds.

A server that turns schemas into grammars (llama.cpp, vLLM, LM Studio, Ollama) unrolls repetitions: one
`maxLength` of 2,000 is enough for llama.cpp to refuse every request that offers the tool.
Source: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pydantic import JsonValue

from ..protocol.models import ToolDefinition

# Bounds and formats: what a grammar unrolls, and what grammar compilers know in part only.
_BOUNDS = frozenset(
    "maxLength minLength maxItems minItems maxProperties minProperties pattern format multipleOf"
    " minimum maximum exclusiveMinimum exclusiveMaximum uniqueItems".split()
)
_SIMPLEST = frozenset("type description properties required items enum".split())

Schema = dict[str, JsonValue]
Change = Callable[[Schema], Schema]


def without_bounds(tools: Sequence[ToolDefinition]) -> tuple[ToolDefinition, ...]:
    """Return the tools with schemas that state structure and no bounds."""
    return tuple(replace(tool, parameters=_without_bounds(tool.parameters)) for tool in tools)


def simplest(tools: Sequence[ToolDefinition]) -> tuple[ToolDefinition, ...]:
    """Return the tools with schemas of types, properties, items and enums alone.

    A choice of several forms (`anyOf`, `oneOf`) is left open: any value is then allowed there.
    """
    return tuple(replace(tool, parameters=_simplest(tool.parameters)) for tool in tools)


def _without_bounds(schema: Schema) -> Schema:
    return {
        key: _deeper(key, value, _without_bounds)
        for key, value in schema.items()
        if key not in _BOUNDS
    }


def _simplest(schema: Schema) -> Schema:
    kept: Schema = {
        key: _deeper(key, value, _simplest) for key, value in schema.items() if key in _SIMPLEST
    }
    if isinstance(kept.get("type"), list):
        del kept["type"]  # several types at once
    return kept


def _deeper(key: str, value: JsonValue, change: Change) -> JsonValue:
    """Change the schemas below a keyword; what is not a schema (an enum, a default) stays."""
    if key in ("properties", "$defs", "definitions", "patternProperties") and isinstance(
        value, dict
    ):
        return {
            name: change(inner) if isinstance(inner, dict) else inner
            for name, inner in value.items()
        }
    if key in ("items", "additionalProperties", "not", "if", "then", "else") and isinstance(
        value, dict
    ):
        return change(value)
    if key in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
        return [change(inner) if isinstance(inner, dict) else inner for inner in value]
    return value
