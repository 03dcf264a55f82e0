"""The kernel that a notebook's tab shows is the notebook's kernel, however it was started.

A tab may have none while the server still lists one, or one in a session of another type (such as
`file`, of a text opened as a notebook). A kernel found by other means than the tab would be a second
one, in which nothing of the person's is defined.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..notebook.frontend import BrowserChannel, TabGone
from ..protocol.codec import to_data
from ..protocol.errors import KernelStartFailed, NoKernel
from ..protocol.messages import new_id
from ..protocol.rpc import PathParams

if TYPE_CHECKING:
    from ..kernel.directory import KernelDirectory, KernelHandle

# Seconds in which a tab starts a kernel, or waits for one that restarts.
READY_DEADLINE = 90.0


class TabKernels:
    """Finds kernels by the tabs first (the `KernelDirectory` port).

    Args:
        kernels: where kernels are, and are found that no tab shows.
        browser: the tabs.
    """

    def __init__(self, kernels: KernelDirectory, browser: BrowserChannel) -> None:
        self._kernels = kernels
        self._browser = browser

    async def find(self, path: str) -> KernelHandle | None:
        """Return the notebook's kernel, None when it has none."""
        kernel_id = self._browser.kernel_id(path)
        shown = await self._kernels.by_id(kernel_id) if kernel_id else None
        return shown or await self._kernels.find(path)

    async def by_id(self, kernel_id: str) -> KernelHandle | None:
        """Return the kernel of an id, None when there is none."""
        return await self._kernels.by_id(kernel_id)

    async def start(self, path: str, kernel_name: str | None) -> KernelHandle:
        """Return the kernel that the notebook's tab has now, started by the tab if it has none.

        Raises:
            KernelStartFailed: it could not be started.
            NoKernel: the tab has one that is not this server's.
        """
        if not self._browser.has_tab(path):
            return await self._kernels.start(path, kernel_name)
        try:
            told = await self._browser.call(
                path,
                "notebook.kernel",
                to_data(PathParams, PathParams(path=path)),
                op_id=new_id("op"),
                deadline=READY_DEADLINE,
            )
        except TabGone:
            return await self._kernels.start(path, kernel_name)
        except asyncio.TimeoutError as error:
            raise KernelStartFailed(
                f"The tab did not say within {READY_DEADLINE:.0f} s that the kernel of {path} runs.",
                cause=error,
            ) from error
        found = await self._kernels.by_id(str(told.get("kernel_id")))
        if found is None:
            raise NoKernel(f"The kernel that the tab shows for {path} is not one of this server.")
        return found

    async def shutdown(self, path: str) -> None:
        """Shut the notebook's kernel down, if it has one."""
        await self._kernels.shutdown(path)

    async def kernel_names(self) -> dict[str, str]:
        """Return the kernelspecs to choose from: display names by name."""
        return await self._kernels.kernel_names()

    async def change(self, path: str, kernel_name: str) -> None:
        """Start another kernel for the notebook, and shut down the one it has."""
        await self._kernels.change(path, kernel_name)
