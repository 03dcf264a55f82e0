"""`jupyter agent replay`: recorded answers of model APIs, read as a provider would read them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..protocol.errors import NotAllowed
from . import exits

DESCRIPTION = """\
Read recorded answers of model APIs (.sse, .ndjson, .bin, .body, with a .request.json beside each)
and print what a provider makes of them: one JSON line for each recording. No network, no key.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a recording, or a folder of them")
    parser.add_argument("--api", help="the API they speak, where nothing beside them says so")
    # The output is JSON anyway; accepted so that every command takes it.
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)


def main(arguments: argparse.Namespace) -> int:
    """Print a line for each recording. An error that was recorded is a result like any other."""
    for path in arguments.paths:
        if not Path(path).exists():
            raise NotAllowed(f"There is nothing at {path}.")
        for found in _readings(path, arguments.api):
            print(json.dumps(found, ensure_ascii=False))
    return exits.DONE


def _readings(path: str, api: str | None) -> Iterator[dict[str, Any]]:
    from ..providers.replay import read_recordings

    # Around the reading alone: that nobody reads what we print is no fault of a recording.
    try:
        yield from read_recordings(path, api=api)
    except (OSError, ValueError) as error:
        raise NotAllowed(f"{path} cannot be read: {error}") from error
