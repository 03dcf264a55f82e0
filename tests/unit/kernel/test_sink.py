"""Writing outputs into a document: seldom while they grow, always at the end, in order."""

from __future__ import annotations

import asyncio

from jupyter_agent.kernel.runner import CellRecord
from jupyter_agent.kernel.sink import CellWriter


def record(**values: object) -> CellRecord:
    return CellRecord(cell_id="a", source="", **values)  # type: ignore[arg-type]


async def test_touching_often_writes_seldom() -> None:
    written = asyncio.Queue[int]()

    async def sink(cell: CellRecord) -> None:
        await written.put(len(cell.outputs))

    writer = CellWriter(sink, interval=0.01)
    cell = record()
    for _ in range(50):
        cell.outputs.append({})
        writer.touch(cell)
    assert await asyncio.wait_for(written.get(), 5) == 50
    await writer.close()
    assert written.empty()


async def test_an_earlier_state_never_lands_after_the_last() -> None:
    landed: list[str] = []
    entered = asyncio.Event()

    async def sink(cell: CellRecord) -> None:
        status = cell.status
        entered.set()
        await asyncio.sleep(0.02 if status == "running" else 0)
        landed.append(status)

    writer = CellWriter(sink, interval=0)
    cell = record(status="running")
    writer.touch(cell)
    await asyncio.wait_for(entered.wait(), 5)
    cell.status = "ok"
    await writer.write(cell)
    assert landed == ["running", "ok"]
    await writer.close()
    assert landed == ["running", "ok"]


async def test_closing_writes_what_is_pending() -> None:
    landed: list[str] = []

    async def sink(cell: CellRecord) -> None:
        landed.append(cell.cell_id)

    writer = CellWriter(sink, interval=1_000)
    writer.touch(record())
    await writer.close()
    assert landed == ["a"]


async def test_a_failing_sink_is_logged_and_does_not_end_the_run(caplog: object) -> None:
    async def sink(cell: CellRecord) -> None:
        raise OSError("disk full")

    writer = CellWriter(sink)
    await writer.write(record())
    await writer.close()
    assert "disk full" in caplog.text  # type: ignore[attr-defined]


async def test_no_sink_is_no_work() -> None:
    writer = CellWriter(None)
    writer.touch(record())
    await writer.write(record())
    await writer.close()
