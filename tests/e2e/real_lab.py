"""A real JupyterLab with the extension, and what a person does in it: started, opened, driven."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import nbformat
from playwright.sync_api import Page, TimeoutError, expect

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "examples"
BROWSER_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 60
# A loaded machine draws a page slowly; nothing here asserts speed.
expect.set_options(timeout=30_000)


def chromium_path() -> str | None:
    """Return the browser: the one named, else the system's."""
    named = os.environ.get("JUPYTER_AGENT_CHROMIUM")
    if named:
        return named
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Lab:
    """A running server."""

    url: str
    token: str
    root: Path
    process: subprocess.Popen[bytes]
    log: Path
    command: list[str]
    environment: dict[str, str]

    def address(self, path: str, *, app: str = "lab/tree") -> str:
        return f"{self.url}/{app}/{path}?token={self.token}&reset"

    def get(self, path: str) -> object:
        headers = {"Authorization": f"token {self.token}"}
        return httpx.get(f"{self.url}/{path}", headers=headers, timeout=10).json()


def start_lab(folder: Path, *traits: str, asks_about_news: bool = False) -> Lab:
    """Start a server whose every folder lies in `folder`, and wait until it answers.

    `asks_about_news`: JupyterLab asks its question of the first start, as it does by default.
    """
    root = folder / "root"
    root.mkdir(parents=True)
    port, token, log = free_port(), secrets.token_hex(16), folder / "server.log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
        "MPLCONFIGDIR": str(folder / "mpl"),
    }
    quiet = []
    if not asks_about_news:
        write_setting(folder, "notification", '{"fetchNews": "false", "checkForUpdates": false}')
        quiet = ["--LabApp.news_url="]
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={token}",
        "--ServerApp.port_retries=0",
        *quiet,
        "--LabApp.expose_app_in_browser=True",
        "--JupyterAgent.demo_pace=0",
        "--JupyterAgent.discover_local_servers=False",
        *traits,
    ]
    lab = Lab(
        f"http://127.0.0.1:{port}",
        token,
        root,
        launch(command, root, environment, log),
        log,
        command,
        environment,
    )
    wait_for_lab(lab)
    return lab


def launch(
    command: list[str], root: Path, environment: dict[str, str], log: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab") as stream:
        return subprocess.Popen(
            command, cwd=root, env=environment, stdout=stream, stderr=subprocess.STDOUT
        )


def wait_for_lab(lab: Lab) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            lab.get("api/status")
            return
        except httpx.HTTPError as error:
            if lab.process.poll() is not None or time.monotonic() > deadline:
                lab.process.kill()
                raise RuntimeError(f"no server: {lab.log.read_text()[-4000:]}") from error
            time.sleep(0.2)


def kill_lab(lab: Lab) -> None:
    """End the server as a power cut would."""
    lab.process.kill()
    lab.process.wait(10)


def restart_lab(lab: Lab) -> None:
    """Start a server that was killed again, at the same address."""
    lab.process = launch(lab.command, lab.root, lab.environment, lab.log)
    wait_for_lab(lab)


def write_setting(folder: Path, plugin: str, text: str) -> None:
    """Choose a setting of Lab's apputils as a person would, before a page is opened."""
    place = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{plugin}.jupyterlab-settings").write_text(text, encoding="utf-8")


def stop_lab(lab: Lab) -> None:
    lab.process.terminate()
    try:
        lab.process.wait(20)
    except subprocess.TimeoutExpired:
        lab.process.kill()
        lab.process.wait(5)


def tidy(lab: Lab) -> None:
    """Delete every session of the agent, and end every kernel."""
    headers = {"Authorization": f"token {lab.token}"}
    with httpx.Client(base_url=lab.url, headers=headers, timeout=30) as server:
        found = server.get("/jupyter-agent/api/sessions").raise_for_status().json()
        for session in found["sessions"]:
            server.delete(f"/jupyter-agent/api/sessions/{session['id']}").raise_for_status()
        for kernel in server.get("/api/kernels").raise_for_status().json():
            server.delete(f"/api/kernels/{kernel['id']}")  # one that is gone already is no fault


def script_trait(*names: str) -> str:
    table = {name: f"scripted_models:{name}" for name in names}
    return f"--JupyterAgent.scripts={table!r}"


_numbers = itertools.count(1)


class Bench:
    """One test's notebook in the browser, with the panel beside it."""

    def __init__(self, lab: Lab, context, cells=(), *, name: str = "notebook.ipynb") -> None:
        self.lab = lab
        self.context = context
        self.folder = f"test-{next(_numbers)}"
        (lab.root / self.folder).mkdir()
        self.path = f"{self.folder}/{name}"
        self.file = lab.root / self.path
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, self.file)

    def open(self, *, app: str = "lab/tree") -> Page:
        page = self.context.new_page()
        page.goto(self.lab.address(self.path, app=app))
        page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        panel = page.locator(".jp-Agent-panel")
        try:
            panel.wait_for(timeout=10_000)  # it opens by itself once the server has answered
        except TimeoutError:
            # A click before that would close it again.
            page.locator(
                "li[data-id*='jupyter-agent'], [data-command='jupyter-agent:open-panel']"
            ).first.click()
            panel.wait_for()
        return page

    def read(self):
        """Return the notebook as it is on disk, after any save that goes on.

        Jupyter empties a file before it writes it anew, and until then keeps the text from
        before beside it.
        """
        before = self.file.with_name(f".~{self.file.name}")
        found = []

        def whole():
            saving = before.exists()
            try:
                found.append(nbformat.read(self.file, as_version=4))
            except nbformat.reader.NotJSONError:
                if not saving and not before.exists():
                    found.append(nbformat.read(self.file, as_version=4))
            return found

        wait_until(whole, what="the end of a save")
        return found[-1]

    def saved(self):
        """Return the notebook as it is on disk, checked to be valid."""
        notebook = self.read()
        nbformat.validate(notebook)
        return notebook


def choose_model(page: Page, name: str) -> None:
    """Choose a model in the panel."""
    page.locator(".jp-Agent-modelPicker").click()
    page.get_by_role("option", name=name).first.click()


def choose_mode(page: Page, mode: str) -> None:
    page.locator(".jp-Agent-modePicker select").select_option(mode)


def say(page: Page, text: str) -> None:
    page.locator(".jp-Agent-composer textarea").fill(text)
    page.keyboard.press("Enter")


def panel_state(page: Page, state: str) -> None:
    """Wait until the panel is in a state."""
    expect(page.locator(f".jp-Agent-panel[data-state='{state}']")).to_be_visible()


def wait_until(check, *, seconds: float = 30, what: str = "condition") -> None:
    """Wait for something outside the browser."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
