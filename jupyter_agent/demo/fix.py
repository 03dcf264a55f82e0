"""Fixing a failed cell, as far as the script knows how: numbers that were read as text."""

from __future__ import annotations

from collections.abc import Iterator

from ..providers.replay import Call, Say, Step
from . import narration
from .analysis import MOST_CELLS, halted, repair
from .conversation import Setting, Task
from .findings import data_sentence
from .progress import Progress, read_progress
from .results import CellText, error_line, names, read_cells

# The failed cell's place among the titles of the cells that the demo itself writes.
TARGET = "the failed cell"


def fix(task: Task, setting: Setting) -> Iterator[Step]:
    """Yield the next step: find the failed cell, read the error, repair what it shows."""
    progress = read_progress(task)
    steps = halted(task, progress, setting)
    if steps:
        yield from steps
    elif progress.overview is None:
        yield Say("I'll look for the cell that failed.")
        yield Call("notebook_overview", {})
    elif progress.sources is None:
        ids = [cell.id for cell in read_cells(progress.overview.text)][:MOST_CELLS]
        if ids:
            yield Call("read_cells", {"ids": ids, "outputs": "brief"})
        else:
            yield Say("The notebook has no cells, so nothing in it has failed.")
    else:
        yield from _repair(task, progress, setting)


def _repair(task: Task, progress: Progress, setting: Setting) -> Iterator[Step]:
    target = _failed_cell(progress, task.attached)
    if target is None:
        yield Say("I see no cell whose last run failed, so there is nothing to fix.")
        return
    progress = read_progress(task, {TARGET: target})
    if progress.ok(TARGET):
        done = data_sentence(progress.findings.words, None)
        yield Say(f"Fixed: cell {target.label} runs now. {done}")
    elif progress.frame is None or not narration.is_about_text(target.output):
        yield Say(_beyond_the_script(target))
    elif setting.mode == "plan":
        yield Say(
            f"Cell {target.label} failed: `{error_line(target.output)}`. My plan: find the values "
            "that are not numbers, make exactly those missing in a cell before it, and run it "
            "again. In plan mode I change nothing."
        )
    else:
        yield from repair(progress, TARGET, progress.frame)


def _beyond_the_script(target: CellText) -> str:
    return (
        f"Cell {target.label} failed with `{error_line(target.output)}`. I am a script and can only "
        "repair columns of numbers that were read as text; a real model can look into this one."
    )


def _failed_cell(progress: Progress, text: str) -> CellText | None:
    failed = [cell for cell in progress.sources or () if cell.failed]
    named = [cell for cell in failed if names(text, cell)]
    return next(iter(named or failed), None)
