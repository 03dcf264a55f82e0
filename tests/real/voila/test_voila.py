"""The chat widget in Voila, which has no front end of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import nbformat
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from real_lab import BROWSER_FLAGS, chromium_path, free_port, wait_until

WORKED = """
from jupyter_agent import Agent
agent = Agent("demo")
result = await agent.run("Hello")
agent.chat()
"""
# As in an environment that has no such package.
WITHOUT = "import sys; sys.modules['anywidget'] = None\n"


@pytest.fixture(scope="module")
def voila(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("voila")
    (folder / "config").mkdir()
    settings = {"JupyterAgent": {"demo_pace": 0, "discover_local_servers": False}}
    (folder / "config" / "jupyter_agent_config.json").write_text(json.dumps(settings))
    for name, source in (("with", WORKED), ("without", WITHOUT + WORKED)):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER_")}
    environment |= {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    port = free_port()
    command = [sys.executable, "-m", "voila", str(folder), "--no-browser", f"--port={port}"]
    with Path(folder / "voila.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(url, timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, seconds=60, what="Voila's first page")
        yield url
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def page() -> Iterator[Page]:
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on this machine: install it, or set JUPYTER_AGENT_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        page = browser.new_page()
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_with_anywidget_the_chat_works(voila: str, page: Page) -> None:
    page.goto(f"{voila}/voila/render/with.ipynb")
    expect(page.locator(".ja-User")).to_have_text("Hello", timeout=60_000)
    page.locator(".ja-Chat textarea").fill("Thanks")
    page.keyboard.press("Enter")
    expect(page.locator(".ja-User")).to_have_count(2, timeout=60_000)
    expect(page.locator("[class^='ja-Record']")).to_be_hidden()


def test_without_anywidget_the_document_is_shown_and_no_widget_fails(
    voila: str, page: Page
) -> None:
    errors: list[str] = []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.goto(f"{voila}/voila/render/without.ipynb")
    document = page.locator("[class^='ja-Record']")
    expect(document).to_be_visible(timeout=60_000)
    expect(document).to_contain_text("I am the demo")
    page.wait_for_load_state("networkidle")
    assert [error for error in errors if "anywidget" in error] == []
    expect(page.get_by_text("javascript error")).to_have_count(0)
