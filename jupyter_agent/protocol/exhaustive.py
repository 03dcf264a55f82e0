"""The end of a `match` over a union: the type checker proves that it is never reached."""

from __future__ import annotations

from typing import NoReturn


def assert_never(value: NoReturn) -> NoReturn:
    """Fail for a value that no case took; `typing.assert_never`, which Python 3.10 lacks."""
    raise AssertionError(f"No case takes a {type(value).__name__}.")
