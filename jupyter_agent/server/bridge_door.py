"""The bridge's secret and address, and how kernels come to know them.

Both stand in the server's own environment, which the kernels it starts inherit. The secret opens
the routes of `bridge.py` and nothing else; it is drawn anew with each start, and never logged.
"""

from __future__ import annotations

import hmac
import os
import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ..protocol.bridge_address import SECRET_VARIABLE, URL_VARIABLE

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


class BridgeDoor:
    """Open while kernels may come in."""

    def __init__(self) -> None:
        self._secret: str | None = None

    def open(self, server: ServerApp) -> str | None:
        """Let kernels in; returns why they cannot come instead, None when they can."""
        if server.sock:
            return "it listens on a UNIX socket"
        if server.certfile or server.ssl_options:
            # The certificate is made for the server's name, not for the loopback address.
            return "it listens on HTTPS alone"
        self._secret = secrets.token_urlsafe(32)
        os.environ[URL_VARIABLE] = f"http://{_local_host(server.ip)}:{server.port}{server.base_url}"
        os.environ[SECRET_VARIABLE] = self._secret
        return None

    def close(self) -> None:
        """Let nobody in, and forget what kernels of another server may have left here.

        A server that was started in a terminal of another one has inherited that one's.
        """
        inherited = os.environ.get(SECRET_VARIABLE)
        if self._secret is None or inherited == self._secret:
            os.environ.pop(URL_VARIABLE, None)
            os.environ.pop(SECRET_VARIABLE, None)
        self._secret = None

    def admits(self, secret: str | None) -> bool:
        """Say whether this is the secret; takes as long for any that is not."""
        if self._secret is None or secret is None:
            return False
        return hmac.compare_digest(secret.encode(), self._secret.encode())


def _local_host(ip: str) -> str:
    """Return the host by which a process on this machine reaches a server that listens on `ip`."""
    try:
        address = ip_address(ip or "0.0.0.0")
    except ValueError:
        return "127.0.0.1" if ip == "*" else ip  # a name
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return str(address) if address.version == 4 else f"[{address}]"
