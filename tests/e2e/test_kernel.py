"""Cells and kernels in a real tab: Stop, a kernel that does not obey, a lost connection, a change."""

from __future__ import annotations

from playwright.sync_api import expect
from real_lab import choose_mode, choose_model, panel_state, say, wait_until

SWALLOWS = (
    "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('swallowed')"
)
NEVER_OBEYS = """import time
print('here', flush=True)
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass"""
OUTPUT = ".jp-Notebook .jp-OutputArea-output"


def prompts(page):
    """Return the prompts of the code cells, as a person sees them."""
    return page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").all_inner_texts()


def test_stop_in_the_first_of_four_cells_leaves_the_others_alone(bench):
    notebook = bench([SWALLOWS, "print('ran 2')", "print('ran 3')", "print('ran 4')"])
    page = notebook.open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_run_all")
    say(page, "go")
    expect(page.locator(".jp-Notebook .jp-InputPrompt").first).to_have_text("[*]:")
    page.locator(".jp-Agent-stopButton").click()
    panel_state(page, "idle")
    expect(page.locator(OUTPUT)).to_have_text(["swallowed\n"])
    page.wait_for_timeout(1_500)  # as long as another cell would need to begin
    assert prompts(page)[1:] == ["[ ]:"] * 3


def test_a_kernel_that_does_not_obey_can_be_restarted_from_the_panel(bench):
    page = bench([NEVER_OBEYS]).open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_run_all")
    say(page, "go")
    expect(page.locator(OUTPUT)).to_contain_text("here")
    page.locator(".jp-Agent-stopButton").click()
    panel_state(page, "idle")
    notice = page.locator(".jp-Agent-notice[data-level='warning']")
    expect(notice).to_contain_text("still runs")
    notice.locator("[data-action='restart-kernel']").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    expect(page.locator(".jp-Notebook .jp-InputPrompt").first).to_have_text("[ ]:")


def test_what_a_person_typed_survives_a_connection_lost_while_the_agent_edits(bench):
    notebook = bench(["mine = 1"])
    # The test stands between the tab and the server.
    links = []
    blocked = False

    def link(tab):
        if blocked:
            tab.close()
        else:
            links.append((tab, tab.connect_to_server()))

    notebook.context.route_web_socket(lambda url: "/jupyter-agent/api/socket" in url, link)
    page = notebook.open()
    choose_mode(page, "auto")
    choose_model(page, "script/model_insert_soon")
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" + 1")
    say(page, "go")
    expect(page.locator(".jp-Agent-message[data-role='assistant']")).to_contain_text("Soon.")
    blocked = True
    for side in links.pop():
        side.close(code=3001)
    page.wait_for_timeout(2_500)  # the edit comes meanwhile
    assert [cell.source for cell in notebook.read().cells] == ["mine = 1"], "the file was written"
    blocked = False
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator(".jp-Notebook .cm-content")).to_have_text(["mine = 1 + 1", "agent = 1"])
    wait_until(
        lambda: [cell.source for cell in notebook.saved().cells] == ["mine = 1 + 1", "agent = 1"],
        what="both on disk",
    )
    expect(page.locator(".jp-Dialog")).to_have_count(0)


def test_the_tab_gets_the_kernel_that_was_chosen(bench, lab):
    notebook = bench(["print('old' if 'here' in globals() else 'new'); here = 1"])
    page = notebook.open()
    choose_model(page, "script/model_run_all")
    choose_mode(page, "auto")
    say(page, "go")
    expect(page.locator(OUTPUT)).to_have_text("new\n")
    panel_state(page, "idle")
    choose_model(page, "script/model_change_kernel")
    say(page, "another")
    page.locator("[data-action='allow-once']").click()  # always asked: the variables go
    message = page.locator(".jp-Agent-message[data-role='assistant']").last
    expect(message).to_contain_text("The tool said:")
    expect(message).to_contain_text("new")
    expect(page.locator(OUTPUT)).to_have_text("new\n")
    panel_state(page, "idle")
    sessions = [one for one in lab.get("api/sessions") if one["path"] == notebook.path]
    assert len(sessions) == 1
