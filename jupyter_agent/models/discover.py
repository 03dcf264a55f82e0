"""Model servers on this machine: where they usually listen, and which of them answer now.

A port that answers may be anything; asking it for its models is the provider's work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServer:
    """A kind of model server, by its provider's name, and its usual port."""

    provider: str
    label: str
    port: int

    @property
    def base_url(self) -> str:
        """Its address on this machine, without a path."""
        return f"http://{LOOPBACK}:{self.port}"


LOCAL_SERVERS = (
    LocalServer(provider="ollama", label="Ollama", port=11434),
    LocalServer(provider="lmstudio", label="LM Studio", port=1234),
    LocalServer(provider="llamacpp", label="llama.cpp", port=8080),
    LocalServer(provider="vllm", label="vLLM", port=8000),
)


async def listening(
    servers: Sequence[LocalServer] = LOCAL_SERVERS, *, timeout: float = 0.3
) -> list[LocalServer]:
    """Return the servers whose port accepts a connection within `timeout` seconds."""
    answers = await asyncio.gather(*(_accepts(server.port, timeout) for server in servers))
    return [server for server, open_ in zip(servers, answers, strict=True) if open_]


async def _accepts(port: int, timeout: float) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(LOOPBACK, port), timeout)
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    return True
