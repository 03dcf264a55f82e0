"""Exit codes, the same for every command. Scripts rely on them: they do not change."""

from __future__ import annotations

from typing import TYPE_CHECKING

# The errors bring pydantic along: imported when one is there. Ctrl-C before that is no traceback.
if TYPE_CHECKING:
    from ..protocol.errors import AgentError, ErrorInfo

DONE = 0
FAILED = 1
USAGE = 2  # unknown model, no such notebook, bad arguments
DENIED = 3  # something needed approval and was denied, or a rule forbids it
LIMIT = 4  # a budget or the timeout was reached
PROVIDER = 5  # a missing key, or the provider failed
INTERRUPTED = 130  # Ctrl-C, as shells have it: 128 + the signal
TERMINATED = 143

MEANING = f"""\
exit codes:
  {DONE}    done
  {FAILED}    failed
  {USAGE}    the call is wrong: an unknown model, no such notebook, a bad argument
  {DENIED}    something needed approval and was denied, or a rule forbids it
  {LIMIT}    a limit of turns, tokens, cost or time was reached
  {PROVIDER}    the provider failed, or its key is missing
  {INTERRUPTED}  stopped by Ctrl-C ({TERMINATED}: by SIGTERM)
"""


def code_of(error: AgentError | ErrorInfo) -> int:
    """Return the exit code of an error."""
    from ..protocol import errors

    if isinstance(error, errors.ErrorInfo):
        error = errors.error_from_info(error)
    if isinstance(error, (errors.ProviderError, errors.MissingKey)):
        return PROVIDER
    if isinstance(error, errors.BudgetExceeded):
        return LIMIT
    usage = (
        errors.ConfigError,
        errors.NotAllowed,
        errors.NotANotebook,
        errors.NotebookMissing,
        errors.OpenInTab,
        errors.UnknownSession,
    )
    return USAGE if isinstance(error, usage) else FAILED
