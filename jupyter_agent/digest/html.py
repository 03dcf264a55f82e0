"""HTML read in one linear pass, whatever its state: its text, and the first table's cells.

The standard parser is quadratic on some broken input, and an output may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

_NAME = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)")
_SPAN = re.compile(r"colspan\s*=\s*[\"']?(\d{1,4})", re.IGNORECASE)
_HIDDEN = ("script", "style", "template", "head")
_BLOCK = {
    *("p", "div", "br", "tr", "li", "ul", "ol", "table", "pre", "dt", "dd", "details", "summary"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "section", "article"),
}
_BLANK = re.compile(r"[ \t\r\f\v]+")


@dataclass(slots=True)
class Table:
    """The first table of a page: rows of the head and of the body."""

    head: list[list[str]] = field(default_factory=list)
    body: list[list[str]] = field(default_factory=list)


def tokens(html: str) -> Iterator[tuple[str, str]]:
    """Yield `("text", words)` and `(tag name, whole tag)`; closing tags are named `/name`."""
    lowered = html.lower()
    position, size = 0, len(html)
    while position < size:
        opening = html.find("<", position)
        if opening < 0:
            yield "text", html[position:]
            return
        if opening > position:
            yield "text", html[position:opening]
        if html.startswith("<!--", opening):
            closing = html.find("-->", opening)
            if closing < 0:
                return
            position = closing + 3
            continue
        name = _NAME.match(html, opening)
        if name is None and not html.startswith(("<!", "<?", "</"), opening):
            yield "text", "<"  # a bare one
            position = opening + 1
            continue
        closing = html.find(">", opening)
        if closing < 0:
            return
        tag = html[opening : closing + 1]
        position = closing + 1
        if name is None:
            continue
        kind = name.group(1).lower()
        if tag.startswith("</"):
            yield "/" + kind, tag
            continue
        if kind in _HIDDEN and not tag.endswith("/>"):
            end = lowered.find("</" + kind, position)
            if end < 0:
                return
            position = end
            continue
        yield kind, tag


def text_of(html: str) -> str:
    """Return the words of a page, a line for each block."""
    pieces: list[str] = []
    for kind, content in tokens(html):
        if kind == "text":
            pieces.append(_BLANK.sub(" ", unescape(content)))
        elif kind.lstrip("/") in _BLOCK:
            pieces.append("\n")
        elif kind in ("td", "th"):
            pieces.append(" ")
    lines = (line.strip() for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def first_table(html: str) -> Table | None:
    """Return the first table's cells, also of a table that is cut off; None without one."""
    table: Table | None = None
    row: list[str] = []
    cell: list[str] | None = None
    span = 1
    in_head = False
    for kind, content in tokens(html):
        if kind == "table":
            table = table or Table()
        elif table is None:
            continue
        elif kind == "thead":
            in_head = True
        elif kind == "/thead":
            in_head = False
        elif kind == "tr":
            row = []
            (table.head if in_head else table.body).append(row)
        elif kind in ("td", "th"):
            cell = []
            found = _SPAN.search(content)
            span = min(int(found.group(1)), 200) if found else 1
        elif kind == "text" and cell is not None:
            cell.append(content)
        elif kind in ("/td", "/th") and cell is not None:
            row.extend([" ".join(unescape("".join(cell)).split())] * max(span, 1))
            cell = None
        elif kind == "/table":
            break
    return table
