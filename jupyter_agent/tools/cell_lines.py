"""A cell as one line of a result: label, id, version, type, size, state, flags. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..kernel.runner import FINAL, CellRecord
from ..notebook.cells import label, line_count, locks, short_ids, short_kinds, version
from ..notebook.dependencies import stale_cells
from ..protocol.rpc import CellState, NotebookState
from .workspace import RunRecord


@dataclass(slots=True)
class CellFacts:
    """What is known of a notebook's cells beside the cells themselves.

    `records` are the cells' latest runs by this session, `stale` says why an output is out of
    date; `restored` tells that no kernel lives, so every output is of an earlier one.
    """

    short: dict[str, str]
    numbers: dict[str, int]
    records: dict[str, CellRecord] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)
    restored: bool = False

    def name(self, cell: CellState) -> str:
        """Return a cell as results name it: `[4] id=3fa91c02`."""
        return f"{label(cell, self.numbers[cell.id])} id={self.short[cell.id]}"


def facts_of(
    state: NotebookState, runs: Mapping[str, RunRecord], *, restored: bool = False
) -> CellFacts:
    """Gather what is known of a notebook's cells."""
    records: dict[str, CellRecord] = {}
    for record in list(runs.values()):  # the loop may add one meanwhile
        if record.path == state.path:
            records.update({cell.cell_id: cell for cell in record.run.cells})
    python = state.language in (None, "python")
    ran = {
        cell_id: record.source
        for cell_id, record in records.items()
        if record.started is not None and record.status in FINAL
    }
    return CellFacts(
        short=short_ids(state.cells),
        numbers={cell.id: number for number, cell in enumerate(state.cells, 1)},
        records=records,
        stale=stale_cells(state.cells, ran) if python else _edited(state, ran),
        restored=restored,
    )


def cell_line(cell: CellState, facts: CellFacts) -> str:
    """Return the line of a cell, such as `[4] id=3fa91c02 v81c0 code 12L ok 0.8s out:png,text`."""
    words = [facts.name(cell), version(cell), cell.cell_type, f"{line_count(cell.source)}L"]
    words += locks(cell)
    if cell.cell_type == "code":
        words += _run_words(cell, facts)
        if cell.output_kinds:
            words.append(f"out:{short_kinds(cell.output_kinds)}")
            if facts.restored:
                words.append("restored-output")
        if cell.id in facts.stale:
            words.append(f"stale({_short_reason(facts.stale[cell.id], facts)})")
    return " ".join(words)


def has_error(cell: CellState, facts: CellFacts) -> bool:
    """Return whether the cell's latest run ended in an error."""
    record = facts.records.get(cell.id)
    if "error" in cell.output_kinds:
        return True
    return record is not None and record.status in ("error", "kernel_died")


def seconds(duration: float) -> str:
    """Return a duration in words: `0.8s`, `42s`, `3m 20s`."""
    if duration < 10:
        return f"{duration:.1f}s"
    if duration < 120:
        return f"{duration:.0f}s"
    return f"{int(duration // 60)}m {int(duration % 60)}s"


def record_words(record: CellRecord) -> list[str]:
    """Return a run's status and how long it took."""
    words: list[str] = [record.status]
    if record.duration is not None:
        words.append(seconds(record.duration))
    elif record.status in ("running", "awaiting_input") and record.started is not None:
        words.append(seconds(max(0.0, time.time() - record.started)))
    return words


def _run_words(cell: CellState, facts: CellFacts) -> list[str]:
    record = facts.records.get(cell.id)
    if record is not None and record.source == cell.source and record.started is not None:
        return record_words(record)
    if cell.running:
        return ["running"]
    if "error" in cell.output_kinds:
        return ["error"]
    return ["ok"] if cell.execution_count is not None else ["not-run"]


def _edited(state: NotebookState, ran: Mapping[str, str]) -> dict[str, str]:
    return {
        cell.id: "edited" for cell in state.cells if cell.id in ran and ran[cell.id] != cell.source
    }


def _short_reason(reason: str, facts: CellFacts) -> str:
    kind, _, cell_id = reason.partition(" ")
    return f"{kind} {facts.short.get(cell_id, cell_id)}" if cell_id else kind
