"""Foreign addresses that load by themselves when a cell is shown: images, styles, frames, scripts.

What a browser loads, it tells of the reader, and with whatever an address carries, of the notebook.
This looks for every way to have something loaded in a Markdown or raw cell. Where it cannot tell
a link from an image it counts as an image: to ask once too often is right, to miss one is not.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_to_bytes

from ..protocol.rpc import CellState

SCRIPT = "a script"
_DEPTH = 3
# Attributes looked at in one cell: beyond them, nobody can say what a cell loads.
_MOST = 20_000
_CSS_VALUE = 2_000  # characters

# Browsers take slashes and backslashes for one another, and do without them after these schemes.
_ADDRESS = re.compile(
    r"(?P<scheme>(?:https?|wss?|ftp):/*|(?!file:|blob:)[a-z][a-z0-9+.-]{0,20}://+|"
    r"(?<![^\s\"'(<>=,;:\[{|])//+)"
    r"(?P<rest>[^\s\"'<>`\\)/][^\s\"'<>`\\)]*)",
    re.IGNORECASE,
)
_TAG = re.compile(r"<([a-zA-Z][^\s/>]*)")
_NAME = re.compile(r"[\s/]*([^\s/>=][^\s/>=]*|=[^\s/>=]*)")
_VALUE = re.compile(r"\s*=\s*(?:\"([^\"]*)(?:\"|\Z)|'([^']*)(?:'|\Z)|([^\s>]*))")
_STYLE = re.compile(r"<style(.*?)(?:</style|\Z)", re.IGNORECASE | re.DOTALL)
_CSS_CODE = re.compile(r"\\([0-9a-fA-F]{1,6})[ \t\n\r\f]?|\\([^\n])")
# In formulas and diagrams styles can stand too.
_CSS_LOAD = re.compile(r"(?:url|src|image|image-set)\s*\(|@import", re.IGNORECASE)
_DIAGRAM = re.compile(r"(?:```|~~~)\s*[{.:]*\s*mermaid", re.IGNORECASE)
_DIRECTIVE = re.compile(r"\.\.\s[^\n]*::([^\n]*)")
# An image whose parts cannot be read in two ways.
_IMAGE = re.compile(
    r"!\[[^\[\]`\\<]*\]\(\s*(?:<([^<>\n\\]*)>|([^\s()<>\\]*))"
    r"(?:\s+(?:\"[^\"\\]*\"|'[^'\\]*'))?\s*\)"
)
_PARAGRAPH_END = re.compile(r"\n[ \t>]*\n")
_DEFINED = re.compile(r"\]:\s*(?:>\s*)*<?([^\s>]+)")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
# Attributes that are read, and never loaded.
_INERT = re.compile(r"xmlns(?::.*)?|title|alt|cite|aria-.*", re.IGNORECASE)
_DATA = re.compile(r"data:([^,]*),(.*)", re.IGNORECASE | re.DOTALL)


def loads(source: str, cell_type: str) -> frozenset[str]:
    """Return the foreign addresses that a cell loads when it is shown; `SCRIPT` for code in it."""
    if cell_type == "code":
        return frozenset()
    return frozenset(_in_text(source, _DEPTH))


def added_loads(before: CellState | None, source: str, cell_type: str) -> frozenset[str]:
    """Return what a cell would load that it does not load as it is; `before` None: it is new."""
    known = loads(before.source, before.cell_type) if before is not None else frozenset()
    return loads(source, cell_type) - known


def host_of(address: str) -> str:
    """Return the host of an address that `loads` has found, with its port."""
    found = _ADDRESS.match(address)
    if found is None:
        return address
    rest = re.split(r"[/?#]", found["rest"], maxsplit=1)[0]
    return unquote(rest.rpartition("@")[2]).lower() or address


def _in_text(text: str, depth: int) -> Iterator[str]:
    yield from _in_tags(text, depth)
    for image in _images(text):
        yield from _addresses(image)
    for style in _STYLE.finditer(text):
        yield from _addresses(_css(style[1]))
    for reading in (_decoded(text), _css(_decoded(text))):
        found = _CSS_LOAD.search(reading)
        while found is not None:
            value = re.split("[);]", reading[found.end() : found.end() + _CSS_VALUE], maxsplit=1)[0]
            yield from _addresses(value)
            found = _CSS_LOAD.search(reading, found.end() + len(value))
    if _DIAGRAM.search(text):
        yield from _addresses(text)
    for directive in _DIRECTIVE.finditer(text):
        yield from _addresses(directive[1])


# ---- Markdown ----------------------------------------------------------------------------------


def _images(text: str) -> Iterator[str]:
    """Yield texts in which an image's address stands."""
    referred = False
    start = text.find("![")
    while start >= 0:
        simple = _IMAGE.match(text, start)
        if simple is not None:
            yield (simple[1] or simple[2] or "").strip()
            end = simple.end()
        else:
            referred = True
            gap = _PARAGRAPH_END.search(text, start)
            end = gap.start() if gap is not None else len(text)
            yield text[start:end]
        start = text.find("![", end)
    if referred:
        for defined in _DEFINED.finditer(text):
            yield defined[1]


# ---- HTML --------------------------------------------------------------------------------------


def _in_tags(text: str, depth: int) -> Iterator[str]:
    """Yield what tags load.

    Each `<` before a letter is taken for a tag, in comments and code too, and read as the HTML
    standard has it: so no tag that a browser sees is missed.
    """
    looked_at = 0
    for tag in _TAG.finditer(text):
        name = tag[1].lower().rpartition(":")[2]
        if name == "script":
            yield SCRIPT
        for attribute, value in _attributes(text, tag.end()):
            looked_at += 1
            if looked_at > _MOST:
                yield SCRIPT
                return
            if attribute.startswith("on"):
                yield SCRIPT
            elif name in ("a", "area") and attribute == "href":
                continue  # a link loads nothing until it is followed
            elif not _INERT.fullmatch(attribute):
                yield from _in_value(value, depth)


def _attributes(text: str, at: int) -> Iterator[tuple[str, str]]:
    while (named := _NAME.match(text, at)) is not None:
        at = named.end()
        given = _VALUE.match(text, at)
        value = ""
        if given is not None:
            at = given.end()
            value = given[1] or given[2] or given[3] or ""
        yield named[1].lower(), value


def _in_value(value: str, depth: int) -> Iterator[str]:
    value = html.unescape(value)
    yield from _addresses(value)
    yield from _addresses(_css(value))
    if depth <= 0:
        yield SCRIPT  # nested so deep that nobody writes it by hand
        return
    if "<" in value:  # srcdoc
        yield from _in_text(value, depth - 1)
    data = _DATA.search(value)
    if data is not None and not re.match(r"\s*image/(?!svg)", data[1]):
        yield from _in_text(_data(data[1], data[2]), depth - 1)


def _data(kind: str, content: str) -> str:
    """Return the text of a `data:` address."""
    if not re.search(r";\s*base64\s*$", kind, re.IGNORECASE):
        return unquote(content)
    packed = re.sub(rb"[^A-Za-z0-9+/_-]", b"", unquote_to_bytes(content))
    packed += b"=" * (-len(packed) % 4)
    try:
        return base64.b64decode(packed, altchars=b"-_" if b"_" in packed else None).decode(
            "utf-8", "replace"
        )
    except (binascii.Error, ValueError):
        return ""


# ---- addresses ---------------------------------------------------------------------------------


def _addresses(text: str) -> Iterator[str]:
    """Yield the foreign addresses in a text, in every way a browser may come to read it."""
    decoded = _decoded(text)
    for reading in {text, decoded, _ESCAPED.sub(r"\1", text), _ESCAPED.sub(r"\1", decoded)}:
        # Browsers pass over line breaks, tabs and control characters in an address.
        squeezed = re.sub(r"[\t\r\n\0]", "", reading)
        for variant in {reading, squeezed}:
            for found in _ADDRESS.finditer(variant.replace("\\", "/")):
                yield _named(found)


def _named(found: re.Match[str]) -> str:
    scheme = found["scheme"].rstrip("/").lower()
    return f"{scheme}//{found['rest']}"


def _decoded(text: str) -> str:
    # Twice: Markdown decodes entities of its own before the browser does.
    return html.unescape(html.unescape(text))


def _css(text: str) -> str:
    """Return CSS without its comments and escapes."""
    text = re.sub(r"/\*.*?(?:\*/|\Z)", "", text, flags=re.DOTALL)
    return _CSS_CODE.sub(_css_character, text)


def _css_character(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[2]
    code = int(found[1], 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
