"""Markdown of a model made safe for front ends that render it without asking us."""

from __future__ import annotations

import re

_LOADING_HTML = re.compile(
    r"<(?=(?:img|image|audio|video|source|track|input|svg|iframe|frame|object|embed|applet|link|"
    r"style|script|base|meta|body|table|t[dhr]|portal|math)\b|[a-z][^<>]*\b(?:style|background)\s*=)",
    re.IGNORECASE,
)


def inert_markdown(text: str) -> str:
    """Return Markdown that loads nothing by being shown: no images, no HTML that has a source.

    A cell is rendered by the front end, and an image's address can carry data away.
    """
    if any(mark in text for mark in ("](", "][", "]:")):
        text = text.replace("![", "!\\[")
    return _LOADING_HTML.sub("&lt;", text)
