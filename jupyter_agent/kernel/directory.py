"""Where kernels come from: the two ports a runner needs from whoever owns the kernels.

`managed.py` implements them for the command line; the server implements them over its own
kernel and session managers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..protocol.errors import KernelStartFailed


class KernelHandle(Protocol):
    """One kernel. It may die, or be restarted by anybody, at any time."""

    @property
    def kernel_id(self) -> str:
        """Its id, the same after a restart."""

    @property
    def kernel_name(self) -> str:
        """The name of its kernelspec."""

    @property
    def language(self) -> str | None:
        """The language in lower case; None when it is not known."""

    @property
    def execution_state(self) -> str | None:
        """`starting`, `idle`, `busy` or `dead` as its owner last heard; None when unknown."""

    @property
    def manager(self) -> Any:
        """The jupyter_client manager that makes clients (`AsyncKernelManager` or alike)."""

    async def interrupt(self) -> None:
        """Interrupt what runs.

        Raises:
            KernelError: it was not told.
        """

    async def restart(self) -> None:
        """Restart it.

        Raises:
            KernelStartFailed: it did not come back.
        """

    async def is_alive(self) -> bool:
        """Return whether its process, or the remote kernel, exists.

        Raises:
            KernelError: whoever owns it does not say; it counts as alive until he does.
        """

    def add_death_callback(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when the kernel died (also when it is then restarted).

        Returns a function that removes it.
        """


class KernelDirectory(Protocol):
    """Finds and starts the kernel of a notebook."""

    async def find(self, path: str) -> KernelHandle | None:
        """Return the notebook's kernel, None when it has none."""

    async def by_id(self, kernel_id: str) -> KernelHandle | None:
        """Return the kernel of an id, whatever it is of; None when there is none."""

    async def start(self, path: str, kernel_name: str | None) -> KernelHandle:
        """Start a kernel for the notebook; None: of the default kind.

        Raises:
            KernelStartFailed: it could not be started.
        """

    async def shutdown(self, path: str) -> None:
        """Shut the notebook's kernel down, if it has one."""

    async def kernel_names(self) -> dict[str, str]:
        """Return the kernelspecs to choose from: display names by name."""

    async def change(self, path: str, kernel_name: str) -> None:
        """Start another kernel for the notebook, and shut down the one it has.

        Raises:
            KernelStartFailed: there is none of that name, or it did not start; the old one stays.
        """


@dataclass(frozen=True, slots=True)
class OneKernel:
    """A directory that knows a single kernel, which belongs to somebody else."""

    handle: KernelHandle

    async def find(self, path: str) -> KernelHandle | None:
        """Return the kernel."""
        return self.handle

    async def by_id(self, kernel_id: str) -> KernelHandle | None:
        """Return the kernel if it is that one."""
        return self.handle if self.handle.kernel_id == kernel_id else None

    async def start(self, path: str, kernel_name: str | None) -> KernelHandle:
        """Return the kernel, which runs already."""
        return self.handle

    async def shutdown(self, path: str) -> None:
        """Leave the kernel to its owner."""

    async def kernel_names(self) -> dict[str, str]:
        """Return the kind of this kernel."""
        return {self.handle.kernel_name: self.handle.kernel_name}

    async def change(self, path: str, kernel_name: str) -> None:
        """Refuse: it is somebody else's to change.

        Raises:
            KernelStartFailed: always.
        """
        raise KernelStartFailed("This kernel cannot be changed from here.")
