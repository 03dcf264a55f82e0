"""`ManagedKernels`: kernels that this process starts and ends itself, one for each notebook.

For the command line, where no server owns them. They are processes on this machine, or kernels
behind a gateway where Jupyter is set up to use one.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..protocol.errors import KernelStartFailed
from .gateway import RemoteKernel, gateway_is_used, remote_kernel_names, start_remote

log = logging.getLogger(__name__)


class ManagedKernel:
    """A kernel process of ours, as a `KernelHandle`."""

    def __init__(self, manager: Any, log_file: Any) -> None:
        self.manager = manager
        self._log_file = log_file
        self._callbacks: list[Callable[[], None]] = []

    @property
    def kernel_id(self) -> str:
        """Its id, the same after a restart."""
        return str(self.manager.kernel_id)

    @property
    def kernel_name(self) -> str:
        """The name of its kernelspec."""
        return str(self.manager.kernel_name)

    @property
    def language(self) -> str | None:
        """The language its kernelspec names, in lower case."""
        spec = self.manager.kernel_spec
        return str(spec.language).lower() if spec is not None and spec.language else None

    @property
    def execution_state(self) -> str | None:
        """None: only a connection hears what it does."""
        return None

    async def interrupt(self) -> None:
        """Interrupt what runs."""
        await self.manager.interrupt_kernel()

    async def restart(self) -> None:
        """Kill it and start it anew, at the same ports."""
        try:
            await self.manager.restart_kernel(now=True)
        except Exception as error:
            raise KernelStartFailed(f"The kernel did not restart: {error}") from error

    async def is_alive(self) -> bool:
        """Return whether its process runs."""
        return bool(await self.manager.is_alive())

    def add_death_callback(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Note a callback; called when the kernel is shut down by us. Deaths are seen by polling."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    async def shutdown(self, *, now: bool = False) -> None:
        """End the process, by force when it does not go by itself, and reap it.

        `now`: by force at once, with what its cells started.
        """
        for callback in tuple(self._callbacks):
            callback()
        alive = await self.is_alive()
        if not alive:
            log.warning("The kernel ended by itself. %s", self._last_words())
        elif now and hasattr(signal, "SIGKILL"):
            await self.manager.signal_kernel(signal.SIGKILL)
        await self.manager.shutdown_kernel(now=now or not alive)
        self._log_file.close()

    def _last_words(self) -> str:
        """Return the end of what the process itself wrote, which no cell shows."""
        self._log_file.seek(0)
        return str(self._log_file.read()[-2_000:].decode("utf-8", "replace")).strip()


OwnKernel = ManagedKernel | RemoteKernel


class ManagedKernels:
    """Starts a kernel for each notebook, in the notebook's folder, and ends them all.

    Args:
        root: The folder that notebook paths are relative to.
    """

    def __init__(self, root: Path | str = ".") -> None:
        self._root = Path(root)
        self._kernels: dict[str, OwnKernel] = {}
        self._starting: dict[str, asyncio.Task[OwnKernel]] = {}

    async def find(self, path: str) -> OwnKernel | None:
        """Return the notebook's kernel while it lives."""
        kernel = self._kernels.get(path)
        if kernel is not None and not await kernel.is_alive():
            await self.shutdown(path)
            return None
        return kernel

    async def by_id(self, kernel_id: str) -> OwnKernel | None:
        """Return the kernel of an id; None when there is none."""
        return next((one for one in self._kernels.values() if one.kernel_id == kernel_id), None)

    async def start(self, path: str, kernel_name: str | None) -> OwnKernel:
        """Start a kernel. Cancelled, it starts all the same and is found, or ended by `aclose`.

        Raises:
            KernelStartFailed: it could not be started.
        """
        task = self._starting.get(path)
        if task is None:
            task = asyncio.create_task(self._start(path, kernel_name))
            self._starting[path] = task
            task.add_done_callback(lambda done: self._note_started(path, done))
        # Shielded: cut off in the middle, the process would be nobody's.
        return await asyncio.shield(task)

    def _note_started(self, path: str, done: asyncio.Task[OwnKernel]) -> None:
        self._starting.pop(path, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.debug("A kernel did not start: %s", error)  # whoever waits gets it too

    async def _start(self, path: str, kernel_name: str | None) -> OwnKernel:
        folder = str((self._root / path).parent)
        if gateway_is_used():
            kernel: OwnKernel = await start_remote(kernel_name, folder)
        else:
            kernel = await self._start_process(kernel_name, folder)
        self._kernels[path] = kernel
        return kernel

    async def _start_process(self, kernel_name: str | None, folder: str) -> ManagedKernel:
        from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, NoSuchKernel
        from jupyter_client.manager import AsyncKernelManager

        manager = AsyncKernelManager(kernel_name=kernel_name or NATIVE_KERNEL_NAME)
        log_file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the kernel
        try:
            await manager.start_kernel(cwd=folder, stdout=log_file, stderr=log_file)
        except NoSuchKernel as error:
            log_file.close()
            raise KernelStartFailed(
                f"There is no kernel named {error.name}. {_words(await self.kernel_names())} "
                "Install it, or choose another in the notebook."
            ) from error
        except Exception as error:
            log_file.close()
            raise KernelStartFailed(f"The kernel did not start: {error}") from error
        return ManagedKernel(manager, log_file)

    async def shutdown(self, path: str, *, now: bool = False) -> None:
        """Shut the notebook's kernel down, if it has one; `now`: by force."""
        kernel = self._kernels.pop(path, None)
        if kernel is not None:
            await kernel.shutdown(now=now)

    async def kernel_names(self) -> dict[str, str]:
        """Return the installed kernelspecs: display names by name."""
        return await (remote_kernel_names() if gateway_is_used() else asyncio.to_thread(_installed))

    async def change(self, path: str, kernel_name: str) -> None:
        """Start another kernel for the notebook, and shut down the one it has.

        Raises:
            KernelStartFailed: it could not be started; the old one stays.
        """
        before = self._kernels.pop(path, None)
        try:
            await self.start(path, kernel_name)
        except KernelStartFailed:
            if before is not None:
                self._kernels[path] = before
            raise
        if before is not None:
            await before.shutdown()

    async def aclose(self, *, now: bool = False) -> None:
        """End every kernel, also those that are only starting; `now`: by force."""
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        endings = [self.shutdown(path, now=now) for path in list(self._kernels)]
        for failure in await asyncio.gather(*endings, return_exceptions=True):
            if isinstance(failure, BaseException):
                log.warning("A kernel did not shut down cleanly: %s", failure)


def _installed() -> dict[str, str]:
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager().get_all_specs()
    return {name: str(found["spec"]["display_name"]) for name, found in specs.items()}


def _words(names: dict[str, str]) -> str:
    """Say which kernels there are."""
    return f"Installed are: {', '.join(sorted(names))}." if names else "None is installed."
