"""Whether a browser tab has a file open, or a live document that people share holds it.

The command line asks before it writes a file.
"""

from __future__ import annotations

import os

from jupyter_server.auth.decorator import authorized
from tornado import web

from .rest import AgentHandler


class OpenTabsHandler(AgentHandler):
    """The notebooks that tabs or live documents have open, by their files."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return `{open}` for a `file`, an absolute path: a tab may have it by way of a link."""
        asked = _real(self.get_query_argument("file", ""))
        root = self.settings["serverapp"].root_dir
        in_tab = any(_real(root, path) == asked for path in self.agent.tabs.paths())
        self.finish({"open": in_tab or self.agent.rooms.holds(asked)})


def _real(*steps: str) -> str:
    return os.path.normcase(os.path.realpath(os.path.join(*steps)))
