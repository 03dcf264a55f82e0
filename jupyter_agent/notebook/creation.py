"""Making a notebook that was not there before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..protocol.errors import EditRefused, NotebookError, NotebookReadOnly
from ..protocol.rpc import CellState
from .disk import FULL, READ_ONLY, Disk, create_atomically
from .layout import encodable
from .lines import split_texts


async def create_notebook_file(
    file: Path,
    cells: Sequence[CellState],
    kernel_name: str | None,
    *,
    disk: Disk | None = None,
) -> None:
    """Write a new notebook of format 4.5, whole or not at all.

    Raises:
        EditRefused: there is something at that path already, or the path is not a notebook's.
        NotebookReadOnly: it cannot be written there.
        NotebookError: the disk is full, or failed.
    """
    if file.suffix != ".ipynb":
        raise EditRefused(f"{file.name} is not a notebook's name: it must end in .ipynb.")
    content = new_notebook(cells, kernel_name)
    split_texts(content)
    text = encodable(content, indent=1) + "\n"
    await asyncio.to_thread(_write_new, file, text, disk or Disk())


def _write_new(file: Path, text: str, disk: Disk) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        create_atomically(file, text.encode("utf-8"), disk=disk)
    except FileExistsError as error:
        raise EditRefused(
            f"{file.name} exists already. Edit it with edit_cells, or choose another name.",
            cause=error,
        ) from error
    except OSError as error:
        raise _in_words(error, file.name) from error


def _in_words(error: OSError, name: str) -> NotebookError:
    if error.errno in FULL:
        return NotebookError(f"The disk is full: {name} was not created.", cause=error)
    reason = error.strerror or str(error)
    if error.errno in READ_ONLY:
        return NotebookReadOnly(f"{name} cannot be created: {reason}.", cause=error)
    return NotebookError(f"{name} could not be created: {reason}.", cause=error)


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
