"""The tool that creates a notebook."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..notebook.cells import short_ids
from ..notebook.edits import new_cell_id
from ..notebook.refusals import check_source
from ..protocol.errors import EditRefused
from ..protocol.rpc import CellState, CellType
from ..protocol.tools import Permission, PreviewBlock
from .base import Preview, ToolArguments, ToolCallContext, ToolOutput, text_output
from .files import Folder
from .foreign_loads import new_loads, with_loads
from .workspace_tool import WRITE, WorkspaceTool


class NewCell(BaseModel):
    """A cell of the new notebook."""

    model_config = ConfigDict(extra="forbid")

    source: str
    type: CellType = "code"

    @model_validator(mode="before")
    @classmethod
    def _forgive(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"source": data}
        if not isinstance(data, dict):
            return data
        names = {"content": "source", "code": "source", "cell_type": "type"}
        meant = {names.get(key, key): value for key, value in data.items()}
        if isinstance(meant.get("source"), list):
            meant["source"] = "".join(str(line) for line in meant["source"])
        return meant


class CreateNotebookArguments(ToolArguments):
    """Where, and with which cells."""

    slips: ClassVar[dict[str, str]] = {"notebook": "path", "kernel_name": "kernel"}

    path: str = Field(min_length=1, max_length=1_000)
    kernel: str | None = None
    cells: list[NewCell] = Field(default_factory=list, max_length=200)


class CreateNotebook(WorkspaceTool):
    """Creates a notebook that does not exist yet."""

    name = "create_notebook"
    arguments = CreateNotebookArguments
    parallel = False

    def permissions(self, arguments: CreateNotebookArguments) -> frozenset[Permission]:
        return WRITE

    async def preview(self, arguments: CreateNotebookArguments) -> Preview:
        path = self._checked(arguments)
        blocks = tuple(
            PreviewBlock(
                kind="code" if cell.type == "code" else "text",
                text=cell.source,
                label=f"{cell.type} cell {number}",
            )
            for number, cell in enumerate(arguments.cells, 1)
        )
        preview = Preview(title=f"Create {path}", blocks=blocks, bound_to=(("file", path),))
        cells = [
            CellState(id=str(number), cell_type=cell.type, source=cell.source, metadata={})
            for number, cell in enumerate(arguments.cells)
        ]
        return with_loads(preview, new_loads((), cells))

    async def run(self, arguments: CreateNotebookArguments, context: ToolCallContext) -> ToolOutput:
        path = self._checked(arguments)
        noted = self._workspace.provenance()
        cells = [
            CellState(
                id=new_cell_id(),
                cell_type=cell.type,
                source=cell.source,
                metadata={"jupyter_agent": dict(noted)} if noted else {},
            )
            for cell in arguments.cells
        ]
        document = await self._workspace.create_notebook(path, cells, arguments.kernel)
        state = await document.read()
        self._workspace.memory.remember(document.path, state.cells)
        ids = ", ".join(short_ids(state.cells).values())
        return text_output(
            f"created {document.path}" + (f" with cells {ids}" if ids else ""),
            title=f"Created {path}",
            summary=f"{len(state.cells)} cells",
        )

    def _checked(self, arguments: CreateNotebookArguments) -> str:
        if not arguments.path.endswith(".ipynb"):
            raise EditRefused("The path of a notebook ends in .ipynb.")
        target = Folder(self._workspace.root).target(arguments.path, write=True)
        if target.path.exists():
            raise EditRefused(f"{target.shown} exists already.")
        for cell in arguments.cells:
            check_source(cell.source, cell.type)
        return target.shown
