"""A notebook as a file on disk: for when no tab has it open and no Y.js document is there.

Everything slow runs in a thread. Between reading and renaming the file is compared once more, so
that what someone else wrote in the meantime is not lost. The format is `ipynb.py`'s business.
"""

from __future__ import annotations

import asyncio
import codecs
import copy
import errno
import hashlib
import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar
from weakref import WeakValueDictionary

from ..protocol.errors import (
    EditRefused,
    NotANotebook,
    NotebookError,
    NotebookMissing,
    NotebookReadOnly,
    StaleCells,
    Unconfirmed,
    UnknownCell,
)
from ..protocol.rpc import ApplyResult, CellState, Change, Expected, NotebookState
from . import ipynb
from .changes import apply_changes, check_expected, touched_ids
from .disk import Disk, NotRegular, TooLarge, read_regular, write_atomically
from .document import Outputs
from .ipynb import FileCell, NotebookFile

LARGEST = 1 << 30  # bytes
_REMEMBERED = 64
_PIECE = 1 << 20  # characters or bytes
_LOOK_AGAIN = 0.05  # seconds

T = TypeVar("T")
# Gets the notebook's data just before it is written and may change it (Jupyter's pre-save hook).
BeforeSave = Callable[[dict[str, Any]], None]
# Gets the file's path once it is written (Jupyter's post-save hook).
AfterSave = Callable[[str], None]


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
        before_save: hook that may change the data before it is written.
        after_save: hook that is told the file's path afterwards.
        patience: seconds to wait for a save of Jupyter's that goes on.
    """

    backend: Literal["frontend", "ydoc", "file"] = "file"

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
        self._applied: OrderedDict[str, ApplyResult] = OrderedDict()

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
        kernelspec = _dict(notebook.metadata.get("kernelspec"))
        language = kernelspec.get("language") or _dict(notebook.metadata.get("language_info")).get(
            "name"
        )
        name = kernelspec.get("name")
        return NotebookState(
            path=self.path,
            revision=self._revision,
            cells=tuple(
                ipynb.state_of(cell, outputs=outputs == "all" or cell.id in outputs)
                for cell in notebook.cells
            ),
            kernel_name=name if isinstance(name, str) else None,
            language=language.lower() if isinstance(language, str) else None,
            read_only=not os.access(self._file, os.W_OK),
            metadata=notebook.metadata,
        )

    def _apply(
        self, changes: tuple[Change, ...], expect: tuple[Expected, ...], op_id: str
    ) -> ApplyResult:
        if op_id in self._applied:
            return self._applied[op_id]
        notebook, digest = self._load()
        before = _states(notebook)
        check_expected(before, expect)
        after = apply_changes(before, changes)
        if before and not after:
            raise EditRefused("A notebook is never left without a cell. Nothing was applied.")
        touched = touched_ids(changes)
        _require_ids(notebook, touched)
        _carry_out(notebook, changes)
        self._write(notebook, digest)
        cells = {cell.id: cell for cell in notebook.cells}
        result = ApplyResult(
            revision=self._revision,
            cells=tuple(
                ipynb.state_of(cells[cell_id], outputs=False)
                for cell_id in touched
                if cell_id in cells
            ),
            order=tuple(cells),
            saved=True,
            notes=tuple(notebook.repairs),
        )
        self._remember(op_id, result)
        return result

    def _remember(self, op_id: str, result: ApplyResult) -> None:
        self._applied[op_id] = result
        while len(self._applied) > _REMEMBERED:
            self._applied.popitem(last=False)

    def _set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        notebook, digest = self._load()
        cell = next((cell for cell in notebook.cells if cell.id == cell_id), None)
        if cell is None or cell.data.get("cell_type") != "code":
            raise UnknownCell(f"There is no code cell {cell_id!r}.")
        _require_ids(notebook, (cell_id,))
        cell.touch()
        cell.data["outputs"] = [ipynb.split_output(output) for output in outputs]
        cell.data["execution_count"] = execution_count
        self._write(notebook, digest)

    def _write(self, notebook: NotebookFile, digest: bytes) -> None:
        data = _encoded(self._hooked(notebook))
        if hashlib.sha256(read_regular(self._file, limit=LARGEST)).digest() != digest:
            raise StaleCells(
                f"{self.path} was changed on disk at this very moment. Nothing was applied."
            )
        write_atomically(self._file, data, disk=self._disk)
        if self._after_save is not None:
            self._after_save(str(self._file))
        found = read_regular(self._file, limit=LARGEST)
        if self._seen(found) != _digest(data):
            raise Unconfirmed(
                f"{self.path} was saved, and changed by something else right after it."
            )

    def _hooked(self, notebook: NotebookFile) -> Iterable[str]:
        """Let the pre-save hook see, and perhaps change, what is to be written."""
        if self._before_save is None:
            return ipynb.pieces(notebook)
        text = ipynb.render(notebook)
        data = json.loads(text)
        original = copy.deepcopy(data)
        self._before_save(data)
        if data == original:
            return [text]
        return [json.dumps(data, ensure_ascii=False, indent=1) + "\n"]


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


def _states(notebook: NotebookFile) -> tuple[CellState, ...]:
    return tuple(ipynb.state_of(cell, outputs=False) for cell in notebook.cells)


def _require_ids(notebook: NotebookFile, touched: Sequence[str]) -> None:
    """Give ids to all cells of an old notebook, and to the touched ones of any other."""
    ipynb.require_ids(notebook)
    for cell in notebook.cells:
        if cell.made_up and cell.id in touched:
            cell.touch()
            notebook.repairs.append(f"Gave cell {cell.id} an id of its own.")


def _carry_out(notebook: NotebookFile, changes: Sequence[Change]) -> None:
    """Do to the file's cells what `apply_changes` has found possible."""
    cells = notebook.cells
    for change in changes:
        if change.type == "insert":
            made = ipynb.new_cell(
                change.id,
                change.cell_type,
                change.source,
                dict(change.metadata or {}),
                change.attachments,
            )
            cells.insert(_place(cells, change.after), made)
            continue
        index = _index(cells, change.id)
        if change.type == "delete":
            del cells[index]
        elif change.type == "move":
            cell = cells.pop(index)
            cells.insert(_place(cells, change.after), cell)
        else:
            _change_cell(cells[index], change)


def _change_cell(cell: FileCell, change: Change) -> None:
    cell.touch()
    data = cell.data
    if change.type == "set_source":
        data["source"] = ipynb.split_lines(change.source)
        if change.metadata is not None:
            merged = {**_dict(data.get("metadata")), **change.metadata}
            data["metadata"] = {
                key: value
                for key, value in merged.items()
                if change.metadata.get(key, 0) is not None
            }
    elif change.type == "set_type" and data.get("cell_type") != change.cell_type:
        for key in ("outputs", "execution_count", "attachments"):
            data.pop(key, None)
        data["cell_type"] = change.cell_type
        if change.cell_type == "code":
            data.update(outputs=[], execution_count=None)
        elif change.attachments is not None:
            data["attachments"] = change.attachments
        cell.data = dict(sorted(data.items()))
    elif change.type == "clear_outputs" and data.get("cell_type") == "code":
        data.update(outputs=[], execution_count=None)


def _index(cells: Sequence[FileCell], cell_id: str) -> int:
    return next(index for index, cell in enumerate(cells) if cell.id == cell_id)


def _place(cells: Sequence[FileCell], after: str | None) -> int:
    return 0 if after is None else _index(cells, after) + 1


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


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
