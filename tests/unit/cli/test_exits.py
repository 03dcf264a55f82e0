"""Exit codes: scripts rely on them."""

import pytest

from jupyter_agent.cli import exits
from jupyter_agent.protocol import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UnknownModel("x"), 2),
        (errors.ConfigError("x"), 2),
        (errors.NotebookMissing("x"), 2),
        (errors.NotANotebook("x"), 2),
        (errors.UnknownSession("x"), 2),
        (errors.BudgetExceeded("x"), 4),
        (errors.MissingKey("x"), 5),
        (errors.Unauthorized("x"), 5),
        (errors.ConnectionFailed("x"), 5),
        (errors.KernelDied("x"), 1),
        (errors.StoreUnavailable("x"), 1),
        (errors.SessionBusy("x"), 1),
        (errors.AgentError("x"), 1),
    ],
)
def test_each_error_has_its_code_as_exception_and_as_data(error, code):
    assert exits.code_of(error) == code
    assert exits.code_of(error.info()) == code


def test_the_codes_stay_what_they_are():
    codes = (exits.DONE, exits.FAILED, exits.USAGE, exits.DENIED, exits.LIMIT, exits.PROVIDER)
    assert codes == (0, 1, 2, 3, 4, 5)
