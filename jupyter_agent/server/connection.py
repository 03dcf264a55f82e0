"""One client's conversation over the socket, without tornado: frames in, frames out.

Answers of tabs are taken at once. Everything else is done one frame after another, except Stop,
which overtakes.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hmac import compare_digest
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Protocol

from ..protocol import frames
from ..protocol.codec import to_json
from ..protocol.errors import AgentError, BadFrame, ErrorInfo, NotAllowed
from ..protocol.exhaustive import assert_never
from ..protocol.messages import new_id
from ..protocol.tools import Mode
from .browser import Tabs
from .errors import internal_error
from .identity import UNASKED_MODES
from .outbox import Outbox
from .permissions import required
from .reading import read_frame

if TYPE_CHECKING:
    from ..runtime.sessions import Sessions
    from ..session.session import Session

MAX_WAITING = 100
MAX_BAD_FRAMES = 20
LIST_DELAY = 0.1

log = logging.getLogger(__name__)


# What is handled one after another; the rest is taken as it comes.
Handled = (
    frames.Attach
    | frames.Detach
    | frames.Prompt
    | frames.Unqueue
    | frames.Stop
    | frames.Resume
    | frames.Compact
    | frames.Configure
    | frames.Keep
    | frames.Undo
    | frames.LookAgain
    | frames.Restore
    | frames.MoveNotebook
    | frames.Approve
    | frames.Answer
)


class OfSession(Protocol):
    """A frame about one session."""

    @property
    def session_id(self) -> str:
        """The session's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who is at the other end.

    `no_approvals`: why this socket may not approve, None if it may. `at_most`: the mode that its
    prompts do not exceed, whatever mode and grants a browser gave the session; None: any.
    """

    owner: str
    version: str
    no_approvals: str | None
    at_most: Mode | None
    authorize: Callable[[str, str], Awaitable[bool]]


class Connection:
    """One connected client.

    Args:
        client: who it is and what it may.
        manager: the sessions.
        tabs: where this client's notebooks are announced.
        outbox: what is sent to it.
        close: closes the socket, with a code and a reason.
    """

    def __init__(
        self,
        client: Client,
        *,
        manager: Sessions,
        tabs: Tabs,
        outbox: Outbox,
        close: Callable[[int, str], None],
    ) -> None:
        self._client = client
        self._manager = manager
        self._tabs = tabs
        self._outbox = outbox
        self._close_socket = close
        self._nonce = token_urlsafe(32)
        self._detach: dict[str, Callable[[], None]] = {}
        # Sessions at work with a prompt of this client in their queue, by id.
        self._asks_next: dict[str, Session] = {}
        self._waiting: asyncio.Queue[Handled] = asyncio.Queue(MAX_WAITING)
        self._bad_frames = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._list_timer: asyncio.TimerHandle | None = None
        self._unwatch_list = manager.on_change(self._list_changed)
        self._closed = False
        self._worker = asyncio.get_running_loop().create_task(self._work())
        tabs.join(self)
        self._greet()

    @property
    def owner(self) -> str:
        """Whose connection it is."""
        return self._client.owner

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        self._outbox.put(frame)

    def receive(self, data: str | bytes) -> None:
        """Take a frame from the client."""
        try:
            frame = read_frame(data)
        except BadFrame as error:
            self._refuse(data, error)
            return
        match frame:
            case frames.RpcResult():
                self._tabs.answered(self, frame)
            case frames.RpcProgress():
                self._tabs.progressed(self, frame)
            case frames.Notebooks():
                self._tabs.set_notebooks(self, frame.notebooks, frame.page)
            case frames.Stop():
                self._start(self._handle(frame))
            case _:
                try:
                    self._waiting.put_nowait(frame)
                except asyncio.QueueFull:
                    self._close_socket(1008, "too many frames at once")

    def close(self, *, returns: bool = True) -> None:
        """Let go of everything; the sessions go on, and so does what was asked last (a Stop!).

        `returns`: the client may come back with another socket, as it is now.
        """
        self._closed = True
        self._unwatch_list()
        if self._list_timer is not None:
            self._list_timer.cancel()
        for detach in self._detach.values():
            detach()
        self._detach.clear()
        self._tabs.leave(self, returns=returns)
        self._outbox.close()
        self._worker.cancel()

    # ---- inside --------------------------------------------------------------------------------

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _greet(self) -> None:
        reason = self._client.no_approvals
        welcome = frames.Welcome(
            client_id=new_id("client"),
            nonce=self._nonce,
            version=self._client.version,
            can_approve=reason is None,
            reason=reason,
        )
        self._put(welcome)

    def _put(self, frame: Any) -> None:
        self._outbox.put(to_json(frames.ServerFrame, frame))

    def _list_changed(self) -> None:
        for session in tuple(self._asks_next.values()):
            if not session.running:  # what was queued from this window is next
                del self._asks_next[session.id]
                self._tabs.asked(self, session.id)
        if self._list_timer is None:
            loop = asyncio.get_running_loop()
            self._list_timer = loop.call_later(LIST_DELAY, self._tell_list_changed)

    def _tell_list_changed(self) -> None:
        self._list_timer = None
        self._put(frames.SessionsChanged())

    def _refuse(self, data: str | bytes, error: BadFrame) -> None:
        self._bad_frames += 1
        if self._bad_frames > MAX_BAD_FRAMES:
            self._close_socket(1008, "too many malformed frames")
            return
        self._put(frames.Reply(id=_id_of(data), error=error.info()))

    async def _work(self) -> None:
        while True:
            frame = await self._waiting.get()
            await asyncio.shield(self._start(self._handle(frame)))

    async def _handle(self, frame: Handled) -> None:
        error: ErrorInfo | None = None
        try:
            for action, resource in required(frame):
                if not await self._client.authorize(action, resource):
                    raise NotAllowed(f"You may not {action} {resource} on this server.")
            await self._act(frame)
        except AgentError as failure:
            error = failure.info()
        except Exception:
            log.exception("A %s frame could not be handled", frame.type)
            error = internal_error()
        if frame.type != "detach":
            self._put(frames.Reply(id=frame.id, error=error))

    async def _act(self, frame: Handled) -> None:  # noqa: PLR0912 (one case a frame)
        match frame:
            case frames.Attach():
                await self._on_attach(frame)
            case frames.Detach():
                await self._on_detach(frame)
            case frames.Prompt():
                await self._on_prompt(frame)
            case frames.Unqueue():
                await self._on_unqueue(frame)
            case frames.Stop():
                await self._on_stop(frame)
            case frames.Resume():
                await self._on_resume(frame)
            case frames.Compact():
                await self._on_compact(frame)
            case frames.Configure():
                await self._on_configure(frame)
            case frames.Keep():
                await self._on_keep(frame)
            case frames.Undo():
                await self._on_undo(frame)
            case frames.LookAgain():
                await self._on_look_again(frame)
            case frames.Restore():
                await self._on_restore(frame)
            case frames.MoveNotebook():
                await self._on_move_notebook(frame)
            case frames.Approve():
                await self._on_approve(frame)
            case frames.Answer():
                await self._on_answer(frame)
            case _:
                assert_never(frame)

    async def _session(self, frame: OfSession) -> Session:
        return await self._manager.get(frame.session_id, owner=self.owner)

    async def _asked(self, frame: OfSession) -> Session:
        """Return the session. What this client asks of it is done in this client's window, except
        while a run goes on that was asked elsewhere.
        """
        session = await self._session(frame)
        if not session.running:
            self._tabs.asked(self, session.id)
        return session

    def _check_nonce(self, nonce: str) -> None:
        if self._client.no_approvals is not None:
            raise NotAllowed(self._client.no_approvals)
        if not compare_digest(nonce.encode(), self._nonce.encode()):
            raise NotAllowed("This answer was meant for another connection. Answer again.")

    # ---- one method a frame --------------------------------------------------------------------

    async def _on_attach(self, frame: frames.Attach) -> None:
        session = await self._session(frame)
        session_id = frame.session_id
        await self._on_detach(frames.Detach(session_id=session_id))
        # Events that come while the first frame is made follow it.
        early: list[tuple[int, bytes]] = []
        ready = False

        def watch(seq: int, event: Any, data: bytes) -> None:
            if ready:
                self._outbox.put_event(session_id, seq, data)
            else:
                early.append((seq, data))

        first, detach = await session.attach(watch, frame.after, self._put)
        if self._closed:
            detach()
            return
        self._detach[session_id] = detach
        self._put(first)
        for seq, data in early:
            self._outbox.put_event(session_id, seq, data)
        ready = True

    async def _on_detach(self, frame: frames.Detach) -> None:
        detach = self._detach.pop(frame.session_id, None)
        if detach is not None:
            detach()

    async def _on_prompt(self, frame: frames.Prompt) -> None:
        session = await self._asked(frame)
        if session.running and frame.delivery == "queue":
            self._asks_next[session.id] = session
        await session.prompt(
            frame.text,
            frame.images,
            mentions=frame.mentions,
            mode=frame.mode,
            delivery=frame.delivery,
            op_id=frame.op_id,
            at_most=self._client.at_most,
        )

    async def _on_unqueue(self, frame: frames.Unqueue) -> None:
        await (await self._session(frame)).unqueue(frame.prompt_id)

    async def _on_stop(self, frame: frames.Stop) -> None:
        await (await self._session(frame)).stop()

    async def _on_resume(self, frame: frames.Resume) -> None:
        await (await self._asked(frame)).resume(at_most=self._client.at_most)

    async def _on_compact(self, frame: frames.Compact) -> None:
        await (await self._session(frame)).compact()

    async def _on_configure(self, frame: frames.Configure) -> None:
        if frame.mode in UNASKED_MODES and self._client.no_approvals is not None:
            raise NotAllowed(f"In mode {frame.mode} tools run unasked. {self._client.no_approvals}")
        session = await self._session(frame)
        await session.configure(
            model=frame.model, mode=frame.mode, effort=frame.effort, title=frame.title
        )

    async def _on_keep(self, frame: frames.Keep) -> None:
        await (await self._session(frame)).review.keep(frame.path, frame.cell_id)

    async def _on_undo(self, frame: frames.Undo) -> None:
        session = await self._asked(frame)
        await session.review.undo(frame.path, frame.cell_id, force=frame.force)

    async def _on_look_again(self, frame: frames.LookAgain) -> None:
        await (await self._session(frame)).review.look_again(frame.path)

    async def _on_restore(self, frame: frames.Restore) -> None:
        await (await self._asked(frame)).review.restore_before(frame.message_id)

    async def _on_move_notebook(self, frame: frames.MoveNotebook) -> None:
        await self._manager.move_notebook(frame.path, frame.to, owner=self.owner)

    async def _on_approve(self, frame: frames.Approve) -> None:
        self._check_nonce(frame.nonce)
        session = await self._session(frame)
        await session.approve(
            frame.approval_id,
            fingerprint=frame.fingerprint,
            allow=frame.allow,
            scope=frame.scope,
            reason=frame.reason,
        )

    async def _on_answer(self, frame: frames.Answer) -> None:
        self._check_nonce(frame.nonce)
        await (await self._session(frame)).answer(frame.question_id, frame.answer)


def _id_of(data: str | bytes) -> str:
    """Return the id of a frame that is not understood, as far as it has one."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
