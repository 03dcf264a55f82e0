"""A real Jupyter server with the extension, as a process of its own, and what a client sees of it."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

START_SECONDS = 60


class ServerProcess:
    """A server whose every folder lies in `folder`; `root` is what it serves."""

    def __init__(
        self,
        folder: Path,
        root: Path,
        environment: Mapping[str, str],
        *traits: str,
        base_url: str = "/",
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.token = secrets.token_hex(16)
        self.address = f"127.0.0.1:{port}{base_url}"
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyter_server",
                    "--no-browser",
                    "--allow-root",
                    f"--ServerApp.port={port}",
                    "--ServerApp.port_retries=0",
                    f"--ServerApp.root_dir={root}",
                    f"--ServerApp.base_url={base_url}",
                    f"--IdentityProvider.token={self.token}",
                    "--ServerApp.jpserver_extensions=jupyter_agent=True",
                    "--JupyterAgent.store=memory",
                    "--JupyterAgent.discover_local_servers=False",
                    *traits,
                ],
                cwd=root,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.http = httpx.Client(
            base_url=f"http://{self.address}",
            headers={"Authorization": f"token {self.token}"},
            timeout=30,
            trust_env=False,
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.http.get("api/status").raise_for_status()
                return
            except httpx.HTTPError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.end()
                    raise RuntimeError(self.log.read_text()[-4_000:]) from None
                time.sleep(0.1)

    def end(self) -> None:
        self.http.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
