"""The demo's analysis reacts to the table: other data, another course and other numbers."""

from __future__ import annotations

import io

import nbformat
import pandas as pd

MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def figures_in(cell) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", ()))


def cleaned(table: str) -> str:
    """The same birds with nothing but numbers in the measurements."""
    return table.replace("not sampled", "")


def numbers(table: str) -> pd.DataFrame:
    """The table as numbers, read without the demo's code."""
    frame = pd.read_csv(io.StringIO(table))
    for column in MEASURES:
        frame[column] = pd.to_numeric(frame[column], errors="coerce")
    return frame


def assert_follows_from(text: str, table: str) -> None:
    """Check the answer's numbers against the table, computed here on their own."""
    frame = numbers(table)
    masses = frame.groupby("species")["body_mass_g"].mean().sort_values(ascending=False)
    counts = frame.groupby("species")["body_mass_g"].count()
    assert f"**{masses.index[0]} is the heaviest species**" in text
    for species, mass in masses.items():
        assert f"{mass:,.0f} g" in text, species
        assert f"n = {counts[species]}" in text, species
    groups = [*frame.groupby("species"), ("all", frame)]
    for name, group in groups:
        r = group["bill_length_mm"].corr(group["bill_depth_mm"])
        assert f"r = {r:+.2f}".replace("-", "−") in text, name
    for column, count in frame.isna().sum().items():
        if count:
            assert f"`{column}` {count}" in text


async def test_on_the_shipped_table_it_meets_an_error_repairs_it_and_explains(bench, table):
    scene = bench(table)
    text = await scene.run()

    assert len(scene.written()) >= 5
    assert all(cell.execution_count for cell in scene.written())
    outputs = [output for cell in scene.cells for output in cell.get("outputs", ())]
    assert not any(output.output_type == "error" for output in outputs)
    [failed] = [result for result in scene.results() if result.is_error]
    assert "TypeError" in failed.text
    assert sum(figures_in(cell) for cell in scene.cells) == 1
    assert_follows_from(text, table)
    assert "“not sampled”" in text
    assert "Simpson" in text
    assert "**In the plot**" in text


async def test_the_repair_names_what_the_output_named_and_stands_before_the_failed_cell(
    bench, table
):
    scene = bench(table)
    await scene.run()
    titles = scene.titles()
    assert titles.index("# Which values are not numbers?") < titles.index("# Body mass by species")
    [repair] = scene.titled("# Read the measurements as numbers")
    assert repr(MEASURES) in repair.source
    assert "['not sampled']" in repair.source
    assert scene.ran.count("# Body mass by species") == 2

    from_the_top: dict[str, object] = {}
    for cell in scene.cells:
        if cell.cell_type == "code" and "plt" not in cell.source:
            exec(cell.source, from_the_top)


async def test_on_a_clean_table_nothing_is_repaired(bench, table):
    scene = bench(cleaned(table))
    text = await scene.run()
    assert not scene.titled("not numbers") and not scene.titled("Read the measurements")
    assert not any(result.is_error for result in scene.results())
    assert "arrived as text" not in text
    assert "TypeError" not in scene.transcript
    assert len(scene.written()) >= 5
    assert_follows_from(text, cleaned(table))


async def test_an_altered_table_gives_other_answers(bench, table):
    frame = pd.read_csv(io.StringIO(table))
    frame = frame[frame["species"] != "Gentoo"].reset_index(drop=True)
    heavier = (pd.to_numeric(frame["body_mass_g"], errors="coerce") * 1.5).round(0)
    frame["body_mass_g"] = heavier.map("{:.0f}".format).where(heavier.notna(), "bird flew off")
    frame.loc[60, "bill_depth_mm"] = "?"
    altered = frame.to_csv(index=False)

    scene = bench(altered)
    text = await scene.run()
    assert "Gentoo" not in text
    assert "**Chinstrap is the heaviest species**" in text
    assert "“bird flew off”" in text and "“?”" in text
    assert_follows_from(text, altered)


async def test_when_the_species_agree_with_the_whole_it_does_not_speak_of_a_paradox(bench, table):
    only = pd.read_csv(io.StringIO(cleaned(table)))
    chinstrap = only[only["species"] == "Chinstrap"].to_csv(index=False)
    scene = bench(chinstrap)
    text = await scene.run()
    assert "Simpson" not in text
    assert "in every species" in text
    assert_follows_from(text, chinstrap)


async def test_words_with_digits_are_pointed_out(bench, table):
    scene = bench(table.replace("not sampled", "approx 40"))
    text = await scene.run()
    assert "“approx 40”" in text
    assert "contain digits" in text


async def test_without_the_file_it_says_what_it_needs(bench):
    scene = bench(None)
    text = await scene.run()
    assert "FileNotFoundError" in text and "penguins.csv" in text
    assert not scene.calls("edit_cells")


async def test_an_empty_notebook_gets_the_table_loaded(bench, table):
    scene = bench(table)
    empty = nbformat.v4.new_notebook()
    nbformat.write(empty, scene.workspace.root / "penguins.ipynb")
    text = await scene.run()
    assert "read_csv" in scene.cells[0].source
    assert_follows_from(text, table)


async def test_without_matplotlib_the_rest_is_done_and_the_gap_is_told(bench, table):
    scene = bench(table)
    scene.workspace.namespace["__builtins__"] = {**__builtins__, "__import__": refuse_matplotlib}
    text = await scene.run()
    assert "There is no plot: `ModuleNotFoundError: No module named 'matplotlib'`" in text
    assert "%pip install matplotlib" in text
    assert "**In the plot**" not in text
    assert_follows_from(text, table)


def refuse_matplotlib(name, *rest):
    if name.startswith("matplotlib"):
        raise ModuleNotFoundError("No module named 'matplotlib'")
    return __import__(name, *rest)
