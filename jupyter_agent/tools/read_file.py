"""The tool that reads a file."""

from __future__ import annotations

import asyncio
import base64
from typing import ClassVar

from pydantic import Field

from ..digest.images import NotAnImage, picture
from ..digest.limits import DEFAULT_LIMITS
from ..protocol.messages import ImagePart, TextPart
from .base import Preview, ToolArguments, ToolCallContext, ToolOutput, text_output
from .files import FileRefused, Folder, Target
from .workspace_tool import WorkspaceTool

LARGEST = 32 << 20  # bytes
LONGEST = 24_000  # characters
_LINE = 2_000  # characters
_IMAGES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
}


class ReadFileArguments(ToolArguments):
    """Which file, and which part of it."""

    slips: ClassVar[dict[str, str]] = {"file": "path", "filename": "path", "file_path": "path"}

    path: str
    offset: int = Field(1, ge=1)
    limit: int = Field(1_000, ge=1, le=5_000)


class ReadFile(WorkspaceTool):
    """Reads a file within bounds."""

    name = "read_file"
    arguments = ReadFileArguments

    async def preview(self, arguments: ReadFileArguments) -> Preview:
        return Preview(title=f"Read {Folder(self._workspace.root).target(arguments.path).shown}")

    async def run(self, arguments: ReadFileArguments, context: ToolCallContext) -> ToolOutput:
        folder = Folder(self._workspace.root)
        target = folder.target(arguments.path)
        if target.path.suffix.lower() == ".ipynb":
            raise FileRefused(
                f"{target.shown} is a notebook: use notebook_overview and read_cells with "
                f"notebook={target.shown!r}."
            )
        data = await asyncio.to_thread(folder.read, target, limit=LARGEST)
        self._workspace.memory.remember_file(target.shown, data)
        vision = self._workspace.vision
        return await asyncio.to_thread(_output, data, target, arguments, vision=vision)


def _output(
    data: bytes, target: Target, arguments: ReadFileArguments, *, vision: bool
) -> ToolOutput:
    title = f"Read {target.shown}"
    kind = target.path.suffix.lower().lstrip(".")
    if kind in _IMAGES:
        return _image(data, _IMAGES[kind], title, vision=vision)
    if b"\0" in data[:8_000]:
        return text_output(
            f"{target.shown} is not text: {len(data):,} bytes. Read it with code.", title=title
        )
    text = data.decode("utf-8-sig", "replace")
    shown, lines = _part(text, arguments.offset, arguments.limit)
    return text_output(shown, title=title, summary=f"{lines:,} lines")


def _part(text: str, offset: int, limit: int) -> tuple[str, int]:
    """Return the lines asked for, with a notice of what is left, and how many there are."""
    lines = text.splitlines()
    if offset > max(1, len(lines)):
        return f"the file has {len(lines):,} lines", len(lines)
    shown: list[str] = []
    size = 0
    for line in lines[offset - 1 : offset - 1 + limit]:
        cut = line if len(line) <= _LINE else f"{line[:_LINE]}… ({len(line):,} characters)"
        size += len(cut) + 1
        if size > LONGEST:
            break
        shown.append(cut)
    end = offset - 1 + len(shown)
    if end < len(lines):
        shown.append(f"… lines {offset}-{end} of {len(lines):,}; go on with offset={end + 1}")
    return "\n".join(shown) or "the file is empty", len(lines)


def _image(data: bytes, kind: str, title: str, *, vision: bool) -> ToolOutput:
    try:
        found = picture(kind, base64.b64encode(data).decode("ascii"), DEFAULT_LIMITS)
    except NotAnImage as error:
        return text_output(f"not a usable image: {error}", title=title, is_error=True)
    about = f"{kind}, {found.width}×{found.height} pixels, {len(data):,} bytes"
    parts: list[TextPart | ImagePart] = [TextPart(text=about)]
    if vision and found.part is not None:
        parts.append(found.part)
    return ToolOutput(content=tuple(parts), title=title, summary=about)
