"""Clients of a server with collaboration: the agent's, and one that shares a document."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import websocket
from pycrdt import (
    Array,
    Doc,
    Map,
    create_sync_message,
    create_update_message,
    handle_sync_message,
)
from real_lab import Lab

SYNC = 0


def cookies(lab: Lab) -> str:
    """Log in as a browser does; returns the cookies."""
    with httpx.Client(base_url=lab.url, trust_env=False) as client:
        client.get("/login")
        client.get(f"/login?token={lab.token}")
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)


class AgentClient:
    """A person's session of the agent in mode `auto`, without a notebook open beside it."""

    def __init__(self, lab: Lab, path: str) -> None:
        headers = {"Authorization": f"token {lab.token}"}
        made = httpx.post(
            f"{lab.url}/jupyter-agent/api/sessions",
            json={"model": "script/steps", "notebook_path": path},
            headers=headers,
            trust_env=False,
        ).raise_for_status()
        self.id = made.json()["id"]
        self.events: list[dict[str, Any]] = []
        self._socket = websocket.create_connection(
            f"{lab.url.replace('http', 'ws')}/jupyter-agent/api/socket",
            cookie=cookies(lab),
            origin=lab.url,
            timeout=60,
        )
        self._frames = 0
        self._read()
        assert not self.send("attach")
        assert not self.send("configure", mode="auto")

    def send(self, kind: str, **frame: Any) -> dict[str, Any]:
        """Send a frame; returns the reply's error."""
        self._frames += 1
        sent = {"type": kind, "id": str(self._frames), "session_id": self.id, **frame}
        self._socket.send(json.dumps(sent))
        while True:
            reply = self._read()
            if reply["type"] == "reply" and reply["id"] == sent["id"]:
                return dict(reply.get("error") or {})

    def begin(self, *calls: tuple[str, dict[str, Any]]) -> None:
        """Have the agent make calls."""
        assert not self.send("prompt", text=json.dumps(calls), op_id=secrets.token_hex(8))

    def end(self) -> list[tuple[bool, str]]:
        """Wait for the run's end; returns of each call whether it failed, and its text."""
        while not any(event["type"] == "run_end" for event in self.events):
            self._read()
        ended, self.events = self.events, []
        results = [event["result"] for event in ended if event["type"] == "tool_end"]
        return [
            (
                result.get("is_error", False),
                "\n".join(part.get("text", "") for part in result["content"]),
            )
            for result in results
        ]

    def run(self, *calls: tuple[str, dict[str, Any]]) -> list[tuple[bool, str]]:
        self.begin(*calls)
        return self.end()

    def edit(self, *ops: dict[str, Any]) -> tuple[bool, str]:
        """Make one edit, after reading the notebook."""
        *_, result = self.run(
            ("notebook_overview", {}),
            ("read_cells", {"ids": ["first", "second", "third"]}),
            ("edit_cells", {"ops": list(ops), "reason": "r", "run": "none"}),
        )
        return result

    def close(self) -> None:
        self._socket.close(timeout=1)

    def _read(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self._socket.recv())
        self.events += frame["events"] if frame["type"] == "events" else ()
        return frame


class SharedEditor:
    """Another program that has a notebook open in its room, and types into it."""

    def __init__(self, lab: Lab, path: str, *, kind: str = "json:notebook") -> None:
        form, content = kind.split(":")
        session = httpx.put(
            f"{lab.url}/api/collaboration/session/{path}",
            json={"format": form, "type": content},
            headers={"Authorization": f"token {lab.token}"},
            trust_env=False,
        ).raise_for_status()
        told = session.json()
        self.doc: Doc[Any] = Doc()
        self._cells = self.doc.get("cells", type=Array)
        self._lock = threading.RLock()
        self._socket = websocket.create_connection(
            f"{lab.url.replace('http', 'ws')}/api/collaboration/room/{told['format']}:"
            f"{told['type']}:{told['fileId']}?sessionId={told['sessionId']}&token={lab.token}",
            timeout=60,
        )
        self._send(create_sync_message(self.doc))
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def sources(self) -> list[str]:
        with self._lock:
            return [str(cell["source"]) for cell in self._cells]

    def type(self, cell_id: str, text: str, *, at: int | None = None) -> None:
        """Type into a cell, at its end or at a place, and send it."""
        with self._lock:
            source = self._cell(cell_id)["source"]
            before = self.doc.get_state()
            source.insert(len(str(source).encode()) if at is None else at, text)
            self._send(create_update_message(self.doc.get_update(before)))

    def wait(self, check: Callable[[list[str]], bool], *, seconds: float = 30) -> None:
        """Wait until the sources are so."""
        deadline = time.monotonic() + seconds
        while not check(self.sources()):
            assert time.monotonic() < deadline, self.sources()
            time.sleep(0.02)

    def close(self) -> None:
        self._socket.close(timeout=1)
        self._reader.join(5)

    def _cell(self, cell_id: str) -> Map[Any]:
        found: Map[Any] = next(cell for cell in self._cells if cell["id"] == cell_id)
        return found

    def _send(self, message: bytes) -> None:
        self._socket.send_binary(message)

    def _listen(self) -> None:
        with contextlib.suppress(websocket.WebSocketException, OSError, AttributeError):
            while message := self._socket.recv():
                if isinstance(message, bytes) and message[0] == SYNC:
                    with self._lock:
                        answer = handle_sync_message(message[1:], self.doc)
                        if answer is not None:
                            self._send(answer)
