"""Calls from the server to the browser tab that has a notebook open: methods, params, results.

| method                 | params            | result                                            |
|------------------------|-------------------|---------------------------------------------------|
| `notebook.read`        | `ReadParams`      | `NotebookState`                                   |
| `notebook.apply`       | `ApplyParams`     | `ApplyResult`; error `STALE_CELL`, nothing applied |
| `notebook.run`         | `RunParams`       | `RunResult`; `RunProgress` as `rpc_progress`      |
| `notebook.stop_run`    | `StopRunParams`   | `{}`, also when that run is over                  |
| `notebook.kernel`      | `PathParams`      | `{"kernel_id"}` once it answers, started if need be |
| `notebook.select_kernel` | `SelectKernelParams` | `{}` once the new kernel answers            |
| `notebook.set_outputs` | `SetOutputsParams`| `{}`                                              |
| `notebook.save`        | `PathParams`      | `{}`                                              |
| `notebook.saved_elsewhere` | `PathParams`  | `{}`; its file was written: load it again, or tell the person |
| `notebook.open`        | `PathParams`      | `{}` once it is open, its kernel connecting       |
| `notebook.reveal`      | `RevealParams`    | `{}`                                              |

Errors use the codes of `errors.py` (`NOTEBOOK_MISSING`, `UNKNOWN_CELL`, `NOTEBOOK_READ_ONLY`…).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, JsonValue

CellType = Literal["code", "markdown", "raw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathParams:
    """A notebook."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadParams:
    """Read the notebook; full outputs only of the cells in `outputs`, or of all."""

    path: str
    outputs: Literal["none", "all"] | tuple[str, ...] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellState:
    """A cell. `outputs` are nbformat outputs, present only where asked for.

    `output_kinds` names what is there: mime types, `stream`, `error`. `running` while it is
    queued or executing in this tab. `attachments` (of markdown and raw cells) come with outputs.
    """

    id: str
    cell_type: CellType
    source: str
    execution_count: int | None = None
    output_kinds: tuple[str, ...] = ()
    running: bool = False
    metadata: dict[str, JsonValue] | None = None
    outputs: tuple[dict[str, JsonValue], ...] | None = None
    attachments: dict[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookState:
    """A notebook as the tab has it. `revision` grows with every change, whoever made it."""

    path: str
    revision: int
    cells: tuple[CellState, ...]
    kernel_id: str | None = None
    kernel_name: str | None = None
    language: str | None = None
    read_only: bool = False
    metadata: dict[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A cell as the writer knows it; the whole batch is refused when it is not so any more."""

    id: str
    cell_type: CellType
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertCell:
    """Insert a cell with this id after cell `after`; None: at the start."""

    id: str
    cell_type: CellType
    source: str
    after: str | None = None
    metadata: dict[str, JsonValue] | None = None
    attachments: dict[str, JsonValue] | None = None
    type: Literal["insert"] = "insert"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSource:
    """Replace a cell's source; only the difference is written."""

    id: str
    source: str
    metadata: dict[str, JsonValue] | None = None
    type: Literal["set_source"] = "set_source"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCell:
    """Delete a cell."""

    id: str
    type: Literal["delete"] = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveCell:
    """Move a cell after cell `after`; None: to the start."""

    id: str
    after: str | None = None
    type: Literal["move"] = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCellType:
    """Change a cell's type, keeping id and source; `attachments` are what it has afterwards."""

    id: str
    cell_type: CellType
    attachments: dict[str, JsonValue] | None = None
    type: Literal["set_type"] = "set_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearOutputs:
    """Clear a cell's outputs and execution count."""

    id: str
    type: Literal["clear_outputs"] = "clear_outputs"


Change = Annotated[
    InsertCell | SetSource | DeleteCell | MoveCell | SetCellType | ClearOutputs,
    Field(discriminator="type"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyParams:
    """Apply changes in order, whole or not at all, within one JavaScript turn.

    First every `expect` is compared; then every change's cells and anchors must exist (cells
    inserted earlier in the batch count). `metadata` of a change is merged at top level into the
    cell's; a null removes the key. Saved to disk afterwards.
    """

    path: str
    changes: tuple[Change, ...]
    expect: tuple[Expected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyResult:
    """What is in the document after it: the touched cells that exist, read back, and the order.

    `notes` are sentences about what else was repaired on the way, such as missing ids.
    """

    revision: int
    cells: tuple[CellState, ...]
    order: tuple[str, ...]
    saved: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunParams:
    """Run code cells one after another, as the person would, after saving.

    Each is compared with `expect` when its turn comes: what runs is what was approved, and not what
    the person has made of it since. One that differs counts as an error for `stop_on_error`.
    """

    path: str
    cell_ids: tuple[str, ...]
    expect: tuple[Expected, ...] = ()
    stop_on_error: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRunParams:
    """Run no further cell of the `notebook.run` with this `op_id`; the cell that runs goes on."""

    path: str
    op_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectKernelParams:
    """Give the notebook a new kernel of the kernelspec `name`, in place of the one it has."""

    path: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """A cell was sent to the kernel as execute request `message_id`, or ended without one.

    `input`: it asks for input, with the words of `prompt`; `sent` again: it has got it.
    """

    cell_id: str
    state: Literal["sent", "input", "ended", "not_run"]
    message_id: str | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRun:
    """How a cell's run ended, as the tab saw it; `stale`: it differs by now and was not run.

    `unknown`: it was sent, and nobody can tell how it ended. `reason` says why, in words.
    `detached`: the cell was made anew while it ran, so that it lacks what was put out since then.
    """

    cell_id: str
    status: Literal["ok", "error", "not_run", "unknown", "stale"]
    execution_count: int | None = None
    message_id: str | None = None
    reason: str | None = None
    detached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """All cells of a run."""

    cells: tuple[CellRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOutputsParams:
    """Replace a cell's outputs with those the server collected (the tab had lost them)."""

    path: str
    cell_id: str
    outputs: tuple[dict[str, JsonValue], ...]
    execution_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealParams:
    """Open the notebook, scroll to a cell and select it."""

    path: str
    cell_id: str
