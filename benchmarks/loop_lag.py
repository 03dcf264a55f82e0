"""How long the server's event loop is held while the agent works on a large notebook.

A session is played by a script through everything a real one uses (gate, tools with their
previews, digests, checkpoints, journal, review), on a notebook as a file and in a browser tab.
Meanwhile the loop is watched: how late is what should happen now? A wait of 300 ms counts for each
of its milliseconds, as it would for requests that arrive at any time; p99.9 is of those.

Aims: 50 ms with 5,000 cells and 100 MB of outputs, 250 ms with 50,000 cells; the memory falls back
afterwards. `idle` is the same watch with nothing to do, on the same machine: what others take of it.

`python3 scripts/dev.py bench loop_lag`, or with names: `python benchmarks/loop_lag.py "5,000 file"`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from jupyter_agent.access.model_access import Access, ModelAccess
from jupyter_agent.config import Settings
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.protocol.models import ModelInfo
from jupyter_agent.providers.replay import EVERYTHING, Call, Say, ScriptedProvider
from jupyter_agent.runtime.build import build_manager
from jupyter_agent.runtime.sessions import Sessions
from jupyter_agent.server.browser import Tabs
from jupyter_agent.server.connection import Client, Connection
from jupyter_agent.server.outbox import Outbox
from jupyter_agent.session.session import Session

# Cells, characters of each cell's output, and the aim in milliseconds.
SIZES = {"5,000": (5_000, 20_000, 50), "50,000": (50_000, 200, 250)}
BACKENDS = ("file", "tab")
TICK = 0.001
PATH = "large.ipynb"
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


# ---- what is watched ---------------------------------------------------------------------------


@dataclass
class Watch:
    """Looks at the loop each millisecond. `waits` are seconds by which it came too late.

    `own` is what this process computed meanwhile, at most the wait: on a machine that others use,
    the rest is theirs.
    """

    waits: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    peak: int = 0
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        before, computed = time.perf_counter(), time.process_time()
        ticks = 0
        while True:
            await asyncio.sleep(TICK)
            now, spent = time.perf_counter(), time.process_time()
            wait = max(0.0, now - before - TICK)
            self.waits.append(wait)
            self.own.append(min(wait, spent - computed))
            before, computed = now, spent
            ticks += 1
            if ticks % 20 == 0:
                self.peak = max(self.peak, resident())

    async def stop(self) -> None:
        """End."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def put_first() -> None:
    """Have this thread go before all others on the machine, where the system lets us.

    What is measured is what in this process holds the loop, not who else uses the processors. The
    threads that work for the loop begin like it, and are put back among the others.
    """
    if not set_priority(-20):
        print("    (the loop's thread could not be put first: others' work is measured, too)")
        return
    workers = ThreadPoolExecutor(8, initializer=set_priority, initargs=(0,))
    asyncio.get_running_loop().set_default_executor(workers)


def set_priority(priority: int) -> bool:
    """Set this thread's priority, from -20 (first) on; returns False where that is not allowed."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), priority)
    except (AttributeError, OSError):
        return False
    return True


def percentile(waits: list[float], share: float) -> float:
    """Return a percentile in milliseconds, each wait counted once for each of its ticks."""
    each = []
    for wait in waits:
        each.extend(wait - step * TICK for step in range(max(1, int(wait / TICK))))
    each.sort()
    return 1000 * each[min(len(each) - 1, int(share * len(each)))] if each else 0.0


def resident() -> int:
    """Return this process's resident memory in MB; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE // 1_000_000
    except OSError:
        return 0


# ---- the notebook, as a file and in a tab ---------------------------------------------------------


def make_cells(count: int, size: int) -> list[dict[str, Any]]:
    """Return cells that use each other's names, with outputs of several kinds."""
    cells = []
    for number in range(count):
        line = f"row {number} " + "x" * 80 + "\n"
        lines = [line] * (size // len(line) + 1)
        image = {"image/png": "iVBORw0KGgo" + "A" * size, "text/plain": "<Figure>"}
        stream = {"output_type": "stream", "name": "stdout", "text": lines}
        figure = {"output_type": "display_data", "data": image, "metadata": {}}
        cells.append(
            {
                "cell_type": "code",
                "execution_count": number + 1,
                "id": f"c{number:07d}",
                "metadata": {"tags": ["large"]},
                "outputs": [figure if number % 4 == 0 else stream],
                "source": [
                    f"# step {number}\n",
                    f"table_{number} = table_{max(0, number - 1)}.assign(x=lambda t: t.y + {number})\n",
                    f"for row in table_{number}:\n",
                    "    print(row)",
                ],
            }
        )
    return cells


def write_notebook(file: Path, cells: list[dict[str, Any]]) -> None:
    """Write them as a notebook."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    file.write_text(json.dumps(notebook, indent=1), encoding="utf-8")


class TabOfCells:
    """Answers as a page does, with text that was made before: the page has a processor of its own."""

    def __init__(self, cells: list[dict[str, Any]]) -> None:
        self._cells = {cell["id"]: cell_state(cell, outputs=False) for cell in cells}
        self._outputs = {cell["id"]: cell_state(cell, outputs=True) for cell in cells}
        self._revision = 1

    def answer(self, frame: dict[str, Any]) -> bytes:
        """Return the frame that answers a call."""
        params = frame["params"]
        if frame["method"] == "notebook.read":
            asked = set(params["outputs"]) if isinstance(params["outputs"], list) else set()
            texts = [
                self._outputs[cell_id] if cell_id in asked else text
                for cell_id, text in self._cells.items()
            ]
            head = f'"path":"{PATH}","revision":{self._revision},"language":"python"'
            result = f'{{{head},"cells":[{",".join(texts)}]}}'
        elif frame["method"] == "notebook.apply":
            result = self._apply(params["changes"])
        else:
            result = "{}"
        return f'{{"type":"rpc_result","id":"{frame["id"]}","result":{result}}}'.encode()

    def _apply(self, changes: list[dict[str, Any]]) -> str:
        self._revision += 1
        for change in changes:
            cell_id = change["id"]
            if change["type"] == "delete":
                del self._cells[cell_id]
            elif change["type"] != "move":
                old = json.loads(self._cells[cell_id]) if cell_id in self._cells else {}
                new = {"cell_type": "code", **old, **change}
                cell = {name: new[name] for name in ("id", "cell_type", "source")}
                self._cells[cell_id] = self._outputs[cell_id] = json.dumps(cell)
        touched = dict.fromkeys(change["id"] for change in changes)
        cells = ",".join(self._cells[one] for one in touched if one in self._cells)
        order = json.dumps(list(self._cells))
        return f'{{"revision":{self._revision},"cells":[{cells}],"order":{order},"saved":true}}'


def cell_state(cell: dict[str, Any], *, outputs: bool) -> str:
    """Return a cell as a tab tells of it."""
    kinds = [kind for output in cell["outputs"] for kind in output.get("data", {"stream": 0})]
    state = {
        "id": cell["id"],
        "cell_type": "code",
        "source": "".join(cell["source"]),
        "execution_count": cell["execution_count"],
        "output_kinds": kinds,
        "metadata": cell["metadata"],
    }
    if outputs:
        joined = [
            {**output, "text": "".join(output["text"])} if "text" in output else output
            for output in cell["outputs"]
        ]
        state["outputs"] = joined
    return json.dumps(state)


# ---- the work ------------------------------------------------------------------------------------


def steps(count: int) -> list[tuple[str, Call]]:
    """Return what is done, one call a turn."""
    some = [f"c{number:07d}" for number in range(0, count, count // 40)][:40]
    # Starts of ids: each must be looked for among all.
    starts = [f"c{number:07d}"[:8] for number in range(1, count, count // 100)][:100]
    replaced = [
        {"op": "str_replace", "id": cell_id, "old": "# step", "new": "# stage"} for cell_id in some
    ]
    mixed: list[dict[str, Any]] = []
    for first, second in zip(some[:8], some[8:16], strict=True):
        mixed += [
            {"op": "insert", "after": first, "source": "extra = 1"},
            {"op": "move", "id": second, "after": first},
            {"op": "clear_outputs", "id": first},
        ]
    mixed.append({"op": "delete", "id": some[20]})
    calls = [
        ("overview", Call("notebook_overview", {})),
        ("overview of what is stale", Call("notebook_overview", {"only": "stale"})),
        ("search", Call("notebook_overview", {"query": "nowhere"})),
        ("read one", Call("read_cells", {"ids": [some[3]]})),
        ("read forty", Call("read_cells", {"ids": some, "outputs": "full"})),
        ("read a hundred", Call("read_cells", {"ids": starts})),
        ("edit thirty", Call("edit_cells", {"ops": replaced[:30], "reason": "words"})),
        ("move, insert, clear, delete", Call("edit_cells", {"ops": mixed, "reason": "order"})),
        ("overview again", Call("notebook_overview", {"only": "changed"})),
        ("checkpoints", Call("checkpoint", {"action": "list"})),
    ]
    return calls


class Played(ModelAccess):
    """A model that makes the calls, one a turn, and notes when each begins."""

    def __init__(self, settings: Settings, folder: Path, calls: list[tuple[str, Call]]) -> None:
        super().__init__(settings, Credentials(folder, environment={}, find_keyring=lambda: None))
        self._calls = calls
        self.turn = 0
        self.on_step: Callable[[str], None] = lambda name: None

    def open(self, model_id: str, on_retry: Any = None) -> Access:
        """Return the model."""
        provider = ScriptedProvider(self._play, name="played", model=model_id)
        info = ModelInfo(
            id=model_id, provider="played", name=model_id, label="", capabilities=EVERYTHING
        )
        return Access(provider=provider, model=info)

    def _play(self, request: Any) -> list[Any]:
        if self.turn >= len(self._calls):
            self.on_step("(end)")
            return [Say("Done.")]
        name, call = self._calls[self.turn]
        self.turn += 1
        self.on_step(name)
        return [call]


async def prepared(
    folder: Path, page: TabOfCells | None, count: int
) -> tuple[Sessions, Session, Played]:
    """Return a manager, a session for the notebook, and the model that will do the work."""
    settings = Settings(discover_local_servers=False, allowed_modes=("ask", "auto"))
    tabs = Tabs(folder)
    manager = build_manager(
        settings,
        root=folder,
        store_path=folder / "sessions.db",
        browser=tabs.for_owner if page is not None else None,
    )
    played = Played(settings, folder, steps(count))
    manager.access = played
    made = await manager.create(owner="me", notebook_path=PATH, model="played", mode="auto")
    session = await manager.get(made.id, owner="me")
    if page is not None:
        connect(page, manager, tabs)
    return manager, session, played


async def watched(folder: Path, size: str, backend: str, *, verbose: bool) -> dict[str, Any]:
    """Do the work on one notebook and return what was seen."""
    put_first()
    count, output_size, aim = SIZES[size]
    cells = make_cells(count, output_size)
    write_notebook(folder / PATH, cells)
    page = TabOfCells(cells) if backend == "tab" else None
    del cells
    gc.collect()
    manager, session, played = await prepared(folder, page, count)
    before = resident()
    idle = await watched_idle()
    watch = Watch()
    places: list[tuple[str, int, float]] = []
    played.on_step = lambda name: places.append((name, len(watch.waits), time.perf_counter()))
    watch.start()
    events: list[Any] = []
    session.journal.attach(lambda seq, event, data: events.append(event), session.journal.seq)
    await session.prompt("Go.", ())
    await session.wait()
    played.on_step("undo all")
    await session.review.undo()
    played.on_step("")
    await watch.stop()
    failed = [
        event.result.content
        for event in events
        if event.type == "tool_end" and event.result.is_error
    ]
    if failed or played.turn < len(steps(count)):
        raise RuntimeError(f"the work was not done: {failed or events[-3:]}")
    if verbose:
        print_steps(places, watch)
    await manager.aclose()
    del session, manager, played
    events.clear()
    gc.collect()
    await asyncio.sleep(0.2)
    return {
        "aim": aim,
        "idle": percentile(idle.waits, 0.999),
        "wall": percentile(watch.waits, 0.999),
        "p99": percentile(watch.own, 0.99),
        "p99.9": percentile(watch.own, 0.999),
        "max": 1000 * max(watch.own),
        "before": before,
        "peak": watch.peak,
        "after": resident(),
    }


async def watched_idle() -> Watch:
    """Watch the loop for a second in which it has nothing to do."""
    idle = Watch()
    idle.start()
    await asyncio.sleep(1)
    await idle.stop()
    return idle


def print_steps(places: list[tuple[str, int, float]], watch: Watch) -> None:
    """Print how long each step took, and the longest wait in it."""
    for (name, start, begun), (_, end, ended) in pairwise(places):
        worst = 1000 * max(watch.own[start:end], default=0)
        wall = 1000 * max(watch.waits[start:end], default=0)
        print(f"    {name:<30} {ended - begun:6.2f} s  longest {worst:6.1f} of {wall:6.1f} ms")


def connect(page: TabOfCells, manager: Any, tabs: Tabs) -> None:
    """Join a page as the socket would: its frames are read by the server's own connection."""
    loop = asyncio.get_running_loop()

    async def authorize(action: str, resource: str) -> bool:
        return True

    async def send(frame: bytes) -> None:
        for text in frame.split(b"\n"):
            data = json.loads(text)
            if data.get("type") == "rpc":
                answer = await loop.run_in_executor(None, page.answer, data)
                connection.receive(answer)

    client = Client(owner="me", version="0", no_approvals=None, at_most=None, authorize=authorize)
    connection = Connection(
        client,
        manager=manager,
        tabs=tabs,
        outbox=Outbox(send, lambda: None),
        close=lambda code, reason: None,
    )
    notebooks = [{"path": PATH, "focused_at": 1}]
    connection.receive(json.dumps({"type": "notebooks", "page": "p", "notebooks": notebooks}))


def main() -> int:
    """Print the table."""
    names = sys.argv[1:]
    if names and names[0] == "--one":
        size, backend = names[1].split(" ")
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(watched(Path(folder), size, backend, verbose=True))
        print(json.dumps(found))
        return 0
    names = names or [f"{size} {backend}" for size in SIZES for backend in BACKENDS]
    print("               p99.9, all ms     of them our own, ms")
    print(
        "cells, kept in   idle  at work      p99   p99.9     max    aim   MB before   peak  after"
    )
    missed = 0
    for name in names:
        command = [sys.executable, __file__, "--one", name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        *lines, last = done.stdout.splitlines()
        row = json.loads(last)
        missed += row["p99.9"] > row["aim"]
        print(
            f"{name:<14} {row['idle']:6.1f} {row['wall']:8.1f} {row['p99']:8.1f} "
            f"{row['p99.9']:7.1f} {row['max']:7.1f} {row['aim']:6} {row['before']:11} "
            f"{row['peak']:6} {row['after']:6}",
            flush=True,
        )
        print("\n".join(lines), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
