"""Notebooks as files: what is not touched stays byte for byte, what is odd is repaired or refused."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_agent.notebook import ipynb
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.errors import (
    NotANotebook,
    NotebookMissing,
    NotebookReadOnly,
    StaleCells,
    Unconfirmed,
)
from jupyter_agent.protocol.rpc import (
    ClearOutputs,
    DeleteCell,
    Expected,
    InsertCell,
    MoveCell,
    SetCellType,
    SetSource,
)
from jupyter_agent.testing import stream

MERGING = """{
<<<<<<< HEAD
 "cells": [],
=======
 "cells": [1],
>>>>>>> other
 "nbformat": 4
}
"""


def made(*cells: dict[str, Any], minor: int = 5, **more: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": minor, **more}


def code(source: Any = "x = 1", **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source,
        **more,
    }


def content(file: Path) -> bytes:
    return file.read_bytes()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "n.ipynb"


def put(file: Path, notebook: Any, **style: Any) -> FileNotebook:
    data = json.dumps(notebook, **style) if isinstance(notebook, dict) else notebook
    file.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return FileNotebook("n.ipynb", file)


def link(file: Path, real: Path) -> None:
    file.symlink_to(real)


def leads_to(file: Path) -> Path | None:
    return file.resolve() if file.is_symlink() else None


async def test_writes_what_nbformat_writes(file: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell("x = 1\ny = 'é'"),
        nbformat.v4.new_markdown_cell("# Title"),
    ]
    nbformat.write(notebook, file)
    first = notebook.cells[0]["id"]
    document = FileNotebook("n.ipynb", file)
    await document.apply(
        [
            SetSource(id=first, source="x = 2\n"),
            InsertCell(id="new", cell_type="code", source="z = 'ü'\n", after=first),
            InsertCell(id="raw", cell_type="raw", source="", after=None),
        ],
        [],
        op_id="1",
    )
    await document.set_outputs("new", [stream("1\n2\n")], 3)
    ours = content(file)
    again = nbformat.read(file, as_version=4)
    nbformat.validate(again)
    nbformat.write(again, file)
    assert content(file) == ours


ODD = """{
  "nbformat_minor": 5, "nbformat": 4,
    "metadata": {"z": 1.50, "a": 1e3, "big": 12345678901234567890},
  "cells": [
  {"source": "one", "id":"one", "cell_type": "code", "metadata": {"k" : [ 1,2 ]},
     "outputs": [], "execution_count": null},
      {"id": "two", "metadata":{}, "cell_type":"markdown", "source":["\\u00e9", " \\ud800"]},
  {"id": "three", "metadata": {}, "cell_type": "markdown", "source": "c", "extra": NaN}
  ]
}  """


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_untouched_text_stays_byte_for_byte(file: Path, newline: str) -> None:
    text = ODD.replace("\n", newline)
    document = put(file, text)
    await document.apply([SetSource(id="one", source="new\n")], [], op_id="1")
    after = content(file).decode("utf-8")
    start, end = text.index('{"source": "one"'), text.index("null}") + len("null}")
    assert after.startswith(text[:start])
    assert after.endswith(text[end:])
    middle = json.loads(after[start : len(after) - len(text) + end])
    assert middle["source"] == ["new\n"] and middle["metadata"] == {"k": [1, 2]}


async def test_an_edit_that_comes_back_leaves_other_cells_byte_identical(file: Path) -> None:
    document = put(file, ODD)
    await document.apply([MoveCell(id="three", after=None)], [], op_id="1")
    await document.apply([MoveCell(id="three", after="two")], [], op_id="2")
    before, after = ipynb.parse(ODD), ipynb.parse(content(file).decode("utf-8"))
    assert [cell.text for cell in before.cells] == [cell.text for cell in after.cells]
    assert (before.head, before.tail) == (after.head, after.tail)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    cells=st.lists(
        st.fixed_dictionaries(
            {
                "cell_type": st.sampled_from(["code", "markdown", "raw", "heading"]),
                "source": st.text(max_size=10) | st.lists(st.text(max_size=5), max_size=3),
                "metadata": st.dictionaries(st.text(max_size=4), json_values, max_size=2),
            },
            optional={"id": st.sampled_from(["a", "b", "", 3]), "outputs": json_values},
        ),
        max_size=5,
    ),
    metadata=st.dictionaries(st.text(max_size=4), json_values, max_size=3),
    indent=st.none() | st.integers(0, 4),
    sort=st.booleans(),
)
@settings(max_examples=60)
def test_what_is_read_is_written_again(
    cells: list[Any], metadata: dict[str, Any], indent: int | None, sort: bool
) -> None:
    text = json.dumps(made(*cells, metadata=metadata), indent=indent, sort_keys=sort)
    parsed = ipynb.parse(text)
    assert ipynb.render(parsed) == text
    assert len({cell.id for cell in parsed.cells}) == len(cells)
    assert [cell.id for cell in ipynb.parse(text).cells] == [cell.id for cell in parsed.cells]
    for cell in parsed.cells:
        cell.touch()
    again = json.loads(ipynb.render(parsed))
    assert [{**cell, "id": None} for cell in again["cells"]] == [
        {**cell, "id": None} for cell in cells
    ]
    assert again["metadata"] == metadata


async def test_an_old_notebook_gets_ids_on_its_first_edit(file: Path) -> None:
    document = put(file, made(code("a"), code("b"), code("a"), minor=2), indent=1)
    state = await document.read()
    ids = [cell.id for cell in state.cells]
    assert len(set(ids)) == 3
    assert content(file).decode("utf-8") == json.dumps(
        made(code("a"), code("b"), code("a"), minor=2), indent=1
    )
    result = await document.apply([SetSource(id=ids[1], source="B")], [], op_id="1")
    assert result.notes == ("Brought the notebook from format 4.2 to 4.5, which gives cells ids.",)
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    assert [cell["id"] for cell in notebook.cells] == ids
    assert [cell.id for cell in (await document.read()).cells] == ids


async def test_a_file_without_a_minor_version_is_brought_to_4_5(file: Path) -> None:
    document = put(
        file,
        '{"cells": [{"cell_type": "code", "metadata": {}, "outputs": [],'
        ' "execution_count": null, "source": "x"}], "metadata": {}, "nbformat": 4}',
    )
    cell_id = (await document.read()).cells[0].id
    await document.apply([SetSource(id=cell_id, source="y")], [], op_id="1")
    written = json.loads(content(file).decode("utf-8"))
    assert written["nbformat_minor"] == 5 and written["cells"][0]["id"] == cell_id


async def test_a_minor_version_inside_metadata_is_not_meant(file: Path) -> None:
    notebook = made(code("a"), minor=4, metadata={"nbformat_minor": 4})
    document = put(file, notebook, indent=1)
    cell_id = (await document.read()).cells[0].id
    await document.apply([SetSource(id=cell_id, source="y")], [], op_id="1")
    written = json.loads(content(file).decode("utf-8"))
    assert written["nbformat_minor"] == 5
    assert written["metadata"] == {"nbformat_minor": 4}


async def test_doubled_and_missing_ids_are_repaired_where_touched(file: Path) -> None:
    cells = [code("a", id="same"), code("b", id="same"), code("c"), code("d", id="same")]
    document = put(file, made(*cells), indent=1)
    ids = [cell.id for cell in (await document.read()).cells]
    assert ids[0] == "same" and len(set(ids)) == 4
    result = await document.apply([SetSource(id=ids[1], source="B")], [], op_id="1")
    assert result.notes == (f"Gave cell {ids[1]} an id of its own.",)
    written = json.loads(content(file).decode("utf-8"))["cells"]
    assert [cell.get("id") for cell in written] == ["same", ids[1], None, "same"]
    assert [cell.id for cell in (await document.read()).cells] == ids


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "damaged"),
        ("{", "damaged"),
        ('{"cells": []', "damaged"),
        ('{"cells": [], "nbformat": 4} x', "damaged"),
        ('{"cells": [], "cells": [], "nbformat": 4}', "damaged"),
        ("{}", "which format"),
        ("", "empty"),
        (" \n", "empty"),
        ("[]", "JSON list"),
        ('"text"', "JSON string"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (MERGING, "merge markers .* line 2"),
        ('{"nbformat": 4, "cells": [}', "damaged"),
        ('{"nbformat": "4", "cells": []}', "which format"),
        ('{"nbformat": true, "cells": []}', "which format"),
        ('{"nbformat": 5, "cells": []}', "newer"),
        ('{"nbformat": 3, "worksheets": []}', "old format 3"),
        ('{"nbformat": 4}', "list of cells"),
        ('{"nbformat": 4, "cells": {}}', "list of cells"),
        ('{"nbformat": 4, "cells": [1]}', "list of cells"),
        ('{"nbformat": 4, "cells": [], "metadata": ' + "[" * 100_000, "nested"),
        ('{"nbformat": 4, "cells": [' + '{"a":' * 100_000, "nested"),
    ],
)
async def test_what_is_no_notebook_is_refused_and_left_alone(
    file: Path, text: str, words: str
) -> None:
    document = put(file, text)
    with pytest.raises(NotANotebook, match=words):
        await document.read()
    with pytest.raises(NotANotebook, match=words):
        await document.apply([DeleteCell(id="a")], [], op_id="1")
    assert content(file).decode("utf-8") == text


async def test_a_save_of_jupyters_that_goes_on_is_waited_for(file: Path) -> None:
    notebook = made(code(id="one"), code(id="two"))
    before = file.with_name(f".~{file.name}")
    put(before, notebook)
    document = put(file, b"")
    reading = asyncio.ensure_future(document.read())
    done, _ = await asyncio.wait([reading], timeout=0.2)
    assert not done
    put(file, notebook)
    before.unlink()
    assert [cell.id for cell in (await reading).cells] == ["one", "two"]


async def test_after_a_save_that_was_cut_off_the_copy_beside_it_is_named(file: Path) -> None:
    put(file, '{"nbformat": 4, "cells": [')
    put(file.with_name(f".~{file.name}"), made())
    document = FileNotebook("n.ipynb", file, patience=0.1)
    with pytest.raises(NotANotebook, match=r"damaged.*\.~.*as it was before"):
        await document.read()


async def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    document = put(file, b"\xff\xfe{}")
    with pytest.raises(NotANotebook, match="UTF-8"):
        await document.read()


async def test_odd_cells_are_read_forgivingly(file: Path) -> None:
    odd = {"cell_type": "heading", "source": 3, "metadata": None, "outputs": {}, "id": "odd"}
    outputs = [1, {"output_type": "stream", "text": ["a\n", "b"]}, {"data": None}]
    document = put(file, made(odd, code("x", id="x", outputs=outputs, execution_count="7")))
    first, second = (await document.read("all")).cells
    assert (first.cell_type, first.source, first.metadata) == ("raw", "", {})
    assert second.outputs == ({"output_type": "stream", "text": "a\nb"}, {"data": None})
    assert second.execution_count is None


async def test_half_a_surrogate_pair_can_be_written(file: Path) -> None:
    document = put(file, made(code("x", id="x")))
    await document.apply([SetSource(id="x", source="'\ud800'")], [], op_id="1")
    assert (await document.read()).cells[0].source == "'\ud800'"


async def test_attachments_survive_an_edit_and_are_lost_to_code_with_a_word(file: Path) -> None:
    attached = {"a.png": {"image/png": "AAAA"}}
    cell = {
        "cell_type": "markdown",
        "id": "m",
        "metadata": {},
        "source": "x",
        "attachments": attached,
    }
    document = put(file, made(cell))
    await document.apply([SetSource(id="m", source="y")], [], op_id="1")
    assert json.loads(content(file).decode("utf-8"))["cells"][0]["attachments"] == attached
    kept = await document.apply([SetCellType(id="m", cell_type="raw")], [], op_id="2")
    assert json.loads(content(file).decode("utf-8"))["cells"][0]["attachments"] == attached
    assert kept.notes == ()
    lost = await document.apply([SetCellType(id="m", cell_type="code")], [], op_id="3")
    assert "a.png" in lost.notes[0]
    nbformat.validate(nbformat.read(file, as_version=4))


async def test_the_first_cell_of_an_empty_notebook(file: Path) -> None:
    for style in ({"indent": 1}, {}):
        document = put(file, made(), **style)
        await document.apply(
            [InsertCell(id="a", cell_type="code", source="1", after=None)], [], op_id="1"
        )
        notebook = nbformat.read(file, as_version=4)
        nbformat.validate(notebook)
        assert [cell["source"] for cell in notebook.cells] == ["1"]


async def test_someone_elses_save_at_the_same_moment_wins(file: Path) -> None:
    theirs = json.dumps(made(code("theirs", id="x")))
    document = put(file, made(code("ours", id="x")))

    def meanwhile(notebook: dict[str, Any]) -> None:
        file.write_text(theirs)

    racing = FileNotebook("n.ipynb", file, before_save=meanwhile)
    expect = [Expected(id="x", cell_type="code", source="ours")]
    with pytest.raises(StaleCells):
        await racing.apply([SetSource(id="x", source="new")], expect, op_id="1")
    assert content(file).decode() == theirs
    assert (await document.read()).cells[0].source == "theirs"


async def test_a_save_right_after_ours_is_not_reported_as_ours(file: Path) -> None:
    put(file, made(code("x", id="x")))
    overwriting = FileNotebook(
        "n.ipynb", file, after_save=lambda path: Path(path).write_text("{}") and None
    )
    with pytest.raises(Unconfirmed):
        await overwriting.apply([SetSource(id="x", source="new")], [], op_id="1")


async def test_hooks_run_and_may_change_what_is_written(file: Path) -> None:
    put(file, made(code("x", id="x", execution_count=3)))
    saved: list[str] = []

    def clear_counts(notebook: dict[str, Any]) -> dict[str, Any]:
        for cell in notebook["cells"]:
            cell["execution_count"] = None
        return notebook

    document = FileNotebook("n.ipynb", file, before_save=clear_counts, after_save=saved.append)
    result = await document.apply([SetSource(id="x", source="y")], [], op_id="1")
    cell = (await document.read()).cells[0]
    assert (cell.source, cell.execution_count) == ("y", None)
    assert result.cells[0] == cell  # what is reported is what was written
    assert saved == [str(file)]


async def test_two_documents_over_one_file_lose_nothing(file: Path) -> None:
    cells = [code("0", id=f"c{number}") for number in range(8)]
    put(file, made(*cells))
    documents = [FileNotebook("n.ipynb", file) for _ in range(8)]
    await asyncio.gather(
        *(
            document.apply(
                [SetSource(id=f"c{number}", source=str(number))],
                [Expected(id=f"c{number}", cell_type="code", source="0")],
                op_id=str(number),
            )
            for number, document in enumerate(documents)
        )
    )
    state = await documents[0].read()
    assert [cell.source for cell in state.cells] == [str(number) for number in range(8)]


@pytest.mark.skipif(os.name == "nt", reason="modes and symlinks are POSIX's")
async def test_mode_and_symlink_are_kept(tmp_path: Path, file: Path) -> None:
    real = tmp_path / "folder" / "real.ipynb"
    real.parent.mkdir()
    put(real, made(code("x", id="x")))
    real.chmod(0o640)
    link(file, real)
    await FileNotebook("n.ipynb", file).apply([SetSource(id="x", source="y")], [], op_id="1")
    assert leads_to(file) == real
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert json.loads(real.read_text())["cells"][0]["source"] == ["y"]
    assert [item.name for item in real.parent.iterdir()] == ["real.ipynb"]


async def test_missing_folder_and_pipe(tmp_path: Path) -> None:
    with pytest.raises(NotebookMissing):
        await FileNotebook("n.ipynb", tmp_path / "no" / "n.ipynb").read()
    with pytest.raises(NotANotebook):
        await FileNotebook("n.ipynb", tmp_path).read()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.ipynb")
        with pytest.raises(NotANotebook):
            await asyncio.wait_for(FileNotebook("pipe", tmp_path / "pipe.ipynb").read(), 5)


async def test_clearing_outputs_of_a_large_notebook_keeps_the_rest(file: Path) -> None:
    big = [code("x", id=f"c{n}", outputs=[stream("y" * 2_000)]) for n in range(2_000)]
    document = put(file, made(*big), indent=1)
    before = ipynb.parse(content(file).decode("utf-8"))
    await document.apply([ClearOutputs(id="c1000")], [], op_id="1")
    after = ipynb.parse(content(file).decode("utf-8"))
    differing = [
        new.id for old, new in zip(before.cells, after.cells, strict=True) if old.text != new.text
    ]
    assert differing == ["c1000"]


async def test_a_read_only_file_is_told_and_kept(file: Path) -> None:
    from jupyter_agent.notebook.disk import Disk

    class ReadOnly(Disk):
        def writable(self, path: Path) -> bool:
            return False

    put(file, made(code("x", id="x")))
    before = content(file)
    document = FileNotebook("n.ipynb", file, disk=ReadOnly())
    with pytest.raises(NotebookReadOnly):
        await document.apply([SetSource(id="x", source="y")], [], op_id="1")
    assert content(file) == before
