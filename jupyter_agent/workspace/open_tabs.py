"""Whether a notebook is open in a browser tab of one of this person's Jupyter servers.

For whoever works on files without a server: a file that changes under an open tab costs the
person one side or the other. Servers are found as Jupyter itself finds them, by the files that
they keep in its runtime folder, and asked with the token that stands there.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_runtime_dir

from ..protocol.errors import OpenInTab

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 0.5
SECONDS = 2.0
_HERE = ("", "*", "0.0.0.0", "::", "localhost", "127.0.0.1", "::1")


async def refuse_open(file: Path) -> None:
    """See that no tab has a notebook open.

    A server that does not answer soon, or has no extension of ours, is passed over.

    Raises:
        OpenInTab: one has.
    """
    servers = await asyncio.to_thread(lambda: list(running_servers()))
    if not servers:
        return
    answers = await asyncio.gather(*(_has_open(server, file) for server in servers))
    for server, open_there in zip(servers, answers, strict=True):
        if open_there:
            raise OpenInTab(
                f"{file.name} is open in a browser tab of the Jupyter server at {_address(server)}. "
                "Close it there, or use the panel beside it. Nothing was written."
            )


def running_servers(folder: str | None = None) -> Iterator[Mapping[str, Any]]:
    """Yield what servers of this person say of themselves; None: in Jupyter's runtime folder."""
    for path in Path(folder or jupyter_runtime_dir()).glob("jpserver-*.json"):
        with suppress(OSError, ValueError):  # it is being written, or has just gone
            server = json.loads(path.read_text("utf-8"))
            if isinstance(server, dict) and _is_ours(server.get("pid")):
                yield server


def _is_ours(pid: Any) -> bool:
    """Say whether a process lives and is this person's.

    In a home that machines share the file may be of another one: its token must not be sent to
    whoever has that port here.
    """
    if not isinstance(pid, int) or pid <= 0:
        return False
    if os.name == "nt":  # there the signal would end it
        return True
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


async def _has_open(server: Mapping[str, Any], file: Path) -> bool:
    import httpx

    # On this machine there is no certificate to know a server by; elsewhere it must be good.
    here = _is_here(server)
    socket = server.get("sock") or None
    transport = httpx.AsyncHTTPTransport(uds=socket, verify=not here)
    try:
        async with httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
        ) as client:
            return await asyncio.wait_for(_ask(client, server, file), SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, asyncio.TimeoutError):
        return False


async def _ask(client: httpx.AsyncClient, server: Mapping[str, Any], file: Path) -> bool:
    answer = await client.get(
        f"{_address(server)}jupyter-agent/api/open-tabs",
        params={"file": str(file)},
        headers={"Authorization": f"token {server.get('token', '')}"},
    )
    told = answer.json() if answer.status_code == 200 else None
    return isinstance(told, dict) and told.get("open") is True


def _is_here(server: Mapping[str, Any]) -> bool:
    return bool(server.get("sock")) or server.get("hostname", "") in _HERE


def _address(server: Mapping[str, Any]) -> str:
    scheme = "https" if server.get("secure") else "http"
    host = "localhost" if _is_here(server) else str(server["hostname"])
    if ":" in host:
        host = f"[{host}]"
    port = f":{server['port']}" if server.get("port") else ""
    return f"{scheme}://{host}{port}{server.get('base_url', '/')}"
