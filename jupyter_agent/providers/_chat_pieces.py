"""Pieces of a streamed chat answer that belong together: calls, and reasoning details.

Servers leave out or repeat what says to which call a piece belongs, and split what they want back
whole.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

from ..protocol.messages import ProviderMetadata
from ._assemble import Assembler
from ._history import WireNames

API = "openai_chat"
EXTRA = "extra_content"


class CallKeys:
    """Finds the call a fragment belongs to, whatever the server leaves out or repeats."""

    def __init__(self, assembler: Assembler) -> None:
        self._assembler = assembler
        self._by_index: dict[Hashable, int] = {}
        self._by_id: dict[str, tuple[int, Hashable]] = {}
        self._has_id: set[int] = set()
        self._count = 0
        self._last: int | None = None

    def add(self, fragment: dict[str, Any], names: WireNames | None) -> None:
        """Put one fragment into the assembler."""
        function = fragment.get("function")
        if not isinstance(function, dict):
            return  # a tool of another kind, run elsewhere
        index = fragment.get("index")
        id = fragment.get("id") or ""
        name = function.get("name") or ""
        arguments = function.get("arguments")
        if arguments is None:
            arguments = ""
        elif not isinstance(arguments, str):
            arguments = json.dumps(arguments)
        key = self._last = self._key(index, id, name, arguments)
        if id:
            self._has_id.add(key)
            self._by_id[id] = (key, index)
        self._by_index[index] = key
        # OpenAI's own models and those trained on their answers write `functions.read_cells` at times.
        name = name.removeprefix("functions.")
        wire_name = names.from_wire(name) if names and name else name
        self._assembler.call(
            key,
            id=id,
            name=wire_name,
            arguments=arguments,
            metadata=_sealed(fragment.get("extra_content")),
        )

    def seal(self, extra: Any) -> None:
        """Put a seal that came alone onto the latest call; what came before any call needs none."""
        if self._last is not None:
            self._assembler.call(self._last, metadata=_sealed(extra))

    def _key(self, index: Hashable, id: str, name: str, arguments: str) -> int:
        """Return the key of a known call, or a new one.

        A new id starts a new call, even at an index in use. Without an id, the index decides;
        without either, a name after a whole call starts the next.
        """
        if id and id in self._by_id:
            key, seen_at = self._by_id[id]
            if index is None or seen_at == index:
                return key
        known = self._by_index.get(index)
        if known is None and index is None and not id and not name and self._count:
            known = self._count - 1
        if known is None:
            return self._new()
        if id:
            return self._new() if known in self._has_id else known
        starts_over = name and arguments.lstrip().startswith("{")
        if starts_over and self._assembler.is_whole(known):
            return self._new()
        return known

    def _new(self) -> int:
        self._count += 1
        return self._count - 1


class ReasoningDetails:
    """OpenRouter's `reasoning_details`, merged block by block so that they can be sent back."""

    _GROWING = ("text", "summary", "data")

    def __init__(self) -> None:
        self._blocks: list[dict[str, Any]] = []
        self._pieces: list[dict[str, list[str]]] = []

    def add(self, details: Any) -> str:
        """Take the pieces of one delta; return their readable text."""
        text = ""
        for piece in details if isinstance(details, list) else ():
            if not isinstance(piece, dict):
                continue
            text += piece.get("text") or piece.get("summary") or ""
            if not self._blocks or not self._continues(piece):
                self._blocks.append({})
                self._pieces.append({})
            for key, value in piece.items():
                if key in self._GROWING and isinstance(value, str):
                    self._pieces[-1].setdefault(key, []).append(value)
                    self._blocks[-1].setdefault(key, "")
                elif value is not None or key not in self._blocks[-1]:
                    self._blocks[-1][key] = value
        return text

    def _continues(self, piece: dict[str, Any]) -> bool:
        last = self._blocks[-1]
        return (
            piece.get("type") == last.get("type") != "reasoning.encrypted"
            and piece.get("index") == last.get("index")
            and (piece.get("id") or last.get("id")) == (last.get("id") or piece.get("id"))
            and not (last.get("signature") and piece.get("text"))
        )

    def merged(self) -> list[dict[str, Any]]:
        """Return the whole blocks."""
        return [
            {**block, **{key: "".join(values) for key, values in pieces.items()}}
            for block, pieces in zip(self._blocks, self._pieces, strict=True)
        ]


def _sealed(extra: Any) -> ProviderMetadata | None:
    return {API: {EXTRA: extra}} if isinstance(extra, dict) and extra else None
