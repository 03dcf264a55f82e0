"""Review in the panel on a real Lab: keep, undo, restore, conflicts, after a reload, Lab's own undo."""

from __future__ import annotations

import pytest
from nbformat.reader import NotJSONError
from playwright.sync_api import expect
from real_lab import choose_mode, choose_model, panel_state, say, wait_until

BAR = ".jp-Agent-review"
SOURCES = ["first = 1", "second = 2", "third = 3", "last = 4"]
EDITED = ["agent = 1", "agent = 'new'", "agent = 2", "third = 3"]


def sources(notebook):
    try:
        return [cell.source for cell in notebook.read().cells]
    except NotJSONError:  # Jupyter saves in place: it is half written at this moment
        return []


def wait_for_sources(notebook, wanted):
    wait_until(lambda: sources(notebook) == wanted, what=f"the sources {wanted} on disk")


def row(page, kind, number=0):
    return page.locator(f"{BAR} [data-kind='{kind}']").nth(number)


@pytest.fixture
def edited(bench):
    """A notebook in which the agent has edited two cells, inserted one and deleted one."""
    notebook = bench(SOURCES)
    before = notebook.file.read_bytes()
    page = notebook.open()
    choose_mode(page, "edits")
    choose_model(page, "script/model_review")
    say(page, "tidy up")
    expect(page.locator(".jp-Agent-message[data-role='assistant']").last).to_contain_text("Edited.")
    panel_state(page, "idle")
    expect(page.locator(BAR)).to_contain_text("4 cells changed")
    wait_for_sources(notebook, EDITED)
    return notebook, page, before


def test_undo_all_brings_everything_back(edited):
    notebook, page, _ = edited
    page.locator(f"{BAR} [data-action='undo-all']").click()
    expect(page.locator(BAR)).to_have_count(0)
    wait_for_sources(notebook, SOURCES)
    assert all("jupyter_agent" not in cell.metadata for cell in notebook.saved().cells)


def test_one_is_undone_one_is_kept_and_the_rest_after_a_reload(edited):
    notebook, page, _ = edited
    page.locator(".jp-Agent-reviewToggle").click()
    row(page, "edited").locator("[data-action='undo']").click()
    expect(page.locator(BAR)).to_contain_text("3 cells changed")
    wait_for_sources(notebook, ["first = 1", *EDITED[1:]])
    row(page, "inserted").locator("[data-action='keep']").click()
    expect(page.locator(BAR)).to_contain_text("2 cells changed")
    page.reload()
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    expect(page.locator(BAR)).to_contain_text("2 cells changed")
    page.locator(".jp-Agent-reviewToggle").click()
    expect(row(page, "deleted")).to_contain_text("deleted")
    row(page, "deleted").get_by_role("button", name="Restore").click()
    wait_for_sources(notebook, ["first = 1", "agent = 'new'", "agent = 2", "third = 3", "last = 4"])
    page.locator(f"{BAR} [data-action='undo-all']").click()
    expect(page.locator(BAR)).to_have_count(0)
    wait_for_sources(notebook, ["first = 1", "agent = 'new'", *SOURCES[1:]])


def test_what_the_person_typed_is_left_alone_until_they_insist(edited):
    notebook, page, _ = edited
    editor = page.locator(".jp-Notebook .jp-Cell").first.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  # mine")
    page.locator(f"{BAR} [data-action='undo-all']").click()
    expect(page.locator(BAR)).to_contain_text("You changed 1 cell since")
    wait_for_sources(notebook, ["agent = 1  # mine", *SOURCES[1:]])
    page.locator(".jp-Agent-reviewToggle").click()
    conflict = page.locator(f"{BAR} [data-state='conflict']")
    expect(conflict).to_contain_text("agent = 1  # mine")
    expect(conflict).to_contain_text("first = 1")
    conflict.locator("[data-action='undo-anyway']").click()
    expect(page.locator(BAR)).to_have_count(0)
    wait_for_sources(notebook, SOURCES)


def test_undoing_is_a_step_of_labs_own_undo(edited):
    notebook, page, _ = edited
    page.locator(".jp-Agent-reviewToggle").click()
    row(page, "edited").locator("[data-action='undo']").click()
    wait_for_sources(notebook, ["first = 1", *EDITED[1:]])
    page.locator(".jp-Notebook .jp-Cell").first.locator(".cm-content").click()
    page.keyboard.press("Control+z")
    expect(page.locator(".jp-Notebook .jp-Cell").first.locator(".cm-content")).to_have_text(
        "agent = 1"
    )


def test_the_notebook_goes_back_to_before_a_prompt_even_when_all_was_kept(edited):
    notebook, page, _ = edited
    page.locator(f"{BAR} [data-action='keep-all']").click()
    expect(page.locator(BAR)).to_have_count(0)
    page.locator(".jp-Agent-restoreButton").first.click()
    form = page.locator(".jp-Agent-restoreForm")
    expect(form).to_contain_text("what you changed stays")
    form.locator("[data-action='restore']").click()
    expect(page.locator(".jp-Agent-transcript")).to_contain_text("4 cells as before")
    wait_for_sources(notebook, SOURCES)


def test_both_go_back_by_keyboard_and_the_prompt_waits_in_the_composer(edited):
    notebook, page, _ = edited
    page.locator(".jp-Agent-restoreButton").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Agent-restoreForm input[value='notebook']")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-consequence='both']")).to_contain_text("new session")
    page.locator(".jp-Agent-restoreForm [data-action='restore']").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Agent-composer textarea")).to_have_value("tidy up")
    expect(page.locator(".jp-Agent-message")).to_have_count(0)
    wait_for_sources(notebook, SOURCES)


def test_the_bar_works_by_keyboard_and_shows_the_diff(edited):
    notebook, page, _ = edited
    toggle = page.locator(".jp-Agent-reviewToggle")
    toggle.focus()
    page.keyboard.press("Enter")
    expect(toggle).to_have_attribute("aria-expanded", "true")
    row(page, "edited").locator(".jp-Agent-expand").focus()
    page.keyboard.press("Enter")
    diff = row(page, "edited").locator(".jp-Agent-diff")
    expect(diff.locator("[data-kind='removed']")).to_contain_text("first = 1")
    expect(diff.locator("[data-kind='added']")).to_contain_text("agent = 1")
    row(page, "edited").locator("[data-action='undo']").focus()
    page.keyboard.press("Enter")
    wait_for_sources(notebook, ["first = 1", *EDITED[1:]])
    expect(toggle).to_be_focused()


def test_nothing_is_undone_while_the_agent_works(edited):
    _, page, _ = edited
    choose_model(page, "script/model_question")
    say(page, "ask me")
    panel_state(page, "waiting")
    expect(page.locator(f"{BAR} [data-action='undo-all']")).to_be_disabled()
    page.locator(".jp-Agent-stopButton").click()
    panel_state(page, "idle")
    expect(page.locator(f"{BAR} [data-action='undo-all']")).to_be_enabled()
