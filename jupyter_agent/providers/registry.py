"""Providers by name: what is known of each beforehand, and how one is made.

Adapters are imported when one of theirs is asked for. The facts here are defaults: the catalogue
and the live list of models know better what a model can do.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..protocol.errors import ConfigError, MissingKey, UnknownModel
from ..protocol.models import Capabilities, ProviderOptions
from ._body import Timeouts
from ._habits import Habits
from ._http import Endpoint, OnRetry
from .base import Provider
from .dialects import DIALECTS, Dialect

if TYPE_CHECKING:
    import httpx

DEFAULT_REGION = "us-east-1"
# The provider whose address only the person knows.
OWN_SERVER = "openai-compatible"
# `/models` alone may be the address of an API, as at Azure.
_ROUTE = re.compile(r"/chat/completions$|(?<=/v\d)/(completions|responses|messages|models)$")
_PLAIN = Capabilities(streaming=True, system_prompt=True, structured_output=True)
_WITH_TOOLS = replace(_PLAIN, tools=True, tool_choice=True, parallel_tools=True)
_WITH_VISION = replace(_WITH_TOOLS, vision=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEntry:
    """What is known of a provider before it is asked.

    Attributes:
        api: the adapter that speaks to it.
        base_url: its address; empty when only the user knows it.
        custom_api: the adapter for another address given under this name.
        key_variables: environment variables that may hold its key, the first found wins.
        twin: the provider whose server this is too, spoken to in another protocol.
        local: whether it runs on the user's machine.
        eager_tools: whether it streams a call's arguments as they are written, if asked to.
        capabilities: what its models can do as far as nothing better is known.
    """

    name: str
    label: str
    api: str
    base_url: str = ""
    custom_api: str = ""
    key_variables: tuple[str, ...] = ()
    twin: str = ""
    local: bool = False
    eager_tools: bool = False
    capabilities: Capabilities = _WITH_TOOLS

    @property
    def needs_key(self) -> bool:
        """Whether it cannot be used without a key. Bedrock takes AWS credentials as well."""
        keyless = ("bedrock", OWN_SERVER)
        return bool(self.key_variables) and not self.local and self.name not in keyless


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """All that is needed to make a provider. Only `provider` is required.

    Attributes:
        provider: a name of `PROVIDERS`, in any case.
        model: the model that will be asked; for errors and sizes only, requests name their own.
        api: another adapter than the provider's own.
        base_url: another address than the provider's own.
        capabilities: what the model can do; the provider's defaults when None.
        context_window: tokens the model can read (Ollama must be told).
        max_output: tokens the model can write (Anthropic must be told a limit).
        region: of Amazon Bedrock.
        adjust: what people say of the model, applied to what a server tells of it.
        on_retry: called with (attempt, delay in seconds, error) before each retry.
        transport: what carries HTTP instead of the network, for tests.
        record_to: a folder that gets a copy of every answer, without keys, for bug reports.
        habits: what the model's address was found not to accept; filled in as it refuses.
        options: what was chosen of the vendor's offers.
    """

    provider: str
    model: str = ""
    api: str | None = None
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeouts: Timeouts = field(default_factory=Timeouts)
    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    capabilities: Capabilities | None = None
    adjust: Callable[[Capabilities], Capabilities] | None = None
    context_window: int | None = None
    max_output: int | None = None
    region: str | None = None
    max_retries: int = 2
    on_retry: OnRetry | None = None
    transport: httpx.AsyncBaseTransport | None = None
    record_to: str | None = None
    habits: Habits = field(default_factory=Habits)
    options: ProviderOptions = field(default_factory=ProviderOptions)


def _chat_entry(dialect: Dialect) -> ProviderEntry:
    able = _WITH_TOOLS if dialect.tools else _PLAIN
    return ProviderEntry(
        name=dialect.name,
        label=dialect.label,
        api="openai_chat",
        base_url=dialect.base_url,
        key_variables=dialect.key_env,
        twin=dialect.twin,
        local=dialect.local,
        capabilities=replace(able, vision=dialect.vision),
    )


_ENTRIES = (
    ProviderEntry(
        name="openai",
        label="OpenAI",
        api="openai_responses",
        custom_api="openai_chat",
        base_url="https://api.openai.com/v1",
        key_variables=("OPENAI_API_KEY",),
        capabilities=_WITH_VISION,
    ),
    ProviderEntry(
        name="anthropic",
        label="Anthropic",
        api="anthropic",
        base_url="https://api.anthropic.com",
        key_variables=("ANTHROPIC_API_KEY",),
        eager_tools=True,
        capabilities=_WITH_VISION,
    ),
    ProviderEntry(
        name="gemini",
        label="Google Gemini",
        api="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        capabilities=_WITH_VISION,
    ),
    ProviderEntry(
        name="vertex",
        label="Google Vertex AI",
        api="gemini",
        key_variables=("VERTEX_ACCESS_TOKEN",),
        capabilities=_WITH_VISION,
    ),
    ProviderEntry(
        name="vertex-anthropic",
        label="Anthropic on Google Vertex AI",
        api="anthropic",
        key_variables=("VERTEX_ACCESS_TOKEN",),
        capabilities=_WITH_VISION,
    ),
    ProviderEntry(
        name="ollama",
        label="Ollama",
        api="ollama",
        base_url="http://localhost:11434",
        key_variables=("OLLAMA_API_KEY",),
        local=True,
        capabilities=_PLAIN,
    ),
    ProviderEntry(
        name="bedrock",
        label="Amazon Bedrock",
        api="bedrock",
        base_url="https://bedrock-runtime.{region}.amazonaws.com",
        key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
        capabilities=replace(_WITH_TOOLS, structured_output=False),
    ),
    ProviderEntry(
        name="bedrock-openai",
        label="Amazon Bedrock (OpenAI-compatible)",
        api="openai_responses",
        base_url="https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
        key_variables=("AWS_BEARER_TOKEN_BEDROCK",),
    ),
    *(_chat_entry(dialect) for name, dialect in DIALECTS.items() if name != "openai"),
)

PROVIDERS: dict[str, ProviderEntry] = {
    entry.name: replace(
        entry, capabilities=replace(entry.capabilities, requires_key=entry.needs_key)
    )
    for entry in _ENTRIES
}

ALIASES = {
    "azure-openai": "azure",
    "aws": "bedrock",
    "claude": "anthropic",
    "custom": "openai-compatible",
    "google": "gemini",
    "grok": "xai",
    "hf": "huggingface",
    "kimi": "moonshot",
    "llama.cpp": "llamacpp",
    "lm-studio": "lmstudio",
    "qwen": "alibaba",
}


def find_provider(name: str) -> ProviderEntry:
    """Return what is known of a provider, by its name in any case.

    Raises:
        UnknownModel: there is none; the sentence names the nearest ones.
    """
    wanted = name.strip().lower()
    found = PROVIDERS.get(ALIASES.get(wanted, wanted))
    if found is not None:
        return found
    near = difflib.get_close_matches(wanted, [*PROVIDERS, *ALIASES], n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(PROVIDERS)}."
    raise UnknownModel(f"There is no provider {name!r}. {hint}", details={"near": near})


def make_provider(spec: ProviderSpec) -> Provider:
    """Make a provider. Nothing is asked over the network.

    Raises:
        UnknownModel: no provider of that name.
        MissingKey: it needs a key, and none is given.
        ConfigError: it needs an address, none is given; or the adapter is unknown.
    """
    entry = find_provider(spec.provider)
    base_url = spec.base_url or entry.base_url
    if entry.name == "azure":
        base_url = _azure_url(base_url)
    region = _region(spec)
    if not base_url:
        raise ConfigError(f"{entry.label} needs its address. Enter it in the settings.")
    if not base_url.startswith(("https://", "http://")):
        raise ConfigError(f"The address of {entry.label} must begin with https:// or http://.")
    other_address = bool(spec.base_url) and spec.base_url != entry.base_url
    api = spec.api or (other_address and entry.custom_api) or entry.api
    if api not in _MAKERS:
        raise ConfigError(f"There is no adapter {api!r}. Choose one of {', '.join(_MAKERS)}.")
    key = (spec.api_key or "").strip() or None
    if key is None and entry.needs_key and not other_address:
        raise MissingKey(
            f"{entry.label} needs an API key. Set {entry.key_variables[0]}, or enter it in the settings.",
            details={"provider": entry.name, "key_env": list(entry.key_variables)},
        )
    base_url = _without_route(base_url.replace("{region}", region))
    endpoint = Endpoint(
        base_url=base_url,
        label=urlsplit(base_url).netloc if entry.name == OWN_SERVER else "",
        api_key=key,
        headers=dict(spec.headers),
        timeouts=spec.timeouts,
        proxy=spec.proxy,
        ca_bundle=spec.ca_bundle,
        max_retries=spec.max_retries,
        on_retry=spec.on_retry,
        transport=spec.transport,
        record_to=spec.record_to,
        # Own servers and gateways may turn schemas into grammars, which cannot take every bound.
        plain_schemas=entry.local or other_address or not entry.base_url,
        habits=spec.habits,
        # Other servers of the same protocol may refuse a field that only the vendor knows.
        options=replace(spec.options, eager_tools=entry.eager_tools and not other_address),
    )
    return _MAKERS[api](entry, spec, endpoint, spec.capabilities or entry.capabilities)


def _region(spec: ProviderSpec) -> str:
    """Return the AWS region: the one given, else the one of AWS's own tools, else the default."""
    own = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return spec.region or own or DEFAULT_REGION


def _without_route(base_url: str) -> str:
    """Return the address of the API: what is pasted is often that of one of its routes."""
    found = _ROUTE.search(base_url.rstrip("/"))
    return base_url if found is None else base_url[: found.start()]


def _azure_url(base_url: str) -> str:
    """Return the address of the v1 API: the portal shows a resource's address without its path.

    Source: https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle
    """
    parts = urlsplit(base_url)
    if parts.hostname and parts.path.rstrip("/") in ("", "/openai"):
        return f"{parts.scheme}://{parts.netloc}/openai/v1"
    return base_url


def _dialect(entry: ProviderEntry, endpoint: Endpoint) -> Dialect:
    """Return how a provider speaks; another server under its name may not know all it knows."""
    dialect = DIALECTS.get(entry.name, DIALECTS["openai-compatible"])
    elsewhere = bool(entry.base_url) and endpoint.base_url != entry.base_url
    return replace(dialect, cache_key=False) if elsewhere else dialect


def _chat(
    entry: ProviderEntry, spec: ProviderSpec, endpoint: Endpoint, capabilities: Capabilities
) -> Provider:
    from .openai_chat import OpenAIChatProvider

    dialect = _dialect(entry, endpoint)
    return OpenAIChatProvider(
        name=entry.name, capabilities=capabilities, endpoint=endpoint, dialect=dialect
    )


def _responses(
    entry: ProviderEntry, spec: ProviderSpec, endpoint: Endpoint, capabilities: Capabilities
) -> Provider:
    from .openai_responses import OpenAIResponsesProvider

    dialect = _dialect(entry, endpoint)
    return OpenAIResponsesProvider(
        name=entry.name,
        capabilities=capabilities,
        endpoint=endpoint,
        auth_header=dialect.auth_header,
        cache_key=dialect.cache_key,
    )


def _anthropic(
    entry: ProviderEntry, spec: ProviderSpec, endpoint: Endpoint, capabilities: Capabilities
) -> Provider:
    from .anthropic import AnthropicProvider

    return AnthropicProvider(
        name=entry.name,
        capabilities=capabilities,
        endpoint=endpoint,
        max_output=spec.max_output,
        vertex=entry.name == "vertex-anthropic",
    )


def _gemini(
    entry: ProviderEntry, spec: ProviderSpec, endpoint: Endpoint, capabilities: Capabilities
) -> Provider:
    from .gemini import GeminiProvider

    return GeminiProvider(
        name=entry.name,
        capabilities=capabilities,
        endpoint=endpoint,
        bearer=entry.name == "vertex",
    )


def _ollama(
    entry: ProviderEntry, spec: ProviderSpec, endpoint: Endpoint, capabilities: Capabilities
) -> Provider:
    from .ollama import OllamaProvider

    return OllamaProvider(
        name=entry.name,
        capabilities=capabilities,
        endpoint=endpoint,
        adjust=spec.adjust,
        context_window=spec.context_window,
    )


def _bedrock(
    entry: ProviderEntry, spec: ProviderSpec, endpoint: Endpoint, capabilities: Capabilities
) -> Provider:
    from .bedrock import BedrockProvider

    return BedrockProvider(
        name=entry.name,
        capabilities=capabilities,
        endpoint=endpoint,
        region=_region(spec),
    )


_Maker = Callable[[ProviderEntry, ProviderSpec, Endpoint, Capabilities], Provider]
_MAKERS: dict[str, _Maker] = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "ollama": _ollama,
    "bedrock": _bedrock,
}
