"""R32: notebooks of 100 MB and of 50,000 cells are read and edited, and no other byte changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.errors import NotANotebook
from jupyter_agent.protocol.rpc import Expected, SetSource


def write(file: Path, cells: list[dict[str, Any]]) -> bytes:
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    data = json.dumps(notebook, indent=1, ensure_ascii=False).encode()
    file.write_bytes(data)
    return data


def cell(number: int, text: str) -> dict[str, Any]:
    output = {"name": "stdout", "output_type": "stream", "text": [text]}
    return {
        "cell_type": "code",
        "execution_count": 1,
        "id": f"cell-{number}",
        "metadata": {},
        "outputs": [output] if text else [],
        "source": [f"a = {number}"],
    }


@pytest.mark.R(32)
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("cells", "characters"),
    [(50_000, 0), (5_000, 20_000), (4, 25_000_000)],
    ids=["50,000 cells", "100 MB in 5,000 cells", "100 MB in 4 cells"],
)
async def test_one_cell_of_a_large_notebook_is_edited_and_no_other_byte(
    tmp_path: Path, cells: int, characters: int
) -> None:
    file = tmp_path / "large.ipynb"
    before = write(file, [cell(number, "é" + "x" * characters) for number in range(cells)])
    document = FileNotebook("large.ipynb", file)
    state = await document.read()
    assert len(state.cells) == cells
    last = state.cells[-1]
    expect = Expected(id=last.id, cell_type="code", source=last.source)
    change = SetSource(id=last.id, source="a = 'edited'")
    result = await document.apply([change], [expect], op_id="o")
    assert result.cells[0].source == "a = 'edited'"
    old, new = f'"a = {cells - 1}"'.encode(), b"\"a = 'edited'\""
    assert before.count(old) == 1
    assert file.read_bytes() == before.replace(old, new)
    outputs = (await document.read((last.id,))).cells[-1].outputs
    assert outputs is not None and len(outputs[0]["text"]) == characters + 1


@pytest.mark.R(32)
async def test_doubled_ids_and_numbers_that_are_none_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "odd.ipynb"
    odd = {**cell(1, ""), "metadata": {"x": float("nan"), "y": float("-inf")}}
    before = write(file, [odd, odd, cell(2, "")])
    document = FileNotebook("odd.ipynb", file)
    state = await document.read()
    assert len({one.id for one in state.cells}) == 3
    change = SetSource(id="cell-2", source="b = 2")
    await document.apply([change], [], op_id="o")
    assert file.read_bytes() == before.replace(b'"a = 2"', b'"b = 2"')


@pytest.mark.R(32)
@pytest.mark.parametrize("place", ["metadata", "outputs"])
async def test_what_is_nested_beyond_measure_is_refused_and_left(
    tmp_path: Path, place: str
) -> None:
    file = tmp_path / "deep.ipynb"
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    text = (
        f'{{"cells": [{{"cell_type": "code", "id": "a", "source": "", "{place}": {deep}}}], '
        '"metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NotANotebook, match="nested"):
        await FileNotebook("deep.ipynb", file).read()
    assert file.read_text(encoding="utf-8") == text
