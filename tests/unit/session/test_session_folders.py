"""Sessions belong to the folder they are about: the same path in another is another notebook."""

from __future__ import annotations

import pytest

from jupyter_agent.config import Settings
from jupyter_agent.protocol.errors import UnknownSession
from jupyter_agent.runtime.build import build_manager


async def test_the_same_path_under_another_root_is_another_notebook(tmp_path):
    settings = Settings(discover_local_servers=False)
    store = tmp_path / "sessions.db"
    here = build_manager(settings, root=tmp_path / "here", store_path=store)
    made = await here.create(owner="me", notebook_path="a.ipynb", model="demo")
    assert [found.id for found in await here.sessions(owner="me", notebook_path="a.ipynb")] == [
        made.id
    ]
    await here.aclose()
    there = build_manager(settings, root=tmp_path / "there", store_path=store)
    assert await there.sessions(owner="me") == []
    with pytest.raises(UnknownSession):
        await there.get(made.id, owner="me")
    await there.aclose()
