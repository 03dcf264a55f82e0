"""The file of keys: readable by its owner alone, replaced whole, never written in place."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..protocol.errors import ConfigError
from .writing import alone


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProvider:
    """What was entered for a provider. `key` None with a `key_url`: the keyring has the key."""

    base_url: str | None = None
    key_url: str | None = None
    key: str | None = field(default=None, repr=False)


class NoKeyFile:
    """Stands where the file of keys must not be read: nothing is in it, and nothing goes in."""

    def get(self, provider: str) -> StoredProvider:
        """Return that nothing was entered."""
        return StoredProvider()

    def names(self) -> list[str]:
        """Return no provider."""
        return []

    def put(self, provider: str, entry: StoredProvider) -> None:
        """Refuse an entry.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            "Keys are not stored from inside a kernel. Enter them in the panel, or with "
            "`jupyter agent keys` in a terminal."
        )

    def remove(self, provider: str) -> None:
        """Refuse to forget.

        Raises:
            ConfigError: always.
        """
        self.put(provider, StoredProvider())


class KeyFile:
    """A JSON file of `StoredProvider`s by name, made when first needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, provider: str) -> StoredProvider:
        """Return what was entered for a provider; empty when nothing was."""
        return self._read().get(provider, StoredProvider())

    def names(self) -> list[str]:
        """Return the providers that are in the file."""
        return sorted(self._read())

    def put(self, provider: str, entry: StoredProvider) -> None:
        """Replace a provider's entry; what others write at the same moment stays."""
        with self._alone():
            self._write({**self._read(), provider: entry})

    def remove(self, provider: str) -> None:
        """Drop a provider's entry."""
        with self._alone():
            entries = self._read()
            if entries.pop(provider, None) is not None:
                self._write(entries)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Read and write with no other writer in between."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(alone(self._path.with_name(f"{self._path.name}.lock")))
            except OSError as error:
                raise self._unwritable(error) from error
            yield

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(f"The file of keys ({self._path}) cannot be written: {error.strerror}.")

    def _read(self) -> dict[str, StoredProvider]:
        try:
            if os.name == "posix" and self._path.stat().st_mode & 0o077:
                self._path.chmod(0o600)
            data = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: StoredProvider(**entry) for name, entry in data["providers"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Without the cause: a parser's message may quote what stands in the file.
            raise ConfigError(
                f"The file of keys ({self._path}) cannot be read: {type(error).__name__}. "
                "It was left as it is."
            ) from None

    def _write(self, entries: dict[str, StoredProvider]) -> None:
        data = {
            name: {key: value for key, value in asdict(entry).items() if value is not None}
            for name, entry in entries.items()
        }
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # mkstemp: a name nobody can guess, mode 0600 from the start.
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".credentials-")
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump({"providers": data}, file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, self._path)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as error:
            raise self._unwritable(error) from error
