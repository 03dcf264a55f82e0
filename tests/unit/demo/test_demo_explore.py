"""On any other table the demo explores that table: every number it tells is the table's own."""

from __future__ import annotations

import io

import nbformat
import pandas as pd
import pytest

from jupyter_agent.demo.prompts import DEMO_PROMPT, EXPLORE_PROMPT
from jupyter_agent.tools.base import text_output

RENTS = """city,rent,"size, in m²",district
Oslo,1500,40,Frogner
Oslo,1700,55,
Rome,1200,38,Prati
Rome,,44,Prati
Bergen,1100,60,Nordnes
Oslo,9000,200,Frogner
"""


def empty(scene, *sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, scene.workspace.root / "penguins.ipynb")
    return scene


@pytest.fixture
def rents(bench):
    """An empty notebook beside a table that is not the demo's."""
    scene = empty(bench(None))
    (scene.workspace.root / "rents.csv").write_text(RENTS, encoding="utf-8")
    return scene


def held(scene, **frames):
    """Put frames into the kernel, and have the tool that looks into it say so."""
    scene.workspace.namespace.update(frames)
    lines = [
        f"{name}: DataFrame {len(one):,} rows × 2 columns, 1.0 KB" for name, one in frames.items()
    ]
    text = "\n".join(["n: int 3", *lines, "other: DataFrame 9,999 rows × 2 columns"])

    def looked(call):
        return text_output(text) if call.name == "inspect_variables" else None

    scene.intercept = looked
    return scene


def figures_in(scene):
    outputs = [output for cell in scene.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("prompt", [DEMO_PROMPT, EXPLORE_PROMPT])
async def test_a_file_of_another_table_is_explored(rents, prompt):
    text = await rents.run(prompt)
    table = pd.read_csv(io.StringIO(RENTS))
    rent = table.rent
    assert "6 rows and 4 columns" in text
    assert "`rent` 1, `district` 1" in text
    assert (
        f"`rent`: mean {rent.mean():.6g}, median {rent.median():.6g}, from 1100 to 9000 (n = 5)"
        "; the mean lies well above the median" in text
    )
    assert "`size, in m²`: mean 72.8333, median 49.5, from 38 to 200 (n = 6)" in text
    assert "`city`: 3 different, most frequent 'Oslo' (3 times)" in text
    assert "`rent`, `size, in m²` are distributed" in text
    assert figures_in(rents) == 1
    assert text.split("\n\n")[0] in rents.cells[-1].source
    assert "penguin" not in text and "species" not in text


async def test_a_frame_in_the_kernel_is_explored_where_it_is(rents):
    frame = pd.DataFrame({"word": ["a", "b", "b"], "more": [None, "x", "x"]})
    scene = held(rents, small=frame.head(1), words=frame)
    text = await scene.run(EXPLORE_PROMPT)
    assert "`words` has 3 rows and 2 columns" in text
    assert "`more` 1" in text and "`word`: 2 different, most frequent 'b' (2 times)" in text
    assert "**Numbers**" not in text and "most frequent values of the first column" in text
    assert not any("read_csv" in cell.source for cell in scene.cells)
    assert figures_in(scene) == 1


async def test_a_table_that_a_cell_reads_is_read_by_that_cell(rents):
    empty(rents, "import pandas as pd\nflats = pd.read_csv('rents.csv')")
    text = await rents.run(EXPLORE_PROMPT)
    assert "`flats` has 6 rows" in text
    assert sum("read_csv" in cell.source for cell in rents.cells) == 1


async def test_the_same_prompt_again_writes_no_cell_twice(rents):
    await rents.run(EXPLORE_PROMPT)
    titles = rents.titles()
    await rents.run(EXPLORE_PROMPT)
    assert rents.titles() == titles


async def test_an_empty_table_is_told_as_it_is(bench):
    scene = empty(bench(None))
    (scene.workspace.root / "none.csv").write_text("a,b\n", encoding="utf-8")
    text = await scene.run(EXPLORE_PROMPT)
    assert "0 rows and 2 columns" in text and "nan" not in text
    assert figures_in(scene) == 0


async def test_without_a_table_it_says_so_and_touches_nothing(bench):
    scene = empty(bench(None), "1 + 1")
    for prompt in (DEMO_PROMPT, EXPLORE_PROMPT):
        text = await scene.run(prompt)
        assert "no table here" in text
    assert not scene.calls("edit_cells") and not scene.calls("run_cells")


async def test_in_plan_mode_it_reads_only(rents):
    rents.mode = "plan"
    text = await rents.run(EXPLORE_PROMPT)
    assert "`rents.csv`" in text and "changed and run nothing" in text
    assert not rents.calls("edit_cells") and not rents.calls("run_cells")


async def test_a_file_that_cannot_be_read_is_told(bench):
    scene = empty(bench(None))
    (scene.workspace.root / "odd.csv").write_bytes(b"a,b\n1,\xff\n")
    text = await scene.run(EXPLORE_PROMPT)
    assert "UnicodeDecodeError" in text and "no repair" in text
