"""`jupyter agent mcp` as another agent starts it: over its standard input and output, a real kernel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOK = "work.ipynb"
ANSWER_SECONDS = 60


class Client:
    """A client of the protocol; `answer` is what its person says to a question."""

    def __init__(self, command: Any, *arguments: str, asks: bool = False) -> None:
        self.answer: dict[str, Any] = {"action": "decline"}
        self.asked: list[str] = []
        self.count = 0
        self.found: dict[Any, dict[str, Any]] = {}
        self.arrived = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_agent.cli.main", "mcp", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=command.folder,
            env=command.environment,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        able = {"elicitation": {}} if asks else {}
        self.ask(
            "initialize",
            protocolVersion="2025-11-25",
            capabilities=able,
            clientInfo={"name": "tester", "version": "1"},
        )
        self.send(method="notifications/initialized")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("method") == "elicitation/create":
                self.asked.append(message["params"]["message"])
                self.send(id=message["id"], result=self.answer)
            with self.arrived:
                self.found[message.get("id")] = message
                self.arrived.notify_all()

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def begin(self, method: str, **params: Any) -> int:
        self.count += 1
        self.send(id=self.count, method=method, params=params)
        return self.count

    def wait(self, number: int) -> dict[str, Any]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: number in self.found, ANSWER_SECONDS), self.found
            return self.found[number]

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self.wait(self.begin(method, **params))

    def call(self, name: str, **arguments: Any) -> tuple[str, bool]:
        """Call a tool; returns its text and whether it is an error."""
        result = self.ask("tools/call", name=name, arguments=arguments)["result"]
        return "\n".join(part.get("text", "") for part in result["content"]), result["isError"]

    def end(self) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(30)
        self.reader.join(10)
        self.process.stdout.close()
        return code


@pytest.fixture
def start(command: Any) -> Iterator[Any]:
    clients: list[Client] = []

    def started(*arguments: str, asks: bool = False) -> Client:
        clients.append(Client(command, *arguments, asks=asks))
        return clients[-1]

    write(command.folder, "x = 1", "print(x + 1)")
    yield started
    for client in clients:
        client.end()


def write(folder: Path, *sources: str) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / NOTEBOOK)


def cells_of(folder: Path) -> list[Any]:
    return list(nbformat.read(folder / NOTEBOOK, as_version=4).cells)


def insert(source: str, **more: Any) -> dict[str, Any]:
    op = {"op": "insert", "after": "end", "source": source}
    return {"notebook": NOTEBOOK, "ops": [op], **more}


def test_another_agent_reads_edits_runs_meets_a_change_and_is_undone(
    start: Any, command: Any
) -> None:
    client = start("--mode", "auto")
    names = {tool["name"] for tool in client.ask("tools/list")["result"]["tools"]}
    assert {"notebook_overview", "edit_cells", "run_cells"} <= names and "ask_user" not in names
    overview, _ = client.call("notebook_overview", notebook=NOTEBOOK)
    first, second = re.findall(r"id=(\S+)", overview)
    ran, failed = client.call("run_cells", notebook=NOTEBOOK, scope="all")
    assert "2" in ran and not failed
    client.call("edit_cells", **insert("print(6 * 7)", run="changed"))
    assert cells_of(command.folder)[-1].outputs[0].text == "42\n"
    # Somebody else changes a cell that was read.
    client.call("read_cells", notebook=NOTEBOOK, ids=[first, second])
    made = nbformat.read(command.folder / NOTEBOOK, as_version=4)
    made.cells[0].source = "x = 100"
    nbformat.write(made, command.folder / NOTEBOOK)
    replace = {"op": "replace", "id": first, "source": "x = 5"}
    refused, failed = client.call("edit_cells", notebook=NOTEBOOK, ops=[replace])
    assert failed and "STALE_CELL" in refused
    assert cells_of(command.folder)[0].source == "x = 100"
    assert client.end() == 0
    undone = command.run("undo", NOTEBOOK)
    assert undone.returncode == 0, undone.stderr
    assert [cell.source for cell in cells_of(command.folder)] == ["x = 100", "print(x + 1)"]
    listed = command.run("sessions").stdout
    assert "tester" in listed


def test_in_mode_ask_the_clients_person_decides(start: Any, command: Any) -> None:
    client = start(asks=True)
    refused, failed = client.call("edit_cells", **insert("y = 2"))
    assert failed and "did not allow" in refused
    client.answer = {"action": "accept", "content": {"allow": True}}
    _, failed = client.call("edit_cells", **insert("y = 2"))
    assert not failed
    assert cells_of(command.folder)[-1].source == "y = 2"
    assert len(client.asked) == 2 and "y = 2" in client.asked[0]


def test_a_client_that_cannot_ask_is_told_how_to_allow(start: Any, command: Any) -> None:
    client = start()
    refused, failed = client.call("edit_cells", **insert("y = 2"))
    assert failed and "--mode edits" in refused
    assert len(cells_of(command.folder)) == 2


ATTEMPTS = {
    "edit_cells": insert("y = 2"),
    "run_cells": {"notebook": NOTEBOOK, "scope": "all"},
    "run_code": {"notebook": NOTEBOOK, "code": "open('ran', 'w')"},
    "kernel": {"notebook": NOTEBOOK, "action": "restart"},
    "verify_notebook": {"notebook": NOTEBOOK},
    "create_notebook": {"path": "new.ipynb", "cells": []},
    "checkpoint": {"action": "restore", "id": "x"},
    "write_file": {"path": "new.txt", "content": "x"},
}
READING = {
    "notebook_overview": {"notebook": NOTEBOOK},
    "read_cells": {"notebook": NOTEBOOK, "ids": ["nowhere"]},
    "run_status": {"run_id": "none"},
    "inspect_variables": {"notebook": NOTEBOOK},
    "list_files": {},
    "read_file": {"path": "none.txt"},
    "search_files": {"query": "x"},
}


def test_no_tool_changes_anything_without_the_gate(start: Any, command: Any) -> None:
    """In mode plan the gate allows reading alone, and nobody is there to be asked."""
    client = start("--mode", "plan")
    offered = {tool["name"] for tool in client.ask("tools/list")["result"]["tools"]}
    assert offered == ATTEMPTS.keys() | READING.keys()
    before = {path.name: path.read_bytes() for path in command.folder.glob("*.*") if path.is_file()}
    for name, arguments in ATTEMPTS.items():
        text, failed = client.call(name, **arguments)
        # There is nothing to restore, which is found before anybody would be asked.
        expected = "no checkpoint" if name == "checkpoint" else "REJECTED"
        assert failed and expected in text, (name, text)
    for name, arguments in READING.items():
        client.call(name, **arguments)
    after = {path.name: path.read_bytes() for path in command.folder.glob("*.*") if path.is_file()}
    assert {name: after.get(name) for name in before} == before
    assert not (command.folder / "ran").exists()


def test_a_cancelled_call_ends_its_cell_and_the_kernel_goes_with_the_client(
    start: Any, command: Any
) -> None:
    source = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\nfor _ in range(600):\n    time.sleep(0.1)"
    client = start("--mode", "auto")
    number = client.begin("tools/call", name="edit_cells", arguments=insert(source, run="changed"))
    pid_file = command.folder / "pid"
    deadline = time.monotonic() + 60
    while not (pid_file.exists() and pid_file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    client.send(method="notifications/cancelled", params={"requestId": number})
    text, failed = client.call("edit_cells", **insert("print('after')", run="changed"))
    assert not failed and "after" in text
    assert number not in client.found
    assert client.end() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "cursor", "vscode"])
def test_the_configuration_of_each_client_starts_this_server(command: Any, name: str) -> None:
    printed = command.run("mcp", "--print-config", name).stdout
    assert "jupyter_agent.cli.main" in printed and "mcp" in printed
    if name in ("gemini", "cursor", "vscode"):
        [servers] = json.loads(printed).values()
        assert servers["jupyter"]["command"] == sys.executable
