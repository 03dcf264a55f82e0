"""The composition root: every part of a process's agent put together, on one screen."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..access.endpoints import key_variables
from ..access.model_access import Access, ModelAccess
from ..config import Settings, data_folder
from ..models.credentials import Credentials
from ..protocol.errors import StoreDamaged, StoreUnavailable
from ..workspace.open_tabs import refuse_open
from .sessions import Sessions, World

if TYPE_CHECKING:
    from ..access.served_models import ModelServer
    from ..kernel.directory import KernelDirectory
    from ..kernel.runner import KernelRunner
    from ..notebook.frontend import BrowserChannel
    from ..notebook.places import Notebooks
    from ..store.sessions import SessionStore

log = logging.getLogger("jupyter_agent")


def build_manager(
    settings: Settings,
    *,
    root: Path,
    store_path: Path | None,
    notebooks: Notebooks | None = None,
    kernels: KernelDirectory | None = None,
    browser: Callable[[str, str], BrowserChannel] | None = None,
    shell: KernelRunner | None = None,
    credentials: Credentials | None = None,
    server: ModelServer | None = None,
    own: Iterable[str] = (),
    given: Mapping[str, Access] | None = None,
    store: SessionStore | None = None,
    memory_instead: bool = False,
    **session_parts: Any,
) -> Sessions:
    """Put an agent together.

    Args:
        settings: what was set.
        root: the folder that notebooks and files are confined to.
        store_path: file of the sessions, None to keep them in memory.
        notebooks: where notebooks are that no tab has open, None for files below root.
        kernels: where kernels are found and started, None if none may be.
        browser: gives an owner's browser tabs to one of their sessions (by id), None if there are
            none.
        shell: a runner of the shell this process is in, for work without a notebook.
        credentials: where keys are found, None for the person's own.
        server: reaches models for this process, None when there is none.
        own: providers whose address was given for this process alone.
        given: models that are open already, by the name they go by.
        store: the sessions' store, if it is open already.
        memory_instead: go on in memory, and say so, when the store cannot be used.
        session_parts: other `SessionParts` for every session, such as `ask`.
    """
    if credentials is None:
        credentials = Credentials(data_folder(), environment=_key_environment(settings))

    async def open_store() -> tuple[SessionStore, str | None]:
        if store is not None:
            return store, None
        return await open_sessions(store_path, memory_instead=memory_instead)

    return Sessions(
        settings,
        open_store=open_store,
        world=World(
            root=root,
            notebooks=notebooks,
            kernels=kernels,
            browser=browser,
            shell=shell,
            # A server knows its tabs; whoever works without one has to ask.
            may_write=None if browser is not None else lambda path: refuse_open(root / path),
        ),
        access=ModelAccess(settings, credentials, server=server, own=own, given=given),
        overrides=session_parts,
    )


async def open_sessions(
    path: Path | None, *, memory_instead: bool
) -> tuple[SessionStore, str | None]:
    """Open the store; returns it, and what people must be told about it.

    In place of a damaged one comes what can be read of it, in a file beside it.

    Raises:
        StoreUnavailable: it cannot be used and was left as it is (unless `memory_instead`).
    """
    from ..store.sessions import open_store

    try:
        return await open_store(path), None
    except StoreDamaged as error:
        problem: StoreUnavailable = error
        with contextlib.suppress(StoreUnavailable):
            return await _open_salvaged(error, path)
    except StoreUnavailable as error:
        problem = error
    if not memory_instead:
        raise problem
    log.warning("%s", problem.user_message)
    words = f"{problem.user_message} This conversation is not kept: it ends with the server."
    return await open_store(None), words


async def _open_salvaged(error: StoreDamaged, path: Path | None) -> tuple[SessionStore, str]:
    from ..store.salvage import salvaged
    from ..store.sessions import open_store

    if path is None:
        raise error
    instead = await salvaged(path)
    store = await open_store(instead)
    words = (
        f"{error.user_message} What could be read of it was copied to {instead.name} beside it, "
        "which is used now."
    )
    log.warning("%s", words)
    return store, words


def _key_environment(settings: Settings) -> dict[str, str] | None:
    """Take providers' keys out of the environment that kernels inherit, where that is set."""
    if not settings.hide_provider_variables_from_kernels:
        return None
    kept = dict(os.environ)
    for variable in key_variables(settings):
        os.environ.pop(variable, None)
    return kept
