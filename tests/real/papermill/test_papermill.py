"""Programs that run notebooks: an agent that repaired an error does not fail the notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from real_scripts import WHOLE, agent_home

pytestmark = pytest.mark.timeout(240)


def make_notebook(folder: Path, model: str) -> Path:
    sources = (
        "%load_ext jupyter_agent",
        f"%agent --mode auto --model script/{model} Go on.",
        "print('after')",
    )
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, folder / "work.ipynb")
    return folder / "work.ipynb"


def run(folder: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def check(notebook: Any) -> None:
    """Assert that all cells ran, and that the agent's is none that failed."""
    agent, after = notebook.cells[-2:]
    assert [output.text for output in after.outputs] == ["after\n"]
    kinds = [output.output_type for output in agent.outputs]
    assert "error" not in kinds and kinds
    shown = [output.data.get("text/markdown") for output in agent.outputs if "data" in output]
    assert WHOLE in shown
    errors = [output.text for output in agent.outputs if output.get("name") == "stderr"]
    assert any("ZeroDivisionError" in text for text in errors)


def test_papermill_runs_on_past_what_the_agent_repaired(tmp_path: Path) -> None:
    environment = agent_home(tmp_path)
    work = make_notebook(tmp_path, "repair")
    done = run(tmp_path, environment, "papermill", work.name, "done.ipynb", "--no-progress-bar")
    assert done.returncode == 0, done.stderr
    check(nbformat.read(tmp_path / "done.ipynb", as_version=4))


def test_nbclient_does_so_too_and_verify_finds_the_same(tmp_path: Path) -> None:
    environment = agent_home(tmp_path)
    work = make_notebook(tmp_path, "repair")
    done = run(tmp_path, environment, "jupyter", "execute", "--inplace", work.name)
    assert done.returncode == 0, done.stderr
    check(nbformat.read(work, as_version=4))
    told = run(tmp_path, environment, "jupyter_agent.cli.main", "verify", work.name)
    assert told.returncode == 0, told.stdout + told.stderr


def test_verify_overlooks_the_random_mark_that_the_agent_quotes(tmp_path: Path) -> None:
    environment = agent_home(tmp_path)
    work = make_notebook(tmp_path, "quote")
    done = run(tmp_path, environment, "jupyter", "execute", "--inplace", work.name)
    assert done.returncode == 0, done.stderr
    [*_, shown] = nbformat.read(work, as_version=4).cells[1].outputs
    assert shown.data["text/markdown"].startswith("The mark is data-")
    told = run(tmp_path, environment, "jupyter_agent.cli.main", "verify", work.name)
    assert told.returncode == 0, told.stdout + told.stderr
