"""What the agent does in a notebook that is open in a tab, while the person works in it too."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from real_lab import choose_mode, choose_model, panel_state, say, wait_until

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
    notebook = bench([PRINTS.format(n=10), "print('two')"])
    page = notebook.open()
    program(page, [run(ids(notebook), wait_s=60)])
    expect(page.locator(OUTPUT)).to_contain_text("tick 2")
    command(page, "application:close")
    page.locator(".jp-Dialog").get_by_role("button", name=button).click()
    told(page)
    first, second = notebook.saved().cells
    assert "tick 9" in str(first.outputs)
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
