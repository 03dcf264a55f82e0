"""A Jupyter server with the extension, for the statements about what the server answers."""

from server_fixtures import agent_app, browser, jp_server_config, make_browser, manager, socket

__all__ = ["agent_app", "browser", "jp_server_config", "make_browser", "manager", "socket"]
