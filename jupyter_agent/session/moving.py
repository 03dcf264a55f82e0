"""What a session does when the person renames a notebook, or the folder it is in: it goes along.

The tab that renamed it tells (`MoveNotebook`). A session knows a notebook by its path alone: in the
store, in its records of changes, in what a run works on and in what people are shown.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..protocol.paths import moved
from ..protocol.session_events import NotebookMove

if TYPE_CHECKING:
    from ..store.sessions import SessionStore
    from .session import Session


def is_moved(root: Path, old: str, new: str) -> bool:
    """Whether nothing is left at the old path, as it would be after a copy."""
    before, after = root / old, root / new
    # The same file: a name that changed in upper and lower case alone.
    return not before.exists() or (after.exists() and before.samefile(after))


async def go_along(session: Session, store: SessionStore, old: str, new: str) -> None:
    """Have a session know a notebook by its new path, also in mid-run.

    Raises:
        SessionBusy: another process works on the session.
    """
    await session.checkpoints.move(old, new)
    if session.workspace is not None:
        session.workspace.move(old, new)
    session.grants[:] = [
        replace(grant, notebook_path=moved(grant.notebook_path, old, new))
        for grant in session.grants
    ]
    settled = session.settled
    if moved(settled.notebook_path, old, new) != settled.notebook_path:
        settled.notebook_path = moved(settled.notebook_path, old, new)
        await store.update_session(session.id, notebook_path=settled.notebook_path)
    session.journal.emit(NotebookMove(path=old, to=new))
    await session.journal.flush()
