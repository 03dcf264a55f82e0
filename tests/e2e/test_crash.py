"""The server is killed in mid-run: the panel says so, and one click goes on (R46)."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from real_lab import (
    Bench,
    choose_mode,
    choose_model,
    crash_lab,
    panel_state,
    say,
    script_trait,
    start_lab,
    stop_lab,
)

MESSAGE = ".jp-Agent-message[data-role='assistant']"


@pytest.fixture
def own_lab(tmp_path):
    running = start_lab(tmp_path, script_trait("model_slow"))
    yield running
    stop_lab(running)


def test_a_killed_server_leaves_a_run_that_resumes_and_runs_no_cell_twice(own_lab, context):
    notebook = Bench(own_lab, context, ["1"])
    page = notebook.open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_slow")
    say(page, "tick")
    expect(page.locator(".jp-Notebook .jp-OutputArea-output").last).to_contain_text("tick 2")
    crash_lab(own_lab)
    ended = page.locator(".jp-Agent-runEnd[data-status='interrupted']")
    expect(ended).to_be_visible(timeout=60_000)
    ended.locator("[data-action='resume']").click()
    # The script, told that its call was interrupted, ends; it does not run the cell again.
    expect(page.locator(MESSAGE).last).to_contain_text("All over.")
    panel_state(page, "idle")
    cells = [cell for cell in notebook.saved().cells if "time.sleep" in cell.source]
    assert len(cells) == 1
