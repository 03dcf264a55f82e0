"""When the panel opens by itself, and what it looks like once it is opened by hand."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from real_lab import wait_until

PANEL = ".jp-Agent-panel"
FIELD = ".jp-Agent-composer textarea"
ICON = ".lm-TabBar-tab[data-id='jupyter-agent-panel']"
TOGGLE = "[data-command='jupyter-agent:toggle-panel']"
ASKED = "() => Object.keys(localStorage).some(key => key.startsWith('jupyter-agent:panel-width'))"
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


@pytest.mark.parametrize("app", APPS)
def test_it_asks_for_its_width_once_and_keeps_one_that_was_chosen(bench, app):
    notebook = bench(["1"])
    page = notebook.open(app=app)
    panel = page.locator(PANEL)
    wait_until(lambda: 390 <= panel.bounding_box()["width"] <= 410, what="a panel of 400 px")
    drag_edge(page, by=-100)
    wait_until(
        lambda: 490 <= panel.bounding_box()["width"] <= 510, what="the width that was chosen"
    )
    if app == "notebooks":
        return  # it keeps no layout
    with page.expect_response(saves_workspace):
        drag_edge(page, by=-20)
    chosen = panel.bounding_box()["width"]
    # Not even a browser that has never asked moves an edge that a person has moved.
    for script in ("() => {}", "() => localStorage.clear()"):
        page.evaluate(script)
        page.goto(notebook.lab.address(notebook.path).replace("&reset", ""))
        page.locator(f"{PANEL}[data-state='idle']").wait_for()
        page.wait_for_function(ASKED)
        assert abs(panel.bounding_box()["width"] - chosen) <= 2


def drag_edge(page, *, by):
    """Drag the edge between the notebook and the panel sideways."""
    box = page.locator("#jupyter-agent-panel").bounding_box()
    x, y = box["x"] - 2, box["y"] + 200
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by, y, steps=4)
    page.mouse.up()
