"""Kernels of our own behind a kernel gateway, where Jupyter is set up to use one.

Outside a server the variable `JUPYTER_GATEWAY_URL` (and its neighbours, for keys and
certificates) names the gateway; inside a server, its own configuration does. The client is
`jupyter_server`'s: https://jupyter-server.readthedocs.io/en/latest/api/jupyter_server.gateway.html
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from ..protocol.errors import KernelError, KernelStartFailed

_MODULE = "jupyter_server.gateway.gateway_client"


def gateway_is_used() -> bool:
    """Return whether kernels run behind a gateway here."""
    if not os.environ.get("JUPYTER_GATEWAY_URL") and _MODULE not in sys.modules:
        return False
    from jupyter_server.gateway.gateway_client import GatewayClient

    return bool(GatewayClient.instance().gateway_enabled)


class RemoteKernel:
    """A kernel behind a gateway that this process started and ends, as a `KernelHandle`."""

    def __init__(self, manager: Any) -> None:
        self.manager = manager
        self._callbacks: list[Callable[[], None]] = []

    @property
    def kernel_id(self) -> str:
        """Its id at the gateway."""
        return str(self.manager.kernel_id)

    @property
    def kernel_name(self) -> str:
        """The name of its kernelspec, one of the gateway's."""
        return str((self.manager.kernel or {}).get("name", self.manager.kernel_name))

    @property
    def language(self) -> str | None:
        """None: a connection asks the kernel itself."""
        return None

    @property
    def execution_state(self) -> str | None:
        """None: only a connection hears what it does."""
        return None

    async def interrupt(self) -> None:
        """Interrupt what runs.

        Raises:
            KernelError: the gateway did not do it.
        """
        try:
            await self.manager.interrupt_kernel()
        except Exception as error:
            raise KernelError(f"The gateway did not interrupt the kernel: {error}") from error

    async def restart(self) -> None:
        """Have the gateway restart it.

        Raises:
            KernelStartFailed: it did not.
        """
        try:
            await self.manager.restart_kernel()
        except Exception as error:
            raise KernelStartFailed(f"The kernel did not restart: {error}") from error

    async def is_alive(self) -> bool:
        """Return whether the gateway has it.

        Raises:
            KernelError: the gateway does not say.
        """
        try:
            # The manager answers True also to the request by which it learns that it is gone.
            return bool(await self.manager.is_alive()) and bool(self.manager.has_kernel)
        except Exception as error:
            raise KernelError(
                f"The gateway does not say whether the kernel lives: {error}"
            ) from error

    def add_death_callback(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Note a callback; called when the kernel is shut down by us. Deaths are seen by polling."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    async def shutdown(self, *, now: bool = False) -> None:
        """Have the gateway end it."""
        for callback in tuple(self._callbacks):
            callback()
        await self.manager.shutdown_kernel(now=now)


async def start_remote(kernel_name: str | None, folder: str) -> RemoteKernel:
    """Start a kernel at the gateway; `folder` is passed on, and up to the gateway to follow.

    Raises:
        KernelStartFailed: it could not be started.
    """
    manager = _managers().GatewayKernelManager()
    try:
        found = await _specifications()
        name = kernel_name or str(found.get("default") or "python3")
        if name not in found["kernelspecs"]:
            names = ", ".join(sorted(found["kernelspecs"])) or "none"
            raise KernelStartFailed(
                f"The gateway has no kernel named {name}; it has: {names}. Choose one of them in "
                "the notebook, or have this one installed there."
            )
        await manager.start_kernel(kernel_name=name, cwd=folder)
    except KernelStartFailed:
        raise
    except Exception as error:
        raise KernelStartFailed(f"The gateway did not start a kernel: {error}") from error
    return RemoteKernel(manager)


async def remote_kernel_names() -> dict[str, str]:
    """Return the gateway's kernelspecs: display names by name.

    Raises:
        KernelError: the gateway does not list them.
    """
    try:
        found = await _specifications()
    except Exception as error:
        raise KernelError(f"The gateway's kernels could not be listed: {error}") from error
    kernels = found["kernelspecs"]
    return {name: str(entry["spec"]["display_name"]) for name, entry in kernels.items()}


async def _specifications() -> dict[str, Any]:
    # The manager's own list is empty without a server around it; its address is right.
    address = _managers().GatewayKernelSpecManager().base_endpoint
    response = await _managers().gateway_request(address, method="GET")
    listed: dict[str, Any] = json.loads(response.body)
    return listed


def _managers() -> Any:
    """Return the module of the gateway's managers, which has no types."""
    from jupyter_server.gateway import managers

    return managers
