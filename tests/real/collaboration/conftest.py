"""A JupyterLab with jupyter-collaboration, notebooks in it, and pages without the agent's socket."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from real_lab import BROWSER_FLAGS, Lab, chromium_path, start_lab, stop_lab
from room_clients import AgentClient

HERE = Path(__file__).parent
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]))
        running = start_lab(
            tmp_path_factory.mktemp("lab"),
            "--JupyterAgent.scripts={'steps': 'room_scripts:steps'}",
            "--YDocExtension.document_cleanup_delay=0.5",
        )
    yield running
    stop_lab(running)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium_path()
    assert path is not None, "no Chromium on this machine: set JUPYTER_AGENT_CHROMIUM"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=BROWSER_FLAGS, headless=True
        )
        yield running
        running.close()


@pytest.fixture
def notebook(lab: Lab) -> str:
    """Make a notebook of three cells, `first`, `second` and `third`; returns its path."""
    cells = [
        nbformat.v4.new_code_cell(f"{name} = 1", id=name) for name in ("first", "second", "third")
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    path = f"notebook-{next(_numbers)}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), lab.root / path)
    return path


@pytest.fixture
def agent(lab: Lab, notebook: str) -> Iterator[AgentClient]:
    client = AgentClient(lab, notebook)
    yield client
    client.close()


@pytest.fixture
def open_page(lab: Lab, browser: Browser, notebook: str) -> Iterator[Callable[[], Page]]:
    """Open the notebook as a person does who has no panel of the agent: its socket is closed."""
    contexts: list[Any] = []

    def make() -> Page:
        context = browser.new_context(viewport={"width": 1000, "height": 800})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.route_web_socket("**/jupyter-agent/**", lambda socket: socket.close())
        page.goto(lab.address(notebook))
        page.locator(".jp-Notebook .jp-Cell .cm-content").nth(2).wait_for()
        return page

    yield make
    for context in contexts:
        context.close()
