"""Where a kernel finds the server it was started by: names that both ends must agree on.

Apart from `bridge.py`, whose dataclasses bring pydantic along: a server reads these at its start.
"""

from __future__ import annotations

# Set by the server in its own environment, which the kernels it starts inherit.
URL_VARIABLE = "JUPYTER_AGENT_BRIDGE_URL"
SECRET_VARIABLE = "JUPYTER_AGENT_BRIDGE_SECRET"

SECRET_HEADER = "X-Jupyter-Agent-Bridge"

# Below the server's base URL.
BRIDGE_PATH = "jupyter-agent/bridge"

# Seconds of silence after which the server says that it still waits for the model.
HEARTBEAT = 10.0
