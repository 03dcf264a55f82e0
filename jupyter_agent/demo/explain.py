"""Explaining a notebook, or one cell of it: a factual summary of what was read, nothing run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..providers.replay import Call, Say, Step
from .conversation import Setting, Task
from .progress import read_progress
from .results import CellText, error_line, names, read_cells

MOST_CELLS = 40

_HEADING = re.compile(r"^\s*#+ +(.+)$", re.MULTILINE)
_COMMENT = re.compile(r"\A#+ +(.+)$", re.MULTILINE)
_IMPORT = re.compile(r"^\s*(?:import|from) +([\w]+)", re.MULTILINE)
_READS = re.compile(r"^\s*(\w+) *=.*\bread_\w+\(\s*[\"'](.+?)[\"']", re.MULTILINE)
_ASSIGNS = re.compile(r"^(\w+) *=[^=]", re.MULTILINE)
_DEFINES = re.compile(r"^\s*(?:def|class) +(\w+)", re.MULTILINE)
_DRAWS = re.compile(r"\.(plot|scatter|hist|bar|boxplot|imshow|subplots)\b")


def explain(task: Task, setting: Setting) -> Iterator[Step]:
    """Yield the next step: look, read, tell. Reading is allowed in every setting."""
    progress = read_progress(task)
    if progress.unapplied is not None:
        yield Say(f"I could not read it: “{error_line(progress.unapplied.text)}”.")
        return
    if progress.overview is None:
        yield Say("I'll read it.")
        yield Call("notebook_overview", {})
        return
    listed = read_cells(progress.overview.text)
    wanted = [cell for cell in listed if names(task.attached, cell)] or listed[:MOST_CELLS]
    if not listed:
        yield Say("The notebook has no cells yet.")
    elif progress.sources is None:
        yield Call("read_cells", {"ids": [cell.id for cell in wanted], "outputs": "brief"})
    else:
        yield Say(_summary(progress.sources, whole=len(wanted) == len(listed)))


def _summary(cells: Sequence[CellText], *, whole: bool) -> str:
    code = sum(cell.is_code for cell in cells)
    lines = [f"- {cell.label}: {_about(cell)}" for cell in cells]
    parts = []
    if whole:
        parts.append(f"The notebook has {_count(len(cells), 'cell')}, {code} of them code.")
    parts.append("\n".join(lines))
    parts.append("This is what stands in the cells; I am a script and do not interpret it.")
    return "\n\n".join(parts)


def _about(cell: CellText) -> str:
    if not cell.is_code:
        headings = _HEADING.findall(cell.source)
        return f"text, “{headings[0].strip()}”" if headings else "text"
    body = cell.source
    titles = _COMMENT.findall(body)
    facts = [f"“{titles[0].strip()}”"] if titles else []
    facts += [f"reads `{file}` into `{name}`" for name, file in _READS.findall(body)]
    known = {name for name, _ in _READS.findall(body)}
    for verb, pattern in (("imports", _IMPORT), ("defines", _DEFINES), ("sets", _ASSIGNS)):
        names = [name for name in dict.fromkeys(pattern.findall(body)) if name not in known]
        if names:
            facts.append(f"{verb} {', '.join(f'`{name}`' for name in names[:5])}")
    if _DRAWS.search(body):
        facts.append("draws a plot")
    if cell.failed:
        facts.append(f"failed with `{error_line(cell.output)}`")
    return "; ".join(facts) if facts else f"{_count(len(body.splitlines()), 'line')} of code"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
