"""A notebook's texts: lists of lines in a file, whole strings in memory, as nbformat has both.

Jupyter's contents API and its save hooks speak of notebooks as they are in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import ipynb


def join_texts(notebook: dict[str, Any]) -> None:
    """Make a notebook's texts whole strings, in place."""
    for cell in _cells(notebook):
        if "source" in cell:
            cell["source"] = ipynb.source_of(cell)
        _each_output(cell, ipynb.join_output)


def split_texts(notebook: dict[str, Any]) -> None:
    """Make a notebook's texts lists of lines, in place."""
    for cell in _cells(notebook):
        if isinstance(cell.get("source"), str):
            cell["source"] = ipynb.split_lines(cell["source"])
        _each_output(cell, ipynb.split_output)


def _cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    cells = notebook.get("cells")
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def _each_output(cell: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    if isinstance(cell.get("outputs"), list):
        cell["outputs"] = [
            change(output) if isinstance(output, dict) else output for output in cell["outputs"]
        ]
