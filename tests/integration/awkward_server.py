"""A server of the Chat Completions API whose models each misbehave in a way of their own.

Ours, for tests: what each does is at its name in `MODELS`, what a person is to see in the tests.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

ANSWER = "There are cells here."
WINDOW = 12_000  # tokens, by a quarter of the request's bytes
MODELS = (
    "silent-list",  # listed with empty tags: says nothing of tools
    "call-as-text",  # writes its tool call into the answer
    "thinks-only",  # thinks and says nothing, the first time
    "says-nothing",  # ends at once, the first time
    "null-arguments",
    "list-as-text",  # a list of ids given as a text
    "no-usage-option",  # refuses stream_options
    "no-tools",  # refuses tools with 400
    "no-tools-404",  # refuses tools with 404
    "still-loading",  # 503 until a moment has passed
    "small-window",  # refuses more than WINDOW tokens, and says so
    "no-system-role",
    "strict-roles",  # users and assistants must alternate
)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        rows: list[dict[str, Any]] = [{"id": name, "object": "model"} for name in MODELS]
        rows[0] |= {"tags": [], "meta": {"n_ctx": 32_768}}
        self._json(200, {"object": "list", "data": rows})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        refused = self._refusal(body)
        if refused is not None:
            self._json(*refused)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for piece in self._answer(body):
            self.wfile.write(b"data: " + json.dumps({"choices": [piece]}).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")

    def _refusal(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        model, roles = body["model"], [message["role"] for message in body["messages"]]
        times = self.server.times
        times[model] += 1
        words = ""
        status = 400
        if model == "no-usage-option" and "stream_options" in body:
            words = "Unrecognized request argument supplied: stream_options"
        elif model == "no-tools" and body.get("tools"):
            words = "registry.test/no-tools:latest does not support tools"
        elif model == "no-tools-404" and body.get("tools"):
            status, words = 404, "No endpoints found that support tool use."
        elif model == "still-loading" and time.monotonic() < self.server.loaded_at:
            return 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable"}}
        elif model == "small-window" and len(json.dumps(body)) // 4 > WINDOW:
            size = len(json.dumps(body)) // 4
            words = f"the request exceeds the available context size ({size} > {WINDOW})"
            return 400, {"error": {"message": words, "n_ctx": WINDOW, "n_prompt_tokens": size}}
        elif model == "no-system-role" and "system" in roles:
            words = "System role not supported"
        elif model == "strict-roles":
            spoken = [role for role in roles if role != "system"]
            if any(one == other == "user" for one, other in pairwise(spoken)):
                words = "Conversation roles must alternate user/assistant/user/assistant/..."
            elif times[model] == 1:
                return 500, {"error": {"message": "CUDA out of memory"}}
        return (status, {"error": {"message": words}}) if words else None

    def _answer(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        model = body["model"]
        after = any(message["role"] == "tool" for message in body["messages"])
        first = self.server.times[model] == 1
        end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
        if model == "call-as-text" and not after:
            text = f'<tool_call>\n{{"name": "{_looking(body)}", "arguments": {{}}}}\n</tool_call>'
            yield {"index": 0, "delta": {"content": text}}
        elif model == "thinks-only" and first:
            yield {"index": 0, "delta": {"reasoning_content": "Let me look."}}
        elif model == "says-nothing" and first:
            return
        elif model == "null-arguments" and not after:
            yield _call(_looking(body), "null")
            end["finish_reason"] = "tool_calls"
        elif model == "list-as-text" and not after:
            yield _call("read_cells", json.dumps({"ids": json.dumps(["nowhere"])}))
            end["finish_reason"] = "tool_calls"
        else:
            yield {"index": 0, "delta": {"content": ANSWER}}
        yield end

    def _json(self, status: int, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _looking(body: dict[str, Any]) -> str:
    """Return a tool that only looks; without a notebook there is no overview of one."""
    offered = {tool["function"]["name"] for tool in body["tools"]}
    return "notebook_overview" if "notebook_overview" in offered else "inspect_variables"


def _call(name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {
        "index": 0,
        "delta": {
            "tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": function}]
        },
    }


class Server(ThreadingHTTPServer):
    """The server; `asked` holds what it was asked, `times` how often each model was."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []
        self.times: Counter[str] = Counter()
        self.loaded_at = 0.0

    def model(self, name: str) -> str:
        """Return the address of a model, as people type it; all counts begin anew."""
        self.asked.clear()
        self.times.clear()
        self.loaded_at = time.monotonic() + 1.5
        return f"http://127.0.0.1:{self.server_port}/v1#{name}"


@contextmanager
def awkward_server() -> Iterator[Server]:
    """Serve while inside."""
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
