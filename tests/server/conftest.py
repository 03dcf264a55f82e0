"""A Jupyter server with the extension for every test here; see `server_fixtures.py`."""

from server_fixtures import (
    agent_app,
    browser,
    jp_server_config,
    make_browser,
    manager,
    socket,
    stranger,
    until,
)

__all__ = [
    "agent_app",
    "browser",
    "jp_server_config",
    "make_browser",
    "manager",
    "socket",
    "stranger",
    "until",
]
