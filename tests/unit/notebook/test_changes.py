"""Applying changes and taking them back: nothing else moves, and undo is exact."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_agent.notebook.changes import (
    apply_changes,
    check_expected,
    touched_ids,
    unconfirmed_ids,
)
from jupyter_agent.protocol.errors import EditRefused, StaleCells, UnknownCell
from jupyter_agent.protocol.rpc import (
    ApplyResult,
    CellState,
    Change,
    ClearOutputs,
    DeleteCell,
    Expected,
    InsertCell,
    MoveCell,
    SetCellType,
    SetSource,
)
from jupyter_agent.testing import code_cell, markdown_cell, stream

TYPES = st.sampled_from(["code", "markdown", "raw"])
SOURCES = st.text(max_size=12)
METADATA = st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=2)


@st.composite
def notebooks(draw: st.DrawFn) -> tuple[CellState, ...]:
    cells = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(TYPES)
        source, metadata = draw(SOURCES), draw(METADATA)
        if kind == "code":
            outputs = [stream(text) for text in draw(st.lists(SOURCES, max_size=2))]
            count = draw(st.none() | st.integers(1, 99))
            cells.append(
                code_cell(
                    source,
                    id=f"c{number}",
                    outputs=outputs,
                    execution_count=count,
                    metadata=metadata,
                )
            )
        else:
            cells.append(
                CellState(id=f"c{number}", cell_type=kind, source=source, metadata=metadata)
            )
    return tuple(cells)


@st.composite
def batches(draw: st.DrawFn) -> tuple[tuple[CellState, ...], list[Change]]:
    """Return a notebook and changes that fit it."""
    cells = draw(notebooks())
    changes: list[Change] = []
    ids = [cell.id for cell in cells]
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["insert", "set", "delete", "move", "type", "clear"]))
        if kind == "insert" or not ids:
            after = draw(st.sampled_from([None, *ids]))
            new = f"n{number}"
            changes.append(
                InsertCell(
                    id=new,
                    cell_type=draw(TYPES),
                    source=draw(SOURCES),
                    after=after,
                    metadata=draw(METADATA),
                )
            )
            ids.append(new)
            continue
        target = draw(st.sampled_from(ids))
        if kind == "set":
            metadata = draw(st.none() | METADATA)
            changes.append(SetSource(id=target, source=draw(SOURCES), metadata=metadata))
        elif kind == "delete":
            changes.append(DeleteCell(id=target))
            ids.remove(target)
        elif kind == "move":
            after = draw(st.sampled_from([None, *(item for item in ids if item != target)]))
            changes.append(MoveCell(id=target, after=after))
        elif kind == "type":
            changes.append(SetCellType(id=target, cell_type=draw(TYPES)))
        else:
            changes.append(ClearOutputs(id=target))
    return cells, changes


@given(batches())
def test_cells_not_named_are_the_same_objects_in_the_same_order(
    batch: tuple[tuple[CellState, ...], list[Change]],
) -> None:
    cells, changes = batch
    named = set(touched_ids(changes))
    before = [cell for cell in cells if cell.id not in named]
    after = [cell for cell in apply_changes(cells, changes) if cell.id not in named]
    assert len(before) == len(after)
    assert all(one is other for one, other in zip(before, after, strict=True))


@given(batches())
def test_a_faithful_read_back_confirms(
    batch: tuple[tuple[CellState, ...], list[Change]],
) -> None:
    cells, changes = batch
    after = {cell.id: cell for cell in apply_changes(cells, changes)}
    result = ApplyResult(
        revision=1,
        cells=tuple(after[name] for name in touched_ids(changes) if name in after),
        order=tuple(after),
        saved=True,
    )
    assert unconfirmed_ids(cells, changes, result) == ()


CELLS = (code_cell("1", id="a"), markdown_cell("2", id="b"), code_cell("3", id="c"))


def test_a_read_back_that_differs_confirms_nothing() -> None:
    changes = [SetSource(id="a", source="new"), DeleteCell(id="b")]
    lying = ApplyResult(revision=2, cells=(CELLS[0],), order=("a", "b", "c"), saved=True)
    assert unconfirmed_ids(CELLS, changes, lying) == ("a", "b")


@pytest.mark.parametrize(
    ("changes", "order"),
    [
        ([MoveCell(id="a", after="c")], "bca"),
        ([MoveCell(id="c", after=None)], "cab"),
        ([MoveCell(id="b", after="a")], "abc"),
        ([MoveCell(id="a", after="b"), MoveCell(id="c", after="b")], "bca"),
    ],
)
def test_moves(changes: list[Change], order: str) -> None:
    assert "".join(cell.id for cell in apply_changes(CELLS, changes)) == order


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (DeleteCell(id="z"), UnknownCell),
        (MoveCell(id="a", after="z"), UnknownCell),
        (MoveCell(id="a", after="a"), EditRefused),
        (InsertCell(id="a", cell_type="code", source="", after=None), EditRefused),
    ],
)
def test_what_does_not_fit_is_refused(change: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        apply_changes(CELLS, [change])


def test_every_stale_cell_is_named() -> None:
    expect = [
        Expected(id="a", cell_type="code", source="old"),
        Expected(id="b", cell_type="code", source="2"),
        Expected(id="c", cell_type="code", source="3"),
        Expected(id="z", cell_type="code", source=""),
    ]
    with pytest.raises(StaleCells) as caught:
        check_expected(CELLS, expect)
    assert caught.value.details == {"cells": {"a": "1", "b": "2", "z": None}}
