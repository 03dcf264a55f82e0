"""`jupyter agent undo`: a notebook as it was before the last run that changed it."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from ..protocol.errors import NotAllowed, NotebookMissing
from . import exits
from .sessions import owner_of

if TYPE_CHECKING:
    from ..notebook.reviewed import TakenBack
    from ..runtime.sessions import Sessions
    from ..session.session import Session

DESCRIPTION = """\
Take back what the last run of `jupyter agent run` did to a notebook: sources, cells, their order,
outputs. Once more goes back to before the run before it. Cells that were changed since are not
overwritten: then nothing is undone, unless with --force. A notebook that a browser tab has open is refused: close it there first.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK")
    parser.add_argument(
        "--session", metavar="SESSION", help="whose last run; default: the notebook's latest"
    )
    parser.add_argument(
        "--force", action="store_true", help="also overwrite cells that were changed since"
    )
    parser.add_argument("--store", metavar="PATH", help="file of the sessions")


def main(arguments: argparse.Namespace) -> int:
    """Undo the last run."""
    from ..notebook.places import named_file

    path = named_file(arguments.notebook)
    if not path.is_file():
        raise NotebookMissing(f"There is no notebook {arguments.notebook}.")
    done = asyncio.run(_undo(path, arguments))
    print(f"{path.name}: {done.words()}")
    return exits.DONE


async def _undo(path: Path, arguments: argparse.Namespace) -> TakenBack:
    from dataclasses import replace

    from ..config import load_settings
    from ..notebook.places import FolderNotebooks
    from ..runtime.build import build_manager
    from ..workspace.open_tabs import refuse_open

    settings = load_settings()
    if arguments.store is not None:
        settings = replace(settings, store=arguments.store)
    store = settings.store_path()
    if store is None or not store.exists():
        raise _nothing(path)  # looking must not make a file
    await refuse_open(path)
    notebooks = FolderNotebooks(path.parent, named=path.name)
    manager = build_manager(settings, root=path.parent, store_path=store, notebooks=notebooks)
    try:
        session = await _session(manager, path, arguments.session)
        return await session.review.undo_run(force=arguments.force, whole=True)
    finally:
        await manager.aclose()


async def _session(manager: Sessions, path: Path, wanted: str | None) -> Session:
    """Return the session named, else the latest that has something to undo."""
    owner = owner_of(path.parent)
    if wanted is not None:
        return await manager.get(wanted, owner=owner)
    for summary in await manager.sessions_of(path.name, owner=owner):
        session = await manager.get(summary.id, owner=owner)
        if await session.review.checkpoints():
            return session
    raise _nothing(path)


def _nothing(path: Path) -> NotAllowed:
    return NotAllowed(
        f"No run that changed {path.name} is on record. What the panel did is undone in the panel."
    )
