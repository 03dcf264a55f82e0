"""Reading regular files within bounds, and replacing one so that it is always old or new.

Temporary file in the same folder, fsync, rename, fsync of the folder; mode, owner and the target
of a symlink are kept. What another program saves meanwhile is kept, too (`exchange.py`). Every
system call goes through a `Disk`, so that tests can make each fail.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import renames
from .exchange import Version, replace_known

# What a full disk, and what a read-only one, makes of a system call.
FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})
READ_ONLY = frozenset({errno.EACCES, errno.EROFS, errno.EPERM})
READING = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)


class Disk:
    """The system calls of a save."""

    def status(self, path: Path) -> os.stat_result:
        """Return what is known of the file that is to be replaced."""
        return os.stat(path)

    def writable(self, path: Path) -> bool:
        """Return whether it may be replaced: renaming over it would not ask."""
        return os.access(path, os.W_OK)

    def remove(self, path: Path) -> None:
        """Remove a temporary file."""
        os.unlink(path)

    def open_new(self, path: Path) -> int:
        """Create a file that must not exist, for writing, readable by its owner alone."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)

    def write(self, handle: int, data: memoryview) -> int:
        """Write some of `data`; returns how many bytes."""
        return os.write(handle, data)

    def set_mode(self, handle: int, path: Path, status: os.stat_result) -> None:
        """Give the new file the mode, and where permitted the owner, of the old one."""
        if not hasattr(os, "fchown"):  # Windows
            os.chmod(path, stat.S_IMODE(status.st_mode))
            return
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            # Only root may give files away; others keep what they can.
            with contextlib.suppress(PermissionError):
                os.fchown(handle, status.st_uid, status.st_gid)
        os.fchmod(handle, stat.S_IMODE(status.st_mode))

    def sync(self, handle: int) -> None:
        """Wait until the file's bytes are on disk."""
        os.fsync(handle)

    def close(self, handle: int) -> None:
        """Close a file."""
        os.close(handle)

    def replace(self, source: Path, target: Path) -> None:
        """Rename over the target, atomically."""
        os.replace(source, target)

    def open_old(self, path: Path) -> int:
        """Open a regular file for reading."""
        return os.open(path, READING)

    def exchange(self, source: Path, target: Path) -> bool:
        """Exchange two files atomically; returns False where that is not possible."""
        return renames.exchange(source, target)

    def place(self, source: Path, target: Path) -> None:
        """Rename to a name that nothing has yet, atomically."""
        renames.rename_to_new(source, target)

    def sync_folder(self, folder: Path) -> None:
        """Wait until the rename is on disk, where a folder can be synced."""
        if not hasattr(os, "O_DIRECTORY"):
            return
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class NotRegular(OSError):
    """The path is a folder, a pipe, a socket or a device."""


class TooLarge(OSError):
    """The file holds more bytes than may be read."""


def read_regular(path: Path, *, limit: int) -> bytes:
    """Return the bytes of a regular file, without ever blocking on a pipe or a device.

    Raises:
        NotRegular: it is something else.
        TooLarge: it holds more than `limit` bytes.
        OSError: it cannot be read.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise NotRegular(f"{path.name} is not a regular file")
    handle = os.open(path, flags)
    return read_handle(handle, path.name, limit=limit)


def read_handle(handle: int, name: str, *, limit: int) -> bytes:
    """Return the bytes of an open regular file, and close it.

    Raises:
        NotRegular, TooLarge, OSError: as `read_regular`.
    """
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        # Looked at again: the path may have been swapped before it was opened.
        if not stat.S_ISREG(status.st_mode):
            raise NotRegular(f"{name} is not a regular file")
        if status.st_size > limit:
            raise TooLarge(f"{name} holds more than {limit:,} bytes")
        # Not `limit`: so much memory would be set aside.
        data = file.read(status.st_size + 1)
        while len(data) > status.st_size and len(data) <= limit:  # it grows, or hides its size
            piece = file.read(1 << 20)
            data += piece
            if not piece:
                break
    if len(data) > limit:
        raise TooLarge(f"{name} holds more than {limit:,} bytes")
    return data


def write_atomically(
    path: Path,
    data: bytes | Sequence[bytes],
    *,
    disk: Disk | None = None,
    follow: bool = True,
    known: Version | None = None,
) -> None:
    """Replace (or create) a file by `data`.

    Args:
        path: the file.
        data: all of its new bytes, whole or in pieces.
        disk: the system calls.
        follow: replace what a symlink leads to, instead of the link.
        known: replace the file only if it still is this version.

    Raises:
        Overtaken: the file is not the version `known`; it is left as another program saved it.
        OSError: it could not be written; the file is as it was, no temporary file is left.
    """
    disk = disk or Disk()
    target = Path(os.path.realpath(path)) if follow else path
    try:
        status: os.stat_result | None = disk.status(target)
    except FileNotFoundError:
        status = None
    if status is not None and not disk.writable(target):
        raise PermissionError(f"{target.name} is read-only")
    pieces = [data] if isinstance(data, bytes) else data
    temporary = _temporary(disk, target, pieces, status)
    if known is not None:
        replace_known(disk, temporary, target, known, Version.of(*pieces))
    else:
        with _removed_on_failure(disk, temporary):
            disk.replace(temporary, target)
    _sync_folder(disk, target)


def create_atomically(
    path: Path, data: bytes | Sequence[bytes], *, disk: Disk | None = None
) -> None:
    """Create a file that does not exist yet: it appears whole, or not at all.

    Raises:
        FileExistsError: there is something at that path; it is left as it is.
        OSError: it could not be written; nothing is at that path, no temporary file is left.
    """
    disk = disk or Disk()
    temporary = _temporary(disk, path, [data] if isinstance(data, bytes) else data, None)
    with _removed_on_failure(disk, temporary):
        disk.place(temporary, path)
    _sync_folder(disk, path)


def _temporary(
    disk: Disk, target: Path, data: Sequence[bytes], status: os.stat_result | None
) -> Path:
    """Write a temporary file beside the target, and return its path."""
    temporary = target.with_name(f".jupyter-agent-{secrets.token_hex(8)}.tmp")
    handle = disk.open_new(temporary)
    with _removed_on_failure(disk, temporary):
        _fill(disk, handle, temporary, data, status)
    return temporary


@contextlib.contextmanager
def _removed_on_failure(disk: Disk, path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            disk.remove(path)
        raise


def _sync_folder(disk: Disk, target: Path) -> None:
    # The new file is in place by now: a folder that cannot be synced (some network drives) only
    # delays its durability, and is no reason to report a failed save.
    with contextlib.suppress(OSError):
        disk.sync_folder(target.parent)


def _fill(
    disk: Disk, handle: int, path: Path, data: Sequence[bytes], status: os.stat_result | None
) -> None:
    try:
        for piece in data:
            rest = memoryview(piece)
            while rest:
                rest = rest[disk.write(handle, rest) :]
        if status is not None:
            disk.set_mode(handle, path, status)
        elif hasattr(os, "fchown"):
            os.fchmod(handle, 0o666 & ~_umask())
        disk.sync(handle)
    finally:
        disk.close(handle)


def _umask() -> int:
    # Reading the mask without setting it is possible on Linux alone; elsewhere it is set twice.
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            return next(int(line.split()[1], 8) for line in lines if line.startswith("Umask:"))
    except (OSError, StopIteration):
        mask = os.umask(0o077)
        os.umask(mask)
        return mask
