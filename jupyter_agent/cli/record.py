"""`jupyter agent record`: one question to a model, and what its provider really sent, as files."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

from ..config import load_settings
from ..protocol.errors import ErrorInfo, NotAllowed
from ..protocol.messages import user_message
from ..protocol.models import Request, ToolDefinition
from ..rendering.terminal import visible
from . import exits
from .access import own_access

DESCRIPTION = """\
Ask a model one question and write what was asked and what came back into a folder, without keys:
a report of a fault is then a file. Prints what a provider makes of the answer, as `replay` does.
The question and the answer are kept as they are: read them before you pass them on.
"""

_TOOL = ToolDefinition(
    name="get_weather",
    description="Tell the weather of a town.",
    parameters={
        "type": "object",
        "properties": {"town": {"type": "string", "description": "Name of the town."}},
        "required": ["town"],
    },
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="MODEL", help="such as anthropic/claude-sonnet-5")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where the files are written")
    parser.add_argument("-p", "--prompt", required=True, help="the question")
    parser.add_argument(
        "--tools",
        action="store_true",
        help=f"offer the model a tool, `{_TOOL.name}`, to see how it calls one",
    )


def main(arguments: argparse.Namespace) -> int:
    """Ask, print a line for each answer that was written, and return the exit code."""
    from ..providers.replay import read_recordings

    folder: Path = arguments.folder.expanduser().absolute()
    before = _files(folder)
    error = asyncio.run(_ask(arguments, folder))
    written = sorted(_files(folder) - before)
    for path in written:
        if not path.name.endswith(".request.json"):
            for found in read_recordings(path):
                print(json.dumps(found, ensure_ascii=False))
        print(f"Written: {visible(str(path))}", file=sys.stderr)
    if error is not None:
        print(f"jupyter agent record: {visible(error.message)}", file=sys.stderr)
        return exits.code_of(error)
    if not written:
        raise NotAllowed("There is nothing to record: this model does not speak over a network.")
    return exits.DONE


def _files(folder: Path) -> set[Path]:
    return set(folder.iterdir()) if folder.is_dir() else set()


async def _ask(arguments: argparse.Namespace, folder: Path) -> ErrorInfo | None:
    """Put the question; returns the error that the answer ended in."""
    settings = replace(load_settings(), record_to=str(folder))
    access = own_access(settings).open(arguments.model)
    request = Request(
        model=access.model.name,
        messages=(user_message(arguments.prompt),),
        tools=(_TOOL,) if arguments.tools else (),
    )
    error = None
    try:
        # To its end, also after an error: what came is written when the stream is closed.
        async for event in access.provider.stream(request):
            if event.type == "error":
                error = event.error
    finally:
        await access.provider.aclose()
    return error
