"""Function arguments that Gemini streams leaf by leaf: JSON paths and values → one object."""

from __future__ import annotations

import re
from typing import Any

from ..protocol.errors import ParseFailed
from ._assemble import MAX_ARGUMENTS

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,6})\]|\[['\"]([^'\"]*)['\"]\]")
_VALUES = ("stringValue", "numberValue", "boolValue")


class PartialArguments:
    """Collects `partialArgs`. A string may come in several pieces."""

    def __init__(self) -> None:
        self._leaves: dict[tuple[str | int, ...], Any] = {}
        self._size = 0

    def add(self, pieces: list[dict[str, Any]]) -> None:
        """Take the pieces of one chunk.

        Raises:
            ParseFailed: they are more than the arguments of a call may be.
        """
        for piece in pieces:
            path = tuple(
                int(found[2]) if found[2] else found[1] or found[3] or ""
                for found in _STEP.finditer(piece.get("jsonPath") or "")
            )
            value = next((piece[key] for key in _VALUES if key in piece), None)
            self._size += len(value) + 1 if isinstance(value, str) else 8
            if self._size > MAX_ARGUMENTS:
                raise ParseFailed(
                    "The arguments of a tool call are larger than 1 MiB. The answer was stopped; "
                    "try again or choose another model."
                )
            if isinstance(value, str):
                known = self._leaves.get(path)
                if isinstance(known, list):
                    known.append(value)
                else:
                    self._leaves[path] = [value]
            else:
                self._leaves[path] = value

    def build(self) -> Any:
        """Return the arguments so far."""
        tree: dict[str | int, Any] = {}
        for path, leaf in self._leaves.items():
            value = "".join(leaf) if isinstance(leaf, list) else leaf
            if not path:
                return value
            node = tree
            for step in path[:-1]:
                inner = node.get(step)
                node[step] = node = inner if isinstance(inner, dict) else {}
            node[path[-1]] = value
        return _lists(tree)


def _lists(node: Any) -> Any:
    """Turn what was addressed by numbers into lists, in the order of the numbers."""
    if not isinstance(node, dict):
        return node
    if node and all(isinstance(key, int) for key in node):
        return [_lists(node[key]) for key in sorted(node)]
    return {str(key): _lists(value) for key, value in node.items()}
