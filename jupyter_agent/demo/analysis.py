"""The demo's analysis: which step comes next, given how far the work has come.

One request, one step: look around, run what is there, then write and run one cell after another.
A cell that fails because its columns are text leads to the repair; on a clean table it does not
fail, and the repair does not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..providers.replay import Call, Say, Step
from . import cells, narration
from .conversation import Setting, Task
from .progress import Progress, beside, read_progress
from .results import read_cells, still_running

MOST_RESTARTS = 3
MOST_CELLS = 100  # that `read_cells` takes at once


@dataclass(frozen=True, slots=True)
class Stage:
    """A cell to write: its source, and what is thought and said before it."""

    title: str
    source: Callable[[str], str]
    before: Callable[[Progress], Iterator[Step]]
    reason: str


STAGES = (
    Stage(cells.LOOK, cells.look, narration.before_look, "See the size of the table"),
    Stage(cells.MASS, cells.mass, narration.before_mass, "Compare body mass by species"),
    Stage(cells.MISSING, cells.missing, narration.before_missing, "Count what is missing"),
    Stage(cells.BILLS, cells.bills, narration.before_bills, "Correlate bill length and depth"),
    Stage(cells.PLOT, cells.plot, narration.before_plot, "Show body mass and bill shape"),
)


def analyse(task: Task, setting: Setting) -> Iterator[Step]:
    """Yield the next step of the analysis."""
    progress = read_progress(task)
    steps = halted(task, progress, setting)
    yield from steps or _read(task, progress, setting) or _work(progress, setting)


def has_other_table(progress: Progress) -> bool:
    """Tell whether the demo's own questions cannot be asked here: of another table, or of none."""
    if progress.missing_columns():
        return True
    cells_read = progress.sources is not None or (
        progress.overview is not None and not read_cells(progress.overview.text)
    )
    none = progress.frame is None and not progress.csv_names()
    return none and cells_read and progress.files is not None


def halted(task: Task, progress: Progress, setting: Setting) -> list[Step]:
    """Return the steps when the work cannot simply go on, none when it can."""
    if task.restarts > MOST_RESTARTS:
        return [Say(narration.gave_up(task))]
    if progress.refused is not None:
        return [Say(narration.refused(progress, setting))]
    if progress.unapplied is not None:
        return [Say(narration.unapplied(progress.unapplied))]
    run_id = still_running(task.outcomes[-1].text) if task.outcomes else None
    if run_id:
        return [
            Say("That cell is still running; I wait for it."),
            Call("run_status", {"run_id": run_id, "wait_s": 60}),
        ]
    return []


def _read(task: Task, progress: Progress, setting: Setting) -> list[Step]:
    """Return the reading that is still to be done before anything is changed."""
    if progress.overview is None:
        return [
            *narration.before_looking_around(task),
            Call("notebook_overview", {}),
            Call("list_files", {"path": beside(setting.notebook, "."), "pattern": "*.csv"}),
        ]
    ids = [cell.id for cell in read_cells(progress.overview.text)][:MOST_CELLS]
    if progress.sources is None and ids:
        return [Call("read_cells", {"ids": ids, "outputs": "none"})]
    table = progress.table or next(iter(progress.csv_names()), None)
    if table is not None and not progress.looked_at_file:
        return [
            *narration.before_reading_table(progress, table),
            Call("read_file", {"path": beside(setting.notebook, table), "limit": 4}),
        ]
    return []


def _work(progress: Progress, setting: Setting) -> Iterator[Step]:
    """Yield the next step that changes or runs something, or the end."""
    if setting.mode == "plan":
        yield Say(narration.plan(progress))
    elif progress.sources and not progress.ran_all and _has_code(progress):
        yield from narration.before_running_all(progress)
        yield from _show_plan(setting, done=1)
        yield run_all("Start from what the notebook holds now")
    elif progress.foreign_failure is not None:
        yield Say(narration.notebook_fails(progress.foreign_failure))
    elif progress.frame is None:
        table = progress.csv_names()[0]
        yield Say(f"No cell reads a table yet. I load `{table}`.")
        yield insert_cell(cells.load(table, "df"), {"after": "end"}, "Load the table")
    elif progress.lost_variables():
        yield Say("The kernel has lost its variables, so I run the notebook from the top.")
        yield run_all("The kernel was restarted")
    else:
        yield from _next_cell(progress, progress.frame, setting)


def _next_cell(progress: Progress, frame: str, setting: Setting) -> Iterator[Step]:
    """Yield the first cell that has no result yet, the repair of one that failed, or the end."""
    place: dict[str, str] = {"after": "end"}
    for stage in STAGES:
        if progress.failed(stage.title):
            if stage.title == cells.PLOT:
                break
            yield from repair(progress, stage.title, frame)
            return
        if not progress.ok(stage.title):
            yield from stage.before(progress)
            yield write_or_run(progress, stage.title, stage.source(frame), place, stage.reason)
            return
        place = {"after": progress.ids[stage.title]}
    text = f"{cells.FINDINGS}\n\n" + "\n\n".join(progress.findings.paragraphs())
    if progress.ok(cells.FINDINGS) or progress.holds(cells.FINDINGS, text):
        yield Say(narration.ending(progress))
        return
    yield from narration.before_findings(progress)
    yield from _show_plan(setting, done=len(narration.PLAN))
    op = {"op": "insert", **place, "type": "markdown", "source": text}
    if cells.FINDINGS in progress.ids:
        op = {"op": "replace", "id": progress.ids[cells.FINDINGS], "source": text}
    yield _edit(op, "Write down what was found", run="none")


def repair(progress: Progress, failed: str, frame: str) -> Iterator[Step]:
    """Yield the next step of a repair.

    Find out which values are not numbers, make those missing, and run the failed cell again.
    """
    result = progress.results[failed]
    found = progress.findings.words
    if not narration.is_about_text(result.text):
        yield Say(narration.cell_fails(progress, failed))
    elif cells.WORDS not in progress.results:
        yield from narration.before_words(result.text)
        place = {"before": progress.ids[failed]}
        yield write_or_run(
            progress, cells.WORDS, cells.words(frame), place, "Find what is not a number"
        )
    elif progress.failed(cells.WORDS) or progress.failed(cells.REPAIR):
        yield Say(narration.cell_fails(progress, failed))
    elif not found and not progress.ok(cells.REPAIR):
        yield Say(narration.nothing_to_repair(progress, failed))
    elif not progress.ok(cells.REPAIR):
        yield from narration.before_repair(found)
        values = sorted({value for one in found for value in one.values})
        source = cells.repair(frame, [one.column for one in found], values)
        place = {"after": progress.ids[cells.WORDS]}
        reason = "Turn the words found into missing values"
        yield write_or_run(progress, cells.REPAIR, source, place, reason)
    elif progress.order(cells.REPAIR) > progress.order(failed):
        yield from narration.before_rerun(found)
        yield Call("run_cells", {"ids": [progress.ids[failed]], "reason": "Run it again"})
    else:
        yield Say(narration.cell_fails(progress, failed))


def write_or_run(
    progress: Progress, title: str, source: str, place: dict[str, str], reason: str
) -> Call:
    """Return the call that brings the cell's result; a cell that is there is not written twice."""
    if title in progress.ids:
        return Call("run_cells", {"ids": [progress.ids[title]], "reason": reason})
    return insert_cell(source, place, reason)


def insert_cell(source: str, place: dict[str, str], reason: str) -> Call:
    """Return the call that inserts a code cell and runs it."""
    return _edit({"op": "insert", **place, "type": "code", "source": source}, reason, run="changed")


def _edit(op: dict[str, str], reason: str, *, run: str) -> Call:
    return Call("edit_cells", {"ops": [op], "reason": reason, "run": run})


def run_all(reason: str) -> Call:
    """Return the call that runs the whole notebook."""
    return Call("run_cells", {"scope": "all", "reason": reason})


def _show_plan(setting: Setting, *, done: int) -> Iterator[Step]:
    if "update_plan" in setting.tools:
        items = [
            {"text": text, "status": "done" if number < done else "pending"}
            for number, text in enumerate(narration.PLAN)
        ]
        yield Call("update_plan", {"items": items})


def _has_code(progress: Progress) -> bool:
    return any(cell.is_code for cell in progress.sources or ())
