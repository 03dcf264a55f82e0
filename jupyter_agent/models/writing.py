"""One writer of a file at a time, in this process and others: a lock file beside it.

The lock file stays: taking it away would let two writers hold one each.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE = 5.0  # seconds
_AGAIN = 0.02  # seconds
_here = threading.Lock()


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` while inside; made when first needed, for its owner alone.

    Raises:
        TimeoutError: another writer does not let go of it.
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _here:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _wait_for(handle)
            yield
        finally:
            os.close(handle)  # which lets go of the lock


def _wait_for(handle: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            _lock(handle)
            return
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP):
                return  # a network drive without locks: at least this process does not race itself
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another program is writing it") from error
        time.sleep(_AGAIN)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
