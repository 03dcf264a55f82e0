"""The official Python client of MCP's stateless revision works a notebook through our server."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest
from mcp import Client, StdioServerParameters
from real_scripts import agent_home

pytestmark = pytest.mark.timeout(120)


async def test_the_stateless_client_lists_and_calls(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 20")])
    nbformat.write(notebook, tmp_path / "work.ipynb")
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "jupyter_agent.cli.main", "mcp", "--mode", "auto"],
        env=agent_home(tmp_path),
        cwd=str(tmp_path),
    )
    async with Client(server) as client:
        assert client.protocol_version == "2026-07-28"
        assert "edit_cells" in {tool.name for tool in (await client.list_tools()).tools}
        await client.call_tool("run_cells", {"notebook": "work.ipynb", "scope": "all"})
        op = {"op": "insert", "after": "end", "source": "print(x + 22)"}
        done = await client.call_tool(
            "edit_cells", {"notebook": "work.ipynb", "ops": [op], "run": "changed"}
        )
        assert "42" in done.content[0].text
    made = nbformat.read(tmp_path / "work.ipynb", as_version=4)
    assert made.cells[-1].outputs[0].text == "42\n"
