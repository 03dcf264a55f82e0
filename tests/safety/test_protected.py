"""Hidden notebooks stay closed to every tool; what runs by itself is written only when asked."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_agent.kernel.managed import ManagedKernels
from jupyter_agent.policy.rules import CallFacts, decide
from jupyter_agent.protocol.errors import AgentError
from jupyter_agent.testing import FakeWorkspace
from jupyter_agent.tools.base import Tool, ToolCallContext
from jupyter_agent.tools.files import FileRefused
from jupyter_agent.tools.toolset import build_tools
from jupyter_agent.workspace.workspace import SessionWorkspace

posix = pytest.mark.skipif(os.name == "nt", reason="links are POSIX's")
NOTEBOOK = {
    "cells": [{"cell_type": "markdown", "id": "secret", "metadata": {}, "source": "HIDDEN"}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}
HIDDEN = (
    ".secret/n.ipynb",
    ".ipynb_checkpoints/n-checkpoint.ipynb",
    "data/.ipynb_checkpoints/n-checkpoint.ipynb",
    ".n.ipynb",
    "data/../.secret/n.ipynb",
    "./.secret/n.ipynb",
    "/.secret/n.ipynb",
    ".secret\\n.ipynb",
    "link.ipynb",
    "linked/n.ipynb",
    "outside.ipynb",
)
# What each tool that takes a notebook is called with, beside it.
CALLS: dict[str, dict[str, Any]] = {
    "notebook_overview": {},
    "read_cells": {"ids": ["secret"]},
    "edit_cells": {"ops": [{"op": "insert", "after": "end", "source": "x"}]},
    "run_cells": {"ids": ["secret"]},
    "run_code": {"code": "1"},
    "inspect_variables": {},
    "kernel": {"action": "status"},
    "verify_notebook": {},
}


class Unrecorded:
    async def before_changes(self, *_: Any) -> None:
        raise AssertionError("a hidden notebook was changed")

    before_run = refused = before_changes

    def changed(self, path: str) -> None:
        raise AssertionError("a hidden notebook was changed")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    text = json.dumps(NOTEBOOK)
    names = (
        ".secret/n.ipynb",
        ".ipynb_checkpoints/n-checkpoint.ipynb",
        "data/.ipynb_checkpoints/n-checkpoint.ipynb",
        ".n.ipynb",
        "open.ipynb",
    )
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    if os.name == "posix":
        (tmp_path / "outside.ipynb").write_text(text)
        (root / "outside.ipynb").symlink_to(tmp_path / "outside.ipynb")
        (root / "link.ipynb").symlink_to(root / ".secret" / "n.ipynb")
        (root / "linked").symlink_to(root / ".secret")
    return root


def tools_of(root: Path, notebook: str | None) -> dict[str, Tool[Any]]:
    async def nobody(*_: Any) -> None:
        return None

    workspace = SessionWorkspace(
        root=root,
        notebook=notebook,
        kernels=ManagedKernels(root),
        vision=lambda: False,
        question=nobody,
        on_change=lambda *_: None,
        recorder=Unrecorded(),
        provenance=lambda: None,
        on_notebook=nobody,
    )
    return {tool.name: tool for tool in build_tools(workspace)}


async def use(tool: Tool[Any], arguments: dict[str, Any]) -> str:
    given = tool.arguments.model_validate(arguments)
    context = ToolCallContext(call_id="c", run_id="r", update=lambda text, cells: None)
    await tool.preview(given)
    output = await tool.run(given, context)
    return "".join(part.text for part in output.content if part.type == "text")


@posix
@pytest.mark.R(25)
@pytest.mark.parametrize("path", HIDDEN)
@pytest.mark.parametrize("name", CALLS)
async def test_no_tool_opens_a_hidden_notebook(root: Path, name: str, path: str) -> None:
    tool = tools_of(root, "open.ipynb")[name]
    with pytest.raises(FileRefused) as caught:
        await use(tool, {**CALLS[name], "notebook": path})
    assert "HIDDEN" not in caught.value.user_message


def test_every_tool_that_takes_a_notebook_is_tried(root: Path) -> None:
    takes = {
        name
        for name, tool in tools_of(root, "open.ipynb").items()
        if "notebook" in tool.arguments.model_fields
    }
    assert takes == set(CALLS)


@posix
async def test_the_sessions_own_notebook_is_the_persons_choice(root: Path) -> None:
    for own in ("open.ipynb", ".secret/n.ipynb", "link.ipynb"):
        tools = tools_of(root, own)
        assert "secret" in await use(tools["notebook_overview"], {})
        assert "HIDDEN" in await use(tools["read_cells"], {"ids": ["secret"], "notebook": own})
    assert "HIDDEN" in await use(
        tools_of(root, None)["read_cells"], {"ids": ["secret"], "notebook": "open.ipynb"}
    )


# ---- write_file ---------------------------------------------------------------------------------

RUNS_BY_ITSELF = (
    "numpy.py",
    "json.py",
    "NumPy.py",
    "data/pandas.py",
    "random.py",
    "pytest.py",
    "pydantic.py",
    "hypothesis.py",
    "numpy/__init__.py",
    "json/__init__.py",
    "sub/torch/__init__.py",
    "json.cpython-311-x86_64-linux-gnu.so",
    "conftest.py",
    "tests/conftest.py",
    "setup.py",
    "setup.cfg",
    "pyproject.toml",
    "tox.ini",
    "noxfile.py",
    "Makefile",
    "makefile",
    "GNUmakefile",
    "rules.mk",
    "Dockerfile",
    "package.json",
    "postBuild",
    "__main__.py",
    "custom/custom.js",
    "x/Custom/custom.css",
    "json.py\u200b",
)
NEVER = (
    "sitecustomize.py",
    "usercustomize.py",
    "sitecustomize/__init__.py",
    "evil.pth",
    "jupyter_cookie_secret",
    "notebook_cookie_secret",
    "runtime/jupyter_cookie_secret",
    "jpserver-1234.json",
    "jpserver-1234-open.html",
    "nbserver-1234.json",
    "kernel-3f2a.json",
    "nbsignatures.db",
    "kernels/x/kernel.json",
)
ORDINARY = (
    "notes.txt",
    "analysis.py",
    "my_helpers.py",
    "numpy.txt",
    "json.md",
    "data/table.csv",
    "numpy/notes.txt",
    "src/mypackage/__init__.py",
    "custom/other.js",
    "custom.js",
)


def write_file(root: Path) -> Tool[Any]:
    return next(tool for tool in build_tools(FakeWorkspace(root=root)) if tool.name == "write_file")


@pytest.mark.R(23)
@pytest.mark.parametrize("path", RUNS_BY_ITSELF, ids=ascii)
async def test_what_may_run_by_itself_is_always_asked_for_and_says_why(
    tmp_path: Path, path: str
) -> None:
    tool = write_file(tmp_path)
    arguments = tool.arguments.model_validate({"path": path, "content": "x"})
    assert tool.always_ask(arguments)
    assert "may run by itself: " in (await tool.preview(arguments)).title
    facts = CallFacts(
        tool_name=tool.name,
        permissions=tool.permissions(arguments),
        always_ask=tool.always_ask(arguments),
    )
    assert decide(facts, mode="auto").effect == "ask"


@pytest.mark.R(23)
@pytest.mark.parametrize("path", NEVER, ids=ascii)
async def test_what_configures_the_machine_is_never_written(tmp_path: Path, path: str) -> None:
    tool = write_file(tmp_path)
    arguments = tool.arguments.model_validate({"path": path, "content": "x"})
    with pytest.raises(AgentError):
        tool.always_ask(arguments)
    with pytest.raises(FileRefused):
        await tool.preview(arguments)


@pytest.mark.parametrize("path", ORDINARY)
async def test_other_files_are_asked_for_as_the_mode_says(tmp_path: Path, path: str) -> None:
    tool = write_file(tmp_path)
    arguments = tool.arguments.model_validate({"path": path, "content": "x"})
    assert not tool.always_ask(arguments)
    assert (await tool.preview(arguments)).title == f"Create {path}"


@posix
async def test_links_are_resolved_both_ways(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "numpy.py").symlink_to(tmp_path / "notes.txt")
    (tmp_path / "other.txt").symlink_to(tmp_path / "conftest.py")
    tool = write_file(tmp_path)
    for path in ("numpy.py", "other.txt"):
        assert tool.always_ask(tool.arguments.model_validate({"path": path, "content": "x"}))


async def test_a_module_of_the_persons_own_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("x = 1")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    tool = write_file(tmp_path)
    arguments = tool.arguments.model_validate({"path": "mine.py", "content": "x"})
    assert not tool.always_ask(arguments)
