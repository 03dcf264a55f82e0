"""Calls from the core to the browser tabs: who has which notebook open, and what they answer.

`OwnerTabs` implements `notebook.frontend.BrowserChannel` over the connected sockets. Of several tabs
with a notebook the one focused last is its owner: two tabs without shared editing diverge, so
only one is ever written to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..notebook.frontend import TabGone
from ..protocol.codec import to_data, to_json
from ..protocol.errors import AgentError, error_from_info
from ..protocol.frames import OpenNotebook, Rpc, RpcProgress, RpcResult, ServerFrame
from ..protocol.messages import new_id
from ..protocol.rpc import PathParams

OPEN_DEADLINE = 15.0

log = logging.getLogger(__name__)


class Tab(Protocol):
    """A connected client, as this module needs it."""

    @property
    def owner(self) -> str:
        """Whose it is."""

    def send(self, frame: bytes) -> None:
        """Send a frame."""


@dataclass(slots=True)
class _Call:
    tab: Tab
    answer: asyncio.Future[Any]
    on_progress: Callable[[Any], None] | None


class Tabs:
    """All connected tabs and the calls that wait for them."""

    def __init__(self) -> None:
        # In the order they connected: of two tabs never focused, the later one counts.
        self._open: dict[Tab, dict[str, OpenNotebook]] = {}
        self._calls: dict[str, _Call] = {}

    def join(self, tab: Tab) -> None:
        """Add a tab that has just connected."""
        self._open[tab] = {}

    def leave(self, tab: Tab) -> None:
        """Remove a tab; calls it has not answered fail at once."""
        self._open.pop(tab, None)
        for call in [call for call in self._calls.values() if call.tab is tab]:
            if not call.answer.done():
                call.answer.set_exception(_gone())

    def set_notebooks(self, tab: Tab, notebooks: Sequence[OpenNotebook]) -> None:
        """Note which notebooks a tab has open now."""
        if tab in self._open:
            self._open[tab] = {notebook.path: notebook for notebook in notebooks}

    def answered(self, tab: Tab, result: RpcResult) -> None:
        """Take a tab's answer; late ones, and answers to another tab's calls, are ignored."""
        call = self._calls.get(result.id)
        if call is None or call.tab is not tab or call.answer.done():
            return
        if result.error is not None:
            call.answer.set_exception(error_from_info(result.error))
        else:
            call.answer.set_result(result.result)

    def progressed(self, tab: Tab, progress: RpcProgress) -> None:
        """Take news of a call that goes on."""
        call = self._calls.get(progress.id)
        if call is not None and call.tab is tab and call.on_progress is not None:
            call.on_progress(progress.data)

    def for_owner(self, owner: str | None) -> OwnerTabs:
        """Return the channel to one owner's tabs alone; None: to all."""
        return OwnerTabs(self, owner)

    def find(self, path: str, owner: str | None) -> Tab | None:
        """Return the tab that owns a notebook, among an owner's or all."""
        found: Tab | None = None
        focused_at = -1
        for tab, notebooks in self._open.items():
            notebook = notebooks.get(path)
            if notebook is None or (owner is not None and tab.owner != owner):
                continue
            if notebook.focused_at >= focused_at:
                found, focused_at = tab, notebook.focused_at
        return found

    def paths(self) -> set[str]:
        """Return the notebooks that any tab has open."""
        return {path for notebooks in self._open.values() for path in notebooks}

    def latest(self, owner: str | None) -> Tab | None:
        """Return the tab that was focused last, with whatever notebook, or else connected last."""
        found: Tab | None = None
        focused_at = -1
        for tab, notebooks in self._open.items():
            seen = max((notebook.focused_at for notebook in notebooks.values()), default=0)
            if (owner is None or tab.owner == owner) and seen >= focused_at:
                found, focused_at = tab, seen
        return found

    async def ask(
        self,
        tab: Tab | None,
        method: str,
        params: dict[str, Any],
        *,
        op_id: str,
        deadline: float,
        on_progress: Callable[[Any], None] | None = None,
    ) -> Any:
        """Call a method of one tab; see `BrowserChannel.call`."""
        if tab is None:
            raise _gone()
        frame = Rpc(id=new_id("rpc"), op_id=op_id, method=method, params=params, deadline=deadline)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[frame.id] = _Call(tab, answer, on_progress)
        try:
            tab.send(to_json(ServerFrame, frame))
            return await asyncio.wait_for(answer, deadline)
        finally:
            del self._calls[frame.id]

    def opened(self, tab: Tab, path: str) -> None:
        """Note that a tab has opened a notebook, before it says so in its next list."""
        if tab in self._open:
            self._open[tab].setdefault(path, OpenNotebook(path=path))


@dataclass(frozen=True, slots=True)
class OwnerTabs:
    """The tabs of one owner, or of all; implements `BrowserChannel`."""

    tabs: Tabs
    owner: str | None

    def has_tab(self, path: str) -> bool:
        """Return whether a connected tab has this notebook open right now."""
        return self.tabs.find(path, self.owner) is not None

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
        """Call a method of the tab that owns the notebook."""
        tab = self.tabs.find(path, self.owner)
        return await self.tabs.ask(
            tab, method, params, op_id=op_id, deadline=deadline, on_progress=on_progress
        )

    async def open(self, path: str) -> bool:
        """Open a notebook in the tab that was focused last; returns False when there is none."""
        tab = self.tabs.latest(self.owner)
        if tab is None:
            return False
        params = to_data(PathParams, PathParams(path=path))
        try:
            await self.tabs.ask(
                tab, "notebook.open", params, op_id=new_id("op"), deadline=OPEN_DEADLINE
            )
        except (AgentError, asyncio.TimeoutError):
            log.warning("No tab could open %r", path)
            return False
        self.tabs.opened(tab, path)
        return True


def _gone() -> TabGone:
    return TabGone("No browser tab has this notebook open any more.")
