"""A first exploration of whatever table there is: its columns, gaps, numbers, and a plot.

The table is a pandas frame in the kernel, one that a cell reads, or a CSV file beside the
notebook, in this order. Like `analysis.py`, each request leads to one step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..providers.replay import Call, Say, Step
from . import narration, table_cells, table_facts
from .analysis import MOST_CELLS, halted, insert_cell, run_all, write_or_run
from .conversation import Setting, Task
from .progress import Progress, beside, read_progress
from .results import error_line, read_cells

# As `inspect_variables` names a frame of pandas; of other libraries it tells no memory.
_FRAME = re.compile(
    r"^(\w+): (?:[\w.]+\.)?DataFrame ([\d,]+) rows × ([\d,]+) columns, ", re.MULTILINE
)
_NAME = re.compile(r"^(\w+):", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stage:
    """A cell to write: its title, and what is said before it."""

    title: str
    said: str
    reason: str


STAGES = (
    Stage(
        table_cells.COLUMNS, "First: how large is it, and what are its columns?", "See the columns"
    ),
    Stage(table_cells.GAPS, "Next: what is missing?", "Count what is missing"),
    Stage(table_cells.NUMBERS, "Now the columns of numbers.", "Describe the numbers"),
    Stage(table_cells.OTHERS, "And the other columns.", "Describe the other columns"),
    Stage(table_cells.PLOT, "A plot shows more than a mean.", "Show the distributions"),
)


def explore(task: Task, setting: Setting) -> Iterator[Step]:
    """Yield the next step of the exploration."""
    progress = read_progress(task)
    if setting.language not in ("", "python"):
        yield Say(f"I write Python for pandas, and this notebook's language is {setting.language}.")
        return
    if setting.mode == "plan" and progress.refused is not None:
        yield Say(_plan(None))
        return
    steps = halted(task, progress, setting)
    yield from steps or _read(task, progress, setting) or _work(task, progress, setting)


def _read(task: Task, progress: Progress, setting: Setting) -> list[Step]:
    """Return the reading that is still to be done."""
    if progress.overview is None:
        return [
            *narration.before_looking_around(task),
            Call("notebook_overview", {}),
            Call("list_files", {"path": beside(setting.notebook, "."), "pattern": "*.csv"}),
        ]
    ids = [cell.id for cell in read_cells(progress.overview.text)][:MOST_CELLS]
    if progress.sources is None and ids:
        return [Call("read_cells", {"ids": ids, "outputs": "none"})]
    looked = any(made.name == "inspect_variables" for made in task.outcomes)
    if not looked and "inspect_variables" in setting.tools:
        return [
            Say(f"{_not_penguins(progress)}Which tables does the kernel hold already?"),
            Call("inspect_variables", {}),
        ]
    return []


def _work(task: Task, progress: Progress, setting: Setting) -> Iterator[Step]:
    """Yield the next step that changes or runs something, or the end."""
    looked = task.latest("inspect_variables")
    held = looked.text if looked is not None else ""
    frame = _frame_in(held, progress) or progress.frame
    files = progress.csv_names()
    if frame is None and not files:
        yield Say(_no_table())
    elif setting.mode == "plan":
        yield Say(_plan(frame or files[0]))
    elif frame is None:
        yield Say(f"There is no table in the kernel yet, but a file: `{files[0]}`. I read it.")
        name = "df" if "df" not in _NAME.findall(held) else "table"
        source = table_cells.load(files[0], name)
        yield insert_cell(source, {"after": "end"}, "Read the table")
    elif progress.failed(table_cells.LOAD):
        yield Say(narration.cell_fails(progress, table_cells.LOAD))
    elif progress.foreign_failure is not None:
        yield Say(narration.notebook_fails(progress.foreign_failure))
    elif not (frame in _frames(held) or progress.ok(table_cells.LOAD) or progress.ran_all):
        yield Say(f"A cell reads the table `{frame}`, but it has not run. I run the notebook.")
        yield run_all("Have the notebook read its table")
    else:
        yield from _next_cell(progress, frame)


def _next_cell(progress: Progress, frame: str) -> Iterator[Step]:
    """Yield the first cell that has no result yet, or the end."""
    place: dict[str, str] = {"after": "end"}
    for stage in STAGES:
        if progress.failed(stage.title) and stage.title != table_cells.PLOT:
            yield Say(narration.cell_fails(progress, stage.title))
            return
        source = _source(stage.title, progress, frame)
        if source is not None and stage.title not in progress.results:
            first = stage is STAGES[0]
            yield Say(f"The table is `{frame}`. {stage.said}" if first else stage.said)
            yield write_or_run(progress, stage.title, source, place, stage.reason)
            return
        if stage.title in progress.ids:
            place = {"after": progress.ids[stage.title]}
    known = table_facts.paragraphs(frame, _printed(progress))
    text = f"{table_cells.FINDINGS}\n\n" + "\n\n".join(known)
    if progress.ok(table_cells.FINDINGS) or progress.holds(table_cells.FINDINGS, text):
        yield Say(_ending(progress, known))
        return
    yield Say("I write down what the cells have shown.")
    yield _write_findings(progress, text, place)


def _source(title: str, progress: Progress, frame: str) -> str | None:
    """Return a cell's source; None where the table has nothing to show in it."""
    if title == table_cells.PLOT:
        printed = _printed(progress)
        size = table_facts.read_size(printed.get(table_cells.COLUMNS, ""))
        if size is None or 0 in size:
            return None
        found = table_facts.read_numbers(printed.get(table_cells.NUMBERS, ""))
        return (
            table_cells.plot_numbers(frame, len(found)) if found else table_cells.plot_words(frame)
        )
    makers = {
        table_cells.COLUMNS: table_cells.columns,
        table_cells.GAPS: table_cells.gaps,
        table_cells.NUMBERS: table_cells.numbers,
        table_cells.OTHERS: table_cells.others,
    }
    return makers[title](frame)


def _write_findings(progress: Progress, text: str, place: dict[str, str]) -> Call:
    made = progress.ids.get(table_cells.FINDINGS)
    op = {"op": "insert", **place, "type": "markdown", "source": text}
    if made is not None:
        op = {"op": "replace", "id": made, "source": text}
    reason = "Write down what was found"
    return Call("edit_cells", {"ops": [op], "reason": reason, "run": "none"})


def _printed(progress: Progress) -> dict[str, str]:
    return {
        title: result.text
        for title, result in progress.results.items()
        if title in table_cells.TITLES and not result.failed
    }


def _frames(held: str) -> dict[str, int]:
    """Return the rows of each pandas frame in the kernel, by name."""
    return {name: int(rows.replace(",", "")) for name, rows, _ in _FRAME.findall(held)}


def _frame_in(held: str, progress: Progress) -> str | None:
    """Return the frame to look at: the one that the notebook reads, or else the longest."""
    frames = _frames(held)
    if progress.frame in frames:
        return progress.frame
    return max(frames, key=lambda name: frames[name]) if frames else None


def _not_penguins(progress: Progress) -> str:
    lacking = ", ".join(f"`{name}`" for name in progress.missing_columns())
    if not lacking:
        return ""
    return f"The table here has no {lacking}: it is not about penguins. I explore what it holds. "


def _no_table() -> str:
    return (
        "I see no table here: no pandas frame in the kernel, no cell that reads one, and no CSV "
        "file beside the notebook. Put a CSV file there and ask again. “Agent Demo” in the Help "
        "menu makes a folder with a table and shows what I do with it; so does "
        "`jupyter agent demo`."
    )


def _plan(table: str | None) -> str:
    named = f"The table is `{table}`. " if table else ""
    return (
        f"In plan mode I only read. {named}My plan: print its size and column types, count what is "
        "missing, describe the numbers and the other columns, draw one plot, and write down what "
        "the cells have shown. I have changed and run nothing: choose another mode and ask again."
    )


def _ending(progress: Progress, known: list[str]) -> str:
    parts = list(known)
    if progress.failed(table_cells.PLOT):
        error = error_line(progress.results[table_cells.PLOT].text)
        hint = " Install it with `%pip install matplotlib`." if "matplotlib" in error else ""
        parts.append(f"There is no plot: `{error}`.{hint}")
    parts.append(
        "Every number here was printed by a cell above. I am a script: I describe the table and "
        "do not interpret it."
    )
    return "\n\n".join(parts)
