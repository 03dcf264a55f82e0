"""A notebook as a file on disk: for when no tab has it open and no Y.js document is there.

Everything slow runs in a thread. Between reading and renaming the file is compared once more, so
that what someone else wrote in the meantime is not lost. The format is `ipynb.py`'s business.
"""

from __future__ import annotations

import asyncio
import codecs
import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from ..protocol.errors import (
    NotANotebook,
    NotebookError,
    NotebookMissing,
    NotebookReadOnly,
    StaleCells,
    Unconfirmed,
)
from ..protocol.rpc import ApplyResult, Change, Expected, NotebookState
from . import ipynb
from .disk import Disk, NotRegular, TooLarge, read_regular, write_atomically
from .document import Backend, Outputs
from .ipynb import NotebookFile
from .rewriting import AppliedOnce, apply_result, change_notebook, notebook_state, put_outputs

LARGEST = 1 << 30  # bytes
_PIECE = 1 << 20  # characters or bytes
_LOOK_AGAIN = 0.05  # seconds

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
        self._digest = b""
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

    def _load(self) -> tuple[NotebookFile, bytes]:
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

    def _parsed(self) -> tuple[NotebookFile, bytes]:
        data = read_regular(self._file, limit=LARGEST)
        digest = self._seen(data)
        try:
            text = _decoded(data)
        except UnicodeDecodeError as error:
            raise NotANotebook("This is not a notebook: it is no UTF-8 text.") from error
        return ipynb.parse(text), digest

    def _seen(self, data: bytes) -> bytes:
        digest = hashlib.sha256(data).digest()
        if digest != self._digest:
            self._digest = digest
            self._revision += 1
        return digest

    def _read(self, outputs: Outputs) -> NotebookState:
        notebook, _ = self._load()
        return notebook_state(
            notebook,
            self.path,
            revision=self._revision,
            outputs=outputs,
            read_only=not os.access(self._file, os.W_OK),
        )

    def _apply(
        self, changes: tuple[Change, ...], expect: tuple[Expected, ...], op_id: str
    ) -> ApplyResult:
        known = self._applied.get(op_id)
        if known is not None:
            return known
        notebook, digest = self._load()
        change_notebook(notebook, changes, expect)
        written = self._write(notebook, digest)
        result = apply_result(written, changes, revision=self._revision, notes=notebook.repairs)
        self._applied.put(op_id, result)
        return result

    def _set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        notebook, digest = self._load()
        put_outputs(notebook, cell_id, outputs, execution_count)
        self._write(notebook, digest)

    def _write(self, notebook: NotebookFile, digest: bytes) -> NotebookFile:
        """Replace the file; returns the notebook as it is in the file then."""
        changed = self._changed_by_hook(notebook)
        data = _encoded(ipynb.pieces(notebook) if changed is None else [changed])
        if hashlib.sha256(read_regular(self._file, limit=LARGEST)).digest() != digest:
            raise StaleCells(
                f"{self.path} was changed on disk at this very moment. Nothing was applied."
            )
        write_atomically(self._file, data, disk=self._disk)
        problem = self._after_save(str(self._file)) if self._after_save is not None else None
        if problem is not None:
            notebook.repairs.append(problem)
        found = read_regular(self._file, limit=LARGEST)
        if self._seen(found) != _digest(data):
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
        changed = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
        ipynb.parse(changed)
        return changed


# A large text is decoded and encoded in pieces: in one, Python could do nothing else meanwhile,
# the server's event loop included.


def _decoded(data: bytes) -> str:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    starts = range(0, len(data), _PIECE)
    texts = [decoder.decode(data[start : start + _PIECE]) for start in starts]
    return "".join([*texts, decoder.decode(b"", final=True)])


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


def _digest(data: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for piece in data:
        digest.update(piece)
    return digest.digest()


def _translated(error: OSError, path: str) -> NotebookError:
    """Say a failed system call in words."""
    if isinstance(error, FileNotFoundError):
        return NotebookMissing(f"There is no notebook {path}.")
    if isinstance(error, (NotRegular, IsADirectoryError)):
        return NotANotebook(f"{path} is not a notebook file.")
    if isinstance(error, TooLarge):
        return NotANotebook(f"{path} is too large to be edited: {error}.")
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return NotebookError(f"The disk is full: {path} was not saved and is as it was.")
    if isinstance(error, PermissionError) or error.errno in (errno.EROFS, errno.EPERM):
        return NotebookReadOnly(f"{path} cannot be written: it or its folder is read-only.")
    return NotebookError(f"{path} could not be read or saved: {error.strerror or error}.")
