"""What providers say of their models now: asked in parallel, bounded in time, kept some minutes.

Nothing is asked unless somebody wants to know. An answer is kept with the address and the key it
was given to, so that another of either makes it stale at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..models.listing import LiveModel, live_models
from ..models.resolve import OWN_SERVER, ResolvedModel
from ..protocol.errors import AgentError

if TYPE_CHECKING:
    from .endpoints import Endpoints

ASK_SECONDS = 5.0
KEEP_SECONDS = 300.0
# Models come and go on one's own machine, and a provider that failed may be back.
KEEP_BRIEFLY = 20.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A provider's answer: its models that chat, or why there is none."""

    models: tuple[LiveModel, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    asked: tuple[str, int]
    until: float
    listing: Listing


class LiveModels:
    """Asks providers for their models; `seconds` bound each answer."""

    def __init__(self, endpoints: Endpoints, *, seconds: float = ASK_SECONDS) -> None:
        self._endpoints = endpoints
        self._seconds = seconds
        self._kept: dict[str, _Kept] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def ask(self, names: Iterable[str], *, again: bool = False) -> dict[str, Listing]:
        """Return the answers of these providers, all asked at the same time.

        Args:
            names: providers, or addresses of one's own.
            again: ask also those whose answer is still kept.
        """
        wanted = list(dict.fromkeys(names))
        answers = await asyncio.gather(*(self._ask(name, again=again) for name in wanted))
        return dict(zip(wanted, answers, strict=True))

    def find(self, provider: str, model: str) -> LiveModel | None:
        """Return what a provider last said of a model, if it was asked. Asks nobody."""
        kept = self._kept.get(provider)
        if kept is None:
            return None
        return next((live for live in kept.listing.models if live.info.name == model), None)

    def answered(self, provider: str) -> bool | None:
        """Say whether a provider gave its models when it was last asked; None: it was not asked."""
        kept = self._kept.get(provider)
        return None if kept is None else kept.listing.failure is None

    async def try_key(self, name: str, key: str) -> Listing:
        """Ask a provider with a key that is not stored; nothing of it is kept.

        Raises:
            ConfigError: it is not allowed, or has no address.
        """
        target = await asyncio.to_thread(self._endpoints.to_list, name)
        return await self._question(name, replace(target, key=key))

    def forget(self) -> None:
        """Drop what is kept: keys or addresses have changed."""
        self._kept.clear()

    async def _ask(self, name: str, *, again: bool) -> Listing:
        try:
            target = await asyncio.to_thread(self._endpoints.to_list, name)
        except AgentError as error:
            return Listing(failure=error.user_message)
        asked = (target.base_url, hash(target.key))
        async with self._locks.setdefault(name, asyncio.Lock()):
            kept = self._kept.get(name)
            if kept and kept.asked == asked and time.monotonic() < kept.until and not again:
                return kept.listing
            listing = await self._question(name, target)
            brief = target.local or listing.failure is not None
            until = time.monotonic() + (KEEP_BRIEFLY if brief else KEEP_SECONDS)
            self._kept[name] = _Kept(asked=asked, until=until, listing=listing)
            return listing

    async def _question(self, name: str, target: ResolvedModel) -> Listing:
        label = self._endpoints.find(name).label
        try:
            provider = self._endpoints.connect(target)
        except AgentError as error:
            return Listing(failure=error.user_message)
        try:
            listed = await asyncio.wait_for(provider.list_models(), self._seconds)
        except AgentError as error:
            return Listing(failure=error.user_message)
        except asyncio.TimeoutError:
            return Listing(failure=f"{label} did not answer within {self._seconds:g} seconds.")
        except Exception:  # a list that nobody foresaw must not take the others with it
            log.exception("The models that %s lists could not be read", name)
            return Listing(failure=f"{label} answered with something that is no list of models.")
        finally:
            await provider.aclose()
        found = live_models(listed, provider.capabilities)
        if target.provider == OWN_SERVER:
            found = [replace(live, info=_at(target.base_url, live.info)) for live in found]
        return Listing(models=tuple(found))


def _at(base_url: str, info: Any) -> Any:
    return replace(info, id=f"{base_url}#{info.name}", provider=OWN_SERVER)
