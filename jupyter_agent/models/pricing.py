"""What an answer cost, in US dollars."""

from __future__ import annotations

from ..protocol.models import Price, ProviderOptions
from ..protocol.usage import Usage

_MILLION = 1_000_000
# Anthropic's five-minute cache costs 1.25 of plain input to write, the one-hour cache 2.
_HOUR = 2 / 1.25
# What tiers cost beside the standard one. Others have prices of their own for each model.
_TIERS = {"auto": 1.0, "default": 1.0, "standard": 1.0, "standard_only": 1.0, "flex": 0.5}


def at_terms(price: Price | None, options: ProviderOptions) -> Price | None:
    """Return a price under what was chosen; None when it is not known for a tier."""
    if price is None:
        return None
    share = _TIERS.get(options.service_tier or "auto")
    if share is None:
        return None
    write = price.cache_write
    if write is not None and options.cache_ttl == "1h":
        write *= _HOUR
    read = price.cache_read
    return Price(
        input=price.input * share,
        output=price.output * share,
        cache_read=None if read is None else read * share,
        cache_write=None if write is None else write * share,
    )


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
