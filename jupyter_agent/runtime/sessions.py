"""All sessions of one process: created, found, listed, forked, deleted, and their list watched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..access.model_proxy import ModelServing
from ..access.redactor import Redactor
from ..agent.limits import Limits
from ..policy.rules import Rule
from ..protocol.codec import from_data, to_json
from ..protocol.errors import AgentError, NotAllowed, SessionBusy, UnknownSession
from ..protocol.frames import ServerStatus, SessionSummary
from ..protocol.messages import Message, new_id, now
from ..protocol.session_events import Notice
from ..session.checkpoints import copy_records
from ..session.history import transcript_of
from ..session.journal import Journal, load_journal
from ..session.lease import has_ended, holder_name
from ..session.moving import go_along, is_moved
from ..session.parts import SessionParts, Settled
from ..session.recovery import load_history
from ..session.session import Session
from ..store.rows import SessionRow
from ..tools.toolset import build_tools
from ..workspace.kernel_choice import NotebookKernels
from ..workspace.workspace import MayWrite, SessionWorkspace
from .demo_copy import end_demo

if TYPE_CHECKING:
    from ..access.model_access import ModelAccess
    from ..config import Settings
    from ..kernel.directory import KernelDirectory
    from ..kernel.runner import KernelRunner
    from ..notebook.frontend import BrowserChannel
    from ..notebook.places import Notebooks
    from ..protocol.tools import Mode
    from ..store.sessions import SessionStore

log = logging.getLogger("jupyter_agent")

# Seconds after which a session that nobody uses or watches is read anew when it is asked for.
UNLOAD_AFTER = 600.0
_OF_FOLDER = "\n"  # between an owner and a folder, which hold none


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What sessions of this process can reach.

    `browser` gives a session (owner, id) its owner's tabs alone. `may_write` raises where a
    notebook must not be written that no tab has open.
    """

    root: Path
    notebooks: Notebooks | None = None
    kernels: KernelDirectory | None = None
    browser: Callable[[str, str], BrowserChannel] | None = None
    shell: KernelRunner | None = None
    may_write: MayWrite | None = None


class Sessions:
    """The sessions of one process.

    Args:
        settings: what the administrator and the person chose.
        store: opened at first use by `open_store()`.
        world: what the sessions can reach.
        access: opens models; `serving` answers loops outside this process with them.
        overrides: more or other `SessionParts` for every session (the command line's and the
            API's way to ask a person).
    """

    def __init__(
        self,
        settings: Settings,
        *,
        open_store: Callable[[], Awaitable[tuple[SessionStore, str | None]]],
        world: World,
        access: ModelAccess,
        overrides: dict[str, Any] | None = None,
    ) -> None:
        self.settings = settings
        self.world = world
        self.access = access
        self.serving = ModelServing(access, _limits(settings))
        self._open_store = open_store
        self._overrides = overrides or {}
        self._store: SessionStore | None = None
        self._store_problem: str | None = None
        self._opening = asyncio.Lock()
        self._loading: dict[str, asyncio.Lock] = {}
        self._sessions: dict[str, Session] = {}
        self._watchers: list[Callable[[], None]] = []
        self._holder = holder_name()
        self._background: list[asyncio.Task[None]] = []
        self._used: dict[str, float] = {}  # when each was asked for last, on the loop's clock

    async def start(self) -> None:
        """Open the store, and begin to put in order what a crash left behind.

        Raises:
            StoreUnavailable: it cannot be used.
        """
        store = await self.store()
        try:
            crashed = await store.open_runs()
        except BaseException:
            await store.aclose()
            self._store = None
            raise
        loop = asyncio.get_running_loop()
        self._background = [
            loop.create_task(self._recover({session_id for session_id, _ in crashed})),
            loop.create_task(self._unload_at_rest()),
        ]

    async def aclose(self) -> None:
        """End every run, write everything, close the store."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        for session in list(self._sessions.values()):
            try:
                await session.aclose()
            except AgentError as error:  # the others are closed all the same
                log.warning("Session %s could not be closed: %s", session.id, error.user_message)
        self._sessions.clear()
        if self._store is not None:
            await self._store.aclose()

    async def store(self) -> SessionStore:
        """Return the store, opened at first use."""
        async with self._opening:
            if self._store is None:
                self._store, self._store_problem = await self._open_store()
            return self._store

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the list of sessions changes; returns a function that ends it."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    # -- sessions --------------------------------------------------------------------------------

    async def create(
        self,
        *,
        owner: str,
        notebook_path: str | None = None,
        model: str | None = None,
        mode: Mode | None = None,
        title: str | None = None,
    ) -> SessionSummary:
        """Create a session.

        Raises:
            UnknownModel, MissingKey: the model cannot be used.
            NotAllowed: the mode is forbidden here.
        """
        mode = mode or self.settings.default_mode
        if mode not in self.settings.allowed_modes:
            raise NotAllowed(f"Mode {mode} is not allowed here.")
        model = model or await self.access.default_model() or ""
        if model:
            self.access.open(model)
        time = now().isoformat()
        row = SessionRow(
            id=new_id("ses"),
            owner=self._kept_for(owner),
            title=title or "",
            notebook_path=notebook_path,
            model=model,
            mode="ask" if mode == "auto" else mode,  # auto is never saved
            effort=None,
            created_at=time,
            updated_at=time,
        )
        store = await self.store()
        await store.create_session(row)
        session = await self._load(row)
        session.settled.mode = mode
        self._changed()
        return self._summary(row)

    async def sessions(
        self, *, owner: str, notebook_path: str | None = None
    ) -> list[SessionSummary]:
        """Return the owner's sessions, the latest first."""
        store = await self.store()
        rows = await store.list_sessions(self._kept_for(owner), notebook_path)
        return [self._summary(row) for row in rows]

    async def sessions_of(self, path: str, *, owner: str) -> list[SessionSummary]:
        """Return the owner's sessions that belong to a notebook or have changed it, latest first."""
        store = await self.store()
        rows = await store.sessions_at(self._kept_for(owner), path)
        rows.sort(key=lambda row: row.updated_at, reverse=True)
        return [self._summary(row) for row in rows]

    async def search(self, query: str, *, owner: str) -> dict[str, str]:
        """Return the owner's sessions in which all words were said, with the words around them."""
        found = await (await self.store()).search(self._kept_for(owner), query)
        return {said.session_id: said.excerpt for said in found}

    async def get(self, session_id: str, *, owner: str) -> Session:
        """Return a session, loaded.

        Raises:
            UnknownSession: there is none of that id that belongs to the owner.
        """
        return await self._load(await self._row(session_id, owner))

    async def rename(self, session_id: str, title: str, *, owner: str) -> None:
        """Rename a session."""
        session = await self.get(session_id, owner=owner)
        await session.configure(title=title)

    async def delete(self, session_id: str, *, owner: str) -> None:
        """Stop a session and delete it with everything it holds."""
        await self._row(session_id, owner)
        session = self._sessions.pop(session_id, None)
        if session is not None:
            await session.aclose()
        await (await self.store()).delete_session(session_id)
        self._changed()

    async def fork(
        self, session_id: str, message_id: str, *, owner: str, before: bool = False
    ) -> SessionSummary:
        """Start a new session from the conversation up to a message: with it, or `before` it.

        Raises:
            UnknownSession: the session has no such message.
        """
        origin = await self.get(session_id, owner=owner)
        ids = [message.id for message in origin.history]
        if message_id not in ids:
            raise UnknownSession("This session has no such message.")
        kept = _whole_turns(origin.history[: ids.index(message_id) + (0 if before else 1)])
        summary = await self.create(
            owner=owner,
            notebook_path=origin.settled.notebook_path,
            model=origin.settled.model or None,
            title=f"{origin.settled.title} (fork)"[:120] if kept else None,
        )
        store = await self.store()
        for position, message in enumerate(kept):
            await store.put_message(summary.id, position, message.id, to_json(Message, message))
        session = self._sessions.pop(summary.id)
        await session.journal.aclose()
        known = await copy_records(
            store, await origin.checkpoints.records(), summary.id, {message.id for message in kept}
        )
        transcript = replace(transcript_of(kept, session.settled), checkpoints=known)
        await Journal(summary.id, store, seq=1, transcript=transcript).checkpoint()
        return self._summary(await self._row(summary.id, owner))

    async def move_notebook(self, old: str, new: str, *, owner: str) -> None:
        """Have the sessions of a notebook, or of those in a folder, go along to its new path.

        Raises:
            NotAllowed: it is still there.
        """
        if not await asyncio.to_thread(is_moved, self.world.root, old, new):
            raise NotAllowed(f"{old} is still there: it was copied, not moved.")
        store = await self.store()
        for row in await store.sessions_at(self._kept_for(owner), old):
            try:
                await go_along(await self._load(row), store, old, new)
            except SessionBusy:
                log.warning("Session %s is at work elsewhere and keeps to %r", row.id, old)
        self._changed()

    end_demo = end_demo

    async def status(self) -> ServerStatus:
        """Return what the panel needs to know when it starts."""
        from .. import __version__
        from ..demo.prompts import DEMO_PROMPT, EXPLORE_PROMPT

        return ServerStatus(
            version=__version__,
            default_model=await self.access.default_model(),
            default_mode=self.settings.default_mode,
            modes=self.settings.allowed_modes,
            open_panel=self.settings.open_panel,
            demo_prompt=DEMO_PROMPT,
            demo_explore_prompt=EXPLORE_PROMPT,
            looked_for=self.access.looked_for(),
        )

    # -- inside ----------------------------------------------------------------------------------

    def _kept_for(self, owner: str) -> str:
        """Return the owner as it is stored: with the folder, as one path is another notebook in each."""
        return f"{owner}{_OF_FOLDER}{self.world.root.as_posix()}"

    async def _row(self, session_id: str, owner: str) -> SessionRow:
        row: SessionRow | None = await (await self.store()).session(session_id)
        if row is None or row.owner != self._kept_for(owner):
            raise UnknownSession("There is no such session. It may have been deleted.")
        return row

    async def _recover(self, session_ids: Collection[str]) -> None:
        """Load sessions whose run did not end; those that another process works on are left."""
        store = await self.store()
        for session_id in session_ids:
            try:
                holder = await store.lease_holder(session_id)
                row = await store.session(session_id)
                if row is not None and (holder is None or has_ended(holder)):
                    await self._load(row)
            except Exception:  # one that cannot be read keeps nobody from the others
                log.exception("Session %s could not be put in order", session_id)
        self._changed()

    async def _unload_at_rest(self) -> None:
        """Let go, now and then, of sessions that nobody has used for a while."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(UNLOAD_AFTER / 10)
            unused = [one for one, at in self._used.items() if loop.time() - at > UNLOAD_AFTER]
            for session_id in unused:
                await self._unload(session_id)

    async def _unload(self, session_id: str) -> None:
        async with self._loading.setdefault(session_id, asyncio.Lock()):
            session = self._sessions.get(session_id)
            if session is not None and not session.at_rest:
                return
            self._used.pop(session_id, None)
            self._sessions.pop(session_id, None)
            if session is not None:
                try:
                    await session.aclose()
                except AgentError as error:
                    log.warning("Session %s was not written: %s", session_id, error.user_message)

    async def _load(self, row: SessionRow) -> Session:
        self._used[row.id] = asyncio.get_running_loop().time()
        async with self._loading.setdefault(row.id, asyncio.Lock()):
            session = self._sessions.get(row.id)
            if session is None:
                session = await self._open(row)
                self._sessions[row.id] = session
            return session

    async def _open(self, row: SessionRow) -> Session:
        store = await self.store()
        journal = await load_journal(store, row.id)
        history = await load_history(store, row.id)
        session = Session(self._parts(row, store, journal, history))
        session.on_change = self._changed
        if self._store_problem is not None and not journal.has_said(self._store_problem):
            journal.emit(
                Notice(level="warning", text=self._store_problem, code="store_unavailable")
            )
        kernels = self.world.kernels
        browser = self.world.browser(_owner_of(row), row.id) if self.world.browser else None
        workspace = SessionWorkspace(
            root=self.world.root,
            notebook=row.notebook_path,
            kernels=kernels,
            notebooks=self.world.notebooks,
            browser=browser,
            shell=self.world.shell,
            vision=lambda: session.vision,
            question=session.broker.question,
            on_change=session.notebook_changed,
            recorder=session.review,
            may_write=self.world.may_write,
            provenance=session.provenance if self.settings.provenance else lambda: None,
            on_notebook=lambda path: session.configure(notebook_path=path),
        )
        choice = NotebookKernels(kernels, browser) if kernels is not None else None
        tools = build_tools(workspace, kernels=choice, checkpoints=session.review)
        session.equip(workspace, tools)
        if journal.transcript.running or await store.open_runs(row.id):
            # Another process may be working on it; its watchers are shown how that goes on.
            with contextlib.suppress(SessionBusy):
                await session.put_in_order()
        return session

    def _parts(
        self, row: SessionRow, store: SessionStore, journal: Journal, history: list[Message]
    ) -> SessionParts:
        settings = self.settings
        parts = {
            "session_id": row.id,
            "holder": self._holder,
            "store": store,
            "journal": journal,
            "history": history,
            "settled": Settled(
                model=row.model,
                mode=row.mode,  # type: ignore[arg-type]
                effort=row.effort,  # type: ignore[arg-type]
                title=row.title,
                notebook_path=row.notebook_path,
            ),
            "access": self.access,
            "limits": _limits(settings),
            "allowed_modes": settings.allowed_modes,
            "redactor": Redactor(self.access.endpoints.secrets),
            "rules": tuple(from_data(Rule, rule) for rule in settings.rules),
            "instructions": settings.instructions,
            "tool_deadlines": settings.tool_deadlines,
            "stop_deadline": settings.stop_deadline,
            "approval_deadline": settings.approval_deadline,
            **self._overrides,
        }
        return SessionParts(**parts)

    def _summary(self, row: SessionRow) -> SessionSummary:
        session = self._sessions.get(row.id)
        return SessionSummary(
            id=row.id,
            title=session.settled.title if session else row.title,
            notebook_path=row.notebook_path,
            model=session.settled.model if session else row.model,
            mode=session.settled.mode if session else row.mode,  # type: ignore[arg-type]
            effort=row.effort,  # type: ignore[arg-type]
            created_at=row.created_at,
            updated_at=row.updated_at,
            status=session.status if session else "idle",
            messages=len(session.history) if session else row.messages,
        )

    def _changed(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()


def _owner_of(row: SessionRow) -> str:
    return row.owner.partition(_OF_FOLDER)[0]


def _limits(settings: Settings) -> Limits:
    chosen = settings.limits
    return Limits(
        max_turns=chosen.max_turns,
        max_calls=chosen.max_calls,
        max_identical_calls=chosen.max_identical_calls,
        max_tokens=chosen.max_tokens,
        max_cost=chosen.max_cost,
        max_seconds=chosen.max_seconds,
    )


def _whole_turns(history: list[Message]) -> list[Message]:
    """Drop a last answer whose calls have no results: no provider would take it."""
    if history and history[-1].tool_calls:
        return history[:-1]
    return history
