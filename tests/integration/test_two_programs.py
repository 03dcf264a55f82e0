"""Another program saves the notebook while the agent edits it: no save of either kind is lost."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_agent.notebook.disk import Disk
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.errors import AgentError, StaleCells
from jupyter_agent.protocol.rpc import Expected, SetSource
from jupyter_agent.testing import stream

SAVES = 60
# Saves as editors do (a new file renamed over the old one), or as Jupyter does (in place).
OTHER_PROGRAM = """
import json, os, random, sys, time
file, how, saves = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(saves):
    time.sleep(random.uniform(0.0, 0.04))
    notebook = json.load(open(file))
    notebook["cells"][0]["source"] = "".join(notebook["cells"][0]["source"]) + f"u{number} "
    text = json.dumps(notebook)
    if how == "in place":
        with open(file, "w") as stream:
            stream.write(text)
    else:
        with open(file + ".new", "w") as stream:
            stream.write(text)
        os.replace(file + ".new", file)
"""


def cell(cell_id: str, source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "source": source,
        "execution_count": None,
        "outputs": list(outputs),
    }


def notebook(theirs: str = "", ours: str = "") -> str:
    cells = [cell("theirs", theirs), cell("ours", ours, stream("y" * 300_000))]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def source(text: str, index: int) -> str:
    return "".join(json.loads(text)["cells"][index]["source"])


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be exchanged there")
@pytest.mark.R(29)
@pytest.mark.parametrize("how", ["renamed", "in place"])
async def test_every_save_of_another_process_is_in_the_file_or_in_a_named_copy(
    tmp_path: Path, how: str
) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(notebook())
    told: list[str] = []
    applied = 0
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OTHER_PROGRAM, str(file), how, str(SAVES)
    )
    try:
        document = FileNotebook("n.ipynb", file)
        while other.returncode is None:
            try:
                result = await document.apply(
                    [SetSource(id="ours", source=f"a{applied}")], [], op_id=f"{len(told)}"
                )
            except AgentError as error:
                told.append(error.user_message)
            else:
                told.append(" ".join(result.notes))
                applied += 1
    finally:
        if other.returncode is None:
            other.kill()
        code = await other.wait()
    assert code == 0
    assert applied > 10
    copies = re.findall(r"n-other-save-\w+\.ipynb", " ".join(told))
    found = [source(name.read_text(), 0) for name in (file, *(tmp_path / name for name in copies))]
    words = set(" ".join(found).split())
    assert {f"u{number}" for number in range(SAVES)} - words == set()
    assert names(tmp_path) == sorted({"n.ipynb", *copies})


class Interrupted(Disk):
    """Another program saves just before each of the first exchanges."""

    def __init__(self, file: Path, *saves: str) -> None:
        self._file = file
        self._saves = list(saves)

    def exchange(self, source: Path, target: Path) -> bool:
        if self._saves:
            other = self._file.with_suffix(".new")
            other.write_text(self._saves.pop(0))
            other.replace(self._file)
        return super().exchange(source, target)


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be exchanged there")
async def test_the_edit_is_made_anew_to_what_another_program_saved(tmp_path: Path) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(notebook())
    document = FileNotebook("n.ipynb", file, disk=Interrupted(file, notebook("saved")))
    expect = [Expected(id="ours", cell_type="code", source="")]
    result = await document.apply([SetSource(id="ours", source="a")], expect, op_id="1")
    text = file.read_text()
    assert (source(text, 0), source(text, 1)) == ("saved", "a")
    assert result.notes == ()
    assert names(tmp_path) == ["n.ipynb"]


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be exchanged there")
async def test_an_edit_of_the_cell_that_the_other_program_changed_is_refused(
    tmp_path: Path,
) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(notebook())
    saved = notebook("", "theirs")
    document = FileNotebook("n.ipynb", file, disk=Interrupted(file, saved))
    expect = [Expected(id="ours", cell_type="code", source="")]
    with pytest.raises(StaleCells):
        await document.apply([SetSource(id="ours", source="a")], expect, op_id="1")
    assert file.read_text() == saved
    assert names(tmp_path) == ["n.ipynb"]


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be exchanged there")
@pytest.mark.parametrize("refused", [False, True])
async def test_of_two_saves_at_that_moment_the_first_is_kept_as_a_copy_that_is_named(
    tmp_path: Path, *, refused: bool
) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(notebook())
    second = notebook("second", "theirs" if refused else "")
    disk = Interrupted(file, notebook("first"), second)
    document = FileNotebook("n.ipynb", file, disk=disk)
    expect = [Expected(id="ours", cell_type="code", source="")]
    edit = document.apply([SetSource(id="ours", source="a")], expect, op_id="1")
    if refused:
        with pytest.raises(StaleCells) as caught:
            await edit
        told = caught.value.user_message
    else:
        told = " ".join((await edit).notes)
    assert source(file.read_text(), 0) == "second"
    (copy,) = set(names(tmp_path)) - {"n.ipynb"}
    assert source((tmp_path / copy).read_text(), 0) == "first"
    assert copy in told


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
async def test_a_file_that_a_program_is_writing_in_place_stays_in_place(tmp_path: Path) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(notebook())
    saved = notebook("saved")

    class WhileWriting(Disk):
        def exchange(self, source: Path, target: Path) -> bool:
            done = super().exchange(source, target)
            if not writing.closed and source.stat().st_ino == inode:
                return done
            if not writing.closed:  # put back: now the program goes on
                writing.seek(0)
                writing.write(saved)
                writing.truncate()
                writing.close()
            return done

    with file.open("r+") as writing:
        inode = file.stat().st_ino
        document = FileNotebook("n.ipynb", file, disk=WhileWriting())
        result = await document.apply([SetSource(id="ours", source="a")], [], op_id="1")
    text = file.read_text()
    assert (source(text, 0), source(text, 1)) == ("saved", "a")
    assert names(tmp_path) == ["n.ipynb"]
    assert result.cells[0].source == "a"


async def test_where_files_cannot_be_exchanged_the_comparison_before_the_rename_has_to_do(
    tmp_path: Path,
) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(notebook())

    class Plain(Disk):
        def exchange(self, source: Path, target: Path) -> bool:
            return False

    def meanwhile(_: dict[str, Any]) -> None:
        if source(file.read_text(), 0) != "saved":
            file.write_text(notebook("saved"))

    document = FileNotebook("n.ipynb", file, disk=Plain(), before_save=meanwhile)
    await document.apply([SetSource(id="ours", source="a")], [], op_id="1")
    text = file.read_text()
    assert (source(text, 0), source(text, 1)) == ("saved", "a")


@pytest.mark.skipif(sys.platform == "win32", reason="inodes are POSIX's")
async def test_a_hard_link_that_is_severed_is_told(tmp_path: Path) -> None:
    file, other = tmp_path / "n.ipynb", tmp_path / "same.ipynb"
    file.write_text(notebook())
    other.hardlink_to(file)
    document = FileNotebook("n.ipynb", file)
    result = await document.apply([SetSource(id="ours", source="a")], [], op_id="1")
    assert "hard link" in result.notes[0]
    assert source(other.read_text(), 1) == ""
    again = await document.apply([SetSource(id="ours", source="b")], [], op_id="2")
    assert again.notes == ()
