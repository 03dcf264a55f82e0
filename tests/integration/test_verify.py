"""Verification with real kernels: what it finds, that nothing else changes, that kernels end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from jupyter_agent.kernel.managed import ManagedKernels
from jupyter_agent.protocol.errors import KernelStartFailed
from jupyter_agent.tools.base import ToolCallContext
from jupyter_agent.tools.verify_notebook import VerifyNotebook, VerifyNotebookArguments
from jupyter_agent.workspace.workspace import SessionWorkspace

NOTEBOOK = "folder/work.ipynb"
PYTHON3 = {"name": "python3", "display_name": "Python 3", "language": "python"}


def cell(source: str, *shown: Any, count: int | None = 1, tags: tuple[str, ...] = ()) -> Any:
    """Make a code cell that shows these texts as printed, and counts as having run."""
    made = nbformat.v4.new_code_cell(source, execution_count=count)
    made.outputs = [nbformat.v4.new_output("stream", text=text) for text in shown]
    if tags:
        made.metadata["tags"] = list(tags)
    return made


def write(folder: Path, *cells: Any, kernelspec: dict[str, str] | None = PYTHON3) -> Path:
    path = folder / NOTEBOOK
    path.parent.mkdir(exist_ok=True)
    metadata = {"kernelspec": kernelspec} if kernelspec else {}
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells), metadata=metadata), path)
    return path


def kernels_running() -> set[int]:
    """Return the kernels among this process's children."""
    return {child.pid for child in psutil.Process().children(recursive=True) if is_kernel(child)}


def is_kernel(process: psutil.Process) -> bool:
    try:
        return "ipykernel" in " ".join(process.cmdline())
    except psutil.Error:
        return False


@pytest.fixture(autouse=True)
def no_kernel_is_left() -> Iterator[None]:
    before = kernels_running()
    yield
    assert kernels_running() == before


class Unrecorded:
    """Verifying changes nothing, so that nothing is recorded."""

    async def before_changes(self, *_: Any) -> None:
        raise AssertionError("the notebook was changed")

    before_run = refused = before_changes

    def changed(self, path: str) -> None:
        raise AssertionError("the notebook was changed")


class Rig:
    """The tool on a folder, as a session has it."""

    def __init__(self, folder: Path) -> None:
        self.kernels = ManagedKernels(folder)

        async def nobody(*_: Any) -> None:
            return None

        self.workspace = SessionWorkspace(
            root=folder,
            notebook=NOTEBOOK,
            kernels=self.kernels,
            vision=lambda: False,
            question=nobody,
            on_change=lambda *_: None,
            recorder=Unrecorded(),
            provenance=lambda: None,
            on_notebook=nobody,
        )
        self.tool = VerifyNotebook(self.workspace)
        self.updates: list[str] = []
        self.running = asyncio.Event()

    async def verify(self, **arguments: Any) -> tuple[str, bool]:
        def update(text: str, _: Any) -> None:
            self.updates.append(text)
            self.running.set()

        context = ToolCallContext(call_id="c1", run_id="r1", update=update)
        output = await self.tool.run(VerifyNotebookArguments(**arguments), context)
        text = "".join(part.text for part in output.content if part.type == "text")
        return text, not output.is_error


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_what_runs_from_the_top_passes_and_nothing_else_is_touched(
    rig: Rig, tmp_path: Path
) -> None:
    path = write(
        tmp_path,
        cell("import os; x = 6"),
        nbformat.v4.new_markdown_cell("words"),
        cell("print(x * 7, object())", "42 <object object at 0x7f0000000000>\n"),
        cell("1 / 0", tags=("raises-exception",), count=None),
        cell("print(os.path.basename(os.getcwd()))", "folder\n"),
    )
    runner = await rig.workspace.runner(NOTEBOOK)
    own = await rig.kernels.start(NOTEBOOK, "python3")
    await runner.evaluate("x = 'mine'", deadline=20)
    before = path.read_bytes(), os.stat(path).st_mtime_ns
    text, passed = await rig.verify()
    assert passed, text
    assert "3 of 4 code cells gave the same" in text
    assert (path.read_bytes(), os.stat(path).st_mtime_ns) == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    mine = await runner.evaluate("print(x)", deadline=20)
    assert mine.outputs[0]["text"] == "mine\n"
    assert (await rig.kernels.find(NOTEBOOK)) is own
    await rig.workspace.aclose()
    await rig.kernels.aclose()


async def test_a_notebook_without_a_kernelspec_runs_in_the_default_kernel(
    rig: Rig, tmp_path: Path
) -> None:
    write(tmp_path, cell("print(1)", "1\n"), kernelspec=None)
    assert (await rig.verify())[1]


async def test_hidden_state_is_told_from_a_failure(rig: Rig, tmp_path: Path) -> None:
    write(tmp_path, cell("print(secret)", "7\n"), cell("never = 1"))
    text, passed = await rig.verify()
    assert not passed
    assert "the name secret is missing. No cell defines it: it was only in the live kernel." in text
    assert "1 did not run" in text
    write(tmp_path, cell("int('x')", "7\n"))
    text, passed = await rig.verify()
    assert not passed and "ValueError: invalid literal" in text and "failed in a new kernel" in text


async def test_a_changed_output_is_shown(rig: Rig, tmp_path: Path) -> None:
    write(tmp_path, cell("print('new')", "old\n"), cell("print(2)", "2\n"))
    text, passed = await rig.verify()
    assert not passed
    assert "\n-old\n+new\n" in text and "1 of 2 code cells gave the same" in text


async def test_a_kernel_that_dies_is_told(rig: Rig, tmp_path: Path) -> None:
    write(tmp_path, cell("import os; os._exit(3)"), cell("print(1)", "1\n"))
    text, passed = await rig.verify()
    assert not passed and "ended the new kernel itself" in text and "1 did not run" in text


async def test_input_is_never_waited_for(rig: Rig, tmp_path: Path) -> None:
    write(tmp_path, cell("name = input('Name? ')"))
    text, passed = await asyncio.wait_for(rig.verify(), 60)
    assert not passed and "asks for input, which nobody gives" in text


async def test_a_kernel_that_is_not_installed_is_named(rig: Rig, tmp_path: Path) -> None:
    write(tmp_path, cell("1"), kernelspec={"name": "no-such", "display_name": "None"})
    with pytest.raises(KernelStartFailed, match="no kernel named no-such"):
        await rig.verify()


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        pass",
        "import subprocess\nsubprocess.run(['sleep', '300'])",
    ],
)
async def test_stop_ends_an_endless_cell_and_its_kernel(
    source: str, rig: Rig, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    write(tmp_path, cell(f"open({str(started)!r}, 'w').close()\n{source}"))
    verifying = asyncio.create_task(rig.verify())
    for _ in range(600):
        if started.exists():
            break
        await asyncio.sleep(0.1)
    assert rig.updates == ["Running [1] in a new kernel (1 of 1)"]
    began = asyncio.get_running_loop().time()
    verifying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await verifying
    assert asyncio.get_running_loop().time() - began < 1.5, "Stop took longer than a second"
    assert not [p for p in psutil.Process().children(recursive=True) if "sleep" in p.name()]


async def test_a_start_that_is_stopped_leaves_no_kernel(rig: Rig, tmp_path: Path) -> None:
    write(tmp_path, cell("1"))
    verifying = asyncio.create_task(rig.verify())
    await asyncio.wait_for(rig.running.wait(), 20)
    verifying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await verifying


async def test_a_cell_and_all_cells_have_a_time(rig: Rig, tmp_path: Path) -> None:
    write(tmp_path, cell("import time; time.sleep(300)"))
    text, passed = await asyncio.wait_for(rig.verify(cell_s=1), 30)
    assert not passed and "did not end within 1 s" in text


def test_the_command_says_it_by_its_exit_code(command: Any) -> None:
    nbformat.write(
        nbformat.v4.new_notebook(cells=[cell("print(1)", "1\n")]),
        command.notebook,
    )
    before = command.notebook.read_bytes()
    done = command.run("verify", "work.ipynb")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The notebook runs from the top with the same results.\n")
    assert command.notebook.read_bytes() == before
    nbformat.write(
        nbformat.v4.new_notebook(cells=[cell("print(1)", "1\n"), cell("1 / 0")]),
        command.notebook,
    )
    done = command.run("verify", "work.ipynb", "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert (told["passed"], told["cells"], told["equal"], told["not_run"]) == (False, 2, 1, 0)
    assert told["differences"][0]["kind"] == "failed"
    assert told["differences"][0]["error"].startswith("ZeroDivisionError")


def test_the_command_refuses_what_is_no_notebook_with_code(command: Any) -> None:
    assert command.run("verify", "missing.ipynb").returncode == 2
    assert command.run("verify").returncode == 2
    assert command.run("verify", "work.ipynb", "--timeout", "0").returncode == 2
    nbformat.write(nbformat.v4.new_notebook(), command.notebook)
    assert command.run("verify", "work.ipynb").returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_and_its_kernel(command: Any, number: int, code: int) -> None:
    source = "import os; open('pid', 'w').write(str(os.getpid()))\nwhile True: pass"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell(source)]), command.notebook)
    child = command.start("verify", "work.ipynb")
    file = command.folder / "pid"
    for _ in range(600):
        if file.exists() and file.read_text():
            break
        time.sleep(0.1)
    child.send_signal(number)
    assert child.wait(20) == code, child.stderr.read()
    pid = int(file.read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
