"""Half surrogate pairs in a notebook: no call of a tool ends the run or leaves a hole in the journal."""

from __future__ import annotations

import json

import pytest
from session_rig import Model, manager_of, of, say, watch

from jupyter_agent.providers.replay import Call, Say

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "id": "aaaa1111",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": "x = '\ud83d'",
        },
        {
            "cell_type": "code",
            "id": "bbbb2222",
            "execution_count": None,
            "metadata": {},
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "\ud800 hi"}],
            "source": "y = 2",
        },
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}
CALLS = [
    Call("notebook_overview", {}),
    Call("read_cells", {"ids": ["aaaa1111"]}),
    Call("read_cells", {"ids": ["bbbb2222"], "output_index": 0}),
    Call("edit_cells", {"ops": [{"op": "clear_outputs", "id": "bbbb2222"}]}),
    Call("edit_cells", {"ops": [{"op": "str_replace", "id": "aaaa1111", "old": "x", "new": "z"}]}),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.name} {[*call.arguments]}")
async def test_half_a_character_in_a_notebook_ends_no_run(tmp_path, call):
    (tmp_path / "a.ipynb").write_text(json.dumps(NOTEBOOK))
    answers = [[call], [Say("fine")]]
    async with manager_of(tmp_path, first=Model(lambda request: answers.pop(0))) as manager:
        made = await manager.create(owner="me", model="first", mode="auto", notebook_path="a.ipynb")
        session = await manager.get(made.id, owner="me")
        events = watch(session)
        await say(session, "go")
        assert [event.status for event in of(events, "run_end")] == ["done"]
        (end,) = of(events, "tool_end")
        end.result.text.encode()
        await session.journal.flush()
        # Nothing was numbered that could not be written.
        assert await (await manager.store()).last_seq(session.id) == session.journal.seq
