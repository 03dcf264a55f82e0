"""The body of an answer: put in by the task that reads the connection, taken under deadlines.

All that has come by the time it is taken is one piece: many events are decoded together for less
than half of what each costs by itself. A deadline ends a wait; it never cancels whoever waits.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..protocol.errors import ParseFailed, ProviderError
from ._faults import timed_out, translate

if TYPE_CHECKING:
    import httpx

MAX_FILLER = 16 << 20  # bytes between two events
MAX_AHEAD = 256 << 10  # bytes that are read before somebody takes them
_DRAIN_SECONDS = 0.1
_DRAIN_BYTES = 64 << 10
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits in seconds: to connect, to the first event, and between two signs of life."""

    connect: float = 5.0
    first_event: float = 180.0
    gap: float = 60.0


class Body:
    """An answer while it comes. `whom` names its sender in errors."""

    def __init__(self, timeouts: Timeouts, whom: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeouts = timeouts
        self.whom = whom
        self._response: httpx.Response | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._ended = False
        self._fault: Exception | None = None
        self._arrival: asyncio.Future[bool] | None = None  # False: the time was up
        self._room = asyncio.Event()
        self._left = timeouts.connect + timeouts.first_event
        self._silence = timeouts.first_event
        self._allowed = timeouts.gap
        self._any_event = False
        self._filler = 0

    # ---- by the task that reads the connection --------------------------------------------------

    def begin(self, response: httpx.Response) -> None:
        """Take the head of the answer."""
        self._response = response
        self._wake()

    def put(self, chunk: bytes) -> bool:
        """Take a piece; returns whether more should wait until there is `room`."""
        self._pieces.append(chunk)
        self._size += len(chunk)
        self._wake()
        return self._size > MAX_AHEAD

    async def room(self) -> None:
        """Wait until somebody has taken what came."""
        self._room.clear()
        await self._room.wait()

    def end(self, fault: Exception | None = None) -> None:
        """Say that no more comes, and what broke the connection."""
        self._ended, self._fault = True, fault
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(True)

    # ---- by whoever asked -----------------------------------------------------------------------

    async def head(self, proxy: str | None) -> httpx.Response:
        """Return the head of the answer. `proxy` is named in errors.

        Raises:
            ConnectionFailed, TimedOut, BadRequest: there was none.
        """
        while self._response is None:
            if self._ended:
                assert self._fault is not None
                raise translate(self._fault, self.whom, reading=False, proxy=proxy) from self._fault
            if not await self._wait():
                raise timed_out(self.whom, started=False)
        return self._response

    async def read(self) -> bytes | None:
        """Return all that has come since the last time, None at the end.

        Raises:
            TimedOut: nothing came in time.
            StreamInterrupted: the connection broke.
        """
        while not self._pieces:
            if self._ended:
                if self._fault is None:
                    return None
                raise translate(self._fault, self.whom, reading=True) from self._fault
            if not await self._wait():
                raise timed_out(self.whom, started=self._any_event)
        pieces, self._pieces, self._size = self._pieces, [], 0
        self._room.set()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def read_all(self, limit: int, *, cut: bool) -> bytes:
        """Read to the end; beyond the limit it is cut, or an error.

        Raises:
            ParseFailed: it is larger, and may not be cut.
            TimedOut, StreamInterrupted: as `read`, unless it may be cut.
        """
        pieces: list[bytes] = []
        size = 0
        try:
            while (chunk := await self.read()) is not None:
                pieces.append(chunk)
                size += len(chunk)
                if size > limit:
                    if cut:
                        break
                    raise ParseFailed("The answer is too large. Check the address.")
        except ProviderError:
            if not cut:
                raise
        content = b"".join(pieces)[:limit]
        # Compressed although we asked for none: its words are lost, its status is not.
        return b"" if cut and content.startswith(_GZIP) else content

    def alive(self) -> None:
        """Say that the last piece held events: the wait for the next starts anew."""
        self._any_event = True
        self._filler = 0
        self._silence = self._timeouts.first_event
        self._left = self._allowed = self._timeouts.gap

    def quiet(self, size: int, *, frames: bool) -> None:
        """Say that the last piece held no event, at most whole frames such as keep-alives.

        They prolong the wait, but a server that only keeps alive is given up in the end.

        Raises:
            ParseFailed: megabytes came and nothing was in them.
        """
        self._filler += size
        if self._filler > MAX_FILLER:
            raise ParseFailed(f"{self.whom} sends much and says nothing. Try again.")
        if frames and self._any_event:
            self._silence -= max(0.0, self._allowed - self._left)
            self._left = self._allowed = max(0.0, min(self._timeouts.gap, self._silence))

    async def drain(self) -> None:
        """Read the little that follows the end, so that the connection can be used again.

        The answer is whole by then: what goes wrong here only closes the connection.
        """
        self._left = _DRAIN_SECONDS
        size = 0
        with suppress(ProviderError):
            while size < _DRAIN_BYTES and (chunk := await self.read()) is not None:
                size += len(chunk)

    async def _wait(self) -> bool:
        """Wait for more; returns False when the time is up. Only waiting takes from it."""
        if self._left <= 0:
            return False
        arrival: asyncio.Future[bool] = self._loop.create_future()
        self._arrival = arrival
        started = self._loop.time()
        timer = self._loop.call_at(started + self._left, _give_up, arrival)
        try:
            return await arrival
        finally:
            timer.cancel()
            self._left -= self._loop.time() - started
            self._arrival = None


def _give_up(arrival: asyncio.Future[bool]) -> None:
    if not arrival.done():
        arrival.set_result(False)
