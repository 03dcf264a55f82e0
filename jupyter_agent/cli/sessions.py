"""`jupyter agent sessions`: the conversations that `jupyter agent run` has kept for a folder.

One of them is printed as a document with `--export`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import IN_MEMORY
from ..protocol.errors import NotAllowed, UnknownSession
from ..protocol.frames import SessionSummary
from . import exits

if TYPE_CHECKING:
    from ..runtime.sessions import Sessions

DESCRIPTION = """\
List the conversations about the notebooks of a folder, the latest first. They are those that
`jupyter agent run` has had; those of the panel are in the panel. With --export SESSION, print one
as Markdown, or with --format notebook as a notebook: prompts and answers in Markdown cells, the
code that was written in code cells.
"""


def owner_of(folder: Path) -> str:
    """Return the owner of a folder's sessions: notebooks are kept by their name in it."""
    return f"command-line:{folder.as_posix()}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "folder", nargs="?", default=".", metavar="FOLDER", help="default: the current folder"
    )
    parser.add_argument("--json", action="store_true", help="print one session a line, as JSON")
    parser.add_argument("--store", metavar="PATH", help="file of the sessions")
    parser.add_argument("--export", metavar="SESSION", help="print this one instead")
    parser.add_argument(
        "--format", choices=("markdown", "notebook"), default="markdown", help="of --export"
    )


def main(arguments: argparse.Namespace) -> int:
    """List the sessions, or print one."""
    folder = Path(arguments.folder).expanduser().resolve()
    if not folder.is_dir():
        what = "is a file: name the folder it is in" if folder.exists() else "is not there"
        raise NotAllowed(f"The folder {arguments.folder} {what}.")
    store = arguments.store
    if store not in (None, IN_MEMORY) and not Path(store).expanduser().exists():
        raise NotAllowed(f"There is no file of sessions at {store}.")
    if arguments.export is not None:
        sys.stdout.write(asyncio.run(_export(folder, arguments)))
        return exits.DONE
    found, checkpoints = asyncio.run(_list(folder, arguments.store))
    if arguments.json:
        from ..protocol.codec import to_json

        for summary in found:
            print(to_json(SessionSummary, summary).decode("utf-8"))
    else:
        from ..rendering.terminal import visible

        for summary in found:
            day = summary.updated_at[:16].replace("T", " ")
            words = f"{summary.notebook_path} · {summary.title or 'no prompt yet'}"
            if number := checkpoints.get(summary.id):
                words += f" · {number} checkpoint{'' if number == 1 else 's'}"
            print(visible(f"{summary.id}  {day}  {words}"))
        if not found:
            print("No sessions.", file=sys.stderr)
    return exits.DONE


async def _list(
    folder: Path, store_name: str | None
) -> tuple[list[SessionSummary], dict[str, int]]:
    """Return the sessions, and how many checkpoints each has."""
    manager = _manager(folder, store_name)
    if manager is None:
        return [], {}
    try:
        found = await manager.sessions(owner=owner_of(folder))
        kept = await manager.store()
        return found, {one.id: len(await kept.checkpoints(one.id)) for one in found}
    finally:
        await manager.aclose()


async def _export(folder: Path, arguments: argparse.Namespace) -> str:
    from ..session.export import markdown, notebook

    manager = _manager(folder, arguments.store)
    if manager is None:
        raise UnknownSession("There is no such session: none was kept yet.")
    try:
        session = await manager.get(arguments.export, owner=owner_of(folder))
        as_document = notebook if arguments.format == "notebook" else markdown
        return as_document(session.journal.transcript)
    finally:
        await manager.aclose()


def _manager(folder: Path, store_name: str | None) -> Sessions | None:
    """Return the sessions of a folder, None when none was kept: looking must not make a file."""
    from dataclasses import replace

    from ..config import load_settings
    from ..runtime.build import build_manager

    settings = load_settings()
    if store_name is not None:
        settings = replace(settings, store=store_name)
    store = settings.store_path()
    if store is None or not store.exists():
        return None
    return build_manager(settings, root=folder, store_path=store)
