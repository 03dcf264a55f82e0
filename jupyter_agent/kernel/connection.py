"""One connection to one kernel: channels, who listens to which request, and whether it lives.

It ends when the kernel dies or is restarted; `client.py` then makes a new one. It knows nothing
of cells: see `execution.py`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Coroutine
from queue import Empty
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from ..protocol.errors import KernelError, KernelStartFailed
from .messages import LARGEST_CONTENT, BadMessage, KernelMessage, decode, from_client

if TYPE_CHECKING:
    from .directory import KernelHandle

log = logging.getLogger(__name__)

Listener = Callable[[str, KernelMessage], None]

# Messages that wait in our socket while the event loop is at something else.
_RECEIVE_QUEUE = 50_000
_BATCH = 200
_POLL_REMOTE = 0.02
_POLL_ALIVE = 0.5
# Each look at a remote kernel is a request to its gateway.
_POLL_ALIVE_REMOTE = 1.5
_ALIVE_DEADLINE = 3.0
_PROBE_EVERY = 0.25
_KNOWN_ALIVE_WAIT = 10.0
_STDIN_WAIT = 10.0

CONNECTION_LOST = "the connection to the kernel was lost"
RESTARTED = "the kernel was restarted"
SHUT_DOWN = "the kernel was shut down"


class Connection:
    """Channels to a kernel. All times in seconds.

    Args:
        handle: The kernel.
        observe: Listen to IOPub alone; no code can be sent.
    """

    def __init__(self, handle: KernelHandle, *, observe: bool = False) -> None:
        self.handle = handle
        self.language: str | None = None
        # Set once, when the kernel died, was restarted, or cannot be reached any more.
        self.lost = asyncio.Event()
        # Set once, with `lost`, when the kernel itself is gone: what ran in it has ended.
        self.died = asyncio.Event()
        # How it ended, in words, when somebody ended it.
        self._ending: str | None = None
        self._observe = observe
        self._client: Any = None
        self._remote = False
        self._tasks: list[asyncio.Task[None]] = []
        self._listeners: dict[str, Listener] = {}
        self._everything: list[Listener] = []
        self._first_message = asyncio.Event()
        self._info = asyncio.Event()
        # A request was worked on: from here on, a kernel that starts is another one.
        self._proven = asyncio.Event()
        # Requests being worked on, also others': the control thread reports itself idle while
        # a cell runs, so one flag would not do.
        self._busy: set[str] = set()
        self._state_known = False
        self._probes: set[str] = set()
        self._watchers = 0
        self._watchdog: asyncio.Task[None] | None = None
        self._incarnation: Any = None
        # The kernel's own process, as its messages name it.
        self._process: tuple[str, str] | None = None
        self._remove_callback: Callable[[], None] | None = None

    async def open(self, *, starting: float | None = None) -> None:
        """Connect, and return once outputs can no longer be missed.

        `wait_for_ready` is not used: on a busy kernel it blocks until that is idle.

        Args:
            starting: The kernel was only just started: wait so long at most for its first word.

        Raises:
            KernelStartFailed: a starting kernel died, or said nothing in time.
        """
        self._incarnation = _incarnation(self.handle)
        self._remove_callback = self.handle.add_death_callback(self.declare_lost)
        try:
            await self._connect()
            await self._wait_until_heard(starting)
            await self._wait_for_stdin()
        except BaseException:
            await self.close()
            raise

    async def _connect(self) -> None:
        client = self._client = self.handle.manager.client()
        # Clients of one manager share an identity, and a kernel hears only the first of those.
        client.session.session = uuid4().hex
        wanted = not self._observe
        self._remote = inspect.iscoroutinefunction(client.start_channels)
        if self._remote:
            # One socket carries all channels, and the gateway's client ends with a message on one
            # that was not started; so an observer has them all, too.
            wanted = True
        channels = {"shell": wanted, "stdin": self._remote, "hb": False, "control": True}
        if self._remote:
            # A gateway's client opens its socket synchronously.
            await asyncio.to_thread(lambda: asyncio.run(client.start_channels(**channels)))
            # It gives up after so many seconds without a message, and a cell may be silent for
            # longer. TCP's keepalive notices a gateway that is gone.
            client.channel_socket.settimeout(None)
        else:
            client.context.rcvhwm = _RECEIVE_QUEUE
            client.start_channels(**channels)
            if wanted:
                _connect_stdin(client)
        self._read(self._read_iopub())
        for name in ("control", "shell", "stdin") if wanted else ("control",):
            channel = getattr(client, f"{name}_channel")
            self._read(self._read_channel(name, channel))

    def _read(self, reader: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(reader)
        task.add_done_callback(self._note_reader_end)
        self._tasks.append(task)

    def _note_reader_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Reading from kernel %s failed.", self.handle.kernel_id, exc_info=error)
            self.lost.set()

    async def _wait_until_heard(self, starting: float | None) -> None:
        """Wait for a first IOPub message: before it the subscription may not hold yet.

        A question on the control channel makes the kernel publish something, also while it runs
        a cell. Kernels of one thread answer on the shell channel, or when they are idle again.
        """
        began = time.monotonic()
        patience = starting or _KNOWN_ALIVE_WAIT
        # A fresh kernel answers on the control channel before it says that it is starting.
        wanted = [self._info, self._proven] if starting else [self._first_message]
        asked_shell = False
        while waiting := [event for event in wanted if not event.is_set()]:
            self._probes.add(self._send("control", "kernel_info_request", {}))
            passed = time.monotonic() - began
            # Again and again only to a fresh kernel: a busy one would have them all queued.
            if not self._observe and (starting or (passed > 1 and not asked_shell)):
                asked_shell = True
                self._send("shell", "kernel_info_request", {})
            try:
                await asyncio.wait_for(waiting[0].wait(), _PROBE_EVERY)
                continue
            except asyncio.TimeoutError:
                pass
            if not self.lost.is_set() and not await self._is_alive():
                self.declare_lost()
            if starting and self.died.is_set():
                raise KernelStartFailed("The kernel stopped while it was starting.")
            if self.lost.is_set():
                return
            if passed > patience:
                if starting:
                    raise KernelStartFailed(f"The kernel did not answer within {starting:.0f} s.")
                return

    async def _wait_for_stdin(self) -> None:
        """Wait until the kernel can ask: to a client that is not connected it does not get through.

        The first cell of a fresh kernel may begin with `input()`.
        """
        if self._observe or self._remote or self.lost.is_set():
            return
        import zmq

        socket = self._client.stdin_channel.socket
        began = time.monotonic()
        while not await socket.poll(int(_PROBE_EVERY * 1000), zmq.POLLOUT):
            if self.lost.is_set():
                return
            if not await self._is_alive():
                self.declare_lost()
                return
            if time.monotonic() - began > _STDIN_WAIT:
                log.warning("The stdin channel of kernel %s did not open.", self.handle.kernel_id)
                return

    async def close(self) -> None:
        """Close the channels; the kernel stays."""
        if self._remove_callback is not None:
            self._remove_callback()
            self._remove_callback = None
        tasks = [*self._tasks, *([self._watchdog] if self._watchdog else [])]
        self._tasks, self._watchdog = [], None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        client, self._client = self._client, None
        if client is None:
            return
        if self._remote:
            await asyncio.to_thread(client.stop_channels)
        else:
            client.stop_channels()

    # ---- sending ---------------------------------------------------------------------------

    def execute(
        self,
        code: str,
        listener: Listener,
        *,
        cell_id: str | None = None,
        silent: bool = False,
        allow_stdin: bool = True,
    ) -> str:
        """Send an execute request; `listener` gets each message of it. Returns its id.

        A failing request never aborts requests that others have queued.
        """
        content = {
            "code": code,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": allow_stdin,
            "stop_on_error": False,
        }
        metadata = {"cellId": cell_id} if cell_id else {}
        message_id = self._send("shell", "execute_request", content, metadata)
        self._listeners[message_id] = listener
        return message_id

    def ask_state(self, listener: Listener) -> str:
        """Ask on the shell channel, which answers only when the kernel is idle."""
        message_id = self._send("shell", "kernel_info_request", {})
        self._listeners[message_id] = listener
        return message_id

    def nudge(self) -> None:
        """Wake the kernel's event loop after an interrupt.

        ipykernel notes a signal during an awaiting cell, but its loop sleeps on until a message
        or a timer comes.
        """
        self._send("shell", "kernel_info_request", {})

    def set_widget_outputs(self, model_id: str, outputs: list[dict[str, Any]]) -> None:
        """Tell the kernel what one of its `Output` widgets shows, as a front end does."""
        data = {"method": "update", "state": {"outputs": outputs}}
        self._send("shell", "comm_msg", {"comm_id": model_id, "data": data})

    def answer_input(self, value: str) -> None:
        """Answer what `input()` asks."""
        self._send("stdin", "input_reply", {"value": value})

    def _send(
        self,
        channel: str,
        kind: str,
        content: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> str:
        session = self._client.session
        message = session.msg(kind, content, metadata=metadata)
        target = getattr(self._client, f"{channel}_channel")
        if self._remote:
            try:
                target.send(message)
            except Exception as error:  # of the WebSocket library, or of the system's socket
                self.lost.set()
                raise KernelError("The connection to the kernel was lost.", cause=error) from error
        else:
            # `Channel.send` goes past the asyncio socket. That may take in a reply's arrival
            # unnoticed, and who waits for it is never woken.
            target.socket.send_multipart(session.serialize(message))
        return str(message["header"]["msg_id"])

    # ---- listening -------------------------------------------------------------------------

    def listen(self, message_id: str, listener: Listener) -> None:
        """Hear every message whose parent is this request: `listener(channel, message)`."""
        self._listeners[message_id] = listener

    def listen_to_all(self, listener: Listener) -> Callable[[], None]:
        """Hear every IOPub message; returns a function that ends it."""
        self._everything.append(listener)
        return lambda: self._everything.remove(listener)

    def forget(self, message_id: str) -> None:
        """Stop listening to a request."""
        self._listeners.pop(message_id, None)

    async def _read_iopub(self) -> None:
        from zmq.asyncio import Socket

        socket = getattr(self._client.iopub_channel, "socket", None)
        if not isinstance(socket, Socket):
            await self._read_channel("iopub", self._client.iopub_channel)
            return
        session = self._client.session
        while True:
            frames = await socket.recv_multipart()
            for _ in range(_BATCH):
                await self._decode_and_hear(session, frames)
                more = _next_frames(socket)
                if more is None:
                    break
                frames = more
            else:
                await self._decode_and_hear(session, frames)
                await asyncio.sleep(0)

    async def _decode_and_hear(self, session: Any, frames: list[bytes]) -> None:
        try:
            if sum(map(len, frames)) > LARGEST_CONTENT // 8:
                message = await asyncio.to_thread(decode, session, frames)
            else:
                message = decode(session, frames)
        except BadMessage as error:
            log.warning("Dropped %s from kernel %s.", error, self.handle.kernel_id)
            return
        self._hear("iopub", message)

    async def _read_channel(self, name: str, channel: Any) -> None:
        while True:
            try:
                message = await channel.get_msg(timeout=0 if self._remote else None)
            except Empty:
                await asyncio.sleep(_POLL_REMOTE)
            except RuntimeError as error:  # a gateway's socket is gone
                log.warning("Lost the %s channel of %s: %s", name, self.handle.kernel_id, error)
                if await self._is_alive():
                    self.lost.set()
                else:
                    self.declare_lost()
                return
            except ValueError as error:
                log.warning("Dropped a message on %s: %s", name, error)
            else:
                self._hear(name, from_client(message))

    def _of_fork(self, message: KernelMessage) -> bool:
        """Whether a process that the kernel forked sent this: it ends no cell of the kernel's."""
        if message.process is None:
            return False
        if self._process is None or self._process[0] != message.process[0]:
            self._process = message.process
        return self._process != message.process

    def _hear(self, channel: str, message: KernelMessage) -> None:
        if self._of_fork(message) and message.kind in ("status", "execute_reply"):
            return
        if channel == "iopub":
            self._first_message.set()
            if message.kind == "status":
                self._note_state(message)
            elif message.kind == "shutdown_reply" and self._proven.is_set():
                self.declare_lost(RESTARTED if message.content.get("restart") else SHUT_DOWN)
            if message.parent_id and message.parent_id not in self._probes:
                self._proven.set()
            for everything in tuple(self._everything):
                everything(channel, message)
        elif message.kind == "kernel_info_reply":
            self._info.set()
            language = (message.content.get("language_info") or {}).get("name")
            self.language = language.lower() if isinstance(language, str) else self.language
        listener = self._listeners.get(message.parent_id)
        if listener is not None:
            listener(channel, message)

    def _note_state(self, message: KernelMessage) -> None:
        state = message.content.get("execution_state")
        if state == "busy":
            self._busy.add(message.parent_id)
        elif state == "idle":
            self._busy.discard(message.parent_id)
            self._state_known = self._state_known or message.parent_id not in self._probes
        elif state in ("starting", "restarting", "dead") and self._proven.is_set():
            # A new process answers at the old address.
            self.declare_lost(None if state == "dead" else RESTARTED)

    @property
    def execution_state(self) -> str | None:
        """`idle`, `busy` or `dead` as far as this connection has heard; None when unknown."""
        if self.lost.is_set():
            return "dead" if self.died.is_set() else None
        if self._busy - self._probes:
            return "busy"
        return "idle" if self._state_known else None

    # ---- life ------------------------------------------------------------------------------

    @property
    def outcome_if_lost(self) -> Literal["kernel_died", "unknown"]:
        """What became of a request that was sent before this connection was lost."""
        return "kernel_died" if self.died.is_set() else "unknown"

    @property
    def reason_if_lost(self) -> str | None:
        """Why that is so, in words; None when the kernel died by itself."""
        return self._ending if self.died.is_set() else CONNECTION_LOST

    def watch_life(self) -> Callable[[], None]:
        """Poll whether the kernel lives, until the returned function is called."""
        self._watchers += 1
        if self._watchdog is None or self._watchdog.done():
            self._watchdog = asyncio.create_task(self._poll_life())

        def stop() -> None:
            self._watchers -= 1

        return stop

    async def _poll_life(self) -> None:
        while self._watchers > 0 and not self.lost.is_set():
            if self.superseded or not await self._is_alive():
                self.declare_lost(RESTARTED if self.superseded else None)
                return
            await asyncio.sleep(_POLL_ALIVE_REMOTE if self._remote else _POLL_ALIVE)

    async def _is_alive(self) -> bool:
        try:
            return await asyncio.wait_for(self.handle.is_alive(), _ALIVE_DEADLINE)
        except (asyncio.TimeoutError, KernelError) as error:
            # A gateway that is slow or overloaded is not a dead kernel; it is asked again.
            log.debug("Whether kernel %s lives is not known: %s", self.handle.kernel_id, error)
            return True

    @property
    def superseded(self) -> bool:
        """Whether the kernel was restarted since, which a connection may not hear of."""
        return bool(_incarnation(self.handle) != self._incarnation)

    def declare_lost(self, ending: str | None = None) -> None:
        """Give the connection up: the kernel died, or was ended as `ending` says."""
        if not self.lost.is_set():
            self._ending = ending
        self.died.set()
        self.lost.set()


def _incarnation(handle: KernelHandle) -> Any:
    """Return what differs after a restart; a restart by hand calls nobody back."""
    return getattr(getattr(handle.manager, "provisioner", None), "pid", None)


def _connect_stdin(client: Any) -> None:
    """Open the stdin channel so that its socket tells when the kernel has taken it up."""
    import zmq

    defaults = client.context.sockopts
    # Without it a socket takes messages from the start, and says nothing of the other side.
    defaults[zmq.IMMEDIATE] = 1
    try:
        client.stdin_channel.start()
    finally:
        del defaults[zmq.IMMEDIATE]


def _next_frames(socket: Any) -> list[bytes] | None:
    """Return a message that is there already; awaiting each one costs several times as much."""
    import zmq

    future = socket.recv_multipart(zmq.DONTWAIT)
    error = future.exception()
    if error is None:
        frames: list[bytes] = future.result()
        return frames
    if isinstance(error, zmq.Again):
        return None
    raise error
