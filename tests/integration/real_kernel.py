"""A real kernel, and surroundings of its own for it: folders, settings, no keys."""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

HERE = Path(__file__).parent


def own_environment(folder: Path) -> dict[str, str]:
    """Return an environment without keys, in which Jupyter's folders lie in this one."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_API_KEY", "_TOKEN")) and not name.startswith("JUPYTER_")
    }
    inherited = filter(None, [os.environ.get("PYTHONPATH")])
    return kept | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        # Beside what this very process was given, so that a child tests the same package.
        "PYTHONPATH": os.pathsep.join([str(HERE), *inherited]),
        "PYTHONWARNINGS": "default",
    }


def write_settings(folder: Path, **settings: Any) -> None:
    """Write the settings that a child process will read."""
    settings = {"discover_local_servers": False, **settings}
    (folder / "config").mkdir(exist_ok=True)
    path = folder / "config" / "jupyter_agent_config.json"
    path.write_text(json.dumps({"JupyterAgent": settings}))


@dataclass
class Kernel:
    """A Python kernel, and a client of it."""

    manager: AsyncKernelManager
    client: AsyncKernelClient
    folder: Path


@asynccontextmanager
async def running_kernel(tmp_path: Path) -> AsyncIterator[Kernel]:
    """Start a kernel in a folder of its own, and end it."""
    scripts = {
        "code": "kernel_scripts:code",
        "turns": "kernel_scripts:turns",
        "asks": "command_scripts:asks",
    }
    write_settings(tmp_path, scripts=scripts, demo_pace=0)
    manager = AsyncKernelManager()
    await manager.start_kernel(
        cwd=str(tmp_path), env=own_environment(tmp_path), stderr=subprocess.DEVNULL
    )
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)
        yield Kernel(manager, client, tmp_path)
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
        manager.context.destroy()
