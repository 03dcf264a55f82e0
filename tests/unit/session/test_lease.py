"""Who may run a session: one at a time, and a crashed holder is not waited for."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from jupyter_agent.protocol.messages import now
from jupyter_agent.session.lease import TTL, Lease, has_ended, holder_name
from jupyter_agent.store.rows import SessionRow
from jupyter_agent.store.sessions import open_store


@pytest.fixture
async def store(tmp_path):
    opened = await open_store(tmp_path / "sessions.db")
    time = now().isoformat()
    await opened.create_session(
        SessionRow(
            id="s",
            owner="me",
            title="",
            notebook_path=None,
            model="demo",
            mode="ask",
            effort=None,
            created_at=time,
            updated_at=time,
        )
    )
    yield opened
    await opened.aclose()


def ended_process():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return f"{socket.gethostname()}:{child.pid}:0badc0de"


async def nothing():
    pass


@pytest.mark.skipif(sys.platform == "win32", reason="there the lease runs out by itself")
async def test_the_lease_of_a_process_that_is_gone_is_taken_at_once(store, tmp_path):
    other = await open_store(tmp_path / "sessions.db")
    await other.acquire_lease("s", ended_process(), TTL)
    lease = Lease(store, "s", holder_name(), nothing)
    await asyncio.wait_for(lease.acquire(), TTL / 3)
    await lease.release()
    await other.aclose()


def test_only_a_process_that_surely_is_gone_counts_as_ended():
    assert not has_ended(holder_name())
    assert has_ended(f"{socket.gethostname()}:{os.getpid()}:0badc0de"), "an earlier life of it"
    assert not has_ended("another-machine:1:0badc0de")
    assert not has_ended("")
    assert not has_ended("nonsense")
