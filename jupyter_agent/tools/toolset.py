"""The built-in tools of one workspace: the list that `runtime/build.py` asks for."""

from __future__ import annotations

from typing import Any

from .base import Tool
from .checkpoint import Checkpoint, CheckpointKeeper
from .kernel import KernelChoice
from .workspace import Workspace


def build_tools(
    workspace: Workspace,
    *,
    notebook: bool = True,
    files: bool = True,
    kernels: KernelChoice | None = None,
    checkpoints: CheckpointKeeper | None = None,
) -> tuple[Tool[Any], ...]:
    """Return the tools for a workspace.

    Args:
        workspace: what they work on.
        notebook: include those that read, edit and run a notebook.
        files: include those that list, read, search and write files.
        kernels: which kernels a notebook may have, where that can be chosen.
        checkpoints: what was done to notebooks, where that is kept and can be taken back.
    """
    from .ask_user import AskUser
    from .update_plan import UpdatePlan

    tools: list[Tool[Any]] = [AskUser(workspace), UpdatePlan(workspace)]
    if files:
        tools = [*_file_tools(workspace), *tools]
    if notebook:
        if checkpoints is not None:
            tools = [Checkpoint(workspace, checkpoints), *tools]
        tools = [*_notebook_tools(workspace, kernels), *tools]
    return tuple(tools)


def _notebook_tools(workspace: Workspace, kernels: KernelChoice | None) -> list[Tool[Any]]:
    from .create_notebook import CreateNotebook
    from .edit_cells import EditCells
    from .inspect_variables import InspectVariables
    from .kernel import Kernel
    from .notebook_overview import NotebookOverview
    from .read_cells import ReadCells
    from .run_cells import RunCells
    from .run_code import RunCode
    from .run_status import RunStatus
    from .verify_notebook import VerifyNotebook

    return [
        NotebookOverview(workspace),
        ReadCells(workspace),
        EditCells(workspace),
        RunCells(workspace),
        RunStatus(workspace),
        RunCode(workspace),
        InspectVariables(workspace),
        Kernel(workspace, kernels),
        VerifyNotebook(workspace),
        CreateNotebook(workspace),
    ]


def _file_tools(workspace: Workspace) -> list[Tool[Any]]:
    from .list_files import ListFiles
    from .read_file import ReadFile
    from .search_files import SearchFiles
    from .write_file import WriteFile

    return [
        ListFiles(workspace),
        ReadFile(workspace),
        SearchFiles(workspace),
        WriteFile(workspace),
    ]
