"""A notebook in the browser tab that has it open, reached by calls over the socket.

The server implements `BrowserChannel`; the tab answers as `protocol/rpc.py` says. The tab's
notebook is the truth while it is open: nothing here touches the file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from ..protocol.codec import from_data, to_data
from ..protocol.errors import BadFrame, NotebookError, Unconfirmed
from ..protocol.messages import new_id
from ..protocol.rpc import (
    ApplyParams,
    ApplyResult,
    CellState,
    Change,
    Expected,
    NotebookState,
    PathParams,
    ReadParams,
    SetOutputsParams,
)
from .document import Backend, Outputs

# Large notebooks take seconds to save; a tab in the background is slowed down by its browser.
READ_DEADLINE = 15.0
APPLY_DEADLINE = 30.0

# Cells that are checked at a time: Python can do nothing else meanwhile, in whichever thread.
_PIECE = 500

T = TypeVar("T")

log = logging.getLogger(__name__)


def _is_large(data: Any) -> bool:
    cells = data.get("cells") if isinstance(data, dict) else None
    return isinstance(cells, list) and len(cells) > _PIECE


def _state_in_pieces(data: dict[str, Any]) -> NotebookState:
    """Read a notebook's state as `from_data` does, with pauses for other threads."""
    cells: list[CellState] = []
    given = data["cells"]
    for start in range(0, len(given), _PIECE):
        cells += from_data(tuple[CellState, ...], given[start : start + _PIECE])
    state: NotebookState = from_data(NotebookState, {**data, "cells": ()})
    return replace(state, cells=tuple(cells))


class TabGone(NotebookError):
    """The tab that had the notebook closed or lost its connection; ask for the document again."""

    code = "TAB_GONE"
    retryable = True


class BrowserChannel(Protocol):
    """Calls to the tab that owns a notebook."""

    def has_tab(self, path: str) -> bool:
        """Return whether a tab has this notebook open right now.

        One whose connection was lost a moment ago has: its notebook is as it was, and it comes back.
        """

    def kernel_id(self, path: str) -> str | None:
        """Return the id of the kernel that the notebook's tab says it has; None: of none."""

    def only_others_have(self, path: str) -> bool:
        """Return whether this notebook is open in tabs, and all of them are other people's."""

    async def call(
        self,
        path: str,
        method: str,
        params: dict[str, Any],
        *,
        op_id: str,
        deadline: float,
        on_progress: Callable[[Any], None] | None = None,
    ) -> Any:
        """Call a method of the tab and return its result, both as JSON data.

        The tab acts once for one `op_id`, however often the call is repeated, as it is when the
        tab's connection is lost and comes back. `on_progress` gets the data of each `rpc_progress`.

        Raises:
            TabGone: no tab has the notebook, or it went away before it answered.
            asyncio.TimeoutError: no answer within `deadline` seconds.
            AgentError: the tab's own error, made by `error_from_info`.
        """

    async def open(self, path: str) -> bool:
        """Open a notebook in a connected tab; returns False when there is none."""


class FrontendNotebook:
    """A notebook document over a browser tab."""

    backend: Backend = "frontend"

    def __init__(
        self,
        path: str,
        channel: BrowserChannel,
        *,
        read_deadline: float = READ_DEADLINE,
        apply_deadline: float = APPLY_DEADLINE,
    ) -> None:
        self.path = path
        self._channel = channel
        self._read_deadline = read_deadline
        self._apply_deadline = apply_deadline

    async def read(self, outputs: Outputs = "none") -> NotebookState:
        params = to_data(ReadParams, ReadParams(path=self.path, outputs=outputs))
        return await self._ask("notebook.read", params, NotebookState, deadline=self._read_deadline)

    async def apply(
        self, changes: Sequence[Change], expect: Sequence[Expected], *, op_id: str
    ) -> ApplyResult:
        params = to_data(
            ApplyParams,
            ApplyParams(path=self.path, changes=tuple(changes), expect=tuple(expect)),
        )
        return await self._ask(
            "notebook.apply", params, ApplyResult, op_id=op_id, deadline=self._apply_deadline
        )

    async def set_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        params = SetOutputsParams(
            path=self.path,
            cell_id=cell_id,
            outputs=tuple(outputs),
            execution_count=execution_count,
        )
        await self._call(
            "notebook.set_outputs",
            to_data(SetOutputsParams, params),
            deadline=self._apply_deadline,
        )

    async def refresh(self) -> None:
        """Tell the tab that its file was written: it reads it anew if nothing was done there since."""
        params = to_data(PathParams, PathParams(path=self.path))
        try:
            await self._call("notebook.saved_elsewhere", params, deadline=self._read_deadline)
        except NotebookError as error:
            # Then the tab asks the person before it saves.
            log.info("The tab did not read %s anew: %s", self.path, error)

    async def save(self) -> None:
        params = to_data(PathParams, PathParams(path=self.path))
        await self._call("notebook.save", params, deadline=self._apply_deadline)

    async def _ask(
        self,
        method: str,
        params: dict[str, Any],
        kind: type[T],
        *,
        deadline: float,
        op_id: str | None = None,
    ) -> T:
        data = await self._call(method, params, deadline=deadline, op_id=op_id)
        try:
            if kind is NotebookState and _is_large(data):
                return cast(T, await asyncio.to_thread(_state_in_pieces, data))
            return from_data(kind, data)
        except BadFrame as error:
            raise Unconfirmed(
                f"The tab that has {self.path} open answered in a way that is not understood. "
                "Reload it.",
                cause=error,
            ) from error

    async def _call(
        self, method: str, params: dict[str, Any], *, deadline: float, op_id: str | None = None
    ) -> Any:
        try:
            return await self._channel.call(
                self.path, method, params, op_id=op_id or new_id("op"), deadline=deadline
            )
        except asyncio.TimeoutError as error:
            if method == "notebook.read":
                raise NotebookError(
                    f"The tab that has {self.path} open did not answer within {deadline:.0f} s.",
                    cause=error,
                ) from error
            raise Unconfirmed(
                f"Sent to the tab that has {self.path} open, which did not confirm it within "
                f"{deadline:.0f} s. Look at the notebook before you try again.",
                cause=error,
            ) from error
