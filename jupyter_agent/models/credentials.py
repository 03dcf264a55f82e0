"""Keys of providers: where they come from, where they are kept, and to whom they may be sent.

Looked up in the environment, then in the system's keyring (when the `keyring` package is there
and works), then in a file only its owner can read. Keys go in and come out to the one who sends
them, and are never listed. A stored key belongs to the base URL it was entered for: change that
and the key is gone. The environment's key goes only where the built-in table or an
administrator's configuration says.

Reading the keyring can block: call from a thread where an event loop runs.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from ..protocol.errors import ConfigError
from .keyfile import KeyFile, NoKeyFile, StoredProvider

KeySource = Literal["environment", "keyring", "file"]

SERVICE = "jupyter-agent"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key and where it was found. Its text is never shown by `repr`."""

    text: str = field(repr=False)
    source: KeySource


class Keyring(Protocol):
    """What we use of the `keyring` package. Methods may raise anything of their own."""

    def get_password(self, service: str, user: str, /) -> str | None:
        """Return a password."""

    def set_password(self, service: str, user: str, password: str, /) -> None:
        """Keep a password."""

    def delete_password(self, service: str, user: str, /) -> None:
        """Forget a password."""


class Credentials:
    """The keys and base URLs a person has entered, and those of the environment.

    Args:
        folder: where the file of keys is.
        environment: variables that may hold keys, None for those of this process.
        find_keyring: returns the keyring, None for the system's.
        stored: False in a kernel: what was entered is never read there, neither file nor keyring.
    """

    def __init__(
        self,
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        find_keyring: Callable[[], Keyring | None] | None = None,
        stored: bool = True,
    ) -> None:
        self.folder = folder
        self.stored = stored
        self._file = KeyFile(folder / "credentials.json") if stored else NoKeyFile()
        self._environment = os.environ if environment is None else environment
        self._find_keyring = (find_keyring or system_keyring) if stored else _no_keyring
        self._keyring: Keyring | None = None
        self._looked = False

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that may hold keys."""
        return self._environment

    def base_url(self, provider: str) -> str | None:
        """Return the base URL that was entered for a provider."""
        return self._file.get(provider).base_url

    def names(self) -> list[str]:
        """Return the providers for which something was entered."""
        return self._file.names()

    def stored_keys(self) -> dict[str, str]:
        """Return the keys that were entered, by their text, with the provider of each."""
        found = {}
        for name in self._file.names():
            entry = self._file.get(name)
            text = entry.key or (self._from_keyring(name, entry.key_url) if entry.key_url else None)
            if text:
                found[text] = name
        return found

    def lookup(
        self, provider: str, variables: Sequence[str], base_url: str, *, trusted_url: bool = True
    ) -> Key | None:
        """Return the key to send to `base_url`, None when there is none for it.

        Args:
            provider: name of the provider.
            variables: environment variables its key may stand in, the first that is set wins.
            base_url: where the key would be sent.
            trusted_url: the address is the provider's own or an administrator's; the
                environment's key goes nowhere else.
        """
        if trusted_url:
            for variable in variables:
                text = self._environment.get(variable, "").strip()
                if text:
                    return Key(text=text, source="environment")
        entry = self._file.get(provider)
        if entry.key_url is None or entry.key_url != normal_url(base_url):
            return None
        if entry.key is not None:
            return Key(text=entry.key, source="file")
        found = self._from_keyring(provider, entry.key_url)
        return Key(text=found, source="keyring") if found else None

    def has(
        self, provider: str, variables: Sequence[str], base_url: str, *, trusted_url: bool = True
    ) -> bool:
        """Say whether there is a key to send to `base_url`."""
        return self.lookup(provider, variables, base_url, trusted_url=trusted_url) is not None

    def set_base_url(self, provider: str, base_url: str | None) -> None:
        """Enter a provider's base URL, None for its own. A key kept for another URL is dropped."""
        entry = self._file.get(provider)
        wanted = base_url or None
        if wanted is not None:
            check_url(wanted)
        if entry.base_url == wanted:
            return
        self._forget_in_keyring(provider, entry)
        self._file.put(provider, StoredProvider(base_url=wanted))

    def set_key(self, provider: str, key: str, base_url: str) -> KeySource:
        """Keep a key to be sent to `base_url` alone; returns where it is kept."""
        text = key.strip()
        if not text or any(ord(letter) < 0x21 or ord(letter) == 0x7F for letter in text):
            raise ConfigError("A key has no blanks or line breaks in it, and is not empty.")
        check_url(base_url)
        url = normal_url(base_url)
        entry = self._file.get(provider)
        if entry.key_url is not None and entry.key_url != url:
            self._forget_in_keyring(provider, entry)
        keyring = self._open_keyring()
        if keyring is not None:
            try:
                keyring.set_password(SERVICE, _user(provider, url), text)
            except Exception as error:  # each backend raises its own
                log.warning(
                    "The keyring refused a key (%s); it goes to a file.", type(error).__name__
                )
            else:
                self._file.put(provider, StoredProvider(base_url=entry.base_url, key_url=url))
                return "keyring"
        self._file.put(provider, StoredProvider(base_url=entry.base_url, key_url=url, key=text))
        return "file"

    def remove(self, provider: str) -> None:
        """Forget the key and the base URL that were entered for a provider."""
        self._forget_in_keyring(provider, self._file.get(provider))
        self._file.remove(provider)

    def _from_keyring(self, provider: str, url: str) -> str | None:
        keyring = self._open_keyring()
        if keyring is None:
            return None
        try:
            return keyring.get_password(SERVICE, _user(provider, url))
        except Exception as error:  # each backend raises its own
            log.warning("The keyring could not be read (%s).", type(error).__name__)
            return None

    def _forget_in_keyring(self, provider: str, entry: StoredProvider) -> None:
        keyring = self._open_keyring() if entry.key_url and entry.key is None else None
        if keyring is None or entry.key_url is None:
            return
        try:
            keyring.delete_password(SERVICE, _user(provider, entry.key_url))
        except Exception as error:  # each backend raises its own
            log.warning("The keyring kept a key it should forget (%s).", type(error).__name__)

    def _open_keyring(self) -> Keyring | None:
        if not self._looked:
            self._keyring = self._find_keyring()
            self._looked = True
        return self._keyring


def _no_keyring() -> Keyring | None:
    return None


def system_keyring() -> Keyring | None:
    """Return the system's keyring, None when the package is missing or has no safe backend."""
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError:
        return None
    backend: Any = keyring.get_keyring()
    # Plain-text backends of third parties say so by a priority below one.
    if isinstance(backend, fail.Keyring | null.Keyring) or backend.priority < 1:
        return None
    found: Keyring = backend
    return found


def normal_url(url: str) -> str:
    """Return a URL in the one form that keys are bound to."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def check_url(url: str) -> None:
    """Refuse what is not the plain address of a web server.

    Raises:
        ConfigError: another scheme, no host, or a name and password inside.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"The address cannot be read: {error}.", cause=error) from error
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise ConfigError("An address begins with https:// or http:// and names a host.")
    if parts.username or parts.password:
        raise ConfigError("An address must not contain a name or a password.")


def _user(provider: str, url: str) -> str:
    return f"{provider} {url}"
