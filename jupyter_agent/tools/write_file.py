"""The tool that writes a file."""

from __future__ import annotations

import asyncio
import hashlib
from typing import ClassVar

from pydantic import Field

from ..notebook.diff import count_lines, counts
from ..notebook.refusals import check_markers
from ..protocol.tools import Permission, PreviewBlock
from .base import Preview, ToolArguments, ToolCallContext, ToolOutput, text_output
from .files import FileMissing, FileRefused, Folder, StaleFile, Target, changed_meanwhile
from .protected import is_notebook, runs_by_itself_reason
from .workspace_tool import WRITE, WorkspaceTool

LONGEST = 1_000_000  # characters
LARGEST = 2 << 20  # bytes of a file that is replaced


class WriteFileArguments(ToolArguments):
    """Which file, and all of its text."""

    slips: ClassVar[dict[str, str]] = {
        "file": "path",
        "filename": "path",
        "file_path": "path",
        "text": "content",
        "source": "content",
    }

    path: str
    content: str = Field(max_length=LONGEST)


class WriteFile(WorkspaceTool):
    """Writes a file atomically, never over what the model has not seen.

    What is shown before is bound to what is replaced.
    """

    name = "write_file"
    arguments = WriteFileArguments
    parallel = False

    def permissions(self, arguments: WriteFileArguments) -> frozenset[Permission]:
        return WRITE

    def always_ask(self, arguments: WriteFileArguments) -> bool:
        # What runs by itself later would run without any permission: no grant and no mode
        # stands for that.
        target = _target(Folder(self._workspace.root), arguments)
        return _runs_by_itself(target) is not None

    async def preview(self, arguments: WriteFileArguments) -> Preview:
        folder = Folder(self._workspace.root)
        target = _target(folder, arguments)
        before = _text(target, await asyncio.to_thread(self._known, folder, target))
        check_markers(arguments.content, before or "")
        block = PreviewBlock(
            kind="text" if before is None else "diff",
            text=arguments.content,
            before=before,
            label=target.shown,
        )
        found = "" if before is None else hashlib.sha256(before.encode("utf-8")).hexdigest()
        title = f"{'Create' if before is None else 'Replace'} {target.shown}"
        reason = _runs_by_itself(target)
        return Preview(
            title=title if reason is None else f"{title}, which may run by itself: {reason}",
            blocks=(block,),
            bound_to=(("file", target.shown), ("content", found)),
        )

    async def run(self, arguments: WriteFileArguments, context: ToolCallContext) -> ToolOutput:
        folder = Folder(self._workspace.root)
        target = _target(folder, arguments)
        found = await asyncio.to_thread(self._known, folder, target)
        before = _text(target, found)
        check_markers(arguments.content, before or "")
        data = arguments.content.encode("utf-8")
        await asyncio.to_thread(folder.write, target, data, known=found, new=found is None)
        self._workspace.memory.remember_file(target.shown, data)
        added, removed = count_lines(before or "", arguments.content)
        verb = "created" if before is None else "replaced"
        return text_output(
            f"{verb} {target.shown}, {len(data):,} bytes ({counts(added, removed)})",
            title=f"{verb.capitalize()} {target.shown}",
            summary=counts(added, removed),
        )

    def _known(self, folder: Folder, target: Target) -> bytes | None:
        """Return what is there now, None when nothing is.

        Raises:
            StaleFile: it is not what the model has read or written last.
        """
        try:
            data = folder.read(target, limit=LARGEST)
        except FileMissing:
            return None
        memory = self._workspace.memory
        if target.shown not in memory.files:
            raise StaleFile(
                f"There is a {target.shown} that you have not read. It was left as it is."
            )
        if not memory.knows_file(target.shown, data):
            raise changed_meanwhile(target)
        return data


def _target(folder: Folder, arguments: WriteFileArguments) -> Target:
    target = folder.target(arguments.path, write=True)
    if is_notebook(target.parts[-1]):
        raise FileRefused("Notebooks are written with edit_cells or create_notebook.")
    return target


def _runs_by_itself(target: Target) -> str | None:
    return runs_by_itself_reason(target.parts) or runs_by_itself_reason(target.named)


def _text(target: Target, data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"{target.shown} is not text and is not replaced.", cause=error
        ) from error
