"""A session that another process works on, shown here while somebody watches.

There is no line between the processes but the store: it is looked at now and then. When the other
process is gone, the session is put in order.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from ..protocol.errors import AgentError, SessionBusy
from .lease import RENEW_EVERY

if TYPE_CHECKING:
    from .journal import Journal

log = logging.getLogger("jupyter_agent")


class Followed(Protocol):
    """The session, as far as it is followed."""

    journal: Journal

    @property
    def runs_elsewhere(self) -> bool:
        """Whether a run goes on in another process, as far as one can see."""

    async def put_in_order(self) -> None:
        """Close what a crash cut off."""

    async def catch_up(self) -> None:
        """Take in what another process has written."""


class Elsewhere:
    """Follows a session's run in another process until it has ended."""

    def __init__(self, session: Followed) -> None:
        self._session = session
        self._following: asyncio.Task[None] | None = None

    def follow(self) -> None:
        """Begin to, where a run goes on elsewhere; ends by itself, also when nobody watches."""
        if self._session.runs_elsewhere and (self._following is None or self._following.done()):
            self._following = asyncio.get_running_loop().create_task(self._follow())

    async def aclose(self) -> None:
        """Stop following."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})

    async def _follow(self) -> None:
        session = self._session
        while session.runs_elsewhere:
            await asyncio.sleep(RENEW_EVERY)
            if not session.journal.watched:
                return
            try:
                try:
                    await session.put_in_order()
                except SessionBusy:
                    await session.catch_up()
            except AgentError as error:  # looked at again
                log.debug("A session at work elsewhere: %s", error.user_message)
