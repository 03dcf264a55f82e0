"""Tool results as text → cells, their ids, sources and how they ran.

The tools write for models, and models read loosely; so does this. A cell begins with a line that
names it: `[4] id=3f2a… …`, or `cell 4 id=3f2a… …` as long as it has not run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .facts import read_error

_CELL = re.compile(
    r"^[^\w\n\[]*(\[[^\]\n]*\]|cell \d+) id=([\w.-]+)\b(.*)$", re.MULTILINE | re.IGNORECASE
)
_INSERTED = re.compile(r"\+\s?(?:\[[^\]\n]*\]|cell \d+) id=([\w.-]+)", re.IGNORECASE)
_BAD_STATUS = re.compile(
    r"\b(error|interrupted|kernel_died|awaiting_input|not_run|unknown|queued|stale)\b(?!\()"
)
_RUNNING = re.compile(r"\b(running|queued)\b")
_RUN_ID = re.compile(r"\brun_id[=:] ?([\w.-]+)")
# How `edit_cells` says that the second half of its work did not happen.
NOT_RUN = "the edit is applied, but not run: "
_SOURCE_MARK = re.compile(r"^-- source[^\n]*\n?", re.MULTILINE)
_OUTPUTS_MARK = re.compile(r"^-- outputs?[^\n]*\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CellText:
    """What a result says of one cell: its first line, and the lines below it."""

    label: str
    id: str
    head: str
    body: str

    @property
    def is_code(self) -> bool:
        """Whether it is a code cell."""
        return re.search(r"\bcode\b", self.head) is not None

    @property
    def failed(self) -> bool:
        """Whether it ran and did not end well."""
        return _BAD_STATUS.search(self.head) is not None

    @property
    def source(self) -> str:
        """The cell's source, where the result shows it."""
        return _SOURCE_MARK.sub("", _OUTPUTS_MARK.split(self.body, maxsplit=1)[0])

    @property
    def output(self) -> str:
        """What came out of the cell; of a result without sources, all lines."""
        return _OUTPUTS_MARK.split(self.body, maxsplit=1)[-1]


def read_cells(text: str) -> list[CellText]:
    """Return the cells that a result speaks of, in order."""
    heads = list(_CELL.finditer(text))
    ends = [*(head.start() for head in heads[1:]), len(text)][: len(heads)]
    return [
        CellText(label=head[1], id=head[2], head=head[3], body=text[head.end() : end].strip("\n"))
        for head, end in zip(heads, ends, strict=True)
    ]


def inserted_ids(text: str) -> list[str]:
    """Return the ids of the cells that an edit inserted."""
    return _INSERTED.findall(text)


def same_id(one: str, other: str) -> bool:
    """Tell whether two ids mean one cell; results may show only the start of an id."""
    return one.startswith(other) or other.startswith(one)


def names(text: str, cell: CellText) -> bool:
    """Tell whether a text speaks of this cell, by its label or its id."""
    if re.search(re.escape(cell.label) + r"(?!\d)", text, re.IGNORECASE):
        return True
    return any(same_id(cell.id, word) for word in re.findall(r"[\w-]{8,}", text))


def find(cells: Sequence[CellText], cell_id: str) -> CellText | None:
    """Return the last cell of that id."""
    return next((cell for cell in reversed(cells) if same_id(cell.id, cell_id)), None)


def still_running(text: str) -> str | None:
    """Return the id of a run that has not ended, None when it has."""
    found = _RUN_ID.search(text)
    running = any(_RUNNING.search(cell.head) for cell in read_cells(text))
    return found[1] if found and running else None


def error_line(text: str) -> str:
    """Return the exception, or else the first line, of a result: one line to quote."""
    text = text.partition(NOT_RUN)[2] or text
    error = read_error(text)
    if error is not None:
        return f"{error[0]}: {error[1]}".rstrip(": ")
    return next((line.strip() for line in text.splitlines() if line.strip()), "no message")
