"""What an answer cost in tokens, and why it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FinishKind = Literal[
    "stop", "tool_calls", "length", "content_filter", "refusal", "context_overflow", "other"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Why the model stopped: our word, and the provider's own."""

    kind: FinishKind
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one answer. `input` is everything sent, cached tokens included."""

    input: int = 0
    output: int = 0
    total: int = 0
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input=self.input + other.input,
            output=self.output + other.output,
            total=self.total + other.total,
            cache_read=_add(self.cache_read, other.cache_read),
            cache_write=_add(self.cache_write, other.cache_write),
            reasoning=_add(self.reasoning, other.reasoning),
        )


def _add(left: int | None, right: int | None) -> int | None:
    if left is None:
        return right
    return left if right is None else left + right
