"""The folder that file tools are confined to: which paths they may name, reading, writing.

A path is resolved once; then the file is opened from the folder downwards, component by component
and never through a symlink, so that swapping a folder for a link in between leads nowhere.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..notebook import renames
from ..notebook.disk import (
    READING,
    Disk,
    NotRegular,
    TooLarge,
    create_atomically,
    read_handle,
    read_regular,
    write_atomically,
)
from ..notebook.exchange import Overtaken, Version
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
    """A path inside the folder.

    `parts` lead from the folder to the real file, `named` are the parts before links were resolved.
    """

    path: Path
    parts: tuple[str, ...]
    named: tuple[str, ...] = ()

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
        parts, named = self._inside(real), self._inside(lexical)
        for names in (parts, named):
            reason = unreadable_reason(names) or (protected_reason(names) if write else None)
            if reason:
                raise FileRefused(f"{'/'.join(names)}: {reason}.")
        reason = system_reason(real.parts[1:], write=write)
        if reason:
            raise FileRefused(f"{'/'.join(parts)}: {reason}.")
        return Target(real, parts, named)

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
        self, target: Target, data: bytes, *, known: bytes | None = None, new: bool = False
    ) -> None:
        """Replace or create a file atomically, making the folders it lies in.

        Args:
            target: the file.
            data: all of its new bytes.
            known: replace the file only if it holds these bytes.
            new: write the file only if there is none.

        Raises:
            StaleFile: the file is not as it was to be; it is left so.
            FileRefused: it cannot be written; it is as it was.
        """
        with _in_words(target):
            if not target.parts or target.path.is_dir():
                raise FileRefused(f"{target.shown} is a folder.")
            if not _BENEATH:
                target.path.parent.mkdir(parents=True, exist_ok=True)
                _save(target.path, data, Disk(), known, new=new)
                return
            with self._opened(target.parts[:-1], make=True) as folder:
                _save(target.path, data, _FolderDisk(folder), known, new=new)

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

    def open_old(self, path: Path) -> int:
        return os.open(path.name, READING, dir_fd=self._folder)

    def exchange(self, source: Path, target: Path) -> bool:
        return renames.exchange(source, target, folder=self._folder)

    def place(self, source: Path, target: Path) -> None:
        renames.rename_to_new(source, target, folder=self._folder)

    def remove(self, path: Path) -> None:
        os.unlink(path.name, dir_fd=self._folder)

    def sync_folder(self, folder: Path) -> None:
        os.fsync(self._folder)


def _save(path: Path, data: bytes, disk: Disk, known: bytes | None, *, new: bool) -> None:
    if not new:
        version = None if known is None else Version.of(known)
        write_atomically(path, data, disk=disk, follow=False, known=version)
        return
    try:
        create_atomically(path, data, disk=disk)
    except FileExistsError as error:
        if not stat.S_ISREG(disk.status(path).st_mode):
            raise NotRegular("not a regular file") from error
        raise


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


def changed_meanwhile(target: Target, kept: str | None = None) -> StaleFile:
    """Return the error for a file that is not as the model knows it.

    `kept` is the name of a copy that had to be made of another program's save.
    """
    words = f"{target.shown} has changed since you read or wrote it. It was left as it is."
    if kept is not None:
        words += f" Another program saved it twice meanwhile; its first save was kept as {kept}."
    return StaleFile(words)


@contextlib.contextmanager
def _in_words(target: Target) -> Iterator[None]:
    try:
        yield
    except (Overtaken, FileExistsError) as error:
        raise changed_meanwhile(target, getattr(error, "kept", None)) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissing(f"There is no {target.shown}.", cause=error) from error
    except NotRegular as error:
        raise FileRefused(f"{target.shown} is not a regular file.", cause=error) from error
    except TooLarge as error:
        raise FileRefused(f"{target.shown} is too large: {error}.", cause=error) from error
    except OSError as error:
        words = error.strerror or str(error)
        raise FileRefused(f"{target.shown} cannot be used: {words}.", cause=error) from error
