"""From what people type to what an adapter needs: provider, address, key, and what is known.

`anthropic/claude-sonnet-5`, `ollama/qwen3`, `demo`, or `https://host/v1#model` for a server of
one's own. The table of providers is handed in: it belongs to another room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal, Protocol
from urllib.parse import urlsplit

from ..protocol.errors import ConfigError, MissingKey, UnknownModel
from ..protocol.models import Capabilities, ModelInfo, ProviderOptions
from . import catalogue
from .credentials import Credentials, check_url, normal_url

DEMO = "demo"
# Models played by a script that the settings name.
SCRIPT_PREFIX = "script/"
# The name by which an administrator allows or forbids addresses of people's own.
OWN_SERVER = "custom"
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
_DEMO_INFO = ModelInfo(
    id=DEMO,
    provider=DEMO,
    name=DEMO,
    label="Demo",
    capabilities=Capabilities(
        tools=True,
        streaming=True,
        vision=True,
        thinking=True,
        system_prompt=True,
        structured_output=True,
    ),
)


class ProviderRecord(Protocol):
    """A row of the table of providers."""

    @property
    def label(self) -> str:
        """Name for people."""

    @property
    def key_variables(self) -> Sequence[str]:
        """Environment variables its key may stand in."""

    @property
    def base_url(self) -> str:
        """Its own address, empty when the person must give one."""

    @property
    def api(self) -> str:
        """The adapter that speaks to it."""

    @property
    def custom_api(self) -> str:
        """The adapter for another address under this name, empty for the same."""

    @property
    def twin(self) -> str:
        """The provider whose server this is too, spoken to in another protocol; empty for none."""

    @property
    def local(self) -> bool:
        """Whether it runs on the person's own machine."""

    @property
    def capabilities(self) -> Capabilities:
        """What its models can do unless more is known."""


class Override(Protocol):
    """What an administrator changed of a provider."""

    @property
    def base_url(self) -> str | None:
        """Another address."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers to add."""

    @property
    def api(self) -> str | None:
        """Another adapter."""

    @property
    def key_variable(self) -> str | None:
        """Another environment variable for the key."""

    @property
    def cache_ttl(self) -> Literal["5m", "1h"] | None:
        """How long Anthropic keeps prompts in its cache."""

    @property
    def cache_retention(self) -> Literal["in_memory", "24h"] | None:
        """How long OpenAI does."""

    @property
    def service_tier(self) -> str | None:
        """The price and speed class."""

    @property
    def media_resolution(self) -> Literal["low", "medium", "high"] | None:
        """How closely Gemini looks at pictures."""


class ModelSettings(Protocol):
    """The settings that matter here (`config.Settings` has them)."""

    @property
    def providers(self) -> Mapping[str, Override]:
        """Overrides by provider name."""

    @property
    def allowed_providers(self) -> AbstractSet[str] | None:
        """Providers that may be used, None: all."""

    @property
    def forbidden_providers(self) -> AbstractSet[str]:
        """Providers that may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a provider is reached, and how. `trusted_url`: nobody but an administrator chose it."""

    provider: str
    label: str
    api: str
    base_url: str
    key_variables: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    capabilities: Capabilities = field(default_factory=Capabilities)
    twin: str = ""
    local: bool = False
    trusted_url: bool = True
    options: ProviderOptions = field(default_factory=ProviderOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedModel:
    """A model and all it takes to reach it. Key and headers are never shown by `repr`."""

    id: str
    provider: str
    name: str
    api: str
    base_url: str
    info: ModelInfo
    key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    local: bool = False
    options: ProviderOptions = field(default_factory=ProviderOptions)


def resolve(
    model_id: str,
    settings: ModelSettings,
    credentials: Credentials,
    providers: Mapping[str, ProviderRecord],
) -> ResolvedModel:
    """Find a model by its id.

    Raises:
        UnknownModel: no such provider, or no model named; the sentence names the nearest.
        MissingKey: the provider needs a key and none was found; the sentence says where to put it.
        ConfigError: an administrator does not allow the provider, or it has no address.
    """
    wanted = model_id.strip()
    if wanted.lower() == DEMO:
        check_allowed(DEMO, settings)
        return ResolvedModel(
            id=DEMO, provider=DEMO, name=DEMO, api=DEMO, base_url="", info=_DEMO_INFO, local=True
        )
    if "://" in wanted:
        return _own_server(wanted, settings, credentials)
    provider, _, name = wanted.partition("/")
    provider, name = provider.lower(), name.strip()
    if provider not in providers or not name:
        raise _unknown(wanted, providers)
    endpoint = find_endpoint(provider, settings, credentials, providers)
    key = credentials.lookup(
        provider, endpoint.key_variables, endpoint.base_url, trusted_url=endpoint.trusted_url
    )
    if key is None and endpoint.capabilities.requires_key:
        raise _missing_key(endpoint, credentials)
    return resolved(endpoint, model_info(endpoint, name), key.text if key else None)


def resolved(endpoint: Endpoint, info: ModelInfo, key: str | None) -> ResolvedModel:
    """Return a model at its endpoint."""
    return ResolvedModel(
        id=info.id,
        provider=info.provider,
        name=info.name,
        api=endpoint.api,
        base_url=endpoint.base_url,
        info=info,
        key=key,
        headers=endpoint.headers,
        local=endpoint.local,
        options=endpoint.options,
    )


def find_endpoint(
    provider: str,
    settings: ModelSettings,
    credentials: Credentials,
    providers: Mapping[str, ProviderRecord],
) -> Endpoint:
    """Return where a provider is reached: an administrator's address, else the person's, else its own.

    Raises:
        ConfigError: it is not allowed, or there is no address.
    """
    check_allowed(provider, settings)
    record = providers[provider]
    override = settings.providers.get(provider)
    entered = credentials.base_url(provider)
    base_url, trusted = record.base_url, True
    if override is not None and override.base_url:
        base_url = override.base_url
    elif entered:
        base_url, trusted = entered, False
    if not base_url:
        raise ConfigError(f"{record.label} has no address of its own: enter its address first.")
    api = record.api if base_url == record.base_url else record.custom_api or record.api
    variables = tuple(record.key_variables)
    if override is not None and override.key_variable:
        variables = (override.key_variable,)
    return Endpoint(
        provider=provider,
        label=record.label,
        api=(override.api if override is not None else None) or api,
        base_url=base_url,
        key_variables=variables,
        headers=dict(override.headers) if override is not None else {},
        capabilities=record.capabilities,
        twin=record.twin,
        local=record.local,
        trusted_url=trusted,
        options=ProviderOptions()
        if override is None
        else ProviderOptions(
            cache_ttl=override.cache_ttl,
            cache_retention=override.cache_retention,
            service_tier=override.service_tier,
            media_resolution=override.media_resolution,
        ),
    )


def own_endpoint(base_url: str, settings: ModelSettings) -> Endpoint:
    """Return an address of a person's own as an endpoint: any OpenAI-style server.

    Each such address is a provider by itself, so that its key goes nowhere else.

    Raises:
        ConfigError: own addresses are not allowed, or it is none.
    """
    check_allowed(OWN_SERVER, settings)
    check_url(base_url)
    url = normal_url(base_url)
    host = urlsplit(url).hostname
    return Endpoint(
        provider=url,
        label=urlsplit(url).netloc,
        api="openai_chat",
        base_url=url,
        # Most such servers can; one that cannot says so in its error.
        capabilities=Capabilities(
            tools=True, streaming=True, system_prompt=True, structured_output=True
        ),
        local=host in LOOPBACK_HOSTS,
        trusted_url=False,
    )


def model_info(endpoint: Endpoint, name: str) -> ModelInfo:
    """Return what the catalogue knows of a model, else what its provider's models can do."""
    if endpoint.twin:
        return _model_of_twin(endpoint, name)
    known = None if "://" in endpoint.provider else catalogue.find(endpoint.provider, name)
    if known is not None:
        if catalogue.without_date(name).lower() == known.name.lower() != name.lower():
            # A dated snapshot: the same facts under the name that was asked for.
            known = replace(known, id=f"{endpoint.provider}/{name}", name=name)
        return as_spoken(known, endpoint.capabilities)
    return _unknown_model(endpoint, name)


def _model_of_twin(endpoint: Endpoint, name: str) -> ModelInfo:
    """Return what is known of a model under its server's first name.

    Documents have no agreed place in a compatible protocol: they stay what the endpoint says.
    """
    info = _unknown_model(endpoint, name)
    known = catalogue.find(endpoint.twin, name)
    if known is None:
        return info
    found = as_spoken(known, endpoint.capabilities)
    able = replace(found.capabilities, documents=endpoint.capabilities.documents)
    return replace(found, id=info.id, provider=info.provider, name=name, capabilities=able)


def as_spoken(model: ModelInfo, default: Capabilities) -> ModelInfo:
    """Return a model with the abilities that its protocol decides, not the model.

    Args:
        model: as the catalogue or a provider's list has it; neither knows the protocol.
        default: what the provider's models can do by default.
    """
    able = replace(model.capabilities, structured_output=default.structured_output)
    return replace(model, capabilities=able)


def _unknown_model(endpoint: Endpoint, name: str) -> ModelInfo:
    own = "://" in endpoint.provider
    return ModelInfo(
        id=f"{endpoint.provider}#{name}" if own else f"{endpoint.provider}/{name}",
        provider=OWN_SERVER if own else endpoint.provider,
        name=name,
        label=name,
        capabilities=endpoint.capabilities,
    )


def check_allowed(provider: str, settings: ModelSettings) -> None:
    """Refuse a provider that an administrator does not allow.

    Raises:
        ConfigError: it is forbidden, or not among the allowed.
    """
    allowed = settings.allowed_providers
    if provider in settings.forbidden_providers or (
        allowed is not None and provider not in allowed
    ):
        raise ConfigError(f"The administrator of this server does not allow {provider!r}.")


def _own_server(wanted: str, settings: ModelSettings, credentials: Credentials) -> ResolvedModel:
    """Resolve `https://host/v1#model`."""
    url, _, name = wanted.partition("#")
    endpoint = own_endpoint(url, settings)
    if not name:
        raise UnknownModel(f"Which model of {url}? Write its name after a #: {url}#name")
    key = credentials.lookup(endpoint.provider, (), endpoint.base_url, trusted_url=False)
    return resolved(endpoint, model_info(endpoint, name), key.text if key else None)


def _unknown(wanted: str, providers: Mapping[str, ProviderRecord]) -> UnknownModel:
    known = [model.id for model in catalogue.known_models() if model.provider in providers]
    # Of models with the same name, that of the provider people see first.
    by_name = {model.name: model.id for model in reversed(catalogue.known_models())}
    provider, _, name = wanted.lower().partition("/")
    if provider in providers:
        examples = [i for i in known if i.startswith(f"{provider}/")] or [f"{provider}/NAME"]
        return UnknownModel(f"Which model of {provider}? For example {examples[0]}.")
    near = [by_name[n] for n in get_close_matches(wanted.lower(), by_name, n=3)]
    near += get_close_matches(wanted.lower(), known, n=3)
    if not near:
        near = [f"{p}/{name or 'NAME'}" for p in get_close_matches(provider, list(providers), n=3)]
    near = list(dict.fromkeys(near))[:3]
    known_names = ", ".join(providers)
    hint = (
        f" Did you mean {', '.join(near)}?"
        if near
        else f" Write it as provider/name; providers are {known_names}. `demo` needs none."
    )
    return UnknownModel(f"There is no model {wanted!r}.{hint}", details={"nearest": near})


def _missing_key(endpoint: Endpoint, credentials: Credentials) -> MissingKey:
    if not credentials.stored:
        variable = next(iter(endpoint.key_variables), None)
        here = f"set {variable} in the kernel's environment, or " if variable else ""
        where = (
            "Keys that were stored are never read inside a kernel; the Jupyter server uses them "
            f"for its kernels, where it has jupyter-agent. There is no such server here: {here}"
            "work in a kernel of one."
        )
    else:
        if endpoint.trusted_url and endpoint.key_variables:
            where = f"Set {endpoint.key_variables[0]}, or enter one"
        else:
            where = f"Enter one for {endpoint.base_url}"
        # Panel and command line show the same sentence.
        where += f" in the panel's settings or with `jupyter agent keys set {endpoint.provider}`."
    return MissingKey(
        f"{endpoint.label} needs a key. {where}", details={"provider": endpoint.provider}
    )
