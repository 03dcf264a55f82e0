"""What it costs to read a model's answer: bytes in, typed events out, for all six APIs.

Three tables: CPU per delta in memory, the same over loopback HTTP with one chunk an event, and how
the time grows with the number of tool-argument deltas. x1 is the least that any reader must do:
split and parse with orjson; over HTTP also httpx's `aiter_bytes`. The vendors' SDKs read the same
bytes. Ratios are medians of interleaved rounds on this machine.

`python3 scripts/dev.py bench adapters`
"""

from __future__ import annotations

import asyncio
import gc
import json
import math
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import _peers
from _streams import APIS, MEDIA, WITH_ARGUMENTS, arguments, text

DELTAS = 2_000
ROUNDS = 11
SDK_ROUNDS = 3  # they take a hundred times as long
GROWTH_ROUNDS = 5
PIECE = 64 << 10  # bytes: what one read of a socket gives at most
FEW, MANY = 2_500, 20_000

Row = dict[str, float]


# ---- the limits --------------------------------------------------------------------------------


class Splitter:
    """The least there is to do: find the JSON of each event and parse it."""

    def __init__(self, api: str) -> None:
        import orjson

        self._loads = orjson.loads
        self._rest = b""
        self.feed: Callable[[bytes], None] = {
            "bedrock_converse": self._messages,
            "ollama_chat": self._lines,
        }.get(api, self._events)

    def _events(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                self._loads(line[6:])

    def _lines(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._loads(line)

    def _messages(self, piece: bytes) -> None:
        """Split by length, and check each message's sum: that belongs to this framing."""
        data = self._rest + piece
        at = 0
        while len(data) - at > 12:
            end = at + int.from_bytes(data[at : at + 4], "big")
            if end > len(data):
                break
            if zlib.crc32(data[at : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
                raise ValueError("damaged")
            headers = int.from_bytes(data[at + 4 : at + 8], "big")
            self._loads(data[at + 12 + headers : end - 4])
            at = end
        self._rest = data[at:]


def split(api: str, pieces: list[bytes]) -> None:
    feed = Splitter(api).feed
    for piece in pieces:
        feed(piece)


async def split_over_http(api: str, url: str, client: Any) -> None:
    feed = Splitter(api).feed
    async with client.stream("POST", url, json={}) as response:
        async for piece in response.aiter_bytes():
            feed(piece)


# ---- ours --------------------------------------------------------------------------------------

_NAMES = {
    "anthropic": ("anthropic", "anthropic"),
    "openai_chat": ("openai", "openai_chat"),
    "openai_responses": ("openai", "openai_responses"),
    "gemini": ("gemini", "gemini"),
    "ollama_chat": ("ollama", "ollama"),
    "bedrock_converse": ("bedrock", "bedrock"),
}


def decode(api: str, pieces: list[bytes]) -> None:
    """Read with our decoder alone."""
    from importlib import import_module

    adapter = import_module(f"jupyter_agent.providers.{_NAMES[api][1]}")
    last = None
    for last in adapter.parse_stream_events(pieces):  # noqa: B007
        pass
    assert last.type == "done", last


def new_provider(api: str, url: str, transport: Any = None) -> Any:
    from jupyter_agent.providers.registry import ProviderSpec, make_provider

    name, adapter = _NAMES[api]
    return make_provider(
        ProviderSpec(
            provider=name, model="m", api=adapter, base_url=url, api_key="x", transport=transport
        )
    )


async def stream(provider: Any) -> None:
    """Read with our provider: the request, httpx, deadlines, events."""
    from jupyter_agent.protocol.messages import user_message
    from jupyter_agent.protocol.models import Request

    last: Any = None
    async for last in provider.stream(Request(model="m", messages=(user_message("?"),))):  # noqa: B007
        pass
    assert last.type == "done", last


async def stream_from_memory(api: str, pieces: list[bytes]) -> None:
    """Read with our provider through httpx's own transport mock, as the SDKs do."""
    import httpx

    async def body() -> Any:
        for piece in pieces:
            yield piece

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/api/show"):
            return httpx.Response(200, json={})
        return httpx.Response(200, content=body())

    await stream(new_provider(api, "http://model.test", httpx.MockTransport(answer)))


# ---- measuring ---------------------------------------------------------------------------------


def cpu(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def medians(rows: dict[str, Callable[[], Any]], rounds: int = ROUNDS) -> Row:
    """Run all rows in turn, `rounds` times, after one turn to warm up."""
    times: dict[str, list[float]] = {name: [] for name in rows}
    for at in range(rounds + 1):
        for name, work in rows.items():
            if at > SDK_ROUNDS and name == "sdk":
                continue
            took = cpu(work)
            if at:
                times[name].append(took)
        gc.collect()
        gc.freeze()  # what the SDKs keep in memory is nobody else's burden
    return {name: statistics.median(each) for name, each in times.items()}


def in_pieces(events: list[bytes]) -> list[bytes]:
    body = b"".join(events)
    return [body[at : at + PIECE] for at in range(0, len(body), PIECE)]


def in_memory() -> bool:
    print(f"\nIn memory, CPU per delta ({DELTAS} deltas; x1 = split + orjson)")
    print(
        f"{'api':18}{'deltas':>10}{'x1, µs':>8}{'ours':>8}{'x1, µs':>10}{'ours':>8}"
        f"{'x1, µs':>10}{'ours':>8}{'SDK':>9}"
    )
    print(f"{'':28}{'pieces of 64 KiB':>16}{'one an event':>18}{'through a mock':>18}")
    kept = True
    for kind, make in (("text", text), ("arguments", arguments)):
        for api in APIS if kind == "text" else WITH_ARGUMENTS:
            events = make(api, DELTAS)
            found = medians(memory_rows(api, events))
            unit = 1e6 / DELTAS
            whole, each = found["ours"] / found["limit"], found["ours each"] / found["limit each"]
            mock = found["provider"] / found["limit"]
            sdk = f"x{found['sdk'] / found['limit']:.0f}" if "sdk" in found else "-"
            print(
                f"{api:18}{kind:>10}{found['limit'] * unit:8.2f}{f'x{whole:.2f}':>8}"
                f"{found['limit each'] * unit:10.2f}{f'x{each:.2f}':>8}"
                f"{found['limit'] * unit:10.2f}{f'x{mock:.2f}':>8}{sdk:>9}",
                flush=True,
            )
            kept = kept and max(whole, each) <= 3
    print(f"aim: x3 with our reader alone      {'kept' if kept else 'MISSED'}")
    return kept


def memory_rows(api: str, events: list[bytes]) -> dict[str, Callable[[], Any]]:
    pieces = in_pieces(events)
    rows: dict[str, Callable[[], Any]] = {
        "limit": lambda: split(api, pieces),
        "ours": lambda: decode(api, pieces),
        "limit each": lambda: split(api, events),
        "ours each": lambda: decode(api, events),
        "provider": lambda: asyncio.run(stream_from_memory(api, pieces)),
    }
    if api in _peers.SDKS:
        rows["sdk"] = lambda: _peers.read(api, pieces)
    return rows


def over_http() -> bool:
    print("\nOver loopback HTTP, one chunk an event, CPU per delta")
    print(f"{'api':18}{'x1, µs':>8}{'ours':>8}{'SDK':>9}   (x1 = httpx + split + orjson)")
    kept = True
    loop = asyncio.new_event_loop()
    with server() as ports:
        for api in APIS:
            rows = http_rows(loop, api, f"http://127.0.0.1:{ports[api]}")
            found = medians(rows)
            ratio = found["ours"] / found["limit"]
            sdk = f"x{found['sdk'] / found['limit']:.1f}" if "sdk" in found else "-"
            limit = found["limit"] / DELTAS * 1e6
            print(f"{api:18}{limit:8.1f}{f'x{ratio:.2f}':>8}{sdk:>9}", flush=True)
            kept = kept and ratio <= 1.15
    print(f"aim: x1.15      {'kept' if kept else 'MISSED'}")
    return kept


def http_rows(loop: asyncio.AbstractEventLoop, api: str, url: str) -> dict[str, Callable[[], Any]]:
    """Return the readers of a server, each with a client that is kept between the rounds."""
    import httpx

    client = httpx.AsyncClient()
    provider = new_provider(api, url)
    rows: dict[str, Callable[[], Any]] = {
        "limit": lambda: loop.run_until_complete(split_over_http(api, url, client)),
        "ours": lambda: loop.run_until_complete(stream(provider)),
    }
    if api in _peers.SDKS:
        reader = _peers.HttpReader(api, url)
        rows["sdk"] = lambda: loop.run_until_complete(reader.read())
    return rows


def growth() -> bool:
    print(f"\nGrowth from {FEW} to {MANY} tool-argument deltas: exponent (1 is linear)")
    kept = True
    for api in WITH_ARGUMENTS:
        sizes = {count: in_pieces(arguments(api, count)) for count in (FEW, MANY)}
        rows: dict[str, Callable[[], Any]] = {}
        for count, pieces in sizes.items():
            rows[f"limit {count}"] = lambda pieces=pieces: split(api, pieces)  # noqa: B023
            rows[f"ours {count}"] = lambda pieces=pieces: decode(api, pieces)  # noqa: B023
        if api == "anthropic":
            for count, pieces in sizes.items():
                rows[f"sdk {count}"] = lambda pieces=pieces: _peers.read("anthropic", pieces)
        found = medians(rows, GROWTH_ROUNDS)
        names = {name.rpartition(" ")[0] for name in rows}
        exponents = {
            name: math.log(found[f"{name} {MANY}"] / found[f"{name} {FEW}"], MANY / FEW)
            for name in names
        }
        listed = "   ".join(f"{name} {exponents[name]:.3f}" for name in sorted(names))
        print(f"{api:18}  {listed}", flush=True)
        kept = kept and exponents["ours"] <= 1.03
    print(f"aim: 1.03      {'kept' if kept else 'MISSED'}")
    return kept


# ---- the server, in a process of its own -------------------------------------------------------


@contextmanager
def server() -> Any:
    """Serve each API's text stream on a port of its own; give the ports."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)


async def serve() -> None:
    ports = {}
    for api in APIS:
        events = text(api, DELTAS)
        body = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {MEDIA.get(api, 'text/event-stream')}\r\n"
        answer = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + body
        started = await asyncio.start_server(
            lambda reader, writer, answer=answer: handle(reader, writer, answer), "127.0.0.1", 0
        )
        ports[api] = started.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until the parent closes it


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
            known = b"/api/show" not in head.split(b"\r\n")[0]
            writer.write(answer if known else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        writer.close()


def main() -> int:
    if "--serve" in sys.argv:
        asyncio.run(serve())
        return 0
    if not _peers.is_inside():
        return _peers.run_inside(__file__)
    print("beside", _peers.versions())
    kept = [in_memory(), over_http(), growth()]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
