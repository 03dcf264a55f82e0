"""A kernel gateway, the data beside it, and a JupyterLab whose kernels run there."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from real_lab import (
    BROWSER_FLAGS,
    EXAMPLES,
    Lab,
    chromium_path,
    free_port,
    script_trait,
    start_lab,
    stop_lab,
)

START_SECONDS = 60
# IPython runs this at its start: it notes each cell that a kernel takes up.
NOTE_CELLS = """\
def _note(info, _file={file!r}):
    if info.store_history:
        with open(_file, "a", encoding="utf-8") as cells:
            cells.write(ascii(info.raw_cell) + "\\n")

get_ipython().events.register("pre_run_cell", _note)
"""


class CellsRun:
    """The sources that kernels take up which have this folder as their home."""

    def __init__(self, home: Path) -> None:
        self._noted = home / "cells.txt"
        self.environment = {"HOME": str(home), "IPYTHONDIR": str(home / ".ipython")}
        startup = home / ".ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        text = NOTE_CELLS.format(file=str(self._noted))
        (startup / "note.py").write_text(text, encoding="utf-8")

    def begun(self) -> bool:
        return self._noted.exists()

    def take(self) -> list[str]:
        """Return the sources since the last call, in order."""
        text = self._noted.read_text(encoding="utf-8") if self._noted.exists() else ""
        self._noted.unlink(missing_ok=True)
        return [ast.literal_eval(line) for line in text.splitlines()]


@dataclass
class Gateway:
    """A running gateway."""

    url: str
    cells: CellsRun
    process: subprocess.Popen[bytes]

    def kernels(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = httpx.get(f"{self.url}/api/kernels", timeout=10).json()
        return found


@pytest.fixture(scope="module")
def cells_run() -> type[CellsRun]:
    return CellsRun


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    shutil.copy(EXAMPLES / "penguins.csv", folder)
    cells = CellsRun(folder)
    port = free_port()
    command = [sys.executable, "-m", "kernel_gateway", "--KernelGatewayApp.ip=127.0.0.1"]
    command += [
        f"--KernelGatewayApp.port={port}",
        "--JupyterWebsocketPersonality.list_kernels=True",
    ]
    command += ["--KernelGatewayApp.env_process_whitelist=['HOME', 'IPYTHONDIR']"]
    log = folder / "gateway.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **cells.environment},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    running = Gateway(f"http://127.0.0.1:{port}", cells, process)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            running.kernels()
            break
        except httpx.HTTPError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
    yield running
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, gateway: Gateway) -> Iterator[Lab]:
    # A model beside the demo: without any the panel asks for one first.
    traits = (f"--GatewayClient.url={gateway.url}", script_trait("model_stream"))
    running = start_lab(tmp_path_factory.mktemp("lab"), *traits)
    yield running
    stop_lab(running)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium_path(), args=BROWSER_FLAGS, headless=True
        )
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1400, "height": 900})
    made.set_default_timeout(60_000)
    yield made
    made.close()
