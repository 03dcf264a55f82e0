"""Writes down what a provider really sent, without keys, so that a bug report is a file.

`replay.read_recordings` reads it back. The request's body is part of it: what was asked, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ._errors import redact

if TYPE_CHECKING:
    from ._http import HttpCall

_SUFFIX = {"bedrock_converse": ".bin", "ollama_chat": ".ndjson"}
_HEADERS = ("content-type", "retry-after", "retry-after-ms", "x-should-retry")


class Recording:
    """One answer being written down."""

    def __init__(
        self, folder: str, *, api: str, provider: str, call: HttpCall, secret: str | None
    ) -> None:
        self._folder = Path(folder)
        self._secret = secret
        self._api = api
        self._about: dict[str, Any] = {
            "api": api,
            "dialect": provider,
            "url": call.url,
            "request": call.body,
        }
        self._pieces: list[bytes] = []

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Note how the answer began."""
        kept = {
            name: value
            for name, value in headers.items()
            if name.lower() in _HEADERS or "request-id" in name.lower()
        }
        self._about.update(status=status, headers=kept)

    async def copy(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Pass the pieces of the body on, keeping a copy."""
        async for chunk in chunks:
            self._pieces.append(chunk)
            yield chunk

    def save(self) -> Path:
        """Write the files, readable by their owner alone; return the path of the body."""
        status = self._about.get("status", 0)
        suffix = ".body" if status >= 400 else _SUFFIX.get(self._api, ".sse")
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")
        name = f"{stamp}-{self._about['dialect']}-{uuid4().hex[:8]}"
        body = b"".join(self._pieces)
        if self._secret:
            body = body.replace(self._secret.encode(), b"[key]")
        self._folder.mkdir(parents=True, exist_ok=True)
        about = json.dumps(self._without_keys(self._about), indent=1)
        _write(self._folder / f"{name}.request.json", about.encode())
        path = self._folder / f"{name}{suffix}"
        _write(path, body)
        return path

    def _without_keys(self, value: Any) -> Any:
        """Redact every text in JSON data: the key in use, and what looks like one."""
        if isinstance(value, str):
            return redact(value, self._secret)
        if isinstance(value, dict):
            return {key: self._without_keys(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._without_keys(inner) for inner in value]
        return value


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
