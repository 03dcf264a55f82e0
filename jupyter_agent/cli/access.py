"""The person's own providers, keys and models, for the commands that need no session."""

from __future__ import annotations

from ..access.model_access import ModelAccess
from ..config import Settings, data_folder, load_settings
from ..models.credentials import Credentials


def own_access(settings: Settings | None = None) -> ModelAccess:
    """Return the way to the models that these settings allow; None: those of Jupyter's folders."""
    return ModelAccess(
        load_settings() if settings is None else settings,
        Credentials(data_folder()),
        command_line=True,
    )
