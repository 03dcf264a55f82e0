"""Cells of formats that keep no ids are known again from one reading to the next."""

from __future__ import annotations

import copy
from itertools import count
from typing import Any

import pytest

from jupyter_agent.notebook.contents import Kept
from jupyter_agent.notebook.edits import plan
from jupyter_agent.notebook.operations import EditOp
from jupyter_agent.notebook.places import ContentsNotebooks
from jupyter_agent.protocol.errors import StaleCells
from jupyter_agent.protocol.rpc import Expected, SetSource


class Scripts:
    """A contents manager that keeps sources alone, as a script does; ids are new at each reading."""

    def __init__(self, *sources: str) -> None:
        self.cells = [("code", source) for source in sources]
        self.metadata: list[dict[str, Any]] = []
        self._numbers = count()

    async def get(self, path: str) -> Kept:
        cells = [
            {
                "cell_type": kind,
                "id": f"random{next(self._numbers)}",
                "metadata": {},
                "source": source,
                **({"outputs": [], "execution_count": None} if kind == "code" else {}),
            }
            for kind, source in self.cells
        ]
        content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
        return Kept(content=content)

    async def save(self, path: str, content: dict[str, Any]) -> None:
        kept = copy.deepcopy(content["cells"])
        self.cells = [(cell["cell_type"], cell["source"].rstrip("\n")) for cell in kept]
        self.metadata = [cell["metadata"] for cell in kept]

    async def exists(self, path: str) -> bool:
        return True


def ids_of(state: Any) -> list[str]:
    return [cell.id for cell in state.cells]


async def test_what_was_read_can_be_edited_and_run(  # in another call, by another document
) -> None:
    scripts = Scripts("a = 1", "b = 2", "b = 2")
    notebooks = ContentsNotebooks(scripts)
    before = await notebooks.document("n.py").read()
    assert len({*ids_of(before)}) == 3
    assert ids_of(await notebooks.document("n.py").read()) == ids_of(before)
    known = {cell.id: cell for cell in before.cells}
    ops = [
        {"op": "replace", "id": before.cells[1].id, "source": "b = 3\n"},
        {"op": "insert", "after": "start", "source": "new"},
        {"op": "move", "id": before.cells[0].id, "after": "end"},
    ]
    batch = plan([EditOp.model_validate(op) for op in ops], before, known)
    document = notebooks.document("n.py")
    result = await document.apply(batch.changes, batch.expect, op_id="1")
    assert [source for _, source in scripts.cells] == ["new", "b = 3", "b = 2", "a = 1"]
    first, second, third = ids_of(before)
    assert result.order == (batch.created[0], second, third, first)
    assert ids_of(await notebooks.document("n.py").read()) == list(result.order)
    await document.set_outputs(first, [], 1)
    assert result.notes == ()


async def test_what_another_program_does_to_a_cell_leaves_the_others_known() -> None:
    scripts = Scripts("a", "b", "c", "d")
    document = ContentsNotebooks(scripts).document("n.md")
    a, b, c, d = ids_of(await document.read())
    scripts.cells[1] = ("code", "changed")
    assert ids_of(await document.read()) == [a, b, c, d]
    scripts.cells.insert(0, ("markdown", "top"))
    top, *rest = ids_of(await document.read())
    assert rest == [a, b, c, d] and top not in rest
    del scripts.cells[2]
    assert ids_of(await document.read()) == [top, a, c, d]
    scripts.cells.reverse()
    assert ids_of(await document.read()) == [d, c, a, top]
    stale = [Expected(id=c, cell_type="code", source="c")]
    scripts.cells[1] = ("code", "theirs")
    with pytest.raises(StaleCells):
        await document.apply([SetSource(id=c, source="ours")], stale, op_id="1")
    assert scripts.cells[1] == ("code", "theirs")


async def test_ids_are_the_same_in_another_process_as_long_as_nothing_is_edited() -> None:
    first = await ContentsNotebooks(Scripts("a", "b", "b")).document("n.py").read()
    second = await ContentsNotebooks(Scripts("a", "b", "b")).document("n.py").read()
    assert ids_of(first) == ids_of(second)


async def test_a_format_that_keeps_ids_has_its_own() -> None:
    state = await ContentsNotebooks(Scripts("a")).document("n.ipynb").read()
    assert ids_of(state) == ["random0"]
