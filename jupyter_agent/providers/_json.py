"""JSON on the wire: a fast, bounded reader and a compact writer."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json


def parse_json(data: bytes) -> Any:
    """Parse JSON bytes; nesting is bounded, and what is not valid Unicode becomes U+FFFD.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return from_json(data)
    except ValueError:
        text = data.decode("utf-8", errors="replace")
    try:
        return from_json(text)
    except ValueError:
        if "\\u" not in text:
            raise
    # Lone surrogates: some servers cut a character in two between chunks.
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    written = json.dumps(value, ensure_ascii=False)
    return json.loads(written.encode("utf-8", errors="replace"))


def compact_json(value: Any) -> bytes:
    """Write JSON in the fewest bytes; lone surrogates become `?`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", errors="replace")
