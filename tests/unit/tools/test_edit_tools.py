"""Overview, reading and editing: what the model sees, what people are shown, what is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from jupyter_agent.protocol.errors import NotebookError
from jupyter_agent.protocol.rpc import ApplyResult
from jupyter_agent.testing import (
    FakeKernel,
    FakeNotebook,
    FakeWorkspace,
    code_cell,
    error,
    markdown_cell,
    result,
    stream,
)

CallTool = Callable[..., Awaitable[Any]]


@pytest.fixture
def notebook() -> FakeNotebook:
    return FakeNotebook(
        [
            code_cell("import math\nx = 1", id="aaaa1111bbbb", execution_count=4),
            markdown_cell("# Title", id="cccc2222dddd"),
            code_cell(
                "y = x + z\ny",
                id="eeee3333ffff",
                execution_count=2,
                outputs=[error("NameError", "z")],
            ),
            code_cell("", id="0123456789ab"),
        ],
        path="work.ipynb",
    )


@pytest.fixture
def kernel(notebook: FakeNotebook) -> FakeKernel:
    return FakeKernel(
        {"y = 2": [result("2")], "1/0": [error("ZeroDivisionError", "division by zero")]},
        notebook=notebook,
    )


@pytest.fixture
def workspace(notebook: FakeNotebook, kernel: FakeKernel) -> FakeWorkspace:
    return FakeWorkspace(notebook, kernel)


async def test_the_overview_is_a_line_a_cell(workspace: FakeWorkspace, call: CallTool) -> None:
    called = await call(workspace, "notebook_overview", preview_lines=0)
    lines = called.lines
    assert lines[0] == "work.ipynb rev 1 · kernel python3 idle · python · 4 cells"
    assert [line.split()[0] for line in lines[1:]] == ["[4]", "cell", "[2]", "cell"]
    assert "id=aaaa1111" in lines[1] and " code 2L ok" in lines[1]
    assert " error out:error stale(upstream aaaa1111)" in lines[3]
    assert called.permissions == {"read"}
    assert "aaaa" not in str(called.output.summary) + str(called.output.title)


async def test_overview_filters(workspace: FakeWorkspace, call: CallTool) -> None:
    async def ids(**arguments: Any) -> list[str]:
        called = await call(workspace, "notebook_overview", preview_lines=0, **arguments)
        return [
            word[3:7] for line in called.lines[1:] for word in line.split() if word[:3] == "id="
        ]

    assert await ids(only="errors") == ["eeee"]
    assert await ids(only="stale") == ["eeee"]
    assert await ids(query="TITLE") == ["cccc"]
    assert await ids(offset=2) == ["eeee", "0123"]
    assert await ids(only="changed") == ["aaaa", "cccc", "eeee"]  # the empty one is seen whole
    await call(workspace, "read_cells", ids=["aaaa1111", "cccc2222", "eeee3333"])
    assert await ids(only="changed") == []
    workspace.notebooks["work.ipynb"].type_into("cccc2222dddd", "# Mine")
    assert await ids(only="changed") == ["cccc"]


async def test_a_large_notebook_is_listed_in_pieces(call: CallTool) -> None:
    cells = [code_cell(f"value_{n} = '{'x' * 150}'", id=f"c{n:07}") for n in range(2_000)]
    workspace = FakeWorkspace(FakeNotebook(cells))
    first = await call(workspace, "notebook_overview")
    assert len(first.text) < 26_000
    offset = int(first.lines[-1].rpartition("offset=")[2])
    second = await call(workspace, "notebook_overview", offset=offset)
    assert f"cell {offset + 1} id=c{offset:07}" in second.text


async def test_read_cells_shows_source_and_outputs(call: CallTool) -> None:
    notebook = FakeNotebook(
        [code_cell("print('hi')", id="aaaa1111", execution_count=1, outputs=[stream("hi\n")])]
    )
    workspace = FakeWorkspace(notebook)
    called = await call(workspace, "read_cells", cell_ids="aaaa1111")
    assert "print('hi')" in called.text and "stdout:\nhi" in called.text
    assert called.preview.title == "Read [1]"
    bare = await call(workspace, "read_cells", ids=["aaaa1111"], outputs="none", source=False)
    assert "print" not in bare.text and "hi" not in bare.text
    known = workspace.memory.known("notebook.ipynb", "aaaa1111")
    assert known is not None and known.source == "print('hi')"


async def test_a_part_that_was_read_is_not_the_cell(call: CallTool) -> None:
    source = "\n".join(f"line{n}" for n in range(50))
    workspace = FakeWorkspace(FakeNotebook([code_cell(source, id="aaaa1111")]))
    called = await call(workspace, "read_cells", ids=["aaaa1111"], lines="3-4")
    assert "line2\nline3" in called.text and "line5" not in called.text
    assert workspace.memory.known("notebook.ipynb", "aaaa1111") is None


async def test_reading_on_in_an_output(call: CallTool) -> None:
    long = "".join(f"row {n}\n" for n in range(20_000))
    notebook = FakeNotebook([code_cell("x", id="aaaa1111", outputs=[stream(long)])])
    workspace = FakeWorkspace(notebook)
    brief = await call(workspace, "read_cells", ids=["aaaa1111"])
    assert len(brief.text) < 5_000 and 'ids=["aaaa1111"], output_index=0' in brief.text
    more = await call(workspace, "read_cells", ids=["aaaa1111"], output_index=0, offset=1_000)
    assert more.text.startswith(long[1_000:1_100])


async def test_unknown_cells_are_a_result_with_advice(
    workspace: FakeWorkspace, call: CallTool
) -> None:
    called = await call(workspace, "read_cells", ids=["zzzz"])
    assert called.output.is_error
    assert called.lines[0].startswith("UNKNOWN_CELL: ")
    assert "retryable: yes" in called.lines
    assert any(line.startswith("suggested_fix: ") for line in called.lines)


# ---- editing -------------------------------------------------------------------------------------


async def test_an_edit_is_read_back_and_reported(
    workspace: FakeWorkspace, notebook: FakeNotebook, call: CallTool
) -> None:
    await call(workspace, "read_cells", ids=["aaaa1111"])
    called = await call(
        workspace,
        "edit_cells",
        reason="rename",
        ops=[
            {"op": "replace", "id": "aaaa1111", "source": "import math\nx = 2\nw = 3"},
            {"op": "insert", "after": "$1", "source": "no"},
        ],
    )
    assert called.output.is_error  # $1 made no cell
    called = await call(
        workspace,
        "edit_cells",
        ops=[
            {"op": "replace", "id": "aaaa1111", "source": "import math\nx = 2\nw = 3"},
            {"op": "insert", "after": "aaaa1111", "source": "v = 1"},
            {"op": "insert", "after": "$2", "source": "u = 1"},
        ],
    )
    assert called.permissions == {"write"}
    assert called.preview.title == "Edit [4] and insert 2 cells"
    assert called.output.title == "Edited [4] and inserted 2 cells"
    assert called.lines[0] == "applied rev 1→2"
    assert called.lines[1].startswith("edited [4] id=aaaa1111 v") and "(+2 −1)" in called.lines[1]
    assert called.lines[2].startswith("+cell 2 id=") and called.lines[3].startswith("+cell 3 id=")
    assert [cell.source for cell in notebook.cells][:3] == [
        "import math\nx = 2\nw = 3",
        "v = 1",
        "u = 1",
    ]
    assert [(item.action, item.number, item.executed) for item in called.output.cells] == [
        ("edited", 4, True),
        ("inserted", 2, False),
        ("inserted", 3, False),
    ]


async def test_the_preview_shows_exactly_what_is_written(
    workspace: FakeWorkspace, call: CallTool
) -> None:
    await call(workspace, "read_cells", ids=["aaaa1111", "cccc2222"])
    called = await call(
        workspace,
        "edit_cells",
        ops=[
            {"op": "replace", "id": "aaaa1111", "source": "x = 2"},
            {"op": "insert", "before": "cccc2222", "source": "%%bash\nrm -rf x"},
            {"op": "delete", "id": "cccc2222"},
            {"op": "move", "id": "eeee3333", "after": "start"},
        ],
    )
    edit, insert, delete, move = called.preview.blocks
    assert (edit.kind, edit.before, edit.text, edit.label) == (
        "diff",
        "import math\nx = 1",
        "x = 2",
        "[4]",
    )
    assert (insert.kind, insert.text, insert.label) == (
        "code",
        "%%bash\nrm -rf x",
        "new cell after [4]",
    )
    assert (delete.kind, delete.before, delete.text) == ("diff", "# Title", "")
    assert move.kind == "text" and "[2]" in move.text
    facts = dict(called.preview.bound_to)
    assert facts["notebook"] == "work.ipynb"
    assert len(facts["cell aaaa1111bbbb"]) == 64


IMAGE = "![](http://evil.example/x.png?d=1)"


async def test_an_edit_that_has_something_loaded_needs_the_network_and_names_the_host(
    workspace: FakeWorkspace, call: CallTool
) -> None:
    await call(workspace, "read_cells", ids=["cccc2222"])
    plain = await call(
        workspace, "edit_cells", ops=[{"op": "insert", "after": "end", "source": IMAGE}]
    )
    assert plain.preview.needs == frozenset()  # a code cell shows it as text
    for op in (
        {"op": "insert", "after": "end", "type": "markdown", "source": IMAGE},
        {"op": "insert", "after": "end", "type": "raw", "source": IMAGE},
        {"op": "replace", "id": "cccc2222", "source": f"# Title\n{IMAGE}"},
        {"op": "str_replace", "id": "cccc2222", "old": "evil.example", "new": "x.evil.example"},
        {"op": "set_type", "id": plain.output.cells[0].cell_id, "type": "markdown"},
    ):
        called = await call(workspace, "edit_cells", ops=[op])
        assert called.preview.needs == {"network"}, op
        assert "evil.example" in called.preview.blocks[0].label
        assert "evil.example/x.png?d=1" in called.preview.blocks[0].text
    kept = await call(
        workspace,
        "edit_cells",
        ops=[{"op": "str_replace", "id": "cccc2222", "old": "Title", "new": "Heading"}],
    )
    assert kept.preview.needs == frozenset()


async def test_a_new_notebook_that_has_something_loaded_needs_the_network(
    workspace: FakeWorkspace, call: CallTool
) -> None:
    cells = [{"type": "markdown", "source": IMAGE}, {"type": "code", "source": IMAGE}]
    called = await call(workspace, "create_notebook", path="new.ipynb", cells=cells)
    assert called.preview.needs == {"network"}
    assert called.preview.blocks[0].label.endswith("evil.example")
    called = await call(workspace, "create_notebook", path="other.ipynb", cells=cells[1:])
    assert called.preview.needs == frozenset()


async def test_the_preview_is_bound_to_what_would_be_replaced(
    workspace: FakeWorkspace, notebook: FakeNotebook, call: CallTool
) -> None:
    ops = [{"op": "str_replace", "id": "aaaa1111", "old": "x = 1", "new": "x = 2"}]
    first = await call(workspace, "edit_cells", ops=ops)
    notebook.type_into("aaaa1111bbbb", "import math  # mine\nx = 1")
    workspace.memory.cells.clear()
    second = await call(workspace, "edit_cells", ops=ops)
    assert first.preview.bound_to != second.preview.bound_to


async def test_a_stale_cell_is_shown_and_the_second_try_works(
    workspace: FakeWorkspace, notebook: FakeNotebook, call: CallTool
) -> None:
    await call(workspace, "read_cells", ids=["aaaa1111", "cccc2222"])
    notebook.type_into("aaaa1111bbbb", "x = 'the person'")
    ops = [{"op": "replace", "id": "aaaa1111", "source": "x = 'the model'"}]
    refused = await call(workspace, "edit_cells", ops=ops)
    assert refused.preview is None and refused.output.is_error
    assert refused.lines[0] == "STALE_CELL: Changed since you read it: [4]. Nothing was applied."
    assert "x = 'the person'" in refused.text
    assert notebook.cell("aaaa1111bbbb").source == "x = 'the person'"
    assert "aaaa" not in refused.output.summary
    again = await call(workspace, "edit_cells", ops=ops)
    assert not again.output.is_error
    assert notebook.cell("aaaa1111bbbb").source == "x = 'the model'"


async def test_its_own_writes_count_as_reads(workspace: FakeWorkspace, call: CallTool) -> None:
    await call(workspace, "read_cells", ids=["aaaa1111"])
    for source in ("x = 2", "x = 3"):
        called = await call(
            workspace, "edit_cells", ops=[{"op": "replace", "id": "aaaa1111", "source": source}]
        )
        assert not called.output.is_error


async def test_a_change_between_preview_and_apply_is_refused(call: CallTool) -> None:
    class Busy(FakeNotebook):
        typing = True

        async def apply(self, *arguments: Any, **more: Any) -> ApplyResult:
            if self.typing:
                self.typing = False
                self.type_into("aaaa1111", "typed meanwhile")
            return await super().apply(*arguments, **more)

    notebook = Busy([code_cell("x = 1", id="aaaa1111")])
    workspace = FakeWorkspace(notebook)
    await call(workspace, "read_cells", ids=["aaaa1111"])
    ops = [{"op": "replace", "id": "aaaa1111", "source": "x = 2"}]
    called = await call(workspace, "edit_cells", ops=ops)
    assert called.text.startswith("STALE_CELL") and "typed meanwhile" in called.text
    assert notebook.cell("aaaa1111").source == "typed meanwhile"
    again = await call(workspace, "edit_cells", ops=ops)  # now it has seen what was typed
    assert not again.output.is_error and notebook.cell("aaaa1111").source == "x = 2"


async def test_only_what_was_read_back_is_reported(call: CallTool) -> None:
    class Lying(FakeNotebook):
        async def apply(self, changes: Any, expect: Any, *, op_id: str) -> ApplyResult:
            cells = (await self.read()).cells
            return ApplyResult(
                revision=9, cells=cells, order=tuple(cell.id for cell in cells), saved=True
            )

    notebook = Lying([code_cell("x = 1", id="aaaa1111")])
    called = await call(
        FakeWorkspace(notebook),
        "edit_cells",
        ops=[{"op": "str_replace", "id": "aaaa1111", "old": "1", "new": "2"}],
    )
    assert called.output.is_error and called.text.startswith("UNCONFIRMED")


async def test_a_syntax_error_is_warned_of_and_ipython_is_understood(
    workspace: FakeWorkspace, call: CallTool
) -> None:
    called = await call(
        workspace,
        "edit_cells",
        ops=[
            {"op": "insert", "after": "end", "source": "x = (("},
            {"op": "insert", "after": "end", "source": "%matplotlib inline\n!ls\nawait f()\nx?"},
        ],
    )
    warnings = [line for line in called.lines if line.startswith("warning")]
    assert len(warnings) == 1 and "line 1" in warnings[0]


async def test_nothing_to_change_is_no_error(workspace: FakeWorkspace, call: CallTool) -> None:
    called = await call(
        workspace, "edit_cells", ops=[{"op": "set_type", "id": "aaaa1111", "type": "code"}]
    )
    assert not called.output.is_error and called.text.startswith("nothing to change")


async def test_a_read_only_notebook_is_refused_before_anybody_is_asked(call: CallTool) -> None:
    notebook = FakeNotebook([code_cell("x", id="aaaa1111")], read_only=True)
    called = await call(
        FakeWorkspace(notebook), "edit_cells", ops=[{"op": "insert", "after": "end", "source": "y"}]
    )
    assert called.preview is None and called.text.startswith("NOTEBOOK_READ_ONLY")


async def test_provenance_is_noted_on_what_the_agent_writes(call: CallTool) -> None:
    notebook = FakeNotebook([code_cell("x = 1", id="aaaa1111"), code_cell("y", id="bbbb1111")])
    workspace = FakeWorkspace(notebook, provenance={"session": "s1", "model": "m"})
    await call(
        workspace,
        "edit_cells",
        ops=[{"op": "str_replace", "id": "aaaa1111", "old": "1", "new": "2"}],
    )
    assert notebook.cells[0].metadata == {"jupyter_agent": {"session": "s1", "model": "m"}}
    assert notebook.cells[1].metadata == {}


@pytest.mark.parametrize(
    ("ops", "title"),
    [
        ([{"op": "insert", "after": "end", "source": "new"}], "Inserted cell 5"),
        (
            [
                {"op": "insert", "before": "aaaa1111", "source": "new"},
                {"op": "delete", "id": "01234567"},
            ],
            "Inserted cell 1 and deleted cell 4",
        ),
        (
            [
                {"op": "delete", "id": "cccc2222"},
                {"op": "insert", "after": "aaaa1111", "source": "new"},
            ],
            "Deleted a cell and inserted cell 2",
        ),
    ],
)
async def test_a_title_names_cells_by_the_numbers_they_have_now(
    workspace: FakeWorkspace, call: CallTool, ops: list[dict[str, object]], title: str
) -> None:
    await call(workspace, "read_cells", ids=["aaaa1111", "cccc2222", "01234567"])
    called = await call(workspace, "edit_cells", ops=ops)
    assert called.output.title == title


@pytest.mark.parametrize(
    ("ops", "title"),
    [
        ([{"op": "insert", "after": "end", "source": "new"}], "Insert a cell and run it"),
        ([{"op": "insert", "after": "end", "type": "markdown", "source": "x"}], "Insert a cell"),
        (
            [
                {"op": "insert", "after": "end", "source": "new"},
                {"op": "delete", "id": "01234567"},
            ],
            "Insert a cell and delete cell 4, then run 1 cell",
        ),
    ],
)
async def test_a_title_says_how_many_cells_would_run(
    workspace: FakeWorkspace, call: CallTool, ops: list[dict[str, object]], title: str
) -> None:
    await call(workspace, "read_cells", ids=["aaaa1111", "cccc2222", "01234567"])
    called = await call(workspace, "edit_cells", run="changed", ops=ops)
    assert called.preview is not None and called.preview.title == title


# ---- edit and run --------------------------------------------------------------------------------


async def test_run_changed_runs_written_code_in_order_and_shows_outputs(
    workspace: FakeWorkspace, kernel: FakeKernel, call: CallTool
) -> None:
    called = await call(
        workspace,
        "edit_cells",
        run="changed",
        ops=[
            {"op": "insert", "after": "end", "source": "y = 2"},
            {"op": "insert", "before": "$1", "source": "first = 1"},
            {"op": "insert", "after": "end", "type": "markdown", "source": "# words"},
        ],
    )
    assert called.permissions == {"write", "exec"}
    assert called.preview.title == "Insert 3 cells, then run 2 cells"
    assert kernel.executed == ["first = 1", "y = 2"]
    assert "result:\n2" in called.text
    assert called.output.title == "Inserted 3 cells, ran [1] and [2]"
    assert dict(called.preview.bound_to)["kernel"] == "kernel-1"
    assert called.updates[0] == "Running cell 5"


async def test_an_error_in_the_run_is_told_and_the_edit_stands(
    workspace: FakeWorkspace, notebook: FakeNotebook, call: CallTool
) -> None:
    called = await call(
        workspace,
        "edit_cells",
        run=True,
        ops=[{"op": "insert", "after": "end", "source": "1/0"}],
    )
    assert called.output.is_error
    assert called.output.summary == "ZeroDivisionError: division by zero"
    assert called.lines[0].startswith("applied")
    assert notebook.cells[-1].source == "1/0"


async def test_cells_that_may_have_run_are_never_called_not_run(
    notebook: FakeNotebook, call: CallTool
) -> None:
    class Broken(FakeKernel):
        async def start_run(self, *arguments: Any, **more: Any) -> Any:
            raise NotebookError("The tab did not answer within 15 s.")

    called = await call(
        FakeWorkspace(notebook, Broken()),
        "edit_cells",
        run="changed",
        ops=[{"op": "insert", "after": "end", "source": "x"}],
    )
    assert called.output.is_error
    assert "may have run" in called.text and "not run" not in called.text


async def test_a_kernel_that_does_not_start_leaves_the_edit(
    notebook: FakeNotebook, call: CallTool
) -> None:
    from jupyter_agent.protocol.errors import KernelStartFailed

    class Broken(FakeKernel):
        async def start_run(self, *arguments: Any, **more: Any) -> Any:
            raise KernelStartFailed("No kernel of that name.")

    called = await call(
        FakeWorkspace(notebook, Broken()),
        "edit_cells",
        run="changed",
        ops=[{"op": "insert", "after": "end", "source": "x"}],
    )
    assert called.output.is_error
    assert "the edit is applied, but not run: KERNEL_START_FAILED" in called.text
    assert notebook.cells[-1].source == "x"


async def test_protected_cells_are_marked_where_the_model_reads_them(call: CallTool) -> None:
    locked = replace(
        code_cell("assert a == 1", id="dddd4444"),
        metadata={"editable": False, "deletable": False, "nbgrader": {"locked": True}},
    )
    workspace = FakeWorkspace(FakeNotebook([locked]))
    marks = "not-editable not-deletable locked"
    assert marks in (await call(workspace, "read_cells", ids=["dddd4444"])).text
    assert marks in (await call(workspace, "notebook_overview")).text
    edit = {"op": "replace", "id": "dddd4444", "source": "assert True"}
    refused = await call(workspace, "edit_cells", ops=[edit])
    assert refused.output.is_error and "protected" in refused.text


@pytest.mark.parametrize(("path", "noted"), [("n.ipynb", True), ("n.py", False), ("n.md", False)])
async def test_text_formats_get_no_provenance(call: CallTool, path: str, noted: bool) -> None:
    notebook = FakeNotebook([code_cell("x = 1", id="dddd4444")], path=path)
    workspace = FakeWorkspace(notebook, provenance={"session": "s"})
    await call(workspace, "read_cells", ids=["dddd4444"])
    ops = [{"op": "replace", "id": "dddd4444", "source": "x = 2"}]
    ops.append({"op": "insert", "after": "end", "source": "y = 2"})
    await call(workspace, "edit_cells", ops=ops)
    cells = (await notebook.read()).cells
    assert ["jupyter_agent" in (cell.metadata or {}) for cell in cells] == [noted, noted]
