"""Text that can be written: JSON in UTF-8 holds no half of a surrogate pair, Python's strings may."""

from __future__ import annotations

import re

_HALF = re.compile("[\ud800-\udfff]")


def printable(text: str) -> str:
    """Return text with `�` in place of what cannot be written."""
    return text if text.isascii() else _HALF.sub("\ufffd", text)
