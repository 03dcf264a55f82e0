"""What the demo thinks and says between its steps, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..providers.replay import Say, Step, Think
from . import cells
from .conversation import Outcome, Setting, Task
from .facts import TOGETHER, Words, read_error, read_species
from .progress import Progress
from .results import CellText, error_line

PLAN = (
    "Look at the notebook and the table",
    "Run the notebook's own cells",
    "Compare body mass by species, and repair the data if it must be",
    "Count what is missing",
    "Correlate bill length and depth, within each species and overall",
    "Plot both, and write down the findings",
)

_REASON = re.compile(r"^Reason: (.+)$", re.MULTILINE)


def before_looking_around(task: Task) -> list[Step]:
    """Begin, or begin again after an interruption."""
    if task.last_restart == "STALE_CELL":
        return [Say("A cell changed since I read it, so I read the notebook again.")]
    if task.restarts:
        return [
            Think("The last step has no certain outcome. Repeating it blindly could do it twice."),
            Say(
                "My last step was cut off, and I cannot know how far it got. I look at the "
                "notebook again and go on from what is there."
            ),
        ]
    return [
        Think(
            "Two questions about a table. Before computing anything: what does the notebook "
            "hold, and which files are there?"
        ),
        Say("I'll look at the notebook and its files first."),
    ]


def before_reading_table(progress: Progress, table: str) -> list[Step]:
    """Say which file is looked at, and why."""
    if progress.table:
        return [Say(f"The notebook reads `{table}`. A look at the file's first lines:")]
    return [Say(f"The notebook reads no table yet, but there is `{table}`. A look at it:")]


def before_running_all(progress: Progress) -> list[Step]:
    """Say why the notebook is run first."""
    columns = progress.columns or []
    known = f"The columns I need are there ({len(columns)} in all). " if columns else ""
    return [
        Say(f"{known}I run the notebook's own cells first, so that I start from what it holds.")
    ]


def before_look(progress: Progress) -> Iterator[Step]:
    """Introduce the first look."""
    yield Say("Now a first look: how many rows, and how many of each species?")


def before_mass(progress: Progress) -> Iterator[Step]:
    """Introduce the aggregate."""
    species = read_species(progress.results[cells.LOOK].text)
    rows = progress.findings.rows
    if rows is not None and species:
        yield Say(f"{rows} penguins of {len(species)} species. Next, their body mass.")
    else:
        yield Say("Next, the body mass of each species.")


def before_words(text: str) -> Iterator[Step]:
    """React to an aggregate that failed because a column is text."""
    yield Think(
        "An average failed because of the column's type, so pandas read numbers as text. Converting "
        "blindly would hide whatever is in there. First find the values that are not numbers."
    )
    yield Say(
        f"That failed: `{error_line(text)}`. The column arrived as text although its first values "
        "are numbers. Before I change anything, I look for the values that are not."
    )


def before_repair(found: Sequence[Words]) -> Iterator[Step]:
    """Say what was found in the columns, and what becomes of it."""
    values = sorted({value for one in found for value in one.values})
    quoted = ", ".join(f"“{value}”" for value in values)
    where = "; ".join(f"`{one.column}` {one.count} of {one.rows}" for one in found)
    yield Think(
        "Replace exactly these words by missing values and convert the rest strictly: a word I "
        "have not seen would still be an error. The cell goes before the one that failed, so that "
        "the notebook also runs from top to bottom."
    )
    yield Say(
        f"Found it: {quoted} stands where a number should be ({where}). I make exactly these "
        "values missing and the columns numbers, in a cell before the one that failed."
    )


def before_rerun(found: Sequence[Words]) -> Iterator[Step]:
    """Introduce the second try."""
    yield Say(f"{_columns(len(found))} now. I run the failed cell again.")


def before_missing(progress: Progress) -> Iterator[Step]:
    """React to the averages."""
    masses = progress.findings.masses
    if masses:
        yield Say(
            f"{masses[0].species} leads with {masses[0].mean:,.0f} g on average. How much is "
            "missing from these numbers?"
        )
    else:
        yield Say("How much is missing from these numbers?")


def before_bills(progress: Progress) -> Iterator[Step]:
    """React to the missing values, and turn to the second question."""
    yield Think(
        "A correlation over all penguins mixes the species. Compute it within each as well, or the "
        "answer may be about which species were caught."
    )
    missing, rows = progress.findings.missing, progress.findings.rows
    text = "Now the bills: all penguins together, and within each species."
    if missing and rows and max(missing.values()) < rows / 10:
        text = f"That is little: at most {max(missing.values())} of {rows} in a column. {text}"
    elif missing:
        text = f"That is worth remembering; the averages leave these out. {text}"
    yield Say(text)


def before_plot(progress: Progress) -> Iterator[Step]:
    """React to the correlations."""
    relations = {one.name: one.r for one in progress.findings.relations}
    overall = relations.pop(TOGETHER, None)
    if overall is not None and relations and min(relations.values()) > 0 > overall:
        yield Say(
            f"Interesting: within each species the correlation is positive, yet all together it "
            f"is negative ({overall:+.2f}). A plot should show why."
        )
    else:
        yield Say("A plot should show this better than numbers.")


def before_findings(progress: Progress) -> Iterator[Step]:
    """Introduce the written conclusions."""
    if progress.failed(cells.PLOT):
        yield Say(
            f"The plot failed: `{error_line(progress.results[cells.PLOT].text)}`. I leave it and "
            "write down what the numbers say."
        )
    else:
        yield Say("I write the findings into the notebook, below the plot.")


def ending(progress: Progress) -> str:
    """Return the final answer."""
    paragraphs = progress.findings.paragraphs()
    if progress.failed(cells.PLOT):
        error = read_error(progress.results[cells.PLOT].text)
        hint = ""
        if error and error[0] == "ModuleNotFoundError":
            hint = " Install it with `%pip install matplotlib` and ask me again."
        paragraphs.append(f"There is no plot: `{_error_of(progress, cells.PLOT)}`.{hint}")
    paragraphs.append(
        "Every number here was printed by a cell above. A correlation says that two measures go "
        "together, not why."
    )
    return "\n\n".join(paragraphs)


def plan(progress: Progress) -> str:
    """Return the plan for plan mode, where nothing may be changed."""
    table = f"`{progress.table or progress.csv_names()[0]}`"
    columns = progress.columns or []
    listed = f", with the columns {', '.join(f'`{name}`' for name in columns)}" if columns else ""
    steps = "\n".join(f"{number}. {text}." for number, text in enumerate(PLAN[1:], 1))
    return (
        f"In plan mode I only read. The table is {table}{listed}. My plan:\n\n{steps}\n\n"
        "Should an average fail because a column is not numbers, I would look for the values that "
        "are not, make exactly those missing, and try again. I have changed and run nothing: "
        "choose another mode and ask again to have it done."
    )


def refused(progress: Progress, setting: Setting) -> str:
    """Respect a call that was not allowed: say so, and what is known without it."""
    outcome = progress.refused
    reason = _REASON.search(outcome.text) if outcome else None
    if setting.mode == "plan" or (reason and "plan mode" in reason[1]):
        return plan(progress)
    said = f" The reason given: {reason[1].strip()}" if reason else ""
    known = progress.findings.paragraphs()
    rest = "\n\nWhat I know so far:\n\n" + "\n\n".join(known) if known else ""
    kept = "The notebook is as it was."
    if progress.results or progress.ran_all:
        kept = "What I had done before stays in the notebook; you can undo it."
    return f"That step was not allowed, so I did not do it, and I stop here.{said} {kept}{rest}"


def unapplied(outcome: Outcome) -> str:
    """Say that a tool could not do what it was asked."""
    return (
        f"I could not go on: `{outcome.name}` answered “{error_line(outcome.text)}”. What I did "
        "before that stays in the notebook."
    )


def notebook_fails(cell: CellText) -> str:
    """Say that one of the notebook's own cells fails, and what may help."""
    error = read_error(cell.body) or read_error(cell.head)
    text = f"The notebook's own cell {cell.label} does not run: `{error_line(cell.body or cell.head)}`."
    hints = {
        "ModuleNotFoundError": " Install what is missing (`%pip install …`) and ask me again.",
        "FileNotFoundError": " Put the file beside the notebook and ask me again.",
    }
    return text + (hints.get(error[0], "") if error else "") + " I have not changed anything in it."


def cell_fails(progress: Progress, title: str) -> str:
    """Say that a cell fails in a way the script does not know how to repair."""
    return (
        f"The cell “{title.lstrip('# ')}” fails: `{_error_of(progress, title)}`. I am a script and "
        "know no repair for this. I leave the cell as it is, so that you can look."
    )


def nothing_to_repair(progress: Progress, title: str) -> str:
    """Say that no value was found that explains the failure."""
    return (
        f"The cell “{title.lstrip('# ')}” fails (`{_error_of(progress, title)}`), but I found no "
        "column of numbers with other words in it. I know no other repair, so I stop here."
    )


def gave_up(task: Task) -> str:
    """End after too many interruptions."""
    return (
        f"I was interrupted {task.restarts} times ({task.last_restart}). I stop here, so as not to "
        "go round in circles; ask again when the notebook is at rest."
    )


def is_about_text(text: str) -> bool:
    """Tell whether a failure looks like numbers that were read as text."""
    error = read_error(text)
    if error is None or error[0] not in ("TypeError", "ValueError", "DataError"):
        return False
    return re.search(r"dtype|convert|str\b|string|object|numeric", error[1]) is not None


def _columns(count: int) -> str:
    return "The column is numbers" if count == 1 else f"The {count} columns are numbers"


def _error_of(progress: Progress, title: str) -> str:
    return error_line(progress.results[title].text)
