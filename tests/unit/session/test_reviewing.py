"""A session's review, over a real file and store: kept, undone, restored, after a restart too."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import nbformat
import pytest

from jupyter_agent.config import Settings
from jupyter_agent.protocol.errors import EditRefused, NotAllowed, NotebookError, StaleCells
from jupyter_agent.protocol.messages import Message, TextPart
from jupyter_agent.protocol.rpc import (
    ClearOutputs,
    DeleteCell,
    Expected,
    InsertCell,
    MoveCell,
    SetSource,
)
from jupyter_agent.protocol.session_events import MessageEnd, MessageStart
from jupyter_agent.runtime.build import build_manager
from jupyter_agent.session.checkpoints import MOST_CHECKPOINTS
from jupyter_agent.tools.base import ToolCallContext
from jupyter_agent.tools.checkpoint import CheckpointArguments

SOURCES = ("a = 1", "b = 2", "c = 3")


@pytest.fixture
def file(tmp_path):
    cells = [nbformat.v4.new_code_cell(source, id=source[0]) for source in SOURCES]
    cells[1].outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "2"})]
    cells[1].execution_count = 7
    path = tmp_path / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@asynccontextmanager
async def manager_at(folder):
    settings = Settings(discover_local_servers=False)
    manager = build_manager(settings, root=folder, store_path=folder / "sessions.db")
    try:
        yield manager
    finally:
        await manager.aclose()


async def new_session(manager):
    made = await manager.create(owner="me", notebook_path="n.ipynb", model="demo")
    return await manager.get(made.id, owner="me")


async def act(session, *changes, prompt=None, op="op"):
    """Do what a run's tool would do; `prompt` begins another run."""
    if prompt is not None:
        message = Message(role="user", parts=(TextPart(text=prompt),))
        session.history.append(message)
        await session._record(message)
        session.journal.emit(MessageStart(message=message))
        session.journal.emit(MessageEnd(message_id=message.id, metadata=message.metadata))
        session.checkpoints.begin(f"run-{prompt}", message)
    document = await session.workspace.document("n.ipynb")
    return await document.apply(changes, (), op_id=f"{op}-{session.journal.seq}")


def sources(file):
    return [cell.source for cell in nbformat.read(file, as_version=4).cells]


def type_into(file, number, source):
    notebook = nbformat.read(file, as_version=4)
    notebook.cells[number].source = source
    nbformat.write(notebook, file)


def review(session):
    return {cell.cell_id: cell for cell in session.journal.transcript.review}


BATCH = (
    SetSource(id="a", source="agent = 1", metadata={"jupyter_agent": {"session": "s"}}),
    DeleteCell(id="b"),
    InsertCell(id="n", cell_type="code", source="new", after="a"),
    MoveCell(id="c", after=None),
)


async def test_what_the_agent_did_is_shown_and_undoing_all_is_byte_exact(tmp_path, file):
    before = file.read_bytes()
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, *BATCH, prompt="one")
        await act(session, SetSource(id="a", source="agent = 2"))
        shown = review(session)
        assert {one: cell.kind for one, cell in shown.items()} == {
            "a": "edited",
            "b": "deleted",
            "n": "inserted",
            "c": "moved",
        }
        assert (shown["a"].before, shown["a"].after) == ("a = 1", "agent = 2")
        done = await session.review.undo()
        assert done.cells == 4 and done.conflicts == ()
        assert file.read_bytes() == before
        assert review(session) == {} and await session.review.checkpoints() == []
        with pytest.raises(NotAllowed, match="nothing to undo"):
            await session.review.undo()


async def test_a_refused_edit_takes_back_no_note_of_one_before_it(tmp_path, file):
    before = file.read_bytes()
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, SetSource(id="a", source="agent = 1"), prompt="one")
        with pytest.raises(NotebookError):
            await act(session, SetSource(id="gone", source="x"))
        await session.review.undo()
        assert file.read_bytes() == before


async def test_one_is_undone_one_is_kept_and_the_rest_after_a_restart(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        session_id = session.id
        await act(session, *BATCH, prompt="one")
        await session.review.undo("n.ipynb", "a")
        await session.review.keep("n.ipynb", "n")
        assert sources(file) == ["c = 3", "a = 1", "new"]
    async with manager_at(tmp_path) as manager:
        session = await manager.get(session_id, owner="me")
        assert set(review(session)) == {"b", "c"}
        await session.review.undo()
        assert sources(file) == ["a = 1", "b = 2", "c = 3", "new"]
        [_, restored] = [c for c in nbformat.read(file, as_version=4).cells if c.id in ("a", "b")]
        assert restored.execution_count == 7 and restored.outputs[0].data["text/plain"] == "2"


async def test_what_the_person_typed_is_a_conflict_until_they_insist(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, SetSource(id="a", source="x"), SetSource(id="c", source="y"), prompt="1")
        type_into(file, 0, "mine")
        done = await session.review.undo()
        assert done.cells == 1 and done.conflicts == (("n.ipynb", "a"),)
        assert sources(file) == ["mine", "b = 2", "c = 3"]
        [left] = review(session).values()
        assert (left.state, left.before, left.after, left.current) == (
            "conflict",
            "a = 1",
            "x",
            "mine",
        )
        await session.review.undo("n.ipynb", "a", force=True)
        assert sources(file) == list(SOURCES) and review(session) == {}


async def test_what_the_person_took_back_in_the_notebook_is_reviewed_no_more(tmp_path, file):
    before = file.read_bytes()
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, *BATCH, prompt="one")
        assert set(review(session)) == {"a", "b", "c", "n"}
        await session.review.look_again("n.ipynb")
        assert set(review(session)) == {"a", "b", "c", "n"}
        type_into(file, sources(file).index("agent = 1"), "a = 1")
        await session.review.look_again("n.ipynb")
        assert set(review(session)) == {"b", "c", "n"}
        file.write_bytes(before)
        await session.review.look_again("n.ipynb")
        assert review(session) == {}
        await act(session, SetSource(id="c", source="agent = 3"), prompt="two")
        assert set(review(session)) == {"c"}


async def test_cleared_outputs_that_are_back_are_reviewed_no_more(tmp_path, file):
    before = file.read_bytes()
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, ClearOutputs(id="b"), prompt="one")
        await session.review.look_again("n.ipynb")
        assert review(session)["b"].kind == "outputs"
        file.write_bytes(before)
        await session.review.look_again("n.ipynb")
        assert review(session) == {}


async def test_a_refused_edit_is_not_up_for_review(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, SetSource(id="c", source="y"), prompt="1")
        document = await session.workspace.document("n.ipynb")
        stale = (Expected(id="a", cell_type="code", source="other"),)
        with pytest.raises(StaleCells):
            await document.apply((SetSource(id="a", source="x"),), stale, op_id="refused")
        type_into(file, 0, "mine")
        done = await session.review.undo()
        assert done.cells == 1 and sources(file) == ["mine", "b = 2", "c = 3"]


async def test_restoring_goes_back_to_before_a_prompt_and_no_further(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, SetSource(id="a", source="one"), prompt="1")
        after_first = file.read_bytes()
        await act(session, SetSource(id="a", source="two"), DeleteCell(id="b"), prompt="2")
        await session.review.keep()
        assert review(session) == {}
        first, second = [one for one in session.history if one.role == "user"]
        await session.review.restore_before(second.id)
        assert file.read_bytes() == after_first
        type_into(file, 2, "mine")
        await session.review.restore_before(first.id)
        assert sources(file) == ["a = 1", "b = 2", "mine"]
        assert session.journal.transcript.checkpoints == ()
        texts = [e.text for e in session.journal.transcript.entries if e.type == "notice"]
        assert len(texts) == 2 and "1 cell as before" in texts[1]


async def test_restoring_the_second_prompt_leaves_the_first_up_for_review(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, SetSource(id="a", source="one"), prompt="1")
        await act(session, SetSource(id="a", source="two"), prompt="2")
        await session.review.restore_before(session.history[-1].id)
        [cell] = review(session).values()
        assert (cell.before, cell.after) == ("a = 1", "one")


async def test_undoing_the_last_run_whole_refuses_when_a_cell_has_changed(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, SetSource(id="a", source="x"), SetSource(id="c", source="y"), prompt="1")
        type_into(file, 0, "mine")
        before = file.read_bytes()
        with pytest.raises(EditRefused, match="was changed since, in cell 1"):
            await session.review.undo_run(whole=True)
        assert file.read_bytes() == before
        await session.review.undo_run(whole=True, force=True)
        assert sources(file) == list(SOURCES)


async def test_nothing_is_undone_while_a_run_goes_on(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, SetSource(id="a", source="x"), prompt="1")
        await session.prompt("explain this notebook")
        with pytest.raises(NotAllowed, match="Stop it first"):
            await session.review.undo()
        await session.wait()
        await session.review.undo()
        assert sources(file) == list(SOURCES)


async def test_only_the_latest_checkpoints_are_kept(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        for number in range(MOST_CHECKPOINTS + 3):
            await act(session, SetSource(id="a", source=f"x{number}"), prompt=f"p{number}")
        known = session.journal.transcript.checkpoints
        assert known[0].prompt == "p3" and len(known) == MOST_CHECKPOINTS
        store = await manager.store()
        assert len(await store.checkpoints(session.id)) == MOST_CHECKPOINTS


async def test_a_fork_takes_the_checkpoints_of_its_prompts_along(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        store = await manager.store()
        for number in (1, 2):
            await act(session, SetSource(id="a", source=f"x{number}"), prompt=f"p{number}")
            message = session.history[-1]
            await session._record(message)
        first, second = session.history
        whole = await manager.fork(session.id, first.id, owner="me")
        forked = await manager.get(whole.id, owner="me")
        assert [one.prompt for one in forked.journal.transcript.checkpoints] == ["p1"]
        assert review(forked) == {}
        empty = await manager.fork(session.id, first.id, owner="me", before=True)
        assert (await manager.get(empty.id, owner="me")).history == []
        before = await manager.fork(session.id, second.id, owner="me", before=True)
        assert [m.id for m in (await manager.get(before.id, owner="me")).history] == [first.id]
        await session.review.undo()
        await forked.review.restore_before(first.id)
        assert sources(file) == list(SOURCES)
        await manager.delete(session.id, owner="me")
        assert await store.checkpoints(session.id) == []


async def test_the_models_own_tool_lists_and_restores_and_always_asks(tmp_path, file):
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager)
        await act(session, *BATCH, prompt="tidy up")
        tool = session.tools["checkpoint"]
        context = ToolCallContext(call_id="c", run_id="r", update=lambda text, cells: None)
        listed = await tool.run(CheckpointArguments(action="list"), context)
        [line] = listed.content[0].text.splitlines()
        assert line.endswith("before the prompt: tidy up")
        wanted = CheckpointArguments(action="restore", id=line.split(":")[0])
        assert tool.always_ask(wanted) and tool.permissions(wanted) == {"write"}
        preview = await tool.preview(wanted)
        assert "tidy up" in preview.title and ("notebook", "n.ipynb") in preview.bound_to
        assert {(b.before, b.text) for b in preview.blocks} >= {("", "b = 2"), ("new", "")}
        before = json.loads(file.read_text())
        assert before["cells"][0]["source"] == ["c = 3"]
        done = await tool.run(wanted, context)
        assert "4 cells as before" in done.content[0].text
        assert sources(file) == list(SOURCES)
        with pytest.raises(NotAllowed, match="no checkpoint"):
            await tool.preview(wanted)
