"""`ScratchKernel`: a kernel for one purpose, in a notebook's folder, that never outlives it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from .client import KernelClientRunner
from .managed import ManagedKernels
from .outputs import OutputLimits

if TYPE_CHECKING:
    from .runner import KernelRunner

# Of what a thousand cells print, less is kept than of the cells of a notebook that is shown.
_LIMITS = OutputLimits(stream=1_000_000, data=4_000_000, outputs=1_000)


class ScratchKernel:
    """While inside, a runner of a new kernel; it starts with the first cell.

    Nobody answers its `input()`, which gets end-of-file at once. Leaving by an error or by
    cancellation, or while a cell runs, kills the kernel; else it may end in order.

    Args:
        root: the folder that notebook paths are relative to.
        path: the notebook in whose folder it runs.
        kernel_name: its kernelspec; None: the default one.
    """

    def __init__(self, root: Path, path: str, kernel_name: str | None) -> None:
        self._kernels = ManagedKernels(root)
        self._runner = KernelClientRunner(
            path,
            self._kernels,
            kernel_name=kernel_name,
            input_deadline=0.0,
            limits=_LIMITS,
            keep_kernel=True,
        )
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> KernelRunner:
        return self._runner

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # A task of its own: whoever is cancelled a second time leaves no kernel behind.
        self._closing = asyncio.create_task(self._close(failed=kind is not None))
        await asyncio.shield(self._closing)

    async def _close(self, *, failed: bool) -> None:
        now = failed or (await self._runner.status()).state != "idle"
        if now:
            # First, since to let go of a runner can take as long as its kernel does not answer.
            await self._kernels.aclose(now=True)
        await self._runner.aclose()
        await self._kernels.aclose(now=now)
