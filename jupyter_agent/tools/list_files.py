"""The tool that lists files."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Iterator
from typing import ClassVar

from .base import Preview, ToolArguments, ToolCallContext, ToolOutput, text_output
from .files import FileMissing, FileRefused, Folder, Target
from .protected import unreadable_reason
from .workspace_tool import WorkspaceTool

MOST = 400  # entries shown
LOOKED_AT = 20_000  # entries looked at


class ListFilesArguments(ToolArguments):
    """Where to look, and for what."""

    slips: ClassVar[dict[str, str]] = {"folder": "path", "directory": "path", "glob": "pattern"}

    path: str = "."
    pattern: str = "*"
    recursive: bool = False


class ListFiles(WorkspaceTool):
    """Lists a folder."""

    name = "list_files"
    arguments = ListFilesArguments

    async def preview(self, arguments: ListFilesArguments) -> Preview:
        target = Folder(self._workspace.root).target(arguments.path)
        return Preview(title=f"List {_words(target)}")

    async def run(self, arguments: ListFilesArguments, context: ToolCallContext) -> ToolOutput:
        folder = Folder(self._workspace.root)
        target = folder.target(arguments.path)
        lines = await asyncio.to_thread(_list, folder, target, arguments)
        text = "\n".join(lines) or "nothing found"
        return text_output(text, title=f"Listed {_words(target)}", summary=_count(len(lines)))


def walk(
    folder: Folder, target: Target, *, recursive: bool, depth: int = 8
) -> Iterator[tuple[Target, bool, int]]:
    """Yield what lies in a folder: where, whether it is a folder, bytes. Hidden is left out."""
    for name, is_folder, size in folder.names(target):
        if unreadable_reason([name]):
            continue
        inner = Target(target.path / name, (*target.parts, name))
        yield inner, is_folder, size
        if is_folder and recursive and depth > 1:
            try:
                yield from walk(folder, inner, recursive=True, depth=depth - 1)
            except (FileMissing, FileRefused):
                continue  # removed, or not ours to read: the rest is still worth listing


def _list(folder: Folder, target: Target, arguments: ListFilesArguments) -> list[str]:
    lines: list[str] = []
    everything = walk(folder, target, recursive=arguments.recursive)
    for looked, (found, is_folder, size) in enumerate(everything):
        if looked >= LOOKED_AT or len(lines) >= MOST:
            lines.append("… there is more; narrow the path or the pattern")
            break
        shown, pattern = found.shown, arguments.pattern
        if fnmatch.fnmatch(found.parts[-1], pattern) or fnmatch.fnmatch(shown, pattern):
            lines.append(f"{shown}/" if is_folder else f"{shown}  {size:,} bytes")
    return lines


def _words(target: Target) -> str:
    return f"the files in {target.shown}" if target.parts else "the files in the top folder"


def _count(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries} entries"
