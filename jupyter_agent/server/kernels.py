"""The server's own kernels, as the core's kernel directory (see `kernel/directory.py`).

A notebook's kernel is the one of its Jupyter session, whether the user, a tab or the agent
started it, on this machine or behind a gateway.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterator
from typing import Any

from jupyter_core.utils import ensure_async

from ..protocol.errors import KernelError, KernelStartFailed


class ServerKernel:
    """A kernel of the server."""

    def __init__(self, kernels: Any, kernel_id: str) -> None:
        self._kernels = kernels
        self.kernel_id = kernel_id

    @property
    def kernel_name(self) -> str:
        """The name of its kernelspec."""
        remote = self._remote
        return str(remote["name"] if remote else self.manager.kernel_name)

    @property
    def language(self) -> str | None:
        """The language in lower case; None when it is not known."""
        if self._remote is not None:  # its kernelspec is the gateway's, not one of this machine
            return None
        spec = getattr(self.manager, "kernel_spec", None)
        language = getattr(spec, "language", None)
        return str(language).lower() if language else None

    @property
    def _remote(self) -> dict[str, Any] | None:
        """What its gateway last told of a remote kernel."""
        found = getattr(self.manager, "kernel", None)
        return found if isinstance(found, dict) and "name" in found else None

    @property
    def execution_state(self) -> str | None:
        """The state as the server last heard; None when unknown."""
        if self.kernel_id not in self._kernels:
            return "dead"
        state = getattr(self.manager, "execution_state", None)
        return str(state) if state else None

    @property
    def manager(self) -> Any:
        """The jupyter_client manager that makes clients."""
        return self._kernels.get_kernel(self.kernel_id)

    async def interrupt(self) -> None:
        """Interrupt what runs.

        Raises:
            KernelError: the kernel was not told.
        """
        with _translated(KernelError, "The kernel could not be interrupted"):
            await ensure_async(self._kernels.interrupt_kernel(self.kernel_id))

    async def restart(self) -> None:
        """Restart it.

        Raises:
            KernelStartFailed: it did not come back.
        """
        with _translated(KernelStartFailed, "The kernel did not restart"):
            await ensure_async(self._kernels.restart_kernel(self.kernel_id))

    async def is_alive(self) -> bool:
        """Return whether its process, or the remote kernel, exists.

        Raises:
            KernelError: a gateway does not say.
        """
        if self.kernel_id not in self._kernels:
            return False
        with _translated(KernelError, "It is not known whether the kernel lives"):
            manager = self.manager
            # A gateway's manager answers True also to the request by which it learns the contrary.
            return bool(await ensure_async(manager.is_alive())) and bool(manager.has_kernel)

    def add_death_callback(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when the kernel died; returns a function that ends it."""
        events = ("restart", "dead")
        for event in events:
            self._kernels.add_restart_callback(self.kernel_id, callback, event)

        def remove() -> None:
            if self.kernel_id in self._kernels:
                for event in events:
                    self._kernels.remove_restart_callback(self.kernel_id, callback, event)

        return remove


class ServerKernels:
    """Finds and starts kernels through the server's sessions, so that tabs see them too."""

    def __init__(self, sessions: Any, kernels: Any) -> None:
        self._sessions = sessions
        self._kernels = kernels

    async def find(self, path: str) -> ServerKernel | None:
        """Return the notebook's kernel, None when it has none."""
        session = await self._session(path)
        return None if session is None else ServerKernel(self._kernels, session["kernel"]["id"])

    async def by_id(self, kernel_id: str) -> ServerKernel | None:
        """Return the kernel of an id, whatever it is of; None when there is none."""
        return ServerKernel(self._kernels, kernel_id) if kernel_id in self._kernels else None

    async def start(self, path: str, kernel_name: str | None) -> ServerKernel:
        """Start a kernel for the notebook; None: of the default kind.

        Raises:
            KernelStartFailed: it could not be started.
        """
        found = await self.find(path)
        if found is not None:
            return found
        kind = kernel_name or "default"
        with _translated(KernelStartFailed, f"The {kind} kernel of {path} could not be started"):
            session = await ensure_async(
                self._sessions.create_session(
                    path=path,
                    name=posixpath.basename(path),
                    type="notebook",
                    kernel_name=kernel_name,
                )
            )
        return ServerKernel(self._kernels, session["kernel"]["id"])

    async def shutdown(self, path: str) -> None:
        """Shut the notebook's kernel down, if it has one."""
        session = await self._session(path)
        if session is not None:
            await ensure_async(self._sessions.delete_session(session["id"]))

    async def kernel_names(self) -> dict[str, str]:
        """Return the server's kernelspecs: display names by name."""
        with _translated(KernelError, "The server's kernels could not be listed"):
            specs = await ensure_async(self._kernels.kernel_spec_manager.get_all_specs())
        return {name: str(found["spec"]["display_name"]) for name, found in specs.items()}

    async def change(self, path: str, kernel_name: str) -> None:
        """Start another kernel for the notebook, and shut down the one it has.

        Raises:
            KernelStartFailed: there is none of that name, or it did not start; the old one stays.
        """
        session = await self._session(path)
        if session is None:
            await self.start(path, kernel_name)
            return
        before = session["kernel"]["id"]
        place = {key: session[key] for key in ("path", "name", "type")}
        with _translated(KernelStartFailed, f"The {kernel_name} kernel could not be started"):
            kernel_id = await ensure_async(
                self._sessions.start_kernel_for_session(
                    session["id"], **place, kernel_name=kernel_name
                )
            )
            await ensure_async(self._sessions.update_session(session["id"], kernel_id=kernel_id))
        with _translated(KernelError, "The kernel before it could not be shut down"):
            if before != kernel_id and before in self._kernels:
                await ensure_async(self._kernels.shutdown_kernel(before))

    async def _session(self, path: str) -> dict[str, Any] | None:
        with _translated(KernelError, "The server's kernels could not be listed"):
            sessions = await ensure_async(self._sessions.list_sessions())
        # Shared editing puts its drive before the path: `RTC:folder/notebook.ipynb`.
        found: list[dict[str, Any]] = [
            session
            for session in sessions
            if path in (str(session["path"]), str(session["path"]).partition(":")[2])
        ]
        # A text that is opened as a notebook has a session of the type `file`.
        found.sort(key=lambda session: session["type"] != "notebook")
        return found[0] if found else None


@contextlib.contextmanager
def _translated(kind: type[KernelError], what: str) -> Iterator[None]:
    """Raise what a kernel provisioner or a gateway raises as an error of ours."""
    try:
        yield
    except Exception as error:
        raise kind(f"{what}: {error}", cause=error) from error
