"""Which means reaches a notebook: a tab that is away for a moment, and tabs of other people."""

from __future__ import annotations

import asyncio
import json

import nbformat
import pytest

from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.codec import to_data
from jupyter_agent.protocol.errors import EditRefused
from jupyter_agent.protocol.frames import OpenNotebook, RpcResult
from jupyter_agent.protocol.rpc import ApplyResult, CellState, Expected, SetSource
from jupyter_agent.server.browser import Tabs
from jupyter_agent.workspace.workspace import AnyNotebook

CHANGE = [SetSource(id="aaaa1111", source="x = 'agent'")]
EXPECT = [Expected(id="aaaa1111", cell_type="code", source="x = 1")]


class Recorder:
    async def before_changes(self, document, changes):
        pass

    async def before_run(self, document, cell_ids):
        pass

    def changed(self, path):
        pass

    async def refused(self, path):
        pass


class Tab:
    """A connected tab, which has the notebook open from the start."""

    def __init__(self, tabs, owner="user:ada"):
        self.owner = owner
        self.sent = []
        self.asked = asyncio.Event()
        tabs.join(self)
        tabs.set_notebooks(self, [OpenNotebook(path="a.ipynb", focused_at=1)], f"page of {owner}")

    def send(self, frame):
        self.sent.append(json.loads(frame))
        self.asked.set()


@pytest.fixture
def file(tmp_path):
    cell = nbformat.v4.new_code_cell("x = 1", id="aaaa1111")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    return tmp_path / "a.ipynb"


def document_of(file, tabs):
    kept = FileNotebook("a.ipynb", file)
    return AnyNotebook(
        "a.ipynb",
        kept,
        browser=tabs.for_owner("user:ada"),
        on_change=lambda *_: None,
        recorder=Recorder(),
    )


def source_in(file):
    return nbformat.read(file, as_version=4).cells[0].source


async def test_a_tab_that_is_away_for_a_moment_is_edited_once_and_the_file_is_not(file):
    tabs = Tabs()
    first = Tab(tabs)
    document = document_of(file, tabs)
    edit = asyncio.create_task(document.apply(CHANGE, EXPECT, op_id="once"))
    await first.asked.wait()
    tabs.leave(first)
    assert document.backend == "frontend"
    again = Tab(tabs)
    await again.asked.wait()
    assert [call["op_id"] for call in (*first.sent, *again.sent)] == ["once", "once"]
    cell = CellState(id="aaaa1111", cell_type="code", source="x = 'agent'")
    result = ApplyResult(revision=2, cells=(cell,), order=("aaaa1111",), saved=True)
    answer = RpcResult(id=again.sent[0]["id"], result=to_data(ApplyResult, result))
    tabs.answered(again, answer)
    assert (await edit).cells[0].source == "x = 'agent'"
    assert source_in(file) == "x = 1", "the file was written under the open tab"


async def test_a_tab_that_does_not_come_back_leaves_the_file(file):
    tabs = Tabs(patience=0.05)
    tabs.leave(Tab(tabs))
    await document_of(file, tabs).apply(CHANGE, EXPECT, op_id="once")
    assert source_in(file) == "x = 'agent'"


async def test_a_notebook_that_somebody_else_has_open_is_not_written(file):
    tabs = Tabs()
    Tab(tabs, owner="user:bob")
    document = document_of(file, tabs)
    assert (await document.read()).cells[0].source == "x = 1"
    with pytest.raises(EditRefused, match="Somebody else"):
        await document.apply(CHANGE, EXPECT, op_id="once")
    with pytest.raises(EditRefused, match="Somebody else"):
        await document.before_run(["aaaa1111"])
    assert source_in(file) == "x = 1"
