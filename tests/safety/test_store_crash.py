"""R44, R45: killed at any moment, the store loses nothing it acknowledged, and stays whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from jupyter_agent.store.sessions import open_store

KILLS = 120
WORKER = Path(__file__).with_name("store_worker.py")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def acknowledged_until_killed(
    stdin: IO[str], stdout: IO[str], path: Path, session_id: str, chance: random.Random
) -> dict[str, int]:
    """Let a writer work, kill it at or shortly after a commit, return what it acknowledged."""
    stdin.write(f"{path}\t{session_id}\n")
    stdin.flush()
    commits = chance.randrange(1, 40)
    found: dict[str, int] = {}
    writer = 0
    for line in stdout:
        kind, number = line.split()
        if kind == "writer":
            writer = int(number)
            continue
        if kind == "dead":
            return found
        found[kind] = int(number)
        commits -= 1
        if commits == 0 and writer:
            # Half of the kills land at the boundary itself, half somewhere in the next commits.
            time.sleep(chance.choice([0.0, chance.uniform(0, 0.004)]))
            os.kill(writer, signal.SIGKILL)
    raise AssertionError("the worker ended")


@pytest.mark.slow
@pytest.mark.R(44, 45)
async def test_nothing_acknowledged_is_lost(tmp_path: Path, worker: subprocess.Popen[str]) -> None:
    chance = random.Random(20261120)
    path = tmp_path / "sessions.db"
    assert worker.stdin is not None and worker.stdout is not None
    for round_number in range(KILLS):
        session_id = f"s{round_number}"
        known = acknowledged_until_killed(worker.stdin, worker.stdout, path, session_id, chance)
        store = await open_store(path)
        events = await store.events_after(session_id, 0, limit=100_000)
        numbers = [seq for seq, _ in events]
        assert numbers == list(range(1, len(numbers) + 1)), "the journal has no gaps"
        assert len(numbers) % 3 == 0, "a batch is there whole or not at all"
        assert len(numbers) >= known.get("event", 0)
        assert len(await store.messages(session_id)) >= known.get("message", -1) + 1
        if "session" in known:
            assert await store.session(session_id) is not None
        if "run" in known:
            assert await store.open_runs(session_id) == [(session_id, "run")]
        for step in range(known.get("intent", -1) + 1):
            intent = await store.intent(session_id, "run", f"call{step}")
            assert intent is not None
            if step <= known.get("finish", -1):
                assert intent.status == "done"
        assert len(await store.open_intents(session_id)) <= 1
        await store.aclose()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def sizes_and_times(folder: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir()}


@pytest.mark.R(50)
async def test_an_idle_store_writes_nothing(tmp_path: Path) -> None:
    store = await open_store(tmp_path / "sessions.db")
    before = sizes_and_times(tmp_path)
    await store.list_sessions("ada")
    await store.open_runs()
    assert sizes_and_times(tmp_path) == before
    await store.aclose()
