"""Numbers as arguments, with a sentence for what is none. Shared by the commands."""

from __future__ import annotations

import argparse


def seconds(text: str) -> float:
    """Read a number of seconds that is more than 0."""
    return positive(text, "a number of seconds, such as 90")


def dollars(text: str) -> float:
    """Read an amount of US dollars that is more than 0."""
    return positive(text, "an amount of US dollars, such as 0.50")


def positive(text: str, what: str) -> float:
    """Read a number that is more than 0.

    Raises:
        argparse.ArgumentTypeError: it is none; the sentence says `what` is wanted.
    """
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be more than 0, and not endless")
    return value


def count(text: str) -> int:
    """Read a whole number that is more than 0.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, such as 10") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} must be more than 0")
    return value


def port(text: str) -> int:
    """Read a port.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 0 to 65535")
    return value
