"""The magics and the kernels on the oldest IPython and ipykernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import ipykernel
import IPython
import pytest
from jupyter_client.manager import start_new_kernel
from real_scripts import agent_home

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.timeout(400)


def test_they_are_the_oldest() -> None:
    assert IPython.version_info[:2] == (8, 12)
    assert ipykernel.version_info[:2] == (6, 29)


def test_code_inside_a_cell_has_a_number_of_its_own(tmp_path: Path) -> None:
    """Else IPython 8 prints into the cell that the number is "not unique in database"."""
    manager, client = start_new_kernel(env=agent_home(tmp_path))
    shown: list[str] = []

    def note(message: dict[str, Any]) -> None:
        shown.append(str(message["content"]))

    try:
        for code in (
            "%load_ext jupyter_agent",
            "%agent --mode auto --model script/twice Go on.",
            "mark_0, mark_1",
            "%history -n",
        ):
            reply = client.execute_interactive(code, output_hook=note, timeout=60)
            assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    text = "\n".join(shown)
    assert "not unique" not in text
    assert "Both ran." in text and "(0, 1)" in text


@pytest.mark.parametrize(
    "tests",
    [
        "tests/integration/test_magics_kernel.py",
        "tests/integration/test_kernel_inprocess.py",
    ],
)
def test_what_holds_on_the_newest_holds_here(tests: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6_000:]
