"""The panel in Notebook 7: a prompt, an approval, a cell that runs, an answer."""

from __future__ import annotations

from playwright.sync_api import expect
from real_lab import choose_model, panel_state, say, wait_until


def test_a_prompt_is_allowed_and_its_cell_runs(bench):
    notebook = bench(["1"])
    page = notebook.open(app="notebooks")
    assert page.locator("body[data-notebook='notebooks']").count() == 1
    choose_model(page, "script/model_insert")
    say(page, "compute")
    approval = page.locator(".jp-Agent-approval")
    expect(approval).to_contain_text("answer = 6 * 7")
    approval.locator("[data-action='allow-once']").click()
    expect(page.locator(".jp-Agent-message[data-role='assistant']").last).to_contain_text("42")
    expect(page.locator(".jp-Notebook .jp-OutputArea-output").last).to_contain_text("42")
    panel_state(page, "idle")
    wait_until(
        lambda: [cell.source for cell in notebook.saved().cells] == ["1", "answer = 6 * 7\nanswer"],
        what="the cell on disk",
    )
