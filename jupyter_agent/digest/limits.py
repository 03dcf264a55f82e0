"""How much of an output a model sees, and how much is looked at to find that out."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one digest, in characters unless said otherwise.

    A call that digests several cells hands each one what is left:
    `replace(limits, call=limits.call - used)`.
    """

    stream: int = 8_000
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


def for_several(limits: Limits, cells: int) -> Limits:
    """Return the limits of a call on so many cells: one long output leaves room for the others.

    Half of what is shown of a single cell suffices to see what it is; the rest is read by its
    handle.
    """
    share = limits.call // (2 * cells) if cells > 1 else limits.stream
    return replace(limits, stream=min(limits.stream, max(_LEAST, share)))
