"""R18: a client that may not approve cannot have done unasked what needs an approval."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from traitlets.config import Config

pytestmark = pytest.mark.R(18)


@pytest.fixture
def jp_server_config() -> Config:
    return Config(
        {
            "ServerApp": {"jpserver_extensions": {"jupyter_agent": True}},
            "JupyterAgent": {
                "store": "memory",
                "discover_local_servers": False,
                "default_model": "script/obey",
                "scripts": {"obey": "prompt_scripts:obey"},
            },
        }
    )


class Member:
    """A client attached to a session: what it says, and the events it sees."""

    def __init__(self, socket: Any, session_id: str) -> None:
        self.socket, self.id = socket, session_id
        self.events: deque[dict[str, Any]] = deque()
        self._sent = 0

    async def send(self, kind: str, **frame: Any) -> dict[str, Any]:
        """Send a frame; returns the reply's error."""
        self._sent += 1
        sent = {"type": kind, "id": str(self._sent), "session_id": self.id, **frame}
        await self.socket.send(sent)
        while True:
            reply = await self._read()
            if reply["type"] == "reply" and reply["id"] == sent["id"]:
                return dict(reply.get("error") or {})

    async def say(self, text: str, **more: Any) -> None:
        assert not await self.send("prompt", text=text, op_id=token_hex(8), **more)

    async def event(self, *kinds: str) -> dict[str, Any]:
        """Return the next event of these kinds."""
        while True:
            while self.events:
                if (event := self.events.popleft())["type"] in kinds:
                    return event
            await self._read()

    async def next_ask(self) -> str | None:
        """Return the file that a person is asked about next, None when a run ends before."""
        self.asked = await self.event("approval_start", "run_end")
        return str(self.asked["arguments"]["path"]) if "arguments" in self.asked else None

    async def answer(self, allow: bool, scope: str = "once") -> dict[str, Any]:
        bound = {name: self.asked[name] for name in ("approval_id", "fingerprint")}
        return await self.send(
            "approve", **bound, nonce=self.socket.nonce, allow=allow, scope=scope
        )

    async def _read(self) -> dict[str, Any]:
        frame: dict[str, Any] | None = await self.socket.read()
        assert frame is not None
        self.events += frame["events"] if frame["type"] == "events" else ()
        return frame


@pytest.fixture
async def members(
    jp_serverapp: ServerApp, browser: Any, stranger: Any
) -> tuple[Member, Member, Path]:
    """A page, a program that holds the token alone, both in one session; and the folder."""
    page = await browser.open()
    await page.welcome()
    program = await stranger.open(query=f"?token={jp_serverapp.identity_provider.token}")
    assert (await program.welcome())["can_approve"] is False
    made = await browser.fetch("sessions", "POST", {}, Origin=f"http://{browser.host}")
    session_id = json.loads(made.body)["id"]
    both = Member(page, session_id), Member(program, session_id)
    for member in both:
        assert not await member.send("attach")
    return (*both, Path(jp_serverapp.root_dir))


Members = tuple[Member, Member, Path]


async def test_in_a_session_that_asks_nothing_a_programs_prompt_asks(members: Members) -> None:
    page, program, root = members
    await page.send("configure", mode="auto")
    await program.say("write a.txt b.txt")
    assert (await page.event("run_start"))["mode"] == "ask"
    assert await page.next_ask() == "a.txt" and not (root / "a.txt").exists()
    program.asked = page.asked
    assert (await program.answer(True))["code"] == "not_allowed"
    assert not await page.answer(True)
    assert await page.next_ask() == "b.txt" and (root / "a.txt").exists()
    await page.answer(False)
    assert await page.next_ask() is None and not (root / "b.txt").exists()
    # The page's own prompt is as free as it was.
    await page.say("write c.txt")
    assert await page.next_ask() is None and (root / "c.txt").exists()


async def test_what_a_page_granted_before_does_not_count_and_what_it_grants_now_does(
    members: Members,
) -> None:
    page, program, _ = members
    await page.say("write a.txt")
    assert await page.next_ask() == "a.txt"
    await page.answer(True, scope="session")
    assert await page.next_ask() is None
    await program.say("write b.txt c.txt")
    assert await page.next_ask() == "b.txt"
    await page.answer(True, scope="session")
    assert await page.next_ask() is None  # c.txt: granted in this run
    await program.say("write d.txt")
    assert await page.next_ask() == "d.txt"
    await page.answer(False)


async def test_a_programs_steering_waits_for_a_run_of_its_own(members: Members) -> None:
    page, program, root = members
    await page.send("configure", mode="auto")
    await page.say("wait a.txt")
    await program.say("b.txt", delivery="steer")
    assert await page.next_ask() is None and (root / "a.txt").exists()
    assert not (root / "b.txt").exists()
    assert await page.next_ask() == "b.txt"
    await page.answer(False)


async def test_steering_that_was_left_over_does_not_reach_a_freer_run(members: Members) -> None:
    page, program, root = members
    await page.send("configure", mode="auto")
    await program.say("sleep")
    await page.event("text_delta")
    await program.say("b.txt", delivery="steer")
    await page.send("stop")
    await page.event("run_end")
    await page.say("a.txt")
    assert await page.next_ask() is None and (root / "a.txt").exists()
    assert not (root / "b.txt").exists()  # held: it waits for whoever wrote it to send it again


async def test_the_mode_that_is_chosen_in_mid_run_does_not_free_it(members: Members) -> None:
    page, program, root = members
    await program.say("wait a.txt", mode="plan")
    await page.event("text_delta")
    await page.send("configure", mode="auto")
    assert (await page.event("session_change"))["mode"] == "auto"
    assert (await page.event("session_change"))["mode"] == "ask"
    assert "may not approve" in (await page.event("notice"))["text"]
    assert await page.next_ask() == "a.txt" and not (root / "a.txt").exists()
    await page.send("stop")
    await page.event("run_end")
    assert (await page.event("session_change"))["mode"] == "auto"


async def test_a_run_that_a_program_resumes_asks(members: Members) -> None:
    page, program, root = members
    await page.send("configure", mode="auto")
    await page.say("sleep a.txt")
    await page.event("text_delta")
    await page.send("stop")
    await page.event("run_end")
    assert not await program.send("resume")
    assert (await page.event("run_start"))["mode"] == "ask"
    assert await page.next_ask() == "a.txt" and not (root / "a.txt").exists()
    await page.send("stop")
    await page.event("run_end")
    assert not await page.send("resume")  # the page's own prompt, resumed by the page
    assert await page.next_ask() is None and (root / "a.txt").exists()
