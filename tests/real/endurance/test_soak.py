"""R54: a server that works for hours needs no more memory and no more descriptors than after minutes.

One server process with the extension, and a page that loses its connection before each prompt. Each
prompt has tools read and edit the notebook, run its cells, and run code; each session is deleted
after some prompts, as nobody's conversation goes on for ever. Looked at is the server's own process.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from real_lab import Lab, script_trait, start_lab, stop_lab
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

PROMPTS = 300
WARM_UP = 60
# A session for each so many prompts.
EACH = 20
GROWTH = 16 << 20  # bytes of resident memory, over all prompts after the warm-up
PATH = "soak.ipynb"

pytestmark = [
    pytest.mark.R(54),
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform == "win32", reason="descriptors are counted by their number"),
]


def words(number: int) -> str:
    """Return a prompt that `model_program` plays: one turn with each kind of tool."""
    change = {"op": "replace", "id": "only0000", "source": f"x = {number}\nprint('word ' * 200)"}
    turns: list[list[Any]] = [
        [["notebook_overview", {}], ["read_cells", {"ids": ["only0000"]}]],
        [["edit_cells", {"ops": [change], "run": "changed"}]],
        [["run_code", {"code": f"'probe', {number}"}], ["run_cells", {"scope": "all"}]],
    ]
    return json.dumps(turns)


class Page:
    """A page, logged in as a person; it attaches to a session on a socket of its own each time."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._cookies: dict[str, str] = {}
        self._socket: WebSocketClientConnection | None = None
        self._session_id = ""
        self._seq: int | None = None
        self._events: list[dict[str, Any]] = []

    async def log_in(self) -> None:
        for query in ("", f"?token={self._lab.token}"):
            found = await AsyncHTTPClient().fetch(
                f"{self._lab.url}/login{query}", follow_redirects=False, raise_error=False
            )
            for header in found.headers.get_list("Set-Cookie"):
                self._cookies |= {name: one.value for name, one in SimpleCookie(header).items()}

    @property
    def _headers(self) -> dict[str, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {"Cookie": cookie, "Origin": self._lab.url, "X-XSRFToken": self._cookies["_xsrf"]}

    async def fetch(self, path: str, method: str, body: Any = None) -> Any:
        answer = await AsyncHTTPClient().fetch(
            HTTPRequest(
                f"{self._lab.url}/jupyter-agent/api/{path}",
                method,
                headers={**self._headers, "Content-Type": "application/json"},
                body=json.dumps(body) if body is not None else None,
                allow_nonstandard_methods=True,
            )
        )
        return json.loads(answer.body) if answer.body else None

    async def begin(self) -> None:
        """Begin a session, in place of the one before."""
        if self._session_id:
            await self.fetch(f"sessions/{self._session_id}", "DELETE")
        given = {"notebook_path": PATH, "model": "script/model_program"}
        self._session_id = (await self.fetch("sessions", "POST", given))["id"]
        self._seq = None
        await self.connect()
        await self._ask("configure", mode="auto")

    async def connect(self) -> None:
        """Lose the connection, and open the next."""
        self.close()
        address = f"{self._lab.url.replace('http', 'ws', 1)}/jupyter-agent/api/socket"
        self._socket = await websocket_connect(HTTPRequest(address, headers=self._headers))
        await self._ask("attach", after=self._seq)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    async def say(self, text: str) -> list[dict[str, Any]]:
        """Give a prompt, lose the connection, go on where it was; returns the run's events."""
        self._events.clear()
        await self._ask("prompt", text=text, op_id=secrets.token_hex(8))
        await self.connect()
        while not any(event["type"] == "run_end" for event in self._events):
            await self._read()
        return list(self._events)

    async def _ask(self, kind: str, **more: Any) -> None:
        """Send a frame, and wait for its reply."""
        assert self._socket is not None
        frame = {"type": kind, "id": secrets.token_hex(4), "session_id": self._session_id, **more}
        await self._socket.write_message(json.dumps(frame))
        while (reply := await self._read())["type"] != "reply":
            pass
        assert reply["id"] == frame["id"]

    async def _read(self) -> dict[str, Any]:
        assert self._socket is not None
        message = await asyncio.wait_for(self._socket.read_message(), 60)
        assert message is not None, "the server closed the socket"
        frame: dict[str, Any] = json.loads(message)
        assert not frame.get("error"), frame
        if frame["type"] == "snapshot":
            assert self._seq is None, "what was missed is known: no need to begin anew"
            self._seq = frame["seq"]
        elif frame["type"] == "events":
            assert self._seq is not None and frame["seq"] == self._seq + 1, (
                "one was lost, or came twice"
            )
            self._events += frame["events"]
            self._seq += len(frame["events"])
        return frame


@asynccontextmanager
async def page_of(lab: Lab) -> AsyncIterator[Page]:
    page = Page(lab)
    await page.log_in()
    await page.begin()
    yield page
    page.close()


def descriptors(process: psutil.Process) -> dict[str, int]:
    """Return how many descriptors of each kind there are."""
    kinds: dict[str, int] = {}
    for entry in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            kind = os.readlink(entry).partition(":")[0]
        except FileNotFoundError:
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
async def test_memory_and_descriptors_stay_as_they_are(tmp_path: Path) -> None:
    lab = start_lab(tmp_path, script_trait("model_program"))
    try:
        cells = [nbformat.v4.new_code_cell("x = 0", id="only0000")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), lab.root / PATH)
        process = psutil.Process(lab.process.pid)
        memory: list[int] = []
        begun: dict[str, int] = {}
        async with page_of(lab) as page:
            for number in range(WARM_UP + PROMPTS):
                if number % EACH == 0:
                    await page.begin()
                    memory.append(process.memory_info().rss)
                if number == WARM_UP:
                    await asyncio.sleep(2)  # what was closed last is gone
                    begun = descriptors(process)
                events = await page.say(words(number))
                calls = [event for event in events if event["type"] == "tool_end"]
                assert [event["status"] for event in events if event["type"] == "run_end"] == [
                    "done"
                ]
                assert len(calls) == 5, calls
                assert not any(call["result"]["is_error"] for call in calls), calls
            await page.begin()
            await asyncio.sleep(2)
            ended = descriptors(process)
        memory.append(process.memory_info().rss)
        growth = memory[-1] - memory[WARM_UP // EACH]
        print("MiB:", [size >> 20 for size in memory], "descriptors:", begun, ended)
        assert ended == begun
        assert growth <= GROWTH, [size >> 20 for size in memory]
    finally:
        stop_lab(lab)
