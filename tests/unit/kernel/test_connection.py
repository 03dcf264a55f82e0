"""Whether a kernel lives, as far as its owner says so."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_agent.kernel.connection import Connection
from jupyter_agent.protocol.errors import KernelError


class Remote:
    """A kernel behind a gateway that is overloaded now and then; the kernel dies after that."""

    kernel_id = "k"
    manager = SimpleNamespace()

    def __init__(self) -> None:
        self.answers: list[Any] = [True, KernelError("503"), True, False]

    async def is_alive(self) -> bool:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)


@pytest.mark.R(36)
async def test_a_gateway_that_does_not_say_is_asked_again_and_a_death_after_that_is_seen() -> None:
    kernel = Remote()
    connection = Connection(kernel)  # type: ignore[arg-type]
    stop = connection.watch_life()
    await asyncio.wait_for(connection.lost.wait(), 5)
    assert kernel.answers == []
    stop()
