"""The MCP server's protocol, both eras: good requests, bad ones, many at once, and none that slips by."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from jupyter_agent.mcp.server import (
    BAD_PARAMS,
    INTERNAL,
    INVALID_REQUEST,
    MAX_AT_ONCE,
    NO_METHOD,
    PARSE_ERROR,
    UNSUPPORTED_VERSION,
    McpServer,
    serve_lines,
)
from jupyter_agent.protocol.errors import KernelDied
from jupyter_agent.protocol.messages import ImagePart, TextPart, ToolResultPart
from jupyter_agent.protocol.session_events import ToolEnd

STATELESS = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}


class Arguments(BaseModel):
    text: str


class Look:
    name = "read_cells"
    description = "Look."
    arguments = Arguments


class FakeHands:
    """Notes calls; each waits until the test lets it go, if it is told to."""

    def __init__(self) -> None:
        self.called: list[tuple[str, dict[str, Any]]] = []
        self.stopped: list[str] = []
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def tools(self) -> list[Any]:
        return [Look()]

    async def call(self, name: str, arguments: dict[str, Any], on_progress: Any) -> ToolEnd:
        self.called.append((name, arguments))
        on_progress("working")
        if self.error is not None:
            raise self.error
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped.append(name)
            raise
        content = (TextPart(text="seen"), ImagePart(media_type="image/png", data="AAAA"))
        result = ToolResultPart(tool_call_id="c", tool_name=name, content=content)
        return ToolEnd(call_id="c", tool_name=name, result=result, title="Look")


class Rig:
    def __init__(self) -> None:
        self.hands = FakeHands()
        self.sent: list[dict[str, Any]] = []
        self.server = McpServer(
            lambda line: self.sent.append(json.loads(line)), version="1", caller=self._caller
        )

    async def _caller(self, client: Any) -> FakeHands:
        return self.hands

    def send(self, **message: Any) -> None:
        self.server.receive(json.dumps({"jsonrpc": "2.0", **message}).encode())

    async def ask(self, method: str, params: Any = None, number: Any = 1) -> dict[str, Any]:
        self.send(id=number, method=method, **({} if params is None else {"params": params}))
        return await self.answer(number)

    async def until(self, check: Any) -> None:
        for _ in range(1_000):
            if check():
                return
            await asyncio.sleep(0)
        raise AssertionError(self.sent)

    async def answer(self, number: Any) -> dict[str, Any]:
        for _ in range(1_000):
            for message in self.sent:
                if message.get("id") == number and "method" not in message:
                    return message
            await asyncio.sleep(0)
        raise AssertionError(self.sent)


async def test_the_handshake_takes_the_clients_version_where_it_is_known() -> None:
    for wanted, spoken in (("2025-06-18", "2025-06-18"), ("1999-01-01", "2025-11-25")):
        rig = Rig()
        info = {"name": "claude-code", "title": "Claude Code", "version": "2"}
        params = {
            "protocolVersion": wanted,
            "capabilities": {"elicitation": {}},
            "clientInfo": info,
        }
        result = (await rig.ask("initialize", params))["result"]
        assert result["protocolVersion"] == spoken and result["serverInfo"]["version"] == "1"
        assert rig.server.client.name == "Claude Code" and rig.server.client.asks_people
        rig.send(method="notifications/initialized")
        assert (await rig.ask("ping", number="p"))["result"] == {}


async def test_tools_are_listed_with_schemas_and_true_hints() -> None:
    [tool] = (await Rig().ask("tools/list"))["result"]["tools"]
    assert tool["name"] == "read_cells" and tool["inputSchema"]["type"] == "object"
    assert tool["annotations"]["readOnlyHint"] is True
    assert tool["annotations"]["destructiveHint"] is False


async def test_a_call_returns_text_and_images_with_progress_where_it_is_wanted() -> None:
    rig = Rig()
    params = {"name": "read_cells", "arguments": {"text": "x"}, "_meta": {"progressToken": 7}}
    result = (await rig.ask("tools/call", params))["result"]
    assert result == {
        "content": [
            {"type": "text", "text": "seen"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
        ],
        "isError": False,
    }
    [news] = [message for message in rig.sent if message.get("method")]
    assert news["params"] == {"progressToken": 7, "progress": 1, "message": "working"}
    assert rig.hands.called == [("read_cells", {"text": "x"})]


async def test_the_stateless_era_needs_no_handshake_and_stamps_its_results() -> None:
    rig = Rig()
    found = (await rig.ask("server/discover", {"_meta": STATELESS}))["result"]
    assert "2026-07-28" in found["supportedVersions"] and found["resultType"] == "complete"
    listed = (await rig.ask("tools/list", {"_meta": STATELESS}, number="list"))["result"]
    assert (listed["ttlMs"], listed["cacheScope"]) == (0, "private")
    meta = {**STATELESS, "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    params = {"name": "read_cells", "arguments": {}, "_meta": meta}
    result = (await rig.ask("tools/call", params, number=2))["result"]
    assert result["resultType"] == "complete" and result["_meta"]
    assert not rig.server.client.asks_people
    other = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}}
    error = (await rig.ask("tools/list", other, number=3))["error"]
    assert error["code"] == UNSUPPORTED_VERSION and "2026-07-28" in error["data"]["supported"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"nonsense", PARSE_ERROR),
        (b"[" * 5_000, PARSE_ERROR),
        (b"7", INVALID_REQUEST),
        (b'{"id": 1, "method": "ping"}', INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 3}', INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": [1], "method": "ping"}', INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/sell"}', NO_METHOD),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": 3}', BAD_PARAMS),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {}}', BAD_PARAMS),
        (
            b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": '
            b'{"name": "rm", "arguments": {}}}',
            BAD_PARAMS,
        ),
        (
            b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": '
            b'{"name": "read_cells", "arguments": [1]}}',
            BAD_PARAMS,
        ),
    ],
)
async def test_what_is_not_understood_is_refused_and_nothing_is_called(
    line: bytes, code: int
) -> None:
    rig = Rig()
    rig.server.receive(line)
    for _ in range(100):
        await asyncio.sleep(0)
    [message] = rig.sent
    assert message["error"]["code"] == code
    assert message["error"]["message"].endswith((".", "…"))
    assert rig.hands.called == []
    assert (await rig.ask("ping", number="after"))["result"] == {}


async def test_a_cancelled_call_is_stopped_and_has_no_answer() -> None:
    rig = Rig()
    rig.hands.gate = asyncio.Event()
    rig.send(id=1, method="tools/call", params={"name": "read_cells", "arguments": {}})
    await rig.until(lambda: rig.hands.called)
    rig.send(method="notifications/cancelled", params={"requestId": 1})
    rig.send(method="notifications/cancelled", params={"requestId": "unknown"})
    await rig.until(lambda: rig.hands.stopped)
    assert not any(message.get("id") == 1 for message in rig.sent)


async def test_a_flood_and_a_doubled_id_are_refused_and_the_rest_goes_on() -> None:
    rig = Rig()
    rig.hands.gate = asyncio.Event()
    call = {"name": "read_cells", "arguments": {}}
    for number in range(MAX_AT_ONCE + 5):
        rig.send(id=number, method="tools/call", params=call)
    rig.send(id=0, method="ping")
    refused = [message for message in rig.sent if "error" in message]
    assert len(refused) == 6
    assert refused[-1]["error"]["code"] == INVALID_REQUEST
    rig.hands.gate.set()
    for number in range(1, MAX_AT_ONCE):
        assert (await rig.answer(number))["result"]
    for _ in range(10):
        await asyncio.sleep(0)
    assert (await rig.ask("ping", number="after"))["result"] == {}


@pytest.mark.parametrize(
    ("error", "words"),
    [(KernelDied("The kernel died."), "The kernel died."), (ZeroDivisionError("x"), "log")],
)
async def test_what_fails_inside_is_an_error_without_a_traceback(
    error: Exception, words: str
) -> None:
    rig = Rig()
    rig.hands.error = error
    params = {"name": "read_cells", "arguments": {}}
    found = (await rig.ask("tools/call", params))["error"]
    assert found["code"] == INTERNAL and words in found["message"]
    assert "Traceback" not in json.dumps(found)


async def test_a_question_goes_to_the_client_and_its_answer_comes_back() -> None:
    rig = Rig()
    asking = asyncio.ensure_future(rig.server.ask("May I?", {"type": "object"}))
    await asyncio.sleep(0)
    [question] = rig.sent
    assert question["method"] == "elicitation/create"
    rig.send(id=question["id"], result={"action": "accept", "content": {"allow": True}})
    assert (await asking)["content"] == {"allow": True}
    again = asyncio.ensure_future(rig.server.ask("And now?", {"type": "object"}))
    await asyncio.sleep(0)
    rig.send(id=rig.sent[-1]["id"], error={"code": -1, "message": "no"})
    assert await again == {"action": "cancel"}


async def test_lines_are_served_until_the_input_ends_too_long_ones_refused() -> None:
    rig = Rig()
    lines = asyncio.StreamReader(limit=1_000)
    for data in (b"x" * 5_000 + b"\n", b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n', b"\n"):
        lines.feed_data(data)
    lines.feed_eof()
    await serve_lines(rig.server, lines)
    assert any(message.get("error", {}).get("code") == PARSE_ERROR for message in rig.sent)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    json_values
    | st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0"), "id": json_values, "method": json_values, "params": json_values}
    )
)
def test_no_line_brings_it_down_or_makes_a_call(value: Any) -> None:
    async def serve() -> None:
        rig = Rig()
        rig.server.receive(json.dumps(value).encode())
        for _ in range(20):
            await asyncio.sleep(0)
        assert rig.hands.called == []
        assert (await rig.ask("ping", number="after"))["result"] == {}
        await rig.server.aclose()

    asyncio.run(serve())
