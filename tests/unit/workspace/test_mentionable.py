"""What the composer can offer: files of the root, nearest first, within bounds."""

from __future__ import annotations

import pytest

from jupyter_agent.workspace.mentionable import MOST_FILES, find_files, list_variables


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / ".secret").mkdir()
    for name in ("penguins.csv", "data/penguins raw.csv", "data/old_penguins.csv", "x.py"):
        (tmp_path / name).write_text("")
    (tmp_path / ".secret" / "penguins.csv").write_text("")
    (tmp_path / "out").symlink_to(tmp_path.parent)
    return tmp_path


async def test_files_are_found_by_words_the_nearest_first(folder):
    found = await find_files(folder, "PENG")
    assert found.files == ("penguins.csv", "data/penguins raw.csv", "data/old_penguins.csv")
    assert not found.more
    assert (await find_files(folder, "data raw")).files == ("data/penguins raw.csv",)
    assert (await find_files(folder, "nowhere")).files == ()


async def test_hidden_files_and_links_are_not_offered(folder):
    every = (await find_files(folder, "")).files
    assert len(every) == 4 and not any(path.startswith((".", "out")) for path in every)


async def test_there_is_an_end_to_the_list(folder):
    for number in range(MOST_FILES + 5):
        (folder / f"many{number}.txt").write_text("")
    found = await find_files(folder, "many")
    assert len(found.files) == MOST_FILES and found.more


async def test_without_kernels_it_says_so():
    found = await list_variables("n.ipynb", None)
    assert found.variables == () and found.problem == "No kernel may be used here."
