"""A real JupyterLab with the extension, and a real browser that looks at it.

One server serves all tests, with scripted models beside the demo (`scripted_models.py`); each
test has a folder, a notebook and a browser context of its own. `real_lab.py` has the means.
"""

from __future__ import annotations

import ast

import pytest
from playwright.sync_api import sync_playwright
from real_lab import (
    BROWSER_FLAGS,
    HERE,
    Bench,
    chromium_path,
    script_trait,
    start_lab,
    stop_lab,
    tidy,
)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    source = (HERE / "scripted_models.py").read_text()
    names = [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("model_")
    ]
    running = start_lab(tmp_path_factory.mktemp("lab"), script_trait(*names))
    yield running
    stop_lab(running)


@pytest.fixture(scope="session")
def browser():
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on this machine: install it, or set JUPYTER_AGENT_CHROMIUM")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=BROWSER_FLAGS, headless=True
        )
        yield running
        running.close()


@pytest.fixture
def context(browser, request, tmp_path):
    made = browser.new_context(viewport={"width": 1400, "height": 900})
    made.set_default_timeout(30_000)
    yield made
    for number, page in enumerate(made.pages):
        if getattr(request.node, "failed", False):
            page.screenshot(path=str(tmp_path / f"failure-{number}.png"))
    made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True
    return report


@pytest.fixture
def tidied(lab):
    """The server without what a test leaves: approvals that wait would show in every other."""
    yield lab
    tidy(lab)


@pytest.fixture
def bench(tidied, lab, context):
    def make(cells=(), **more):
        return Bench(lab, context, cells, **more)

    return make
