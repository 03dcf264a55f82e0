"""Versions, ids, labels, differences and dependencies between cells."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_agent.notebook.cells import (
    label,
    line_count,
    output_kinds,
    reference,
    resolve_id,
    short_ids,
    short_kinds,
    version,
)
from jupyter_agent.notebook.dependencies import defining_cell, names_of, stale_cells
from jupyter_agent.notebook.diff import count_lines, counts, unified
from jupyter_agent.protocol.errors import UnknownCell
from jupyter_agent.testing import code_cell, error, markdown_cell, result, stream


def test_a_version_is_of_source_and_type_alone() -> None:
    cell = code_cell("x = 1", id="a")
    ran = replace(cell, id="b", execution_count=4, outputs=(stream("1"),), metadata={"k": 1})
    assert version(cell) == version(ran)
    assert version(cell) != version(replace(cell, source="x = 2"))
    assert version(cell) != version(replace(cell, cell_type="raw"))
    assert len(version(code_cell("'\ud800'"))) == 5


def test_short_ids_are_unique_starts() -> None:
    cells = [code_cell("", id=name) for name in ("abcdefgh-1", "abcdefgh-2", "zzzz", "q" * 64)]
    short = short_ids(cells)
    assert short == {
        "abcdefgh-1": "abcdefgh-1",
        "abcdefgh-2": "abcdefgh-2",
        "zzzz": "zzzz",
        "q" * 64: "q" * 8,
    }
    for cell in cells:
        assert resolve_id(short[cell.id], [item.id for item in cells]) == cell.id


def test_an_exact_id_wins_over_a_start() -> None:
    assert resolve_id("abcd", ["abcd", "abcdef"]) == "abcd"
    with pytest.raises(UnknownCell, match="several"):
        resolve_id("abcd", ["abcd1", "abcd2"])


def test_labels_are_what_lab_shows() -> None:
    assert label(code_cell("", execution_count=4), 7) == "[4]"
    assert label(code_cell(""), 7) == "cell 7"
    assert label(replace(markdown_cell(""), execution_count=4), 2) == "cell 2"
    ran = reference(code_cell("", id="a", execution_count=4), 7, "ran")
    assert (ran.number, ran.executed) == (4, True)
    new = reference(code_cell("", id="a"), 7, "inserted", added=3)
    assert (new.number, new.executed, new.added) == (7, False, 3)


def test_lines_and_kinds() -> None:
    assert [line_count(text) for text in ("", "a", "a\n", "a\nb")] == [0, 1, 2, 2]
    outputs = [stream("a"), result("1"), error("E", "x"), stream("b")]
    assert output_kinds(outputs) == ("stream", "text/plain", "error")
    assert short_kinds(["image/png", "text/plain", "image/svg+xml"]) == "png,text,svg"
    assert short_kinds(["application/vnd.plotly.v1+json"]) == "vnd.plotly.v1"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a\nb", "a\nb", (0, 0)),
        ("a\nb", "a\nc\nd", (2, 1)),
        ("", "a", (1, 0)),
        ("a", "", (0, 1)),
        ("a", "a\n", (1, 1)),
        ("x\n" * 3_000, "x\n" * 2_000 + "y\n", (1, 1_000)),
    ],
)
def test_line_counts(before: str, after: str, expected: tuple[int, int]) -> None:
    assert count_lines(before, after) == expected


def test_unified_keeps_lines_that_look_like_headers() -> None:
    assert unified("a\n-- x", "a\n++ y").splitlines() == ["@@ -1,2 +1,2 @@", " a", "--- x", "+++ y"]
    assert unified("a", "a") == ""
    assert counts(2, 1) == "+2 −1"


@pytest.mark.parametrize(
    ("source", "defined", "used"),
    [
        ("x = y", {"x"}, {"y"}),
        ("x = 1\nprint(x)", {"x"}, set()),
        ("x += 1", {"x"}, {"x"}),
        ("a.b[0] = c", set(), {"a", "c"}),
        ("import os.path as p, sys", {"p", "sys"}, set()),
        ("from m import a as b", {"b"}, set()),
        ("def f(x, y=z):\n    return x + w", {"f"}, {"z", "w"}),
        ("class A(B):\n    c = d", {"A"}, {"B", "d"}),
        ("[x for x in xs if q]", set(), {"xs", "q"}),
        ("for i in n:\n    t = i", {"i", "t"}, {"n"}),
        ("with f() as g:\n    pass", {"g"}, {"f"}),
        ("(x := y)", {"x"}, {"y"}),
        ("%matplotlib inline\n!ls\nx = y", {"x"}, {"y"}),
        ("%%bash\nx=1", set(), set()),
        ("x = ((", set(), set()),
        ("print(len('a'))", set(), set()),
        ("a, (b, *c) = d", {"a", "b", "c"}, {"d"}),
        ("lambda q: q + r", set(), {"r"}),
        ("await g()", set(), {"g"}),
    ],
)
def test_names(source: str, defined: set[str], used: set[str]) -> None:
    names = names_of(source)
    assert names.defined == defined
    assert names.used == used


def test_deep_nesting_is_survived() -> None:
    assert names_of("x = " + "(" * 500 + "1" + ")" * 500) == names_of("((")
    assert names_of("-" * 5_000 + "x").defined == frozenset()


def test_stale_cells_and_why() -> None:
    cells = [
        code_cell("df = load()", id="a", execution_count=5),
        code_cell("m = df.mean()", id="b", execution_count=2),
        code_cell("print(m)", id="c", execution_count=3),
        code_cell("other = 1", id="d", execution_count=4),
        code_cell("use(df)", id="e", execution_count=6),
        code_cell("new = df", id="f"),
    ]
    assert stale_cells(cells, {}) == {"b": "upstream a", "c": "upstream b"}
    assert stale_cells(cells, {"a": "df = before()", "d": "other = 1"}) == {
        "a": "edited",
        "b": "upstream a",
        "c": "upstream b",
        "e": "upstream a",
    }


def test_the_nearest_definition_above_counts() -> None:
    cells = [
        code_cell("x = 1", id="a", execution_count=9),
        code_cell("x = 2", id="b", execution_count=1),
        code_cell("print(x)", id="c", execution_count=2),
    ]
    assert stale_cells(cells, {}) == {}
    found = defining_cell("x", cells)
    assert found is not None and found.id == "a"
    assert defining_cell("y", cells) is None
