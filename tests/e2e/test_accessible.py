"""The panel for everybody: what axe finds in each state, the keyboard, and no motion unasked.

axe-core comes from the front end's development packages.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from real_lab import HERE, choose_mode, choose_model, panel_state, say

AXE = HERE.parent.parent / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
PANEL = ".jp-Agent-panel"
MESSAGE = ".jp-Agent-message[data-role='assistant']"
GRAVE = ("serious", "critical")
FIND = """
async () => {
  const found = await axe.run('.jp-Agent-panel', { resultTypes: ['violations'] });
  return found.violations.map(one => ({
    id: one.id,
    impact: one.impact,
    help: one.help,
    nodes: one.nodes.map(node => [node.html.slice(0, 200), node.failureSummary])
  }));
}
"""
FOCUSABLE = """
() => {
  // Whether the way to the end is there changes with what is scrolled to.
  const wanted = 'button:not(.jp-Agent-toEnd), input, select, textarea, a[href], summary, '
    + '[tabindex="0"]';
  return [...document.querySelectorAll('.jp-Agent-panel :is(' + wanted + ')')]
    .filter(item => !item.disabled && item.checkVisibility({ visibilityProperty: true }))
    .map((item, at) => { item.dataset.tabStop = at; return item.outerHTML.slice(0, 120); });
}
"""
FOCUSED = """
() => {
  const item = document.activeElement;
  return item?.closest('.jp-Agent-panel') ? (item.dataset.tabStop ?? '') : null;
}
"""
MOVING = """
() => document.getAnimations()
  .filter(one => one.playState === 'running')
  .map(one => one.effect?.target)
  .filter(item => item?.closest('.jp-Agent-panel') || item?.matches('.jp-Agent-touchedCell'))
  .map(item => item.className)
"""


def streaming(page):
    choose_model(page, "script/model_stream")
    say(page, "go")
    expect(page.locator(MESSAGE).last).to_contain_text("word3")


def approval(page):
    choose_model(page, "script/model_insert")
    say(page, "compute")
    page.locator(".jp-Agent-approval [data-action='allow-once']").wait_for()


def expanded_cards(page):
    choose_mode(page, "auto")
    choose_model(page, "script/model_insert")
    say(page, "compute")
    expect(page.locator(MESSAGE).last).to_contain_text("42")
    panel_state(page, "idle")
    for button in page.locator(".jp-Agent-expand").all():
        button.click()
    # One by one: each that opens leaves the set.
    closed = page.locator(".jp-Agent-toolDetails details:not([open]) > summary")
    while closed.count():
        closed.first.click()


def question(page):
    choose_model(page, "script/model_question")
    say(page, "ask me")
    page.locator(".jp-Agent-question").wait_for()


def failure(page):
    choose_model(page, "script/model_fails")
    say(page, "go")
    page.locator(".jp-Agent-runEnd[data-status='failed']").wait_for()


def sessions(page):
    choose_model(page, "script/model_fails")
    say(page, "a session to list")
    page.locator(".jp-Agent-runEnd[data-status='failed']").wait_for()
    page.locator(".jp-Agent-sessionsButton").click()
    page.locator(".jp-Agent-session").first.wait_for()


def model_picker(page):
    page.locator(".jp-Agent-modelPicker").click()
    page.locator(".jp-Agent-modelList [role='option']").first.wait_for()


def setup_card(page):
    page.locator(".jp-Agent-settingsButton").click()
    page.locator(".jp-Agent-setupCard").wait_for()


def edit_cells(page):
    choose_mode(page, "edits")
    choose_model(page, "script/model_review")
    say(page, "tidy up")
    expect(page.locator(MESSAGE).last).to_contain_text("Edited.")
    panel_state(page, "idle")


def review(page):
    """Opened, with the diff of one cell."""
    edit_cells(page)
    page.locator(".jp-Agent-reviewToggle").click()
    page.locator(".jp-Agent-review .jp-Agent-expand").first.click()
    page.locator(".jp-Agent-review .jp-Agent-diff").wait_for()


def conflict(page):
    """Undone where the person had typed since."""
    edit_cells(page)
    page.locator(".jp-Notebook .jp-Cell").first.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("  # mine")
    page.locator(".jp-Agent-review [data-action='undo-all']").click()
    page.locator(".jp-Agent-reviewToggle").click()
    page.locator(".jp-Agent-review [data-state='conflict'] .jp-Agent-diff").first.wait_for()


def restore_form(page):
    choose_model(page, "script/model_fails")
    say(page, "go")
    page.locator(".jp-Agent-runEnd[data-status='failed']").wait_for()
    page.locator(".jp-Agent-restoreButton").click()
    page.locator(".jp-Agent-restoreForm").wait_for()


def mention_list(page):
    """Open, with a chip of what is mentioned already."""
    field = page.locator(".jp-Agent-composer textarea")
    field.focus()
    page.keyboard.type("@cell:")
    page.keyboard.press("Enter")
    page.keyboard.type("and @")
    page.locator(".jp-Agent-completions [role='option']").first.wait_for()
    page.locator(".jp-Agent-composer .jp-Agent-chip").wait_for()


def waiting_prompts(page):
    """One that waits for the agent, one that was taken back while another was written."""
    approval(page)
    field = page.locator(".jp-Agent-composer textarea")
    for words in ("and then plot", "and explain"):
        field.fill(words)
        page.keyboard.press("Alt+Enter")
        page.locator(".jp-Agent-queue .jp-Agent-chip", has_text=words).wait_for()
    field.fill("half a sentence")
    page.locator(".jp-Agent-queue .jp-Agent-iconButton").first.click()
    page.locator(".jp-Agent-chip[data-delivery='kept']").wait_for()


def empty(page):
    page.locator(".jp-Agent-empty").wait_for()


STATES = (
    empty,
    setup_card,
    streaming,
    approval,
    question,
    expanded_cards,
    sessions,
    model_picker,
    failure,
    review,
    conflict,
    restore_form,
    mention_list,
    waiting_prompts,
)
# The last is Lab's own default: the page after this one begins with it.
THEMES = ("JupyterLab Dark", "JupyterLab Light")
HIGH_CONTRAST = "JupyterLab Dark High Contrast"
# Where colours carry the most: diffs, buttons of several kinds, fields, code.
COLOURFUL = (approval, expanded_cards, setup_card, review, conflict)
# Over before another theme is looked at: shown anew for each.
PASSING = (streaming,)
CHANGE_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"


def faults(page):
    """Return what axe finds that shuts people out, in words."""
    page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    found = [one for one in page.evaluate(FIND) if one["impact"] in GRAVE]
    return [f"{one['id']}: {one['help']}: {node}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_grave(state, bench):
    page = bench(["1", "2", "3"]).open()
    themes = (HIGH_CONTRAST, *THEMES) if state in COLOURFUL else THEMES
    for theme in themes:
        page.evaluate(CHANGE_THEME, theme)  # not by the menu: an open list closes without focus
        expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)
        if theme == themes[0] or state in PASSING:
            state(page)
        assert faults(page) == [], theme


def test_axe_would_find_something(bench):
    page = bench(["1"]).open()
    page.evaluate(
        "document.querySelector('.jp-Agent-panel').append(document.createElement('button'))"
    )
    assert [one for one in faults(page) if one.startswith("button-name")]


@pytest.mark.parametrize("state", [empty, approval, expanded_cards, sessions, setup_card])
def test_tab_reaches_everything_in_the_order_it_is_seen(state, bench):
    page = bench(["1"]).open()
    state(page)
    every = page.evaluate(FOCUSABLE)
    page.locator(f"{PANEL} [data-tab-stop='0']").focus()
    reached = []
    for _ in range(2 * len(every)):
        stop = page.evaluate(FOCUSED)
        if stop is None:
            break
        # What scrolls is a stop of the browser's own, so that keys can scroll it.
        reached += [int(stop)] if stop else []
        page.keyboard.press("Tab")
    missing = [html for at, html in enumerate(every) if at not in reached]
    assert missing == []
    assert reached == list(range(len(every)))


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_nothing_moves_for_people_who_want_no_motion(motion, bench):
    page = bench(["1"]).open()
    page.emulate_media(reduced_motion=motion)
    choose_mode(page, "auto")
    choose_model(page, "script/model_slow")
    say(page, "tick")
    page.locator(".jp-Agent-toolCard[data-status='running']").wait_for()
    moving = page.evaluate(MOVING)
    assert bool(moving) == (motion == "no-preference"), moving
