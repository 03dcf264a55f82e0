"""Collects the text and images of a result, in order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..protocol.messages import ImagePart, TextPart

if TYPE_CHECKING:
    from ..digest.outputs import Digest

_HANDLE = re.compile(r"read on with read_cells\([^)]*\)")


def without_handles(parts: Iterable[TextPart | ImagePart]) -> list[TextPart | ImagePart]:
    """Return a digest of what is no cell's output: the advice to read on in a cell is replaced."""
    return [
        TextPart(text=_HANDLE.sub("print a smaller part to see it", part.text))
        if isinstance(part, TextPart)
        else part
        for part in parts
    ]


class Content:
    """Text and images of one result. `digested` counts the characters that came from outputs."""

    def __init__(self) -> None:
        self._parts: list[TextPart | ImagePart] = []
        self.digested = 0

    @property
    def parts(self) -> tuple[TextPart | ImagePart, ...]:
        """What was collected."""
        return tuple(self._parts)

    def add(self, text: str) -> None:
        """Add lines of text."""
        last = self._parts[-1] if self._parts else None
        if isinstance(last, TextPart):
            self._parts[-1] = TextPart(text=f"{last.text}\n{text}")
        else:
            self._parts.append(TextPart(text=text))

    def add_digest(self, digest: Digest) -> None:
        """Add the digest of a cell's outputs."""
        self.digested += digest.characters
        self.extend(digest.content)

    def extend(self, parts: Iterable[TextPart | ImagePart]) -> None:
        """Add parts; neighbouring texts become one."""
        for part in parts:
            if isinstance(part, TextPart):
                self.add(part.text)
            else:
                self._parts.append(part)
