"""Running cells, waiting for them, stopping them; the kernel; probes and variables."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from jupyter_agent.kernel.runner import (
    CellSource,
    Evaluation,
    EvaluationTimedOut,
    KernelStatus,
    Run,
)
from jupyter_agent.protocol.errors import KernelBusy, StaleCells
from jupyter_agent.testing import (
    FakeKernel,
    FakeNotebook,
    FakeWorkspace,
    code_cell,
    error,
    markdown_cell,
    stream,
)
from jupyter_agent.tools.base import ToolCallContext, definition
from jupyter_agent.tools.kernel import Kernel, KernelArguments
from jupyter_agent.tools.run_cells import RunCells, RunCellsArguments
from jupyter_agent.tools.snippets import MIME
from jupyter_agent.tools.syntax import ends_the_kernel

CallTool = Callable[..., Awaitable[Any]]


def behave(source: str) -> Sequence[dict[str, Any]]:
    if source == "print(df)":
        return [error("NameError", "name 'df' is not defined")]
    if source == "import nope.sub":
        return [error("ModuleNotFoundError", "No module named 'nope'")]
    return [stream(f"ran {source}\n")]


@pytest.fixture
def notebook() -> FakeNotebook:
    return FakeNotebook(
        [
            code_cell("df = 1", id="aaaa1111"),
            markdown_cell("# words", id="bbbb1111"),
            code_cell("print(df)", id="cccc1111"),
            code_cell("import nope.sub", id="dddd1111"),
            code_cell("last = 1", id="eeee1111"),
            code_cell("  ", id="ffff1111"),
        ]
    )


@pytest.fixture
def kernel(notebook: FakeNotebook) -> FakeKernel:
    return FakeKernel(behave, notebook=notebook)


@pytest.fixture
def workspace(notebook: FakeNotebook, kernel: FakeKernel) -> FakeWorkspace:
    return FakeWorkspace(notebook, kernel)


async def test_runs_what_the_document_holds_now(
    workspace: FakeWorkspace, notebook: FakeNotebook, kernel: FakeKernel, call: CallTool
) -> None:
    called = await call(workspace, "run_cells", ids=["aaaa1111", "eeee1111"])
    assert called.permissions == {"exec"} and not called.always_ask
    assert called.preview.title == "Run cell 1 and cell 5"
    assert [block.text for block in called.preview.blocks] == ["df = 1", "last = 1"]
    assert next(line for line in called.lines if "id=" in line).startswith("[1] id=aaaa1111 ok 0.")
    assert "stdout:\nran last = 1" in called.text
    assert called.output.title == "Ran [1] and [2]"
    notebook.type_into("aaaa1111", "df = 'typed'")
    await call(workspace, "run_cells", ids=["aaaa1111"])
    assert kernel.executed[-1] == "df = 'typed'"


async def test_an_error_stops_the_rest_and_names_the_cell_to_run_first(
    workspace: FakeWorkspace, kernel: FakeKernel, call: CallTool
) -> None:
    called = await call(workspace, "run_cells", ids=["cccc1111", "eeee1111"])
    assert called.output.is_error
    assert called.output.summary == "NameError: name 'df' is not defined"
    assert "df is defined in cell 1 id=aaaa1111, which has not run" in called.text
    assert "cell 5 id=eeee1111 not_run" in called.text
    assert kernel.executed == ["print(df)"]
    assert [item.action for item in called.output.cells] == ["failed", "ran"]
    both = await call(workspace, "run_cells", ids=["cccc1111", "eeee1111"], stop_on_error=False)
    assert kernel.executed[1:] == ["print(df)", "last = 1"] and both.output.is_error


async def test_a_missing_module_suggests_pip(workspace: FakeWorkspace, call: CallTool) -> None:
    called = await call(workspace, "run_cells", cell_id="dddd1111")
    assert "%pip install nope" in called.text


@pytest.mark.parametrize(
    ("arguments", "executed"),
    [
        (
            {"scope": "all", "stop_on_error": False},
            ["df = 1", "print(df)", "import nope.sub", "last = 1"],
        ),
        ({"scope": "above", "ids": ["dddd1111"], "stop_on_error": False}, ["df = 1", "print(df)"]),
        ({"scope": "stale"}, []),
    ],
)
async def test_scopes(
    workspace: FakeWorkspace,
    kernel: FakeKernel,
    call: CallTool,
    arguments: dict[str, Any],
    executed: list[str],
) -> None:
    await call(workspace, "run_cells", **arguments)
    assert kernel.executed == executed


async def test_an_edited_cell_is_stale_until_it_runs(
    workspace: FakeWorkspace, notebook: FakeNotebook, kernel: FakeKernel, call: CallTool
) -> None:
    await call(workspace, "run_cells", ids=["aaaa1111"])
    notebook.type_into("aaaa1111", "df = 2")
    overview = await call(workspace, "notebook_overview", only="stale", preview_lines=0)
    assert "stale(edited)" in overview.text
    await call(workspace, "run_cells", scope="stale")
    assert kernel.executed == ["df = 1", "df = 2"]
    overview = await call(workspace, "notebook_overview", only="stale")
    assert "0 of 6 cells match" in overview.text


@pytest.mark.parametrize(
    "arguments",
    [{}, {"ids": ["a"], "scope": "all"}, {"scope": "above"}, {"scope": "above", "ids": ["a", "b"]}],
)
def test_what_to_run_is_said_once(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RunCellsArguments.model_validate(arguments)


async def test_nobody_is_asked_to_run_nothing(workspace: FakeWorkspace, call: CallTool) -> None:
    called = await call(workspace, "run_cells", scope="stale")
    assert called.preview is None and called.text.startswith("NOTHING_TO_RUN")


async def test_markdown_is_not_run(workspace: FakeWorkspace, call: CallTool) -> None:
    called = await call(workspace, "run_cells", ids=["bbbb1111"])
    assert called.text.startswith("EDIT_REFUSED")


async def test_a_long_run_goes_on_with_its_id(notebook: FakeNotebook, call: CallTool) -> None:
    kernel = FakeKernel(behave, notebook=notebook, hold=True)
    workspace = FakeWorkspace(notebook, kernel)
    called = await call(workspace, "run_cells", ids=["aaaa1111", "eeee1111"], wait_s=0.05)
    assert not called.output.is_error
    assert (
        "cell 1 id=aaaa1111 running" in called.text and "cell 5 id=eeee1111 queued" in called.text
    )
    run_id = called.lines[-1].removeprefix("run_id=")
    waiting = await call(workspace, "run_status", run_id=run_id, wait_s=0.05)
    assert f"run_id={run_id}" in waiting.text and waiting.permissions == {"read"}
    kernel.release()
    done = await call(workspace, "run_status", run_id=run_id)
    assert "run_id" not in done.text and "[2] id=eeee1111 ok" in done.text
    assert kernel.executed == ["df = 1", "last = 1"]
    unknown = await call(workspace, "run_status", run_id="run_x")
    assert unknown.output.is_error and unknown.text.startswith("UNKNOWN_RUN")


async def test_stop_interrupts_the_kernel_within_a_second(notebook: FakeNotebook) -> None:
    kernel = FakeKernel(behave, notebook=notebook, hold=True)
    tool = RunCells(FakeWorkspace(notebook, kernel))
    started = asyncio.Event()
    context = ToolCallContext(call_id="c", run_id="r", update=lambda *given: started.set())
    arguments = RunCellsArguments.model_validate({"ids": ["aaaa1111"]})
    running = asyncio.create_task(tool.run(arguments, context))
    await asyncio.wait_for(started.wait(), 5)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=1)
    assert done and running.cancelled() and kernel.interrupts == 1


async def test_a_kernel_that_ignores_the_interrupt_does_not_hold_up_stop(
    notebook: FakeNotebook,
) -> None:
    class Deaf(FakeKernel):
        async def interrupt(self) -> None:
            await asyncio.Event().wait()

    kernel = Deaf(behave, hold=True)
    tool = RunCells(FakeWorkspace(notebook, kernel))
    started = asyncio.Event()
    context = ToolCallContext(call_id="c", run_id="r", update=lambda *given: started.set())
    running = asyncio.create_task(
        tool.run(RunCellsArguments.model_validate({"ids": ["aaaa1111"]}), context)
    )
    await asyncio.wait_for(started.wait(), 5)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=2)
    assert done and running.cancelled()
    await kernel._cut("interrupted")


async def test_input_is_told_with_its_prompt(notebook: FakeNotebook, call: CallTool) -> None:
    class Asking(FakeKernel):
        async def start_run(self, cells: Sequence[CellSource], **more: Any) -> Run:
            run = Run(cells)
            run.cells[0].status, run.cells[0].prompt = "awaiting_input", "Name? "
            return run

    called = await call(
        FakeWorkspace(notebook, Asking()), "run_cells", ids=["aaaa1111"], wait_s=0.05
    )
    assert "awaiting_input" in called.text and "'Name? '" in called.text
    assert called.output.summary == "awaiting input"


async def test_a_dead_kernel_is_told(notebook: FakeNotebook, call: CallTool) -> None:
    class Dying(FakeKernel):
        async def start_run(self, cells: Sequence[CellSource], **more: Any) -> Run:
            run = Run(cells)
            run.cells[0].status = "kernel_died"
            run.finish()
            return run

    called = await call(FakeWorkspace(notebook, Dying()), "run_cells", ids=["aaaa1111"])
    assert called.output.is_error and "kernel_died" in called.text and "restart it" in called.text


@pytest.mark.parametrize(
    ("source", "ends"),
    [
        ("exit()", True),
        ("x = 1\nquit", True),
        ("import os; os._exit(0)", True),
        ("if done:\n    exit(1)", True),
        ("sys.exit()", False),
        ("exit_code = 1", False),
        ("loop.exit()", False),
    ],
)
def test_code_that_ends_the_kernel_is_known(source: str, ends: bool) -> None:
    assert ends_the_kernel(source) is ends


async def test_a_cell_that_may_have_run_is_told_so(notebook: FakeNotebook, call: CallTool) -> None:
    class Unreachable(FakeKernel):
        async def start_run(self, cells: Sequence[CellSource], **more: Any) -> Run:
            run = Run(cells)
            run.finish("unknown", "the connection to the kernel was lost")
            return run

    called = await call(FakeWorkspace(notebook, Unreachable()), "run_cells", ids=["aaaa1111"])
    assert called.output.is_error and called.output.summary == "not known whether it ran"
    assert " unknown" in called.text and "before you run it again" in called.text
    assert "reason: the connection to the kernel was lost" in called.text


async def test_a_cell_that_changed_before_its_turn_is_told(
    notebook: FakeNotebook, call: CallTool
) -> None:
    class Stale(FakeKernel):
        async def start_run(self, cells: Sequence[CellSource], **more: Any) -> Run:
            run = Run(cells)
            run.cells[0].status = "stale"
            run.finish()
            return run

    called = await call(FakeWorkspace(notebook, Stale()), "run_cells", ids=["aaaa1111"])
    assert called.output.is_error and "read it again" in called.text


async def test_what_was_allowed_is_run_or_nothing(
    notebook: FakeNotebook, kernel: FakeKernel, workspace: FakeWorkspace
) -> None:
    tool = RunCells(workspace)
    arguments = RunCellsArguments.model_validate({"ids": ["aaaa1111", "cccc1111"]})
    preview = await tool.preview(arguments)
    notebook.type_into("cccc1111", "print(")
    context = ToolCallContext(
        call_id="c", run_id="r", update=lambda *_: None, bound_to=tuple(preview.bound_to)
    )
    with pytest.raises(StaleCells) as caught:
        await tool.run(arguments, context)
    assert caught.value.details == {"cells": {"cccc1111": "print("}}
    assert kernel.executed == []


@pytest.mark.R(55)
@pytest.mark.parametrize("tool", ["run_cells", "read_cells", "run_code"])
async def test_images_are_looked_at_off_the_event_loop(tool: str, call: CallTool) -> None:
    lookers: set[threading.Thread] = set()

    class Data(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            if key == "image/png":
                lookers.add(threading.current_thread())
            return super().__getitem__(key)

    image = {"output_type": "display_data", "data": Data({"image/png": "x"}), "metadata": {}}
    cell = replace(code_cell("plot()", id="aaaa1111"), outputs=(image,))
    given = {"code": "plot()"} if tool == "run_code" else {"ids": ["aaaa1111"]}
    more = {"outputs": "full"} if tool == "read_cells" else {}
    await call(
        FakeWorkspace(FakeNotebook([cell]), FakeKernel(lambda _: [image])), tool, **given, **more
    )
    assert lookers and threading.main_thread() not in lookers


async def test_the_outputs_of_a_run_are_told_once_and_then_let_go_of(
    workspace: FakeWorkspace, call: CallTool
) -> None:
    first = await call(workspace, "run_cells", ids=["aaaa1111"])
    assert "ran df = 1" in first.text
    (run_id,) = workspace.runs
    assert [cell.outputs for cell in workspace.runs[run_id].run.cells] == [[]]
    again = await call(workspace, "run_status", run_id=run_id, wait_s=0)
    assert "ok" in again.text and "read_cells" in again.text


async def test_runs_do_not_grow_without_bound_and_what_cells_ran_with_is_known(
    notebook: FakeNotebook, workspace: FakeWorkspace, call: CallTool
) -> None:
    await call(workspace, "run_cells", ids=["eeee1111"])
    for _ in range(70):
        await call(workspace, "run_cells", ids=["aaaa1111"])
    assert len(workspace.runs) < 60
    notebook.type_into("eeee1111", "last = 2")
    overview = await call(workspace, "notebook_overview")
    (line,) = [line for line in overview.lines if "id=eeee" in line]
    assert "stale(edited)" in line


# ---- the kernel tool -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "permission", "always_ask"),
    [
        ({"action": "status"}, "read", False),
        ({"action": "list"}, "read", False),
        ({"action": "interrupt"}, "exec", False),
        ({"action": "restart"}, "exec", True),
        ({"action": "restart_run_above", "id": "x"}, "exec", True),
        ({"action": "select", "name": "ir"}, "exec", True),
    ],
)
def test_what_the_kernel_tool_needs(
    workspace: FakeWorkspace, arguments: dict[str, Any], permission: str, always_ask: bool
) -> None:
    tool = Kernel(workspace)
    given = KernelArguments.model_validate(arguments)
    assert tool.permissions(given) == {permission}
    assert tool.always_ask(given) is always_ask


async def test_kernel_actions(workspace: FakeWorkspace, kernel: FakeKernel, call: CallTool) -> None:
    assert "python3: idle" in (await call(workspace, "kernel")).text
    await call(workspace, "kernel", action="interrupt")
    assert kernel.interrupts == 1
    restarted = await call(workspace, "kernel", action="restart")
    assert kernel.restarts == 1 and "variables" in restarted.text
    above = await call(workspace, "kernel", action="restart_run_above", id="cccc1111")
    assert kernel.restarts == 2 and kernel.executed == ["df = 1"]
    assert above.preview.title == "Restart the kernel, then run cell 1"
    assert [block.text for block in above.preview.blocks] == ["df = 1"]


@pytest.mark.parametrize("given", [{"action": "list"}, {"action": "select", "name": "ir"}])
def test_a_choice_of_kernels_is_not_offered_where_there_is_none(
    workspace: FakeWorkspace, given: dict[str, Any]
) -> None:
    tool = Kernel(workspace)
    told = definition(tool)
    assert "select" not in told.description
    properties: Any = told.parameters["properties"]
    assert "name" not in properties and "list" not in properties["action"]["enum"]
    with pytest.raises(ValidationError):
        tool.arguments.model_validate(given)


async def test_kernels_can_be_chosen_where_there_is_a_choice(workspace: FakeWorkspace) -> None:
    class Choice:
        chosen: tuple[str, str] | None = None

        async def kernel_names(self) -> dict[str, str]:
            return {"python3": "Python 3", "ir": "R"}

        async def select_kernel(self, path: str, name: str) -> None:
            self.chosen = (path, name)

    choice = Choice()
    tool = Kernel(workspace, choice)
    context = ToolCallContext(call_id="c", run_id="r", update=lambda *given: None)
    assert "select" in tool.description
    listed = await tool.run(KernelArguments.model_validate({"action": "list"}), context)
    assert listed.content[0].text == "ir: R\npython3: Python 3"  # type: ignore[union-attr]
    await tool.run(KernelArguments.model_validate({"action": "select", "name": "ir"}), context)
    assert choice.chosen == ("notebook.ipynb", "ir")


# ---- probes and variables ------------------------------------------------------------------------


def reporting(report: dict[str, Any]) -> Callable[[str], Sequence[dict[str, Any]]]:
    data = {MIME: report, "text/plain": ""}
    return lambda source: [
        stream("printed\n"),
        {"output_type": "display_data", "data": data, "metadata": {}},
    ]


async def test_a_probe_leaves_no_cell_and_tells_what_changed(
    notebook: FakeNotebook, call: CallTool
) -> None:
    report = {"ok": True, "added": ["a", "b"], "rebound": ["c"], "deleted": [], "mutated": ["d"]}
    kernel = FakeKernel(reporting(report))
    called = await call(FakeWorkspace(notebook, kernel), "run_code", code="a = b = 1")
    assert called.permissions == {"exec"}
    assert called.preview.blocks[0].text == "a = b = 1"
    assert "stdout:\nprinted" in called.text
    assert "added, and removed again: a, b" in called.text
    assert "which is not undone: d" in called.text and "deleted" not in called.text
    assert len(notebook.cells) == 6 and kernel.executed == []


async def test_commit_appends_a_cell(
    workspace: FakeWorkspace, notebook: FakeNotebook, kernel: FakeKernel, call: CallTool
) -> None:
    called = await call(workspace, "run_code", source="kept = 1", mode="commit")
    assert called.permissions == {"write", "exec"}
    assert notebook.cells[-1].source == "kept = 1" and kernel.executed == ["kept = 1"]


@pytest.mark.parametrize("name", ["run_code", "inspect_variables"])
async def test_what_only_python_can_says_so(
    notebook: FakeNotebook, call: CallTool, name: str
) -> None:
    arguments = {"code": "1"} if name == "run_code" else {}
    kernel = FakeKernel(language="r")
    called = await call(FakeWorkspace(notebook, kernel), name, **arguments)
    assert called.output.is_error and called.text.startswith("UNSUPPORTED: This kernel speaks r;")
    assert kernel.evaluated == []


@pytest.mark.parametrize(
    ("state", "code"), [("none", "NO_KERNEL"), ("dead", "NO_KERNEL"), ("busy", "KERNEL_BUSY")]
)
@pytest.mark.parametrize("name", ["run_code", "inspect_variables"])
async def test_a_kernel_that_cannot_answer_is_told(
    notebook: FakeNotebook, call: CallTool, name: str, state: Any, code: str
) -> None:
    kernel = FakeKernel()
    kernel.state = state
    arguments = {"code": "1"} if name == "run_code" else {}
    called = await call(FakeWorkspace(notebook, kernel), name, **arguments)
    assert called.output.is_error and called.text.startswith(code)
    assert kernel.evaluated == []


async def test_a_probe_that_does_not_end_is_interrupted(
    notebook: FakeNotebook, call: CallTool
) -> None:
    class Endless(FakeKernel):
        async def evaluate(self, code: str, *, deadline: float) -> Evaluation:
            raise EvaluationTimedOut("It did not end within 1 s.")

    kernel = Endless()
    called = await call(
        FakeWorkspace(notebook, kernel), "run_code", code="while True: pass", wait_s=1
    )
    # Whoever evaluated it has interrupted it, and nothing else.
    assert kernel.interrupts == 0
    assert called.text.startswith("TIMED_OUT") and "was interrupted" in called.text


async def test_a_kernel_that_became_busy_is_not_interrupted(
    notebook: FakeNotebook, call: CallTool
) -> None:
    class JustBusy(FakeKernel):
        async def evaluate(self, code: str, *, deadline: float) -> Evaluation:
            await asyncio.sleep(deadline)
            raise KernelBusy("running something else")

    kernel = JustBusy()
    await call(FakeWorkspace(notebook, kernel), "run_code", code="1", wait_s=1)
    assert kernel.interrupts == 0


async def test_variables_are_looked_at_without_a_cell(
    notebook: FakeNotebook, call: CallTool
) -> None:
    kernel = FakeKernel(reporting({"text": "df: DataFrame 3 rows"}))
    called = await call(FakeWorkspace(notebook, kernel), "inspect_variables", variable="df")
    assert called.permissions == {"read"}
    assert called.text == "df: DataFrame 3 rows"
    assert called.preview.title == "Look at df"
    assert kernel.executed == [] and len(kernel.evaluated) == 1


async def test_an_inspection_that_fails_says_so(notebook: FakeNotebook, call: CallTool) -> None:
    kernel = FakeKernel(lambda source: [error("ImportError", "no IPython")])
    called = await call(FakeWorkspace(notebook, kernel), "inspect_variables")
    assert called.output.is_error
    assert called.text.startswith("INSPECTION_FAILED") and "ImportError: no IPython" in called.text


async def test_the_kernels_status_is_not_waited_for(notebook: FakeNotebook, call: CallTool) -> None:
    class Slow(FakeKernel):
        async def status(self) -> KernelStatus:
            await asyncio.Event().wait()
            raise AssertionError

    called = await asyncio.wait_for(
        call(FakeWorkspace(notebook, Slow()), "notebook_overview"), timeout=10
    )
    assert "unknown" in called.lines[0] and not called.output.is_error
