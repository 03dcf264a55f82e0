"""Models that a running server reaches for this process, beside those it reaches by itself.

What the environment's keys and local servers give is used directly, as without a server. Where a
key was stored, or an address entered, the server has it and asks the model. `ModelServer` is the
port; the room `bridge/` implements it, `serving.py` answers at the other end.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ..models.catalogue import find
from ..models.resolve import DEMO, SCRIPT_PREFIX, as_spoken, model_info
from ..protocol.errors import AgentError, ConfigError, MissingKey, ProviderError, UnknownModel
from ..protocol.models import ModelInfo, ModelList

if TYPE_CHECKING:
    from ..protocol.bridge import ServedModels
    from ..providers.base import Provider
    from .endpoints import Endpoints, OnRetry

# Keys and addresses may be entered in the panel at any time.
KEEP_SECONDS = 20.0


class ModelServer(Protocol):
    """A server that reaches models for others."""

    @property
    def problem(self) -> str | None:
        """Why it does not answer, in a sentence; None as far as is known it does."""

    async def models(self, *, live: bool = False, listed: bool = True) -> ServedModels:
        """Return the models it reaches; `live`: it asks the providers; `listed`: else it asks nobody.

        Raises:
            AgentError: it does not answer.
        """

    async def describe(self, model_id: str) -> ModelInfo:
        """Return what it knows of a model.

        Raises:
            UnknownModel, MissingKey, ConfigError: it cannot use the model.
            ProviderError: it does not answer.
        """

    def provider(self, info: ModelInfo, on_retry: OnRetry | None = None) -> Provider:
        """Return a way to the model through it; nothing is asked yet."""


class Served:
    """Decides which models go through the server.

    Args:
        server: the server.
        endpoints: how this process itself reaches providers.
        own: providers for which whoever runs this has given an address: never the server's.
    """

    def __init__(
        self, server: ModelServer, endpoints: Endpoints, own: Collection[str] = ()
    ) -> None:
        self._server = server
        self._endpoints = endpoints
        self._own = frozenset(endpoints.canonical(name) for name in own)
        self._known: ServedModels | None = None
        self._known_until = 0.0

    @property
    def default_model(self) -> str | None:
        """The model that was set on the server, as of its last list."""
        return self._known.default_model if self._known is not None else None

    async def learn(self) -> None:
        """Ask the server what it has, unless that is known since a moment ago."""
        if time.monotonic() >= self._known_until:
            listed = self._known.models if self._known is not None else ModelList(models=())
            known = await self._ask(listed=False)
            self._known = known and replace(known, models=listed)

    async def models(self, own: ModelList, *, live: bool = False) -> ModelList:
        """Return the models of both, those that are ready first, the demo last among them.

        A server that does not answer leaves those of this process.
        """
        known = await self._ask(live=live)
        if known is None:
            return own
        served = [model for model in known.models.models if self._allowed(model)]
        ready = [model for model in served if model.available and model.id != DEMO]
        ids = {model.id for model in ready}
        ready += [model for model in own.models if model.available and model.id not in ids]
        ids |= {model.id for model in ready}
        missing = [model for model in own.models if model.id not in ids]
        failures = {failure.provider: failure for failure in own.failures}
        failures |= {failure.provider: failure for failure in known.models.failures}
        return replace(own, models=tuple(ready + missing), failures=tuple(failures.values()))

    def find(self, model_id: str) -> ModelInfo | None:
        """Return a model that goes through the server, None for one that this process asks itself.

        Raises:
            UnknownModel, ConfigError: as `Endpoints.resolve`.
            MissingKey: it is not for this process to ask, and the server does not answer.
        """
        if model_id.startswith(SCRIPT_PREFIX):
            return self.info(model_id)
        model_id = self._endpoints.spelled_out(model_id)
        mark = "#" if "://" in model_id else "/"
        provider, _, name = model_id.partition(mark)
        try:
            provider = self._endpoints.canonical(provider)
        except AgentError:
            return None  # whoever resolves it says so better
        canonical_id = f"{provider}{mark}{name.strip()}"
        if name.strip() and self._takes(provider):
            return self.info(canonical_id)
        try:
            self._endpoints.resolve(model_id)
        except UnknownModel:
            raise
        except ConfigError as error:  # a key or an address is missing: the server may have it
            return self._instead(canonical_id, error)
        return None

    def info(self, model_id: str) -> ModelInfo:
        """Return what is known of a model before the server is asked."""
        listed = self._known.models.models if self._known is not None else ()
        for model in listed:
            if model.id.lower() == model_id.lower():
                return replace(model, available=True, reason=None)
        provider, _, name = model_id.partition("#" if "://" in model_id else "/")
        try:
            return model_info(self._endpoints.find(provider), name)
        except (ConfigError, KeyError):  # only the server has its address, or it is a script
            plain = ModelInfo(id=model_id, provider=provider, name=name, label=name or model_id)
        known = find(provider, name)
        return plain if known is None else as_spoken(known, self._endpoints.capabilities(provider))

    def provider(self, info: ModelInfo, on_retry: OnRetry | None) -> Provider:
        """Return a way to a model through the server."""
        return self._server.provider(info, on_retry)

    async def describe(self, info: ModelInfo) -> ModelInfo:
        """Return what the server knows of a model, else what is known already.

        Raises:
            UnknownModel, MissingKey, ConfigError: it cannot use the model.
        """
        try:
            return await self._server.describe(info.id)
        except ProviderError:
            return info  # the question itself will meet the same fault, and report it

    # -- inside ----------------------------------------------------------------------------------

    async def _ask(self, *, live: bool = False, listed: bool = True) -> ServedModels | None:
        try:
            self._known = await self._server.models(live=live, listed=listed)
        except AgentError:
            self._known = None
        self._known_until = time.monotonic() + KEEP_SECONDS
        return self._known

    def _takes(self, provider: str) -> bool:
        """Say whether the server reaches a provider better than this process does."""
        known = self._known
        if known is None or provider in self._own:
            return False
        if provider in known.moved:
            return True
        if provider not in known.stored:
            return False
        try:
            return self._endpoints.key(self._endpoints.find(provider)) is None
        except ConfigError:
            return True  # it has no address here

    def _instead(self, model_id: str, error: ConfigError) -> ModelInfo:
        """Return the model that the server is to be asked for, as this process cannot reach it.

        Raises:
            ConfigError: the server does not answer either.
        """
        problem = self._server.problem
        if problem is None:
            return self.info(model_id)
        if isinstance(error, MissingKey):
            raise MissingKey(
                f"{error.user_message.partition('. ')[0]}. {problem} Stored keys stay with that "
                "server: a kernel does not read them itself.",
                details=error.details,
            ) from error
        raise error

    def _allowed(self, model: ModelInfo) -> bool:
        """Say whether this process's own settings allow a model of the server."""
        if model.id == DEMO or model.id.startswith(SCRIPT_PREFIX):
            return True
        return self._endpoints.allowed(model.provider)
