"""The demo's folder and the command that opens it."""

import sys

import pytest

from jupyter_agent.cli.demo import lab_command, prepare_folder
from jupyter_agent.demo.assets import NOTEBOOK, TABLE, demo_assets


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_folder_holds_copies(here):
    folder = prepare_folder(None)
    assert folder == here / "jupyter-agent-demo"
    for name in (NOTEBOOK, TABLE):
        assert (folder / name).read_bytes() == (demo_assets() / name).read_bytes()


def test_an_untouched_copy_is_used_again():
    assert prepare_folder(None) == prepare_folder(None)


@pytest.mark.parametrize("name", [NOTEBOOK, TABLE])
def test_what_a_person_changed_is_never_overwritten(here, name):
    first = prepare_folder("work")
    (first / name).write_text("mine")
    second = prepare_folder("work")
    assert second == here / "work-2"
    assert (first / name).read_text() == "mine"
    (second / name).write_text("mine too")
    assert prepare_folder("work") == here / "work-3"


def test_a_file_in_the_way_is_left_alone(here):
    (here / "work").write_text("a file")
    assert prepare_folder("work") == here / "work-2"


def test_other_files_in_the_folder_do_not_matter(here):
    (here / "work").mkdir()
    (here / "work" / "other.txt").write_text("mine")
    assert prepare_folder("work") == here / "work"


def test_the_command_opens_the_notebook_with_the_demo_model(here):
    command = lab_command(here, port=8899, browser=False)
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert "--JupyterAgent.default_model=demo" in command
    # Whatever the person chose for their own work.
    assert "--JupyterAgent.open_panel=always" in command
    assert f"--LabApp.default_url=/lab/tree/{NOTEBOOK}" in command
    assert "--ServerApp.port=8899" in command
    assert "--no-browser" in command
    assert "--no-browser" not in lab_command(here, port=None, browser=True)
