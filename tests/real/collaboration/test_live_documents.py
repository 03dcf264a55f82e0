"""With collaboration on and no tab of ours, the agent edits the live document, and nothing is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import nbformat
import pytest
from playwright.sync_api import Page, expect
from real_lab import Lab, kill_lab, restart_lab, wait_until
from room_clients import AgentClient, SharedEditor

Agent = AgentClient


def shown(page: Page) -> list[str]:
    """Return the sources that a page shows."""
    found: list[str] = page.evaluate(
        "() => [...document.querySelectorAll('.jp-Notebook .jp-Cell .jp-InputArea .cm-content')]"
        ".map(cell => cell.innerText)"
    )
    return found


def type_into(page: Page, cell: int, text: str) -> None:
    page.locator(".jp-Notebook .jp-Cell .jp-InputArea .cm-content").nth(cell).click()
    page.keyboard.press("Control+End")
    page.keyboard.type(text, delay=30)


def on_disk(lab: Lab, path: str) -> list[str]:
    try:
        found = json.loads((lab.root / path).read_text())
    except ValueError:  # Jupyter empties a file before it writes it anew
        return []
    return ["".join(cell["source"]) for cell in found["cells"]]


def insert(source: str) -> dict[str, str]:
    return {"op": "insert", "after": "end", "source": source}


def test_what_a_person_types_while_the_agent_edits_is_kept(
    lab: Lab, notebook: str, agent: Agent, open_page: Callable[[], Page]
) -> None:
    page = open_page()
    expected = ["first = 1", "second = 1", "third = 1"]
    for number in range(3):
        agent.begin(
            ("edit_cells", {"ops": [insert(f"agent{number}")], "reason": "r", "run": "none"})
        )
        type_into(page, 0, f"#typed{number}")
        assert [failed for failed, _ in agent.end()] == [False]
        expected[0] += f"#typed{number}"
        expected.append(f"agent{number}")
        wait_until(lambda: shown(page) == expected, what="the page shows both")
        wait_until(lambda: on_disk(lab, notebook) == expected, what="the file has both")
    page.wait_for_timeout(1500)  # what the room would undo, it undoes at its next look at the file
    assert (shown(page), on_disk(lab, notebook)) == (expected, expected)


@pytest.mark.R(30)
def test_pages_and_programs_and_the_agent_come_to_the_same_notebook(
    lab: Lab, notebook: str, agent: Agent, open_page: Callable[[], Page]
) -> None:
    pages = open_page(), open_page()
    other = SharedEditor(lab, notebook)
    other.wait(lambda sources: len(sources) == 3)
    agent.begin(
        ("notebook_overview", {}),
        ("read_cells", {"ids": ["first", "second", "third"]}),
        ("edit_cells", {"ops": [insert("one")], "reason": "r", "run": "none"}),
        (
            "edit_cells",
            {
                "ops": [{"op": "replace", "id": "second", "source": "second = 'agent'"}],
                "reason": "r",
                "run": "none",
            },
        ),
        ("edit_cells", {"ops": [insert("two")], "reason": "r", "run": "none"}),
    )
    type_into(pages[0], 0, "#page")
    other.type("third", "#program")
    type_into(pages[1], 2, "#other page")
    results = agent.end()
    assert [failed for failed, _ in results] == [False] * 5, results
    other.wait(lambda sources: sum("page" in source for source in sources) == 2)
    expected = other.sources()
    assert expected[:2] == ["first = 1#page", "second = 'agent'"]
    assert re.fullmatch("third = 1(#program#other page|#other page#program)", expected[2])
    assert expected[3:] == ["one", "two"]
    for page in pages:
        wait_until(lambda page=page: shown(page) == expected, what="a page shows all")
    wait_until(lambda: on_disk(lab, notebook) == expected, what="the file has all")
    other.close()


@pytest.mark.R(30)
def test_a_cell_that_a_person_has_changed_since_the_model_read_it_is_not_replaced(
    lab: Lab, notebook: str, agent: Agent
) -> None:
    other = SharedEditor(lab, notebook)
    other.wait(lambda sources: len(sources) == 3)
    agent.run(("notebook_overview", {}), ("read_cells", {"ids": ["first", "second", "third"]}))
    other.type("first", "#mine")
    other.type("second", " #mine")
    replace = [{"op": "replace", "id": "first", "source": "agent"}, insert("new")]
    ((failed, text),) = agent.run(("edit_cells", {"ops": replace, "reason": "r", "run": "none"}))
    assert failed and "first = 1#mine" in text
    assert other.sources() == ["first = 1#mine", "second = 1 #mine", "third = 1"]
    # Read through the live document: what was typed a moment ago is there before it is on disk.
    other.type("third", "#just now")
    ((_, text),) = agent.run(("read_cells", {"ids": ["third"]}))
    assert "third = 1#just now" in text
    other.close()


def test_a_cell_is_not_moved_away_under_the_typing(lab: Lab, notebook: str, agent: Agent) -> None:
    other = SharedEditor(lab, notebook)
    other.wait(lambda sources: len(sources) == 3)
    move = [{"op": "move", "id": "first", "after": "third"}]
    agent.begin(
        ("notebook_overview", {}),
        ("edit_cells", {"ops": move, "reason": "r", "run": "none"}),
    )
    typed = "".join(chr(ord("a") + number % 26) for number in range(40))
    for letter in typed:
        other.type("first", letter)
        other.doc.get_state()
        wait_briefly()
    results = agent.end()
    other.wait(lambda sources: f"first = 1{typed}" in sources)
    assert len(other.sources()) == 3
    wait_until(lambda: on_disk(lab, notebook) == other.sources(), what="the file is the document")
    assert results[0][0] is False
    other.close()


def wait_briefly() -> None:
    import time

    time.sleep(0.05)  # the pace of a person who types


def test_the_agents_edit_is_undone_in_the_live_document(
    lab: Lab, notebook: str, agent: Agent, open_page: Callable[[], Page]
) -> None:
    page = open_page()
    failed, text = agent.edit(
        {"op": "replace", "id": "second", "source": "second = 'agent'"}, insert("new")
    )
    assert not failed, text
    wait_until(lambda: shown(page)[1:] == ["second = 'agent'", "third = 1", "new"], what="shown")
    type_into(page, 0, "#typed")
    assert not agent.send("undo", path=notebook)
    expected = ["first = 1#typed", "second = 1", "third = 1"]
    wait_until(lambda: shown(page) == expected, what="the page shows the notebook from before")
    wait_until(lambda: on_disk(lab, notebook) == expected, what="so does the file")


def test_outputs_of_a_run_without_a_tab_of_ours_reach_the_page_and_take_no_typing(
    lab: Lab, notebook: str, agent: Agent, open_page: Callable[[], Page]
) -> None:
    page = open_page()
    source = "import time\nopen('began', 'w')\ntime.sleep(2)\nprint('from the run')"
    agent.edit({"op": "replace", "id": "third", "source": source})
    wait_until(lambda: len(shown(page)) == 3 and "from the run" in shown(page)[2], what="shown")
    agent.begin(("run_cells", {"ids": ["third"]}))
    wait_until((lab.root / "began").exists, what="the cell runs")
    type_into(page, 2, " #typed meanwhile")
    ((failed, text),) = agent.end()
    assert not failed and "from the run" in text, text
    expect(page.locator(".jp-OutputArea-output", has_text="from the run")).to_be_visible()
    type_into(page, 2, " and after")
    wait_until(
        lambda: on_disk(lab, notebook)[2:] == [f"{source} #typed meanwhile and after"],
        what="the typing is on disk",
    )
    found = nbformat.read(lab.root / notebook, as_version=4).cells[2]
    assert found.outputs[0]["text"] == "from the run\n" and found.execution_count == 1


@pytest.mark.R(30)
def test_rooms_that_open_and_close_while_the_agent_edits_lose_nothing(
    lab: Lab, notebook: str, agent: Agent
) -> None:
    count = 12
    edits = [
        ("edit_cells", {"ops": [insert(f"agent{n}")], "reason": "r", "run": "none"})
        for n in range(count)
    ]
    agent.begin(*edits)
    typed = ""
    for number in range(8):
        other = SharedEditor(lab, notebook)
        other.wait(lambda sources: len(sources) >= 3 and sources[0].startswith("first"))
        other.type("first", f"#{number}")
        typed += f"#{number}"
        wait_until(
            lambda typed=typed: on_disk(lab, notebook)[:1] == [f"first = 1{typed}"],
            what="the room saves what was typed",
        )
        other.close()
        if number % 2:
            wait_until(lambda: not lives(lab, notebook), what="the room closes")
    assert [failed for failed, _ in agent.end()] == [False] * count
    expected = [f"first = 1{typed}", "second = 1", "third = 1"]
    expected += [f"agent{n}" for n in range(count)]
    wait_until(lambda: on_disk(lab, notebook) == expected, what="everything is on disk, once")
    other = SharedEditor(lab, notebook)
    other.wait(lambda sources: sources == expected)
    other.close()


def lives(lab: Lab, path: str) -> bool:
    """Ask as the command line does before it writes a file."""
    answer = httpx.get(
        f"{lab.url}/jupyter-agent/api/open-tabs",
        params={"file": str(lab.root / path)},
        headers={"Authorization": f"token {lab.token}"},
        trust_env=False,
    )
    return bool(answer.raise_for_status().json()["open"])


def test_a_file_in_a_room_is_open_for_whoever_asks_before_writing(lab: Lab, notebook: str) -> None:
    assert lives(lab, notebook) is False
    other = SharedEditor(lab, notebook)
    other.wait(lambda sources: len(sources) == 3)
    (lab.root / "link.ipynb").symlink_to(notebook)
    assert (lives(lab, notebook), lives(lab, "link.ipynb")) == (True, True)
    other.close()
    wait_until(lambda: not lives(lab, notebook), what="the room closes")


def test_what_a_room_holds_as_text_is_not_edited_as_a_notebook(
    lab: Lab, notebook: str, agent: Agent
) -> None:
    other = SharedEditor(lab, notebook, kind="text:file")
    wait_until(lambda: lives(lab, notebook), what="the room opens")
    before = (lab.root / notebook).read_bytes()
    failed, text = agent.edit(insert("new"))
    assert failed and "open as text" in text
    assert (lab.root / notebook).read_bytes() == before
    other.close()


@pytest.mark.R(30)
def test_after_a_restart_of_the_server_page_and_agent_go_on(
    lab: Lab, notebook: str, open_page: Callable[[], Page], request: Any
) -> None:
    page = open_page()
    # Lab tells of the lost connection in a dialog, which a person closes.
    lost = page.locator("dialog.jp-Dialog")
    page.add_locator_handler(lost, lambda dialog: dialog.locator("button").last.click())
    agent = AgentClient(lab, notebook)
    assert agent.edit(insert("before"))[0] is False
    type_into(page, 0, "#before")
    expected = ["first = 1#before", "second = 1", "third = 1", "before"]
    wait_until(lambda: on_disk(lab, notebook) == expected, what="all is saved")
    agent.close()
    kill_lab(lab)
    restart_lab(lab)
    agent = AgentClient(lab, notebook)
    assert agent.edit(insert("without the page"))[0] is False
    expected.append("without the page")
    wait_until(lambda: shown(page) == expected, seconds=60, what="the page shows all")
    type_into(page, 0, "#after")
    assert agent.edit(insert("after"))[0] is False
    expected = ["first = 1#before#after", *expected[1:], "after"]
    wait_until(lambda: shown(page) == expected, what="the page shows all, once")
    wait_until(lambda: on_disk(lab, notebook) == expected, what="the file has all, once")
    agent.close()
