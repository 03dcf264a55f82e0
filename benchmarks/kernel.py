"""How long a cell takes through our runner, beside a raw zmq client and nbclient.

A round trip of `pass`; then large outputs, of which not a byte may be lost. Each client has a kernel
of its own, so that none is told what the others run. Ratios are medians of interleaved rounds on
this machine. `python3 scripts/dev.py bench kernel`
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

import nbformat
import zmq
import zmq.asyncio
from jupyter_client.session import Session
from nbclient import NotebookClient

from jupyter_agent.kernel.client import KernelClientRunner
from jupyter_agent.kernel.managed import ManagedKernels
from jupyter_agent.kernel.runner import CellSource
from jupyter_agent.protocol.messages import new_id

PNG = (
    "import base64, os; from IPython.display import Image, display; "
    "display(Image(os.urandom(2_000_000), format='png'))"
)
# What runs, how many rounds, the aim, and the characters that must arrive.
CELLS = {
    "pass": ("pass", 40, 1.15, 0),
    "1 MB print": ("print('x' * 1_000_000)", 11, 1.3, 1_000_001),
    "10,000 prints": ("for i in range(10_000): print('line', i, flush=True)", 3, 1.3, 98_890),
    "2 MB PNG": (PNG, 9, 1.3, 2_666_668),
}
SETTLE = 1  # rounds that are not counted


class RawClient:
    """The least that runs a cell: signed messages over two sockets, until reply and idle."""

    def __init__(self, connection: dict[str, Any]) -> None:
        self._context = zmq.asyncio.Context()
        self._session = Session(key=connection["key"])
        at = f"{connection['transport']}://{connection['ip']}"
        self._shell = self._context.socket(zmq.DEALER)
        self._shell.connect(f"{at}:{connection['shell_port']}")
        self._output = self._context.socket(zmq.SUB)
        self._output.setsockopt(zmq.SUBSCRIBE, b"")
        self._output.setsockopt(zmq.RCVHWM, 0)
        self._output.connect(f"{at}:{connection['iopub_port']}")

    async def run(self, code: str) -> int:
        """Run code; return the characters of its outputs."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        message = self._session.msg("execute_request", content)
        self._session.send(self._shell, message)
        reply = asyncio.ensure_future(self._shell.recv_multipart())
        size = 0
        while True:
            _, frames = self._session.feed_identities(await self._output.recv_multipart())
            told = self._session.deserialize(frames)
            if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if told["msg_type"] == "status" and told["content"]["execution_state"] == "idle":
                break
            size += characters({"output_type": told["msg_type"], **told["content"]})
        await reply
        return size

    def close(self) -> None:
        self._context.destroy(linger=0)


def characters(output: dict[str, Any]) -> int:
    """Return the characters of an output: its text, or its picture."""
    text = output.get("text") if output["output_type"] == "stream" else None
    return len(text or output.get("data", {}).get("image/png", ""))


async def ours(runner: KernelClientRunner, code: str) -> int:
    run = await runner.start_run([CellSource(cell_id="c", source=code)], op_id=new_id("op"))
    await run.wait(120)
    return sum(characters(output) for output in run.cells[0].outputs)


async def peers(client: NotebookClient, code: str) -> int:
    cell = nbformat.v4.new_code_cell(code)
    client.nb.cells = [cell]
    await client.async_execute_cell(cell, 0)
    return sum(characters(output) for output in cell.outputs)


async def measure() -> int:
    kept = True
    with tempfile.TemporaryDirectory() as folder:
        kernels = ManagedKernels(folder)
        runner = KernelClientRunner("ours.ipynb", kernels)
        raw = RawClient((await kernels.start("raw.ipynb", None)).manager.get_connection_info())
        kernel = await kernels.start("nbclient.ipynb", None)
        client = NotebookClient(nbformat.v4.new_notebook(), km=kernel.manager)
        client.kc = kernel.manager.client()
        client.kc.start_channels()
        await client.kc.wait_for_ready(timeout=60)
        rows: dict[str, Callable[[str], Awaitable[int]]] = {
            "raw": raw.run,
            "ours": lambda code: ours(runner, code),
            "nbclient": lambda code: peers(client, code),
        }
        print(f"{'':16}{'raw zmq':>12}{'ours':>9}{'nbclient':>10}{'aim':>9}")
        for name, (code, rounds, aim, size) in CELLS.items():
            found, got = await compare(rows, code, rounds)
            ratio, peer = (found[row] / found["raw"] for row in ("ours", "nbclient"))
            fine = ratio <= aim and got >= size
            print(
                f"{name:16}{found['raw'] * 1000:9.1f} ms{f'x{ratio:.2f}':>9}{f'x{peer:.2f}':>10}"
                f"{f'x{aim}':>9}   {'kept' if fine else 'MISSED'}"
                f"{'' if got >= size else f'   LOST {size - got}'}",
                flush=True,
            )
            kept = kept and fine
        raw.close()
        client.kc.stop_channels()
        await runner.aclose()
        await kernels.aclose()
    return 0 if kept else 1


async def compare(
    rows: dict[str, Callable[[str], Awaitable[int]]], code: str, rounds: int
) -> tuple[dict[str, float], int]:
    """Run one cell by every client in turn; return the medians, and the least we received."""
    times: dict[str, list[float]] = {row: [] for row in rows}
    received = sys.maxsize
    for at in range(rounds + SETTLE):
        for row, run in rows.items():
            started = time.perf_counter()
            got = await run(code)
            if at >= SETTLE:
                times[row].append(time.perf_counter() - started)
            if row == "ours":
                received = min(received, got)
    return {row: statistics.median(each) for row, each in times.items()}, received


if __name__ == "__main__":
    sys.exit(asyncio.run(measure()))
