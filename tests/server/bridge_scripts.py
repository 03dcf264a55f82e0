"""Models for the bridge's tests, played by scripts; they note what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from jupyter_agent.protocol.errors import RateLimited
from jupyter_agent.protocol.models import Request
from jupyter_agent.protocol.usage import Usage
from jupyter_agent.providers.replay import Call, Fail, Report, Say, Step, Think

ended: list[str] = []
asked: list[str] = []


def everything(request: Request) -> Iterator[Step]:
    """Think, speak and call a tool, with an argument that is nothing."""
    asked.append(request.model)
    yield Think("Let me see.", signature="seal")
    yield Say(f"You said {request.messages[-1].text!r} — naïvely.\n")
    yield Call("look", {"at": None, "how": ["twice", 2, True]})
    yield Report(Usage(input=60, output=50, total=110, cache_read=10))


async def endless(request: Request) -> AsyncIterator[Step]:
    """Begin, and never come to an end."""
    try:
        yield Say("One moment. ")
        await asyncio.sleep(60)
    finally:
        ended.append("endless")


async def thinks(request: Request) -> AsyncIterator[Step]:
    """Say nothing for a while."""
    await asyncio.sleep(0.5)
    yield Say("Done.")


def limited(request: Request) -> Iterator[Step]:
    """Speak, then fail as a provider does."""
    yield Say("Half an ans")
    error = RateLimited("Too many.", provider="p", status=429, retry_after=3.0, request_id="r1")
    yield Fail(error.info())


def broken(request: Request) -> Iterator[Step]:
    """Have a fault of its own."""
    yield Say("x")
    raise RuntimeError("sk-canary-in-an-exception")
