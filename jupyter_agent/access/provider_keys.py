"""Providers as people set them up: which have a key and from where, an address, a test.

Keys go in and are never listed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..models.catalogue import known_models
from ..models.credentials import check_url, normal_url
from ..protocol.codec import to_data
from ..protocol.errors import AgentError, ConfigError, NotAllowed
from ..protocol.models import Capabilities

if TYPE_CHECKING:
    from ..models.resolve import Endpoint
    from .endpoints import Endpoints
    from .live_models import LiveModels


class ProviderKeys:
    """What is stored for providers. `changed` is called when something was."""

    def __init__(self, endpoints: Endpoints, live: LiveModels, changed: Callable[[], None]) -> None:
        self._endpoints = endpoints
        self._live = live
        self._changed = changed

    async def rows(self) -> list[dict[str, Any]]:
        """Return the providers, each with what is known of it and what is missing; never a key."""
        return await asyncio.to_thread(
            lambda: [self._row(name) for name in self._endpoints.names()]
        )

    def _row(self, name: str) -> dict[str, Any]:
        endpoints, own = self._endpoints, "://" in name
        try:
            endpoint: Endpoint | None = endpoints.find(name)
        except ConfigError:
            endpoint = None  # it has no address yet
        key = endpoints.key(endpoint) if endpoint is not None else None
        reason = endpoints.why_not(name)
        entry = endpoints.table.get(name)
        default = endpoints.capabilities(name)
        variables = endpoint.key_variables if endpoint is not None else ()
        if entry is not None and endpoint is None:
            variables = entry.key_variables
        return {
            "name": name,
            "label": entry.label if entry is not None else name,
            "api": endpoint.api if endpoint is not None else entry.api if entry else "",
            "key_variable": variables[0] if variables else None,
            "requires_key": default.requires_key,
            "has_key": key is not None,
            "key_source": key.source if key is not None else None,
            "base_url": endpoint.base_url if endpoint is not None else "",
            "local": endpoint.local if endpoint is not None else False,
            "own": own,
            "stored": name in endpoints.credentials.names(),
            "locked": endpoints.locked_url(name) is not None,
            "tested": self._live.answered(name),
            "ready": reason is None,
            "reason": reason,
            "capabilities": to_data(Capabilities, _able(name, default)),
        }

    async def store(self, name: str, *, key: str | None = None, base_url: str | None = None) -> str:
        """Keep a key, an address, or both; returns the provider's name as it is kept.

        An address of one's own (`http://host/v1`) is a name by itself: it is kept also without a
        key, and its models are then listed. An empty address means the provider's own.

        Raises:
            UnknownModel: no provider of that name; names the nearest.
            NotAllowed: an administrator has set its address.
            ConfigError: it is not allowed, or what was entered is not usable.
        """
        kept = self._endpoints.canonical(name)
        await asyncio.to_thread(self._store, kept, key, base_url)
        self._changed()
        return kept

    def check_url(self, name: str, base_url: str | None) -> None:
        """Find out before a key is asked for whether an address would be taken for a provider.

        Raises:
            NotAllowed: an administrator has set its address.
            ConfigError: it is no address.
        """
        if base_url is not None and "://" not in name:
            self._checked_url(name, base_url)

    def _store(self, name: str, key: str | None, base_url: str | None) -> None:
        credentials = self._endpoints.credentials
        if "://" in name:
            if base_url and normal_url(self._endpoints.spelled_out(base_url)) != name:
                raise ConfigError(
                    f"{name} is an address itself: add {base_url} beside it, under its own name."
                )
            credentials.set_base_url(name, name)
        elif base_url is not None:
            url = self._checked_url(name, base_url)
            if self._endpoints.locked_url(name) is None:
                credentials.set_base_url(name, url)
        if key:
            credentials.set_key(name, key, self._endpoints.find(name).base_url)

    def _checked_url(self, name: str, base_url: str) -> str | None:
        """Return an entered address; None when it is the provider's own, or the administrator's.

        Raises:
            NotAllowed: an administrator has set another.
        """
        url = self._endpoints.spelled_out(base_url)
        if url:
            check_url(url)
        entry, locked = self._endpoints.table[name], self._endpoints.locked_url(name)
        if locked is not None:
            if url and normal_url(url) == normal_url(locked):
                return None
            raise NotAllowed(
                f"The administrator of this server has set the address of {entry.label} "
                f"({locked}). It cannot be changed here."
            )
        if not url or (entry.base_url and normal_url(url) == normal_url(entry.base_url)):
            return None
        return url

    async def remove(self, name: str) -> bool:
        """Forget what is stored for a provider; returns whether anything was.

        Raises:
            UnknownModel: no provider of that name; names the nearest.
        """
        kept = self._endpoints.canonical(name)
        there = kept in self._endpoints.credentials.names()
        await asyncio.to_thread(self._endpoints.credentials.remove, kept)
        self._changed()
        return there

    async def test(
        self, name: str, model: str | None = None, *, key: str | None = None
    ) -> dict[str, Any]:
        """Ask a provider for its models, and say in words how that went. Nothing is stored.

        Args:
            name: a provider, or an address of one's own, stored or not.
            model: one that it should have.
            key: what to try instead of the stored key, for an address of one's own.

        Raises:
            UnknownModel: no provider of that name; names the nearest.
            NotAllowed: a key for a provider with a known address.
        """
        name = self._endpoints.canonical(name)
        if key is not None and "://" not in name:
            raise NotAllowed(f"Store the key of {name} first, then test it.")
        try:
            label = self._endpoints.find(name).label
        except AgentError as error:
            return {"ok": False, "message": error.user_message}
        if key is None:
            listing = (await self._live.ask([name], again=True))[name]
        else:
            listing = await self._live.try_key(name, key)
        if listing.failure is not None:
            return {"ok": False, "message": listing.failure}
        names = [live.info.name for live in listing.models]
        if not names:
            words = f"{label} gives no list of models: choose one by its name."
            return {"ok": True, "message": words}
        if model and model not in names and f"{model}:latest" not in names:
            near = get_close_matches(model, names, n=3)
            hint = f" Near it are {', '.join(near)}." if near else ""
            return {"ok": False, "message": f"{label} answers, but has no {model}.{hint}"}
        plural = "s" if len(names) != 1 else ""
        return {"ok": True, "message": f"{label} answers: {len(names)} model{plural}."}


def _able(name: str, default: Capabilities) -> Capabilities:
    """Return what a provider's models can do: at least one of those we know, or by default."""
    known = [default, *(m.capabilities for m in known_models() if m.provider == name)]
    found: dict[str, Any] = {
        field.name: any(getattr(one, field.name) for one in known)
        for field in fields(Capabilities)
        if field.name not in ("effort_levels", "requires_key")
    }
    levels = dict.fromkeys(level for one in known for level in one.effort_levels)
    return Capabilities(**found, effort_levels=tuple(levels), requires_key=default.requires_key)
