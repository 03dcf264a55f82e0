"""Whether this process is a kernel, and what an agent in it may use to reach models.

Keys that a person stored belong to the Jupyter server and to what people start themselves. A
kernel has those of its environment, and the server's bridge where there is one.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from ..config import data_folder
from ..models.credentials import Credentials
from .client import Bridge, find_bridge


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where keys are found, None: wherever the person keeps them; and the server, if any."""

    credentials: Credentials | None = None
    bridge: Bridge | None = None

    def unused_keys(self) -> str:
        """Return what to say of stored keys where nobody uses them for this process."""
        if self.credentials is None or (self.bridge is not None and self.bridge.problem is None):
            return ""
        said = f" {self.bridge.problem}" if self.bridge is not None else ""
        return (
            f"{said} Keys that were stored are never read inside a kernel: the Jupyter server uses "
            "them for its kernels, where it has jupyter-agent."
        )


def look_around() -> Surroundings:
    """Return what this process may use."""
    if not in_kernel():
        return Surroundings()
    return Surroundings(
        credentials=Credentials(data_folder(), stored=False), bridge=find_bridge(os.environ)
    )


def in_kernel() -> bool:
    """Say whether this is a kernel, or a program that one started.

    A script or an IPython in a terminal is not: that is a process its user started, as is the
    command line.
    """
    module = sys.modules.get("IPython")  # never imported for this
    shell = None if module is None else module.get_ipython()
    return hasattr(shell, "kernel") or "JPY_PARENT_PID" in os.environ
