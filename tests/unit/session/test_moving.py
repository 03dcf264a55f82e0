"""A session goes along with its notebook: the one the agent makes, and the one a person renames."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import groupby

import nbformat
import pytest
from session_rig import Model, manager_of, of, say, watch

from jupyter_agent.config import Settings
from jupyter_agent.policy.grants import Grant
from jupyter_agent.protocol.errors import NotAllowed
from jupyter_agent.protocol.rpc import SetSource
from jupyter_agent.providers.replay import Call, Say
from jupyter_agent.runtime.build import build_manager

SETTINGS = Settings(discover_local_servers=False, allowed_modes=("ask", "auto"))


def write(path, source="a = 1"):
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_code_cell(source, id="a")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def source(path):
    return nbformat.read(path, as_version=4).cells[0].source


@asynccontextmanager
async def manager_at(folder):
    manager = build_manager(SETTINGS, root=folder, store_path=folder / "sessions.db")
    try:
        yield manager
    finally:
        await manager.aclose()


async def new_session(manager, path):
    made = await manager.create(owner="me", notebook_path=path, model="demo")
    return await manager.get(made.id, owner="me")


async def edit(session, path, text="a = 2"):
    session.checkpoints.begin("run", None)
    document = await session.workspace.document(path)
    await document.apply([SetSource(id="a", source=text)], (), op_id=f"op-{session.id}")


async def paths(manager):
    return {one.id: one.notebook_path for one in await manager.sessions(owner="me")}


class Tab:
    """A person's tab; notes where a session says it belongs when a notebook is opened."""

    def __init__(self):
        self.seen = []
        self.look = lambda path: None

    def __call__(self, owner, session_id):
        return self

    def has_tab(self, path):
        return False

    async def open(self, path):
        self.seen.append((path, self.look()))
        return True


def creates(request):
    if request.messages[-1].tool_results:
        return [Say("Done.")]
    return [Call("create_notebook", {"path": "new.ipynb", "cells": ["x = 1"]})]


async def test_a_notebook_the_agent_makes_is_the_sessions_own_before_it_is_opened(tmp_path):
    tab = Tab()
    async with manager_of(tmp_path, settings=SETTINGS, first=Model(creates)) as manager:
        object.__setattr__(manager.world, "browser", tab)
        made = await manager.create(owner="me", model="first", mode="auto")
        session = await manager.get(made.id, owner="me")
        events = watch(session)
        tab.look = lambda: [event.notebook_path for event in of(events, "session_change")]
        await say(session, "make one")
        assert (tab.seen[0][0], tab.seen[0][1][-1]) == ("new.ipynb", "new.ipynb")
        assert await paths(manager) == {session.id: "new.ipynb"}
    async with manager_at(tmp_path) as manager:
        assert await paths(manager) == {session.id: "new.ipynb"}
        again = await manager.get(session.id, owner="me")
        assert again.workspace.notebook_path(None) == "new.ipynb"


async def test_a_second_notebook_leaves_the_session_with_its_own(tmp_path):
    write(tmp_path / "a.ipynb")
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager, "a.ipynb")
        await session.workspace.create_notebook("b.ipynb", (), None)
        assert await paths(manager) == {session.id: "a.ipynb"}


async def test_the_list_is_told_when_a_person_is_waited_for_and_when_no_more(tmp_path):
    settings = Settings(discover_local_servers=False, approval_deadline=0.05)
    async with manager_of(tmp_path, settings=settings, first=Model(creates)) as manager:
        made = await manager.create(owner="me", model="first")
        session = await manager.get(made.id, owner="me")
        seen = []
        manager.on_change(lambda: seen.append(session.status))
        await say(session, "make one")
        assert [status for status, _ in groupby(seen)] == ["running", "waiting", "running", "idle"]


MOVES = pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("data/a.ipynb", "data/b.ipynb", "data/b.ipynb"),
        ("data", "old/data", "old/data/a.ipynb"),
    ],
    ids=["notebook", "folder"],
)


async def move_and_undo(manager, session_id, old, new, name):
    root = manager.world.root
    (root / new).parent.mkdir(exist_ok=True)
    (root / old).rename(root / new)
    await manager.move_notebook(old, new, owner="me")
    assert await paths(manager) == {session_id: name}
    session = await manager.get(session_id, owner="me")
    assert [cell.path for cell in session.journal.transcript.review] == [name]
    assert [one.path for one in await session.review.checkpoints()] == [name]
    assert session.workspace.notebook_path(None) == name
    await session.review.undo()
    assert source(root / name) == "a = 1"
    assert session.journal.transcript.review == ()


@MOVES
async def test_review_and_undo_go_along(tmp_path, old, new, name):
    write(tmp_path / "data" / "a.ipynb")
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager, "data/a.ipynb")
        await edit(session, "data/a.ipynb")
        await move_and_undo(manager, session.id, old, new, name)


@MOVES
async def test_so_do_those_of_a_session_nobody_has_opened_since_a_restart(tmp_path, old, new, name):
    write(tmp_path / "data" / "a.ipynb")
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager, "data/a.ipynb")
        await edit(session, "data/a.ipynb")
    async with manager_at(tmp_path) as manager:
        await move_and_undo(manager, session.id, old, new, name)


async def test_a_run_goes_on_in_the_notebook_that_was_renamed(tmp_path):
    write(tmp_path / "a.ipynb")
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager, "a.ipynb")
        held = await session.workspace.document("a.ipynb")
        session.workspace.memory.remember("a.ipynb", (await held.read()).cells)
        session.grants.append(
            Grant(
                scope="notebook",
                tool_name="edit_cells",
                permissions=frozenset({"write"}),
                notebook_path="a.ipynb",
            )
        )
        (tmp_path / "a.ipynb").rename(tmp_path / "b.ipynb")
        await manager.move_notebook("a.ipynb", "b.ipynb", owner="me")
        session.checkpoints.begin("run", None)
        await held.apply([SetSource(id="a", source="a = 2")], (), op_id="op")
        assert source(tmp_path / "b.ipynb") == "a = 2"
        assert session.workspace.memory.known("b.ipynb", "a").source == "a = 1"
        assert session.grants[0].notebook_path == "b.ipynb"
        assert not (tmp_path / "a.ipynb").exists()


async def test_a_session_of_another_notebook_keeps_what_it_did_to_this_one(tmp_path):
    for name in ("a.ipynb", "b.ipynb", "a.ipynb2/c.ipynb"):
        write(tmp_path / name)
    async with manager_at(tmp_path) as manager:
        other = await new_session(manager, "b.ipynb")
        await edit(other, "a.ipynb")
        third = await new_session(manager, "a.ipynb2/c.ipynb")
        stranger = await manager.create(owner="you", notebook_path="a.ipynb", model="demo")
        (tmp_path / "a.ipynb").rename(tmp_path / "z.ipynb")
        await manager.move_notebook("a.ipynb", "z.ipynb", owner="me")
        assert await paths(manager) == {other.id: "b.ipynb", third.id: "a.ipynb2/c.ipynb"}
        (theirs,) = await manager.sessions(owner="you")
        assert (theirs.id, theirs.notebook_path) == (stranger.id, "a.ipynb")
        await other.review.undo()
        assert source(tmp_path / "z.ipynb") == "a = 1"


async def test_a_copy_leaves_the_sessions_where_they_are(tmp_path):
    write(tmp_path / "a.ipynb")
    write(tmp_path / "copy.ipynb")
    async with manager_at(tmp_path) as manager:
        session = await new_session(manager, "a.ipynb")
        with pytest.raises(NotAllowed, match="still there"):
            await manager.move_notebook("a.ipynb", "copy.ipynb", owner="me")
        assert await paths(manager) == {session.id: "a.ipynb"}
