"""One runner a session: leases, fencing tokens, and clocks that jump (R48, R49)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_agent.protocol.errors import SessionBusy, UnknownSession
from jupyter_agent.store.database import Database
from jupyter_agent.store.rows import SessionRow
from jupyter_agent.store.sessions import SessionStore

ROW = SessionRow(
    id="s1",
    owner="ada",
    title="",
    notebook_path=None,
    model="demo",
    mode="ask",
    effort=None,
    created_at="2026-11-20T12:00:00+00:00",
    updated_at="2026-11-20T12:00:00+00:00",
)


class Clock:
    """A clock that tests turn by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def two_stores(path: Path, clock: Clock) -> tuple[SessionStore, SessionStore]:
    stores = []
    for _ in range(2):
        database = Database(path)
        await database.open()
        stores.append(SessionStore(database, clock))
    await stores[0].create_session(ROW)
    return stores[0], stores[1]


@pytest.mark.R(48)
async def test_only_one_process_runs_a_session(tmp_path: Path) -> None:
    clock = Clock()
    here, there = await two_stores(tmp_path / "sessions.db", clock)
    await here.acquire_lease("s1", "here", ttl=30)
    with pytest.raises(SessionBusy):
        await there.acquire_lease("s1", "there", ttl=30)
    with pytest.raises(SessionBusy):
        await there.append_events("s1", 1, [b"1"])
    with pytest.raises(SessionBusy):
        await there.delete_session("s1")
    await here.release_lease("s1")
    await there.acquire_lease("s1", "there", ttl=30)
    await there.append_events("s1", 1, [b"1"])
    await here.aclose()
    await there.aclose()


@pytest.mark.R(48)
async def test_who_slept_through_the_lease_cannot_write(tmp_path: Path) -> None:
    clock = Clock()
    here, there = await two_stores(tmp_path / "sessions.db", clock)
    first = await here.acquire_lease("s1", "here", ttl=30)
    clock.now += 31
    second = await there.acquire_lease("s1", "there", ttl=30)
    assert second > first
    for write in (
        here.append_events("s1", 1, [b"1"]),
        here.put_intent("s1", "r", "c", "t", b"{}"),
        here.put_message("s1", 0, "m", b"a"),
        here.renew_lease("s1", 30),
    ):
        with pytest.raises(SessionBusy):
            await write
    assert await there.events_after("s1", 0) == []
    # Letting go of what is no longer ours takes nothing from the new holder.
    await here.release_lease("s1")
    await there.append_events("s1", 1, [b"1"])
    with pytest.raises(SessionBusy):
        await here.append_events("s1", 2, [b"2"])
    await here.aclose()
    await there.aclose()


@pytest.mark.R(49)
async def test_a_late_holder_goes_on_when_nobody_took_over(tmp_path: Path) -> None:
    clock = Clock()
    here, there = await two_stores(tmp_path / "sessions.db", clock)
    await here.acquire_lease("s1", "here", ttl=30)
    clock.now += 3600
    await here.append_events("s1", 1, [b"1"])
    await here.renew_lease("s1", 30)
    clock.now -= 7200
    with pytest.raises(SessionBusy):
        await there.acquire_lease("s1", "there", ttl=30)
    await here.append_events("s1", 2, [b"2"])
    await here.aclose()
    await there.aclose()


async def test_tokens_grow_also_after_a_release(tmp_path: Path) -> None:
    here, there = await two_stores(tmp_path / "sessions.db", Clock())
    first = await here.acquire_lease("s1", "here", ttl=30)
    await here.release_lease("s1")
    assert await there.acquire_lease("s1", "there", ttl=30) > first
    await here.aclose()
    await there.aclose()


async def test_no_lease_on_what_is_not_there(tmp_path: Path) -> None:
    here, there = await two_stores(tmp_path / "sessions.db", Clock())
    with pytest.raises(UnknownSession):
        await here.acquire_lease("nobody", "here", ttl=30)
    await here.acquire_lease("s1", "here", ttl=30)
    await here.release_lease("s1")
    await there.delete_session("s1")
    with pytest.raises(UnknownSession):
        await here.append_events("s1", 1, [b"1"])
    await here.aclose()
    await there.aclose()


async def test_a_cancelled_acquisition_holds_nothing(tmp_path: Path) -> None:
    first, second = await two_stores(tmp_path / "sessions.db", Clock())
    taking = asyncio.create_task(first.acquire_lease("s1", "one", 10))
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    await second.acquire_lease("s1", "two", 10)
    await first.aclose()
    await second.aclose()
