"""Holding a session: one runner at a time, across processes.

The lease is short and renewed while the work goes on. After a crash another process takes over:
at once when it can see that the holder's process is gone, else when the lease has run out.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from ..protocol.errors import AgentError, NotAllowed, SessionBusy

TTL = 6.0
RENEW_EVERY = 2.0


def holder_name() -> str:
    """Return a name for this process as a holder: machine, process id, and a random part."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


def has_ended(holder: str) -> bool:
    """Whether a holder is known to be gone: a process of this machine that does not exist."""
    host, _, rest = holder.rpartition(":")[0].rpartition(":")
    if os.name == "nt" or host != socket.gethostname() or not rest.isdigit():
        return False  # on Windows there is no harmless way to ask; the lease runs out by itself
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class Lease:
    """One holding of a session's lease."""

    def __init__(self, store: Any, session_id: str, holder: str) -> None:
        self._store = store
        self._session_id = session_id
        self._holder = holder
        self._renewal: asyncio.Task[None] | None = None

    async def acquire(self) -> None:
        """Take the lease; waits for one that nobody renews any more to run out.

        Raises:
            SessionBusy: another process holds it and goes on holding it.
        """
        deadline = asyncio.get_running_loop().time() + TTL + 1.0
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

    async def release(self) -> None:
        """Let go of it, if it was taken."""
        if self._renewal is None:
            return
        self._renewal.cancel()
        await asyncio.gather(self._renewal, return_exceptions=True)
        self._renewal = None
        await self._store.release_lease(self._session_id)

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
    """Work on a session outside its runs: never beside one, of this process or another."""

    def __init__(
        self, store: Any, session_id: str, holder: str, running: Callable[[], bool]
    ) -> None:
        self._lease = (store, session_id, holder)
        self._running = running
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold the session while inside.

        Raises:
            NotAllowed: a run goes on.
            SessionBusy: another process works on the session.
        """
        async with self._lock:
            if self._running():
                raise NotAllowed("The agent is at work. Stop it first, then undo what it did.")
            lease = Lease(*self._lease)
            await lease.acquire()
            try:
                yield
            finally:
                await lease.release()

    async def wait(self) -> None:
        """Wait until nobody is inside; for a run, from whose start on nobody gets in."""
        async with self._lock:
            return
