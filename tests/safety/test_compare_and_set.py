"""R29: person, agent and disk take turns in any order; not one edit of the person is lost."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from jupyter_agent.notebook.document import NotebookDocument
from jupyter_agent.notebook.edits import plan
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.notebook.operations import EditOp
from jupyter_agent.protocol.errors import EditRefused, StaleCells, UnknownCell
from jupyter_agent.protocol.rpc import CellState, NotebookState
from jupyter_agent.testing import FakeNotebook, code_cell
from jupyter_agent.tools.workspace import ReadMemory

PATH = "n.ipynb"


class Person:
    """Types a marker into a cell and remembers where it must still stand."""

    def __init__(self) -> None:
        self.typed: dict[str, str] = {}
        self.count = 0

    def next(self, cell_id: str) -> str:
        self.count += 1
        self.typed[cell_id] = f"person {self.count}"
        return self.typed[cell_id]


class Agent:
    """Edits from what it last read, however old that is, as a model does."""

    def __init__(self, document: NotebookDocument, dice: random.Random) -> None:
        self.document = document
        self.dice = dice
        self.memory = ReadMemory()
        self.state: NotebookState | None = None
        self.done = self.refused = 0

    async def read(self) -> None:
        self.state = await self.document.read()
        some = [cell for cell in self.state.cells if self.dice.random() < 0.5]
        self.memory.remember(PATH, some)

    async def edit(self, person: Person, number: int) -> None:
        """Plan against an old state at times, and apply against whatever is there."""
        if self.state is None or self.dice.random() < 0.5:
            self.state = await self.document.read()
        known = self.memory.cells.get(PATH, {})
        ops = [self.op(self.state.cells, number + step) for step in range(self.dice.randint(1, 3))]
        try:
            batch = plan(ops, self.state, known)
            result = await self.document.apply(batch.changes, batch.expect, op_id=f"op{number}")
        except (StaleCells, UnknownCell, EditRefused):
            self.refused += 1
            return
        self.done += 1
        read = {cell.id: cell.source for cell in known.values()}
        self.memory.remember(PATH, result.cells)
        for op in ops:
            # What it knowingly replaced or deleted is its right: it had read the person's words.
            overwrites = op.op in ("replace", "delete") and op.id in person.typed
            if overwrites and op.id is not None and read.get(op.id) == person.typed[op.id]:
                del person.typed[op.id]

    def op(self, cells: tuple[CellState, ...], number: int) -> EditOp:
        cell = self.dice.choice(cells)
        kind = self.dice.choice(["replace", "replace", "insert", "delete", "move", "clear_outputs"])
        found: dict[str, Any] = {"op": kind}
        if kind == "insert":
            return EditOp.model_validate(
                {"op": kind, "after": cell.id, "source": f"agent {number}"}
            )
        if kind == "replace":
            found["source"] = f"agent {number}"
        if kind == "move":
            found["after"] = "end"
        return EditOp.model_validate({**found, "id": cell.id})


def kept(person: Person, cells: tuple[CellState, ...]) -> bool:
    sources = {cell.id: cell.source for cell in cells}
    return all(sources.get(cell_id) == text for cell_id, text in person.typed.items())


@pytest.mark.R(29)
@pytest.mark.parametrize(
    ("seed", "steps"),
    [(0, 3_000), (1, 3_000)]
    + [pytest.param(seed, 250_000, marks=pytest.mark.slow) for seed in range(2, 6)],
)
async def test_in_memory(seed: int, steps: int) -> None:
    dice = random.Random(seed)
    notebook = FakeNotebook([code_cell("start", id=f"cell{n}") for n in range(8)], path=PATH)
    agent, person = Agent(notebook, dice), Person()
    for number in range(0, 4 * steps, 4):
        turn = dice.random()
        if number % 20_000 == 0:
            agent.memory = ReadMemory()  # a new conversation
        if turn < 0.4:
            cell = dice.choice(notebook.cells)
            notebook.type_into(cell.id, person.next(cell.id))
        elif turn < 0.6:
            await agent.read()
        else:
            await agent.edit(person, number)
        assert kept(person, notebook.cells), f"lost at step {number}"
        if len(notebook.cells) > 16:  # few cells: they meet more often
            for cell in notebook.cells[8:]:
                person.typed.pop(cell.id, None)
            notebook.cells = notebook.cells[:8]
    assert agent.done > 100 and agent.refused > 100


@pytest.mark.R(29)
async def test_on_disk(tmp_path: Path) -> None:
    dice = random.Random(0)
    file = tmp_path / PATH
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell{n}",
            "metadata": {},
            "outputs": [],
            "source": "start",
        }
        for n in range(6)
    ]
    save(file, {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    document = FileNotebook(PATH, file)
    agent, person = Agent(document, dice), Person()
    for number in range(0, 2_000, 4):
        turn = dice.random()
        if turn < 0.4:
            notebook = load(file)
            cell = dice.choice(notebook["cells"])
            cell["source"] = person.next(cell["id"])
            save(file, notebook)
        elif turn < 0.6:
            await agent.read()
        else:
            await agent.edit(person, number)
        assert kept(person, (await document.read()).cells), f"lost at step {number}"
    assert agent.done > 20 and agent.refused > 20


def load(file: Path) -> Any:
    return json.loads(file.read_text("utf-8"))


def save(file: Path, notebook: Any) -> None:
    file.write_text(json.dumps(notebook, indent=1), "utf-8")
