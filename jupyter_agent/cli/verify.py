"""`jupyter agent verify`: whether a notebook runs from the top with the same results; no model."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from contextlib import suppress
from pathlib import Path

from ..kernel.languages import kernel_for
from ..kernel.scratch import ScratchKernel
from ..notebook.cells import label_of
from ..notebook.file import FileNotebook
from ..notebook.places import named_file
from ..protocol.errors import NotAllowed
from ..protocol.rpc import CellState, NotebookState
from ..rendering.terminal import visible
from ..tools.verification import Bounds, Verification, code_cells, verify
from ..tools.verification_report import VerificationReport, report
from . import exits
from .arguments import seconds

DESCRIPTION = """\
Run a copy of the notebook from the top, in a new kernel of the same kind, and compare what comes
with what the notebook shows. The notebook is not changed; what its cells do to files they do again.
Asks no model. The exit code is 0 when it gives the same results and 1 when it does not.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("notebook", metavar="NOTEBOOK", help="the notebook to check")
    parser.add_argument("--json", action="store_true", help="print the outcome as one JSON object")
    parser.add_argument(
        "--cell-timeout", type=seconds, default=300.0, metavar="S", help="for one cell (300)"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=1_800.0, metavar="S", help="for all cells (1800)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Check the notebook and return the exit code."""
    path = named_file(arguments.notebook)
    return asyncio.run(_until_done(arguments, path))


async def _until_done(arguments: argparse.Namespace, path: Path) -> int:
    """Check; SIGTERM ends the kernel before the process."""
    checking = asyncio.ensure_future(_check(arguments, path))
    with suppress(NotImplementedError):  # no signals of that kind on Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, checking.cancel)
    await asyncio.wait({checking})
    return exits.TERMINATED if checking.cancelled() else checking.result()


async def _check(arguments: argparse.Namespace, path: Path) -> int:
    state = await FileNotebook(path.name, path).read("all")
    if not code_cells(state):
        raise NotAllowed(f"{path.name} has no code cell to run.")
    bounds = Bounds(cell=arguments.cell_timeout, whole=arguments.timeout)
    kernel = await kernel_for(state.kernel_name, state.language)
    async with ScratchKernel(path.parent, path.name, kernel) as runner:
        found = await verify(state, runner, bounds=bounds, on_cell=_show_progress)
    told = report(found, state, bounds=bounds, vision=False)
    if arguments.json:
        print(json.dumps(_data(arguments.notebook, found, told, state), ensure_ascii=False))
    else:
        print("\n".join(visible(line) for line in _lines(told)))
    return exits.DONE if found.passed else exits.FAILED


def _show_progress(cell: CellState, number: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\rcell {number} of {total}", end="\n" if number == total else "", file=sys.stderr)


def _lines(told: VerificationReport) -> list[str]:
    lines = [told.headline, *told.lines]
    if told.digest is not None:
        texts = (part.text for part in told.digest.content if part.type == "text")
        lines += "\n".join(texts).splitlines()
    return lines


def _data(
    notebook: str, found: Verification, told: VerificationReport, state: NotebookState
) -> dict[str, object]:
    return {
        "notebook": notebook,
        "passed": found.passed,
        "message": told.headline,
        "cells": found.total,
        "equal": found.equal,
        "unseen": found.unseen,
        "not_run": found.not_run,
        "seconds": round(found.seconds, 3),
        "differences": [
            {
                "kind": item.kind,
                "cell_id": item.cell.id,
                "cell": label_of(item.cell.id, state.cells),
                "name": item.name,
                "error": told.digest.error if told.digest and number == 0 else None,
            }
            for number, item in enumerate(found.differences)
        ],
    }
