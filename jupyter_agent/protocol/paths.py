"""Paths of notebooks as the contents manager knows them; `labextension/src/protocol/paths.ts` too."""

from __future__ import annotations

from typing import Any, overload


@overload
def moved(path: str, old: str, new: str) -> str: ...
@overload
def moved(path: str | None, old: str, new: str) -> str | None: ...
def moved(path: str | None, old: str, new: str) -> str | None:
    """Return what became of a path when a notebook, or the folder it is in, moved from old to new."""
    if path is not None and (path == old or path.startswith(f"{old}/")):
        return new + path[len(old) :]
    return path


def move_keys(known: dict[str, Any], old: str, new: str) -> None:
    """Move what is known by path from old to new."""
    for path in [path for path in known if moved(path, old, new) != path]:
        known[moved(path, old, new)] = known.pop(path)
