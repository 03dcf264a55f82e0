"""A notebook, its tools and its kernel in miniature: results in the tools' words, code really run."""

from __future__ import annotations

import ast
import contextlib
import io
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import pytest

from jupyter_agent.demo.assets import demo_assets
from jupyter_agent.demo.script import DEMO_PROMPT, script
from jupyter_agent.protocol.messages import (
    Message,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    system_message,
    user_message,
)
from jupyter_agent.protocol.models import Request, ToolDefinition
from jupyter_agent.providers.base import complete
from jupyter_agent.providers.replay import ScriptedProvider

TOOLS = ("notebook_overview", "list_files", "read_file", "read_cells", "edit_cells", "run_cells")


@dataclass
class Cell:
    id: str
    type: str
    source: str
    count: int | None = None
    output: str = ""
    status: str = ""
    runs: int = 0


@dataclass
class Bench:
    """The script's world. `refuse` and `answers` decide calls by hand, by tool and turn."""

    folder: Path
    cells: list[Cell]
    mode: str = "auto"
    history: list[Message] = field(default_factory=list)
    figures: int = 0
    count: int = 0
    namespace: dict[str, Any] = field(default_factory=dict)
    # Given a call, returns the result in its place, or None to run it.
    intercept: Any = None

    async def run(self, prompt: str = DEMO_PROMPT, *, most_turns: int = 25) -> str:
        """Play a prompt to its end and return the final text."""
        self.history.append(user_message(prompt))
        return await self.go_on(most_turns=most_turns)

    async def go_on(self, *, most_turns: int = 25) -> str:
        for _ in range(most_turns):
            message = await self.turn()
            if not message.tool_calls:
                return message.text
        raise AssertionError(f"no end after {most_turns} turns")

    async def turn(self) -> Message:
        """Ask once, and run what was asked for."""
        system = f"An agent.\n\nMode {self.mode}: …\nThe session's notebook: penguins.ipynb"
        request = Request(
            model="demo",
            messages=(system_message(system), *self.history),
            tools=tuple(ToolDefinition(name=name, description="", parameters={}) for name in TOOLS),
        )
        response = await complete(ScriptedProvider(script), request)
        self.history.append(response.message)
        results = tuple(self._result(call) for call in response.message.tool_calls)
        if results:
            self.history.append(Message(role="tool", parts=results))
        return response.message

    @property
    def transcript(self) -> str:
        """Everything the script said and thought."""
        made = [message for message in self.history if message.role == "assistant"]
        return "\n".join(f"{message.thinking}\n{message.text}" for message in made)

    def calls(self, name: str | None = None) -> list[ToolCallPart]:
        made = [call for message in self.history for call in message.tool_calls]
        return [call for call in made if name in (None, call.name)]

    def results(self) -> list[ToolResultPart]:
        return [result for message in self.history for result in message.tool_results]

    def titled(self, words: str) -> list[Cell]:
        return [cell for cell in self.cells if words in cell.source]

    def _result(self, call: ToolCallPart) -> ToolResultPart:
        arguments = call.arguments
        assert arguments is not None, call.parse_error
        made = self.intercept(call) if self.intercept else None
        if made is None:
            text, is_error = getattr(self, f"_{call.name}")(**arguments)
            made = ToolResultPart(
                tool_call_id=call.id,
                tool_name=call.name,
                content=(TextPart(text=f"⟦data 9f2c⟧\n{text}\n⟦end 9f2c⟧"),),
                is_error=is_error,
            )
        return made

    def _label(self, cell: Cell) -> str:
        return f"[{cell.count}]" if cell.count else f"cell {self.cells.index(cell) + 1}"

    def _line(self, cell: Cell) -> str:
        state = cell.status or ("not-run" if cell.type == "code" else "")
        size = len(cell.source.splitlines())
        return f"{self._label(cell)} id={cell.id} v1a2b {cell.type} {size}L {state}".rstrip()

    def _notebook_overview(self) -> tuple[str, bool]:
        lines = [f"penguins.ipynb · {len(self.cells)} cells · kernel python3 idle · rev 3"]
        for cell in self.cells:
            lines.append(self._line(cell))
            lines += [f"    {line}" for line in cell.source.splitlines()[:2]]
        return "\n".join(lines), False

    def _list_files(self) -> tuple[str, bool]:
        return "\n".join(
            sorted(f"{p.name}  {p.stat().st_size} B" for p in self.folder.iterdir())
        ), False

    def _read_file(self, path: str) -> tuple[str, bool]:
        file = self.folder / path
        if not file.is_file():
            return f"FILE_MISSING: there is no file {path!r}.", True
        return file.read_text()[:2000], False

    def _read_cells(self, ids: list[str], outputs: str) -> tuple[str, bool]:
        lines = []
        for cell in self.cells:
            if cell.id in ids:
                lines.append(f"{self._line(cell)}\n-- source\n{cell.source}")
                if outputs != "none" and cell.output:
                    lines.append(f"-- outputs\n{cell.output}")
        return "\n".join(lines), False

    def _edit_cells(self, ops: list[dict[str, str]], reason: str, run: str) -> tuple[str, bool]:
        [op] = ops
        if op["op"] == "replace":
            next(cell for cell in self.cells if cell.id == op["id"]).source = op["source"]
            return f"applied rev 4→5; edited id={op['id']} v1a2b→v3c4d (+2 −1)", False
        place = op.get("after") or op["before"]
        at = len(self.cells)
        if place != "end":
            at = next(n for n, cell in enumerate(self.cells) if cell.id == place)
            at += "after" in op
        cell = Cell(id=f"made{len(self.cells):04d}", type=op["type"], source=op["source"])
        self.cells.insert(at, cell)
        text = f"applied rev 4→5; +[{at + 1}] id={cell.id} v3c4d"
        if run == "changed":
            more, is_error = self._run_cells(ids=[cell.id])
            return f"{text}\n{more}", is_error
        return text, False

    def _run_cells(
        self, ids: list[str] | None = None, scope: str | None = None, reason: str = ""
    ) -> tuple[str, bool]:
        lines, failed = [], False
        for cell in self.cells:
            if cell.type != "code" or (scope != "all" and cell.id not in (ids or [])):
                continue
            if failed:
                lines.append(f"{self._label(cell)} id={cell.id} not_run")
                continue
            self._execute(cell)
            failed = cell.status == "error"
            lines.append(f"{self._label(cell)} id={cell.id} {cell.status} 0.1 s\n{cell.output}")
        return "\n".join(lines), failed

    def _execute(self, cell: Cell) -> None:
        self.count += 1
        cell.count, cell.runs = self.count, cell.runs + 1
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), warnings.catch_warnings():
                # Agg has no window for `plt.show()`; a kernel's inline backend has.
                warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
                exec(compile(ast.parse(cell.source), cell.id, "exec"), self.namespace)
        except Exception as error:
            cell.status = "error"
            last = traceback.format_exception_only(error)[-1].strip()
            cell.output = f"{printed.getvalue()}{last}\n\nCell In[{cell.count}], line 2"
        else:
            cell.status = "ok"
            cell.output = printed.getvalue().rstrip()
        self._collect_figures(cell)

    def _collect_figures(self, cell: Cell) -> None:
        import matplotlib.pyplot as plt

        for number in plt.get_fignums():
            figure = plt.figure(number)
            figure.canvas.draw()
            self.figures += 1
            cell.output += "\n(png 1100×420)"
        plt.close("all")


@pytest.fixture
def table() -> str:
    """The table as shipped."""
    return (demo_assets() / "penguins.csv").read_text(encoding="utf-8")


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Return a function that sets up the starting notebook with a table."""
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)

    def make(table: str | None, **options: Any) -> Bench:
        if table is not None:
            (tmp_path / "penguins.csv").write_text(table, encoding="utf-8")
        start = nbformat.read(demo_assets() / "penguins.ipynb", as_version=4)
        cells = [Cell(cell.id, cell.cell_type, cell.source) for cell in start.cells]
        return Bench(folder=tmp_path, cells=cells, **options)

    return make
