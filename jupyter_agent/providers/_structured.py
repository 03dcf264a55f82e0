"""Answers that fit a JSON Schema: as the wire asks for them, else in words.

Sources: https://developers.openai.com/api/docs/guides/structured-outputs,
https://platform.claude.com/docs/en/build-with-claude/structured-outputs,
https://ai.google.dev/gemini-api/docs/structured-output,
https://docs.ollama.com/capabilities/structured-outputs
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from ..protocol.messages import TextPart, user_message
from ..protocol.models import Request, ResponseSchema

# What a server says that does not know the field, or cannot compile the schema.
REFUSED = re.compile(
    r"response_?format|json_?schema|output_(config|format)|structured output|text\.format"
    r"|response_?(json_?)?schema|\bgrammar|\bschema\b|\bformat\b",
    re.I,
)
_WORDS = (
    "Answer with one JSON value that fits the JSON Schema below, and with nothing else: no "
    "explanation, no code fence.\n\n"
)


def in_words(request: Request) -> Request:
    """Return the request with its schema as text at the end of the last prompt."""
    wanted = request.response_schema
    if wanted is None:
        return request
    text = _WORDS + json.dumps(wanted.schema, ensure_ascii=False)
    messages = list(request.messages)
    if messages and messages[-1].role == "user":
        last = messages[-1]
        messages[-1] = replace(last, parts=(*last.parts, TextPart(text=text)))
    else:
        messages.append(user_message(text))
    return replace(request, messages=tuple(messages), response_schema=None)


def json_schema_format(wanted: ResponseSchema) -> dict[str, Any]:
    """Return the schema as OpenAI's APIs name it; strict where that is allowed."""
    return {
        "name": wanted.name,
        "schema": wanted.schema,
        **({"strict": True} if is_strict(wanted.schema) else {}),
    }


def closed(schema: JsonValue) -> JsonValue:
    """Return a schema whose objects take no other properties, as Anthropic demands of each."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: closed(value) for key, value in schema.items()}
    if isinstance(inside.get("properties"), dict):
        inside.setdefault("additionalProperties", False)
    return inside


def is_strict(schema: JsonValue) -> bool:
    """Whether every object of a schema is closed and needs all its properties.

    OpenAI holds a model to such schemas exactly, and refuses others as strict ones.
    """
    if isinstance(schema, list):
        return all(is_strict(one) for one in schema)
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties")
        names = set(properties) if isinstance(properties, dict) else set()
        required = schema.get("required")
        closed = schema.get("additionalProperties") is False
        if not closed or names != set(required if isinstance(required, list) else ()):
            return False
    return all(is_strict(value) for value in schema.values())
