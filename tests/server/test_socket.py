"""The socket: frames reach sessions, events reach clients in order, and nothing else gets through."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from tornado.websocket import WebSocketClosedError

from jupyter_agent.protocol.messages import Mention
from jupyter_agent.server.connection import MAX_BAD_FRAMES, MAX_WAITING
from jupyter_agent.server.socket import MAX_FRAME_BYTES

MENTION = {"kind": "variable", "label": "@df", "name": "df"}


async def test_a_client_is_greeted(manager: Any, browser: Any) -> None:
    one, two = await browser.open(), await browser.open()
    first, second = await one.welcome(), await two.welcome()
    assert first["can_approve"] is True
    assert first["client_id"] != second["client_id"]
    assert len(first["nonce"]) >= 22 and first["nonce"] != second["nonce"]


async def test_attaching_brings_a_snapshot_and_then_events(manager: Any, socket: Any) -> None:
    session = manager.add("s1")
    session.title = "Penguins"
    session.emit("before")
    await socket.send({"type": "attach", "id": "a", "session_id": "s1"})
    first = await socket.read()
    assert (first["type"], first["seq"]) == ("snapshot", 1)
    assert first["transcript"]["title"] == "Penguins"
    assert await socket.read() == {"type": "reply", "id": "a"}
    session.emit("after")
    frame = await socket.read()
    assert (frame["type"], frame["session_id"], frame["seq"]) == ("events", "s1", 2)
    assert frame["events"] == [{"type": "notice", "level": "info", "text": "after"}]


@pytest.mark.R(53)
async def test_resuming_brings_exactly_what_was_missed(
    manager: Any, browser: Any, until: Any
) -> None:
    session = manager.add("s1")
    seen: list[str] = []
    after: int | None = None
    for round_number in range(20):
        client = await browser.open()
        await client.welcome()
        await client.send({"type": "attach", "id": "a", "session_id": "s1", "after": after or 0})
        session.emit(f"event {round_number}")
        session.emit(f"and {round_number}")
        while len(seen) < len(session.events):
            frame = await client.read()
            assert frame is not None
            if frame["type"] == "events":
                assert frame["seq"] == (after or 0) + 1
                seen += [event["text"] for event in frame["events"]]
                after = (after or 0) + len(frame["events"])
        client.close()
        session.emit(f"while away {round_number}")
    assert seen == [event.text for event in session.events[: len(seen)]]
    await until(lambda: not session.watchers)


async def test_a_second_attach_replaces_the_first(manager: Any, socket: Any, until: Any) -> None:
    session = manager.add("s1")
    for _ in range(3):
        await socket.ask(type="attach", session_id="s1")
    assert len(session.watchers) == 1
    await socket.send({"type": "detach", "session_id": "s1"})
    await until(lambda: not session.watchers)


async def test_what_a_person_says_reaches_the_session(manager: Any, socket: Any) -> None:
    session = manager.add("s1")
    frames: list[dict[str, Any]] = [
        {"type": "prompt", "op_id": "o", "text": "hello", "delivery": "queue"},
        {"type": "unqueue", "prompt_id": "p"},
        {"type": "resume"},
        {"type": "compact"},
        {"type": "prompt", "op_id": "p", "text": "@df", "mode": "plan", "mentions": [MENTION]},
        {"type": "configure", "mode": "plan"},
        {"type": "keep"},
        {"type": "undo", "path": "n.ipynb", "cell_id": "a", "force": True},
        {"type": "restore", "message_id": "m"},
        {"type": "stop"},
    ]
    for frame in frames:
        assert "error" not in await socket.ask(session_id="s1", **frame)
    assert session.told == [
        ("prompt", {"text": "hello", "delivery": "queue", "op_id": "o"}),
        ("unqueue", {"prompt_id": "p"}),
        ("resume", {}),
        ("compact", {}),
        (
            "prompt",
            {
                "text": "@df",
                "delivery": "steer",
                "op_id": "p",
                "mentions": (Mention(kind="variable", label="@df", name="df"),),
                "mode": "plan",
            },
        ),
        ("configure", {"model": None, "mode": "plan", "effort": None, "title": None}),
        ("keep", {"path": None, "cell_id": None}),
        ("undo", {"path": "n.ipynb", "cell_id": "a", "force": True}),
        ("restore", {"message_id": "m"}),
        ("stop", {}),
    ]


async def test_a_notebook_that_was_renamed_is_told_with_its_owner(
    manager: Any, socket: Any
) -> None:
    reply = await socket.ask(type="move_notebook", path="a.ipynb", to="b.ipynb")
    assert "error" not in reply
    ((what, (old, new, owner)),) = manager.called
    assert (what, old, new, owner) == ("move_notebook", "a.ipynb", "b.ipynb", "local")


async def test_what_cannot_be_restored_now_says_why(manager: Any, socket: Any) -> None:
    manager.add("s1")
    reply = await socket.ask(type="restore", session_id="s1", message_id="running")
    assert reply["error"]["code"] == "not_allowed" and "Stop it first" in reply["error"]["message"]


async def test_nobody_undoes_what_is_done_in_anothers_session(manager: Any, socket: Any) -> None:
    session = manager.add("s1", owner="somebody else")
    for frame in ({"type": "keep"}, {"type": "undo"}, {"type": "restore", "message_id": "m"}):
        reply = await socket.ask(session_id="s1", **frame)
        assert reply["error"]["code"] == "unknown_session"
    assert session.told == []


async def test_stop_overtakes_and_does_not_hold_up_others(manager: Any, socket: Any) -> None:
    session = manager.add("s1")
    session.stopping = asyncio.Event()
    await socket.send({"type": "stop", "id": "stop", "session_id": "s1"})
    assert (await socket.ask(type="resume", session_id="s1"))["id"] == "1"
    session.stopping.set()
    assert (await socket.read_until("reply"))["id"] == "stop"


async def test_a_stop_goes_on_when_its_tab_closes(
    manager: Any, browser: Any, agent_app: Any, until: Any
) -> None:
    session = manager.add("s1")
    session.stopping = asyncio.Event()
    client = await browser.open()
    await client.welcome()
    await client.send({"type": "stop", "id": "stop", "session_id": "s1"})
    await client.ask(type="resume", session_id="s1")
    client.close()
    await until(lambda: not agent_app.sockets)
    session.stopping.set()
    await until(lambda: ("stop", {}) in session.told)


async def test_a_tab_that_closes_while_it_attaches_leaves_no_watcher(
    manager: Any, browser: Any, agent_app: Any, until: Any
) -> None:
    session = manager.add("s1")
    session.attaching = asyncio.Event()
    client = await browser.open()
    await client.welcome()
    await client.send({"type": "attach", "id": "a", "session_id": "s1"})
    await until(lambda: session.watchers)
    client.close()
    await until(lambda: not agent_app.sockets)
    session.attaching.set()
    await until(lambda: not session.watchers)


async def test_an_unknown_session_is_an_error_of_the_reply(manager: Any, socket: Any) -> None:
    manager.add("theirs", owner="user:bob")
    for session_id in ("none", "theirs"):
        for kind in ("attach", "stop", "resume"):
            reply = await socket.ask(type=kind, session_id=session_id)
            assert reply["error"]["code"] == "unknown_session"


@pytest.mark.R(9)
async def test_a_fault_of_ours_tells_no_secrets(manager: Any, socket: Any) -> None:
    manager.add("s1")
    reply = await socket.ask(type="prompt", session_id="s1", op_id="o", text="break")
    assert reply["error"]["code"] == "internal"
    assert "canary" not in json.dumps(reply)
    assert "error" not in await socket.ask(type="resume", session_id="s1")


@pytest.mark.R(52)
@pytest.mark.parametrize(
    "data",
    [
        "{",
        "",
        "null",
        "[]",
        '{"type": "unknown", "id": "1"}',
        '{"type": "prompt", "id": "1"}',
        '{"type": "attach", "id": "1", "session_id": 5}',
        '{"type": "approve", "id": "1", "session_id": "s1", "approval_id": "a"}',
        "[" * 5000,
        "\ud800".encode("utf-8", "surrogatepass"),
        b"\xff\xfe",
    ],
)
async def test_a_malformed_frame_is_answered_and_life_goes_on(
    manager: Any, socket: Any, data: Any
) -> None:
    manager.add("s1")
    if isinstance(data, bytes):
        await socket.connection.write_message(data, binary=True)
    else:
        await socket.send(data)
    reply = await socket.read()
    assert reply["error"]["code"] == "bad_frame"
    assert "error" not in await socket.ask(type="resume", session_id="s1")


@pytest.mark.R(52)
async def test_repeated_abuse_ends_the_connection(manager: Any, socket: Any, browser: Any) -> None:
    other = await browser.open()
    await other.welcome()
    manager.add("s1")
    for _ in range(MAX_BAD_FRAMES + 1):
        await socket.send("{")
    assert await socket.closed() == 1008
    assert "error" not in await other.ask(type="resume", session_id="s1")


@pytest.mark.R(51)
async def test_a_slow_reader_is_dropped_and_resumes(manager: Any, browser: Any) -> None:
    session = manager.add("s1")
    slow, quick = await browser.open(), await browser.open()
    for client in (slow, quick):
        await client.welcome()
        await client.ask(type="attach", session_id="s1")
    text = "x" * 60_000
    seen = 0
    # The slow client reads nothing: its socket's buffers fill, then the server's queue for it.
    while len(session.watchers) == 2:
        session.emit(text)
        frame = await quick.read()
        seen += len(frame["events"])
        assert len(session.events) < 2_000, "the queue for the slow client has no bound"
    session.emit("last")
    while seen < len(session.events):
        seen += len((await quick.read())["events"])
    slow.close()
    again = await browser.open()
    await again.welcome()
    known = len(session.events) - 3
    await again.send({"type": "attach", "id": "a", "session_id": "s1", "after": known})
    frame = await again.read()
    assert (frame["type"], frame["seq"], len(frame["events"])) == ("events", known + 1, 3)
    assert frame["events"][-1]["text"] == "last"


@pytest.mark.R(52)
async def test_a_flood_ends_the_connection(manager: Any, socket: Any) -> None:
    frame = json.dumps({"type": "attach", "id": "1", "session_id": "none"})
    # All at once: the server reads them in one go, faster than it can do what they ask.
    for _ in range(MAX_WAITING * 50):
        socket.connection.write_message(frame)
    assert await socket.closed(30) in (1008, None)


@pytest.mark.R(52)
async def test_a_frame_beyond_measure_ends_the_connection(
    manager: Any, socket: Any, browser: Any
) -> None:
    other = await browser.open()
    await other.welcome()
    with suppress(WebSocketClosedError):  # it may be closed before all of it is written
        await socket.send("x" * (MAX_FRAME_BYTES + 1))
    assert await socket.closed(30) in (1009, None)
    manager.add("s1")
    assert "error" not in await other.ask(type="resume", session_id="s1")


async def test_clients_hear_that_the_list_changed(manager: Any, socket: Any) -> None:
    for _ in range(5):
        for watcher in manager.watchers:
            watcher()
    assert await socket.read() == {"type": "sessions_changed"}
    manager.add("s1")
    assert (await socket.ask(type="resume", session_id="s1"))["type"] == "reply"


async def test_nothing_is_left_of_a_client_that_went(
    manager: Any, browser: Any, agent_app: Any, until: Any
) -> None:
    session = manager.add("s1")
    client = await browser.open()
    await client.welcome()
    await client.ask(type="attach", session_id="s1")
    await client.send({"type": "notebooks", "notebooks": [{"path": "n.ipynb"}]})
    await until(lambda: agent_app.tabs.for_owner(None).has_tab("n.ipynb"))
    client.close()
    await until(lambda: not agent_app.sockets)
    assert not session.watchers
    assert not manager.watchers
    assert not agent_app.tabs.for_owner(None).has_tab("n.ipynb")
    session.emit("nobody hears it")


@pytest.mark.R(18, 19)
async def test_an_answer_needs_this_sockets_nonce(manager: Any, browser: Any, socket: Any) -> None:
    session = manager.add("s1")
    other = await browser.open()
    nonce = (await other.welcome())["nonce"]
    approve = {
        "type": "approve",
        "session_id": "s1",
        "approval_id": "a",
        "fingerprint": "f",
        "allow": True,
    }
    question = {"type": "answer", "session_id": "s1", "question_id": "q", "answer": "yes"}
    for wrong in ("", "x", nonce, socket.nonce + "x", "ü"):
        for frame in (approve, question):
            reply = await socket.ask(**frame, nonce=wrong)
            assert reply["error"]["code"] == "not_allowed"
    assert session.told == []
    for frame in (approve, question):
        assert "error" not in await socket.ask(**frame, nonce=socket.nonce)
    assert [kind for kind, _ in session.told] == ["approve", "answer"]
    assert session.told[0][1]["fingerprint"] == "f"


@pytest.mark.R(20)
async def test_a_settled_approval_is_refused(manager: Any, socket: Any) -> None:
    manager.add("s1")
    reply = await socket.ask(
        type="approve",
        session_id="s1",
        approval_id="settled",
        fingerprint="f",
        allow=True,
        nonce=socket.nonce,
    )
    assert reply["error"]["code"] == "not_allowed"
