"""Where each provider is reached, with which key, and what is missing where it cannot be.

Joins the table of providers, the settings and the credentials. Looking for a key can block (a
keyring): call `key`, `why_not` and `to_list` from a thread where an event loop runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..config import Settings, Timeouts
from ..models.addresses import with_scheme
from ..models.aws import aws_credentials_seen
from ..models.resolve import (
    DEMO,
    LOOPBACK_HOSTS,
    OWN_SERVER,
    Endpoint,
    ResolvedModel,
    check_allowed,
    find_endpoint,
    model_info,
    own_endpoint,
    resolve,
    resolved,
)
from ..protocol.errors import ConfigError, ErrorInfo, UnknownModel
from ..protocol.models import Capabilities
from ..protocol.overrides import apply_capabilities
from ..providers._habits import KnownHabits
from .redactor import secrets_in

if TYPE_CHECKING:
    from ..models.credentials import Credentials, Key
    from ..protocol.models import ModelOverride
    from ..providers.base import Provider
    from ..providers.registry import ProviderEntry

# Seconds until a model on this machine must begin to answer, unless the setting says otherwise.
LOOPBACK_FIRST_EVENT = 600.0
NO_ADDRESS = "Enter its address first."

OnRetry = Callable[[int, float, ErrorInfo], None]


class Endpoints:
    """The providers of a process.

    Args:
        settings: what was set.
        credentials: where keys are found.
        command_line: what is missing is told to somebody at a terminal, not in the panel.

    Raises:
        ConfigError: a setting names a provider that does not exist; it might have been forbidden.
    """

    def __init__(
        self, settings: Settings, credentials: Credentials, *, command_line: bool = False
    ) -> None:
        self.settings = _with_known_names(settings)
        self.credentials = credentials
        self._command_line = command_line
        self._habits = KnownHabits()

    @property
    def table(self) -> Mapping[str, ProviderEntry]:
        """What is known of each provider beforehand."""
        from ..providers.registry import PROVIDERS

        return PROVIDERS

    def names(self) -> list[str]:
        """Return the providers that are allowed; addresses of one's own come last."""
        listed = [name for name in self.table if self.allowed(name)]
        own = [name for name in self.credentials.names() if "://" in name]
        return listed + (own if self.allowed(OWN_SERVER) else [])

    def canonical(self, name: str) -> str:
        """Return a provider's name as it is kept: known by any of its names, or an address.

        Raises:
            UnknownModel: there is none of that name; the sentence names the nearest.
            ConfigError: it is not allowed here.
        """
        name = self.spelled_out(name)
        if "://" in name:
            return own_endpoint(name, self.settings).provider
        from ..providers.registry import find_provider

        found = find_provider(name).name
        check_allowed(found, self.settings)
        return found

    def spelled_out(self, text: str) -> str:
        """Return a provider, model or address as typed, with the scheme of an address on this machine.

        Raises:
            UnknownModel: another address lacks its scheme.
        """
        from ..providers.registry import ALIASES, PROVIDERS

        return with_scheme(text, PROVIDERS.keys() | ALIASES.keys())

    def allowed(self, name: str) -> bool:
        """Say whether an administrator lets people use it."""
        try:
            check_allowed(name, self.settings)
        except ConfigError:
            return False
        return True

    def find(self, name: str) -> Endpoint:
        """Return where a provider is reached.

        Raises:
            ConfigError: it is not allowed, or has no address yet.
        """
        if "://" in name:
            return own_endpoint(name, self.settings)
        return find_endpoint(name, self.settings, self.credentials, self.table)

    def capabilities(self, name: str) -> Capabilities:
        """Return what a provider's models can do by default, also where its address is missing."""
        try:
            return self.find(name).capabilities
        except ConfigError:
            return self.table[name].capabilities if name in self.table else Capabilities()

    def key(self, endpoint: Endpoint) -> Key | None:
        """Return the key for an endpoint, None when there is none for it."""
        return self.credentials.lookup(
            endpoint.provider,
            endpoint.key_variables,
            endpoint.base_url,
            trusted_url=endpoint.trusted_url,
        )

    def locked_url(self, name: str) -> str | None:
        """Return the address that an administrator has set for a provider, if any."""
        override = self.settings.providers.get(name)
        return (override.base_url or None) if override is not None else None

    def moved(self, name: str) -> bool:
        """Say whether somebody chose the address: an administrator, or the person."""
        own = "://" in name
        return own or bool(self.locked_url(name) or self.credentials.base_url(name))

    def why_not(self, name: str) -> str | None:
        """Return what is missing before a provider can be asked, None when nothing is."""
        try:
            endpoint = self.find(name)
        except ConfigError:
            return NO_ADDRESS
        if endpoint.api == "bedrock":
            needed = not aws_credentials_seen(self.credentials.environment, Path.home())
        else:
            needed = endpoint.capabilities.requires_key
        if not needed or self.key(endpoint) is not None:
            return None
        how = f"run `jupyter agent keys set {name}`" if self._command_line else "enter one here"
        if not endpoint.trusted_url or not endpoint.key_variables:
            return f"Needs a key for {endpoint.base_url}: {how}."
        return f"Needs a key: {how}, or set {endpoint.key_variables[0]}."

    def secrets(self) -> dict[str, str]:
        """Return every key that is known, by its text, with what it is called. It may block."""
        found: dict[str, str] = {}
        with suppress(ConfigError):  # a damaged file of keys is told where keys are used
            found = {
                text: f"key of {name}" for text, name in self.credentials.stored_keys().items()
            }
        return found | secrets_in(self.credentials.environment, key_variables(self.settings))

    def resolve(self, model_id: str) -> ResolvedModel:
        """Find a model by its id; its provider by any of its names.

        Raises:
            UnknownModel, MissingKey, ConfigError: as `models.resolve.resolve`.
        """
        model_id = self.spelled_out(model_id)
        provider, mark, name = model_id.partition("/")
        if mark and "://" not in model_id:
            from ..providers.registry import find_provider

            try:
                model_id = f"{find_provider(provider).name}/{name}"
            except UnknownModel as error:
                near = [f"{other}/{name}" for other in (error.details or {}).get("near", ())]
                if near:
                    raise UnknownModel(
                        f"There is no provider {provider!r}. Did you mean {' or '.join(near)}?",
                        details={"nearest": near},
                    ) from error
        return resolve(model_id, self.settings, self.credentials, self.table)

    def to_list(self, name: str) -> ResolvedModel:
        """Return what it takes to ask a provider for its models.

        Raises:
            ConfigError: it is not allowed, or has no address.
        """
        endpoint = self.find(name)
        key = self.key(endpoint)
        return resolved(endpoint, model_info(endpoint, ""), key.text if key else None)

    def connect(
        self,
        found: ResolvedModel,
        on_retry: OnRetry | None = None,
        *,
        said: ModelOverride | None = None,
    ) -> Provider:
        """Make the provider of a model; nothing is asked yet.

        Args:
            found: the model.
            on_retry: called before it is asked again.
            said: what people say of it; holds also where its server tells otherwise.

        Raises:
            MissingKey, ConfigError: it cannot be used as it is set up.
        """
        from ..providers._body import Timeouts
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
                    first_event=_first_event(settings, found.base_url),
                    gap=settings.timeouts.gap,
                ),
                context_window=found.info.context_window,
                max_output=found.info.max_output,
                proxy=settings.proxy,
                ca_bundle=settings.ca_bundle,
                record_to=_folder(settings.record_to),
                capabilities=found.info.capabilities,
                adjust=partial(apply_capabilities, override=said),
                on_retry=on_retry,
                habits=self._habits.of(found.base_url, found.name),
                options=found.options,
            )
        )


def _first_event(settings: Settings, base_url: str) -> float:
    """Return the seconds until an answer must begin: a model on this machine reads slowly."""
    seconds = settings.timeouts.first_event
    here = urlsplit(base_url).hostname in LOOPBACK_HOSTS
    return LOOPBACK_FIRST_EVENT if here and seconds == Timeouts().first_event else seconds


def key_variables(settings: Settings) -> frozenset[str]:
    """Return the variables that hold keys: the providers' usual ones, and those set instead."""
    from ..providers.registry import PROVIDERS

    usual = {variable for entry in PROVIDERS.values() for variable in entry.key_variables}
    chosen = {override.key_variable for override in settings.providers.values()}
    return frozenset(usual | {variable for variable in chosen if variable})


def _with_known_names(settings: Settings) -> Settings:
    """Return the settings with providers under the names they are kept by.

    Raises:
        ConfigError: one is not known.
    """
    from ..providers.registry import PROVIDERS

    allowed = settings.allowed_providers
    forbidden = set(_kept_names("forbidden_providers", tuple(settings.forbidden_providers)))
    forbidden |= {name for name, entry in PROVIDERS.items() if entry.twin in forbidden}
    return replace(
        settings,
        allowed_providers=None
        if allowed is None
        else frozenset(_kept_names("allowed_providers", tuple(allowed))),
        forbidden_providers=frozenset(forbidden),
        providers=dict(
            zip(
                _kept_names("providers", tuple(settings.providers)),
                settings.providers.values(),
                strict=True,
            )
        ),
    )


def _kept_names(trait: str, names: Sequence[str]) -> list[str]:
    from ..providers.registry import find_provider

    found = []
    for name in names:
        try:
            found.append(name if name in (DEMO, OWN_SERVER) else find_provider(name).name)
        except UnknownModel as error:
            raise ConfigError(
                f"`JupyterAgent.{trait}` names what is no provider. {error.user_message}",
                cause=error,
            ) from error
    return found


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
