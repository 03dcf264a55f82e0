"""A run that is killed, and resumed: the notebook is whole, and no tool runs twice (R44, R45).

The children are killed by SIGKILL at points seen in their own events, or in the folder.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.R(44, 45, 46),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]


def start(command, model):
    return command.start(
        "run", "work.ipynb", "-p", "go", "--model", f"script/{model}", "--yes", "--json"
    )


def kill(child):
    child.send_signal(signal.SIGKILL)
    child.communicate()


def resume(command, *arguments):
    return command.run("run", "work.ipynb", "--resume", "--yes", "--json", *arguments)


def said(command, outcome):
    texts = [e["text"] for e in command.events(outcome.stdout) if e["type"] == "text_delta"]
    return "".join(texts)


def test_killed_before_a_call_was_whole_the_run_begins_it_anew(command):
    child = start(command, "hesitates")
    command.wait_for_event(child, lambda event: event["type"] == "tool_call_end")
    kill(child)
    before = command.read_notebook()
    assert len(before.cells) == 1
    outcome = resume(command, "-p", "go on")
    assert outcome.returncode == 0, outcome.stderr
    assert "Finished." in said(command, outcome)
    assert command.log() == []


def test_killed_while_a_cell_runs_the_call_is_unknown_and_not_run_again(command):
    child = start(command, "sleeps")
    command.wait_for_event(child, lambda event: event["type"] == "tool_start")
    deadline = time.monotonic() + 30
    while command.log() != ["once"]:
        assert time.monotonic() < deadline, "the cell did not begin"
        time.sleep(0.02)
    kill(child)
    assert len(command.read_notebook().cells) == 2
    outcome = resume(command)
    assert outcome.returncode == 0, outcome.stderr
    assert "INTERRUPTED" in said(command, outcome)
    assert command.log() == ["once"]
    assert len(command.read_notebook().cells) == 2


def test_killed_while_the_notebook_is_saved_it_is_old_or_new(command):
    command.write_notebook("x = 1", output="y" * 60_000_000)
    present = set(os.listdir(command.folder))
    child = start(command, "saves")
    command.wait_for_event(child, lambda event: event["type"] == "tool_start")
    deadline = time.monotonic() + 30
    # A save makes a temporary file first.
    while not set(os.listdir(command.folder)) - present - {"data", "ipython"}:
        assert time.monotonic() < deadline, "no save was seen"
    kill(child)
    killed_in_the_middle = set(os.listdir(command.folder)) - present - {"data", "ipython"}
    assert killed_in_the_middle, "the save was over already"
    assert len(command.read_notebook().cells) in (1, 2)
    outcome = resume(command)
    assert outcome.returncode == 0, outcome.stderr
    assert len(command.read_notebook().cells) in (1, 2)


def test_killed_before_the_prompt_was_kept_nothing_has_been_done(command):
    child = start(command, "steps")
    command.wait_for_event(child, lambda event: event["type"] == "run_start")
    kill(child)
    outcome = resume(command)
    if outcome.returncode == 2:  # killed before the prompt was on disk
        assert "was interrupted" in outcome.stderr
        assert command.log() == []
        assert len(command.read_notebook().cells) == 1
    else:
        assert outcome.returncode == 0, outcome.stderr
        assert len(command.log()) == len(set(command.log()))


@pytest.mark.parametrize("line", [10, 17, 24, 45])
def test_killed_at_any_event_it_resumes_and_nothing_runs_twice(command, line):
    child = start(command, "steps")
    seen = 0

    def enough(event):
        nonlocal seen
        seen += 1
        return seen == line

    command.wait_for_event(child, enough)
    kill(child)
    command.read_notebook()
    outcome = resume(command)
    assert outcome.returncode == 0, outcome.stderr
    assert "Finished." in said(command, outcome)
    assert len(command.log()) == len(set(command.log())), "a tool ran twice"
    # At most the step in which it was killed is missing.
    assert len(command.log()) >= 3
    sources = [cell.source for cell in command.read_notebook().cells]
    assert len(sources) == len(set(sources)), "an edit was made twice"


def test_a_run_that_another_process_is_at_work_on_is_left_alone(command):
    child = start(command, "sleeps")
    command.wait_for_event(child, lambda event: event["type"] == "tool_start")
    outcome = resume(command)
    assert outcome.returncode != 0
    assert "Another process" in outcome.stderr
    assert child.poll() is None


def test_the_demo_killed_again_and_again_ends_as_if_it_never_was(command):
    for name in ("penguins.ipynb", "penguins.csv"):
        shutil.copy(EXAMPLES / name, command.folder / name)
    command.configure(demo_pace=0)
    prompt = ["-p", "Which species is the heaviest?", "--model", "demo"]
    for line in (60, 150, 260):
        child = command.start("run", "penguins.ipynb", "--yes", "--json", *prompt)
        seen = iter(range(line))
        command.wait_for_event(child, lambda event, seen=seen: next(seen, None) is None)
        kill(child)
        prompt = ["--resume"]
    outcome = command.run("run", "penguins.ipynb", "--yes", "--json", "--resume")
    assert outcome.returncode == 0, outcome.stderr
    notebook = nbformat.read(command.folder / "penguins.ipynb", as_version=4)
    nbformat.validate(notebook)
    sources = [cell.source for cell in notebook.cells]
    assert len(sources) == len(set(sources)), "an edit was made twice"
    assert "Gentoo" in said(command, outcome)
