"""What an answer cost, in US dollars."""

from __future__ import annotations

from ..protocol.models import Price
from ..protocol.usage import Usage

_MILLION = 1_000_000


def cost(usage: Usage, price: Price | None) -> float | None:
    """Return the cost of an answer, None when the price is not known.

    `usage.input` counts cached tokens too; they are charged at their own price where there is one,
    else as plain input. Reasoning tokens are part of the output.
    """
    if price is None:
        return None
    read = usage.cache_read or 0
    write = usage.cache_write or 0
    plain = max(0, usage.input - read - write)
    dollars = (
        plain * price.input
        + read * (price.input if price.cache_read is None else price.cache_read)
        + write * (price.input if price.cache_write is None else price.cache_write)
        + usage.output * price.output
    )
    return dollars / _MILLION
