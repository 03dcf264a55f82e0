"""Verification on fake kernels: what it reports, what it asks for, that it changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

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


def cells() -> list[Any]:
    return [
        markdown_cell("# words", id="mmmm0000"),
        code_cell("x = 1", id="aaaa0000", execution_count=7),
        code_cell("x", id="bbbb0000", execution_count=9, outputs=[result("1", 9)]),
        code_cell("  ", id="cccc0000"),
        code_cell("print(x)", id="dddd0000", execution_count=8, outputs=[stream("1\n")]),
        code_cell("later", id="eeee0000"),
    ]


FRESH: dict[str, Sequence[dict[str, Any]]] = {"x": [result("1", 2)], "print(x)": [stream("1\n")]}


def workspace_with(fresh: dict[str, Sequence[dict[str, Any]]], **more: Any) -> FakeWorkspace:
    notebook = FakeNotebook(more.pop("cells", cells()), **more)
    return FakeWorkspace(notebook, scratch=FakeKernel(fresh))


async def test_a_notebook_that_gives_the_same_passes(call: CallTool) -> None:
    workspace = workspace_with(FRESH)
    notebook = workspace.notebooks["notebook.ipynb"]
    before = notebook.cells
    called = await call(workspace, "verify_notebook")
    assert called.permissions == {"exec"} and not called.always_ask
    assert not called.output.is_error
    assert called.lines[0] == "The notebook runs from the top with the same results."
    assert called.lines[1].startswith("3 of 4 code cells gave the same; 1 ran that had no result")
    assert called.updates[0] == "Running [7] in a new kernel (1 of 4)" and len(called.updates) == 4
    assert notebook.cells is before and notebook.saves == 0 and notebook.revision == 1
    assert workspace.kernel.executed == [] and workspace.runs == {}
    assert workspace._scratch.executed == ["x = 1", "x", "print(x)", "later"]


async def test_the_preview_shows_all_that_runs(call: CallTool) -> None:
    called = await call(workspace_with(FRESH), "verify_notebook")
    assert [block.text for block in called.preview.blocks] == ["x = 1", "x", "print(x)", "later"]
    assert "all 4 code cells" in called.preview.title
    assert len([key for key, _ in called.preview.bound_to if key.startswith("cell ")]) == 4


async def test_a_changed_output_is_shown_and_the_run_goes_on(call: CallTool) -> None:
    called = await call(workspace_with({**FRESH, "x": [result("2", 2)]}), "verify_notebook")
    assert called.output.is_error and "[9] shows something else" in called.output.summary
    assert "-1" in called.lines and "+2" in called.lines
    assert "2 of 4 code cells gave the same" in called.text and "1 differ" in called.text
    assert [item.cell_id for item in called.output.cells] == ["bbbb0000"]


async def test_a_failure_after_a_change_is_told_too(call: CallTool) -> None:
    fresh = {**FRESH, "x": [result("2", 2)], "print(x)": [error("ValueError", "no")]}
    called = await call(workspace_with(fresh), "verify_notebook")
    assert "Different after it: [8]." in called.text and "The run ended there: [8]" in called.text
    assert "1 did not run" in called.text


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("y = 1", "No cell defines it: it was only in the live kernel."),
        ("z = 1", "cell 6 id=eeee0000 defines it, which stands further down."),
    ],
)
async def test_a_missing_name_says_where_it_came_from(last: str, said: str, call: CallTool) -> None:
    fresh = {**FRESH, "x": [error("NameError", "name 'z' is not defined")]}
    last_cell = code_cell(last, id="eeee0000")
    called = await call(workspace_with(fresh, cells=[*cells()[:-1], last_cell]), "verify_notebook")
    assert called.output.is_error and said in called.text
    assert "needs z, which is missing there" in called.output.summary
    assert "NameError: name 'z' is not defined" in called.text
    assert "2 did not run" in called.text


async def test_other_languages_get_the_error_alone(call: CallTool) -> None:
    fresh = {**FRESH, "x": [error("NameError", "name 'z' is not defined")]}
    called = await call(
        workspace_with(fresh, language="julia", kernel_name="julia-1.10"), "verify_notebook"
    )
    assert "[9] fails" in called.output.summary and "No cell defines" not in called.text


async def test_a_cell_tagged_for_it_may_fail(call: CallTool) -> None:
    tags = {"tags": ["raises-exception"]}
    shown = [error("ValueError", "as it should")]
    failing = code_cell("boom", id="ffff0000", execution_count=1, outputs=shown, metadata=tags)
    same = workspace_with({"boom": shown}, cells=[failing, code_cell("on", id="gggg0000")])
    assert not (await call(same, "verify_notebook")).output.is_error
    other = workspace_with({"boom": [error("KeyError", "new")]}, cells=[failing])
    called = await call(other, "verify_notebook")
    assert called.output.is_error and "+KeyError: new" in called.lines


async def test_a_cell_that_does_not_end_is_told_and_its_kernel_closed(call: CallTool) -> None:
    notebook = FakeNotebook(cells())
    workspace = FakeWorkspace(notebook, scratch=FakeKernel(FRESH, hold=True))
    called = await call(workspace, "verify_notebook", cell_s=1)
    assert called.output.is_error and "did not end within 1 s" in called.text
    assert workspace._scratch.executed == []


async def test_a_notebook_without_code_has_nothing_to_run(call: CallTool) -> None:
    called = await call(workspace_with({}, cells=[markdown_cell("x")]), "verify_notebook")
    assert called.text.startswith("NOTHING_TO_RUN") and called.preview is None
