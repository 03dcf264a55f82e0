"""R55: whatever is done with a large notebook, the event loop goes on meanwhile.

Nothing is timed. The longest that the loop stands still is compared with the whole call: what is
worked out on the loop itself takes all of it. `benchmarks/loop_lag.py` measures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from jupyter_agent.notebook.frontend import FrontendNotebook
from jupyter_agent.notebook.remembered import States
from jupyter_agent.notebook.scanning import scan
from jupyter_agent.protocol.errors import BadFrame
from jupyter_agent.protocol.rpc import NotebookState
from jupyter_agent.server.reading import read_frame
from jupyter_agent.testing import FakeKernel, FakeNotebook, FakeWorkspace, code_cell
from jupyter_agent.tools.base import ToolCallContext
from jupyter_agent.tools.toolset import build_tools

CELLS = 6_000
# Share of a call that the loop may stand still at once. On the loop itself it is all of it.
SHARE = 0.5


def source(number: int, salt: str) -> str:
    return (
        f"# {salt} {number}\n"
        f"table_{number} = table_{max(0, number - 1)}.assign(x=lambda t: t.y + {number})\n"
        f"for row in table_{number}:\n    print(row)"
    )


def workspace(salt: str) -> FakeWorkspace:
    cells = [
        code_cell(source(number, salt), id=f"cell-{number:07d}", execution_count=number + 1)
        for number in range(CELLS)
    ]
    notebook = FakeNotebook(cells)
    # Of its own: a fake kernel that writes outputs is not what is looked at.
    return FakeWorkspace(notebook, FakeKernel())


async def longest_share(work: Awaitable[Any]) -> float:
    """Return the longest time in which the loop did nothing else, as a share of all of it."""
    # What was made before is not gone through by the collector of garbage meanwhile.
    gc.collect()
    gc.freeze()
    longest = 0.0
    before = begun = time.perf_counter()

    async def look() -> None:
        nonlocal longest, before
        while True:
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await asyncio.sleep(0)
    await work
    longest = max(longest, time.perf_counter() - before)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    gc.unfreeze()
    return longest / (time.perf_counter() - begun)


SOME = [f"cell-{number:07d}" for number in range(0, CELLS, CELLS // 32)][:32]
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "overview": ("notebook_overview", {}),
    "stale": ("notebook_overview", {"only": "stale"}),
    "read": ("read_cells", {"ids": SOME}),
    "edit": ("edit_cells", {"ops": [{"op": "delete", "id": one} for one in SOME]}),
}


@pytest.mark.R(55)
@pytest.mark.parametrize("name", CALLS)
async def test_the_loop_goes_on_while_a_tool_works(name: str) -> None:
    tool_name, arguments = CALLS[name]
    # What cells name is remembered by their source: each case has sources of its own.
    world = workspace(name)
    tools: dict[str, Any] = {tool.name: tool for tool in build_tools(world)}
    tool = tools[tool_name]
    known = [cell for cell in world.notebooks["notebook.ipynb"].cells if cell.id in SOME]
    world.memory.remember("notebook.ipynb", known)
    given = tool.arguments.model_validate(arguments)
    context = ToolCallContext(call_id="c", run_id="r", update=lambda text, cells: None)

    async def work() -> None:
        await tool.preview(given)
        await tool.run(given, context)

    assert await longest_share(work()) < SHARE


class Channel:
    """A tab that answers at once, with what was read from its frame."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def call(self, *args: Any, **more: Any) -> Any:
        return self._answer


def tab_state(cells: int) -> dict[str, Any]:
    made = [
        {"id": f"c{number}", "cell_type": "code", "source": "x", "metadata": {"tags": ["a"]}}
        for number in range(cells)
    ]
    return {"path": "n.ipynb", "revision": 1, "cells": made}


@pytest.mark.R(55)
async def test_the_loop_goes_on_while_a_tabs_answer_is_checked() -> None:
    channel: Any = Channel(tab_state(40_000))
    document = FrontendNotebook("n.ipynb", channel)
    await document.read()  # what is made at first use is made
    states: list[NotebookState] = []

    async def work() -> None:
        states.append(await document.read())

    assert await longest_share(work()) < SHARE
    assert len(states[0].cells) == 40_000 and states[0].cells[-1].id == "c39999"


@pytest.mark.R(52, 55)
def test_a_large_frame_is_read_as_a_small_one() -> None:
    for cells in (1, 2_000):
        frame = {"type": "rpc_result", "id": "r", "result": tab_state(cells)}
        read = read_frame(json.dumps(frame))
        assert (read.type, read.id, read.result) == ("rpc_result", "r", frame["result"])
    text = "x" * 60_000
    prompt = {"type": "prompt", "id": "1", "op_id": "o", "session_id": "s", "text": text}
    assert read_frame(json.dumps(prompt)).text == text
    for wrong in (
        {"type": "nonsense", "text": text},
        {"type": "prompt", "text": text},
        {"type": "rpc_result", "result": text},
        {"type": "rpc_result", "id": 5, "result": text},
        {"type": "rpc_result", "id": "r", "error": text},
        [text],
    ):
        with pytest.raises(BadFrame):
            read_frame(json.dumps(wrong))
    for damaged in ('{"a": "' + text, "[" * 60_000, "NaN" + " " * 60_000, f'"\ud800{text}"'):
        with pytest.raises(BadFrame):
            read_frame(damaged)


def test_a_state_is_remembered_by_content_within_a_bound() -> None:
    def state(cells: int) -> NotebookState:
        made = tuple(code_cell("x", id=str(number)) for number in range(cells))
        return NotebookState(path="n", revision=1, cells=made)

    states = States(most_cells=10)
    states.put(b"1", state(4))
    states.put(b"2", state(4))
    assert states.get(b"1") is not None
    states.put(b"3", state(4))  # the one that was asked for least lately goes
    assert [states.get(one) is not None for one in (b"1", b"2", b"3")] == [True, False, True]
    states.put(b"4", state(11))
    assert states.get(b"4") is None and states.get(b"1") is not None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_text_in_pieces_is_scanned_as_a_whole(size: int) -> None:
    """Numbers above all: the start of one is one."""
    cells = '[\n  {"a": 12.5e+3, "b": "]}\\""} ,{ "c": [1, {"d": -1}]}\n ]'
    text = f'{{ "x": 12.5e+10, "cells": {cells}, "nbformat": 45, "é": {{}} }} \n'
    whole = scan([text])
    assert scan(text[at : at + size] for at in range(0, len(text), size)) == whole
    assert whole.members == {"x": 12.5e10, "nbformat": 45, "é": {}}
    assert whole.cells is not None
    assert [cell.data for cell in whole.cells] == json.loads(text)["cells"]
    joined = "".join((cell.lead or "") + cell.text for cell in whole.cells)
    assert whole.head + joined + whole.tail == text
    part, start, end = whole.places["nbformat"]
    assert part == "tail" and whole.tail[start:end] == "45"
    for cut in range(1, len(text) - 3):
        with pytest.raises(ValueError):
            scan([text[:cut]])
