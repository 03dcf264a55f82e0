"""The first minute of somebody new: an empty home, and JupyterLab's and Notebook 7's own defaults.

Lab asks whether it may fetch news; its question stays on the screen in all of these tests.
"""

from __future__ import annotations

import json

import httpx
import pytest
from playwright.sync_api import expect
from real_lab import start_lab, stop_lab, tidy, wait_until

PANEL = ".jp-Agent-panel"
ALLOW = ".jp-Agent-approval [data-action='allow-session']"
UNDO = f"{PANEL} .jp-Agent-tryDemo"
TOGGLE = "[data-command='jupyter-agent:toggle-panel']"
RUN = "[data-command='jupyter-agent:run-demo']"
TOAST = ".Toastify__toast-container"
DEMO = "jupyter-agent-demo"
# Of Notebook 7.6 itself, with and without this extension: its shortcuts are told of a plugin's
# settings before these are loaded.
NOT_OURS = "reading 'schema'"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    running = start_lab(tmp_path_factory.mktemp("fresh"), asks_about_news=True)
    yield running
    stop_lab(running)


@pytest.fixture
def start(fresh, context):
    """Open a page of the server by its path."""
    faults: list[str] = []
    context.on("weberror", lambda fault: faults.append(str(fault.error)))

    def opened(path: str):
        page = context.new_page()
        page.goto(f"{fresh.url}/{path}?token={fresh.token}")
        return page

    yield opened
    tidy(fresh)
    assert [fault for fault in faults if NOT_OURS not in fault] == []


def allow_twice(page):
    """Allow what the demo asks, for the session: with the click that began it, three in all."""
    for _ in range(2):
        page.locator(ALLOW).first.click()
        expect(page.locator(ALLOW)).to_have_count(0)
    # A new kernel imports pandas and matplotlib for it.
    expect(page.locator(f"{PANEL}[data-state='idle']")).to_be_visible(timeout=120_000)
    answer = page.locator(".jp-Agent-message[data-role='assistant']").last
    expect(answer).to_contain_text("Gentoo is the heaviest species")


def below(page, selector: str) -> float:
    """Return how many pixels of an element lie behind a notification."""
    box, toast = page.locator(selector).bounding_box(), page.locator(TOAST).bounding_box()
    return box["y"] + box["height"] - toast["y"]


def test_one_click_in_the_launcher_plays_the_demo_and_one_undoes_it(fresh, start):
    page = start("lab")
    page.locator(".jp-LauncherCard", has_text="Agent Demo").click()
    allow_twice(page)
    assert sorted(one.name for one in (fresh.root / DEMO).glob("*.*")) == [
        ".ipynb_checkpoints",
        "penguins.csv",
        "penguins.ipynb",
    ]
    page.locator(UNDO).click()
    expect(page.locator(".jp-Notebook")).to_have_count(0)
    expect(page.locator(f"{PANEL} .jp-Agent-setupCard")).to_be_visible()
    assert list(fresh.root.iterdir()) == []
    assert fresh.get("jupyter-agent/api/sessions") == {"sessions": []}
    assert fresh.get("api/kernels") == []
    expect(page.locator(".jp-LauncherCard", has_text="Agent Demo")).to_be_visible()


def test_a_notification_lies_over_nothing_that_is_pressed(fresh, start):
    page = start("lab")
    page.locator(f"{PANEL} .jp-Agent-setupCard").wait_for()
    expect(page.locator(TOAST)).to_contain_text("Jupyter news")
    for width, height in ((1400, 900), (900, 600)):
        page.set_viewport_size({"width": width, "height": height})
        wait_until(lambda: below(page, f"{PANEL}") <= 0, what="room for the notification")
    page.locator(TOAST).get_by_role("button", name="No", exact=True).click()
    expect(page.locator(TOAST)).to_have_count(0)
    expect(page.locator(".jp-Agent")).to_have_css("padding-bottom", "0px")


def test_notebook_7_from_its_list_of_files(fresh, start, context):
    tree = start("tree")
    with context.expect_page() as opening:
        tree.locator(RUN).click()
    page = opening.value
    allow_twice(page)
    page.locator(UNDO).click()
    page.wait_for_url("**/tree*")
    wait_until(lambda: list(fresh.root.iterdir()) == [], what="an empty folder")


def test_the_first_notebook_of_notebook_7_has_the_panel_and_ways_to_it(fresh, start, context):
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = {"cells": [], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (fresh.root / "own.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    tree = start("tree")
    expect(tree.locator(RUN)).to_be_visible()  # the agent has loaded
    with context.expect_page() as opening:
        tree.locator(".jp-DirListing-item", has_text="own.ipynb").dblclick()
    page = opening.value
    expect(page.locator(PANEL)).to_be_visible()
    page.reload()
    expect(page.locator(PANEL)).to_be_visible()
    page.locator(TOGGLE).first.click()
    expect(page.locator(PANEL)).to_be_hidden()
    page.get_by_role("menuitem", name="View").click()
    page.get_by_role("menuitemcheckbox", name="Agent Panel").or_(
        page.get_by_role("menuitem", name="Agent Panel")
    ).click()
    expect(page.locator(PANEL)).to_be_visible()
    (fresh.root / "own.ipynb").unlink()


def test_a_demo_that_somebody_worked_in_is_kept(fresh):
    """By the routes alone, as the buttons use them."""
    headers = {"Authorization": f"token {fresh.token}"}
    with httpx.Client(base_url=f"{fresh.url}/jupyter-agent/api", headers=headers) as server:

        def make() -> str:
            return server.post("/demo", json={}).raise_for_status().json()["notebook"]

        def undo(path: str) -> httpx.Response:
            return server.delete("/demo", params={"notebook": path})

        first, second = make(), make()
        assert (first, second) == (f"{DEMO}/penguins.ipynb", f"{DEMO}-2/penguins.ipynb")
        assert server.get("/demo").json() == {"notebook": second}
        for change in (
            lambda: (fresh.root / DEMO / "mine.txt").write_text("x"),
            lambda: (fresh.root / DEMO / "penguins.csv").write_text("species"),
            lambda: typed_into(fresh.root / first),
        ):
            kept = contents(fresh.root / DEMO)
            change()
            refused = undo(first)
            assert refused.status_code == 409 and "kept" in refused.json()["message"]
            for name, before in kept.items():
                (fresh.root / DEMO / name).write_bytes(before)
            (fresh.root / DEMO / "mine.txt").unlink(missing_ok=True)
        assert undo("other/penguins.ipynb").status_code == 400
        assert undo(first).status_code == undo(second).status_code == 204
    assert list(fresh.root.glob(f"{DEMO}*")) == []


def typed_into(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][1]["source"] = ["my = 1"]
    path.write_text(json.dumps(notebook), encoding="utf-8")


def contents(folder):
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
