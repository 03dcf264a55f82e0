"""From a model's name to a provider that answers: settings, credentials and registry joined."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..config import Settings
from ..models.catalogue import known_models
from ..models.credentials import Credentials
from ..models.discover import LOCAL_SERVERS, LocalServer, listening
from ..models.resolve import (
    DEMO,
    Endpoint,
    ResolvedModel,
    check_allowed,
    find_endpoint,
    model_info,
    resolve,
)
from ..protocol.errors import AgentError, ConfigError, ErrorInfo, UnknownModel
from ..protocol.models import Capabilities, ModelInfo
from ..providers.base import Provider

OnRetry = Callable[[int, float, ErrorInfo], None]

SCRIPT_PREFIX = "script/"
LOCAL_LIST_SECONDS = 20.0
REFINE_SECONDS = 3.0

_SCRIPTED = Capabilities(
    tools=True,
    streaming=True,
    vision=True,
    thinking=True,
    tool_choice=True,
    parallel_tools=True,
    system_prompt=True,
)
# Seconds between two words of the demo at its normal speed.
_DEMO_WORD = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An open way to a model."""

    provider: Provider
    model: ModelInfo
    api: str = ""
    local: bool = False


class ModelAccess:
    """Opens models by name, and says which there are.

    `demo` is the scripted model. `script/NAME` is one that an administrator, a course or a test
    has named in the settings. All others are resolved against settings, credentials, catalogue.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        *,
        refine_seconds: float = REFINE_SECONDS,
    ) -> None:
        self.settings = settings
        self._refine_seconds = refine_seconds
        self.credentials = credentials
        self._local: tuple[float, list[ModelInfo]] | None = None
        self._refined: dict[str, tuple[float, ModelInfo]] = {}

    def open(self, model_id: str, on_retry: OnRetry | None = None) -> Access:
        """Open a model; makes no network call.

        Raises:
            UnknownModel: no such model or provider; names the nearest.
            MissingKey: its provider needs a key and none was found.
            ConfigError: it is not allowed here.
        """
        if not model_id:
            raise UnknownModel("No model is chosen. Choose one, or try the demo.")
        if model_id == DEMO:
            from ..demo.script import script as demo_script

            check_allowed(DEMO, self.settings)
            return self._scripted(DEMO, "Demo (scripted, no key)", demo_script)
        if model_id.startswith(SCRIPT_PREFIX):
            target = self.settings.scripts.get(model_id.removeprefix(SCRIPT_PREFIX))
            if target is None:
                raise UnknownModel(f"No script is configured for the model {model_id!r}.")
            return self._scripted(model_id, model_id, _load(target))
        found = resolve(model_id, self.settings, self.credentials, self._table())
        return Access(
            provider=self._provider(found, on_retry),
            model=found.info,
            api=found.api,
            local=found.local or _on_this_machine(found.base_url),
        )

    async def refine(self, access: Access) -> Access:
        """Ask a server on this machine what its model can do; others are known well enough.

        A server that does not answer soon leaves it at what is known.
        """
        if not access.local:
            return access
        known = access.model
        kept = self._refined.get(known.id)
        if kept is not None and time.monotonic() - kept[0] < LOCAL_LIST_SECONDS:
            return replace(access, model=kept[1])
        try:
            listed = await asyncio.wait_for(access.provider.list_models(), self._refine_seconds)
        except (AgentError, asyncio.TimeoutError):
            return access  # the question itself will meet the same fault, and report it
        names = (known.name, f"{known.name}:latest")
        live = next((model for model in listed if model.name in names), None)
        if live is None:
            return access
        window = _window(known, live, access.api)
        refined = replace(known, capabilities=live.capabilities, context_window=window)
        self._refined[known.id] = (time.monotonic(), refined)
        return replace(access, model=refined)

    async def models(self) -> list[ModelInfo]:
        """Return the models one can choose: ready ones first, the demo last among them.

        Local servers are asked; others are listed from the catalogue, without a network call.
        """
        ready: list[ModelInfo] = []
        missing: list[ModelInfo] = []
        for name in self.settings.scripts:
            ready.append(_scripted_info(f"{SCRIPT_PREFIX}{name}", f"{SCRIPT_PREFIX}{name}"))
        ready += await self._local_models()
        known = known_models()
        for model, reason in zip(known, await self._why_not_each(known), strict=True):
            if reason is None:
                ready.append(model)
            elif reason:
                missing.append(replace(model, available=False, reason=reason))
        if self._allowed(DEMO):
            ready.append(_scripted_info(DEMO, "Demo (scripted, no key)"))
        return ready + missing

    async def default_model(self) -> str | None:
        """Return the model of new sessions: the one set, else the first that is ready.

        Never the demo: that is an explicit choice.
        """
        if self.settings.default_model:
            return self.settings.default_model
        for model in await self.models():
            if model.available and model.id != DEMO:
                return model.id
        return None

    def looked_for(self) -> tuple[str, ...]:
        """Return in words where keys and servers were looked for."""
        keys = [
            record.key_variables[0]
            for name, record in self._table().items()
            if record.key_variables and self._allowed(name)
        ]
        found = [f"keys in the environment: {', '.join(keys)}"] if keys else []
        if self.settings.discover_local_servers:
            ports = [f"{server.label} on {server.port}" for server in LOCAL_SERVERS]
            found.append(f"local servers: {', '.join(ports)}")
        return (*found, "keys entered in these settings")

    # -- providers, as the settings show them ------------------------------------------------------

    async def providers(self) -> list[dict[str, Any]]:
        """Return the providers, with whether they have a key; never the key."""
        return await asyncio.to_thread(self._provider_rows)

    def _provider_rows(self) -> list[dict[str, Any]]:
        rows = []
        for name, record in self._table().items():
            if not self._allowed(name):
                continue
            endpoint = self._endpoint(name)
            rows.append(
                {
                    "name": name,
                    "label": record.label,
                    "key_variable": record.key_variables[0] if record.key_variables else None,
                    "requires_key": record.capabilities.requires_key,
                    "has_key": endpoint is not None and self._has_key(endpoint),
                    "base_url": endpoint.base_url if endpoint is not None else "",
                    "local": record.local,
                }
            )
        return rows

    async def set_provider(
        self, name: str, *, key: str | None = None, base_url: str | None = None
    ) -> None:
        """Store an address or a key.

        Raises:
            UnknownModel: no provider of that name.
            ConfigError: it is not allowed, or what was entered is not usable.
        """
        name = self._known(name)
        await asyncio.to_thread(self._enter, name, key, base_url)
        self._local = None
        self._refined.clear()

    def _enter(self, name: str, key: str | None, base_url: str | None) -> None:
        if base_url is not None:
            self.credentials.set_base_url(name, base_url or None)
        if key:
            endpoint = find_endpoint(name, self.settings, self.credentials, self._table())
            self.credentials.set_key(name, key, endpoint.base_url)

    async def remove_provider(self, name: str) -> None:
        """Forget what is stored for a provider."""
        await asyncio.to_thread(self.credentials.remove, self._known(name))

    async def test_provider(self, name: str, model: str | None = None) -> dict[str, Any]:
        """Ask a provider for its models, and say in words how that went."""
        name = self._known(name)
        try:
            endpoint = find_endpoint(name, self.settings, self.credentials, self._table())
            provider = self._provider(self._resolved(endpoint, model or ""), None)
            try:
                found = await provider.list_models()
            finally:
                await provider.aclose()
        except AgentError as error:
            return {"ok": False, "message": error.user_message}
        if model and all(info.name != model for info in found):
            return {"ok": False, "message": f"{endpoint.label} answers, but has no {model}."}
        return {"ok": True, "message": f"{endpoint.label} answers: {len(found)} models."}

    # -- inside --------------------------------------------------------------------------------------

    def _table(self) -> Mapping[str, Any]:
        from ..providers.registry import PROVIDERS

        return PROVIDERS

    def _known(self, name: str) -> str:
        name = name.lower()
        if name not in self._table():
            raise UnknownModel(f"There is no provider {name!r}.")
        check_allowed(name, self.settings)
        return name

    def _allowed(self, name: str) -> bool:
        try:
            check_allowed(name, self.settings)
        except ConfigError:
            return False
        return True

    def _endpoint(self, name: str) -> Endpoint | None:
        try:
            return find_endpoint(name, self.settings, self.credentials, self._table())
        except ConfigError:
            return None

    def _has_key(self, endpoint: Endpoint) -> bool:
        return self.credentials.has(
            endpoint.provider,
            endpoint.key_variables,
            endpoint.base_url,
            trusted_url=endpoint.trusted_url,
        )

    async def _why_not_each(self, models: Sequence[ModelInfo]) -> list[str | None]:
        """Look in a thread: a keyring may be slow to answer."""
        return await asyncio.to_thread(lambda: [self._why_not(model) for model in models])

    def _why_not(self, model: ModelInfo) -> str | None:
        """Return None when a catalogue model is ready, "" when it is not offered, else why not."""
        if model.provider not in self._table() or not self._allowed(model.provider):
            return ""
        endpoint = self._endpoint(model.provider)
        if endpoint is None:
            return "Enter its base URL first."
        if endpoint.capabilities.requires_key and not self._has_key(endpoint):
            variable = endpoint.key_variables[0] if endpoint.key_variables else "a key"
            return f"Needs a key: enter one here, or set {variable}."
        return None

    def _resolved(self, endpoint: Endpoint, model: str) -> ResolvedModel:
        key = self.credentials.lookup(
            endpoint.provider,
            endpoint.key_variables,
            endpoint.base_url,
            trusted_url=endpoint.trusted_url,
        )
        return ResolvedModel(
            id=f"{endpoint.provider}/{model}",
            provider=endpoint.provider,
            name=model,
            api=endpoint.api,
            base_url=endpoint.base_url,
            info=model_info(endpoint, model),
            key=key.text if key else None,
            headers=endpoint.headers,
            local=endpoint.local,
        )

    async def _local_models(self) -> list[ModelInfo]:
        """Ask the model servers on this machine; the answer is kept for a few seconds."""
        if not self.settings.discover_local_servers:
            return []
        now = time.monotonic()
        if self._local is None or now - self._local[0] > LOCAL_LIST_SECONDS:
            known = [s for s in LOCAL_SERVERS if s.provider in self._table()]
            allowed = [server for server in known if self._allowed(server.provider)]
            found: list[ModelInfo] = []
            for server in await listening(allowed):
                found += await self._models_of(server)
            self._local = (now, found)
        return self._local[1]

    async def _models_of(self, server: LocalServer) -> list[ModelInfo]:
        endpoint = self._endpoint(server.provider)
        if endpoint is None:
            return []
        provider = self._provider(self._resolved(endpoint, ""), None)
        try:
            return await provider.list_models()
        except AgentError:
            return []  # something else listens on that port; the doctor says what
        finally:
            await provider.aclose()

    def _provider(self, found: ResolvedModel, on_retry: OnRetry | None) -> Provider:
        from ..providers._http import Timeouts
        from ..providers.registry import ProviderSpec, make_provider

        settings = self.settings
        return make_provider(
            ProviderSpec(
                provider=found.provider,
                api=found.api,
                model=found.name,
                base_url=found.base_url,
                api_key=found.key,
                headers=dict(found.headers),
                timeouts=Timeouts(
                    connect=settings.timeouts.connect,
                    first_event=settings.timeouts.first_event,
                    gap=settings.timeouts.gap,
                ),
                context_window=found.info.context_window,
                max_output=found.info.max_output,
                proxy=settings.proxy,
                ca_bundle=settings.ca_bundle,
                record_to=_folder(settings.record_to),
                capabilities=found.info.capabilities,
                on_retry=on_retry,
            )
        )

    def _scripted(self, model_id: str, label: str, script: Any) -> Access:
        from ..providers.replay import ScriptedProvider

        pace = _DEMO_WORD * self.settings.demo_pace
        provider = ScriptedProvider(script, name=model_id, model=model_id, pace=pace)
        return Access(provider=provider, model=_scripted_info(model_id, label))


def _folder(record_to: str | None) -> str | None:
    """Return the folder for recordings, made; found unusable now and not while an answer comes."""
    if not record_to:
        return None
    folder = Path(record_to).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"Nothing can be recorded in {folder}: {error.strerror}. Choose another folder.",
            cause=error,
        ) from error
    return str(folder)


def _on_this_machine(base_url: str) -> bool:
    return urlsplit(base_url).hostname in ("localhost", "127.0.0.1", "::1")


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


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"The script {target!r} cannot be loaded: {error}. Write it as module:function.",
            cause=error,
        ) from error
