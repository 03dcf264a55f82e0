"""The folder that file tools are confined to: which paths they may name, reading, writing.

A path is resolved once; then the file is opened from the folder downwards, component by component
and never through a symlink, so that swapping a folder for a link in between leads nowhere.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..notebook.disk import (
    Disk,
    NotRegular,
    TooLarge,
    read_handle,
    read_regular,
    write_atomically,
)
from ..protocol.errors import AgentError
from .protected import protected_reason, system_reason, unreadable_reason

LONGEST_PATH = 1_000  # characters
# Systems without openat (Windows) resolve and compare only.
_BENEATH = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


class FileRefused(AgentError):
    """The path may not be used, or the file cannot be."""

    code = "FILE_REFUSED"


class StaleFile(AgentError):
    """The file is not as the model last read or wrote it."""

    code = "STALE_FILE"


class FileMissing(AgentError):
    """There is no such file or folder."""

    code = "FILE_MISSING"


@dataclass(frozen=True, slots=True)
class Target:
    """A path inside the folder: `parts` lead from the folder to the real file."""

    path: Path
    parts: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The path as people and models name it."""
        return "/".join(self.parts) or "."


class Folder:
    """A folder and what lies beneath it.

    Args:
        root: the folder; links inside it may lead anywhere inside it.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    def target(self, given: str, *, write: bool = False) -> Target:
        """Return where a path leads.

        Raises:
            FileRefused: outside the folder, hidden, or (to write) none of a tool's business.
        """
        if not given or len(given) > LONGEST_PATH:
            raise FileRefused("The path is empty or too long.")
        if any(ord(char) < 32 or ord(char) == 127 for char in given):
            raise FileRefused("The path holds control characters.")
        if os.sep == "/" and "\\" in given:
            raise FileRefused("The path holds a backslash. Separate folders with /.")
        try:
            given.encode("utf-8")
            # `joinpath` lets an absolute path win; it is refused below unless it lies inside.
            real = Path(os.path.realpath(self.root / given))
            lexical = Path(os.path.normpath(self.root / given))
        except (OSError, ValueError) as error:
            raise FileRefused("The path cannot be used.", cause=error) from error
        parts = self._inside(real)
        for names in (parts, self._inside(lexical)):
            reason = unreadable_reason(names) or (protected_reason(names) if write else None)
            if reason:
                raise FileRefused(f"{'/'.join(names)}: {reason}.")
        reason = system_reason(real.parts[1:], write=write)
        if reason:
            raise FileRefused(f"{'/'.join(parts)}: {reason}.")
        return Target(real, parts)

    def read(self, target: Target, *, limit: int) -> bytes:
        """Return the bytes of a regular file.

        Raises:
            FileMissing: it does not exist.
            FileRefused: it is a pipe or device, larger than `limit` bytes, or cannot be read.
        """
        with _in_words(target):
            if not _BENEATH:
                return read_regular(target.path, limit=limit)
            with self._opened(target.parts[:-1]) as folder:
                return _read_beneath(folder, target.parts[-1] if target.parts else ".", limit)
        raise AssertionError("unreachable")

    def write(
        self, target: Target, data: bytes, *, check: Callable[[], None] | None = None
    ) -> None:
        """Replace or create a file atomically, making the folders it lies in.

        `check` is called last thing before; what it raises leaves the file as it was.

        Raises:
            FileRefused: it cannot be written; it is as it was.
        """
        with _in_words(target):
            if not target.parts or target.path.is_dir():
                raise FileRefused(f"{target.shown} is a folder.")
            if not _BENEATH:
                target.path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(target.path, data, check=check)
                return
            with self._opened(target.parts[:-1], make=True) as folder:
                write_atomically(
                    target.path, data, disk=_FolderDisk(folder), follow=False, check=check
                )

    def names(self, target: Target) -> list[tuple[str, bool, int]]:
        """Return what lies in a folder: name, whether it is a folder, bytes. Links are left out.

        Raises:
            FileMissing, FileRefused: there is no such folder, or it cannot be read.
        """
        with _in_words(target):
            if not _BENEATH:
                return _scan(target.path)
            with self._opened(target.parts) as folder:
                return _scan(folder)
        raise AssertionError("unreachable")

    def _inside(self, path: Path) -> tuple[str, ...]:
        try:
            return path.relative_to(self.root).parts
        except ValueError as error:
            raise FileRefused(
                "The path leads out of the folder that the agent works in.", cause=error
            ) from error

    @contextlib.contextmanager
    def _opened(self, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        """Open a folder beneath the root, following no link on the way."""
        flags = os.O_RDONLY | os.O_DIRECTORY
        handle = os.open(self.root, flags)
        try:
            for name in parts:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o777, dir_fd=handle)
                deeper = os.open(name, flags | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = deeper
            yield handle
        finally:
            os.close(handle)


class _FolderDisk(Disk):
    """The system calls of a save, relative to an open folder."""

    def __init__(self, folder: int) -> None:
        self._folder = folder

    def status(self, path: Path) -> os.stat_result:
        return os.stat(path.name, dir_fd=self._folder, follow_symlinks=False)

    def writable(self, path: Path) -> bool:
        return os.access(path.name, os.W_OK, dir_fd=self._folder)

    def open_new(self, path: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        return os.open(path.name, flags, 0o600, dir_fd=self._folder)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source.name, target.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def remove(self, path: Path) -> None:
        os.unlink(path.name, dir_fd=self._folder)

    def sync_folder(self, folder: Path) -> None:
        os.fsync(self._folder)


def _read_beneath(folder: int, name: str, limit: int) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    # Looked at before it is opened: opening alone can act on a device.
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise NotRegular("not a regular file")
    return read_handle(os.open(name, flags, dir_fd=folder), name, limit=limit)


def _scan(folder: Path | int) -> list[tuple[str, bool, int]]:
    found: list[tuple[str, bool, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # it went away while we looked
            if stat.S_ISDIR(status.st_mode):
                found.append((entry.name, True, 0))
            elif stat.S_ISREG(status.st_mode):
                found.append((entry.name, False, status.st_size))
    return sorted(found)


@contextlib.contextmanager
def _in_words(target: Target) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissing(f"There is no {target.shown}.", cause=error) from error
    except NotRegular as error:
        raise FileRefused(f"{target.shown} is not a regular file.", cause=error) from error
    except TooLarge as error:
        raise FileRefused(f"{target.shown} is too large: {error}.", cause=error) from error
    except OSError as error:
        words = error.strerror or str(error)
        raise FileRefused(f"{target.shown} cannot be used: {words}.", cause=error) from error
