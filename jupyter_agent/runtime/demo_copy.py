"""A copy of the demo's notebook: whether it holds nothing but what the demo made, and its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..demo.conversation import is_go_on
from ..demo.prompts import DEMO_PROMPT
from ..notebook.frontend import FrontendNotebook, TabGone
from ..notebook.places import FolderNotebooks
from ..notebook.reviewed import undo_parts
from ..protocol.errors import EditRefused
from ..session.checkpoints import Record, prompt_of

if TYPE_CHECKING:
    from ..notebook.document import NotebookDocument
    from ..protocol.rpc import CellState
    from ..session.session import Session
    from .sessions import Sessions


async def end_demo(manager: Sessions, path: str, *, owner: str, as_made: Path) -> None:
    """Stop the owner's sessions of a copy and delete them, so that the copy can be removed.

    Args:
        manager: the sessions.
        path: the copy.
        owner: whose sessions.
        as_made: the notebook that was copied.

    Raises:
        EditRefused: somebody has worked in the copy. Nothing is deleted.
    """
    rows = await manager.sessions(owner=owner, notebook_path=path)
    sessions = [await manager.get(row.id, owner=owner) for row in rows]
    for session in sessions:
        await session.stop()
    records = await _records(sessions, path)
    prompts = {record.about.prompt for record in records} - {prompt_of(DEMO_PROMPT)}
    if not all(is_go_on(prompt) for prompt in prompts):
        raise EditRefused(f"{path} is kept: the agent has worked in it for other prompts, too.")
    try:
        cells = (await _document(manager, path, owner).read()).cells
    except TabGone:  # its page was closed a moment ago: now the file is the notebook
        cells = (await _document(manager, path, owner).read()).cells
    baselines = [record.baseline for record in records]
    before = undo_parts(baselines, [set(one.cells) for one in baselines], cells)
    if before.conflicts or _sources(before.cells) != _sources_of(as_made):
        raise EditRefused(f"{path} is kept: it was changed by hand since the demo.")
    for session in sessions:
        await manager.delete(session.id, owner=owner)


async def _records(sessions: Sequence[Session], path: str) -> list[Record]:
    """Return what the agent did to the notebook, the oldest first."""
    found = [record for session in sessions for record in await session.checkpoints.records()]
    of_notebook = (record for record in found if record.about.path == path)
    return sorted(of_notebook, key=lambda record: record.about.created_at)


def _document(manager: Sessions, path: str, owner: str) -> NotebookDocument:
    """Return the notebook: in the tab that has it open, with what was typed there, or as kept."""
    world = manager.world
    browser = world.browser(owner, "") if world.browser is not None else None
    if browser is not None and browser.has_tab(path):
        return FrontendNotebook(path, browser)
    return (world.notebooks or FolderNotebooks(world.root)).document(path)


def _sources(cells: Sequence[CellState]) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in cells]


def _sources_of(notebook: Path) -> list[tuple[str, str]]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
