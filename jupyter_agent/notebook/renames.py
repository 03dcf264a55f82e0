"""Renames that Python does not offer: exchanging two files, and refusing to overwrite one.

Linux has `renameat2`, macOS `renameatx_np`. Where neither exists, or the file system supports
neither (some network drives), the functions say so and the caller falls back.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

_AT_FDCWD = -100
_NOREPLACE = 1  # renameat2
_EXCHANGE = 2  # renameat2
_SWAP = 2  # renameatx_np
_EXCLUSIVE = 4  # renameatx_np
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP})


def exchange(source: Path, target: Path, *, folder: int | None = None) -> bool:
    """Exchange two files atomically; returns False where that is not possible.

    Args:
        source: a file.
        target: another one of the same file system.
        folder: an open folder that both lie in; their names alone count then.

    Raises:
        OSError: it is possible here, but failed; both are as they were.
    """
    return _rename(source, target, folder, linux=_EXCHANGE, darwin=_SWAP)


def rename_to_new(source: Path, target: Path, *, folder: int | None = None) -> None:
    """Rename a file to a name that nothing has yet.

    Args: as `exchange`.

    Raises:
        FileExistsError: something has that name.
        OSError: it failed; the file is as it was.
    """
    if _rename(source, target, folder, linux=_NOREPLACE, darwin=_EXCLUSIVE):
        return
    if os.name == "nt":
        os.rename(source, target)  # never overwrites there
        return
    old, new = (source.name, target.name) if folder is not None else (source, target)
    try:
        os.link(old, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {*_UNSUPPORTED, errno.EPERM}:
            raise
        # No hard links either (FAT): look, then rename.
        if os.access(new, os.F_OK, dir_fd=folder):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        os.unlink(old, dir_fd=folder)


def _rename(source: Path, target: Path, folder: int | None, *, linux: int, darwin: int) -> bool:
    call = _system_call()
    if call is None:
        return False
    names = (source.name, target.name) if folder is not None else (source, target)
    old, new = (os.fsencode(name) for name in names)
    if sys.platform == "darwin":
        if folder is not None:
            result = call(folder, old, folder, new, darwin)
        else:
            result = call(_DARWIN_CWD, old, _DARWIN_CWD, new, darwin)
    else:
        where = _AT_FDCWD if folder is None else folder
        result = call(where, old, where, new, linux)
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(target))


_DARWIN_CWD = -2


@cache
def _system_call() -> Callable[..., int] | None:
    """Return the C library's function, None where there is none."""
    name = {"linux": "renameat2", "darwin": "renameatx_np"}.get(sys.platform)
    if name is None:
        return None
    try:
        found: Any = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    except OSError:
        return None
    if found is None:
        return None
    number, text = ctypes.c_int, ctypes.c_char_p
    found.argtypes = (number, text, number, text, ctypes.c_uint)
    found.restype = ctypes.c_int
    return found  # type: ignore[no-any-return]
