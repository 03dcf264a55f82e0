"""What an `Agent` of a program is made of once it works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..kernel.managed import ManagedKernels
    from ..protocol.session_events import SessionEvent
    from ..session.session import Session
    from .sessions import Sessions


@dataclass(slots=True, kw_only=True)
class AgentCore:
    """What an agent is made of once it works."""

    loop: asyncio.AbstractEventLoop
    manager: Sessions
    session: Session
    kernels: ManagedKernels | None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something soon, on the agent's loop."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def aclose(self) -> None:
        """End the conversation, the kernels and what goes on."""
        await self.manager.aclose()
        if self.kernels is not None:
            await self.kernels.aclose()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@dataclass(slots=True)
class Turn:
    """The agent's work on one prompt: whether it is about to end, and the end."""

    leaving: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)


async def events_of(session: Session, prompt: str) -> AsyncGenerator[SessionEvent, None]:
    """Work on a prompt and yield each event."""
    events: asyncio.Queue[SessionEvent] = asyncio.Queue()
    _, detach = session.journal.attach(
        lambda seq, event, data: events.put_nowait(event), session.journal.seq
    )
    try:
        await session.prompt(prompt)
        while True:
            event = await events.get()
            if event.type == "run_end":
                await session.wait()
                yield event
                return
            yield event
    finally:
        detach()
