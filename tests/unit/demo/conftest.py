"""The demo's world in miniature: the real tools on a real file, and a kernel that is plain `exec`."""

from __future__ import annotations

import base64
import contextlib
import io
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import pytest

from jupyter_agent.context.prompt import PromptFacts, system_prompt
from jupyter_agent.context.request import build_request
from jupyter_agent.demo.assets import demo_assets
from jupyter_agent.demo.prompts import DEMO_PROMPT
from jupyter_agent.demo.script import script
from jupyter_agent.digest.fence import Fence
from jupyter_agent.kernel.runner import CellRecord, CellSource, Evaluation, KernelStatus, Run
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.errors import AgentError, NoKernel
from jupyter_agent.protocol.messages import Message, ToolCallPart, ToolResultPart, user_message
from jupyter_agent.providers.base import complete
from jupyter_agent.providers.replay import ScriptedProvider
from jupyter_agent.tools.base import ToolCallContext, ToolOutput, definition, failure
from jupyter_agent.tools.toolset import build_tools
from jupyter_agent.tools.workspace import CellRuns, ReadMemory

FENCE = Fence()
NOTEBOOK = "penguins.ipynb"


class ExecRunner:
    """Runs cells in one namespace of this process (the `KernelRunner` port)."""

    def __init__(self, document: FileNotebook, namespace: dict[str, Any]) -> None:
        self._document = document
        self._namespace = namespace
        self._count = 0
        self.ran: list[str] = []

    async def status(self) -> KernelStatus:
        return KernelStatus(state="idle", kernel_id="k", kernel_name="python3", language="python")

    async def start_run(
        self, cells: Sequence[CellSource], *, stop_on_error: bool = True, op_id: str
    ) -> Run:
        run = Run(cells)
        for record in run.cells:
            self._execute(record)
            self.ran.append(record.source.splitlines()[0])
            run.changed(record)
            await self._document.set_outputs(record.cell_id, record.outputs, record.execution_count)
            if record.status == "error" and stop_on_error:
                break
        run.finish()
        return run

    async def evaluate(self, code: str, *, deadline: float) -> Evaluation:
        raise NoKernel("Not here.")

    async def interrupt(self) -> None: ...

    async def restart(self) -> None: ...

    async def aclose(self) -> None: ...

    def _execute(self, record: CellRecord) -> None:
        self._count += 1
        record.execution_count = self._count
        record.started, record.duration = 1.0, 0.1
        printed = io.StringIO()
        error: BaseException | None = None
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            # Agg has no window for `plt.show()`; a kernel's inline backend shows it in the cell.
            warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
            try:
                exec(compile(record.source, f"<cell {self._count}>", "exec"), self._namespace)
            except Exception as caught:
                error = caught
        if printed.getvalue():
            record.outputs.append(
                {"output_type": "stream", "name": "stdout", "text": printed.getvalue()}
            )
        record.outputs += _figures()
        record.status = "ok" if error is None else "error"
        if error is not None:
            record.outputs.append(
                {
                    "output_type": "error",
                    "ename": type(error).__name__,
                    "evalue": str(error),
                    "traceback": "".join(traceback.format_exception(error)).splitlines(),
                }
            )


def _figures() -> list[dict[str, Any]]:
    import matplotlib.pyplot as plt

    outputs = []
    for number in plt.get_fignums():
        image = io.BytesIO()
        plt.figure(number).savefig(image, format="png", dpi=40)
        data = {"image/png": base64.b64encode(image.getvalue()).decode()}
        outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
    plt.close("all")
    return outputs


class BenchWorkspace:
    """The `Workspace` port over one folder."""

    vision = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.memory = ReadMemory()
        self.runs = CellRuns()
        self.namespace: dict[str, Any] = {}
        self.kernel = ExecRunner(FileNotebook(NOTEBOOK, root / NOTEBOOK), self.namespace)

    def notebook_path(self, given: str | None) -> str:
        return given or NOTEBOOK

    async def document(self, path: str) -> FileNotebook:
        return FileNotebook(path, self.root / path)

    async def runner(self, path: str) -> ExecRunner:
        return self.kernel

    def provenance(self) -> dict[str, str] | None:
        return {"session": "s", "model": "demo"}


@dataclass
class Bench:
    """A session with the demo model. `intercept` may answer a call in a tool's place."""

    workspace: BenchWorkspace
    mode: Any = "auto"
    history: list[Message] = field(default_factory=list)
    intercept: Callable[[ToolCallPart], ToolOutput | None] | None = None

    def __post_init__(self) -> None:
        self._tools = {tool.name: tool for tool in build_tools(self.workspace)}

    async def run(self, prompt: str = DEMO_PROMPT) -> str:
        """Play a prompt to its end and return the final text."""
        self.history.append(user_message(prompt))
        return await self.go_on()

    async def go_on(self) -> str:
        for _ in range(25):
            message = await self.turn()
            if not message.tool_calls:
                return message.text
        raise AssertionError("no end after 25 turns")

    async def turn(self) -> Message:
        """Ask once, and run what was asked for."""
        facts = PromptFacts(mode=self.mode, notebook_path=NOTEBOOK)
        request = build_request(
            self.history,
            model="demo",
            system=system_prompt(facts),
            fence=FENCE,
            tools=[definition(tool) for tool in self._tools.values()],
        )
        message = (await complete(ScriptedProvider(script), request)).message
        self.history.append(message)
        if message.tool_calls:
            results = [await self._result(call) for call in message.tool_calls]
            self.history.append(Message(role="tool", parts=tuple(results)))
        return message

    async def _result(self, call: ToolCallPart) -> ToolResultPart:
        output = self.intercept(call) if self.intercept else None
        output = output or await self._run(call)
        return ToolResultPart(
            tool_call_id=call.id,
            tool_name=call.name,
            content=output.content,
            is_error=output.is_error,
            rejected="REJECTED" in output.content[0].text,
        )

    async def _run(self, call: ToolCallPart) -> ToolOutput:
        tool = self._tools[call.name]
        arguments = tool.arguments.model_validate(call.arguments)
        context = ToolCallContext(call_id=call.id, run_id="run", update=lambda text, cells: None)
        try:
            await tool.preview(arguments)
            return await tool.run(arguments, context)
        except AgentError as error:
            return failure(error)

    async def put(self, source: str, *, run: bool) -> None:
        """Append a code cell as the person would, and run it."""
        path = self.workspace.root / NOTEBOOK
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(source))
        nbformat.write(notebook, path)
        if run:
            cell = CellSource(cell_id=notebook.cells[-1].id, source=source)
            await self.workspace.kernel.start_run([cell], op_id="put")

    @property
    def cells(self) -> list[Any]:
        """The notebook's cells, read from its file; it must be a valid notebook."""
        notebook = nbformat.read(self.workspace.root / NOTEBOOK, as_version=4)
        nbformat.validate(notebook)
        return notebook.cells

    def written(self) -> list[Any]:
        """The code cells below those of the starting notebook."""
        return [cell for cell in self.cells[4:] if cell.cell_type == "code"]

    def titled(self, words: str) -> list[Any]:
        return [cell for cell in self.cells if words in cell.source]

    def titles(self) -> list[str]:
        return [cell.source.splitlines()[0] for cell in self.cells]

    @property
    def ran(self) -> list[str]:
        """First lines of all cells that ran, in order."""
        return self.workspace.kernel.ran

    @property
    def transcript(self) -> str:
        """Everything the script thought and said."""
        made = [message for message in self.history if message.role == "assistant"]
        return "\n".join(f"{message.thinking}\n{message.text}" for message in made)

    def calls(self, name: str | None = None) -> list[ToolCallPart]:
        made = [call for message in self.history for call in message.tool_calls]
        return [call for call in made if name in (None, call.name)]

    def results(self) -> list[ToolResultPart]:
        return [result for message in self.history for result in message.tool_results]


@pytest.fixture
def table() -> str:
    """The table as shipped."""
    return (demo_assets() / "penguins.csv").read_text(encoding="utf-8")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Return a function that sets up the starting notebook beside a table (None: no table)."""
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)

    def make(table: str | None, **options: Any) -> Bench:
        if table is not None:
            (tmp_path / "penguins.csv").write_text(table, encoding="utf-8")
        (tmp_path / NOTEBOOK).write_bytes((demo_assets() / NOTEBOOK).read_bytes())
        return Bench(BenchWorkspace(tmp_path), **options)

    return make
