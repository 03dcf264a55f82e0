"""How two sources differ, by lines: counts and unified text. Pure."""

from __future__ import annotations

import difflib
from collections import Counter

from .cells import source_lines

# Above this many pairs of lines an exact match would take seconds: count lines as a bag.
_MANY = 4_000_000


def count_lines(before: str, after: str) -> tuple[int, int]:
    """Return how many lines were added and removed."""
    if before == after:
        return 0, 0
    old, new = _lines(before), _lines(after)
    if len(old) * len(new) > _MANY:
        kept = (Counter(old) & Counter(new)).total()
        return len(new) - kept, len(old) - kept
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    kept = sum(block.size for block in matcher.get_matching_blocks())
    added, removed = len(new) - kept, len(old) - kept
    # Only the line ends differ: a change all the same.
    return (added, removed) if added or removed else (1, 1)


def unified(before: str, after: str, *, context: int = 3) -> str:
    """Return the difference as unified diff lines, without file headers."""
    lines = difflib.unified_diff(_lines(before), _lines(after), lineterm="", n=context)
    return "\n".join(list(lines)[2:])


def counts(added: int, removed: int) -> str:
    """Return line counts as shown to people and models: `+2 −1`."""
    return f"+{added} −{removed}"


def _lines(source: str) -> list[str]:
    lines = source_lines(source)
    return lines[:-1] if lines and not lines[-1] else lines  # the end of the last line
