"""Changes carried out on a parsed notebook, for the backends that write one whole.

Which changes are possible is decided by `changes.py`; the data and its format are `ipynb.py`'s.
Nothing here reads or writes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ..protocol.errors import EditRefused, UnknownCell
from ..protocol.rpc import (
    ApplyResult,
    CellState,
    Change,
    Expected,
    NotebookState,
    SetCellType,
)
from . import ipynb
from .changes import apply_changes, check_expected, lost_attachments, touched_ids
from .document import Outputs
from .ipynb import FileCell, NotebookFile

_REMEMBERED = 64


class AppliedOnce:
    """The results of the latest batches by their `op_id`: the same batch acts once."""

    def __init__(self) -> None:
        self._results: OrderedDict[str, ApplyResult] = OrderedDict()

    def get(self, op_id: str) -> ApplyResult | None:
        """Return the result of a batch that was applied, None when it was not."""
        return self._results.get(op_id)

    def put(self, op_id: str, result: ApplyResult) -> None:
        """Remember a batch."""
        self._results[op_id] = result
        while len(self._results) > _REMEMBERED:
            self._results.popitem(last=False)


def notebook_state(
    notebook: NotebookFile, path: str, *, revision: int, outputs: Outputs, read_only: bool
) -> NotebookState:
    """Return a notebook as the port shows it."""
    kernelspec = _dict(notebook.metadata.get("kernelspec"))
    language = kernelspec.get("language") or _dict(notebook.metadata.get("language_info")).get(
        "name"
    )
    name = kernelspec.get("name")
    return NotebookState(
        path=path,
        revision=revision,
        cells=tuple(
            ipynb.state_of(cell, outputs=outputs == "all" or cell.id in outputs)
            for cell in notebook.cells
        ),
        kernel_name=name if isinstance(name, str) else None,
        language=language.lower() if isinstance(language, str) else None,
        read_only=read_only,
        metadata=notebook.metadata,
    )


def change_notebook(
    notebook: NotebookFile, changes: Sequence[Change], expect: Sequence[Expected]
) -> None:
    """Carry out all changes, or none.

    Raises:
        StaleCells: a cell of `expect` is different now.
        UnknownCell: a cell or an anchor does not exist.
        EditRefused: no cell would be left.
    """
    before = _states(notebook)
    check_expected(before, expect)
    after = apply_changes(before, changes)
    if before and not after:
        raise EditRefused("A notebook is never left without a cell. Nothing was applied.")
    _require_ids(notebook, touched_ids(changes))
    _carry_out(notebook, changes)


def put_outputs(
    notebook: NotebookFile,
    cell_id: str,
    outputs: Sequence[dict[str, Any]],
    execution_count: int | None,
) -> None:
    """Replace a code cell's outputs.

    Raises:
        UnknownCell: the cell is gone.
    """
    cell = next((cell for cell in notebook.cells if cell.id == cell_id), None)
    if cell is None or cell.data.get("cell_type") != "code":
        raise UnknownCell(f"There is no code cell {cell_id!r}.")
    _require_ids(notebook, (cell_id,))
    cell.touch()
    cell.data["outputs"] = [ipynb.split_output(output) for output in outputs]
    cell.data["execution_count"] = execution_count


def apply_result(
    notebook: NotebookFile, changes: Sequence[Change], *, revision: int, notes: Sequence[str]
) -> ApplyResult:
    """Return what a batch came to, of the notebook as it was read back."""
    cells = {cell.id: cell for cell in notebook.cells}
    return ApplyResult(
        revision=revision,
        cells=tuple(
            ipynb.state_of(cells[cell_id], outputs=False)
            for cell_id in touched_ids(changes)
            if cell_id in cells
        ),
        order=tuple(cells),
        saved=True,
        notes=tuple(notes),
    )


def _states(notebook: NotebookFile) -> tuple[CellState, ...]:
    return tuple(ipynb.state_of(cell, outputs=False) for cell in notebook.cells)


def _require_ids(notebook: NotebookFile, touched: Sequence[str]) -> None:
    """Give ids to all cells of an old notebook, and to the touched ones of any other."""
    ipynb.require_ids(notebook)
    for cell in notebook.cells:
        if cell.made_up and cell.id in touched:
            cell.touch()
            notebook.repairs.append(f"Gave cell {cell.id} an id of its own.")


def _carry_out(notebook: NotebookFile, changes: Sequence[Change]) -> None:
    """Do to the file's cells what `apply_changes` has found possible."""
    cells = notebook.cells
    for change in changes:
        if change.type == "insert":
            made = ipynb.new_cell(
                change.id,
                change.cell_type,
                change.source,
                dict(change.metadata or {}),
                change.attachments,
            )
            cells.insert(_place(cells, change.after), ipynb.like_the_others(notebook, made))
            continue
        index = _index(cells, change.id)
        if change.type == "delete":
            del cells[index]
        elif change.type == "move":
            cell = cells.pop(index)
            cells.insert(_place(cells, change.after), cell)
        else:
            lost = _change_cell(cells[index], change)
            if lost:
                notebook.repairs.append(lost)


def _change_cell(cell: FileCell, change: Change) -> str | None:
    """Change one cell; returns what the person must know of it, None for nothing."""
    cell.touch()
    data = cell.data
    if change.type == "set_source":
        data["source"] = ipynb.split_lines(change.source)
        if change.metadata is not None:
            merged = {**_dict(data.get("metadata")), **change.metadata}
            data["metadata"] = {
                key: value
                for key, value in merged.items()
                if change.metadata.get(key, 0) is not None
            }
    elif change.type == "set_type" and data.get("cell_type") != change.cell_type:
        return _set_type(cell, change)
    elif change.type == "clear_outputs" and data.get("cell_type") == "code":
        data.update(outputs=[], execution_count=None)
    return None


def _set_type(cell: FileCell, change: SetCellType) -> str | None:
    data = cell.data
    had = data.get("attachments")
    for key in ("outputs", "execution_count", "attachments"):
        data.pop(key, None)
    data["cell_type"] = change.cell_type
    lost: str | None = None
    if change.cell_type == "code":
        data.update(outputs=[], execution_count=None)
        if isinstance(had, dict) and had:
            lost = lost_attachments(cell.id, map(str, had))
    elif change.attachments is not None:
        data["attachments"] = change.attachments
    elif had is not None:
        data["attachments"] = had
    cell.data = dict(sorted(data.items()))
    return lost


def _index(cells: Sequence[FileCell], cell_id: str) -> int:
    return next(index for index, cell in enumerate(cells) if cell.id == cell_id)


def _place(cells: Sequence[FileCell], after: str | None) -> int:
    return 0 if after is None else _index(cells, after) + 1


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
