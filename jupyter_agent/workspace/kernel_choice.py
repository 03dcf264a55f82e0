"""Which kernel a notebook has: changed by the tab that has it open, else where kernels are kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..notebook.frontend import BrowserChannel, TabGone
from ..protocol.codec import to_data
from ..protocol.errors import KernelStartFailed
from ..protocol.messages import new_id
from ..protocol.rpc import SelectKernelParams

if TYPE_CHECKING:
    from ..kernel.directory import KernelDirectory

# A kernel may take its time to start.
SELECT_DEADLINE = 60.0


class NotebookKernels:
    """The kernels of one owner's notebooks (the `KernelChoice` port of the tools).

    Args:
        kernels: where they are found and started.
        browser: the tabs; None: there are none.
    """

    def __init__(self, kernels: KernelDirectory, browser: BrowserChannel | None) -> None:
        self._kernels = kernels
        self._browser = browser

    async def kernel_names(self) -> dict[str, str]:
        """Return display names by kernel name."""
        return await self._kernels.kernel_names()

    async def select_kernel(self, path: str, name: str) -> None:
        """Give the notebook another kernel, started anew.

        Raises:
            KernelStartFailed: there is none of that name, or it did not start.
        """
        known = await self._kernels.kernel_names()
        if name not in known:
            raise KernelStartFailed(
                f"There is no kernel named {name}. There are: {', '.join(sorted(known)) or 'none'}."
            )
        try:
            if self._browser is not None and self._browser.has_tab(path):
                await self._in_tab(self._browser, path, name)
                return
        except TabGone:
            pass
        await self._kernels.change(path, name)

    async def _in_tab(self, browser: BrowserChannel, path: str, name: str) -> None:
        params = to_data(SelectKernelParams, SelectKernelParams(path=path, name=name))
        try:
            await browser.call(
                path,
                "notebook.select_kernel",
                params,
                op_id=new_id("op"),
                deadline=SELECT_DEADLINE,
            )
        except asyncio.TimeoutError as error:
            raise KernelStartFailed(
                f"The tab did not say within {SELECT_DEADLINE:.0f} s that the {name} kernel runs.",
                cause=error,
            ) from error
