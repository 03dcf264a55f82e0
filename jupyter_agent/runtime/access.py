"""From a model's name to a provider that answers: settings, credentials and registry joined."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..config import Settings
from ..models.credentials import Credentials
from ..models.resolve import resolve
from ..protocol.errors import ErrorInfo, UnknownModel
from ..protocol.models import Capabilities, ModelInfo
from ..providers.base import Provider

OnRetry = Callable[[int, float, ErrorInfo], None]

DEMO = "demo"
SCRIPT_PREFIX = "script/"
_SCRIPTED = Capabilities(
    tools=True,
    streaming=True,
    vision=True,
    thinking=True,
    tool_choice=True,
    parallel_tools=True,
    system_prompt=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An open way to a model."""

    provider: Provider
    model: ModelInfo


class ModelAccess:
    """Opens models by name.

    `demo` is the scripted model. `script/NAME` is one that an administrator or a test has named
    in the settings, `module:function`. All others are resolved against catalogue and settings.
    """

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self.settings = settings
        self.credentials = credentials

    def open(self, model_id: str, on_retry: OnRetry | None = None) -> Access:
        """Open a model; makes no network call.

        Raises:
            UnknownModel: no such model or provider; names the nearest.
            MissingKey: its provider needs a key and none was found.
        """
        if model_id == DEMO:
            from ..demo.script import demo_script

            return self._scripted(DEMO, "Demo (scripted, no key)", demo_script)
        if model_id.startswith(SCRIPT_PREFIX):
            name = model_id.removeprefix(SCRIPT_PREFIX)
            target = self.settings.scripts.get(name)
            if target is None:
                raise UnknownModel(f"No script named {name!r} is configured.")
            return self._scripted(model_id, model_id, _load(target))
        return self._real(model_id, on_retry)

    def _scripted(self, model_id: str, label: str, script: Any) -> Access:
        from ..providers.replay import ScriptedProvider

        provider = ScriptedProvider(script, name=model_id, pace=self.settings.demo_pace)
        info = ModelInfo(
            id=model_id,
            provider=model_id,
            name=model_id,
            label=label,
            capabilities=_SCRIPTED,
            context_window=200_000,
        )
        return Access(provider=provider, model=info)

    def _real(self, model_id: str, on_retry: OnRetry | None) -> Access:
        from ..providers.registry import PROVIDERS, ProviderSpec, make_provider

        found = resolve(model_id, self.settings, self.credentials, PROVIDERS)
        spec = ProviderSpec(
            provider=found.provider,
            model=found.model,
            base_url=found.base_url,
            api_key=found.key,
            headers=found.headers,
            capabilities=found.info.capabilities,
            on_retry=on_retry,
        )
        return Access(provider=make_provider(spec), model=replace(found.info))


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
