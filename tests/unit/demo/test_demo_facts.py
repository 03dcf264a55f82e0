"""Reading printed numbers, and saying what follows from them and no more."""

from __future__ import annotations

import pytest

from jupyter_agent.demo.assets import demo_assets
from jupyter_agent.demo.facts import Mass, Relation, Words, read_error, read_masses, read_words
from jupyter_agent.demo.findings import Findings, bill_sentence, data_sentence, mass_sentence
from jupyter_agent.demo.results import read_cells, still_running


def relations(overall: float, **within: float) -> list[Relation]:
    found = [Relation(name, r, 50) for name, r in within.items()]
    return [*found, Relation("all together", overall, 50 * len(within))]


def test_names_with_spaces_and_single_birds_are_read():
    printed = (
        "species     count    mean    std\nKing Emperor   12  22000.5  310.2\nLone  1  3000.0  NaN"
    )
    assert read_masses(printed) == [
        Mass("King Emperor", 12, 22000.5, 310.2),
        Mass("Lone", 1, 3000.0, None),
    ]


def test_words_with_quotes_and_brackets_are_read_whole():
    printed = """mass: 3 of 9 are ["don't know", 'n/a [lost]']"""
    assert read_words(printed) == [Words("mass", 3, 9, ("don't know", "n/a [lost]"))]


def test_what_cannot_be_read_is_left_out():
    assert read_words("mass: 3 of 9 are [oops") == []
    assert read_masses("no table here") == []
    assert read_error("all went well") is None
    assert Findings().paragraphs() == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (relations(-0.2, A=0.4, B=0.6), "Simpson's paradox"),
        (relations(0.02, A=0.4, B=0.6), "hardly any relation"),
        (relations(0.5, A=0.4, B=0.6), "goes with a deeper one**, in every species"),
        (relations(0.1, A=-0.4, B=0.0), "does not go with a deeper one"),
        (relations(0.3, A=0.4, B=-0.4), "depends on the species"),
    ],
)
def test_the_conclusion_follows_the_signs(found, expected):
    assert expected in bill_sentence(found)


def test_one_species_is_not_compared():
    text = mass_sentence([Mass("Adelie", 10, 3700.4, None)])
    assert "3,700 g" in text and "more than" not in text


def test_no_missing_value_is_told_as_such():
    assert data_sentence([], {}) == "**The data**: No value is missing."
    assert data_sentence([], None) == ""


def test_cells_are_told_apart_also_when_a_source_looks_like_one():
    text = "[1] id=aa11 v1 code 2L ok\n-- source\nf(id=3)\n# [2] x\n[2] id=bb22 v1 markdown 1L\n-- source\nhello"
    first, second = read_cells(text)
    assert (first.id, first.is_code, first.source) == ("aa11", True, "f(id=3)\n# [2] x")
    assert (second.label, second.is_code, second.source) == ("[2]", False, "hello")


def test_a_finished_run_is_not_waited_for():
    assert still_running("[1] id=aa11 ok 1.0s\nstdout:\nrun_id=run_1 running") is None


def test_the_assets_are_found():
    names = {path.name for path in demo_assets().iterdir()}
    assert {"penguins.ipynb", "penguins.csv"} <= names
