"""The notebook port: what every backend (browser tab, Y.js, file) offers, and nothing more.

Data types are those of `protocol/rpc.py`, so a browser tab implements the same port over the
socket. `edits.py` turns what a model asks for into `Change`s; the backends only apply them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from ..protocol.rpc import ApplyResult, Change, Expected, NotebookState

Outputs = Literal["none", "all"] | tuple[str, ...]
Backend = Literal["frontend", "ydoc", "file", "contents"]


class NotebookDocument(Protocol):
    """One notebook. All methods may raise `NotebookError`; cancelling one leaves it old or new."""

    @property
    def path(self) -> str:
        """Path as the contents manager knows it."""

    @property
    def backend(self) -> Backend:
        """By what means this document is reached."""

    async def read(self, outputs: Outputs = "none") -> NotebookState:
        """Return the notebook; nbformat outputs only of the cells asked for.

        Raises:
            NotebookMissing, NotANotebook: there is nothing to read.
        """

    async def apply(
        self, changes: Sequence[Change], expect: Sequence[Expected], *, op_id: str
    ) -> ApplyResult:
        """Apply all changes or none, read them back and save. The same `op_id` acts once.

        Raises:
            StaleCells: a cell of `expect` is different now. Nothing was applied.
            UnknownCell: a cell or an anchor does not exist. Nothing was applied.
            NotebookReadOnly: it cannot be written. Nothing was applied.
            Unconfirmed: sent, but the read-back did not come in time.
        """

    async def set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        """Replace a code cell's outputs and save.

        Raises:
            UnknownCell: the cell is gone.
        """

    async def save(self) -> None:
        """Make what is in the document durable."""
