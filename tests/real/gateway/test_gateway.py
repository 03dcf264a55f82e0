"""The example task on a kernel behind a real gateway: the same numbers, each cell run once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
from real_lab import EXAMPLES, Bench, Lab, choose_mode, choose_model, panel_state, wait_until

from jupyter_agent.demo.script import DEMO_PROMPT

pytestmark = pytest.mark.timeout(300)


def run_agent(folder: Path, **more: str) -> str:
    """Run the example task by the command line, and return what it says."""
    shutil.copy(EXAMPLES / "penguins.ipynb", folder)
    shutil.copy(EXAMPLES / "penguins.csv", folder)
    words = [
        "run",
        "penguins.ipynb",
        "-p",
        DEMO_PROMPT,
        "--model",
        "demo",
        "--yes",
        "--store",
        "memory",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_agent.cli.main", *words],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def numbers(text: str) -> list[str]:
    """Return the numbers of the conclusion, which the demo takes from outputs alone."""
    conclusion = text[text.index("is the heaviest species") :].partition(" tokens")[0]
    return re.findall(r"[−+-]?\d[\d,.]*\d", conclusion)


def outputs(file: Path) -> list[Any]:
    """Return what a notebook's code cells show: texts, and the kinds of the rest."""
    notebook = nbformat.read(file, as_version=4)
    return [
        [output.get("text") or sorted(output.get("data", {})) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@dataclass(frozen=True)
class Task:
    """What the task brought: the conclusion's numbers, the outputs, and the sources that ran."""

    numbers: list[str]
    outputs: list[Any]
    ran: list[str]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, cells_run: Any) -> Task:
    """What the task brings in a kernel of this machine."""
    folder = tmp_path_factory.mktemp("here")
    cells = cells_run(folder)
    text = run_agent(folder, **cells.environment)
    task = Task(numbers(text), outputs(folder / "penguins.ipynb"), cells.take())
    assert len(task.numbers) > 10 and len(task.ran) >= 5
    return task


def test_from_the_command_line(gateway: Any, here: Task, tmp_path: Path) -> None:
    text = run_agent(tmp_path, JUPYTER_GATEWAY_URL=gateway.url)
    assert Task(numbers(text), outputs(tmp_path / "penguins.ipynb"), gateway.cells.take()) == here
    assert gateway.kernels() == [], "its kernel stayed at the gateway"


def demo_notebook(lab: Lab, context: Any) -> Bench:
    made = Bench(lab, context, name="penguins.ipynb")
    shutil.copy(EXAMPLES / "penguins.ipynb", made.file)
    shutil.copy(EXAMPLES / "penguins.csv", made.file.parent)
    return made


@pytest.mark.parametrize("stays", [True, False], ids=["in a tab", "whose tab is closed"])
def test_in_the_panel(gateway: Any, lab: Lab, context: Any, here: Any, stays: bool) -> None:
    gateway.cells.take()
    made = demo_notebook(lab, context)
    page = made.open()
    choose_model(page, "demo")
    choose_mode(page, "auto")
    page.locator(".jp-Agent-demoButton").click()
    page.locator(".jp-Agent-panel:not([data-state='idle'])").wait_for()
    if not stays:
        wait_until(gateway.cells.begun, seconds=60, what="a first cell that runs")
        page.close()
    wait_until(lambda: ended(lab, made.path), seconds=200, what="the end")
    if stays:
        panel_state(page, "idle")
        text = page.locator(".jp-Agent-message[data-role='assistant']").last.inner_text()
    else:
        text = export(lab, sessions(lab, made.path)[0]["id"])
    assert Task(numbers(text), outputs(made.file), gateway.cells.take()) == here


def sessions(lab: Lab, path: str) -> list[dict[str, Any]]:
    found: Any = lab.get("jupyter-agent/api/sessions")
    return [entry for entry in found["sessions"] if entry.get("notebook_path") == path]


def ended(lab: Lab, path: str) -> bool:
    return [entry["status"] for entry in sessions(lab, path)] == ["idle"]


def export(lab: Lab, session_id: str) -> str:
    """Return a session as Markdown."""
    headers = {"Authorization": f"token {lab.token}"}
    address = f"{lab.url}/jupyter-agent/api/sessions/{session_id}/export"
    return httpx.get(address, headers=headers, timeout=10).raise_for_status().text
