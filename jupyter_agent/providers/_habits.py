"""What a server was found not to accept. Remembered by address, so that each is refused once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Habits:
    """What one address does not accept, as far as its refusals have shown.

    Attributes:
        simplest_schemas: tools' schemas are sent in their simplest form (`_schemas.simplest`).
        no_usage_option: `stream_options` is left out; the usage is then estimated.
        no_response_schema: the schema of an answer is asked for in words.
        no_system_role: the system text goes into the first user message.
    """

    simplest_schemas: bool = False
    no_usage_option: bool = False
    no_system_role: bool = False
    no_response_schema: bool = False


class KnownHabits:
    """The habits of every address that this process has asked."""

    def __init__(self) -> None:
        self._by_address: dict[str, Habits] = {}

    def of(self, base_url: str, model: str) -> Habits:
        """Return the habits of a model at an address; the same object each time."""
        return self._by_address.setdefault(f"{base_url.rstrip('/')}#{model}", Habits())
