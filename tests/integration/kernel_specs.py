"""Kernelspecs whose kernels fail to start."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

# Another program has the kernel's shell port when the kernel wants it, so many times.
CONTENDED = """\
import json, os, socket, sys
connection, starts, contended = sys.argv[1:]
with open(starts, "a+") as file:
    file.write("started\\n")
    file.seek(0)
    begun = len(file.readlines())
if begun <= int(contended):
    other = socket.socket()
    other.bind(("127.0.0.1", json.load(open(connection))["shell_port"]))
    other.listen()
from ipykernel.kernelapp import launch_new_instance
launch_new_instance(argv=["-f", connection])
"""


def install(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    """Have a kernelspec below `folder` whose program is this Python with some arguments."""
    spec = folder / "data" / "kernels" / name
    spec.mkdir(parents=True)
    found = {"argv": [sys.executable, *argv], "display_name": name.title(), "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(found), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "data"))


def install_contended(folder: Path, monkeypatch: pytest.MonkeyPatch, *, times: int) -> Path:
    """Have `contended`, whose first starts find a port taken; return the file with a line a start."""
    starts = folder / "starts.txt"
    argv = ("-c", CONTENDED, "{connection_file}", str(starts), str(times))
    install("contended", folder, monkeypatch, *argv)
    return starts
