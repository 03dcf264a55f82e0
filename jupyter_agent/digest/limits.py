"""How much of an output a model sees, and how much is looked at to find that out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .tokens import characters_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one digest, in characters unless said otherwise.

    A call that digests several cells hands each one what is left:
    `replace(limits, call=limits.call - used)`.
    """

    stream: int = 8_000
    # Whether text of many tokens, such as digits and marks, is given less room.
    by_tokens: bool = False
    call: int = 24_000
    # Raw text looked at from either end of an output; the rest is reached by offset.
    window: int = 250_000
    outputs: int = 60
    images: int = 8
    image_side: int = 1_568  # pixels
    # Of base64. The smallest bound among the large providers is 5 MB for one image.
    image_data: int = 4_500_000
    image_data_read: int = 40_000_000
    image_pixels: int = 80_000_000


DEFAULT_LIMITS = Limits()
# Characters that one of many outputs gets at least: room for its head, its tail, and lines of note.
_LEAST = 1_500

_SAMPLE = 2_000  # characters from either end of a text that tell how dense it is
_PROSE = 3.5  # characters for a token


def for_several(limits: Limits, cells: int) -> Limits:
    """Return the limits of a call on so many cells: one long output leaves room for the others.

    Half of what is shown of a single cell suffices to see what it is; the rest is read by its
    handle.
    """
    share = limits.call // (2 * cells) if cells > 1 else limits.stream
    return replace(
        limits,
        stream=min(limits.stream, max(_LEAST, share)),
        by_tokens=limits.by_tokens or cells > 1,
    )


def room_for(text: str, room: int, limits: Limits) -> int:
    """Return how many characters of a text to show: as many as take the tokens of so much prose.

    At least half, so that what it is can be seen.
    """
    if not limits.by_tokens:
        return room
    sample = f"{text[:_SAMPLE]}{text[-_SAMPLE:]}"
    return min(room, max(room // 2, characters_for(sample, room / _PROSE)))
