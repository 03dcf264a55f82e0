"""The command line as a real child process, and a real kernel: each with a folder, settings and
sessions of its own.
"""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from real_kernel import Kernel, own_environment, running_kernel, write_settings
from server_process import ServerProcess

SCRIPTS = (
    "says",
    "edits",
    "steps",
    "hesitates",
    "sleeps",
    "saves",
    "loops",
    "waits",
    "asks",
    "leaks",
    "leaves",
    "runs",
)


class Command:
    """`jupyter agent` in a folder of its own, without keys and without a network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notebook = folder / "work.ipynb"
        self._children: list[subprocess.Popen[bytes]] = []
        self.configure(scripts={name: f"command_scripts:{name}" for name in SCRIPTS})
        self.environment = own_environment(folder)

    def configure(self, **settings: Any) -> None:
        """Write the settings that the command reads."""
        write_settings(self.folder, **settings)

    def write_notebook(self, *sources: str, output: str = "") -> None:
        """Write a notebook of code cells; the last gets `output` as its output."""
        cells = [nbformat.v4.new_code_cell(source) for source in sources or ("x = 1",)]
        if output:
            cells[-1].outputs = [nbformat.v4.new_output("stream", text=output)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), self.notebook)

    def read_notebook(self) -> Any:
        """Read the notebook and see that it is valid."""
        notebook = nbformat.read(self.notebook, as_version=4)
        nbformat.validate(notebook)
        return notebook

    def log(self) -> list[str]:
        """Return what the cells wrote, a line each."""
        path = self.folder / "ran.log"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "jupyter_agent.cli.main", *arguments],
            check=False,
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=100,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command; it is killed at the end of the test if it still runs."""
        child = subprocess.Popen(
            [sys.executable, "-m", "jupyter_agent.cli.main", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._children.append(child)
        return child

    @staticmethod
    def events(output: str) -> list[dict[str, Any]]:
        """Read the events that `--json` printed."""
        return [json.loads(line) for line in output.splitlines()]

    @staticmethod
    def wait_for_event(
        child: "subprocess.Popen[bytes]", wanted: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        """Read a child's events until one is `wanted`."""
        assert child.stdout is not None
        for line in child.stdout:
            event: dict[str, Any] = json.loads(line)
            if wanted(event):
                return event
        raise AssertionError("the command ended without that event")

    def end_children(self) -> None:
        """Kill what still runs, and close all pipes."""
        for child in self._children:
            child.kill()
            child.communicate()


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    made = Command(tmp_path)
    made.write_notebook()
    yield made
    made.end_children()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Start a Jupyter server that serves a folder, by default the one that `command` works in."""
    started: list[ServerProcess] = []

    def start(
        *traits: str, root: Path = tmp_path, base_url: str = "/", **variables: str
    ) -> ServerProcess:
        environment = {**own_environment(tmp_path), **variables}
        started.append(ServerProcess(tmp_path, root, environment, *traits, base_url=base_url))
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture
async def kernel(tmp_path: Path) -> AsyncIterator[Kernel]:
    async with running_kernel(tmp_path) as made:
        yield made
