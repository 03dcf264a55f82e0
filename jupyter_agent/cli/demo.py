"""`jupyter agent demo`: a copy of the demo's notebook, opened in JupyterLab with the demo model."""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from ..demo.assets import NOTEBOOK, TABLE, demo_assets
from . import exits
from .arguments import port

DESCRIPTION = """\
Open JupyterLab on a notebook about penguins, with a scripted model that needs no key and drives
the real tools. The notebook is copied into a folder of its own; one that you worked in stays as
it is.
"""
FOLDER = "jupyter-agent-demo"
_NEEDED = ("jupyterlab", "pandas", "matplotlib")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--no-browser", action="store_true", help="open no browser; the address is printed"
    )
    parser.add_argument("--port", type=port, metavar="N", help="port of JupyterLab")
    parser.add_argument(
        "--directory", metavar="D", help=f"folder for the copy (default: ./{FOLDER}, numbered)"
    )


def main(arguments: argparse.Namespace) -> int:
    """Start JupyterLab and wait for its end."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        print(
            f"The demo needs {' and '.join(missing)}: pip install {' '.join(missing)}",
            file=sys.stderr,
        )
        return exits.FAILED
    try:
        folder = prepare_folder(arguments.directory)
    except OSError as error:
        print(f"The demo's folder cannot be made: {error}", file=sys.stderr)
        return exits.USAGE
    print(f"The demo is in {folder}. Ctrl-C ends it.", flush=True)
    return _serve(lab_command(folder, port=arguments.port, browser=not arguments.no_browser))


def prepare_folder(wanted: str | None) -> Path:
    """Copy the demo's files and return the folder: one that holds nothing else of these names.

    Raises:
        OSError: it cannot be written.
    """
    assets = demo_assets()
    base = Path(wanted if wanted is not None else FOLDER).expanduser().resolve()
    number, folder = 1, base
    while not _is_fresh(folder, assets):
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in (NOTEBOOK, TABLE):
        shutil.copyfile(assets / name, folder / name)
    return folder


def _is_fresh(folder: Path, assets: Path) -> bool:
    """Whether copying the files into the folder would change nothing of the person's."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(
        not (folder / name).exists() or filecmp.cmp(folder / name, assets / name, shallow=False)
        for name in (NOTEBOOK, TABLE)
    )


def lab_command(folder: Path, *, port: int | None, browser: bool) -> list[str]:
    """Return the command that opens the demo's notebook with the demo model."""
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder}",
        # Also part of the address that is printed, unlike a file named on the command line.
        f"--LabApp.default_url=/lab/tree/{NOTEBOOK}",
        "--ServerApp.answer_yes=True",  # Ctrl-C ends it without a question
        "--JupyterAgent.default_model=demo",
        "--JupyterAgent.open_panel=always",
    ]
    if _is_root():
        # As in a container. JupyterLab refuses, but whoever started us runs as root already, and
        # it listens on this machine only.
        command.append("--ServerApp.allow_root=True")
    if port is not None:
        command.append(f"--ServerApp.port={port}")
    if not browser:
        command.append("--no-browser")
    return command


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _serve(command: list[str]) -> int:
    """Run JupyterLab until it ends; Ctrl-C and SIGTERM end it."""
    with subprocess.Popen(command) as server:

        def end(number: int, frame: FrameType | None) -> None:
            server.terminate()

        # A terminal sends Ctrl-C to JupyterLab as well: it ends by itself, and we wait for it.
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGTERM, end)
        code = server.wait()
    return exits.DONE if code in (0, -signal.SIGTERM, -signal.SIGINT) else exits.FAILED
