"""From an error to an HTTP status and a JSON body, in this one place."""

from __future__ import annotations

from typing import Any

from ..protocol.codec import to_data
from ..protocol.errors import (
    AgentError,
    BadFrame,
    BudgetExceeded,
    ConfigError,
    ErrorInfo,
    KernelError,
    MissingKey,
    NotAllowed,
    NotebookError,
    NotebookMissing,
    ProviderError,
    SessionBusy,
    StoreError,
    UnknownSession,
)

# The first kind that matches decides.
_STATUS: tuple[tuple[type[AgentError], int], ...] = (
    (UnknownSession, 404),
    (NotebookMissing, 404),
    (SessionBusy, 409),
    (StoreError, 503),
    (NotAllowed, 403),
    (BadFrame, 400),
    (MissingKey, 401),
    (ConfigError, 400),
    (ProviderError, 502),
    (NotebookError, 409),
    (KernelError, 409),
    (BudgetExceeded, 409),
)


def status_of(error: AgentError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def body_of(error: AgentError) -> dict[str, Any]:
    """Return the JSON body of an error: `code`, `message`, and what else is known."""
    body: dict[str, Any] = to_data(ErrorInfo, error.info())
    return body


def internal_error() -> ErrorInfo:
    """Return what a client is told of an error that is ours: no more than that it happened."""
    return ErrorInfo(
        code="internal", message="Something went wrong on the server. Its log says what."
    )
