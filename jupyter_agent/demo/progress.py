"""How far the work on the notebook has come, read from the task's tool results."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import cells, facts, table_cells
from .conversation import Outcome, Task
from .findings import Findings
from .results import NOT_RUN, CellText, find, inserted_ids, read_cells, same_id

_READ_CSV = re.compile(r"^\s*(\w+) *= *\w+\.read_csv\(\s*r?([\"'])(.+?)\2", re.MULTILINE)
_CSV_NAME = re.compile(r"([\w.-]+\.csv)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CellResult:
    """What came of running a cell. `whole`: the notebook ran from the top, not this cell alone."""

    text: str
    failed: bool
    order: int
    whole: bool = False


@dataclass(slots=True)
class Progress:
    """What has been read, written and run. `ids` and `results` are by cell title."""

    overview: Outcome | None = None
    files: Outcome | None = None
    sources: list[CellText] | None = None
    columns: list[str] | None = None
    looked_at_file: bool = False
    frame: str | None = None
    table: str | None = None
    ran_all: bool = False
    ran_all_at: int = 0
    ran: int = 0
    ids: dict[str, str] = field(default_factory=dict)
    results: dict[str, CellResult] = field(default_factory=dict)
    foreign_failure: CellText | None = None
    refused: Outcome | None = None
    unapplied: Outcome | None = None
    findings: Findings = field(default_factory=Findings)

    def ok(self, title: str) -> bool:
        """Whether the cell of that title has run and ended well."""
        return title in self.results and not self.results[title].failed

    def failed(self, title: str) -> bool:
        """Whether the cell of that title has run and failed."""
        return title in self.results and self.results[title].failed

    def order(self, title: str) -> int:
        """Return when the cell of that title last ran, as a number that grows; 0 for never."""
        return self.results[title].order if title in self.results else 0

    def holds(self, title: str, text: str) -> bool:
        """Whether the notebook was read with this very text in the cell of that title."""
        if self.sources is None or title not in self.ids:
            return False
        cell = find(self.sources, self.ids[title])
        return cell is not None and cell.source.strip() == text.strip()

    def lost_variables(self) -> bool:
        """Whether a cell failed because the kernel was restarted since the notebook ran."""
        recent = (result for result in self.results.values() if result.order > self.ran_all_at)
        errors = [facts.read_error(one.text) for one in recent if one.failed and not one.whole]
        return any(error is not None and error[0] == "NameError" for error in errors)

    def note(self, title: str, text: str, *, failed: bool, whole: bool = False) -> None:
        """Take the result of running (or, for text, writing) the cell of that title."""
        self.ran += 1
        self.results[title] = CellResult(text, failed, self.ran, whole)

    def missing_columns(self) -> list[str]:
        """Return the columns that the questions need and the table lacks."""
        if self.columns is None:
            return []
        return [name for name in cells.NEEDED_COLUMNS if name not in self.columns]

    def csv_names(self) -> list[str]:
        """Return the tables among the files, the demo's own first."""
        names = _CSV_NAME.findall(self.files.text) if self.files else []
        return sorted(dict.fromkeys(names), key=lambda name: name != "penguins.csv")


def read_progress(task: Task, failed: Mapping[str, CellText] | None = None) -> Progress:
    """Return how far the task has come.

    Args:
        task: The prompt and what happened since.
        failed: Cells that had failed before it, by the title under which to follow them.
    """
    progress = Progress()
    for title, cell in (failed or {}).items():
        progress.ids[title] = cell.id
        progress.results[title] = CellResult(cell.output, True, 0)
    for outcome in task.outcomes:
        if outcome.rejected:
            progress.refused = outcome
        elif outcome.name in _READERS:
            _READERS[outcome.name](progress, outcome)
    _read_findings(progress)
    return progress


def title_of(source: str) -> str | None:
    """Return the title by which a cell of the demo is known, None when it is another's."""
    lines = {line.strip() for line in source.splitlines()}
    return next((title for title in (*cells.TITLES, *table_cells.TITLES) if title in lines), None)


def beside(notebook: str | None, name: str) -> str:
    """Return the path of a file that the notebook names, from the folder that tools see."""
    folder = posixpath.dirname(notebook or "")
    return posixpath.normpath(posixpath.join(folder, name)) if folder else name


def _on_overview(progress: Progress, outcome: Outcome) -> None:
    if outcome.is_error:
        progress.unapplied = outcome
    else:
        progress.overview = outcome


def _on_files(progress: Progress, outcome: Outcome) -> None:
    progress.files = outcome


def _on_sources(progress: Progress, outcome: Outcome) -> None:
    if outcome.is_error:
        progress.unapplied = outcome
        return
    progress.sources = read_cells(outcome.text)
    for cell in progress.sources:
        title = title_of(cell.source)
        if title is not None:
            progress.ids[title] = cell.id
        _find_table(progress, cell.source)


def _on_file(progress: Progress, outcome: Outcome) -> None:
    progress.looked_at_file = True
    if outcome.is_error:
        return
    header = outcome.text.partition("\n")[0]
    progress.columns = [name.strip().strip('"') for name in header.split(",")]


def _on_edit(progress: Progress, outcome: Outcome) -> None:
    op = _first_op(outcome.arguments)
    made = inserted_ids(outcome.text)
    if (op.get("op") == "insert" and not made) or (op.get("op") != "insert" and outcome.is_error):
        progress.unapplied = outcome
        return
    if NOT_RUN in outcome.text:
        progress.unapplied = outcome
    source = str(op.get("source", ""))
    _find_table(progress, source)
    title = title_of(source)
    if title is None:
        return
    cell_id = made[0] if made else str(op.get("id"))
    progress.ids[title] = cell_id
    ran = find(read_cells(outcome.text), cell_id)
    failed = outcome.is_error or (ran is not None and ran.failed)
    failed = failed or facts.read_error(outcome.text) is not None
    text = ran.body if ran is not None and ran.body else outcome.text
    progress.note(title, text, failed=failed)


def _on_run(progress: Progress, outcome: Outcome) -> None:
    ran = read_cells(outcome.text)
    whole = outcome.arguments.get("scope") == "all"
    if whole:
        progress.ran_all, progress.ran_all_at = True, progress.ran
    if not ran and outcome.is_error:
        progress.unapplied = outcome
    for cell in ran:
        title = next((name for name, made in progress.ids.items() if same_id(made, cell.id)), None)
        failed = cell.failed or facts.read_error(cell.body) is not None
        if title is None:
            if failed and progress.foreign_failure is None and not _not_run(cell):
                progress.foreign_failure = cell
        elif not _not_run(cell):
            progress.note(title, cell.body, failed=failed, whole=whole)


def _not_run(cell: CellText) -> bool:
    return re.search(r"\b(not_run|unknown|queued|stale)\b(?!\()", cell.head) is not None


def _first_op(arguments: dict[str, Any]) -> dict[str, Any]:
    ops = arguments.get("ops")
    return ops[0] if isinstance(ops, list) and ops and isinstance(ops[0], dict) else {}


def _find_table(progress: Progress, source: str) -> None:
    found = _READ_CSV.search(source)
    if found and progress.frame is None:
        progress.frame, progress.table = found[1], found[3]


def _read_findings(progress: Progress) -> None:
    found, printed = progress.findings, {}
    for title, result in progress.results.items():
        if not result.failed:
            printed[title] = result.text
    if size := facts.read_size(printed.get(cells.LOOK, "")):
        found.rows = size[0]
    found.masses = facts.read_masses(printed.get(cells.MASS, ""))
    found.words = facts.read_words(printed.get(cells.WORDS, ""))
    found.relations = facts.read_relations(printed.get(cells.BILLS, ""))
    if cells.MISSING in printed:
        counted = facts.read_missing(printed[cells.MISSING])
        known = progress.columns or list(counted)
        found.missing = {name: count for name, count in counted.items() if name in known}
    found.plotted = cells.PLOT in printed


_READERS = {
    "notebook_overview": _on_overview,
    "list_files": _on_files,
    "read_cells": _on_sources,
    "read_file": _on_file,
    "edit_cells": _on_edit,
    "run_cells": _on_run,
    "run_status": _on_run,
}
