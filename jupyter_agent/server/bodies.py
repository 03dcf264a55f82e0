"""JSON bodies of REST requests."""

from __future__ import annotations

from dataclasses import dataclass

from ..protocol.tools import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What a new session starts with; the server chooses what is left out."""

    notebook_path: str | None = None
    model: str | None = None
    mode: Mode | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A session's new title."""

    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """The last message that the new session shares with the old one, or, `before`, the first not."""

    message_id: str
    before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveProvider:
    """A key, an address, or both; an empty address means the provider's own."""

    key: str | None = None
    base_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestProvider:
    """A model that the provider should have, and a key to try that is not stored.

    A key is taken only with an address of one's own as the provider: to any other the stored one is
    sent.
    """

    model: str | None = None
    key: str | None = None
