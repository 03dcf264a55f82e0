"""Holding a session: one runner at a time, across processes.

The lease is short and renewed while the work goes on. After a crash another process takes over:
at once when it can see that the holder's process is gone, else when the lease has run out.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from ..protocol.errors import AgentError, NotAllowed, SessionBusy

if TYPE_CHECKING:
    from ..store.sessions import SessionStore

TTL = 6.0
RENEW_EVERY = 2.0

log = logging.getLogger("jupyter_agent")

# Tells this process from an earlier one of the same number: in a container each is number 1.
_LIFE = uuid4().hex[:8]


def holder_name() -> str:
    """Return a new name for a holder: machine, process, the process's life, and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{_LIFE}{uuid4().hex[:8]}"


def has_ended(holder: str) -> bool:
    """Whether a holder is known to be gone: a process of this machine that does not exist."""
    process, _, name = holder.rpartition(":")
    host, _, rest = process.rpartition(":")
    if host != socket.gethostname() or not rest.isdigit():
        return False
    if int(rest) == os.getpid():
        return not name.startswith(_LIFE)
    if os.name == "nt":
        return False  # there is no harmless way to ask; the lease runs out by itself
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class Lease:
    """One holding of a session's lease.

    Args:
        store: where leases are kept.
        session_id: whose.
        holder: who takes it.
        taken: done first thing once it is held, before anybody works: reads what other
            processes have written.
    """

    def __init__(
        self,
        store: SessionStore,
        session_id: str,
        holder: str,
        taken: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._session_id = session_id
        self._holder = holder
        self._taken = taken
        self._renewal: asyncio.Task[None] | None = None

    async def acquire(self, patience: float = TTL + 1.0) -> None:
        """Take the lease; waits up to `patience` seconds for one that nobody renews to run out.

        Raises:
            SessionBusy: another process holds it and goes on holding it.
        """
        deadline = asyncio.get_running_loop().time() + patience
        gone: str | None = None
        while True:
            try:
                await self._store.acquire_lease(
                    self._session_id, self._holder, TTL, instead_of=gone
                )
                break
            except SessionBusy as error:
                holder = str((error.details or {}).get("holder") or "")
                if has_ended(holder) and holder != gone:
                    gone = holder
                    continue
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(0.25)
        self._renewal = asyncio.get_running_loop().create_task(self._renew())
        try:
            await self._taken()
        except BaseException:
            await self.release()
            raise

    async def release(self) -> None:
        """Let go of it, if it was taken."""
        if self._renewal is None:
            return
        self._renewal.cancel()
        await asyncio.gather(self._renewal, return_exceptions=True)
        self._renewal = None
        try:
            await self._store.release_lease(self._session_id)
        except AgentError as error:  # it runs out by itself
            log.warning("A session's lease could not be given back: %s", error.user_message)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            try:
                await self._store.renew_lease(self._session_id, TTL)
            except SessionBusy:
                return  # taken over: every further write is refused by its fence
            except AgentError:
                continue  # the store is unavailable for a moment; tried again


class Quiet:
    """Work on a session outside its runs: never beside one, of this process or another.

    Args:
        lease: makes a holding of the session.
        settled: waits while a run begins or ends.
        idle: whether none goes on.
    """

    def __init__(
        self,
        lease: Callable[[], Lease],
        *,
        settled: Callable[[], Awaitable[None]],
        idle: Callable[[], bool],
    ) -> None:
        self._lease = lease
        self._settled = settled
        self._idle = idle
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def alone(self, patience: float = TTL + 1.0) -> AsyncIterator[None]:
        """Hold the session while inside.

        Raises:
            NotAllowed: a run goes on.
            SessionBusy: another process works on the session.
        """
        # Not inside the lock: a run that begins waits for it.
        await self._settled()
        async with self._lock:
            if not self._idle():
                raise NotAllowed("The agent is at work. Stop it first, then undo what it did.")
            lease = self._lease()
            await lease.acquire(patience)
            try:
                yield
            finally:
                await lease.release()

    async def wait(self) -> None:
        """Wait until nobody is inside; for a run, from whose start on nobody gets in."""
        async with self._lock:
            return
