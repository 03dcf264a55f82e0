"""R20: of two tabs that answer one approval at the same moment, one wins; 10,000 times over.

Both tabs are the server's own connections, with their nonces, and the approvals are the broker's.
"""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import pytest

from jupyter_agent.policy.broker import Broker
from jupyter_agent.protocol.session_events import ApprovalEnd, ApprovalStart
from jupyter_agent.server.browser import Tabs
from jupyter_agent.server.connection import Client, Connection
from jupyter_agent.server.outbox import Outbox

RACES = 10_000


class OneSession:
    """A manager of one session, of which only the approvals are there."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def on_change(self, callback: Any) -> Any:
        return lambda: None

    async def get(self, session_id: str, *, owner: str) -> Any:
        return self

    async def approve(self, approval_id: str, **answer: Any) -> None:
        self._broker.answer(approval_id, **answer)


class Tab:
    """One end of a connection of the server's, with what came back on it."""

    def __init__(self, manager: Any, tabs: Tabs) -> None:
        self.replies: dict[str, Any] = {}
        self.nonce = ""
        self.answered = asyncio.Event()

        async def authorize(action: str, resource: str) -> bool:
            return True

        client = Client(
            owner="me", version="0", no_approvals=None, at_most=None, authorize=authorize
        )
        self.connection = Connection(
            client,
            manager=manager,
            tabs=tabs,
            outbox=Outbox(self._take, lambda: None),
            close=lambda code, reason: None,
        )

    async def _take(self, data: bytes) -> None:
        frame = json.loads(data)
        if frame["type"] == "welcome":
            self.nonce = frame["nonce"]
        elif frame["type"] == "reply":
            self.replies[frame["id"]] = frame.get("error")
        self.answered.set()

    def approve(self, approval: ApprovalStart, *, allow: bool) -> None:
        frame = {
            "type": "approve",
            "id": approval.approval_id,
            "session_id": "s",
            "approval_id": approval.approval_id,
            "fingerprint": approval.fingerprint,
            "nonce": self.nonce,
            "allow": allow,
        }
        self.connection.receive(json.dumps(frame))

    async def reply(self, request_id: str) -> Any:
        while request_id not in self.replies:
            self.answered.clear()
            await self.answered.wait()
        return self.replies.pop(request_id)


@pytest.mark.R(20)
@pytest.mark.timeout(600)
async def test_one_of_two_tabs_wins_each_of_ten_thousand_races() -> None:
    settled: list[Any] = []
    broker = Broker(settled.append)
    tabs = Tabs()
    manager = OneSession(broker)
    first, second = Tab(manager, tabs), Tab(manager, tabs)
    await first.answered.wait()
    await second.answered.wait()
    random = Random(20)
    won = {True: 0, False: 0}
    for number in range(RACES):
        approval = ApprovalStart(
            approval_id=f"apr_{number}",
            call_id=f"call_{number}",
            tool_name="run_code",
            title="Run",
            permissions=("exec",),
            arguments={},
            preview=(),
            scopes=("once",),
            fingerprint=f"{number:064x}",
        )
        asking = asyncio.create_task(broker.ask(approval))
        await asyncio.sleep(0)
        racers = [(first, True), (second, False)]
        random.shuffle(racers)
        for tab, allow in racers:
            tab.approve(approval, allow=allow)
        errors = {allow: await tab.reply(approval.approval_id) for tab, allow in racers}
        answer = await asking
        assert errors[answer.allow] is None, number
        assert errors[not answer.allow]["code"] == "not_allowed", number
        # A third answer, to what is settled, is refused too.
        first.approve(approval, allow=True)
        assert (await first.reply(approval.approval_id))["code"] == "not_allowed", number
        won[answer.allow] += 1
    ends = [event for event in settled if isinstance(event, ApprovalEnd)]
    assert [end.decision for end in ends].count("allow") == won[True]
    assert len({end.approval_id for end in ends}) == len(ends) == RACES
    assert min(won.values()) > RACES // 4, "both win now and then"
    assert not broker.waiting
    first.connection.close()
    second.connection.close()
