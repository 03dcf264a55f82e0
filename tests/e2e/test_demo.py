"""The demo on a real Lab, started by a click: on the table as shipped, a cleaned, an altered one."""

from __future__ import annotations

import re
import shutil

import nbformat
import pandas as pd
import pytest
from playwright.sync_api import expect
from real_lab import EXAMPLES, choose_model, panel_state

MESSAGE = ".jp-Agent-message[data-role='assistant']"
CARD = ".jp-Agent-toolCard"


def numeric(table):
    """Return the table with its measurements as numbers, whatever stands for a missing one."""
    table = table.copy()
    for name in table.columns:
        if name.endswith(("_mm", "_g")):
            table[name] = pd.to_numeric(table[name], errors="coerce")
    return table


def means(table):
    """Return mean body mass by species in whole grams."""
    return numeric(table).groupby("species").body_mass_g.mean().round().astype(int).to_dict()


def correlations(table):
    """Return the correlation of bill length and depth: over all, and by species."""
    table = numeric(table)
    whole = table.bill_length_mm.corr(table.bill_depth_mm)
    within = {
        name: group.bill_length_mm.corr(group.bill_depth_mm)
        for name, group in table.groupby("species")
    }
    return whole, within


@pytest.fixture
def demo(bench):
    def make(alter):
        made = bench(name="penguins.ipynb")
        shutil.copy(EXAMPLES / "penguins.ipynb", made.file)
        table = alter(pd.read_csv(EXAMPLES / "penguins.csv"))
        table.to_csv(made.file.parent / "penguins.csv", index=False)
        return made, table

    return make


def play(made):
    """Start the demo by a click, allow what it asks, and wait for its end."""
    page = made.open()
    choose_model(page, "demo")
    page.locator(".jp-Agent-demoButton").click()
    page.locator(".jp-Agent-panel:not([data-state='idle'])").wait_for()
    for _ in range(40):
        done = page.locator(".jp-Agent-panel[data-state='idle']")
        ask = page.locator(".jp-Agent-approval [data-action='allow-session']")
        expect(done.or_(ask).first).to_be_visible(timeout=90_000)
        if not ask.first.is_visible():
            break
        ask.first.click()
        expect(ask).to_have_count(0)
    panel_state(page, "idle")
    # The panel followed to the end, past every approval that came and went.
    expect(page.locator(".jp-Agent-toEnd")).to_have_count(0)
    return page


def code_cells_run(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.execution_count]


def images(notebook):
    return [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def errors(notebook):
    return [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def check(page, made, table):
    """Assert what every playing of the demo must leave behind."""
    notebook = made.saved()
    before = nbformat.read(EXAMPLES / "penguins.ipynb", as_version=4)
    written = {cell.id for cell in notebook.cells} - {cell.id for cell in before.cells}
    assert len([cell for cell in code_cells_run(notebook) if cell.id in written]) >= 5
    assert images(notebook), "no plot in the notebook"
    assert errors(notebook) == [], "an error was left unrepaired"
    text = page.locator(MESSAGE).last.inner_text()
    shown = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]{2,}", text)}
    for species, grams in means(table).items():
        assert species in text
        assert grams in shown, f"{species}: {grams} g is not in: {text}"
    whole, _ = correlations(table)
    assert f"{abs(whole):.2f}" in text
    return text


def failed_cards(page):
    return page.locator(f"{CARD}[data-tool='edit_cells'][data-status='error']").or_(
        page.locator(f"{CARD}[data-tool='run_cells'][data-status='error']")
    )


def test_the_table_as_shipped_brings_an_error_and_its_repair(demo):
    made, table = demo(lambda table: table)
    page = play(made)
    text = check(page, made, table)
    panel = page.locator(".jp-Agent-transcript").inner_text()
    assert re.search(r"TypeError|ValueError", panel), "no real error was met"
    assert "not sampled" in panel or "not sampled" in text


def test_a_clean_table_needs_no_repair(demo):
    made, table = demo(numeric)
    page = play(made)
    check(page, made, table)
    expect(failed_cards(page)).to_have_count(0)
    sources = "\n".join(cell.source for cell in made.saved().cells)
    assert "to_numeric" not in sources


def test_an_altered_table_brings_other_answers(demo):
    def alter(table):
        table = table[table.species != "Chinstrap"].copy()
        mass = pd.to_numeric(table.body_mass_g, errors="coerce")
        heavier = mass.where(table.species != "Adelie", mass + 1000)
        table["body_mass_g"] = [
            old if pd.isna(new) else f"{new:.0f}"
            for old, new in zip(table.body_mass_g, heavier, strict=True)
        ]
        return table

    made, table = demo(alter)
    text = check(play(made), made, table)
    assert "Chinstrap" not in text
