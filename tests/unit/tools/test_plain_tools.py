"""The port's own functions, and the tools that need no notebook: files, questions, plans."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jupyter_agent.protocol.errors import NotebookReadOnly, StaleCells
from jupyter_agent.protocol.messages import ImagePart, TextPart
from jupyter_agent.testing import FakeNotebook, FakeWorkspace, code_cell
from jupyter_agent.tools.base import definition, failure
from jupyter_agent.tools.files import Folder, StaleFile
from jupyter_agent.tools.syntax import syntax_fault, syntax_warnings
from jupyter_agent.tools.toolset import build_tools
from jupyter_agent.tools.update_plan import UpdatePlanArguments
from jupyter_agent.tools.write_file import WriteFile, WriteFileArguments

CallTool = Callable[..., Awaitable[Any]]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "note.txt").write_text("".join(f"line {n}\n" for n in range(1, 51)))
    cell = {
        "cell_type": "code",
        "id": "findme00",
        "metadata": {},
        "source": "needle = 1",
        "outputs": [],
        "execution_count": None,
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "n.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "dot.png").write_bytes(PIXEL)
    (tmp_path / "raw.bin").write_bytes(b"\0\1\2" * 10)
    return FakeWorkspace(root=tmp_path, answers=["the second"], vision=True)


# ---- the port ------------------------------------------------------------------------------------


def walk_schema(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for item in schema for found in walk_schema(item)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(found for item in schema.values() for found in walk_schema(item))]


def test_every_schema_is_plain_enough_for_any_provider(workspace: FakeWorkspace) -> None:
    for tool in build_tools(workspace):
        told = definition(tool)
        assert told.parameters["type"] == "object"
        assert told.description and len(told.description) < 1_600
        for part in walk_schema(told.parameters):
            assert not part.keys() & {"$ref", "$defs", "anyOf", "oneOf", "allOf"}
        assert "title" not in json.dumps(told.parameters)


def test_tools_can_be_left_out(workspace: FakeWorkspace) -> None:
    everything = {tool.name for tool in build_tools(workspace)}
    assert len(everything) == 16
    bare = {tool.name for tool in build_tools(workspace, notebook=False, files=False)}
    assert bare == {"ask_user", "update_plan"}


def test_only_reading_tools_run_side_by_side(workspace: FakeWorkspace) -> None:
    side_by_side = {tool.name for tool in build_tools(workspace) if tool.parallel}
    assert side_by_side == {
        "notebook_overview",
        "read_cells",
        "run_status",
        "list_files",
        "read_file",
        "search_files",
        "update_plan",
    }


def test_a_failure_says_what_to_do() -> None:
    stale = StaleCells("Changed.", details={"cells": {"a": "new source", "b": None}})
    text = failure(stale).content[0]
    assert isinstance(text, TextPart)
    assert text.text.splitlines() == [
        "STALE_CELL: Changed.",
        "retryable: yes",
        "suggested_fix: look at the current source given here, then repeat the edit against it",
        "cell a is now:",
        "new source",
        "cell b is gone",
    ]
    final = failure(NotebookReadOnly("No."), fix="ask").content[0]
    assert isinstance(final, TextPart) and "retryable: no\nsuggested_fix: ask" in final.text


# ---- syntax --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "%timeit f()",
        "!pip list",
        "x = !ls",
        "%%bash\nif [ ]; then",
        "df?",
        "await f()",
        "",
        "'\\d'",
    ],
)
def test_good_syntax(source: str) -> None:
    assert syntax_fault(source) is None


@pytest.mark.parametrize(("source", "line"), [("x = (", 1), ("a = 1\nb = = 2", 2), ("if x:", 1)])
async def test_bad_syntax_names_the_line(source: str, line: int) -> None:
    (warning,) = await syntax_warnings([("good", "x = 1"), ("[4]", source)])
    assert warning.startswith(f"[4]: line {line}: ")


# ---- files ---------------------------------------------------------------------------------------


async def test_list_files(workspace: FakeWorkspace, call: CallTool) -> None:
    top = await call(workspace, "list_files")
    assert top.output.title == "Listed the files in the top folder"
    assert "data/" in top.lines and "note.txt  391 bytes" in top.lines
    deep = await call(workspace, "list_files", recursive=True, glob="*.csv")
    assert deep.lines == ["data/a.csv  8 bytes"]
    assert (await call(workspace, "list_files", path="nowhere")).text.startswith("FILE_MISSING")
    assert top.permissions == {"read"}


async def test_read_file_in_parts(workspace: FakeWorkspace, call: CallTool) -> None:
    part = await call(workspace, "read_file", path="note.txt", offset=10, limit=2)
    assert part.lines[:2] == ["line 10", "line 11"]
    assert part.lines[2].endswith("go on with offset=12")
    beyond = await call(workspace, "read_file", path="note.txt", offset=99)
    assert beyond.text == "the file has 50 lines"
    assert "not text" in (await call(workspace, "read_file", path="raw.bin")).text


async def test_read_file_shows_images_to_models_that_see(
    workspace: FakeWorkspace, call: CallTool
) -> None:
    seen = await call(workspace, "read_file", path="dot.png")
    assert isinstance(seen.output.content[-1], ImagePart)
    workspace.vision = False
    unseen = await call(workspace, "read_file", path="dot.png")
    assert all(isinstance(part, TextPart) for part in unseen.output.content)
    assert "1×1 pixels" in unseen.text


async def test_read_file_sends_notebooks_to_the_notebook_tools(
    workspace: FakeWorkspace, call: CallTool
) -> None:
    refused = await call(workspace, "read_file", path="n.ipynb")
    assert refused.output.is_error and "notebook_overview" in refused.text


async def test_search_files(workspace: FakeWorkspace, call: CallTool) -> None:
    found = await call(workspace, "search_files", query="NEEDLE")
    assert found.lines == ["n.ipynb:cell findme00:1: needle = 1"]
    lines = await call(workspace, "search_files", query="line 7", pattern="*.txt")
    assert lines.lines == ["note.txt:7: line 7"]
    many = await call(workspace, "search_files", query="line")
    assert len(many.lines) == 50


async def test_write_file_creates_and_replaces(
    workspace: FakeWorkspace, tmp_path: Path, call: CallTool
) -> None:
    created = await call(workspace, "write_file", path="out/new.txt", content="a\nb\n")
    assert created.permissions == {"write"}
    assert created.preview.title == "Create out/new.txt"
    assert created.preview.blocks[0].kind == "text" and created.preview.blocks[0].text == "a\nb\n"
    assert read(tmp_path / "out" / "new.txt") == "a\nb\n"
    replaced = await call(workspace, "write_file", file_path="out/new.txt", text="a\nc\n")
    (block,) = replaced.preview.blocks
    assert (block.kind, block.before, block.text) == ("diff", "a\nb\n", "a\nc\n")
    assert replaced.preview.bound_to != created.preview.bound_to
    assert replaced.text == "replaced out/new.txt, 4 bytes (+1 −1)"


async def test_write_file_replaces_nothing_that_the_model_has_not_seen(
    workspace: FakeWorkspace, tmp_path: Path, call: CallTool
) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("mine\n")
    with pytest.raises(StaleFile, match="not read"):
        await WriteFile(workspace).preview(WriteFileArguments(path="mine.txt", content="x"))
    await call(workspace, "read_file", path="mine.txt")
    file.write_text("an hour of work\n")
    refused = await call(workspace, "write_file", path="mine.txt", content="x")
    assert refused.output.is_error and refused.text.startswith("STALE_FILE")
    assert "read_file" in refused.text and read(file) == "an hour of work\n"
    await call(workspace, "read_file", path="mine.txt")
    assert "replaced" in (await call(workspace, "write_file", path="mine.txt", content="x")).text


def test_a_file_that_another_program_saved_is_not_replaced(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    target = folder.target("note.txt", write=True)
    folder.write(target, b"saved", new=True)
    with pytest.raises(StaleFile):
        folder.write(target, b"x", known=b"as it was read")
    with pytest.raises(StaleFile):
        folder.write(target, b"x", new=True)
    assert read(target.path) == "saved"
    folder.write(target, b"x", known=b"saved")
    assert read(target.path) == "x"
    assert [item.name for item in tmp_path.iterdir()] == ["note.txt"]


async def test_write_file_keeps_what_is_not_text(
    workspace: FakeWorkspace, tmp_path: Path, call: CallTool
) -> None:
    (tmp_path / "latin.txt").write_bytes(b"\xe9")
    await call(workspace, "read_file", path="latin.txt")
    refused = await call(workspace, "write_file", path="latin.txt", content="x")
    assert refused.output.is_error
    assert "latin.txt  1 bytes" in (await call(workspace, "list_files")).text


def read(file: Path) -> str:
    return file.read_text()


# ---- the rest ------------------------------------------------------------------------------------


async def test_ask_user(workspace: FakeWorkspace, call: CallTool) -> None:
    asked = await call(
        workspace, "ask_user", question="Which?", options=["one", {"label": "the second"}]
    )
    assert asked.text == "answer: the second"
    assert workspace.questions == [("Which?", ("one", "the second"))]
    nobody = await call(workspace, "ask_user", question="And now?")
    assert nobody.text.startswith("nobody to ask") and not nobody.output.is_error


async def test_update_plan(workspace: FakeWorkspace, call: CallTool) -> None:
    called = await call(
        workspace,
        "update_plan",
        todos=[
            "look",
            {"content": "compute", "status": "completed"},
            {"text": "plot", "status": "in_progress"},
        ],
    )
    assert called.preview.blocks[0].text == "○ look\n✓ compute\n● plot"
    assert called.output.summary == "1 of 3 done"
    with pytest.raises(ValidationError):
        UpdatePlanArguments.model_validate({"items": []})


async def test_create_notebook(workspace: FakeWorkspace, call: CallTool) -> None:
    called = await call(
        workspace,
        "create_notebook",
        path="new/b.ipynb",
        cells=["x = 1", {"cell_type": "markdown", "content": "# Hi"}],
    )
    assert called.permissions == {"write"}
    assert [block.text for block in called.preview.blocks] == ["x = 1", "# Hi"]
    made = workspace.notebooks["new/b.ipynb"]
    assert [(cell.cell_type, cell.source) for cell in made.cells] == [
        ("code", "x = 1"),
        ("markdown", "# Hi"),
    ]
    edited = await call(
        workspace,
        "edit_cells",
        notebook="new/b.ipynb",
        ops=[{"op": "replace", "id": made.cells[0].id, "source": "x = 2"}],
    )
    assert not edited.output.is_error  # what it wrote, it has read
    for path in ("n.ipynb", "data/a.csv", "../x.ipynb"):
        assert (await call(workspace, "create_notebook", path=path)).output.is_error


async def test_without_a_notebook_the_tools_say_so(
    workspace: FakeWorkspace, call: CallTool
) -> None:
    called = await call(workspace, "notebook_overview")
    assert called.text.startswith("NOTEBOOK_MISSING")
    other = FakeWorkspace(FakeNotebook([code_cell("x")], path="a.ipynb"))
    assert "a.ipynb rev 1" in (await call(other, "notebook_overview", notebook="a.ipynb")).text
