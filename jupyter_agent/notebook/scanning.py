"""The text of a notebook cut at its cells, read piece by piece: it never stands in memory whole.

In one piece, Python could do nothing else while it joins or frees 100 MB, the server's event loop
included. Nothing here knows the format; that is `ipynb.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from json.decoder import WHITESPACE, JSONDecoder  # type: ignore[attr-defined]
from typing import Any

_DECODER = JSONDecoder()


@dataclass(slots=True)
class ScannedCell:
    """A cell: its data, its text, and the text between the cell before and this one."""

    data: Any
    text: str
    lead: str | None


@dataclass(slots=True)
class Scanned:
    """A JSON object with `cells`.

    `members` are all its others; where `cells` is no list, it stands there too. `places` says where
    a member's text stands: in `head` or `tail`, from, to.
    """

    head: str = ""
    tail: str = ""
    cells: list[ScannedCell] | None = None
    members: dict[str, Any] = field(default_factory=dict)
    places: dict[str, tuple[str, int, int]] = field(default_factory=dict)


def scan(pieces: Iterable[str]) -> Scanned:
    """Read a JSON object.

    Raises:
        ValueError: it is damaged, no object, or names a member twice.
        RecursionError: it is nested too deeply.
    """
    text = _Text(pieces)
    found = Scanned()
    part = "head"
    text.take("{")
    while text.peek() != "}":
        key = text.value()
        if (
            not isinstance(key, str)
            or key in found.members
            or (key == "cells" and found.cells is not None)
        ):
            raise ValueError(f"{key} is no key, or stands twice")
        text.take(":")
        if key == "cells" and text.peek() == "[":
            _scan_cells(text, found)
            part = "tail"
        else:
            text.peek()
            start = text.at
            found.members[key] = text.value()
            found.places[key] = (part, start, text.at)
        if text.peek() == ",":
            text.take(",")
        elif text.peek() != "}":
            raise ValueError("no comma")
    text.take("}")
    text.expect_end()
    if part == "head":
        found.head = text.kept()
    else:
        found.tail = text.kept()
    return found


def _scan_cells(text: _Text, found: Scanned) -> None:
    """Read the cells. Afterwards the text begins behind the last of them."""
    text.take("[")
    cells = found.cells = []
    bracket = text.at
    while text.peek() != "]":
        lead = text.cut() if cells else None
        if not cells:
            found.head = text.cut()
        data = text.value()
        cells.append(ScannedCell(data, text.cut(), lead))
        if text.peek() == ",":
            text.take(",")
        elif text.peek() != "]":
            raise ValueError("no comma")
    if not cells:
        found.head = text.cut(bracket)
    text.take("]")


class _Text:
    """Text that is read on when it is needed. `at` is the place, counted from what was cut last."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = iter(pieces)
        self._text = ""
        self._start = 0  # what stands before was cut off
        self._at = 0

    @property
    def at(self) -> int:
        return self._at - self._start

    def peek(self) -> str:
        """Go on to the next character that is no blank, and return it."""
        while True:
            blank = WHITESPACE.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                raise ValueError("it ends too early")

    def take(self, character: str) -> None:
        """Read a character."""
        if self.peek() != character:
            raise ValueError(f"no {character}")
        self._at += 1

    def value(self) -> Any:
        """Read a JSON value."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except (ValueError, IndexError):
                # It may be cut off where the text ends so far.
                if not self._more():
                    raise
                continue
            # A number may go on: "1" is read of "1e+" when the text ends there so far.
            if end + 2 < len(self._text) or not self._more():
                self._at = end
                return value

    def cut(self, at: int | None = None) -> str:
        """Return the text since the last cut, up to the place."""
        end = self._at if at is None else self._start + at
        text = self._text[self._start : end]
        self._start = end
        return text

    def kept(self) -> str:
        """Return all text since the last cut."""
        return self._text[self._start :]

    def expect_end(self) -> None:
        """Make sure that nothing but blanks follows."""
        try:
            self.peek()
        except ValueError:
            return
        raise ValueError("something behind the end")

    def _more(self) -> bool:
        """Read on, at least as much as there is: what is large is not tried again too often."""
        wanted = max(1, len(self._text) - self._start)
        found: list[str] = []
        for piece in self._pieces:
            found.append(piece)
            wanted -= len(piece)
            if wanted <= 0:
                break
        if not any(found):
            return False
        self._text = "".join([self._text[self._start :], *found])
        self._at -= self._start
        self._start = 0
        return True
