"""Extensions that keep live documents and are not made as the one we know.

What a real one does is tested in `tests/real/collaboration`.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.notebook.shared import SharedNotebook
from jupyter_agent.protocol.errors import EditRefused
from jupyter_agent.protocol.rpc import SetSource
from jupyter_agent.server.collaboration import ServerRooms

NOTEBOOK = (
    '{"cells": [{"cell_type": "code", "id": "a", "metadata": {}, "source": "x", '
    '"execution_count": null, "outputs": []}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
)


class Ids:
    """A manager of file ids, by the path itself."""

    def index(self, path: str) -> str:
        return path

    def get_path(self, file_id: str) -> str:
        return file_id


def notebook(root: Path, name: str, **extension: Any) -> SharedNotebook:
    """Return a notebook on a server with an extension that keeps documents."""
    (root / "n.ipynb").write_text(NOTEBOOK)
    app = SimpleNamespace(name=name, **extension)
    server: Any = SimpleNamespace(
        extension_manager=SimpleNamespace(extension_apps={name: [app]}),
        web_app=SimpleNamespace(settings={"file_id_manager": Ids()}),
    )
    kept = FileNotebook("n.ipynb", root / "n.ipynb")
    return SharedNotebook("n.ipynb", kept, ServerRooms(server, root))


ROOM = {"json:notebook:n.ipynb": object()}


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("jupyter_server_documents", {}),
        ("jupyter_server_ydoc", {}),
        ("jupyter_server_ydoc", {"ywebsocket_server": SimpleNamespace()}),
        ("jupyter_server_ydoc", {"ywebsocket_server": SimpleNamespace(rooms=ROOM)}),
        ("jupyter_server_ydoc", {"ywebsocket_server": SimpleNamespace(rooms={})}),
    ],
)
async def test_edits_are_refused_where_nobody_knows_whether_a_document_lives(
    tmp_path: Path, name: str, extension: dict[str, Any]
) -> None:
    document = notebook(tmp_path, name, **extension)
    assert (await document.read()).cells[0].source == "x"
    with pytest.raises(EditRefused, match="browser tab"):
        await document.apply([SetSource(id="a", source="y")], [], op_id="1")
    with pytest.raises(EditRefused, match="browser tab"):
        await document.set_outputs("a", [], 1)
    assert (tmp_path / "n.ipynb").read_text() == NOTEBOOK


@pytest.mark.parametrize(
    ("name", "extension"),
    [("another_extension", {}), ("jupyter_server_ydoc", {"disable_rtc": True})],
)
async def test_without_collaboration_the_file_is_edited(
    tmp_path: Path, name: str, extension: dict[str, Any]
) -> None:
    document = notebook(tmp_path, name, **extension)
    result = await document.apply([SetSource(id="a", source="y")], [], op_id="1")
    assert (result.saved, document.backend) == (True, "file")
