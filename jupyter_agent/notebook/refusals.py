"""Sources that are never written into a cell: placeholders, notebook JSON, fenced code. Pure."""

from __future__ import annotations

import json
import re

from ..protocol.errors import EditRefused
from ..protocol.redaction import markers

_COMMENT = re.compile(
    r"^\s*(?:#|//|--|%|;|/\*|<!--|\"\"\")\s*(?P<text>.*?)\s*(?:\*/|-->|\"\"\")?\s*$"
)
_DOTS = r"(?:\.{3}|…)"
_WHAT = (
    r"(?:code|cell|cells|content|contents|function|functions|class|lines?|imports?|body|"
    r"implementation|logic|notebook|file|above|below|here|unchanged|as before|stays?|remains?)"
)
_WHICH = r"(?:rest|existing|remaining|previous|original|unchanged|same|other|keep)"
_PLACEHOLDER = re.compile(
    rf"^(?:{_DOTS}\s*\(?(?:the\s+)?{_WHICH}\b.*|"
    rf"\(?(?:the\s+)?{_WHICH}\b.*\b{_WHAT}\b.*{_DOTS}\)?|"
    rf"{_DOTS}.*\b{_WHICH}\b.*{_DOTS}|"
    r"(?:the\s+)?rest of (?:the |your )?(?:code|cell|function|file|notebook|class)\b"
    r"(?:.*\b(?:unchanged|same|as before|here|goes|remains?|stays?)\b.*)?|"
    r"(?:your |the )?(?:existing|previous|original) code (?:here|unchanged|as before|stays|remains)\b.*"
    r")$",
    re.IGNORECASE,
)


def placeholder(source: str, before: str = "") -> str | None:
    """Return the first comment that stands for left-out code, None when there is none.

    A line that the cell has already is no placeholder: it is the person's own.
    """
    own = {line.strip() for line in before.splitlines()}
    for line in source.splitlines():
        comment = _COMMENT.match(line)
        if comment and line.strip() not in own and _PLACEHOLDER.match(comment["text"]):
            return line.strip()
    return None


def is_notebook_json(source: str) -> bool:
    """Return whether a source is the JSON of a notebook or of cells, not the text of one."""
    text = source.strip()
    if not text.startswith(("{", "[")) or '"cell_type"' not in text:
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return '"source"' in text and ('"nbformat"' in text or '"metadata"' in text)
    items = value if isinstance(value, list) else value.get("cells", [value])
    return isinstance(items, list) and any(
        isinstance(item, dict) and "cell_type" in item for item in items
    )


def check_markers(text: str, before: str = "") -> None:
    """Refuse a text with a marker that stands for a key: written, it would replace the key.

    Raises:
        EditRefused: there is one that was not there before.
    """
    found = next((found for found in markers(text) if found not in before), None)
    if found is not None:
        raise EditRefused(
            f"The text contains {found}, which stands for a key that you are not shown. Written, it "
            "would take the place of the key. Leave those lines as they are and change others with "
            "str_replace, or read the key from the environment. Nothing was written."
        )


def check_source(source: str, cell_type: str, before: str = "") -> None:
    """Refuse a source that is not the text of a cell.

    Raises:
        EditRefused: it is not.
    """
    if is_notebook_json(source):
        raise EditRefused(
            "The source is notebook JSON. Give only the text of the cell; one op for each cell."
        )
    if cell_type == "code" and source.lstrip().startswith("```"):
        raise EditRefused("The source is fenced with ```. Give the code alone, without fences.")
    check_markers(source, before)
    line = placeholder(source, before)
    if line is not None:
        raise EditRefused(
            f"The source leaves code out ({line!r}). "
            "Give the whole source, or change a part of it with str_replace."
        )
