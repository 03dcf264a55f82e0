"""Addresses as people type them: without the scheme, where that is clear."""

from __future__ import annotations

import re
from collections.abc import Container

from ..protocol.errors import UnknownModel
from .resolve import LOOPBACK_HOSTS

# A host, a port, and what follows: `localhost:8080/v1#model`, `[::1]:8080`, `10.0.0.5:8000`.
_TYPED = re.compile(
    r"(?P<host>\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::(?P<port>\d{1,5}))?(?P<rest>[/#].*)?", re.I
)
_NUMBERS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")


def with_scheme(text: str, names: Container[str]) -> str:
    """Return a provider, a model or an address as typed; a server on this machine gets `http://`.

    Args:
        text: what was typed.
        names: what providers are called, in lower case; none of these is taken for a host.

    Raises:
        UnknownModel: it is another address without its scheme, which must not be guessed: a key
            would be sent unencrypted.
    """
    typed = text.strip()
    found = None if "://" in typed else _TYPED.fullmatch(typed)
    if found is None or found["host"].lower() in names:
        return typed
    host, rest = found["host"].lower(), found["rest"] or ""
    if host.strip("[]") in LOOPBACK_HOSTS:
        return f"http://{typed}"
    if _is_address(host, found["port"], rest):
        raise UnknownModel(
            f"{typed} looks like an address without its scheme: write https://{typed}, or "
            f"http://{typed} if the server does not encrypt."
        )
    return typed


def _is_address(host: str, port: str | None, rest: str) -> bool:
    """Whether a text is rather a host than a model: `qwen3:8` and `org/name` are models."""
    if _NUMBERS.fullmatch(host) or host.startswith("["):
        return True
    if "." in host:
        return bool(port) or "#" in rest or rest.startswith("/v1")
    return bool(port) and ("#" in rest or rest.startswith("/v1"))
