"""The server is killed: the panel says so, nothing is lost, and one click goes on (R46)."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from real_lab import (
    Bench,
    choose_mode,
    choose_model,
    kill_lab,
    panel_state,
    restart_lab,
    say,
    script_trait,
    start_lab,
    stop_lab,
    wait_until,
)

MESSAGE = ".jp-Agent-message[data-role='assistant']"


@pytest.fixture
def own_lab(tmp_path):
    running = start_lab(tmp_path, script_trait("model_slow", "model_stream"))
    yield running
    stop_lab(running)


def test_a_killed_server_leaves_a_run_that_resumes_and_runs_no_cell_twice(own_lab, context):
    notebook = Bench(own_lab, context, ["1"])
    page = notebook.open()
    dismiss_labs_own_dialogs(page)
    choose_mode(page, "auto")
    choose_model(page, "script/model_slow")
    say(page, "tick")
    expect(page.locator(".jp-Notebook .jp-OutputArea-output").last).to_contain_text("tick 2")
    kill_lab(own_lab)
    restart_lab(own_lab)
    ended = page.locator(".jp-Agent-runEnd[data-status='interrupted']")
    expect(ended).to_be_visible(timeout=60_000)
    ended.locator("[data-action='resume']").click()
    # The script, told that its call was interrupted, ends; it does not run the cell again.
    expect(page.locator(MESSAGE).last).to_contain_text("All over.")
    panel_state(page, "idle")
    wait_until(lambda: slow_cells(notebook), what="the cell on disk")
    assert len(slow_cells(notebook)) == 1


def test_a_prompt_written_while_the_server_is_away_is_answered_once_when_it_is_back(
    own_lab, context
):
    page = Bench(own_lab, context, ["1"]).open()
    dismiss_labs_own_dialogs(page)
    choose_model(page, "script/model_stream")
    say(page, "before")
    expect(page.locator(MESSAGE).last).to_contain_text("the end.")
    kill_lab(own_lab)
    expect(page.locator(".jp-Agent-banner[data-kind='disconnected']")).to_be_visible()
    page.locator(".jp-Agent-composer textarea").fill("written meanwhile")
    page.locator(".jp-Agent-sendButton").click()
    restart_lab(own_lab)
    expect(page.locator(".jp-Agent-banner[data-kind='disconnected']")).to_be_hidden(timeout=60_000)
    expect(page.locator(MESSAGE)).to_have_count(2)
    expect(page.locator(MESSAGE).last).to_contain_text("the end.")
    panel_state(page, "idle")
    mine = page.locator(".jp-Agent-message[data-role='user']", has_text="written meanwhile")
    expect(mine).to_have_count(1)


def slow_cells(notebook):
    return [cell for cell in notebook.saved().cells if "time.sleep" in cell.source]


def dismiss_labs_own_dialogs(page):
    """Close what Lab says in dialogs of its own when its server is gone, as a person would."""
    page.add_locator_handler(
        page.locator(".jp-Dialog"),
        lambda dialog: dialog.locator(".jp-Dialog-button").last.click(),
    )
