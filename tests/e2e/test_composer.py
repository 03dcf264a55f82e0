"""The composer on a real Lab: mentions with @, commands with /, and the button on a failed cell."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from real_lab import choose_mode, choose_model, panel_state, say

ANSWER = ".jp-Agent-message[data-role='assistant']"
PROMPT = ".jp-Agent-message[data-role='user']"
FIELD = ".jp-Agent-composer textarea"
OPTION = ".jp-Agent-completions [role='option']"
NOTE = ".jp-Agent-note"
FIX = ".jp-Agent-fixButton"
CELL = ".jp-Notebook .jp-Cell"


def await_kernel(page):
    """Wait until Lab is connected: it drops what is run before, and its sign is green earlier."""
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()


def run_cells(page, count):
    """Run the first cells, and wait until the last of them has run."""
    page.locator(f"{CELL} .cm-content").first.click()
    await_kernel(page)
    for number in range(1, count + 1):
        page.keyboard.press("Shift+Enter")
        prompt = page.locator(f"{CELL} .jp-InputArea-prompt").nth(number - 1)
        expect(prompt).to_contain_text(f"[{number}]")


def write(page, text):
    page.locator(FIELD).focus()
    page.keyboard.type(text)


def test_a_cell_and_a_variable_are_mentioned_with_the_keyboard_alone(bench):
    page = bench(["weight = 3", "other = 4", "pass"]).open()
    choose_model(page, "script/model_told")
    run_cells(page, 2)
    write(page, "compare @")
    expect(page.locator(OPTION).first).to_have_attribute("aria-selected", "true")
    field = page.locator(FIELD)
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.type("cel")
    page.keyboard.press("Enter")
    expect(page.locator(OPTION)).to_have_count(3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("compare @cell:[2] ")
    expect(page.locator(OPTION)).to_have_count(0)
    page.keyboard.type("with @wei")
    expect(page.locator(f"{OPTION}[data-offer='@weight']")).to_be_visible()
    page.keyboard.press("Tab")
    expect(field).to_have_value("compare @cell:[2] with @weight ")
    page.keyboard.press("Enter")
    answer = page.locator(ANSWER).last
    expect(answer).to_contain_text("other = 4")
    expect(answer).to_contain_text("weight: int")
    # People see their own words, and a chip for each mention.
    expect(page.locator(f"{PROMPT} .jp-Agent-userText")).to_have_text(
        "compare @cell:[2] with @weight"
    )
    expect(page.locator(f"{PROMPT} .jp-Agent-mention")).to_have_count(2)
    expect(page.locator(f"{PROMPT} .jp-Agent-mention[data-status='ok']")).to_have_count(2)


def test_a_file_is_searched_for_and_read(bench):
    notebook = bench(["1"])
    folder = notebook.file.parent
    (folder / "my penguins.csv").write_text("species,mass\nAdelie,3700\n")
    page = notebook.open()
    choose_model(page, "script/model_told")
    write(page, "what is in @file:pengu")
    expect(page.locator(OPTION)).to_contain_text([f"{folder.name}/my penguins.csv"])
    page.locator(OPTION).first.click()
    expect(page.locator(".jp-Agent-composer .jp-Agent-chip")).to_contain_text("my penguins.csv")
    page.keyboard.press("Enter")
    expect(page.locator(ANSWER).last).to_contain_text("Adelie,3700")


def test_an_error_and_an_output_are_mentioned(bench):
    page = bench(["1 / 1", "1 / 0"]).open()
    choose_model(page, "script/model_told")
    run_cells(page, 2)
    write(page, "why @err")
    page.keyboard.press("Enter")
    page.keyboard.type("but @output:[1")
    page.keyboard.press("Enter")
    expect(page.locator(FIELD)).to_have_value("why @error but @output:[1] ")
    page.keyboard.press("Enter")
    expect(page.locator(ANSWER).last).to_contain_text("ZeroDivisionError")
    expect(page.locator(ANSWER).last).to_contain_text("1.0")


def test_what_is_selected_can_be_mentioned(bench):
    page = bench(["first = 1\nsecond = 2"]).open()
    choose_model(page, "script/model_told")
    write(page, "what is @sel")
    expect(page.locator(OPTION)).to_have_count(0)
    page.locator(FIELD).fill("")
    page.locator(f"{CELL} .cm-content").first.click()
    page.keyboard.press("ControlOrMeta+Home")
    page.keyboard.press("Shift+End")
    write(page, "what is @sel")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(ANSWER).last).to_contain_text("first = 1")
    expect(page.locator(ANSWER).last).not_to_contain_text("second = 2")


def test_what_cannot_be_read_is_told_to_the_model_and_shown(bench):
    page = bench(["gone = 1", "del gone"]).open()
    choose_model(page, "script/model_told")
    run_cells(page, 1)
    write(page, "explain @gon")
    expect(page.locator(f"{OPTION}[data-offer='@gone']")).to_be_visible()
    page.keyboard.press("Enter")
    page.locator(f"{CELL} .cm-content").nth(1).click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(f"{CELL} .jp-InputArea-prompt").nth(1)).to_contain_text("[2]")
    page.locator(FIELD).focus()
    page.keyboard.press("Enter")
    failed = page.locator(f"{PROMPT} .jp-Agent-mention[data-status='failed']")
    expect(failed).to_contain_text("no variable of that name")
    expect(page.locator(ANSWER).last).to_contain_text("not available")


def test_a_busy_kernel_is_named_in_the_list(bench):
    page = bench(["import time; time.sleep(60)"]).open()
    choose_model(page, "script/model_told")
    page.locator(f"{CELL} .cm-content").first.click()
    await_kernel(page)
    page.keyboard.press("Shift+Enter")
    busy = page.locator(".jp-Notebook-ExecutionIndicator[data-status='busy']")
    expect(busy).to_be_attached()  # in a narrow window the toolbar hides it
    write(page, "@variable:")
    expect(page.locator(".jp-Agent-completions")).to_contain_text("running something else")


def test_a_mentioned_cell_can_be_edited_without_reading_it_again(bench):
    page = bench(["old = 1"]).open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_blind_edit")
    write(page, "rename @cell:")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(f"{CELL} .cm-content").first).to_have_text("new = 1")


def test_a_mention_goes_as_a_whole(bench):
    page = bench(["x = 1"]).open()
    write(page, "see @cell:")
    page.keyboard.press("Enter")
    chip = page.locator(".jp-Agent-composer .jp-Agent-chip")
    expect(chip).to_have_text("@cell:#1")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    expect(page.locator(FIELD)).to_have_value("see ")
    expect(chip).to_have_count(0)
    page.keyboard.type("@")
    page.keyboard.press("Escape")
    expect(page.locator(OPTION)).to_have_count(0)


def test_a_cell_is_added_by_its_menu_and_by_dragging(bench):
    page = bench(["x = 1", "y = 2"]).open()
    page.locator(f"{CELL} .cm-content").nth(1).click(button="right")
    page.get_by_role("menuitem", name="Add to the Agent’s Prompt").click()
    expect(page.locator(FIELD)).to_have_value("@cell:#2 ")
    expect(page.locator(FIELD)).to_be_focused()
    page.locator(f"{CELL} .jp-InputPrompt").first.hover()
    page.mouse.down()
    target = page.locator(FIELD).bounding_box()
    page.mouse.move(target["x"] - 300, target["y"] - 60, steps=4)
    page.mouse.move(target["x"] + 20, target["y"] + 10, steps=4)
    page.mouse.up()
    expect(page.locator(FIELD)).to_have_value("@cell:#2 @cell:#1 ")
    expect(page.locator(f"{CELL} .cm-content").first).to_have_text("x = 1")


def test_the_model_and_the_mode_are_chosen_by_commands(bench):
    page = bench(["1"]).open()
    write(page, "/mo")
    expect(page.locator(OPTION)).to_have_count(2)
    page.keyboard.press("Enter")
    page.keyboard.type("told")
    expect(page.locator(OPTION)).to_contain_text(["script/model_told"])
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Agent-pickerLabel")).to_have_text("script/model_told")
    expect(page.locator(FIELD)).to_have_value("")
    page.keyboard.type("/mode plan")
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Agent-modePicker select")).to_have_value("plan")
    page.keyboard.type("/mode sometimes")
    page.keyboard.press("Enter")
    expect(page.locator(NOTE)).to_contain_text("plan, ask, edits, auto")


def test_an_unknown_command_is_not_sent_and_the_nearest_is_offered(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_told")
    write(page, "/expalin this")
    page.keyboard.press("Enter")
    expect(page.locator(NOTE)).to_contain_text("no command /expalin")
    expect(page.locator(PROMPT)).to_have_count(0)
    expect(page.locator(FIELD)).to_have_value("/expalin this")
    page.locator(f"{NOTE} button", has_text="/explain").click()
    expect(page.locator(FIELD)).to_have_value("/explain ")
    page.locator(FIELD).fill("//expalin this")
    page.keyboard.press("Enter")
    expect(page.locator(f"{PROMPT} .jp-Agent-userText")).to_have_text("/expalin this")


def test_help_cost_new_and_compact(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_told")
    write(page, "/help")
    page.keyboard.press("Enter")
    expect(page.locator(NOTE)).to_contain_text("/plan")
    expect(page.locator(NOTE)).not_to_contain_text("/undo")
    for number in (1, 2):  # a prompt during the run would be a part of it, with one answer for both
        say(page, "hello")
        expect(page.locator(ANSWER)).to_have_count(number)
        panel_state(page, "idle")
    write(page, "/cost")
    page.keyboard.press("Enter")
    expect(page.locator(NOTE)).to_contain_text("tokens")
    page.locator(FIELD).fill("/compact")
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Agent-transcript, .jp-Agent-panel").first).to_contain_text(
        "Older turns were summarised"
    )
    panel_state(page, "idle")
    page.locator(FIELD).fill("/new")
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Agent-empty")).to_be_visible()


def test_a_plan_changes_nothing_and_the_mode_comes_back(bench):
    notebook = bench(["1"])
    page = notebook.open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_insert")
    say(page, "/plan compute")
    expect(page.locator(ANSWER).last).to_contain_text("may only read")
    panel_state(page, "idle")
    expect(page.locator(CELL)).to_have_count(1)
    expect(page.locator(".jp-Agent-modePicker select")).to_have_value("auto")


def test_stop_by_command(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_stream")
    say(page, "talk")
    panel_state(page, "running")
    write(page, "/sto")
    page.keyboard.press("Enter")
    panel_state(page, "idle")
    expect(page.locator(".jp-Agent-runEnd[data-status='stopped']")).to_be_visible()


def test_fix_repairs_the_active_cell(bench):
    page = bench(["1 / 0"]).open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_repair")
    run_cells(page, 1)
    page.locator(f"{CELL} .cm-content").first.click()
    write(page, "/fix")
    page.keyboard.press("Enter")
    expect(page.locator(f"{CELL} .cm-content").first).to_have_text("1 / 2")
    expect(page.locator(ANSWER).last).to_contain_text("It is repaired.")
    expect(page.locator(FIX)).to_have_count(0)


def test_a_failed_cell_has_a_button_until_it_runs_again(bench):
    page = bench(["1 / 0", "1"]).open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_repair")
    run_cells(page, 1)
    button = page.locator(FIX)
    expect(button).to_have_count(1)
    # It is below the output, and no part of what is copied there.
    output = page.locator(f"{CELL} .jp-OutputArea").first.bounding_box()
    assert button.bounding_box()["y"] >= output["y"] + output["height"] - 1
    assert "Fix with" not in page.locator(f"{CELL} .jp-OutputArea").first.inner_text()
    page.locator(f"{CELL} .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    expect(page.locator(f"{CELL} .jp-InputArea-prompt").first).to_contain_text("[2]")
    expect(button).to_have_count(1)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(ANSWER).last).to_contain_text("It is repaired.")
    expect(page.locator(f"{CELL} .cm-content").first).to_have_text("1 / 2")
    expect(button).to_have_count(0)


@pytest.mark.parametrize("typed", ["/", "@"])
def test_the_list_fits_a_narrow_panel(bench, typed):
    page = bench(["x = 'a long first line of a cell that does not fit' * 10"]).open()
    write(page, typed)
    expect(page.locator(OPTION).first).to_be_visible()
    page.locator(".jp-Agent-panel").evaluate("node => { node.style.width = '270px'; }")
    panel = page.locator(".jp-Agent-panel").bounding_box()
    popup = page.locator(".jp-Agent-completions").bounding_box()
    assert popup["x"] >= panel["x"] and popup["x"] + popup["width"] <= panel["x"] + 270
