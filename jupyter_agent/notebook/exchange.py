"""Replacing a file only if it still is the version that was read.

A comparison before the rename leaves a moment in which another program's save is overwritten.
Where the system can exchange two files, the new file is exchanged with the old one, and what came
out is compared. If it is another program's save, it is put back. If that program saved once more
in between, the later save stays in place, and the earlier one is kept as a copy beside it.
Elsewhere the comparison before the rename has to do.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import signal
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

_TRIES = 20
_PIECE = 1 << 20


class Overtaken(Exception):
    """Another program has saved the file in the meantime: its save is in place, not ours.

    `kept` is the name of a copy beside the file with an earlier save of that program, if one had
    to be made.
    """

    def __init__(self, kept: str | None = None) -> None:
        super().__init__("the file was saved by another program")
        self.kept = kept


@dataclass(frozen=True, slots=True)
class Version:
    """The bytes of a file, as a SHA-256 digest and a size."""

    digest: bytes
    size: int

    @classmethod
    def of(cls, *pieces: bytes) -> Version:
        """Return the version that these bytes are, given in pieces."""
        digest = sha256()
        for piece in pieces:
            digest.update(piece)
        return cls(digest.digest(), sum(map(len, pieces)))


class Exchanging(Protocol):
    """The system calls that are needed (`Disk` has them)."""

    def open_old(self, path: Path) -> int:
        """Open a file for reading."""

    def exchange(self, source: Path, target: Path) -> bool:
        """Exchange two files; False where that is not possible."""

    def replace(self, source: Path, target: Path) -> None:
        """Rename over the target."""

    def place(self, source: Path, target: Path) -> None:
        """Rename to a name that nothing has yet."""

    def remove(self, path: Path) -> None:
        """Remove a file."""


# Device, inode, size, time of the last change of the content.
_Identity = tuple[int, int, int, int]


def replace_known(
    disk: Exchanging, temporary: Path, target: Path, known: Version, written: Version
) -> None:
    """Put `temporary` in the place of `target`, if that still is the version `known`.

    Args:
        disk: the system calls.
        temporary: the new file, in the same folder.
        target: the file to be replaced.
        known: the version that was read.
        written: the new file's version.

    Raises:
        Overtaken: the target is another program's save. Nothing of ours is in place.
        OSError: it failed; the target is as it was.

    In each case `temporary` is gone, unless it holds a save that could not be put elsewhere.
    """
    try:
        before = _identity_if(disk, target, known)
        if before is None:
            raise Overtaken
        ours = _identity(disk, temporary)
        exchanged = disk.exchange(temporary, target)
        if not exchanged:
            disk.replace(temporary, target)
    except BaseException:
        _discard(disk, temporary)
        raise
    if not exchanged:
        return
    try:
        unchanged = _identity(disk, temporary) == before and not _being_written(disk, temporary)
        unchanged = unchanged and _identity_if(disk, temporary, known) is not None
        kept = None if unchanged else _put_back(disk, temporary, target, ours, written)
    except OSError:
        # What came out cannot be looked at: it goes back unseen.
        if disk.exchange(temporary, target) and _identity(disk, temporary)[:2] == ours[:2]:
            _discard(disk, temporary)
        raise
    if not unchanged:
        raise Overtaken(kept)
    _discard(disk, temporary)


def _discard(disk: Exchanging, path: Path) -> None:
    with contextlib.suppress(OSError):
        disk.remove(path)


def _put_back(
    disk: Exchanging, temporary: Path, target: Path, ours: _Identity, written: Version
) -> str | None:
    """Put what came out of the target back into it, or the latest save, if there was another.

    Returns the name of the copy of a save that was overwritten, None if there was none.
    """
    placed = ours
    for _ in range(_TRIES):
        outgoing = _identity(disk, temporary)
        if not disk.exchange(temporary, target):
            break
        if _identity(disk, temporary) == placed and not _being_written(disk, temporary):
            break  # nobody saved since we placed it
        placed = outgoing
    if _identity(disk, temporary)[:2] == ours[:2] and _identity_if(disk, temporary, written):
        _discard(disk, temporary)
        return None
    copy = target.with_name(f"{target.stem}-other-save-{secrets.token_hex(3)}{target.suffix}")
    try:
        disk.place(temporary, copy)
    except OSError:
        return temporary.name
    return copy.name


def _identity(disk: Exchanging, path: Path) -> _Identity:
    handle = disk.open_old(path)
    try:
        return _identity_of(os.fstat(handle))
    finally:
        os.close(handle)


def _identity_of(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _identity_if(disk: Exchanging, path: Path, version: Version) -> _Identity | None:
    """Return the file's identity if its content is this version, else None."""
    try:
        handle = disk.open_old(path)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(handle)
        if status.st_size != version.size:
            return None
        digest = sha256()
        while piece := os.read(handle, _PIECE):
            digest.update(piece)
        return _identity_of(status) if digest.digest() == version.digest else None
    finally:
        os.close(handle)


def _being_written(disk: Exchanging, path: Path) -> bool:
    """Return whether a program has the file open for writing, as far as the system tells.

    Linux grants a read lease only on a file that nobody has open for writing. The path must be
    one that nobody else opens: an opener would have to wait for the lease.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    handle = disk.open_old(path)
    try:
        # The default signal of a broken lease ends the process; this one is ignored.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(handle)
    return False
