"""Exit codes, the same for every command. Scripts rely on them: they do not change."""

from __future__ import annotations

from ..protocol.errors import (
    AgentError,
    BudgetExceeded,
    ConfigError,
    ErrorInfo,
    MissingKey,
    NotAllowed,
    NotANotebook,
    NotebookMissing,
    OpenInTab,
    ProviderError,
    UnknownSession,
    error_from_info,
)

DONE = 0
FAILED = 1
USAGE = 2  # unknown model, no such notebook, bad arguments
DENIED = 3  # something needed approval and was denied
LIMIT = 4  # a budget or the timeout was reached
PROVIDER = 5  # a missing key, or the provider failed
INTERRUPTED = 130  # Ctrl-C, as shells have it: 128 + the signal
TERMINATED = 143

MEANING = f"""\
exit codes:
  {DONE}    done
  {FAILED}    failed
  {USAGE}    the call is wrong: an unknown model, no such notebook, a bad argument
  {DENIED}    something needed approval and was denied
  {LIMIT}    a limit of turns, tokens, cost or time was reached
  {PROVIDER}    the provider failed, or its key is missing
  {INTERRUPTED}  stopped by Ctrl-C ({TERMINATED}: by SIGTERM)
"""

_USAGE = (ConfigError, NotAllowed, NotANotebook, NotebookMissing, OpenInTab, UnknownSession)


def code_of(error: AgentError | ErrorInfo) -> int:
    """Return the exit code of an error."""
    if isinstance(error, ErrorInfo):
        error = error_from_info(error)
    if isinstance(error, (ProviderError, MissingKey)):
        return PROVIDER
    if isinstance(error, BudgetExceeded):
        return LIMIT
    return USAGE if isinstance(error, _USAGE) else FAILED
