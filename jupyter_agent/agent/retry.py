"""Which failures of a model another one may answer for. Trying the same one again is the
provider's own business.
"""

from __future__ import annotations

from ..protocol.errors import ConnectionFailed, ErrorInfo, Overloaded, UnknownModel

_CODES = (ConnectionFailed.code, Overloaded.code, UnknownModel.code)
_NOT_FOUND = 404


def may_fall_back(error: ErrorInfo) -> bool:
    """Return whether another model may answer: this one is not there, or has no capacity.

    A refused key or a malformed request is never passed on to another: a person must see it. A
    404 is how providers say that they have no such model.
    """
    return error.code in _CODES or error.status == _NOT_FOUND
