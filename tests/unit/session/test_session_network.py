"""An edit that would have browsers load something from elsewhere is asked about, in mode edits too."""

from __future__ import annotations

import asyncio

import nbformat
import pytest
from session_rig import Model, manager_of, of, start

from jupyter_agent.providers.replay import Call, Say

IMAGE = "![](http://evil.example/x.png?d=1)"


def inserts(*sources):
    """Return a model that inserts Markdown cells, one a turn."""

    def script(request):
        done = sum(len(message.tool_results) for message in request.messages)
        if done == len(sources):
            return [Say("Done.")]
        op = {"op": "insert", "after": "end", "type": "markdown", "source": sources[done]}
        return [Call("edit_cells", {"notebook": "n.ipynb", "ops": [op], "reason": "r"})]

    return Model(script)


def watch_approvals(session):
    """Return a queue of the approvals that the session asks for."""
    asked = asyncio.Queue()

    def note(seq, event, data):
        if event.type == "approval_start":
            asked.put_nowait(event)

    session.journal.attach(note, session.journal.seq)
    return asked


@pytest.mark.R(14)
async def test_mode_edits_asks_before_an_edit_has_something_loaded(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "n.ipynb")
    async with manager_of(tmp_path, first=inserts("words", IMAGE)) as manager:
        session, _ = await start(manager)
        approvals = watch_approvals(session)
        await session.configure(mode="edits")
        await session.prompt("note it")
        asked = await approvals.get()
        assert asked.permissions == ("network", "write")
        assert "evil.example" in asked.preview[0].label
        await session.approve(asked.approval_id, fingerprint=asked.fingerprint, allow=False)
        await session.wait()
    cells = nbformat.read(tmp_path / "n.ipynb", as_version=4).cells
    assert [cell.source for cell in cells] == ["words"]


@pytest.mark.R(14)
async def test_a_grant_of_edits_does_not_cover_one_that_has_something_loaded(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "n.ipynb")
    async with manager_of(tmp_path, first=inserts("words", "more", IMAGE)) as manager:
        session, events = await start(manager)
        approvals = watch_approvals(session)
        await session.prompt("note it")
        for scope in ("session", "once"):
            asked = await approvals.get()
            await session.approve(
                asked.approval_id, fingerprint=asked.fingerprint, allow=True, scope=scope
            )
        await session.wait()
        first, second = of(events, "approval_start")
    assert first.permissions == ("write",) and second.permissions == ("network", "write")
