"""The one error tree. Every failure a person can meet is one of these, and says what to do.

AgentError
├── ProviderError
│   ├── ConnectionFailed, TimedOut, StreamInterrupted, ParseFailed
│   ├── WrongShape
│   ├── Unauthorized, RateLimited, Overloaded, BadRequest, ContextOverflow, Refused
│   └── UnsupportedCapability
├── ConfigError: MissingKey, UnknownModel
├── NotebookError: NotebookMissing, NotANotebook, NotebookReadOnly, StaleCells, UnknownCell,
│   OpenInTab, EditRefused, Unconfirmed
├── KernelError: KernelStartFailed, KernelDied, KernelBusy, NoKernel
├── StoreError: UnknownSession, SessionBusy, StoreUnavailable
├── BudgetExceeded
└── NotAllowed, ConfirmFailed, BadFrame
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    """An error as data: what travels on sockets, into the store and to the command line."""

    code: str
    message: str
    retryable: bool = False
    provider: str | None = None
    model: str | None = None
    status: int | None = None
    retry_after: float | None = None
    request_id: str | None = None
    details: dict[str, JsonValue] | None = None


class AgentError(Exception):
    """Base of all our errors. `user_message` is a sentence for people, without JSON or keys."""

    code: ClassVar[str] = "error"
    retryable: bool = False

    def __init__(
        self,
        user_message: str,
        *,
        details: dict[str, Any] | None = None,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.details = details
        if cause is not None:
            self.__cause__ = cause

    def info(self) -> ErrorInfo:
        """Return the error as data."""
        return ErrorInfo(
            code=self.code,
            message=self.user_message,
            retryable=self.retryable,
            details=self.details,
        )


class ProviderError(AgentError):
    """A model could not be reached, or did not answer as it should.

    `status` is the HTTP status, `retry_after` in seconds, `body` the start of the provider's own
    words: for logs and the doctor, never shown raw.
    """

    code = "provider_error"

    def __init__(
        self,
        user_message: str,
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        body: str | None = None,
        details: dict[str, Any] | None = None,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(user_message, details=details, cause=cause)
        self.provider = provider
        self.model = model
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id
        self.body = body
        if retryable is not None:
            self.retryable = retryable

    def info(self) -> ErrorInfo:
        """Return the error as data."""
        return ErrorInfo(
            code=self.code,
            message=self.user_message,
            retryable=self.retryable,
            provider=self.provider or None,
            model=self.model or None,
            status=self.status,
            retry_after=self.retry_after,
            request_id=self.request_id,
            details=self.details,
        )


class ConnectionFailed(ProviderError):
    """No connection: wrong address, server down, proxy, TLS."""

    code = "connection_failed"
    retryable = True


class TimedOut(ProviderError):
    """Connected, but no answer in time."""

    code = "timed_out"
    retryable = True


class StreamInterrupted(ProviderError):
    """The answer stopped before its own end mark. Nothing of it is run."""

    code = "stream_interrupted"
    retryable = True


class WrongShape(ProviderError):
    """The model's answer does not have the shape that a program asked for."""

    code = "wrong_shape"


class ParseFailed(ProviderError):
    """The answer was not what this API sends."""

    code = "parse_failed"


class Unauthorized(ProviderError):
    """The key is missing, wrong, expired or not allowed this model."""

    code = "unauthorized"


class RateLimited(ProviderError):
    """Too many requests, or the account's quota is used up."""

    code = "rate_limited"
    retryable = True


class Overloaded(ProviderError):
    """The provider has no capacity now."""

    code = "overloaded"
    retryable = True


class BadRequest(ProviderError):
    """The provider refused the request as malformed or unknown."""

    code = "bad_request"


class ContextOverflow(ProviderError):
    """The conversation is longer than the model's window."""

    code = "context_overflow"


class Refused(ProviderError):
    """The provider's safety system refused."""

    code = "refused"


class UnsupportedCapability(ProviderError):
    """The model cannot do what was asked; found before any network call."""

    code = "unsupported_capability"


class ConfigError(AgentError):
    """Something in the settings stops the work."""

    code = "config_error"


class MissingKey(ConfigError):
    """The provider needs a key and none was found."""

    code = "missing_key"


class UnknownModel(ConfigError):
    """No model or provider of that name."""

    code = "unknown_model"


class NotebookError(AgentError):
    """The notebook cannot be read or changed as asked."""

    code = "notebook_error"


class NotebookMissing(NotebookError):
    """No notebook at that path."""

    code = "NOTEBOOK_MISSING"


class NotANotebook(NotebookError):
    """The file is not a notebook this version can edit."""

    code = "NOT_A_NOTEBOOK"


class NotebookReadOnly(NotebookError):
    """The notebook cannot be written."""

    code = "NOTEBOOK_READ_ONLY"


class OpenInTab(NotebookError):
    """A browser tab has the notebook open, which cannot be reached from here."""

    code = "OPEN_IN_TAB"


class StaleCells(NotebookError):
    """Cells changed since they were read; nothing was applied.

    `details["cells"]` maps each stale cell id to its current source, None when it is gone.
    """

    code = "STALE_CELL"
    retryable = True


class UnknownCell(NotebookError):
    """No cell of that id."""

    code = "UNKNOWN_CELL"
    retryable = True


class EditRefused(NotebookError):
    """The edit is not one we apply: placeholder text, notebook JSON, an ambiguous match."""

    code = "EDIT_REFUSED"
    retryable = True


class Unconfirmed(NotebookError):
    """The edit was sent, but reading it back did not come in time."""

    code = "UNCONFIRMED"


class KernelError(AgentError):
    """The kernel cannot do what was asked."""

    code = "kernel_error"


class KernelStartFailed(KernelError):
    """The kernel did not start."""

    code = "KERNEL_START_FAILED"


class KernelDied(KernelError):
    """The kernel died or was restarted while it worked."""

    code = "KERNEL_DIED"


class KernelBusy(KernelError):
    """The kernel is running something else."""

    code = "KERNEL_BUSY"
    retryable = True


class NoKernel(KernelError):
    """The notebook has no kernel and none may be started."""

    code = "NO_KERNEL"


class StoreError(AgentError):
    """A session cannot be read or written."""

    code = "store_error"


class UnknownSession(StoreError):
    """No session of that id."""

    code = "unknown_session"


class SessionBusy(StoreError):
    """Another process runs this session."""

    code = "session_busy"
    retryable = True


class StoreConflict(StoreError):
    """Another process has written what was to be written here."""

    code = "store_conflict"


class SessionUnreadable(StoreError):
    """What is stored of a session cannot be understood."""

    code = "session_unreadable"


class StoreUnavailable(StoreError):
    """The database is locked, damaged, read-only, full or of a newer version."""

    code = "store_unavailable"


class StoreDamaged(StoreUnavailable):
    """The database is damaged. It was left as it is; some of it may still be read."""

    code = "store_damaged"


class BudgetExceeded(AgentError):
    """A limit of turns, tokens, cost, time or calls was reached."""

    code = "budget_exceeded"


class NotAllowed(AgentError):
    """The caller may not do this."""

    code = "not_allowed"


class ConfirmFailed(AgentError):
    """The function that decides on approvals for a script failed itself."""

    code = "confirm_failed"


class BadFrame(AgentError):
    """A socket frame or a request body that cannot be understood."""

    code = "bad_frame"


def _all_kinds(kind: type[AgentError]) -> dict[str, type[AgentError]]:
    found = {kind.code: kind}
    for child in kind.__subclasses__():
        found.update(_all_kinds(child))
    return found


def error_from_info(info: ErrorInfo) -> AgentError:
    """Make the exception again from its data; an unknown code becomes a plain `AgentError`."""
    kind = _all_kinds(AgentError).get(info.code, AgentError)
    if not issubclass(kind, ProviderError):
        return kind(info.message, details=info.details)
    return kind(
        info.message,
        provider=info.provider or "",
        model=info.model or "",
        status=info.status,
        retryable=info.retryable,
        retry_after=info.retry_after,
        request_id=info.request_id,
        details=info.details,
    )
