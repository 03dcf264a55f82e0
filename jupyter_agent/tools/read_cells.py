"""The tool that reads cells: sources, and outputs as digests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from ..digest.limits import DEFAULT_LIMITS, Limits, for_several
from ..digest.outputs import digest_outputs, output_slice
from ..notebook.cells import Ids, label, line_count, reference, source_lines
from ..protocol.messages import ImagePart, TextPart
from ..protocol.rpc import CellState, NotebookState
from .base import Preview, ToolCallContext, ToolOutput, as_list, text_output
from .cell_lines import cell_line, facts_of
from .content import Content
from .workspace import RunRecord
from .workspace_tool import NotebookArguments, WorkspaceTool, join_words

BRIEF = Limits(stream=1_500, call=12_000, images=2)
LONGEST_SOURCE = 20_000  # characters of one cell
_SLICE = 8_000


class ReadCellsArguments(NotebookArguments):
    """Which cells to read, and how much of them."""

    slips: ClassVar[dict[str, str]] = {
        "cell_ids": "ids",
        "id": "ids",
        "cell_id": "ids",
        "cells": "ids",
    }

    ids: list[str] = Field(min_length=1, max_length=100)
    source: bool = True
    outputs: Literal["none", "brief", "full"] = "brief"
    lines: str | None = None
    output_index: int | None = Field(None, ge=0)
    offset: int = Field(0, ge=0)

    @field_validator("ids", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return as_list(value)

    @field_validator("lines", mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        if isinstance(value, list) and len(value) == 2:
            return f"{value[0]}-{value[1]}"
        return value

    @field_validator("lines")
    @classmethod
    def _range(cls, value: str | None) -> str | None:
        if value is not None and _span(value) is None:
            raise ValueError('lines are given as "from-to", counted from 1')
        return value


class ReadCells(WorkspaceTool):
    """Reads cells; what it shows whole counts as read."""

    name = "read_cells"
    arguments = ReadCellsArguments

    async def preview(self, arguments: ReadCellsArguments) -> Preview:
        path, _, state = await self._open(arguments.notebook)
        cells = await asyncio.to_thread(_resolve, arguments.ids, state)
        return Preview(title=f"Read {_labels(cells)}", bound_to=(("notebook", path),))

    async def run(self, arguments: ReadCellsArguments, context: ToolCallContext) -> ToolOutput:
        path = self._workspace.notebook_path(arguments.notebook)
        document = await self._workspace.document(path)
        state = await document.read()
        cells = await asyncio.to_thread(_resolve, arguments.ids, state)
        if arguments.outputs != "none" or arguments.output_index is not None:
            state = await document.read(tuple(cell.id for _, cell in cells))
            cells = await asyncio.to_thread(_resolve, arguments.ids, state)
        if arguments.output_index is not None:
            text = output_slice(
                cells[0][1].outputs or (), arguments.output_index, arguments.offset, _SLICE
            )
            return text_output(text, title=f"Read output of {_labels(cells[:1])}")
        content, read = await asyncio.to_thread(
            _content,
            [cell for _, cell in cells],
            arguments,
            self._workspace.runs,
            state,
            vision=self._workspace.vision,
        )
        self._workspace.memory.remember(path, read)
        return ToolOutput(
            content=content,
            title=f"Read {_labels(cells)}",
            cells=tuple(reference(cell, number, "read", path=path) for number, cell in cells),
        )


def _content(
    cells: list[CellState],
    arguments: ReadCellsArguments,
    runs: Mapping[str, RunRecord],
    state: NotebookState,
    *,
    vision: bool,
) -> tuple[tuple[TextPart | ImagePart, ...], list[CellState]]:
    """Return what the model reads, and the cells whose source that holds whole."""
    facts = facts_of(state, runs)
    content = Content()
    brief = arguments.outputs == "brief"
    limits = for_several(BRIEF if brief else DEFAULT_LIMITS, len(cells))
    counts = {
        cell.execution_count: cell.id for cell in state.cells if cell.execution_count is not None
    }
    read: list[CellState] = []
    for cell in cells:
        content.add(cell_line(cell, facts))
        if arguments.source:
            text, whole = _source(cell, arguments.lines)
            content.add(text)
            if whole:
                read.append(cell)
        if arguments.outputs != "none" and cell.outputs:
            left = max(0, limits.call - content.digested)
            digest = digest_outputs(
                cell.outputs,
                cell_id=facts.short[cell.id],
                vision=vision,
                limits=replace(limits, call=left),
                cells=counts,
            )
            content.add("-- outputs")
            content.add_digest(digest)
    return content.parts, read


# A cell and its place, from 1.
Placed = tuple[int, CellState]


def _resolve(ids: list[str], state: NotebookState) -> list[Placed]:
    """Return the cells that are meant, each once."""
    placed: dict[str, Placed] = {}
    for number, cell in enumerate(state.cells, 1):
        placed.setdefault(cell.id, (number, cell))
    known = Ids(placed)
    return [placed[one] for one in dict.fromkeys(known.resolve(given) for given in ids)]


def _labels(cells: list[Placed]) -> str:
    labels = [label(cell, number) for number, cell in cells]
    return join_words(labels) if len(labels) <= 4 else f"{len(labels)} cells"


def _span(lines: str) -> tuple[int, int] | None:
    first, dash, last = lines.replace(":", "-").partition("-")
    try:
        start = int(first)
        end = int(last) if last.strip() else start
    except ValueError:
        return None
    if not dash:
        end = start
    return (start, end) if 1 <= start <= end else None


def _source(cell: CellState, lines: str | None) -> tuple[str, bool]:
    """Return the source, or a part of it with a notice, and whether it is whole."""
    if lines is not None and (span := _span(lines)) is not None:
        every = source_lines(cell.source)
        part = every[span[0] - 1 : span[1]]
        text = "\n".join(part)[:LONGEST_SOURCE]
        return (
            f"-- source, lines {span[0]}-{min(span[1], len(every))} of {len(every)}\n{text}",
            False,
        )
    if len(cell.source) <= LONGEST_SOURCE:
        return f"-- source\n{cell.source}", True
    shown = cell.source[:LONGEST_SOURCE]
    number = line_count(shown)
    return f'-- source, cut; read on with lines="{number}-{number + 200}"\n{shown}', False
