"""The built-in tools of one workspace: the list that `runtime/build.py` asks for."""

from __future__ import annotations

from typing import Any

from .base import Tool
from .workspace import Workspace


def build_tools(workspace: Workspace, *, notebook: bool = True) -> tuple[Tool[Any], ...]:
    """Return the tools for a workspace.

    Args:
        workspace: what they work on.
        notebook: include those that read, edit and run a notebook.
    """
    from .edit_cells import EditCells
    from .notebook_overview import NotebookOverview
    from .read_cells import ReadCells
    from .run_cells import RunCells
    from .run_status import RunStatus

    tools: list[Tool[Any]] = []
    if notebook:
        tools += [
            NotebookOverview(workspace),
            ReadCells(workspace),
            EditCells(workspace),
            RunCells(workspace),
            RunStatus(workspace),
        ]
    return tuple(tools)
