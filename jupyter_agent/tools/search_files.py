"""The tool that searches files for a text."""

from __future__ import annotations

import asyncio
import fnmatch
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from ..notebook import ipynb
from ..notebook.cells import source_lines
from ..protocol.errors import NotANotebook
from .base import Preview, ToolArguments, ToolCallContext, ToolOutput, text_output
from .files import FileMissing, FileRefused, Folder, Target
from .list_files import walk
from .workspace_tool import WorkspaceTool

LARGEST = 4 << 20  # bytes of one file
MOST = 200  # lines found
FILES = 5_000
SECONDS = 15.0
_LINE = 300  # characters


class SearchFilesArguments(ToolArguments):
    """What to look for, and where."""

    slips: ClassVar[dict[str, str]] = {"text": "query", "glob": "pattern", "folder": "path"}

    query: str = Field(min_length=1, max_length=500)
    path: str = "."
    pattern: str = "*"


class SearchFiles(WorkspaceTool):
    """Finds lines that hold a text."""

    name = "search_files"
    arguments = SearchFilesArguments

    async def preview(self, arguments: SearchFilesArguments) -> Preview:
        return Preview(title=f"Search for “{arguments.query[:60]}”")

    async def run(self, arguments: SearchFilesArguments, context: ToolCallContext) -> ToolOutput:
        folder = Folder(self._workspace.root)
        target = folder.target(arguments.path)
        stopped = threading.Event()
        try:
            lines = await asyncio.to_thread(_search, folder, target, arguments, stopped)
        finally:
            stopped.set()  # a thread cannot be cancelled: it looks at this
        text = "\n".join(lines) or "not found"
        return text_output(
            text, title=f"Searched for “{arguments.query[:60]}”", summary=f"{len(lines)} lines"
        )


def _search(
    folder: Folder, target: Target, arguments: SearchFilesArguments, stopped: threading.Event
) -> list[str]:
    end = time.monotonic() + SECONDS
    wanted = arguments.query.casefold()
    found: list[str] = []
    files = 0
    for inner, is_folder, size in walk(folder, target, recursive=True):
        if is_folder or size > LARGEST or not fnmatch.fnmatch(inner.parts[-1], arguments.pattern):
            continue
        files += 1
        if stopped.is_set() or files > FILES or time.monotonic() > end:
            found.append("… stopped early; narrow the path or the pattern")
            break
        for place, line in _lines(folder, inner):
            if wanted in line.casefold():
                found.append(f"{inner.shown}:{place}: {_around(line, wanted)}")
        if len(found) >= MOST:
            found = [*found[:MOST], "… there is more; narrow the query"]
            break
    return found


def _lines(folder: Folder, target: Target) -> Iterator[tuple[str, str]]:
    """Yield place and text of each line of a file; nothing of one that is no text."""
    try:
        data = folder.read(target, limit=LARGEST)
    except (FileMissing, FileRefused):
        return
    if b"\0" in data[:8_000]:
        return
    text = data.decode("utf-8-sig", "replace")
    if target.path.suffix.lower() != ".ipynb":
        yield from ((str(number), line) for number, line in enumerate(text.splitlines(), 1))
        return
    try:
        cells = ipynb.parse(text).cells
    except NotANotebook:
        return
    for cell in cells:
        source = ipynb.source_of(cell.data)
        for number, line in enumerate(source_lines(source), 1):
            yield f"cell {cell.id}:{number}", line


def _around(line: str, wanted: str) -> str:
    start = max(0, line.casefold().find(wanted) - _LINE // 3)
    piece = line[start : start + _LINE].strip()
    return ("…" if start else "") + piece + ("…" if len(line) > start + _LINE else "")
