"""The composition root: every part of a process's agent put together, on one screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config import Settings, data_folder
from ..kernel.directory import KernelDirectory
from ..kernel.runner import KernelRunner
from ..models.credentials import Credentials
from ..notebook.frontend import BrowserChannel
from .access import ModelAccess
from .manager import SessionManager, World


def build_manager(
    settings: Settings,
    *,
    root: Path,
    store_path: Path | None,
    kernels: KernelDirectory | None = None,
    browser: Callable[[str], BrowserChannel] | None = None,
    shell: KernelRunner | None = None,
    credentials: Credentials | None = None,
    **session_parts: Any,
) -> SessionManager:
    """Put an agent together.

    Args:
        settings: what was set.
        root: the folder that notebooks and files are confined to.
        store_path: file of the sessions, None to keep them in memory.
        kernels: where kernels are found and started, None if none may be.
        browser: gives an owner's browser tabs, None if there are none.
        shell: a runner of the shell this process is in, for work without a notebook.
        credentials: where keys are found, None for the person's own.
        session_parts: other `SessionParts` for every session, such as `ask`.
    """

    async def open_sessions() -> Any:
        from ..store.sessions import open_store

        return await open_store(store_path)

    return SessionManager(
        settings,
        open_store=open_sessions,
        world=World(root=root, kernels=kernels, browser=browser, shell=shell),
        access=ModelAccess(settings, credentials or Credentials(data_folder())),
        overrides=session_parts,
    )
