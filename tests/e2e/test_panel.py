"""The panel on a real Lab: streaming, approvals, Stop, reload, closing, typing, undo, two tabs."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect
from real_lab import choose_mode, choose_model, panel_state, say, wait_until

MESSAGE = ".jp-Agent-message[data-role='assistant']"
CARD = ".jp-Agent-toolCard"
APPROVAL = ".jp-Agent-approval"


def outputs_text(notebook):
    """Return all text in the outputs of a notebook."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            found.append(output.get("text", ""))
            found.append(str(output.get("data", {}).get("text/plain", "")))
    return "".join(found)


def test_an_answer_streams_in(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_stream")
    say(page, "tell me something long")
    answer = page.locator(MESSAGE).last
    expect(answer).to_contain_text("word3")
    seen = answer.inner_text()
    assert "the end." not in seen, "the answer came whole instead of streaming"
    expect(answer).to_contain_text("the end.")
    panel_state(page, "idle")
    words = [f"word{number}" for number in range(120)]
    assert [w for w in answer.inner_text().split() if w.startswith("word")] == words


def test_allow_once_runs_the_call_and_shows_the_output(bench):
    notebook = bench(["1"])
    page = notebook.open()
    choose_model(page, "script/model_insert")
    say(page, "compute")
    approval = page.locator(APPROVAL)
    expect(approval).to_contain_text("answer = 6 * 7")
    panel_state(page, "waiting")
    assert len(notebook.read().cells) == 1, "the edit was made before it was allowed"
    approval.locator("[data-action='allow-once']").click()
    expect(page.locator(MESSAGE).last).to_contain_text("42")
    expect(page.locator(".jp-Notebook .jp-OutputArea-output").last).to_contain_text("42")
    panel_state(page, "idle")
    wait_until(lambda: "42" in outputs_text(notebook.saved()), what="the output on disk")


def test_deny_with_a_reason_runs_nothing_and_tells_the_model(bench):
    notebook = bench(["1"])
    page = notebook.open()
    choose_model(page, "script/model_insert")
    say(page, "compute")
    approval = page.locator(APPROVAL)
    approval.locator(".jp-Agent-denyReason").fill("not in this notebook")
    approval.locator("[data-action='deny']").click()
    expect(page.locator(MESSAGE).last).to_contain_text("not in this notebook")
    expect(page.locator(f"{CARD}[data-status='denied']")).to_be_visible()
    panel_state(page, "idle")
    assert len(notebook.read().cells) == 1


def test_allow_for_the_session_asks_once(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_twice")
    say(page, "two steps")
    page.locator(f"{APPROVAL} [data-action='allow-session']").click()
    expect(page.locator(MESSAGE).last).to_contain_text("Both are done.")
    expect(page.locator(f"{CARD}[data-tool='edit_cells'][data-status='ok']")).to_have_count(2)
    expect(page.locator(APPROVAL)).to_have_count(0)


def test_an_approval_can_be_given_by_keyboard_alone(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_insert")
    page.locator(".jp-Agent-composer textarea").focus()
    page.keyboard.type("compute")
    page.keyboard.press("Enter")
    allow = page.locator(f"{APPROVAL} [data-action='allow-once']")
    allow.wait_for()
    for _ in range(40):
        if allow.evaluate("node => node === document.activeElement"):
            break
        page.keyboard.press("Shift+Tab")
    assert allow.evaluate("node => node === document.activeElement"), "not reachable by Tab"
    page.keyboard.press("Enter")
    expect(page.locator(MESSAGE).last).to_contain_text("42")


def test_the_next_request_has_the_focus_and_escape_stops_there(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_twice")
    say(page, "two steps")
    focused = page.locator(f"{APPROVAL}:focus-within")
    focused.wait_for()
    first = focused.get_attribute("aria-labelledby")
    page.locator(f"{APPROVAL} [data-action='allow-once']").click()
    page.locator(f"{APPROVAL}:focus-within:not([aria-labelledby='{first}'])").wait_for()
    page.keyboard.press("Escape")
    panel_state(page, "idle")
    expect(page.locator(".jp-Agent-field")).to_be_focused()


def test_stop_ends_an_endless_cell_within_a_second_and_the_kernel_answers(bench):
    page = bench(["1"]).open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_endless")
    say(page, "go")
    expect(page.locator(".jp-Notebook .jp-InputPrompt").last).to_contain_text("*")
    stop = page.locator(".jp-Agent-stopButton")
    started = time.monotonic()
    stop.click()
    panel_state(page, "idle")
    assert time.monotonic() - started < 1.5, "Stop took longer than a second (and a margin)"
    expect(page.locator(".jp-Agent-runEnd[data-status='stopped']")).to_be_visible()
    choose_model(page, "script/model_insert")
    say(page, "are you there?")
    expect(page.locator(MESSAGE).last).to_contain_text("42")


def test_a_reload_in_mid_run_shows_it_going_on_without_gap_or_doubling(bench):
    notebook = bench(["1"])
    page = notebook.open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_slow")
    say(page, "tick")
    expect(page.locator(".jp-Notebook .jp-OutputArea-output").last).to_contain_text("tick 3")
    page.reload()
    page.locator(".jp-Agent-panel").wait_for()
    expect(page.locator(f"{MESSAGE}").first).to_contain_text("Starting.")
    expect(page.locator(MESSAGE).last).to_contain_text("I saw the ticks: True. All over.")
    panel_state(page, "idle")
    text = page.locator(".jp-Agent-panel").inner_text()
    assert text.count("Starting.") == 1 and text.count("All over.") == 1
    wait_until(lambda: "tick 29" in outputs_text(notebook.saved()), what="all output on disk")
    assert outputs_text(notebook.saved()).count("tick 29") == 1


def test_a_closed_tab_in_mid_run_leaves_a_finished_run_and_its_outputs(bench):
    notebook = bench(["1"])
    page = notebook.open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_slow")
    say(page, "tick")
    expect(page.locator(".jp-Notebook .jp-OutputArea-output").last).to_contain_text("tick 2")
    page.close()
    wait_until(lambda: "tick 29" in outputs_text(notebook.saved()), what="all output on disk")
    again = notebook.open()
    expect(again.locator(MESSAGE).last).to_contain_text("All over.")
    panel_state(again, "idle")
    assert sum("time.sleep" in cell.source for cell in notebook.saved().cells) == 1


def test_what_the_user_types_survives_the_agents_edit(bench):
    notebook = bench(["old = 1"])
    page = notebook.open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_conflict")
    say(page, "replace it")
    expect(page.locator(MESSAGE).last).to_contain_text("Reading is done.")
    page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    page.keyboard.press("End")
    page.keyboard.type(" + 41  # mine")
    expect(page.locator(MESSAGE).last).to_contain_text("STALE_CELL")
    expect(page.locator(".jp-Notebook .jp-Cell .cm-content").first).to_have_text(
        "old = 1 + 41  # mine"
    )
    expect(page.locator(MESSAGE).last).to_contain_text("old = 1 + 41  # mine")


def test_undo_in_the_cell_takes_back_the_agents_edit_alone(bench):
    page = bench(["old = 1"]).open()
    choose_mode(page, "auto")
    cell = page.locator(".jp-Notebook .jp-Cell .cm-content").first
    cell.click()
    page.keyboard.press("End")
    page.keyboard.type("  # typed")
    choose_model(page, "script/model_replace")
    say(page, "rename it")
    expect(cell).to_have_text("new = 1  # typed")
    panel_state(page, "idle")
    cell.click()
    page.keyboard.press("ControlOrMeta+z")
    expect(cell).to_have_text("old = 1  # typed")
    page.keyboard.press("ControlOrMeta+Shift+z")
    expect(cell).to_have_text("new = 1  # typed")


def test_with_two_tabs_a_cell_runs_once(bench):
    notebook = bench(["1"])
    first = notebook.open()
    second = notebook.open()
    choose_mode(second, "auto")
    choose_model(second, "script/model_count")
    say(second, "count")
    expect(second.locator(MESSAGE).last).to_contain_text("runs 1")
    # The other tab shows the same session, and did not run it again.
    expect(first.locator(MESSAGE).last).to_contain_text("runs 1")
    say(second, "count")
    expect(second.locator(MESSAGE).last).to_contain_text("runs 2")
    wait_until(lambda: "runs 2" in outputs_text(notebook.saved()), what="the output on disk")
    assert "runs 3" not in outputs_text(notebook.saved())


def test_a_question_of_the_model_is_answered_in_the_panel(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_question")
    say(page, "ask me")
    page.locator(".jp-Agent-question").get_by_role("button", name="length").click()
    expect(page.locator(MESSAGE).last).to_contain_text("length")


def test_a_prompt_while_it_works_can_be_queued_and_is_answered_afterwards(bench):
    page = bench(["1"]).open()
    choose_model(page, "script/model_stream")
    say(page, "first")
    expect(page.locator(MESSAGE).last).to_contain_text("word3")
    page.locator(".jp-Agent-composer textarea").fill("second")
    page.keyboard.press("Alt+Enter")
    expect(page.locator(".jp-Agent-message[data-role='user']").last).to_contain_text(
        "second", timeout=60_000
    )
    expect(page.locator(MESSAGE)).to_have_count(2)
    expect(page.locator(MESSAGE).last).to_contain_text("the end.")


@pytest.mark.parametrize("width", [280, 420])
def test_the_panel_has_no_sideways_scroll_when_narrow(bench, width):
    page = bench(["1"]).open()
    choose_model(page, "script/model_insert")
    say(page, "compute")
    page.locator(f"{APPROVAL} [data-action='allow-once']").wait_for()
    panel = page.locator(".jp-Agent-panel")
    overflow = panel.evaluate(
        """(node, width) => {
          node.style.width = width + 'px';
          const wide = [...node.querySelectorAll('*')].filter(item =>
            item.scrollWidth > item.clientWidth + 1 &&
            getComputedStyle(item).overflowX === 'visible' &&
            item.getBoundingClientRect().right > node.getBoundingClientRect().right + 1);
          return wide.map(item => item.className);
        }""",
        width,
    )
    assert overflow == []


def test_in_a_small_window_the_conversation_keeps_half_of_the_height(bench):
    page = bench(["1"]).open()
    page.set_viewport_size({"width": 700, "height": 450})  # as 1400 x 900 at 200 %
    choose_model(page, "script/model_twice")
    say(page, "compute")
    page.locator(f"{APPROVAL} [data-action='allow-once']").click()
    # The second request waits beside the review of the first call's cell and a queued prompt.
    expect(page.locator(APPROVAL)).to_contain_text("step = 1")
    page.locator(".jp-Agent-review").wait_for()
    page.locator(".jp-Agent-composer textarea").fill("and then this")
    page.keyboard.press("Alt+Enter")
    page.locator(".jp-Agent-chip").wait_for()
    assert share_of_conversation(page) >= 0.5


def test_in_a_small_window_it_does_so_in_a_run_in_mode_auto(bench):
    page = bench(["1"]).open()
    page.set_viewport_size({"width": 700, "height": 450})
    choose_mode(page, "auto")
    choose_model(page, "script/model_endless")
    say(page, "loop")
    page.locator(".jp-Agent-toolCard[data-status='running']").wait_for()
    page.locator(".jp-Agent-review").wait_for()
    page.locator(".jp-Agent-banner").wait_for()
    page.locator(".jp-Agent-composer textarea").fill("and then this")
    page.keyboard.press("Alt+Enter")
    page.locator(".jp-Agent-chip").wait_for()
    share = share_of_conversation(page)
    page.locator(".jp-Agent-stopButton").click()
    assert share >= 0.5


def share_of_conversation(page):
    """Return how much of the panel's height the conversation has."""
    panel, conversation = (
        page.locator(part).bounding_box() for part in (".jp-Agent-panel", ".jp-Agent-transcriptBox")
    )
    return conversation["height"] / panel["height"]
