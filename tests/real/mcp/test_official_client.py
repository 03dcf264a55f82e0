"""The official Python client of MCP starts our server as Claude Code would, and works a notebook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from real_scripts import agent_home

pytestmark = pytest.mark.timeout(120)


def parameters(folder: Path, *words: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "jupyter_agent.cli.main", "mcp", *words],
        env=agent_home(folder),
        cwd=str(folder),
    )


def text_of(result: Any) -> str:
    return "\n".join(part.text for part in result.content if part.type == "text")


async def test_the_official_client_lists_calls_and_hears_of_progress(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 20")])
    nbformat.write(notebook, tmp_path / "work.ipynb")
    news: list[str | None] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        news.append(message)

    async with (
        stdio_client(parameters(tmp_path, "--mode", "auto")) as (read, write),
        ClientSession(read, write) as session,
    ):
        about = await session.initialize()
        assert "notebook" in (about.instructions or "")
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert tools["read_cells"].annotations is not None
        overview = text_of(await session.call_tool("notebook_overview", {"notebook": "work.ipynb"}))
        assert "x = 20" in overview
        op = {"op": "insert", "after": "end", "source": "print(x + 22)"}
        await session.call_tool("run_cells", {"notebook": "work.ipynb", "scope": "all"})
        done = await session.call_tool(
            "edit_cells",
            {"notebook": "work.ipynb", "ops": [op], "run": "changed"},
            progress_callback=progress,
        )
        assert "42" in text_of(done)
        refused = await session.call_tool("read_cells", {"notebook": "work.ipynb", "ids": "none"})
        assert "none" in text_of(refused)
        await session.send_ping()
    assert news
    made = nbformat.read(tmp_path / "work.ipynb", as_version=4)
    nbformat.validate(made)
    assert made.cells[-1].outputs[0].text == "42\n"
