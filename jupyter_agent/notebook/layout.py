"""How a notebook's file is laid out, so that what is written anew looks like what is there.

Indentation, line ends, spaces, escapes and the order of keys are the file's own. In a cell that
is changed, the values that stay keep their text byte for byte. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json.decoder import WHITESPACE, JSONDecoder, scanstring  # type: ignore[attr-defined]
from typing import Any

_DECODER = JSONDecoder()
_FIRST_KEY = re.compile(r'\s*\{(?P<space>\s*)"')
# A large notebook is not searched through for escapes: where there are some, they come soon.
_LOOKED_AT = 20_000  # characters of a cell
_LOOKED_INTO = 500  # cells
_NO_SPACE = re.compile(r'"cells":\[')
# An escape that JSON does not ask for: the writer kept the file in ASCII.
_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u(?:00[89a-fA-F]|0[1-9a-fA-F]|[1-9a-fA-F])")
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The layout of a file.

    `indent` is what one level is indented by, None where all stands on one line.
    """

    indent: str | None = " "
    newline: str = "\n"
    colon: str = ": "
    ascii: bool = False

    def dump(self, data: Any, margin: str = "") -> str:
        """Return data as JSON; `margin` is what its lines but the first are moved to the right by."""
        if self.indent is None:
            comma = ", " if self.colon == ": " else ","
            return _json(data, self.ascii, separators=(comma, self.colon))
        text = _json(data, self.ascii, indent=self.indent, separators=(",", self.colon))
        return text.replace("\n", self.newline + margin)


def layout_of(head: str, tail: str, cells: Sequence[str]) -> Layout:
    """Return how a notebook is laid out: the text before its cells, behind them, and of each."""
    first = _FIRST_KEY.match(head)
    space = first["space"] if first else ""
    newline = _NEWLINE.search(space)
    texts = (head, tail, *cells)
    return Layout(
        indent=None if newline is None else space[newline.end() :],
        newline="\n" if newline is None else newline[0],
        colon=":" if _NO_SPACE.search(head) else ": ",
        ascii=all(text.isascii() for text in texts)
        and any(_ESCAPE.search(text[:_LOOKED_AT]) for text in texts[:_LOOKED_INTO]),
    )


def ordered(data: Mapping[str, Any], like: Sequence[str]) -> dict[str, Any]:
    """Return data with its keys in the order of `like`; others follow in their own."""
    place = {key: number for number, key in enumerate(like)}
    return {key: data[key] for key in sorted(data, key=lambda key: place.get(key, len(place)))}


def patched(origin: str, data: Mapping[str, Any], layout: Layout) -> str | None:
    """Return the text of an object with other data, each value that stays as it was written.

    Args:
        origin: the object's text.
        data: what it shall hold.
        layout: how values that differ, and new ones, are written.

    Returns:
        None where the text cannot be kept: it has a key twice, or none.
    """
    try:
        members = _members(origin)
    except (ValueError, IndexError, RecursionError):
        return None
    keys = [member.key for member in members]
    if not keys or len({*keys}) < len(keys):
        return None
    margin = _margin(origin, members[0].start)
    separator = _separator(origin, members, layout, margin)
    by_key = {member.key: member for member in members}
    pieces: list[str] = []
    for key in _order(keys, data):
        member = by_key.get(key)
        if member is not None and _equal(member.value, data[key]):
            pieces.append(origin[member.start : member.end])
            continue
        name = f"{_json(key, layout.ascii)}{layout.colon}"
        if member is not None:
            name = origin[member.start : member.value_start]
        pieces.append(name + layout.dump(data[key], margin or ""))
    return origin[: members[0].start] + separator.join(pieces) + origin[members[-1].end :]


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    value: Any
    start: int
    value_start: int
    end: int


def _members(text: str) -> list[_Member]:
    """Return an object's members and where they stand.

    Raises:
        ValueError, IndexError: it is no object.
    """
    index = _skip(text, 0)
    if text[index] != "{":
        raise ValueError("no object")
    found: list[_Member] = []
    index = _skip(text, index + 1)
    while text[index] != "}":
        start = index
        if text[index] != '"':
            raise ValueError("no key")
        key, index = scanstring(text, index + 1, True)
        index = _skip(text, _skip(text, index) + 1)
        value_start = index
        value, index = _DECODER.raw_decode(text, index)
        found.append(_Member(key, value, start, value_start, index))
        index = _skip(text, index)
        if text[index] == ",":
            index = _skip(text, index + 1)
    return found


def _order(keys: Sequence[str], data: Mapping[str, Any]) -> list[str]:
    """Return the keys of `data`: as they stood; new ones in their place, where all are sorted."""
    kept = [key for key in keys if key in data]
    new = [key for key in data if key not in keys]
    if list(keys) == sorted(keys):
        return sorted(data)
    if "id" in new and kept[-1:] != ["cell_type"] and "cell_type" in kept:
        # Not last: the line before it would change as well, for a comma.
        new.remove("id")
        kept.insert(kept.index("cell_type") + 1, "id")
    return kept + new


def _separator(origin: str, members: Sequence[_Member], layout: Layout, margin: str | None) -> str:
    if len(members) > 1:
        return origin[members[0].end : members[1].start]
    if margin is not None:
        return f",{layout.newline}{margin}"
    return "," if layout.colon == ":" else ", "


def _margin(text: str, start: int) -> str | None:
    """Return what the first key is indented by, None where it stands on the object's own line."""
    before = text[:start]
    cut = max(before.rfind("\n"), before.rfind("\r"))
    return None if cut < 0 else before[cut + 1 :]


def _equal(old: Any, new: Any) -> bool:
    # 1, 1.0 and true are equal in Python, and are not the same JSON.
    return bool(old == new) and (
        not isinstance(old, (dict, bool, int, float)) or json.dumps(old) == json.dumps(new)
    )


def _json(data: Any, ascii_only: bool, **more: Any) -> str:
    """Return data as JSON, escaped when it holds half a surrogate pair, which UTF-8 cannot."""
    text = json.dumps(data, ensure_ascii=ascii_only, **more)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(data, **more)
    return text


def encodable(data: Any, indent: int | None = None) -> str:
    """Return data as JSON that UTF-8 can hold."""
    return _json(data, False, indent=indent)


def _skip(text: str, index: int) -> int:
    found = WHITESPACE.match(text, index)
    return int(found.end()) if found else index
