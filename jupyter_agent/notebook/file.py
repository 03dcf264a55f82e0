"""A notebook as a file on disk: for when no tab has it open and no Y.js document is there.

Everything slow runs in a thread. The file is replaced only if it still is as it was read
(`exchange.py`), so that what another program saves meanwhile is not lost; the change is then made
anew to what that program saved. The format is `ipynb.py`'s business.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from ..protocol.errors import (
    AgentError,
    NotANotebook,
    NotebookError,
    NotebookMissing,
    NotebookReadOnly,
    StaleCells,
    Unconfirmed,
)
from ..protocol.rpc import ApplyResult, Change, Expected, NotebookState
from . import ipynb
from .disk import FULL, READ_ONLY, Disk, NotRegular, TooLarge, read_regular, write_atomically
from .document import Backend, Outputs
from .exchange import Overtaken, Version
from .ipynb import NotebookFile
from .mistaken import mistaken_for_a_notebook
from .remembered import give_back_memory, states
from .rewriting import AppliedOnce, apply_result, change_notebook, notebook_state, put_outputs

LARGEST = 1 << 30  # bytes
_PIECE = 1 << 20  # characters or bytes
_LARGE = 20 << 20  # bytes
_LOOK_AGAIN = 0.05  # seconds
_ATTEMPTS = 5

T = TypeVar("T")
# Gets the notebook's data just before it is written (Jupyter's pre-save hook); returns what is to
# be written instead, None for the same. What it raises stops the save.
BeforeSave = Callable[[dict[str, Any]], "dict[str, Any] | None"]
# Gets the file's path once it is written (Jupyter's post-save hook); returns what went wrong.
AfterSave = Callable[[str], "str | None"]


class _PathLock:
    """One lock a file: weakly kept, so that it goes when nobody edits it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_locks: WeakValueDictionary[str, _PathLock] = WeakValueDictionary()
_locks_guard = threading.Lock()


def _lock_of(file: Path) -> _PathLock:
    with _locks_guard:
        return _locks.setdefault(os.path.normcase(os.path.realpath(file)), _PathLock())


class FileNotebook:
    """A notebook document over a file.

    Args:
        path: the path as the contents manager knows it.
        file: where it is on disk.
        disk: the system calls of a save.
        before_save: hook that may put other data in the place of what is written.
        after_save: hook that is told the file's path afterwards, and returns what people must know.
        patience: seconds to wait for a save of Jupyter's that goes on.
    """

    backend: Backend = "file"

    def __init__(
        self,
        path: str,
        file: Path,
        *,
        disk: Disk | None = None,
        before_save: BeforeSave | None = None,
        after_save: AfterSave | None = None,
        patience: float = 5.0,
    ) -> None:
        self.path = path
        self._file = file
        self._disk = disk or Disk()
        self._before_save = before_save
        self._after_save = after_save
        self._patience = patience
        self._lock = _lock_of(file)
        self._revision = 0
        self._version: Version | None = None
        self._size = 0
        self._applied = AppliedOnce()

    async def read(self, outputs: Outputs = "none") -> NotebookState:
        return await asyncio.to_thread(self._guarded, lambda: self._read(outputs))

    async def apply(
        self, changes: Sequence[Change], expect: Sequence[Expected], *, op_id: str
    ) -> ApplyResult:
        return await asyncio.to_thread(
            self._guarded, lambda: self._apply(tuple(changes), tuple(expect), op_id)
        )

    async def set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        await asyncio.to_thread(
            self._guarded, lambda: self._set_outputs(cell_id, outputs, execution_count)
        )

    async def save(self) -> None:
        """Do nothing: what was applied is on disk."""

    # ---- in a thread, one at a time for each file ---------------------------------------------

    def _guarded(self, work: Callable[[], T]) -> T:
        with self._lock.lock:
            try:
                return work()
            except OSError as error:
                raise _translated(error, self.path) from error
            finally:
                if self._size > _LARGE:
                    give_back_memory()

    def _load(self) -> tuple[NotebookFile, Version]:
        """Read and parse the file; wait while Jupyter saves it.

        Jupyter empties a file before it writes it anew, and keeps the text from before beside it
        for as long as that takes.
        """
        before = self._file.with_name(f".~{self._file.name}")
        deadline = time.monotonic() + self._patience
        while True:
            saving = before.exists()
            try:
                return self._parsed()
            except NotANotebook as error:
                if not saving and not before.exists():
                    # The save may have ended between the two looks.
                    return self._parsed()
                if time.monotonic() > deadline:
                    raise NotANotebook(
                        f"{error} A save of it was cut off, it seems: {before.name} beside it "
                        "may hold the notebook as it was before."
                    ) from error
            time.sleep(_LOOK_AGAIN)

    def _parsed(self) -> tuple[NotebookFile, Version]:
        data = read_regular(self._file, limit=LARGEST)
        version = self._seen(data)
        try:
            return ipynb.parse(_decoded(data)), version
        except UnicodeDecodeError as error:
            raise NotANotebook("This is not a notebook: it is no UTF-8 text.") from error
        except NotANotebook as error:
            words = mistaken_for_a_notebook(data)
            raise error if words is None else NotANotebook(words, cause=error) from error

    def _seen(self, data: bytes) -> Version:
        self._size = len(data)
        version = Version.of(data)
        if version != self._version:
            self._version = version
            self._revision += 1
        return version

    def _read(self, outputs: Outputs) -> NotebookState:
        read_only = not os.access(self._file, os.W_OK)
        if outputs == "none":
            version = self._seen(read_regular(self._file, limit=LARGEST))
            state = states.get(version)
            if state is not None:
                return replace(state, path=self.path, revision=self._revision, read_only=read_only)
        notebook, version = self._load()
        state = notebook_state(
            notebook, self.path, revision=self._revision, outputs=outputs, read_only=read_only
        )
        notebook.free()
        if outputs == "none":
            states.put(version, state)
        return state

    def _apply(
        self, changes: tuple[Change, ...], expect: tuple[Expected, ...], op_id: str
    ) -> ApplyResult:
        known = self._applied.get(op_id)
        if known is not None:
            return known
        written, notes = self._change(lambda found: change_notebook(found, changes, expect))
        result = apply_result(written, changes, revision=self._revision, notes=notes)
        self._applied.put(op_id, result)
        written.free()
        return result

    def _set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        self._change(lambda found: put_outputs(found, cell_id, outputs, execution_count))

    def _change(self, work: Callable[[NotebookFile], None]) -> tuple[NotebookFile, list[str]]:
        """Do something to the notebook and save it, anew if another program saves meanwhile.

        Returns:
            the notebook as it is in the file then, and what the person should know.

        Raises:
            StaleCells: `work` does not fit what the other program saved, or it keeps saving.
        """
        kept: list[str] = []
        try:
            for _ in range(_ATTEMPTS):
                notebook, known = self._load()
                work(notebook)
                try:
                    written = self._write(notebook, known)
                except Overtaken as error:
                    kept += [_kept_words(self.path, error.kept)] if error.kept else []
                else:
                    return written, [*notebook.repairs, *kept]
            raise StaleCells(
                f"{self.path} is being saved by another program again and again. "
                "Nothing was applied."
            )
        except AgentError as error:
            if kept:
                error.user_message = " ".join([error.user_message, *kept])
            raise

    def _write(self, notebook: NotebookFile, known: Version) -> NotebookFile:
        """Replace the file; returns the notebook as it is in the file then.

        Raises:
            Overtaken: the file is not the version `known` any more; nothing was written.
        """
        changed = self._changed_by_hook(notebook)
        data = _encoded(ipynb.pieces(notebook) if changed is None else [changed])
        links = os.stat(self._file).st_nlink
        write_atomically(self._file, data, disk=self._disk, known=known)
        if links > 1:
            notebook.repairs.append(_severed_words(self.path, links - 1))
        problem = self._after_save(str(self._file)) if self._after_save is not None else None
        if problem is not None:
            notebook.repairs.append(problem)
        found = read_regular(self._file, limit=LARGEST)
        if self._seen(found) != Version.of(*data):
            raise Unconfirmed(
                f"{self.path} was saved, and changed by something else right after it."
            )
        return notebook if changed is None else ipynb.parse(changed)

    def _changed_by_hook(self, notebook: NotebookFile) -> str | None:
        """Let the pre-save hook see what is to be written; returns what it made of it, if it did.

        Raises:
            NotANotebook: what it made is none.
        """
        if self._before_save is None:
            return None
        data = self._before_save(json.loads(ipynb.render(notebook)))
        if data is None:
            return None
        end = "" if notebook.tail.endswith("}") else notebook.layout.newline
        changed = notebook.layout.dump(data) + end
        ipynb.parse(changed)
        return changed


# A large text is decoded and encoded in pieces: in one, Python could do nothing else meanwhile,
# the server's event loop included.


def _decoded(data: bytes) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    for start in range(0, len(data), _PIECE):
        yield decoder.decode(data[start : start + _PIECE])
    yield decoder.decode(b"", final=True)


def _encoded(texts: Iterable[str]) -> list[bytes]:
    found: list[bytes] = []
    waiting: list[str] = []
    size = 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= _PIECE:
            found.append("".join(waiting).encode("utf-8"))
            waiting, size = [], 0
    return [*found, "".join(waiting).encode("utf-8")]


def _kept_words(path: str, copy: str) -> str:
    return (
        f"Another program saved {path} twice while it was being written; its first save was kept "
        f"as {copy}."
    )


def _severed_words(path: str, others: int) -> str:
    names = "another name" if others == 1 else f"{others} other names"
    return (
        f"{path} was a hard link: the file had {names} as well, where the notebook still is as "
        "it was before this edit."
    )


def _translated(error: OSError, path: str) -> NotebookError:
    """Say a failed system call in words."""
    if isinstance(error, FileNotFoundError):
        return NotebookMissing(f"There is no notebook {path}.")
    if isinstance(error, (NotRegular, IsADirectoryError)):
        return NotANotebook(f"{path} is not a notebook file.")
    if isinstance(error, TooLarge):
        return NotANotebook(f"{path} is too large to be edited: {error}.")
    if error.errno in FULL:
        return NotebookError(f"The disk is full: {path} was not saved and is as it was.")
    if error.errno in READ_ONLY or isinstance(error, PermissionError):
        return NotebookReadOnly(f"{path} cannot be written: it or its folder is read-only.")
    return NotebookError(f"{path} could not be read or saved: {error.strerror or error}.")
