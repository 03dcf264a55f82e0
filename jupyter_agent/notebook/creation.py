"""Making a notebook that was not there before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..protocol.errors import EditRefused, NotebookReadOnly
from ..protocol.rpc import CellState
from .lines import split_texts


async def create_notebook_file(
    file: Path, cells: Sequence[CellState], kernel_name: str | None
) -> None:
    """Write a new notebook of format 4.5.

    Raises:
        EditRefused: there is something at that path already, or the path is not a notebook's.
        NotebookReadOnly: it cannot be written there.
    """
    if file.suffix != ".ipynb":
        raise EditRefused(f"{file.name} is not a notebook's name: it must end in .ipynb.")
    content = new_notebook(cells, kernel_name)
    split_texts(content)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    await asyncio.to_thread(_write_new, file, text)


def _write_new(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # "x" makes the check and the creation one step: nothing is ever overwritten.
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise EditRefused(
            f"{file.name} exists already. Edit it with edit_cells, or choose another name.",
            cause=error,
        ) from error
    except OSError as error:
        raise NotebookReadOnly(
            f"{file.name} cannot be created: {error.strerror or error}.", cause=error
        ) from error


def new_notebook(cells: Sequence[CellState], kernel_name: str | None) -> dict[str, Any]:
    """Return the data of a new notebook of format 4.5, with its texts as strings."""
    metadata: dict[str, Any] = {}
    if kernel_name:
        metadata["kernelspec"] = {"name": kernel_name, "display_name": kernel_name}
    return {
        "cells": [_cell(cell) for cell in cells],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(cell: CellState) -> dict[str, Any]:
    made: dict[str, Any] = {
        "cell_type": cell.cell_type,
        "id": cell.id,
        "metadata": dict(cell.metadata or {}),
        "source": cell.source,
    }
    if cell.cell_type == "code":
        made["execution_count"] = None
        made["outputs"] = []
    return made
