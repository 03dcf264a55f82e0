"""What a prompt could mention, for the list the composer offers: variables and files."""

from __future__ import annotations

import asyncio
import posixpath
import time
from typing import TYPE_CHECKING

from ..kernel.client import KernelClientRunner
from ..protocol.errors import AgentError
from ..protocol.frames import FileList, Variable, VariableList
from ..tools.files import Folder
from ..tools.inspect_variables import look_at
from ..tools.list_files import LOOKED_AT, walk

if TYPE_CHECKING:
    from pathlib import Path

    from ..kernel.directory import KernelDirectory
    from ..tools.files import Target

MOST_FILES = 30
LONGEST_QUERY = 200  # characters
_SUMMARY = 120  # characters
_SECONDS = 2.0  # spent on looking for files
# Put there by IPython, not by the person.
_BUILT_IN = frozenset(("In", "Out", "exit", "quit", "get_ipython", "open"))


async def list_variables(path: str, kernels: KernelDirectory | None) -> VariableList:
    """Return the variables of a notebook's kernel, or in words why there are none to choose."""
    if not path:
        return VariableList(problem="No notebook was named.")
    if kernels is None:
        return VariableList(problem="No kernel may be used here.")
    path = posixpath.normpath(path.replace("\\", "/")).lstrip("/")
    runner = KernelClientRunner(path, kernels, keep_kernel=True)
    try:
        text = await look_at(runner, names=[], detail=False, deadline=3.0)
    except AgentError as error:
        return VariableList(problem=error.user_message)
    finally:
        await runner.aclose()
    found = []
    for line in text.splitlines():
        name, colon, summary = line.partition(": ")
        if colon and name.isidentifier() and name not in _BUILT_IN:
            found.append(Variable(name=name, summary=summary[:_SUMMARY]))
    return VariableList(variables=tuple(found))


async def find_files(root: Path, query: str) -> FileList:
    """Return files below a folder whose path holds all words of a search, the nearest first."""
    words = query[:LONGEST_QUERY].lower().split()
    return await asyncio.to_thread(_find, Folder(root), words)


def _find(folder: Folder, words: list[str]) -> FileList:
    end = time.monotonic() + _SECONDS
    found: list[Target] = []
    whole = True
    root = folder.target(".")
    for looked, (target, is_folder, _) in enumerate(walk(folder, root, recursive=True)):
        if looked >= LOOKED_AT or time.monotonic() > end:
            whole = False
            break
        if not is_folder and all(word in target.shown.lower() for word in words):
            found.append(target)
    found.sort(key=lambda target: _distance(target, words))
    shown = tuple(target.shown for target in found[:MOST_FILES])
    return FileList(files=shown, more=not whole or len(found) > len(shown))


def _distance(target: Target, words: list[str]) -> tuple[bool, bool, int, str]:
    name = target.parts[-1].lower()
    starts = bool(words) and name.startswith(words[0])
    return (not starts, not all(word in name for word in words), len(target.parts), target.shown)
