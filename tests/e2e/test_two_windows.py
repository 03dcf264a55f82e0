"""One notebook in two windows, as on two machines: the one that asked is worked in, both show it."""

from __future__ import annotations

from playwright.sync_api import expect
from real_lab import choose_mode, choose_model, panel_state, say


def test_the_window_that_asked_is_worked_in_and_the_other_shows_it(bench, browser):
    notebook = bench(["1"])
    asking = notebook.open()
    elsewhere = browser.new_context(viewport={"width": 1200, "height": 800})
    try:
        other = elsewhere.new_page()
        other.goto(notebook.lab.address(notebook.path))
        # Focused last: before, this window was the one to act.
        other.locator(".jp-Notebook .jp-Cell").first.click()
        choose_model(asking, "script/model_insert")
        choose_mode(asking, "auto")
        say(asking, "compute")
        panel_state(asking, "idle")
        output = ".jp-Notebook .jp-OutputArea-output"
        expect(asking.locator(output).last).to_contain_text("42")
        expect(other.locator(output).last).to_contain_text("42")
        # What is saved in either since then meets no conflict.
        for page in (other, asking):
            page.locator(".jp-Notebook .jp-Cell").first.click()
            page.keyboard.press("Control+s")
            expect(page.locator(".jp-Dialog")).to_have_count(0)
    finally:
        elsewhere.close()
