"""Notebooks without a tab on a real server: its hooks run, and other managers are asked to save."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from jupyter_server.services.contents.filemanager import AsyncFileContentsManager
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from memory_contents import AsyncMemoryContents, MemoryContents
from tornado.web import HTTPError
from traitlets.config import Config

from jupyter_agent.notebook.contents import ContentsNotebook
from jupyter_agent.notebook.document import NotebookDocument
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.errors import (
    EditRefused,
    NotANotebook,
    NotebookError,
    NotebookMissing,
    NotebookReadOnly,
    StaleCells,
    Unconfirmed,
)
from jupyter_agent.protocol.rpc import CellState, SetSource
from jupyter_agent.server.contents import ServerContents, notebooks_of
from jupyter_agent.server.extension import JupyterAgentApp

CELL = {
    "cell_type": "code",
    "execution_count": 3,
    "id": "x",
    "metadata": {},
    "outputs": [],
    "source": ["one\n", "two"],
}
NOTEBOOK = {"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
EDIT = (SetSource(id="x", source="new"),)


def text_of(file: Path) -> str:
    return file.read_text("utf-8")


def cell_in(file: Path) -> dict[str, Any]:
    cell: dict[str, Any] = json.loads(text_of(file))["cells"][0]
    return cell


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def served(app: JupyterAgentApp, path: str = "n.ipynb") -> NotebookDocument:
    """Return a notebook as the server's real sessions reach it without a tab."""
    manager = await app.manager()
    assert manager.world.notebooks is not None
    return manager.world.notebooks.document(path)


class TestFiles:
    @pytest.fixture
    def file(self, jp_root_dir: Path) -> Path:
        file = jp_root_dir / "n.ipynb"
        file.write_text(json.dumps(NOTEBOOK))
        return file

    @pytest.fixture
    def oddly_written(self, file: Path) -> Path:
        other = '{"cell_type":"markdown","id":"o","metadata":{},"source":"as  it is"}'
        odd = '{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[%s,%s]}'
        file.write_text(odd % (json.dumps(CELL), other))
        return file

    async def test_hooks_see_a_notebook_as_at_jupyters_own_save(
        self, jp_serverapp: ServerApp, agent_app: JupyterAgentApp, file: Path
    ) -> None:
        seen: list[tuple[Any, ...]] = []

        def before(*, model: Any, path: str, contents_manager: Any, **more: Any) -> None:
            cell = model["content"]["cells"][0]
            seen.append((model["type"], path, cell["source"], contents_manager))
            cell["execution_count"] = None

        def registered(*, model: Any, path: str, contents_manager: Any, **more: Any) -> None:
            model["content"]["cells"][0]["metadata"]["seen"] = True

        def after(*, model: Any, os_path: str, contents_manager: Any, **more: Any) -> None:
            seen.append((model["type"], os_path, Path(os_path).read_text()))

        contents = jp_serverapp.contents_manager
        contents.pre_save_hook, contents.post_save_hook = before, after
        contents.register_pre_save_hook(registered)
        document = await served(agent_app)
        assert document.backend == "file"
        edit = (SetSource(id="x", source="new\nlines"),)
        result = await document.apply(edit, (), op_id="1")
        written = cell_in(file)
        assert written["source"] == ["new\n", "lines"]
        assert (written["execution_count"], written["metadata"]) == (None, {"seen": True})
        assert result.cells[0].metadata == {"seen": True}
        assert seen[0] == ("notebook", "n.ipynb", "new\nlines", contents)
        assert seen[1] == ("notebook", str(file), text_of(file))

    async def test_hooks_that_change_nothing_leave_every_other_byte(
        self, jp_serverapp: ServerApp, agent_app: JupyterAgentApp, oddly_written: Path
    ) -> None:
        before = text_of(oddly_written)
        jp_serverapp.contents_manager.pre_save_hook = lambda **given: None
        await (await served(agent_app)).apply(EDIT, (), op_id="1")
        assert text_of(oddly_written) == before.replace('["one\\n", "two"]', '["new"]')

    async def test_a_hook_that_refuses_leaves_the_file_as_it_was(
        self, jp_serverapp: ServerApp, agent_app: JupyterAgentApp, file: Path
    ) -> None:
        def refuse(**given: Any) -> None:
            raise HTTPError(400, "No drafts on Fridays")

        jp_serverapp.contents_manager.pre_save_hook = refuse
        before = text_of(file)
        with pytest.raises(EditRefused, match=r"pre-save hook .* n\.ipynb: No drafts on Fridays\."):
            await (await served(agent_app)).apply(EDIT, (), op_id="1")
        assert text_of(file) == before

    async def test_a_hook_that_fails_is_passed_over_as_jupyter_does(
        self, jp_serverapp: ServerApp, agent_app: JupyterAgentApp, file: Path
    ) -> None:
        def fail(**given: Any) -> None:
            raise ValueError("a defect")

        jp_serverapp.contents_manager.pre_save_hook = fail
        await (await served(agent_app)).apply(EDIT, (), op_id="1")
        assert cell_in(file)["source"] == ["new"]

    async def test_a_failing_post_save_hook_is_told_and_the_edit_stands(
        self, jp_serverapp: ServerApp, agent_app: JupyterAgentApp, file: Path
    ) -> None:
        def fail(**given: Any) -> None:
            raise ValueError("no converter")

        jp_serverapp.contents_manager.post_save_hook = fail
        result = await (await served(agent_app)).apply(EDIT, (), op_id="1")
        assert "no converter" in result.notes[0] and result.notes[0].startswith("Saved, but")
        assert cell_in(file)["source"] == ["new"]

    async def test_no_checkpoint_is_made(
        self, agent_app: JupyterAgentApp, file: Path, jp_root_dir: Path
    ) -> None:
        await (await served(agent_app)).apply(EDIT, (), op_id="1")
        assert names_in(jp_root_dir) == ["n.ipynb"]


def test_a_manager_derived_from_the_file_manager_is_asked_to_save(tmp_path: Path) -> None:
    class Paired(LargeFileManager):
        """Keeps a script beside each notebook."""

        def save(self, model: Any, path: str = "") -> Any:
            return super().save(model, path)

    for manager, kind in (
        (LargeFileManager(root_dir=str(tmp_path)), FileNotebook),
        (AsyncFileContentsManager(root_dir=str(tmp_path)), FileNotebook),
        (Paired(root_dir=str(tmp_path)), ContentsNotebook),
        (MemoryContents(), ContentsNotebook),
    ):
        assert isinstance(notebooks_of(manager, tmp_path).document("n.ipynb"), kind)


@pytest.mark.filterwarnings("ignore:The synchronous ContentsManager:DeprecationWarning")
@pytest.mark.parametrize("kind", [MemoryContents, AsyncMemoryContents])
class TestElsewhere:
    @pytest.fixture
    def jp_server_config(self, kind: type) -> Config:
        return Config(
            {
                "ServerApp": {
                    "jpserver_extensions": {"jupyter_agent": True},
                    "contents_manager_class": kind,
                },
                "JupyterAgent": {"store": "memory", "discover_local_servers": False},
            }
        )

    @pytest.fixture
    def memory(self, jp_serverapp: ServerApp) -> MemoryContents:
        manager = jp_serverapp.contents_manager
        found: MemoryContents = getattr(manager, "inner", manager)
        found.kept = {"a/n.ipynb": NOTEBOOK}
        return found

    async def test_it_is_edited_there_and_on_no_disk(
        self, agent_app: JupyterAgentApp, memory: MemoryContents, jp_root_dir: Path, kind: type
    ) -> None:
        document = await served(agent_app, "a/n.ipynb")
        assert (await document.read()).cells[0].source == "one\ntwo"
        await document.apply(EDIT, (), op_id="1")
        await document.set_outputs(
            "x", [{"output_type": "stream", "name": "stdout", "text": "1\n2"}], 4
        )
        [cell] = memory.kept["a/n.ipynb"]["cells"]
        assert (cell["source"], cell["execution_count"]) == ("new", 4)
        assert cell["outputs"][0]["text"] == "1\n2"
        assert names_in(jp_root_dir) == []

    async def test_a_session_reads_edits_and_creates_there(
        self, agent_app: JupyterAgentApp, memory: MemoryContents, jp_root_dir: Path, kind: type
    ) -> None:
        manager = await agent_app.manager()
        made = await manager.create(owner="local", notebook_path="a/n.ipynb", model="demo")
        session = await manager.get(made.id, owner="local")
        workspace = session.workspace
        assert workspace is not None
        document = await workspace.document("a/n.ipynb")
        assert document.backend == "contents"
        await document.apply(EDIT, (), op_id="1")
        assert memory.kept["a/n.ipynb"]["cells"][0]["source"] == "new"
        cell = CellState(id="c", cell_type="markdown", source="a\nb")
        other = await workspace.create_notebook("new.ipynb", [cell], "python3")
        assert (await other.read()).cells[0].source == "a\nb"
        for path in ("new.ipynb", "../out.ipynb", "a/new.txt"):
            with pytest.raises(EditRefused):
                await workspace.create_notebook(path, [], None)
        assert names_in(jp_root_dir) == []

    async def test_what_it_raises_is_said(
        self,
        jp_serverapp: ServerApp,
        agent_app: JupyterAgentApp,
        memory: MemoryContents,
        kind: type,
    ) -> None:
        with pytest.raises(NotebookMissing):
            await (await served(agent_app, "none.ipynb")).read()
        document = await served(agent_app, "a/n.ipynb")

        def refuse(**given: Any) -> None:
            raise HTTPError(given.get("status", 403), "Not yours")

        jp_serverapp.contents_manager.pre_save_hook = refuse
        with pytest.raises(NotebookReadOnly, match="Not yours"):
            await document.apply(EDIT, (), op_id="1")
        assert memory.kept["a/n.ipynb"] == NOTEBOOK

    async def test_someone_elses_save_in_between_wins(
        self, agent_app: JupyterAgentApp, memory: MemoryContents, kind: type
    ) -> None:
        document = await served(agent_app, "a/n.ipynb")
        theirs = {**NOTEBOOK, "cells": [{**CELL, "source": "theirs"}]}
        count = 0
        get = memory.get

        def racing(*given: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == 2:
                memory.kept = {"a/n.ipynb": theirs}
            return get(*given, **more)

        memory.get = racing  # type: ignore[method-assign]
        with pytest.raises(StaleCells):
            await document.apply(EDIT, (), op_id="1")
        assert memory.kept["a/n.ipynb"] == theirs

    async def test_a_save_that_breaks_off_is_never_called_a_failure_when_it_was_none(
        self, agent_app: JupyterAgentApp, memory: MemoryContents, kind: type
    ) -> None:
        document = await served(agent_app, "a/n.ipynb")
        save = memory.save

        def breaks(model: Any, path: str = "") -> Any:
            save(model, path)
            raise ConnectionError("reset by peer")

        memory.save = breaks  # type: ignore[method-assign]
        with pytest.raises(Unconfirmed, match="reset by peer"):
            await document.apply(EDIT, (), op_id="1")

        def fails(model: Any, path: str = "") -> Any:
            raise ConnectionError("no route")

        memory.save = fails  # type: ignore[method-assign]
        with pytest.raises(NotebookError, match="no route") as caught:
            await document.apply((SetSource(id="x", source="2"),), (), op_id="2")
        assert not isinstance(caught.value, Unconfirmed)

    async def test_two_sessions_lose_nothing(
        self, jp_serverapp: ServerApp, memory: MemoryContents, tmp_path: Path, kind: type
    ) -> None:
        cells = [{**CELL, "id": f"c{number}"} for number in range(8)]
        memory.kept = {"a/n.ipynb": {**NOTEBOOK, "cells": cells}}
        notebooks = notebooks_of(jp_serverapp.contents_manager, tmp_path)
        await asyncio.gather(
            *(
                notebooks.document("a/n.ipynb").apply(
                    [SetSource(id=f"c{number}", source=str(number))], [], op_id=str(number)
                )
                for number in range(8)
            )
        )
        sources = [cell["source"] for cell in memory.kept["a/n.ipynb"]["cells"]]
        assert sources == [str(number) for number in range(8)]


async def test_what_is_no_notebook_is_refused() -> None:
    class Odd(MemoryContents):
        def get(self, path: str, content: bool = True, type: Any = None, format: Any = None) -> Any:
            return {"type": "file", "content": "text"}

    with pytest.raises(NotANotebook):
        await ServerContents(Odd()).get("a.txt")
