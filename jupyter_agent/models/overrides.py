"""What people say of models: in the settings, or kept here beside the keys.

What an administrator or a person sets as the trait `JupyterAgent.models` is the stronger, and
cannot be changed from here.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..protocol.errors import ConfigError, NotAllowed
from ..protocol.models import ModelOverride
from ..protocol.overrides import read_override, write_override

FILE = "models.json"


class ModelOverrides:
    """What is said of models, by their names; names are found in any case."""

    def __init__(self, folder: Path, configured: Mapping[str, ModelOverride]) -> None:
        self._path = folder / FILE
        self._configured = {_plain(name): (name, said) for name, said in configured.items()}

    def find(self, model_id: str) -> ModelOverride | None:
        """Return what is said of a model."""
        name = _plain(model_id)
        if name in self._configured:
            return self._configured[name][1]
        return {_plain(kept): said for kept, said in self._read().items()}.get(name)

    def all(self) -> dict[str, ModelOverride]:
        """Return all that is said, by the models' names as they were written."""
        kept = {
            name: said
            for name, said in self._read().items()
            if _plain(name) not in self._configured
        }
        return {**dict(self._configured.values()), **kept}

    def stored(self) -> dict[str, ModelOverride]:
        """Return what was stored here, without what is set in the settings."""
        return self._read()

    def store(self, model_id: str, said: Mapping[str, Any]) -> None:
        """Add to what is said of a model; what is said now wins.

        Raises:
            ConfigError: it cannot be understood, or not be written.
            NotAllowed: the settings say something of this model.
        """
        self._check_free(model_id)
        given = write_override(read_override(model_id, said))
        kept = self._read()
        same = [name for name in kept if _plain(name) == _plain(model_id)]
        before = write_override(kept.pop(same[0])) if same else {}
        able = {**before.get("capabilities", {}), **given.get("capabilities", {})}
        merged = {**before, **given, **({"capabilities": able} if able else {})}
        self._write({**kept, model_id.strip(): read_override(model_id, merged)})

    def remove(self, model_id: str) -> bool:
        """Forget what was stored of a model; returns whether there was anything.

        Raises:
            NotAllowed: the settings say something of this model.
        """
        self._check_free(model_id)
        before = self._read()
        kept = {name: said for name, said in before.items() if _plain(name) != _plain(model_id)}
        if len(kept) != len(before):
            self._write(kept)
        return len(kept) != len(before)

    def _check_free(self, model_id: str) -> None:
        if _plain(model_id) in self._configured:
            raise NotAllowed(
                f"What is said of {model_id} is set in the configuration (JupyterAgent.models): "
                "change it there."
            )

    def _read(self) -> dict[str, ModelOverride]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: read_override(name, said) for name, said in data["models"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"The file of model facts ({self._path}) cannot be read: {error}. "
                "Mend it or delete it.",
                cause=error,
            ) from error

    def _write(self, overrides: Mapping[str, ModelOverride]) -> None:
        data = {"models": {name: write_override(said) for name, said in overrides.items()}}
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".models-")
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(data, file, indent=1)
                os.replace(name, self._path)
            except BaseException:
                os.unlink(name)
                raise
        except OSError as error:
            raise ConfigError(
                f"The file of model facts ({self._path}) cannot be written: {error.strerror}.",
                cause=error,
            ) from error


def _plain(model_id: str) -> str:
    return model_id.strip().lower()
