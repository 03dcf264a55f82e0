"""What a server was found not to accept. Remembered by address, so that each is refused once."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Place:
    """Where a server has its API. `below_v1`: not at the address itself, but under `/v1`."""

    below_v1: bool = False


@dataclass(slots=True, kw_only=True)
class Habits:
    """What one model at one address does not accept, as far as its refusals have shown.

    Attributes:
        place: what is known of the address, shared by all its models.
        simplest_schemas: tools' schemas are sent in their simplest form (`_schemas.simplest`).
        no_usage_option: `stream_options` is left out; the usage is then estimated.
        no_response_schema: the schema of an answer is asked for in words.
        no_system_role: the system text goes into the first user message.
    """

    place: Place = field(default_factory=Place)
    simplest_schemas: bool = False
    no_usage_option: bool = False
    no_system_role: bool = False
    no_response_schema: bool = False


class KnownHabits:
    """The habits of every address that this process has asked."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._known: dict[tuple[str, str], Habits] = {}

    def of(self, base_url: str, model: str) -> Habits:
        """Return the habits of a model at an address; the same object each time."""
        address = base_url.rstrip("/")
        place = self._places.setdefault(address, Place())
        return self._known.setdefault((address, model), Habits(place=place))
