"""R53: a tab that loses its connection a thousand times in mid-stream has seen all of it once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from session_rig import Model, manager_of, start

from jupyter_agent.protocol.session_events import Notice
from jupyter_agent.server.browser import Tabs
from jupyter_agent.server.connection import Client, Connection
from jupyter_agent.server.outbox import Outbox

RECONNECTS = 1_000


class Page:
    """A page: what it has seen of a session, over all its connections."""

    def __init__(self, manager: Any, tabs: Tabs, session_id: str, after: int) -> None:
        self._manager = manager
        self._tabs = tabs
        self._session_id = session_id
        self.seq = after
        self.seen: list[Any] = []
        self.connection: Connection | None = None
        self._news = asyncio.Event()

    def connect(self) -> None:
        """Open a connection and go on behind what was seen last."""

        async def authorize(action: str, resource: str) -> bool:
            return True

        client = Client(
            owner="me", version="0", no_approvals=None, at_most=None, authorize=authorize
        )
        self.connection = Connection(
            client,
            manager=self._manager,
            tabs=self._tabs,
            outbox=Outbox(self._take, lambda: None),
            close=lambda code, reason: None,
        )
        notebooks = {"type": "notebooks", "page": "p", "notebooks": [{"path": "n.ipynb"}]}
        self.connection.receive(json.dumps(notebooks))
        attach = {"type": "attach", "id": "a", "session_id": self._session_id, "after": self.seq}
        self.connection.receive(json.dumps(attach))

    def lose(self) -> None:
        """Lose the connection, with whatever is on its way."""
        assert self.connection is not None
        self.connection.close(returns=True)

    async def _take(self, data: bytes) -> None:
        frame = json.loads(data)
        assert frame["type"] != "snapshot", "what was missed is known: no need to begin anew"
        if frame["type"] == "events":
            assert frame["seq"] == self.seq + 1, "one was lost, or came twice"
            self.seen += frame["events"]
            self.seq += len(frame["events"])
            self._news.set()

    async def until(self, seq: int) -> None:
        while self.seq < seq:
            self._news.clear()
            await self._news.wait()


@pytest.mark.R(53)
async def test_a_thousand_reconnects_lose_nothing_and_leave_nothing(tmp_path: Any) -> None:
    async with manager_of(tmp_path, first=Model([])) as manager:
        session, expected = await start(manager)
        tabs = Tabs()
        begun = session.journal.seq
        page = Page(manager, tabs, session.id, begun)
        page.connect()
        tasks = len(asyncio.all_tasks())
        for number in range(RECONNECTS):
            session.journal.emit(Notice(level="info", text=f"before {number}"))
            if number % 3 == 0:
                await asyncio.sleep(0)
            page.lose()
            session.journal.emit(Notice(level="info", text=f"meanwhile {number}"))
            page.connect()
            if number % 7 == 0:
                await page.until(session.journal.seq)
        session.journal.emit(Notice(level="info", text="the end"))
        await page.until(session.journal.seq)
        assert page.seq - begun == len(expected) == 2 * RECONNECTS + 1
        assert [event["text"] for event in page.seen] == [event.text for event in expected]
        assert len(tabs.paths()) == 1 and tabs.owners("n.ipynb") == {"me"}
        assert page.connection is not None
        page.connection.close(returns=False)
        assert tabs.paths() == set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) <= tasks
