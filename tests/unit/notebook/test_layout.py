"""An edit changes the edited cell's lines in the file, and no other line, however it is laid out."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_agent.notebook import ipynb
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.rpc import ClearOutputs, InsertCell, SetCellType, SetSource

PLOT = {"output_type": "display_data", "metadata": {}, "data": {"text/plain": "<Fig 1.0>"}}


def code(cell_id: str | None, source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    """A cell in an order of keys that nbformat does not write."""
    identity = {} if cell_id is None else {"id": cell_id}
    return {
        "cell_type": "code",
        **identity,
        "source": source.splitlines(keepends=True),
        "metadata": {"colab": {"b": 1.0, "a": True}},
        "execution_count": None,
        "outputs": list(outputs),
    }


def text_of(minor: int = 5, ids: bool = True, **style: Any) -> str:
    cells = [
        code("a" if ids else None, "print('ä 😀 \\u2028')\nx", PLOT),
        code("b" if ids else None, "y = 1\nz"),
        {
            "cell_type": "markdown",
            "source": ["# é"],
            "metadata": {},
            **({"id": "c"} if ids else {}),
        },
    ]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": minor,
        "metadata": {"colab": {"name": "é"}},
        "cells": cells,
    }
    return json.dumps(notebook, **style)


STYLES: dict[str, dict[str, Any]] = {
    "colab": {"indent": 2, "ensure_ascii": False},
    "four": {"indent": 4, "ensure_ascii": False},
    "tabs": {"indent": "\t", "ensure_ascii": False},
    "escapes": {"indent": 1, "ensure_ascii": True},
    "tight": {"indent": 2, "separators": (",", ":")},
}


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[
        2:
    ]
    removed = [line[1:] for line in lines if line.startswith("-")]
    return removed, [line[1:] for line in lines if line.startswith("+")]


@pytest.fixture(params=STYLES)
def style(request: pytest.FixtureRequest) -> dict[str, Any]:
    return STYLES[request.param]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
async def test_an_inserted_cell_is_the_difference(
    tmp_path: Path, style: dict[str, Any], end: str
) -> None:
    file = tmp_path / "n.ipynb"
    before = text_of(**style).replace("\n", end or "\n") + end
    file.write_bytes(before.encode())
    insert = InsertCell(id="new", cell_type="code", source="print('ö')\n2", after="a")
    await FileNotebook("n.ipynb", file).apply([insert], [], op_id="1")
    after = file.read_bytes().decode()
    inner = after
    at = next(number for number, line in enumerate(before) if line != after[number])
    kept = len(before) - at
    assert inner[:at] + inner[len(inner) - kept :] == before
    expected = json.loads(before)
    made = json.loads(after)["cells"][1]
    assert [*expected["cells"][:1], made, *expected["cells"][1:]] == json.loads(after)["cells"]
    assert list(made) == list(expected["cells"][0])
    # As the program that made the file would have written it.
    expected["cells"].insert(1, made)
    assert after == json.dumps(expected, **style).replace("\n", end or "\n") + end
    nbformat.validate(nbformat.reads(after, as_version=4))


async def test_an_edited_source_is_the_difference(tmp_path: Path, style: dict[str, Any]) -> None:
    file = tmp_path / "n.ipynb"
    before = text_of(**style)
    file.write_text(before, encoding="utf-8")
    document = FileNotebook("n.ipynb", file)
    await document.apply([SetSource(id="a", source="print('ä 😀 \\u2028')\nnew")], [], op_id="1")
    after = file.read_text(encoding="utf-8")
    assert [line.strip() for line in changed_lines(before, after)[0]] == ['"x"']
    assert [line.strip() for line in changed_lines(before, after)[1]] == ['"new"']


async def test_outputs_metadata_and_type_are_the_difference(
    tmp_path: Path, style: dict[str, Any]
) -> None:
    file = tmp_path / "n.ipynb"
    before = text_of(**style)
    file.write_text(before, encoding="utf-8")
    document = FileNotebook("n.ipynb", file)
    source = SetSource(id="b", source="y = 1\nz", metadata={"tags": ["x"]})
    changes = [ClearOutputs(id="a"), source, SetCellType(id="b", cell_type="raw")]
    await document.apply(changes, [], op_id="1")
    after = file.read_text(encoding="utf-8")
    expected = json.loads(before)
    first, second, _ = expected["cells"]
    first["outputs"] = []
    second["metadata"]["tags"] = ["x"]
    second["cell_type"] = "raw"
    del second["outputs"], second["execution_count"]
    assert after == json.dumps(expected, **style)


async def test_a_notebook_without_ids_gets_them_and_stays_as_it_is_laid_out(
    tmp_path: Path, style: dict[str, Any]
) -> None:
    file = tmp_path / "n.ipynb"
    before = text_of(minor=0, ids=False, **style)
    file.write_text(before, encoding="utf-8")
    document = FileNotebook("n.ipynb", file)
    state = await document.read()
    insert = InsertCell(id="new", cell_type="code", source="2", after=state.cells[-1].id)
    await document.apply([insert], [], op_id="1")
    after = file.read_text(encoding="utf-8")
    expected = json.loads(before)
    expected["nbformat_minor"] = 5
    for number, (cell, known) in enumerate(zip(expected["cells"], state.cells, strict=True)):
        rest = list(cell.items())
        expected["cells"][number] = dict([rest[0], ("id", known.id), *rest[1:]])
    expected["cells"].append(json.loads(after)["cells"][-1])
    assert after == json.dumps(expected, **style)
    removed, _ = changed_lines(before, after)
    assert [line.strip(' \t",').startswith("nbformat_minor") for line in removed] == [True]


async def test_one_line_stays_one_line(tmp_path: Path) -> None:
    for separators in ((",", ":"), (", ", ": ")):
        file = tmp_path / f"{len(separators[0])}.ipynb"
        before = text_of(separators=separators)
        file.write_text(before, encoding="utf-8")
        insert = InsertCell(id="new", cell_type="code", source="2", after="c")
        await FileNotebook("n.ipynb", file).apply(
            [insert, SetSource(id="b", source="q")], [], op_id="1"
        )
        after = file.read_text(encoding="utf-8")
        assert after == json.dumps(json.loads(after), separators=separators)
        assert "\n" not in after


async def test_what_a_hook_changes_is_laid_out_as_the_file_is(
    tmp_path: Path, style: dict[str, Any]
) -> None:
    file = tmp_path / "n.ipynb"
    before = text_of(**style) + "\n"
    file.write_text(before, encoding="utf-8")

    def hook(data: dict[str, Any]) -> dict[str, Any]:
        data["metadata"]["seen"] = True
        return data

    document = FileNotebook("n.ipynb", file, before_save=hook)
    await document.apply([SetSource(id="b", source="q")], [], op_id="1")
    after = file.read_text(encoding="utf-8")
    assert after == json.dumps(json.loads(after), **style) + "\n"


def test_a_cell_with_a_key_twice_is_written_anew() -> None:
    text = text_of(indent=1).replace('"metadata": {},\n', '"metadata": {},\n   "metadata": {},\n')
    notebook = ipynb.parse(text)
    cell = notebook.cells[2]
    cell.touch()
    cell.data["source"] = ["new"]
    assert json.loads(ipynb.render(notebook))["cells"][2] == cell.data
