"""What a model asks for becomes changes, or a refusal that says why; never half of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from pydantic import ValidationError

from jupyter_agent.notebook.cells import line_count
from jupyter_agent.notebook.edits import Plan, plan
from jupyter_agent.notebook.operations import EditOp
from jupyter_agent.protocol.errors import AgentError, EditRefused, StaleCells, UnknownCell
from jupyter_agent.protocol.rpc import CellState, InsertCell, NotebookState, SetSource
from jupyter_agent.testing import code_cell, markdown_cell, stream

CELLS = (
    code_cell("import math\nx = 1", id="aaaa1111", execution_count=4, outputs=[stream("hi")]),
    markdown_cell("# Title", id="bbbb2222"),
    code_cell("y = x\nz = x", id="cccc3333"),
)
STATE = NotebookState(path="n.ipynb", revision=1, cells=CELLS, language="python")
KNOWN = {cell.id: cell for cell in CELLS}


def run(*ops: dict[str, Any], known: dict[str, CellState] | None = None, **more: Any) -> Plan:
    ids: Iterator[str] = (f"new{number}" for number in count(1))
    return plan(
        [EditOp.model_validate(op) for op in ops],
        more.pop("state", STATE),
        KNOWN if known is None else known,
        new_id=lambda: next(ids),
        **more,
    )


def order(batch: Plan) -> list[str]:
    return [cell.id for cell in batch.cells]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({"after": "start"}, 0),
        ({"before": "start"}, 0),
        ({"before": "aaaa1111"}, 0),
        ({"after": "aaaa1111"}, 1),
        ({"before": "bbbb2222"}, 1),
        ({"after": "end"}, 3),
        ({"before": "end"}, 3),
        ({"after": "cccc3333"}, 3),
    ],
)
def test_insert_places(place: dict[str, str], expected: int) -> None:
    assert order(run({"op": "insert", "source": "1", **place})).index("new1") == expected


def test_chains_do_not_come_out_reversed() -> None:
    batch = run(
        {"op": "insert", "after": "aaaa1111", "source": "1"},
        {"op": "insert", "after": "$1", "source": "2"},
        {"op": "insert", "after": "$2", "type": "markdown", "source": "3"},
    )
    assert order(batch) == ["aaaa1111", "new1", "new2", "new3", "bbbb2222", "cccc3333"]
    assert batch.created == ("new1", "new2", "new3")
    assert batch.expect == ()


def test_a_reference_counts_ops_not_inserts() -> None:
    batch = run(
        {"op": "delete", "id": "bbbb2222"},
        {"op": "insert", "after": "end", "source": "1"},
        {"op": "insert", "before": "$2", "source": "2"},
    )
    assert order(batch) == ["aaaa1111", "cccc3333", "new2", "new1"]


@pytest.mark.parametrize("reference", ["$0", "$1", "$3", "$9", "$", "$x", "$-1"])
def test_a_reference_to_no_made_cell_is_refused(reference: str) -> None:
    with pytest.raises(UnknownCell, match=r"op 2 \(insert\)"):
        run(
            {"op": "delete", "id": "bbbb2222"},
            {"op": "insert", "after": reference, "source": "1"},
        )


def test_later_ops_see_what_earlier_ones_did() -> None:
    batch = run(
        {"op": "str_replace", "id": "aaaa1111", "old": "x = 1", "new": "x = 2"},
        {"op": "str_replace", "id": "aaaa1111", "old": "x = 2", "new": "x = 3"},
    )
    assert [change.source for change in batch.changes if isinstance(change, SetSource)] == [
        "import math\nx = 2",
        "import math\nx = 3",
    ]
    assert [item.source for item in batch.expect] == ["import math\nx = 1"]


@pytest.mark.parametrize("given", ["aaaa1111", "aaaa", "id=aaaa1111", "`aaaa1111`", " aaaa1111 "])
def test_ids_as_models_write_them(given: str) -> None:
    assert order(run({"op": "delete", "id": given})) == ["bbbb2222", "cccc3333"]


@pytest.mark.parametrize("given", ["zzzz", "1", "[1]", "aaa", "", "0"])
def test_positions_and_guesses_are_no_ids(given: str) -> None:
    with pytest.raises(UnknownCell):
        run({"op": "delete", "id": given})


def test_the_start_of_two_ids_names_neither() -> None:
    cells = (code_cell("1", id="abcd-1"), code_cell("2", id="abcd-2"))
    state = NotebookState(path="n", revision=1, cells=cells)
    with pytest.raises(UnknownCell, match="several"):
        run({"op": "move", "id": "abcd", "after": "end"}, state=state, known={})


def test_a_changed_cell_is_stale_and_all_stale_cells_are_told() -> None:
    known = {
        **KNOWN,
        "aaaa1111": code_cell("before", id="aaaa1111"),
        "cccc3333": code_cell("before", id="cccc3333"),
    }
    with pytest.raises(StaleCells) as caught:
        run(
            {"op": "insert", "after": "end", "source": "1"},
            {"op": "replace", "id": "aaaa1111", "source": "mine"},
            known=known,
        )
    assert caught.value.details == {
        "cells": {"aaaa1111": "import math\nx = 1", "cccc3333": "y = x\nz = x"}
    }
    assert "[4]" in caught.value.user_message and "aaaa" not in caught.value.user_message


def test_a_cell_that_went_away_is_stale() -> None:
    known = {**KNOWN, "gone0000": code_cell("old", id="gone0000")}
    with pytest.raises(StaleCells) as caught:
        run({"op": "delete", "id": "gone0000"}, known=known)
    assert caught.value.details == {"cells": {"gone0000": None}}


@pytest.mark.parametrize("op", [{"op": "replace", "source": "1"}, {"op": "delete"}])
def test_a_cell_never_read_is_not_overwritten(op: dict[str, str]) -> None:
    with pytest.raises(EditRefused) as caught:
        run({**op, "id": "bbbb2222"}, known={})
    assert caught.value.details == {"cells": {"bbbb2222": "# Title"}}


def test_a_match_proves_that_a_cell_was_read() -> None:
    batch = run({"op": "str_replace", "id": "bbbb2222", "old": "Title", "new": "Name"}, known={})
    assert batch.cells[1].source == "# Name"
    assert batch.expect[0].source == "# Title"


@pytest.mark.parametrize(
    ("op", "words"),
    [
        ({"old": "nowhere", "new": "1"}, "does not occur"),
        ({"old": "x", "new": "1"}, r"occurs 2 times.*lines 1, 2"),
        ({"old": "", "new": "1"}, "is empty"),
    ],
)
def test_str_replace_refuses_to_guess(op: dict[str, str], words: str) -> None:
    with pytest.raises(EditRefused, match=words):
        run({"op": "str_replace", "id": "cccc3333", **op})


def test_str_replace_all() -> None:
    batch = run({"op": "str_replace", "id": "cccc3333", "old": "x", "new": "w", "all": True})
    assert batch.cells[2].source == "y = w\nz = w"


PLACEHOLDERS = [
    "# ... existing code ...",
    "# … rest of the code …",
    "# ... (rest of the code unchanged)",
    "# rest of the code",
    "# The rest of the code remains the same",
    "# existing code here",
    "    # ... existing imports ...",
    "// ... existing code ...",
    "# [...]\n# ... previous code ...",
    "# keep existing code ...",
    "<!-- ... existing content ... -->",
]
HONEST = [
    "...",
    "def f():\n    ...",
    "# load the rest of the files from disk",
    "# existing users keep their rate",
    "x = [1, ...]",
    "# TODO: handle the other cases",
    "print('# ... existing code ...')",
    "# wait ... then retry",
    "# The same data as above, but normalised",
]


@pytest.mark.parametrize("line", PLACEHOLDERS)
def test_placeholders_are_refused(line: str) -> None:
    with pytest.raises(EditRefused, match="leaves code out"):
        run({"op": "replace", "id": "aaaa1111", "source": f"x = 1\n{line}\ny = 2"})


@pytest.mark.parametrize("line", HONEST)
def test_honest_code_is_not(line: str) -> None:
    source = f"x = 1\n{line}\ny = 2"
    assert run({"op": "replace", "id": "aaaa1111", "source": source}).cells[0].source == source


def test_a_line_the_person_wrote_is_no_placeholder() -> None:
    cell = code_cell("# ... existing code ...\nx = 1", id="aaaa1111")
    state = NotebookState(path="n", revision=1, cells=(cell,))
    op = {"op": "str_replace", "id": "aaaa1111", "old": "x = 1", "new": "x = 2"}
    assert run(op, state=state, known={}).cells[0].source.endswith("x = 2")


@pytest.mark.parametrize(
    "source",
    [
        '{"cells": [{"cell_type": "code", "source": []}], "nbformat": 4}',
        '[{"cell_type": "code", "source": "x"}]',
        '{"cell_type": "markdown", "metadata": {}, "source": ["# hi"]}',
        '{"cell_type": "code", "metadata": {}, "source": ["broken',
    ],
)
def test_notebook_json_is_refused(source: str) -> None:
    with pytest.raises(EditRefused, match="notebook JSON"):
        run({"op": "insert", "after": "end", "source": source})


def test_json_that_is_data_is_not() -> None:
    source = 'cell = {"cell_type": "code"}'
    assert run({"op": "insert", "after": "end", "source": source}).cells[-1].source == source


def test_fences_are_refused_in_code_and_kept_in_markdown() -> None:
    fenced = "```python\nx = 1\n```"
    with pytest.raises(EditRefused, match="fence"):
        run({"op": "insert", "after": "end", "source": fenced})
    op = {"op": "insert", "after": "end", "type": "markdown", "source": fenced}
    assert run(op).cells[-1].source == fenced


def test_what_is_so_already_changes_nothing() -> None:
    batch = run(
        {"op": "replace", "id": "bbbb2222", "source": "# Title"},
        {"op": "move", "id": "bbbb2222", "after": "aaaa1111"},
        {"op": "set_type", "id": "bbbb2222", "type": "markdown"},
        {"op": "clear_outputs", "id": "cccc3333"},
    )
    assert batch.changes == ()
    assert [step.changed for step in batch.steps] == [False] * 4


def test_line_counts_and_provenance() -> None:
    noted = {"jupyter_agent": {"session": "s"}}
    batch = run(
        {"op": "replace", "id": "cccc3333", "source": "y = 2\nz = x\nw = 3"},
        {"op": "insert", "after": "end", "source": "1"},
        provenance=noted,
    )
    assert (batch.steps[0].added, batch.steps[0].removed) == (2, 1)
    assert [
        change.metadata for change in batch.changes if isinstance(change, SetSource | InsertCell)
    ] == [noted, noted]


@pytest.mark.parametrize(
    ("ops", "error"),
    [
        ([{"op": "clear_outputs", "id": "bbbb2222"}], EditRefused),
        ([{"op": "move", "id": "bbbb2222", "after": "bbbb2222"}], EditRefused),
        ([{"op": "move", "id": "bbbb2222", "before": "bbbb2222"}], EditRefused),
        ([{"op": "delete", "id": cell.id} for cell in CELLS], EditRefused),
        (
            [
                {"op": "delete", "id": "bbbb2222"},
                {"op": "replace", "id": "bbbb2222", "source": "1"},
            ],
            UnknownCell,
        ),
    ],
)
def test_refusals(ops: list[dict[str, Any]], error: type[AgentError]) -> None:
    with pytest.raises(error):
        run(*ops)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        (
            {"op": "replace", "cell_id": "a", "content": "x"},
            {"op": "replace", "id": "a", "source": "x"},
        ),
        (
            {"action": "add", "insert_after": "a", "code": "x", "cell_type": "python"},
            {"op": "insert", "after": "a", "source": "x", "type": "code"},
        ),
        (
            {"op": "str_replace", "id": "a", "old_string": "x", "new_string": "y"},
            {"op": "str_replace", "id": "a", "old": "x", "new": "y"},
        ),
        (
            {"type": "insert", "after": "end", "source": ["a\n", "b"]},
            {"op": "insert", "after": "end", "source": "a\nb"},
        ),
        ({"op": "remove", "id": "a", "source": None}, {"op": "delete", "id": "a"}),
    ],
)
def test_frequent_slips_are_forgiven(slip: dict[str, Any], meant: dict[str, Any]) -> None:
    assert EditOp.model_validate(slip) == EditOp.model_validate(meant)


@pytest.mark.parametrize(
    ("op", "words"),
    [
        ({"op": "insert", "source": "x"}, "needs a place"),
        ({"op": "insert", "source": "x", "after": "a", "before": "b"}, "needs a place"),
        ({"op": "insert", "after": "a"}, "needs source"),
        ({"op": "replace", "source": "x"}, "needs id"),
        ({"op": "delete", "id": "a", "source": "x"}, "takes no source"),
        ({"op": "move", "id": "a"}, "needs a place"),
        ({"op": "explode", "id": "a"}, "Input should be"),
        ({"op": "delete", "id": "a", "nonsense": 1}, "nonsense"),
    ],
)
def test_incomplete_ops_say_what_is_missing(op: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EditOp.model_validate(op)


# ---- line ends ----------------------------------------------------------------------------------


def other_ends(end: str) -> dict[str, Any]:
    """A notebook whose cell ends its lines in another way."""
    cell = code_cell(f"x = 1{end}y = 2{end}print(x + y)", id="dddd4444")
    state = NotebookState(path="n.ipynb", revision=1, cells=(cell,), language="python")
    return {"state": state, "known": {cell.id: cell}}


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("given", ["\n", "\r\n"])
def test_text_is_found_however_lines_end_and_written_as_the_cells_do(end: str, given: str) -> None:
    rig = other_ends(end)
    several = {"op": "str_replace", "id": "dddd4444"}
    several |= {"old": f"x = 1{given}y = 2{given}", "new": f"x = 5{given}z = 0{given}y = 6{given}"}
    (step,) = run(several, **rig).steps
    assert step.after is not None
    assert step.after.source == f"x = 5{end}z = 0{end}y = 6{end}print(x + y)"
    assert (step.added, step.removed) == (3, 2)
    one = {"op": "str_replace", "id": "dddd4444", "old": "y = 2", "new": f"y = 2{given}z = 3"}
    (step,) = run(one, **rig).steps
    assert step.after is not None
    assert step.after.source == f"x = 1{end}y = 2{end}z = 3{end}print(x + y)"
    whole = {"op": "replace", "id": "dddd4444", "source": f"a = 1{given}b = 2"}
    (step,) = run(whole, **rig).steps
    assert step.after is not None
    assert step.after.source == f"a = 1{end}b = 2"
    same = {"op": "replace", "id": "dddd4444", "source": f"x = 1{given}y = 2{given}print(x + y)"}
    assert run(same, **rig).changes == ()


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_lines_are_counted_in_one_way(end: str) -> None:
    cell = code_cell(end.join(["a", "b", "a\x0c\u2028", "a", ""]), id="dddd4444")
    assert line_count(cell.source) == 5
    state = NotebookState(path="n.ipynb", revision=1, cells=(cell,), language="python")
    with pytest.raises(EditRefused, match=r"3 times in cell 1 \(lines 1, 3, 4\)"):
        run({"op": "str_replace", "id": "dddd4444", "old": "a", "new": "c"}, state=state)


def test_a_text_is_taken_literally() -> None:
    cell = code_cell("a.b\n(c)\\1", id="dddd4444")
    state = NotebookState(path="n.ipynb", revision=1, cells=(cell,), language="python")
    op = {"op": "str_replace", "id": "dddd4444", "old": "(c)\\1", "new": "\\2\\g<0>\\n"}
    (step,) = run(op, state=state).steps
    assert step.after is not None and step.after.source == "a.b\n\\2\\g<0>\\n"


# ---- protected cells ----------------------------------------------------------------------------

EDITS: dict[str, dict[str, Any]] = {
    "replace": {"source": "new"},
    "str_replace": {"old": "1", "new": "2"},
    "delete": {},
    "set_type": {"type": "markdown"},
    "move": {"after": "start"},
    "clear_outputs": {},
}
WRITES = {"replace", "str_replace", "set_type"}


@pytest.mark.parametrize("op", EDITS)
@pytest.mark.parametrize(
    ("metadata", "named", "forbidden"),
    [
        ({"editable": False}, '"editable": false', WRITES),
        ({"deletable": False}, '"deletable": false', {"delete", "set_type"}),
        ({"nbgrader": {"locked": True, "grade": True}}, "nbgrader", WRITES | {"delete"}),
        ({"nbgrader": {"locked": False}}, "", set()),
        ({"editable": True, "deletable": None, "nbgrader": "x"}, "", set()),
    ],
)
def test_protected_cells_are_left_alone(
    op: str, metadata: dict[str, Any], named: str, forbidden: set[str]
) -> None:
    cell = replace(code_cell("x = 1", id="dddd4444"), metadata=metadata)
    state = replace(STATE, cells=(*CELLS, cell))
    known = {**KNOWN, cell.id: cell}
    given = {"op": op, "id": "dddd4444", **EDITS[op]}
    if op not in forbidden:
        assert run(given, state=state, known=known).steps[0].cell_id == "dddd4444"
        return
    with pytest.raises(EditRefused) as caught:
        run({"op": "insert", "after": "end", "source": "1"}, given, state=state, known=known)
    assert named in caught.value.user_message
    assert "Nothing was applied." in caught.value.user_message
