"""A script that is open as a notebook in a real Lab with jupytext: one kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from real_lab import (
    BROWSER_FLAGS,
    Lab,
    choose_mode,
    choose_model,
    chromium_path,
    panel_state,
    say,
    script_trait,
    start_lab,
    stop_lab,
    tidy,
    wait_until,
)

SCRIPT = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %%
secret = 41
print('first', secret)

# %%
import time
for i in range(8):
    time.sleep(0.3)
    print('tick', i, flush=True)

# %%
print('sum', secret + 1)
"""
# Answers that are whole.
ENDS = ".jp-Agent-message[data-role='assistant']:has-text('That is all.')"
OUTPUT = ".jp-Notebook .jp-OutputArea-output"


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    running = start_lab(tmp_path_factory.mktemp("lab"), script_trait("model_program"))
    yield running
    stop_lab(running)


@pytest.fixture(scope="module")
def browser():
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on this machine: install it, or set JUPYTER_AGENT_CHROMIUM")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser, lab) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()
    tidy(lab)


def opened(lab: Lab, page: Page, name: str) -> Page:
    """Open a new script as a notebook, with the panel beside it."""
    (lab.root / name).write_text(SCRIPT)
    page.goto(f"{lab.url}/lab?token={lab.token}&reset")
    page.wait_for_function("window.jupyterapp?.started.then(() => true)")
    page.evaluate(
        "name => void jupyterapp.commands.execute('docmanager:open',"
        " {path: name, factory: 'Jupytext Notebook'})",
        name,
    )
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(3)
    page.evaluate("void jupyterapp.commands.execute('jupyter-agent:open-panel')")
    page.locator(".jp-Agent-panel").wait_for()
    page.wait_for_function(
        "jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
    )
    choose_mode(page, "auto")
    choose_model(page, "script/model_program")
    return page


def told(page: Page, *turns: object) -> str:
    """Have the agent call tools; return what they returned."""
    before = page.locator(ENDS).count()
    say(page, json.dumps(turns))
    return ended(page, before + 1)


def ended(page: Page, prompts: int) -> str:
    """Wait until so many prompts are answered; return the last answer."""
    expect(page.locator(ENDS)).to_have_count(prompts)
    panel_state(page, "idle")
    return page.locator(ENDS).last.inner_text()


RUN_ALL = ["run_cells", {"scope": "all", "wait_s": 60}]
LOOK = ["inspect_variables", {"names": ["secret"]}]


def test_a_script_that_is_open_as_a_notebook_has_one_kernel(lab, page):
    opened(lab, page, "one.py")
    words = told(page, [RUN_ALL], [LOOK])
    assert "sum 42" in words and "tick 7" in words
    assert "not defined" not in words
    again = told(page, [["run_cells", {"scope": "all", "wait_s": 60}]])
    assert "sum 42" in again
    expect(page.locator(OUTPUT).last).to_have_text("sum 42\n")
    assert [one["path"] for one in lab.get("api/sessions")] == ["one.py"]
    assert len(lab.get("api/kernels")) == 1
    assert "jupyter_agent" not in (lab.root / "one.py").read_text()


def test_a_script_renamed_in_mid_run_is_followed(lab, page):
    opened(lab, page, "before.py")
    say(page, json.dumps([[RUN_ALL]]))
    expect(page.locator(OUTPUT).nth(1)).to_contain_text("tick 1")
    page.evaluate("jupyterapp.serviceManager.contents.rename('before.py', 'after.py')")
    words = ended(page, 1)
    assert "NOTEBOOK_MISSING" not in words
    assert "tick 7" in words and "sum 42" in words
    expect(page.locator(OUTPUT).last).to_have_text("sum 42\n")
    wait_until((lab.root / "after.py").exists, what="the script at its new path")
    assert not (lab.root / "before.py").exists()
