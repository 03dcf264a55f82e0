"""Notebooks read a moment ago: what is in a file's bytes need not be found out again.

A tool reads its notebook two to four times (preview, gate, run, read-back). With 100 MB, each time
took seconds; comparing the bytes takes a tenth of one.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from ..protocol.rpc import NotebookState

# A cell without its outputs takes about 1 kB.
MOST_CELLS = 20_000


class States:
    """States without outputs by the version of the bytes they were read from, the latest last.

    Threads may share it.

    Args:
        most_cells: how many cells are kept in all; a notebook with more is never kept.
    """

    def __init__(self, most_cells: int = MOST_CELLS) -> None:
        self._most = most_cells
        self._states: OrderedDict[Hashable, NotebookState] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, version: Hashable) -> NotebookState | None:
        """Return what was read from these bytes, None when it is not known any more."""
        with self._lock:
            if version in self._states:
                self._states.move_to_end(version)
            return self._states.get(version)

    def put(self, version: Hashable, state: NotebookState) -> None:
        """Remember a state; the oldest are forgotten for it."""
        if len(state.cells) > self._most:
            return
        with self._lock:
            self._states[version] = state
            while sum(len(one.cells) for one in self._states.values()) > self._most:
                self._states.popitem(last=False)


states = States()


def _trimmer() -> Callable[[int], object] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None  # another C library


_trim = _trimmer()


def give_back_memory() -> None:
    """Return freed memory to the system, where the C library keeps it (glibc).

    It keeps what was freed between pieces that are still used: after a notebook of 100 MB, hundreds
    of megabytes. Elsewhere this does nothing.
    """
    if _trim is not None:
        _trim(0)
