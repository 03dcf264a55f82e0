"""One suite for every notebook backend: what the port promises, each of them keeps."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from memory_contents import AsyncMemoryContents, MemoryContents

from jupyter_agent.notebook.document import NotebookDocument
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.notebook.frontend import FrontendNotebook, TabGone
from jupyter_agent.notebook.shared import SharedNotebook
from jupyter_agent.notebook.ydoc import YdocNotebook
from jupyter_agent.protocol.codec import from_data, to_data
from jupyter_agent.protocol.errors import (
    AgentError,
    EditRefused,
    NotebookError,
    NotebookMissing,
    StaleCells,
    Unconfirmed,
    UnknownCell,
    error_from_info,
)
from jupyter_agent.protocol.rpc import (
    ApplyParams,
    ApplyResult,
    CellState,
    ClearOutputs,
    DeleteCell,
    Expected,
    InsertCell,
    MoveCell,
    NotebookState,
    ReadParams,
    SetCellType,
    SetOutputsParams,
    SetSource,
)
from jupyter_agent.server.contents import notebooks_of
from jupyter_agent.testing import FakeNotebook, code_cell, markdown_cell, stream

START = (
    code_cell(
        "import math\nx = 1",
        id="first",
        outputs=[stream("one\ntwo\n")],
        execution_count=3,
        metadata={"tags": ["keep"]},
    ),
    markdown_cell("# Título 😀\n\ntext", id="words"),
    code_cell("y = x", id="second"),
)


class Stand(Protocol):
    """A backend under test, and the same notebook seen from outside it."""

    document: NotebookDocument

    def type_into(self, cell_id: str, source: str) -> None: ...

    def cells(self) -> list[dict[str, Any]]: ...


def as_data(cell: CellState) -> dict[str, Any]:
    data: dict[str, Any] = {
        "id": cell.id,
        "cell_type": cell.cell_type,
        "source": cell.source,
        "metadata": dict(cell.metadata or {}),
    }
    if cell.cell_type == "code":
        data.update(
            outputs=[dict(output) for output in cell.outputs or ()],
            execution_count=cell.execution_count,
        )
    return data


class FakeStand:
    def __init__(self, tmp_path: Path) -> None:
        self.fake = FakeNotebook(START)
        self.document: NotebookDocument = self.fake

    def type_into(self, cell_id: str, source: str) -> None:
        self.fake.type_into(cell_id, source)

    def cells(self) -> list[dict[str, Any]]:
        return [as_data(cell) for cell in self.fake.cells]


class FileStand:
    def __init__(self, tmp_path: Path) -> None:
        self.file = tmp_path / "notebook.ipynb"
        self._write([as_data(cell) for cell in START])
        self.document: NotebookDocument = FileNotebook("notebook.ipynb", self.file)

    def type_into(self, cell_id: str, source: str) -> None:
        cells = self.cells()
        for cell in cells:
            if cell["id"] == cell_id:
                cell["source"] = source
        self._write(cells)

    def cells(self) -> list[dict[str, Any]]:
        cells: list[dict[str, Any]] = json.loads(self.file.read_text("utf-8"))["cells"]
        for cell in cells:
            cell["source"] = "".join(cell["source"])
            for output in cell.get("outputs", []):
                output["text"] = "".join(output["text"])
        return cells

    def _write(self, cells: list[dict[str, Any]]) -> None:
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        self.file.write_text(json.dumps(notebook, indent=1), "utf-8")


class TabChannel:
    """A browser tab in Python: everything goes through JSON, as on the socket."""

    def __init__(self, notebook: FakeNotebook) -> None:
        self.notebook = notebook
        self.open_paths = {notebook.path}
        self.answers = True

    def only_others_have(self, path: str) -> bool:
        return False

    def kernel_id(self, path: str) -> str | None:
        return None

    def has_tab(self, path: str) -> bool:
        return path in self.open_paths

    async def open(self, path: str) -> bool:
        return False

    async def call(
        self,
        path: str,
        method: str,
        params: dict[str, Any],
        *,
        op_id: str,
        deadline: float,
        on_progress: Callable[[Any], None] | None = None,
    ) -> Any:
        if path not in self.open_paths:
            raise TabGone("No tab has it.")
        if not self.answers:
            raise asyncio.TimeoutError
        try:
            return await self._answer(method, json.loads(json.dumps(params)), op_id)
        except AgentError as error:
            raise error_from_info(error.info()) from None

    async def _answer(self, method: str, params: dict[str, Any], op_id: str) -> Any:
        notebook = self.notebook
        if method == "notebook.read":
            read = from_data(ReadParams, params)
            return to_data(NotebookState, await notebook.read(read.outputs))
        if method == "notebook.apply":
            asked = from_data(ApplyParams, params)
            result = await notebook.apply(asked.changes, asked.expect, op_id=op_id)
            return to_data(ApplyResult, result)
        if method == "notebook.set_outputs":
            put = from_data(SetOutputsParams, params)
            await notebook.set_outputs(put.cell_id, put.outputs, put.execution_count)
        elif method == "notebook.save":
            await notebook.save()
        return {}


class FrontendStand(FakeStand):
    def __init__(self, tmp_path: Path) -> None:
        super().__init__(tmp_path)
        self.channel = TabChannel(self.fake)
        self.document = FrontendNotebook(self.fake.path, self.channel)


class YdocStand:
    def __init__(self, tmp_path: Path) -> None:
        jupyter_ydoc = pytest.importorskip("jupyter_ydoc", reason="jupyter_ydoc is not installed")
        self.shared = jupyter_ydoc.YNotebook()
        cells = [as_data(cell) for cell in START]
        self.shared.set({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        self.document: NotebookDocument = YdocNotebook("notebook.ipynb", self.shared)

    def type_into(self, cell_id: str, source: str) -> None:
        for cell in self.shared.ycells:
            if cell["id"] == cell_id:
                text = cell["source"]
                text.clear()
                text.insert(0, source)

    def cells(self) -> list[dict[str, Any]]:
        cells: list[dict[str, Any]] = self.shared.get()["cells"]
        return cells


class LiveRoom:
    """A room around a document, which saves it to a file."""

    def __init__(self, shared: YdocStand, file: FileStand) -> None:
        self.document = shared.shared
        self._shared = shared
        self._file = file

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        yield

    async def save(self) -> None:
        self._file._write(self._shared.cells())


class LiveRooms:
    """One notebook's room, which may be open."""

    def __init__(self, room: LiveRoom | None) -> None:
        self.room = room

    def live(self, path: str) -> bool:
        return self.room is not None

    @asynccontextmanager
    async def enter(self, path: str, *, write: bool) -> AsyncIterator[LiveRoom | None]:
        yield self.room


class LiveStand(YdocStand):
    """A notebook whose room lives; its file is written by the room alone."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(tmp_path)
        self.file = FileStand(tmp_path)
        rooms = LiveRooms(LiveRoom(self, self.file))
        self.document = SharedNotebook("notebook.ipynb", self.file.document, rooms)


class RoomlessStand(FileStand):
    """A notebook on a server with rooms, in none of them."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(tmp_path)
        self.document = SharedNotebook("notebook.ipynb", self.document, LiveRooms(None))


class ContentsStand:
    """A notebook that a contents manager keeps: one that blocks and one that is awaited."""

    def __init__(self, tmp_path: Path, manager: Any = None) -> None:
        manager = manager or MemoryContents()
        self.memory: MemoryContents = getattr(manager, "inner", manager)
        cells = [as_data(cell) for cell in START]
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        self.memory.kept = {"notebook.ipynb": notebook}
        notebooks = notebooks_of(manager, tmp_path)
        self.document: NotebookDocument = notebooks.document("notebook.ipynb")

    def type_into(self, cell_id: str, source: str) -> None:
        cells = self.cells()
        for cell in cells:
            if cell["id"] == cell_id:
                cell["source"] = source
        self.memory.kept = {
            "notebook.ipynb": {**self.memory.kept["notebook.ipynb"], "cells": cells}
        }

    def cells(self) -> list[dict[str, Any]]:
        cells: list[dict[str, Any]] = copy.deepcopy(self.memory.kept["notebook.ipynb"]["cells"])
        return cells


class AsyncContentsStand(ContentsStand):
    def __init__(self, tmp_path: Path) -> None:
        super().__init__(tmp_path, AsyncMemoryContents())


STANDS: dict[str, Callable[[Path], Stand]] = {
    "fake": FakeStand,
    "file": FileStand,
    "frontend": FrontendStand,
    "ydoc": YdocStand,
    "live": LiveStand,
    "roomless": RoomlessStand,
    "contents": ContentsStand,
    "async-contents": AsyncContentsStand,
}


@pytest.fixture(params=STANDS)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Stand:
    return STANDS[request.param](tmp_path)


def known(cell_id: str, source: str, cell_type: Any = "code") -> Expected:
    return Expected(id=cell_id, cell_type=cell_type, source=source)


async def test_reads_cells_without_outputs_unless_asked(stand: Stand) -> None:
    state = await stand.document.read()
    assert [cell.id for cell in state.cells] == ["first", "words", "second"]
    assert [cell.source for cell in state.cells] == [cell.source for cell in START]
    assert state.cells[0].execution_count == 3
    assert state.cells[0].output_kinds == ("stream",)
    assert all(cell.outputs is None for cell in state.cells)
    one = await stand.document.read(("first",))
    assert one.cells[0].outputs is not None and one.cells[2].outputs is None
    assert one.cells[0].outputs[0]["text"] == "one\ntwo\n"
    everything = await stand.document.read("all")
    assert everything.cells[2].outputs == ()


async def test_an_edit_changes_the_named_cells_and_no_others(stand: Stand) -> None:
    before = stand.cells()
    result = await stand.document.apply(
        [
            SetSource(id="second", source="y = 2\nz = 3"),
            SetSource(id="words", source="# Título 😀!"),
        ],
        [known("second", "y = x")],
        op_id="1",
    )
    after = stand.cells()
    assert after[0] == before[0]
    assert after[2] == {**before[2], "source": "y = 2\nz = 3"}
    assert after[1]["source"] == "# Título 😀!"
    assert {cell.id: cell.source for cell in result.cells}["second"] == "y = 2\nz = 3"
    assert result.order == ("first", "words", "second")


async def test_chained_inserts_come_out_in_order(stand: Stand) -> None:
    result = await stand.document.apply(
        [
            InsertCell(id="a", cell_type="code", source="1", after="first"),
            InsertCell(id="b", cell_type="markdown", source="2", after="a"),
            InsertCell(id="c", cell_type="code", source="0", after=None),
        ],
        [],
        op_id="1",
    )
    assert result.order == ("c", "first", "a", "b", "words", "second")
    assert [cell["id"] for cell in stand.cells()] == list(result.order)
    assert [cell.source for cell in result.cells] == ["1", "2", "0"]


async def test_delete_move_type_and_outputs(stand: Stand) -> None:
    result = await stand.document.apply(
        [
            MoveCell(id="first", after="second"),
            SetCellType(id="second", cell_type="markdown"),
            DeleteCell(id="words"),
        ],
        [],
        op_id="1",
    )
    assert result.order == ("second", "first")
    second, first = stand.cells()
    assert second["cell_type"] == "markdown" and not second.get("outputs")
    assert first["outputs"] and first["metadata"] == {"tags": ["keep"]}
    await stand.document.apply([ClearOutputs(id="first")], [], op_id="2")
    cleared = stand.cells()[1]
    assert cleared["outputs"] == [] and cleared["execution_count"] is None


async def test_a_stale_expectation_refuses_the_whole_batch(stand: Stand) -> None:
    await stand.document.read()
    stand.type_into("first", "x = 'mine'")
    before = stand.cells()
    with pytest.raises(StaleCells) as caught:
        await stand.document.apply(
            [SetSource(id="second", source="new"), SetSource(id="first", source="lost?")],
            [known("second", "y = x"), known("first", "import math\nx = 1")],
            op_id="1",
        )
    assert caught.value.details == {"cells": {"first": "x = 'mine'"}}
    assert stand.cells() == before


async def test_another_cells_change_does_not_matter(stand: Stand) -> None:
    await stand.document.read()
    stand.type_into("words", "the person's words")
    await stand.document.apply(
        [SetSource(id="second", source="new")], [known("second", "y = x")], op_id="1"
    )
    assert [cell["source"] for cell in stand.cells()][1:] == ["the person's words", "new"]


@pytest.mark.parametrize(
    "change",
    [
        SetSource(id="gone", source="x"),
        DeleteCell(id="gone"),
        MoveCell(id="first", after="gone"),
        InsertCell(id="new", cell_type="code", source="x", after="gone"),
        ClearOutputs(id="gone"),
        SetCellType(id="gone", cell_type="code"),
    ],
    ids=lambda change: change.type,
)
async def test_a_missing_cell_refuses_the_whole_batch(stand: Stand, change: Any) -> None:
    before = stand.cells()
    with pytest.raises(UnknownCell):
        await stand.document.apply([SetSource(id="second", source="new"), change], [], op_id="1")
    assert stand.cells() == before


async def test_an_inserted_id_is_never_used_twice(stand: Stand) -> None:
    before = stand.cells()
    with pytest.raises(EditRefused):
        await stand.document.apply(
            [InsertCell(id="first", cell_type="code", source="x", after=None)], [], op_id="1"
        )
    assert stand.cells() == before


async def test_a_notebook_is_never_emptied(stand: Stand) -> None:
    before = stand.cells()
    with pytest.raises(EditRefused):
        await stand.document.apply(
            [DeleteCell(id="first"), DeleteCell(id="words"), DeleteCell(id="second")],
            [],
            op_id="1",
        )
    assert stand.cells() == before


async def test_the_same_op_acts_once(stand: Stand) -> None:
    change = InsertCell(id="new", cell_type="code", source="x", after="second")
    one = await stand.document.apply([change], [], op_id="same")
    two = await stand.document.apply([change], [], op_id="same")
    assert one == two
    assert [cell["id"] for cell in stand.cells()].count("new") == 1


async def test_metadata_is_merged_and_null_removes(stand: Stand) -> None:
    await stand.document.apply(
        [SetSource(id="first", source="x", metadata={"jupyter_agent": {"session": "s"}})],
        [],
        op_id="1",
    )
    assert stand.cells()[0]["metadata"] == {"tags": ["keep"], "jupyter_agent": {"session": "s"}}
    await stand.document.apply(
        [SetSource(id="first", source="y", metadata={"jupyter_agent": None})], [], op_id="2"
    )
    assert stand.cells()[0]["metadata"] == {"tags": ["keep"]}


async def test_attachments_are_given_and_come_with_outputs(stand: Stand) -> None:
    document = stand.document
    [first, *_] = (await document.read()).cells
    attached = {"a.png": {"image/png": "AAAA"}}
    new = InsertCell(
        id="new", cell_type="markdown", source="![](attachment:a.png)", attachments=attached
    )
    turned = [
        SetCellType(id=first.id, cell_type="code"),
        SetCellType(id=first.id, cell_type="markdown", attachments=attached),
    ]
    await document.apply([new, *turned], [], op_id="o")
    assert {cell.attachments is None for cell in (await document.read()).cells} == {True}
    found = {cell.id: cell.attachments for cell in (await document.read("all")).cells}
    assert (found["new"], found[first.id]) == (attached, attached)


async def test_attachments_stay_with_a_cell_that_may_hold_them(stand: Stand) -> None:
    document = stand.document
    attached: dict[str, Any] = {"a.png": {"image/png": "AAAA"}}
    made = InsertCell(id="new", cell_type="markdown", source="![]", attachments=attached)
    await document.apply([made], [], op_id="1")
    await document.apply([SetCellType(id="new", cell_type="raw")], [], op_id="2")
    found = {cell.id: cell for cell in (await document.read("all")).cells}
    assert (found["new"].cell_type, found["new"].attachments) == ("raw", attached)
    other: dict[str, Any] = {"b.png": {"image/png": "BBBB"}}
    await document.apply(
        [SetCellType(id="new", cell_type="markdown", attachments=other)], [], op_id="3"
    )
    found = {cell.id: cell for cell in (await document.read("all")).cells}
    assert found["new"].attachments == other
    result = await document.apply([SetCellType(id="new", cell_type="code")], [], op_id="4")
    assert "Cell new lost its attachments (b.png): a code cell cannot hold any." in result.notes
    found = {cell.id: cell for cell in (await document.read("all")).cells}
    assert found["new"].attachments is None


async def test_outputs_are_replaced_by_id(stand: Stand) -> None:
    outputs = [stream("1\n2\n"), stream("oops\n", name="stderr")]
    await stand.document.set_outputs("second", outputs, 7)
    cell = stand.cells()[2]
    assert [output["text"] for output in cell["outputs"]] == ["1\n2\n", "oops\n"]
    assert cell["execution_count"] == 7
    await stand.document.set_outputs("second", [], None)
    cell = stand.cells()[2]
    assert cell["outputs"] == [] and cell["execution_count"] is None
    for missing in ("gone", "words"):
        with pytest.raises(UnknownCell):
            await stand.document.set_outputs(missing, outputs, 1)


async def test_the_revision_grows_with_every_change_whoever_made_it(stand: Stand) -> None:
    first = (await stand.document.read()).revision
    assert (await stand.document.read()).revision == first
    stand.type_into("second", "mine")
    second = (await stand.document.read()).revision
    result = await stand.document.apply([SetSource(id="second", source="ours")], [], op_id="1")
    assert first < second < result.revision


# ---- what only some backends can meet ------------------------------------------------------------


async def test_an_edit_of_a_live_document_says_whether_its_room_has_saved_it(
    tmp_path: Path,
) -> None:
    stand = LiveStand(tmp_path)
    assert stand.document.backend == "ydoc"
    result = await stand.document.apply([SetSource(id="first", source="x")], [], op_id="1")
    assert result.saved and stand.file.cells()[0]["source"] == "x"
    stand.file._write = lambda cells: None  # type: ignore[method-assign]
    result = await stand.document.apply([SetSource(id="first", source="y")], [], op_id="2")
    assert not result.saved and stand.cells()[0]["source"] == "y"


async def test_a_live_cell_is_not_moved_under_typing_that_goes_on(tmp_path: Path) -> None:
    stand = LiveStand(tmp_path)
    typed = 0

    async def types() -> None:
        nonlocal typed
        while True:
            typed += 1
            stand.type_into("second", f"y = {typed}")
            await asyncio.sleep(0.05)

    typing = asyncio.create_task(types())
    with pytest.raises(StaleCells, match="typing"):
        await stand.document.apply([MoveCell(id="second", after=None)], [], op_id="1")
    typing.cancel()
    assert [cell["id"] for cell in stand.cells()] == ["first", "words", "second"]
    await stand.document.apply([MoveCell(id="second", after=None)], [], op_id="2")
    assert stand.cells()[0]["source"] == f"y = {typed}"


async def test_a_silent_tab_leaves_an_edit_unconfirmed(tmp_path: Path) -> None:
    stand = FrontendStand(tmp_path)
    stand.channel.answers = False
    with pytest.raises(Unconfirmed):
        await stand.document.apply([SetSource(id="first", source="x")], [], op_id="1")
    with pytest.raises(NotebookError, match="did not answer"):
        await stand.document.read()


async def test_a_lost_tab_is_told_apart(tmp_path: Path) -> None:
    stand = FrontendStand(tmp_path)
    stand.channel.open_paths.clear()
    for work in (
        stand.document.read(),
        stand.document.save(),
        stand.document.apply([DeleteCell(id="first")], [], op_id="1"),
    ):
        with pytest.raises(TabGone):
            await work


async def test_an_answer_that_is_not_understood_confirms_nothing(tmp_path: Path) -> None:
    class Nonsense(TabChannel):
        async def _answer(self, method: str, params: dict[str, Any], op_id: str) -> Any:
            return {"ok": True}

    document = FrontendNotebook("notebook.ipynb", Nonsense(FakeNotebook(START)))
    with pytest.raises(Unconfirmed):
        await document.apply([DeleteCell(id="first")], [], op_id="1")


async def test_a_missing_file_is_a_missing_notebook(tmp_path: Path) -> None:
    document = FileNotebook("a.ipynb", tmp_path / "a.ipynb")
    with pytest.raises(NotebookMissing):
        await document.read()
