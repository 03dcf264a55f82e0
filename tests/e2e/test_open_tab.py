"""What the agent does in a notebook that is open in a tab, while the person works in it too."""

from __future__ import annotations

import json

import nbformat
import pytest
from playwright.sync_api import expect
from real_lab import choose_mode, choose_model, panel_state, say, wait_until

REVIEW = ".jp-Agent-review"
OUTPUT = ".jp-Notebook .jp-OutputArea-output"
PRINTS = "import time\nfor i in range({n}):\n    print('tick', i, flush=True)\n    time.sleep(0.3)"


def program(page, *turns):
    """Have a scripted agent call tools, allowed in advance."""
    choose_mode(page, "auto")
    choose_model(page, "script/model_program")
    say(page, json.dumps(turns))


def told(page):
    """Return what the tools returned, once the agent has ended."""
    panel_state(page, "idle")
    message = page.locator(".jp-Agent-message[data-role='assistant']").last
    expect(message).to_contain_text("That is all.")
    return message.inner_text()


def kernel_ready(page):
    """Wait until the kernel answers the tab."""
    page.wait_for_function(
        "jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
    )


def ids(notebook):
    return [cell.id for cell in notebook.read().cells]


def run(cells, **more):
    return ["run_cells", {"ids": cells, **more}]


def command(page, name, **arguments):
    """Have Lab carry out a command, as a menu's entry does."""
    page.evaluate("([n, a]) => void jupyterapp.commands.execute(n, a)", [name, arguments])


@pytest.mark.parametrize("button", ["Save", "Discard"])
def test_a_notebook_tab_that_is_closed_in_mid_run_keeps_its_outputs(bench, button):
    notebook = bench([PRINTS.format(n=8), "print('two')"])
    page = notebook.open()
    program(page, [run(ids(notebook), wait_s=60)])
    expect(page.locator(OUTPUT)).to_contain_text("tick 2")
    command(page, "application:close")
    page.locator(".jp-Dialog").get_by_role("button", name=button).click()
    told(page)
    first, second = notebook.saved().cells
    assert "tick 7" in str(first.outputs)
    assert "two" in str(second.outputs)


def test_a_queued_cell_never_begins_after_stop(bench):
    notebook = bench([PRINTS.format(n=12), "open('ran_after_stop.txt', 'w').write('x')"])
    page = notebook.open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_program")
    kernel_ready(page)
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(OUTPUT)).to_contain_text("tick 0")
    say(page, json.dumps([[run(ids(notebook)[1:])]]))
    expect(page.locator(".jp-Notebook .jp-InputPrompt").nth(1)).to_have_text("[*]:")
    page.locator(".jp-Agent-stopButton").click()
    panel_state(page, "idle")
    expect(page.locator(OUTPUT)).to_contain_text("tick 11")
    page.wait_for_timeout(1_500)
    assert not (notebook.file.parent / "ran_after_stop.txt").exists()


def test_a_kernel_that_was_shut_down_is_started_once_for_tab_and_agent(bench, lab):
    notebook = bench(["secret = 41", "print(secret + 1)"])
    page = notebook.open()
    kernel_ready(page)
    command(page, "kernelmenu:shutdown")
    expect(page.locator(".jp-Toolbar-kernelName")).to_have_text("No Kernel")
    first, second = ids(notebook)
    program(
        page,
        [run([first], wait_s=8)],
        [["inspect_variables", {"names": ["secret"]}]],
        [run([second], wait_s=8)],
    )
    words = told(page)
    assert "41" in words
    assert "42" in words
    assert "not defined" not in words
    assert [one["path"] for one in lab.get("api/sessions")].count(notebook.path) == 1
    assert len(lab.get("api/kernels")) == 1


def test_a_cell_run_while_the_kernel_restarts_is_run_in_the_new_one(bench):
    notebook = bench(["print('two')"])
    page = notebook.open()
    kernel_ready(page)
    choose_mode(page, "auto")
    choose_model(page, "script/model_program")
    command(page, "kernelmenu:restart")
    page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    say(page, json.dumps([[run(ids(notebook), wait_s=20)]]))
    words = told(page)
    assert "[1]" in words and "ok" in words and "two" in words, words
    expect(page.locator(OUTPUT)).to_have_text("two\n")


def test_a_person_who_restarts_the_kernel_in_mid_run_has_not_killed_it(bench):
    notebook = bench([PRINTS.format(n=40), "print('two')"])
    page = notebook.open()
    program(page, [run(ids(notebook), wait_s=60)])
    expect(page.locator(OUTPUT)).to_contain_text("tick 1")
    command(page, "kernelmenu:restart")
    page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    words = told(page)
    assert "out of memory" not in words
    assert "restarted" in words
    assert "not_run" in words.split("[ ]")[-1], words


@pytest.mark.parametrize(
    ("cursor", "ops"),
    [
        ("c2", [{"op": "move", "id": "c2", "after": "end"}]),
        ("c2", [{"op": "set_type", "id": "c1", "type": "markdown"}]),
        (
            "c3",
            [
                {"op": "move", "id": "c0", "after": "c3"},
                {"op": "insert", "after": "start", "source": "z = 0"},
            ],
        ),
        ("c1", [{"op": "set_type", "id": "c1", "type": "raw"}]),
    ],
    ids=["moved", "above-retyped", "moved-and-inserted", "retyped"],
)
def test_what_a_person_types_stays_in_his_cell(bench, cursor, ops):
    notebook = bench(["a = 1", "b = 2", "c = 3", "d = 4"])
    known = dict(zip(["c0", "c1", "c2", "c3"], ids(notebook), strict=True))
    page = notebook.open()
    kernel_ready(page)
    for op in ops:
        op.update({key: known[op[key]] for key in ("id", "after") if op.get(key) in known})
    choose_mode(page, "auto")
    choose_model(page, "script/model_program")
    edit = ["edit_cells", {"ops": ops, "run": "none"}]
    say(page, json.dumps([[["read_cells", {"ids": list(known.values())}]], [0.8, edit]]))
    at = list(known).index(cursor)
    page.locator(".jp-Notebook .cm-content").nth(at).click()
    page.keyboard.press("Control+End")
    text = ""
    for letter in " # typed on and on, without a look at what the agent does":
        page.keyboard.type(letter)
        text += letter
        page.wait_for_timeout(60)
    told(page)
    page.keyboard.type(" + more")
    text += " + more"
    mine = page.locator(".jp-Notebook .cm-content", has_text="typed on")
    expect(mine).to_have_text("abcd"[at] + f" = {at + 1}" + text)
    page.keyboard.press("Control+s")
    wait_until(
        lambda: (
            [cell.source for cell in notebook.saved().cells if text in cell.source]
            == ["abcd"[at] + f" = {at + 1}" + text]
        ),
        what="what was typed, in its cell",
    )


def test_what_the_agent_touches_is_not_hidden_below_a_collapsed_heading(bench):
    notebook = bench()
    cells = [
        nbformat.v4.new_markdown_cell(
            f"# Part {part}", metadata={"jp-MarkdownHeadingCollapsed": True}
        )
        for part in range(4)
    ]
    for part in range(4):
        cells.insert(2 * part + 1, nbformat.v4.new_code_cell(f"part = {part}"))
    made = notebook.read()
    made.cells = cells
    nbformat.write(made, notebook.file)
    page = notebook.open()
    shown = page.locator(".jp-Notebook .jp-CodeCell:visible")
    expect(page.locator(".jp-Notebook .jp-MarkdownCell:visible")).to_have_count(4)
    expect(shown).to_have_count(0)
    known = ids(notebook)
    ops = [
        {"op": "replace", "id": known[1], "source": "part = 'replaced'"},
        {"op": "insert", "after": known[2], "source": "part = 'inserted'"},
        {"op": "delete", "id": known[4]},
        {"op": "replace", "id": known[6], "source": "No heading any more."},
    ]
    program(
        page,
        [["read_cells", {"ids": known}]],
        [["edit_cells", {"ops": ops, "run": "none"}]],
    )
    told(page)
    expect(shown).to_have_count(5)


def test_saved_widgets_of_many_megabytes_do_not_end_the_work(bench):
    notebook = bench(["x = 1", "y = 2"])
    made = notebook.read()
    made.metadata["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {"state": {"a": "b" * 21_000_000}}
    }
    made.cells[1].metadata["large"] = "b" * 11_000_000
    made.cells.append(nbformat.v4.new_code_cell("z = '" + "b" * 11_000_000 + "'"))
    nbformat.write(made, notebook.file)
    page = notebook.open()
    first = ids(notebook)[0]
    edit = {"op": "str_replace", "id": first, "old": "1", "new": "100"}
    program(
        page,
        [["notebook_overview", {}]],
        [["read_cells", {"ids": [first]}]],
        [["edit_cells", {"ops": [edit], "run": "none"}]],
    )
    words = told(page)
    assert "too large to be sent" not in words
    wait_until(lambda: notebook.saved().cells[0].source == "x = 100", what="the edit on disk")
    assert len(notebook.saved().cells[2].source) > 10_000_000


def test_a_question_of_a_cell_is_told_to_the_panel_and_the_model(bench):
    notebook = bench(["name = input('who? ')", "print('hello', name)"])
    page = notebook.open()
    program(page, [run(ids(notebook), wait_s=4)])
    card = page.locator(".jp-Agent-message", has_text="asks for input: who?")
    expect(card).to_be_visible()
    words = told(page)
    assert "awaiting_input" in words
    assert "who? " in words
    page.locator(".jp-Stdin-input").fill("me")
    page.keyboard.press("Enter")
    expect(page.locator(OUTPUT).last).to_have_text("hello me\n")


def test_a_page_reloaded_in_mid_run_saves_without_a_question(bench):
    notebook = bench([PRINTS.format(n=12)])
    held, reached = [], [True]

    def link(tab):
        # The page that is loaded anew reaches the server only after the cell has ended.
        if reached[0]:
            tab.connect_to_server()
        else:
            held.append(tab)

    notebook.context.route_web_socket(lambda url: "/jupyter-agent/api/socket" in url, link)
    page = notebook.open()
    program(page, [run(ids(notebook), wait_s=60)])
    expect(page.locator(OUTPUT)).to_contain_text("tick 1")
    reached[0] = False
    page.reload()
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    wait_until(lambda: "tick 11" in str(notebook.read().cells[0].outputs), what="the outputs")
    reached[0] = True
    for tab in held:
        tab.connect_to_server()
    expect(page.locator(OUTPUT)).to_contain_text("tick 11")
    command(page, "docmanager:save")
    page.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    assert "tick 11" in str(notebook.saved().cells[0].outputs)


@pytest.mark.parametrize("what", ["folder", "notebook"])
def test_what_is_renamed_in_mid_run_is_followed(bench, lab, what):
    notebook = bench([PRINTS.format(n=10), "print('two')"])
    page = notebook.open()
    program(page, [run(ids(notebook), wait_s=60)])
    expect(page.locator(OUTPUT)).to_contain_text("tick 1")
    old, now = notebook.folder, f"{notebook.folder}-renamed"
    moved = f"{now}/notebook.ipynb"
    if what == "notebook":
        old, now = notebook.path, f"{notebook.folder}/other.ipynb"
        moved = now
    page.evaluate("([old, now]) => jupyterapp.serviceManager.contents.rename(old, now)", [old, now])
    words = told(page)
    assert "NOTEBOOK_MISSING" not in words
    assert "tick 9" in words and "two" in words
    notebook.file = lab.root / moved
    assert "two" in str(notebook.saved().cells[1].outputs)


def test_a_file_that_another_program_changed_is_told_at_once(bench):
    notebook = bench(["x = 1"])
    page = notebook.open()
    kernel_ready(page)
    first = ids(notebook)[0]
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" ")
    made = notebook.read()
    made.metadata["theirs"] = True
    nbformat.write(made, notebook.file)
    edit = {"op": "insert", "after": first, "source": "y = 2"}
    program(page, [["edit_cells", {"ops": [edit], "run": "none"}]])
    words = told(page)
    assert "changed by another program" in words
    expect(page.locator(".jp-Dialog")).to_contain_text("has changed on disk")
    assert notebook.read().metadata["theirs"]


@pytest.mark.parametrize("how", ["docmanager:restore-checkpoint", "docmanager:reload"])
def test_the_review_counts_no_change_that_the_person_loaded_away(bench, how):
    notebook = bench(["x = 1", "y = 2", "z = 3"])
    page = notebook.open()
    kernel_ready(page)
    command(page, "docmanager:save")
    page.wait_for_function(
        "jupyterapp.shell.currentWidget.context.listCheckpoints().then(found => found.length)"
    )
    before = notebook.read()
    first, second, third = ids(notebook)
    ops = [
        {"op": "replace", "id": first, "source": "x = 100"},
        {"op": "delete", "id": second},
        {"op": "insert", "after": third, "source": "new = 1"},
        {"op": "move", "id": third, "after": "start"},
    ]
    program(
        page,
        [["read_cells", {"ids": [first, second, third]}]],
        [["edit_cells", {"ops": ops, "run": "none"}]],
    )
    told(page)
    expect(page.locator(REVIEW)).to_contain_text("4 cells changed")
    if how == "docmanager:reload":
        nbformat.write(before, notebook.file)
    command(page, how)
    if how == "docmanager:restore-checkpoint":
        page.locator(".jp-Dialog").get_by_role("button", name="Revert").click()
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(3)
    expect(page.locator(REVIEW)).to_have_count(0)


def test_a_change_undone_in_the_notebook_leaves_the_review_and_others_stay(bench):
    notebook = bench(["x = 1", "y = 2"])
    page = notebook.open()
    kernel_ready(page)
    first, second = ids(notebook)
    ops = [
        {"op": "replace", "id": first, "source": "x = 100"},
        {"op": "insert", "after": second, "source": "new = 1"},
    ]
    program(
        page,
        [["read_cells", {"ids": [first, second]}]],
        [["edit_cells", {"ops": ops, "run": "none"}]],
    )
    told(page)
    expect(page.locator(REVIEW)).to_contain_text("2 cells changed")
    page.locator(".jp-Notebook .jp-InputPrompt").nth(2).click()
    page.keyboard.press("d")
    page.keyboard.press("d")
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(2)
    expect(page.locator(REVIEW)).to_contain_text("1 cell changed")


WIDGETS = """
import time
import ipywidgets as widgets
from IPython.display import display
text, bar = widgets.HTML('0%'), widgets.IntProgress(max=9)
display(widgets.HBox([text, bar]))
for i in range(10):
    bar.value, text.value = i, f'{100 * (i + 1) // 10}% of <b>10</b>'
"""


def test_a_progress_bar_is_read_later_as_the_run_left_it(bench):
    notebook = bench([WIDGETS])
    page = notebook.open()
    kernel_ready(page)
    program(
        page,
        [run(ids(notebook), wait_s=30)],
        [["read_cells", {"ids": ids(notebook), "source": False}]],
    )
    words = told(page)
    assert words.count("100% of 10 IntProgress: 9") == 2, words
    assert "HBox(children" not in words.split("-- outputs")[-1], words
