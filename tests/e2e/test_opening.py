"""When the panel opens by itself, and what it looks like once it is opened by hand."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

PANEL = ".jp-Agent-panel"
FIELD = ".jp-Agent-composer textarea"
ICON = ".lm-TabBar-tab[data-id='jupyter-agent-panel']"
TOGGLE = "[data-command='jupyter-agent:toggle-panel']"
APPS = ("lab/tree", "notebooks")


def saves_workspace(response):
    """Whether Lab's layout is kept."""
    return "/api/workspaces" in response.url and response.request.method == "PUT"


@pytest.mark.parametrize("app", APPS)
def test_it_opens_once_and_a_closed_panel_stays_closed(bench, app):
    notebook = bench(["1"])
    page = notebook.open(app=app)
    expect(page.locator(PANEL)).to_be_visible()
    if app == "lab/tree":
        with page.expect_response(saves_workspace):
            page.locator(ICON).click()
    else:
        # Notebook 7 keeps no layout: the panel is as it was left.
        page.locator(TOGGLE).click()
    expect(page.locator(PANEL)).to_be_hidden()
    page.goto(notebook.lab.address(notebook.path, app=app).replace("&reset", ""))
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    # It is there, and has heard from the server, without being shown.
    page.locator(f"{PANEL}[data-state='idle']").wait_for(state="attached")
    expect(page.locator(PANEL)).to_be_hidden()
    if app == "lab/tree":
        page.locator(ICON).click()
        height = page.locator(FIELD).bounding_box()["height"]
        page.locator(FIELD).fill("x")
        assert page.locator(FIELD).bounding_box()["height"] <= height
