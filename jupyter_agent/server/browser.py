"""Calls from the core to the browser tabs: who has which notebook open, and what they answer.

`OwnerTabs` implements `notebook.frontend.BrowserChannel` over the connected sockets. Two tabs
without shared editing diverge, so a run writes to one of them only: the tab whose prompt it
carries out, or else, where that one is gone or does not have the notebook, the tab focused last.
The other tabs that have the notebook open are told to load it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..notebook.frontend import TabGone
from ..protocol.codec import to_data, to_json
from ..protocol.errors import AgentError, NotebookMissing, error_from_info
from ..protocol.frames import OpenNotebook, Rpc, RpcProgress, RpcResult, ServerFrame
from ..protocol.messages import new_id
from ..protocol.rpc import PathParams

OPEN_DEADLINE = 15.0
# Seconds that a page whose socket was lost may take to come back: its first four attempts are made
# within them (`client/backoff.ts`).
RECONNECT_PATIENCE = 8.0
# Calls after which a notebook on disk may differ from what its other tabs show.
CHANGING = frozenset({"notebook.apply", "notebook.run", "notebook.save", "notebook.set_outputs"})

log = logging.getLogger(__name__)


class Tab(Protocol):
    """A connected client, as this module needs it."""

    @property
    def owner(self) -> str:
        """Whose it is."""

    def send(self, frame: bytes) -> None:
        """Send a frame."""


@dataclass(slots=True, eq=False)
class _Page:
    """A page in a browser: its socket, and the notebooks it has open.

    A socket may be lost and come back within seconds, with the page's notebooks as they were. Until
    `away_until` (the loop's time) such a page has no `tab`, and its notebooks are open all the same.
    """

    owner: str
    tab: Tab | None
    id: str | None = None
    notebooks: dict[str, OpenNotebook] = field(default_factory=dict)
    away_until: float = 0.0


@dataclass(slots=True)
class _Call:
    tab: Tab
    answer: asyncio.Future[Any]
    on_progress: Callable[[Any], None] | None


class Tabs:
    """All connected tabs and the calls that wait for them.

    Args:
        root: the folder that notebooks' paths are relative to, so that two names of one file are
            known for that; None: only names are compared.
        patience: seconds that a lost socket may take to come back.
    """

    def __init__(self, root: Path | None = None, *, patience: float = RECONNECT_PATIENCE) -> None:
        self._root = root
        self._patience = patience
        # In the order they connected: of two tabs never focused, the later one counts.
        self._pages: list[_Page] = []
        self._calls: dict[str, _Call] = {}
        # By session: the page that its current or latest run was asked from.
        self._askers: dict[str, _Page] = {}
        self._arrival = asyncio.Event()

    def join(self, tab: Tab) -> None:
        """Add a tab that has just connected."""
        self._pages.append(_Page(tab.owner, tab))

    def leave(self, tab: Tab, *, returns: bool = True) -> None:
        """Remove a tab: for good, or until its page `returns` with another socket."""
        page = self._page_of(tab)
        if page is None:
            return
        page.tab = None
        page.away_until = 0.0
        if returns and page.id is not None and page.notebooks:
            page.away_until = asyncio.get_running_loop().time() + self._patience
        else:
            self._pages.remove(page)
            self._forget_askers()
        self._fail_calls(tab)

    def set_notebooks(
        self, tab: Tab, notebooks: Sequence[OpenNotebook], page_id: str | None = None
    ) -> None:
        """Note which notebooks a tab has open now. `page_id`: the same on each of its sockets."""
        page = self._page_of(tab)
        if page is None:
            return
        if page_id is not None and page.id is None:
            page = self._identified(page, page_id)
        page.notebooks = {notebook.path: notebook for notebook in notebooks}
        self._arrival.set()
        self._arrival = asyncio.Event()

    def asked(self, tab: Tab, session_id: str) -> None:
        """Note that the session's next run is asked from this tab."""
        page = self._page_of(tab)
        if page is not None:
            self._askers[session_id] = page

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

    def for_owner(self, owner: str | None, session_id: str | None = None) -> OwnerTabs:
        """Return the channel to one owner's tabs alone (None: to all), for one of their sessions."""
        return OwnerTabs(self, owner, session_id)

    def owners(self, path: str) -> set[str]:
        """Return who has a notebook open."""
        return {page.owner for page in self._present() if self._name_in(page, path)}

    def find(
        self, path: str, owner: str | None, session_id: str | None = None
    ) -> tuple[_Page, str] | None:
        """Return the page that acts on a notebook, among an owner's or all, and its name for it.

        It is the page that asked for the session's run, if it has the notebook, else the one in
        which the notebook was focused last.
        """
        found: tuple[_Page, str] | None = None
        focused_at = -1
        asker = self._asker(session_id)
        for page in self._present():
            name = self._name_in(page, path) if owner in (None, page.owner) else None
            if name is None:
                continue
            if page is asker:
                return page, name
            if page.notebooks[name].focused_at >= focused_at:
                found, focused_at = (page, name), page.notebooks[name].focused_at
        return found

    def paths(self) -> set[str]:
        """Return the notebooks that any page has open."""
        return {path for page in self._present() for path in page.notebooks}

    def latest(self, owner: str | None, session_id: str | None = None) -> _Page | None:
        """Return the page that asked for the session's run, else the one focused last (with any
        notebook) or connected last.
        """
        found: _Page | None = None
        focused_at = -1
        asker = self._asker(session_id)
        for page in self._present():
            if page is asker and page.tab is not None and owner in (None, page.owner):
                return page
            seen = max((notebook.focused_at for notebook in page.notebooks.values()), default=0)
            if page.tab is not None and owner in (None, page.owner) and seen >= focused_at:
                found, focused_at = page, seen
        return found

    async def ask(
        self,
        page: _Page,
        method: str,
        params: dict[str, Any],
        *,
        op_id: str,
        deadline: float,
        on_progress: Callable[[Any], None] | None = None,
    ) -> Any:
        """Call a method of one page; see `BrowserChannel.call`.

        If its socket is lost, the call is repeated when the page is back with the notebook that
        `params` name. No other page is asked instead: it would act a second time.
        """
        had_it = params.get("path") in page.notebooks

        async def asked() -> Any:
            while True:
                tab = await self._connected(page)
                if had_it and params["path"] not in page.notebooks:
                    raise _gone()
                try:
                    return await self._ask_once(
                        tab, method, params, op_id=op_id, deadline=deadline, on_progress=on_progress
                    )
                except _SocketLost:
                    continue

        return await asyncio.wait_for(asked(), deadline)

    async def _ask_once(
        self,
        tab: Tab,
        method: str,
        params: dict[str, Any],
        *,
        op_id: str,
        deadline: float,
        on_progress: Callable[[Any], None] | None,
    ) -> Any:
        frame = Rpc(id=new_id("rpc"), op_id=op_id, method=method, params=params, deadline=deadline)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[frame.id] = _Call(tab, answer, on_progress)
        try:
            tab.send(to_json(ServerFrame, frame))
            return await answer
        finally:
            del self._calls[frame.id]

    def closed(self, page: _Page, path: str) -> None:
        """Note that a page has no longer a notebook, before it says so in its next list."""
        page.notebooks.pop(path, None)

    def refresh_others(self, page: _Page, path: str) -> None:
        """Tell all other tabs that have a notebook open that it has changed on disk."""
        for other in self._present():
            name = self._name_in(other, path) if other is not page else None
            if name is not None and other.tab is not None:
                params = to_data(PathParams, PathParams(path=name))
                frame = Rpc(
                    id=new_id("rpc"),
                    op_id=new_id("op"),
                    method="notebook.saved_elsewhere",
                    params=params,
                    deadline=OPEN_DEADLINE,
                )
                # Nobody waits for the answer: that tab may do as it sees fit.
                other.tab.send(to_json(ServerFrame, frame))

    def opened(self, page: _Page, path: str) -> None:
        """Note that a page has opened a notebook, before it says so in its next list."""
        page.notebooks.setdefault(path, OpenNotebook(path=path))

    # ---- pages ---------------------------------------------------------------------------------

    def _page_of(self, tab: Tab) -> _Page | None:
        return next((page for page in self._pages if page.tab is tab), None)

    def _asker(self, session_id: str | None) -> _Page | None:
        return self._askers.get(session_id) if session_id is not None else None

    def _present(self) -> list[_Page]:
        """Return the pages that are connected or may come back; others are forgotten."""
        now = asyncio.get_running_loop().time()
        present = [page for page in self._pages if page.tab or page.away_until > now]
        if present != self._pages:
            self._pages = present
            self._forget_askers()
        return self._pages

    def _forget_askers(self) -> None:
        self._askers = {one: page for one, page in self._askers.items() if page in self._pages}

    def _identified(self, fresh: _Page, page_id: str) -> _Page:
        """Return the page that a new socket belongs to: one that was here before, or a new one."""
        fresh.id = page_id
        for page in self._pages:
            if page is not fresh and (page.id, page.owner) == (page_id, fresh.owner):
                self._pages.remove(fresh)
                for session_id, asker in self._askers.items():
                    if asker is fresh:
                        self._askers[session_id] = page
                lost, page.tab = page.tab, fresh.tab
                if lost is not None:
                    self._fail_calls(lost)  # and repeat them on the new one
                return page
        return fresh

    async def _connected(self, page: _Page) -> Tab:
        """Return a page's socket; one that was lost is waited for.

        Raises:
            TabGone: it does not come back.
        """
        loop = asyncio.get_running_loop()
        while page.tab is None:
            left = page.away_until - loop.time()
            if left <= 0:
                raise _gone()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._arrival.wait(), left)
        return page.tab

    def _fail_calls(self, tab: Tab) -> None:
        for call in self._calls.values():
            if call.tab is tab and not call.answer.done():
                call.answer.set_exception(_SocketLost())

    def _name_in(self, page: _Page, path: str) -> str | None:
        """Return a page's name for a notebook: its path, or another one of the same file."""
        if path in page.notebooks or self._root is None:
            return path if path in page.notebooks else None
        return next((name for name in page.notebooks if _same_file(self._root, name, path)), None)


@dataclass(frozen=True, slots=True)
class OwnerTabs:
    """The tabs of one owner, or of all, as one session uses them; implements `BrowserChannel`."""

    tabs: Tabs
    owner: str | None
    session_id: str | None = None

    def has_tab(self, path: str) -> bool:
        """Return whether a tab has this notebook open right now."""
        return self.tabs.find(path, self.owner, self.session_id) is not None

    def kernel_id(self, path: str) -> str | None:
        """Return the id of the kernel that the notebook's tab says it has; None: of none."""
        found = self.tabs.find(path, self.owner, self.session_id)
        return None if found is None else found[0].notebooks[found[1]].kernel_id

    def only_others_have(self, path: str) -> bool:
        """Return whether other people have this notebook open, and its owner has not."""
        owners = self.tabs.owners(path)
        return self.owner is not None and bool(owners) and self.owner not in owners

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
        found = self.tabs.find(path, self.owner, self.session_id)
        if found is None:
            raise _gone()
        page, name = found
        try:
            # The tab knows the notebook by the name it was opened with.
            return await self.tabs.ask(
                page,
                method,
                {**params, "path": name},
                op_id=op_id,
                deadline=deadline,
                on_progress=on_progress,
            )
        except (NotebookMissing, TabGone) as error:
            # It was closed in its page, which says so before its next list does.
            self.tabs.closed(page, name)
            raise _gone() from error
        finally:
            if method in CHANGING:  # also when it failed: it may have changed something
                self.tabs.refresh_others(page, path)

    async def open(self, path: str) -> bool:
        """Open a notebook in the tab that asked, or was focused last; False when there is none."""
        page = self.tabs.latest(self.owner, self.session_id)
        if page is None:
            return False
        params = to_data(PathParams, PathParams(path=path))
        try:
            await self.tabs.ask(
                page, "notebook.open", params, op_id=new_id("op"), deadline=OPEN_DEADLINE
            )
        except (AgentError, asyncio.TimeoutError):
            log.warning("No tab could open %r", path)
            return False
        self.tabs.opened(page, path)
        return True


class _SocketLost(Exception):
    """The socket that a call was sent on is gone."""


def _gone() -> TabGone:
    return TabGone("No browser tab has this notebook open any more.")


def _same_file(root: Path, path: str, other: str) -> bool:
    """Return whether two paths are one file, by a link or on a disk that ignores case."""
    try:
        return (root / path).samefile(root / other)
    except (OSError, ValueError):
        return False
