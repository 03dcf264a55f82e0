"""Which conversation the panel shows while notebooks come, go and get other names."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from real_lab import choose_model, panel_state, say, wait_until
from test_panel import APPROVAL, MESSAGE

PLACE = ".jp-Agent-place"
TOAST = ".Toastify__toast"
ICON = "li[data-id='jupyter-agent-panel']"


def close_notebook(page):
    page.locator(".lm-DockPanel-tabBar .jp-mod-current .lm-TabBar-tabCloseIcon").click()
    notebook, discard = page.locator(".jp-NotebookPanel"), page.locator(".jp-Dialog .jp-mod-warn")
    wait_until(lambda: notebook.count() == 0 or discard.count() > 0, what="the end of the tab")
    if discard.count() > 0:
        discard.click()
    expect(notebook).to_have_count(0)


def test_the_conversation_stays_when_it_makes_the_first_notebook(bench):
    made = bench(["1"])
    page = made.open()
    close_notebook(page)
    expect(page.locator(PLACE)).to_have_text("No notebook")
    choose_model(page, "script/model_create")
    say(page, f"make {made.folder}/new.ipynb")
    page.locator(APPROVAL).locator("[data-action='allow-once']").click()
    expect(page.locator(".jp-NotebookPanel")).to_be_visible()
    panel_state(page, "running")
    expect(page.locator(PLACE)).to_have_text("new.ipynb")
    expect(page.locator(".jp-Agent-stopButton")).to_be_visible()
    expect(page.locator(MESSAGE).last).to_contain_text("All done.")
    panel_state(page, "idle")
    close_notebook(page)
    expect(page.locator(PLACE)).to_have_text("No notebook")
    expect(page.locator(MESSAGE)).to_have_count(0)


def test_an_approval_stays_when_the_notebook_is_closed_and_is_told_in_a_closed_panel(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_insert")
    say(page, "compute")
    expect(page.locator(APPROVAL)).to_be_visible()
    close_notebook(page)
    expect(page.locator(APPROVAL)).to_be_visible()
    expect(page.locator(PLACE)).to_have_text("notebook.ipynb")
    expect(page.locator(TOAST)).to_have_count(0)
    page.locator(ICON).click()
    expect(page.locator(APPROVAL)).to_be_hidden()
    expect(page.locator(ICON)).to_have_class(re.compile("jp-Agent-waitingTab"))
    toast = page.locator(TOAST)
    expect(toast).to_contain_text("waits for you in “compute”")
    toast.get_by_role("button", name="Show").click()
    expect(page.locator(APPROVAL)).to_be_visible()
    expect(page.locator(ICON)).not_to_have_class(re.compile("jp-Agent-waitingTab"))
    page.locator(".jp-Agent-newButton").click()
    expect(page.locator(APPROVAL)).to_be_hidden()
    waits = page.locator("[data-kind='waiting']")
    expect(waits).to_contain_text("waits for you in “compute”")
    waits.get_by_role("button", name="Show").click()
    expect(waits).to_have_count(0)
    page.locator(APPROVAL).locator("[data-action='deny']").click()
    expect(page.locator(TOAST)).to_have_count(0)


def test_a_renamed_notebook_keeps_its_conversation_and_what_can_be_undone(bench):
    notebook = bench(["1"])
    page = notebook.open()
    choose_model(page, "script/model_insert")
    say(page, "compute")
    page.locator(APPROVAL).locator("[data-action='allow-once']").click()
    expect(page.locator(MESSAGE).last).to_contain_text("42")
    panel_state(page, "idle")
    page.locator(".lm-DockPanel-tabBar .jp-mod-current").click(button="right")
    page.get_by_role("menuitem", name=re.compile("^Rename Notebook")).click()
    page.locator(".jp-FileDialog input, .jp-Dialog input").first.fill("renamed.ipynb")
    page.keyboard.press("Enter")
    expect(page.locator(PLACE)).to_have_text("renamed.ipynb")
    expect(page.locator(MESSAGE).last).to_contain_text("42")
    page.locator("[data-action='undo-all']").click()
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(1)
    expect(page.locator(".jp-Agent-review")).to_have_count(0)
    page.locator(".jp-Agent-sessionsButton").click()
    expect(page.locator(".jp-Agent-session")).to_have_count(1)
    page.reload()
    expect(page.locator(MESSAGE).last).to_contain_text("42")
    expect(page.locator(PLACE)).to_have_text("renamed.ipynb")
