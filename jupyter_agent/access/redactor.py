"""The keys that this process knows, kept out of what the agent is told and what is kept of it.

What keys look like is `protocol/redaction.py`'s. The values are read anew for each run: a keyring
may block, and people enter keys while a session lives.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from ..protocol.messages import ImagePart, TextPart
from ..protocol.redaction import SHORTEST, redact

Secrets = Callable[[], Mapping[str, str]]

# Variables that hold a secret by their name, and values that are too plain to be one.
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|TOKEN|SECRET|PASSWORD|PASSWD)$", re.I
)
_LONG_ENOUGH = 12
_PLAIN = re.compile(r"[a-z_.-]*|[0-9.]*|[~./].*|https?://[^@]*|true|false", re.I)

C = TypeVar("C", TextPart, ImagePart, TextPart | ImagePart)


class Redactor:
    """Replaces keys in texts by markers.

    Args:
        secrets: returns the keys that are known, and what each is called. It may block.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._known: Mapping[str, str] = {}

    async def refresh(self) -> None:
        """Read the keys anew."""
        self._known = await asyncio.to_thread(self._secrets)

    def __call__(self, text: str) -> str:
        """Return a text without keys."""
        return redact(text, self._known)

    def content(self, parts: tuple[TextPart | ImagePart, ...]) -> tuple[TextPart | ImagePart, ...]:
        """Return what a tool read, without keys. Images are left as they are."""
        return tuple(
            replace(part, text=self(part.text)) if isinstance(part, TextPart) else part
            for part in parts
        )


def secrets_in(environment: Mapping[str, str], variables: frozenset[str]) -> dict[str, str]:
    """Return the keys in an environment by their text: those of providers, and what is named so."""
    found: dict[str, str] = {}
    for name, value in environment.items():
        text = value.strip()
        named = _SECRET_NAME.search(name) is not None and len(text) >= _LONG_ENOUGH
        chosen = name in variables and len(text) >= SHORTEST
        if chosen or (named and _PLAIN.fullmatch(text) is None):
            found[text] = name
    return found
