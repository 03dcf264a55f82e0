"""From a model's name to a provider that answers, and which models there are to choose.

Where providers are reached is `endpoints.py`; what they list now, `live_models.py`; the keys that
people enter, `provider_keys.py`.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..models import catalogue
from ..models.discover import LOCAL_SERVERS, listening
from ..models.listing import LiveModel, merge, merge_lists
from ..models.overrides import ModelOverrides
from ..models.pricing import at_terms
from ..models.resolve import (
    DEMO,
    LOOPBACK_HOSTS,
    OWN_SERVER,
    SCRIPT_PREFIX,
    ResolvedModel,
    as_spoken,
    check_allowed,
    model_info,
)
from ..protocol.errors import AgentError, ConfigError, UnknownModel
from ..protocol.models import Capabilities, ListFailure, ModelInfo, ModelList, ModelOverride
from ..protocol.overrides import apply_override
from .endpoints import NO_ADDRESS, Endpoints, OnRetry
from .live_models import ASK_SECONDS, KEEP_BRIEFLY, Listing, LiveModels
from .provider_keys import ProviderKeys
from .served_models import ModelServer, Served

if TYPE_CHECKING:
    from ..config import Settings
    from ..models.credentials import Credentials
    from ..providers.base import Provider

REFINE_SECONDS = 3.0

_SCRIPTED = Capabilities(
    tools=True,
    streaming=True,
    vision=True,
    thinking=True,
    tool_choice=True,
    parallel_tools=True,
    system_prompt=True,
    structured_output=True,
)
_Said = dict[str, dict[str, ModelOverride]]
# Seconds between two words of the demo at its normal speed.
_DEMO_WORD = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An open way to a model; `served`: through a running server, which has the key."""

    provider: Provider
    model: ModelInfo
    api: str = ""
    local: bool = False
    served: bool = False


class ModelAccess:
    """Opens models by name, and says which there are.

    `demo` is the scripted model. `script/NAME` is one that an administrator, a course or a test
    has named in the settings. All others are resolved against settings, credentials, catalogue,
    and, in a kernel, against the server that started it.

    Args:
        settings: what was set.
        credentials: where keys are found.
        server: reaches models for this process, None when there is none.
        own: providers whose address was given for this process alone, not for the server.
        given: models that are open already, by the name they go by.
        refine_seconds: bounds what a local server is asked before a run.
        ask_seconds: bounds each provider's list of models.

    Attributes:
        endpoints: where providers are reached.
        keys: what people have entered for them.
        overrides: what people say of models; it wins over all else.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        *,
        command_line: bool = False,
        server: ModelServer | None = None,
        own: Iterable[str] = (),
        given: Mapping[str, Access] | None = None,
        refine_seconds: float = REFINE_SECONDS,
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        self.endpoints = Endpoints(settings, credentials, command_line=command_line)
        self.overrides = ModelOverrides(credentials.folder, settings.models)
        self._given = dict(given or {})
        self._refine_seconds = refine_seconds
        self._live = LiveModels(self.endpoints, seconds=ask_seconds)
        self.keys = ProviderKeys(self.endpoints, self._live, self._forget)
        self._refined: dict[str, tuple[float, ModelInfo]] = {}
        self._learned_windows: dict[str, int] = {}
        self._served = None if server is None else Served(server, self.endpoints, tuple(own))

    @property
    def settings(self) -> Settings:
        """What was set."""
        return self.endpoints.settings

    def open(self, model_id: str, on_retry: OnRetry | None = None) -> Access:
        """Open a model; makes no network call.

        Raises:
            UnknownModel: no such model or provider; names the nearest.
            MissingKey: its provider needs a key and none was found.
            ConfigError: it is not allowed here.
        """
        if not model_id.strip():
            raise UnknownModel("No model is chosen. Choose one, or try the demo.")
        if model_id in self._given:
            return self._given[model_id]
        if model_id.strip().lower() == DEMO:
            from ..demo.script import script as demo_script

            check_allowed(DEMO, self.settings)
            return self._scripted(DEMO, "Demo", demo_script)
        if model_id.startswith(SCRIPT_PREFIX):
            target = self.settings.scripts.get(model_id.removeprefix(SCRIPT_PREFIX))
            if target is not None:
                return self._scripted(model_id, model_id, _load(target))
            if self._served is None:
                names = ", ".join(f"{SCRIPT_PREFIX}{name}" for name in self.settings.scripts)
                raise UnknownModel(
                    f"No script is configured for the model {model_id!r}. "
                    f"{f'There are: {names}.' if names else 'None is.'}"
                )
        served = self._served.find(model_id) if self._served is not None else None
        if served is not None and self._served is not None:
            info = apply_override(served, self.overrides.find(served.id))
            provider = self._served.provider(info, on_retry)
            return Access(provider=provider, model=info, served=True)
        found = self.endpoints.resolve(model_id)
        local = found.local or urlsplit(found.base_url).hostname in LOOPBACK_HOSTS
        said = self.overrides.find(found.info.id)
        facts = self._facts(found)
        facts = replace(facts, price=at_terms(facts.price, found.options))
        found = replace(found, info=apply_override(facts, said))
        return Access(
            provider=self.endpoints.connect(found, on_retry, said=said),
            model=found.info,
            api=found.api,
            local=local,
        )

    def _facts(self, found: ResolvedModel) -> ModelInfo:
        """Return what is known of a model: by the catalogue, and by its provider if that was asked."""
        own = found.provider == OWN_SERVER
        live = self._live.find(found.base_url if own else found.provider, found.name)
        info = found.info
        if live is not None:
            merged = merge(info, live)
            # Ollama lists what a model could have; what it will have is told by `refine`.
            window = info.context_window if found.api == "ollama" else merged.context_window
            info = replace(merged, context_window=window)
        return info

    def learn_window(self, model_id: str, tokens: int) -> None:
        """Remember the window that a refusal named, in tokens, while this process runs."""
        self._learned_windows[model_id] = tokens
        self._refined.pop(model_id, None)

    def with_learned_window(self, access: Access) -> Access:
        """Return the access with the window that a refusal named, if there was one."""
        window = self._learned_windows.get(access.model.id)
        if window is None:
            return access
        window = min(window, access.model.context_window or window)
        return replace(access, model=replace(access.model, context_window=window))

    async def learn(self, model_id: str) -> None:
        """Ask the server, where there is one, what it has: that decides how a model is reached."""
        here = model_id in self._given or model_id.strip().lower() == DEMO
        if self._served is not None and not here:
            await self._served.learn()

    async def refine(self, access: Access) -> Access:
        """Ask a server on this machine what its model can do; others are known well enough.

        A server that does not answer soon leaves it at what is known.
        """
        known = access.model
        if access.served and self._served is not None:
            told = await self._served.describe(known)
            said = self.overrides.find(known.id)
            return replace(access, model=apply_override(told, said))
        if not access.local:
            return access
        kept = self._refined.get(known.id)
        if kept is not None and time.monotonic() - kept[0] < KEEP_BRIEFLY:
            return replace(access, model=kept[1])
        try:
            listed = await asyncio.wait_for(access.provider.list_models(), self._refine_seconds)
        except (AgentError, asyncio.TimeoutError):
            return access  # the question itself will meet the same fault, and report it
        names = (known.name, f"{known.name}:latest")
        live = next((model for model in listed if model.name in names), None)
        if live is None:
            return access
        if live.context_window is not None:
            # The server may have been restarted with another window: what it states now counts.
            self._learned_windows.pop(known.id, None)
        window = _window(known, live, access.api)
        described = live.capabilities is not access.provider.capabilities
        named = replace(live, id=known.id, name=known.name)
        merged = merge(known, LiveModel(info=named, described=described))
        refined = apply_override(
            replace(merged, context_window=window), self.overrides.find(known.id)
        )
        self._refined[known.id] = (time.monotonic(), refined)
        return replace(access, model=refined)

    async def models(self, *, live: bool = False) -> ModelList:
        """Return the models one can choose: ready ones first, the demo last among them.

        Args:
            live: ask all ready providers for their models. Otherwise only servers on this machine
                are asked, and the others are listed from the catalogue, without the network.
        """
        names = self.endpoints.names()
        reasons = await asyncio.to_thread(
            lambda: {name: self.endpoints.why_not(name) for name in names}
        )
        answers = await self._live.ask(await self._to_ask(reasons, live=live))
        ready = [
            _scripted_info(f"{SCRIPT_PREFIX}{name}", f"{SCRIPT_PREFIX}{name}")
            for name in self.settings.scripts
        ]
        missing: list[ModelInfo] = []
        said = self._said()
        ordered = sorted(names, key=lambda name: (name not in _local_names(), _order(name)))
        for name in ordered:
            models = self._models_of(name, answers.get(name), reasons[name], said)
            (ready if reasons[name] is None else missing).extend(models)
        if self.endpoints.allowed(DEMO):
            ready.append(_scripted_info(DEMO, "Demo"))
        failures = tuple(
            ListFailure(provider=name, label=self.endpoints.find(name).label, message=it.failure)
            for name, it in answers.items()
            # What else may listen on a usual port is not told: nobody said that it is a model server.
            if it.failure is not None and self._expected(name)
        )
        own = ModelList(
            models=tuple(ready + missing), failures=failures, live=live, dated=catalogue.date()
        )
        return own if self._served is None else await self._served.models(own, live=live)

    async def default_model(self) -> str | None:
        """Return the model of new sessions: the one set, else the first ready one that uses tools.

        Never the demo: that is an explicit choice.
        """
        if self.settings.default_model:
            return self.settings.default_model
        ready = [m for m in (await self.models()).models if m.available and m.id != DEMO]
        if self._served is not None and self._served.default_model:
            return self._served.default_model
        able = (model.id for model in ready if model.capabilities.tools)
        return next(able, ready[0].id if ready else None)

    async def say(self, model_id: str, said: Mapping[str, Any] | None) -> None:
        """Add to what a person says of a model; None forgets all of it.

        Raises:
            UnknownModel: its provider does not exist.
            ConfigError: what is said cannot be understood, or the provider is not allowed.
            NotAllowed: the settings say something of this model.
        """
        model_id = self.endpoints.spelled_out(model_id)
        provider = self.endpoints.canonical(_provider_name(model_id))
        mark = "#" if "://" in provider else "/"
        id = f"{provider}{mark}{_model_name(model_id)}"
        if said is None:
            await asyncio.to_thread(self.overrides.remove, id)
        else:
            await asyncio.to_thread(self.overrides.store, id, said)
        self._refined.clear()

    def looked_for(self) -> tuple[str, ...]:
        """Return in words where keys and servers were looked for."""
        keys = [
            record.key_variables[0]
            for name, record in self.endpoints.table.items()
            if record.key_variables and self.endpoints.allowed(name)
        ]
        found = [f"keys in the environment: {', '.join(keys)}"] if keys else []
        if self.settings.discover_local_servers:
            ports = [f"{server.label} on {server.port}" for server in LOCAL_SERVERS]
            found.append(f"local servers: {', '.join(ports)}")
        return (*found, "keys entered in these settings")

    # -- inside --------------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._live.forget()
        self._refined.clear()

    async def _to_ask(self, reasons: Mapping[str, str | None], *, live: bool) -> list[str]:
        """Return the providers to ask: those on this machine, and with `live` all that are ready."""
        discover = self.settings.discover_local_servers
        known = {server.provider: server for server in LOCAL_SERVERS} if discover else {}
        usual = [
            server for name, server in known.items() if name in reasons and not self._expected(name)
        ]
        open_ports = {server.provider for server in await listening(usual)}
        found = []
        for name, reason in reasons.items():
            if reason is not None:
                continue
            endpoint = self.endpoints.find(name)
            here = urlsplit(endpoint.base_url).hostname in LOOPBACK_HOSTS
            expected = self._expected(name) and (live or (discover and here))
            if name in open_ports or expected:
                found.append(name)
        return found

    def _expected(self, name: str) -> bool:
        """Say whether somebody set this provider up.

        Else it is one that may be on a usual port, or another's server in another protocol, whose
        models are listed once.
        """
        entry = self.endpoints.table.get(name)
        found_anyway = entry is not None and (entry.local or entry.twin)
        return not found_anyway or self.endpoints.moved(name)

    def _models_of(
        self, name: str, listing: Listing | None, reason: str | None, said: _Said
    ) -> list[ModelInfo]:
        """Return a provider's models, with what people say of them."""
        models = [model for model in catalogue.known_models() if model.provider == name]
        if listing is not None:
            models = merge_lists(models, listing.models, label=self.endpoints.find(name).label)
        listed = {model.id.lower() for model in models}
        overrides = said.get(name, {})
        models += [
            model_info(self.endpoints.find(name), _model_name(id))
            for id in overrides
            if id.lower() not in listed and reason != NO_ADDRESS
        ]
        plain = {id.lower(): override for id, override in overrides.items()}
        default = self.endpoints.capabilities(name)
        models = [as_spoken(model, default) for model in models]
        found = [apply_override(model, plain.get(model.id.lower())) for model in models]
        if reason is not None:
            return [replace(model, available=False, reason=reason) for model in found]
        return found

    def _said(self) -> _Said:
        """Return what people say of models, by provider and by the models' canonical ids."""
        found: _Said = {}
        for id, override in self.overrides.all().items():
            with suppress(AgentError):  # of a provider that is not allowed, or no more there
                provider = self.endpoints.canonical(_provider_name(id))
                mark = "#" if "://" in id else "/"
                found.setdefault(provider, {})[f"{provider}{mark}{_model_name(id)}"] = override
        return found

    def _scripted(self, model_id: str, label: str, script: Any) -> Access:
        from ..providers.replay import ScriptedProvider

        pace = _DEMO_WORD * self.settings.demo_pace
        provider = ScriptedProvider(script, name=model_id, model=model_id, pace=pace)
        return Access(provider=provider, model=_scripted_info(model_id, label))


def _provider_name(model_id: str) -> str:
    return model_id.strip().partition("#" if "://" in model_id else "/")[0]


def _model_name(model_id: str) -> str:
    return model_id.strip().partition("#" if "://" in model_id else "/")[2]


def _local_names() -> Iterable[str]:
    return {server.provider for server in LOCAL_SERVERS}


def _order(name: str) -> int:
    """Return a provider's place: that of the catalogue, whose first ready one is the default."""
    listed = list(dict.fromkeys(model.provider for model in catalogue.known_models()))
    return listed.index(name) if name in listed else len(listed)


def _window(known: ModelInfo, live: ModelInfo, api: str) -> int | None:
    """Return the window a model will really have.

    Ollama has the one it is asked for, and cuts what is beyond; others have what they were
    started with.
    """
    if api != "ollama":
        return live.context_window or known.context_window
    if known.context_window is not None or live.context_window is None:
        return known.context_window
    from ..providers.ollama import DEFAULT_WINDOW

    return min(live.context_window, DEFAULT_WINDOW)


def _scripted_info(model_id: str, label: str) -> ModelInfo:
    return ModelInfo(
        id=model_id,
        provider=model_id,
        name=model_id,
        label=label,
        capabilities=_SCRIPTED,
        context_window=200_000,
    )


def _load(target: str | Callable[..., Any]) -> Any:
    if callable(target):
        return target
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"The script {target!r} cannot be loaded: {error}. Write it as module:function.",
            cause=error,
        ) from error
