"""An MCP server over a stream of lines: both eras of the protocol, several requests at a time.

The era with a handshake (`initialize`, until 2025-11-25) and the stateless one (2026-07-28, where
each request says its version and `server/discover` replaces the handshake) differ in a few fields;
which one a request belongs to is told by its `_meta`.

Sources: https://modelcontextprotocol.io/specification/2025-11-25,
https://modelcontextprotocol.io/specification/draft
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..protocol.errors import AgentError
from ..protocol.messages import TextPart
from ..tools.base import definition
from .hands import Progress, hints_of

if TYPE_CHECKING:
    from ..protocol.session_events import ToolEnd
    from ..tools.base import Tool

HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
STATELESS = ("2026-07-28",)
_VERSION = "io.modelcontextprotocol/protocolVersion"
_CLIENT = "io.modelcontextprotocol/clientInfo"
_SERVER = "io.modelcontextprotocol/serverInfo"

# How long a list may be kept by the client, and for whom: it is asked for anew.
_NOT_KEPT: dict[str, Any] = {"ttlMs": 0, "cacheScope": "private"}

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, BAD_PARAMS, INTERNAL = (
    -32700,
    -32600,
    -32601,
    -32602,
    -32603,
)
UNSUPPORTED_VERSION = -32022
MAX_LINE = 16 * 1024 * 1024  # bytes
MAX_AT_ONCE = 64  # requests of one client

INSTRUCTIONS = (
    "Tools for Jupyter notebooks: read, edit and run them by cell. Begin with notebook_overview, and "
    "name the notebook by its path in each call. Read a cell before you change it; a cell that "
    "changed since is refused with STALE_CELL. Edits and runs may need the person's approval."
)

log = logging.getLogger("jupyter_agent")

Json = dict[str, Any]


class Caller(Protocol):
    """What carries out a client's calls."""

    async def tools(self) -> Sequence[Tool[Any]]:
        """Return the tools on offer."""

    async def call(self, name: str, arguments: dict[str, Any], on_progress: Progress) -> ToolEnd:
        """Carry out a call; see `Hands.call`."""


@dataclass(slots=True)
class Client:
    """Who is at the other end, as it said."""

    name: str = "MCP client"
    abilities: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asks_people(self) -> bool:
        """Whether it can put a question to its person."""
        return "elicitation" in self.abilities


class Refused(Exception):
    """A request that cannot be carried out, as JSON-RPC tells it."""

    def __init__(self, code: int, message: str, data: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class McpServer:
    """One client's conversation.

    Args:
        write: sends a line of JSON.
        version: ours, for people.
        caller: makes what carries out the calls, once the client is known.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        version: str,
        caller: Callable[[Client], Awaitable[Caller]],
    ) -> None:
        self.client = Client()
        self._write = write
        self._version = version
        self._make_caller = caller
        self._caller: asyncio.Future[Caller] | None = None
        self._tasks: dict[str | int, asyncio.Task[None]] = {}
        self._asked: dict[str, asyncio.Future[Json]] = {}
        self._count = 0

    # -- lines ---------------------------------------------------------------------------------------

    def receive(self, line: bytes) -> None:
        """Take a line of the client."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._fail(None, Refused(PARSE_ERROR, "This line is not JSON."))
            return
        # Batches were allowed by one revision; they are read one by one.
        for one in message if isinstance(message, list) else [message]:
            self._take(one)

    def _take(self, message: Any) -> None:
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self._fail(None, Refused(INVALID_REQUEST, "This is no JSON-RPC 2.0 message."))
            return
        number, method = message.get("id"), message.get("method")
        if method is None:
            self._answered(message)
        elif not isinstance(method, str):
            self._fail(None, Refused(INVALID_REQUEST, "A method is named by a text."))
        elif number is None:
            self._notified(method, message.get("params"))
        elif isinstance(number, bool) or not isinstance(number, str | int):
            self._fail(None, Refused(INVALID_REQUEST, "A request's id is a text or a number."))
        elif number in self._tasks:
            self._fail(number, Refused(INVALID_REQUEST, "A request of this id goes on."))
        elif len(self._tasks) >= MAX_AT_ONCE:
            self._fail(number, Refused(INTERNAL, f"More than {MAX_AT_ONCE} requests at once."))
        else:
            params = message.get("params")
            task = asyncio.get_running_loop().create_task(self._handle(number, method, params))
            self._tasks[number] = task
            task.add_done_callback(lambda _: self._tasks.pop(number, None))

    async def aclose(self) -> None:
        """End what goes on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for question in self._asked.values():
            question.cancel()

    async def ask(self, text: str, schema: Json) -> Json:
        """Put a question to the client's person; returns the answer (`action`, `content`)."""
        self._count += 1
        number = f"jupyter-agent-{self._count}"
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        params = {"message": text, "requestedSchema": schema}
        self._send({"id": number, "method": "elicitation/create", "params": params})
        try:
            return await answer
        finally:
            self._asked.pop(number, None)

    def _answered(self, message: Json) -> None:
        answer = self._asked.get(str(message.get("id")))
        if answer is not None and not answer.done():
            result = message.get("result")
            answer.set_result(result if isinstance(result, dict) else {"action": "cancel"})

    def _notified(self, method: str, params: Any) -> None:
        if method == "notifications/cancelled" and isinstance(params, dict):
            # One that was answered already is ignored.
            task = self._tasks.get(params.get("requestId", ""))
            if task is not None:
                task.cancel()

    def _send(self, message: Json) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":"))
        self._write(data.encode("utf-8", "replace") + b"\n")

    def _fail(self, number: str | int | None, fault: Refused) -> None:
        error: Json = {"code": fault.code, "message": str(fault)}
        if fault.data is not None:
            error["data"] = fault.data
        self._send({"id": number, "error": error})

    # -- requests ------------------------------------------------------------------------------------

    async def _handle(self, number: str | int, method: str, params: Any) -> None:
        try:
            if params is not None and not isinstance(params, dict):
                raise Refused(BAD_PARAMS, "Parameters are an object.")
            given: Json = params or {}
            result = await self._result(method, given)
        except Refused as fault:
            self._fail(number, fault)
        except AgentError as error:
            self._fail(number, Refused(INTERNAL, error.user_message, {"code": error.code}))
        except asyncio.CancelledError:
            raise  # by the client, which waits for no answer, or at the end
        except Exception:
            log.exception("An MCP request could not be handled: %s", method)
            self._fail(number, Refused(INTERNAL, "This failed here; the log says more."))
        else:
            self._send({"id": number, "result": result})

    async def _result(self, method: str, params: Json) -> Json:
        stateless = self._era(method, params)
        match method:
            case "initialize":
                return self._initialize(params)
            case "server/discover":
                return self._stamped(
                    {
                        **_NOT_KEPT,
                        "supportedVersions": [*STATELESS, *HANDSHAKE],
                        "capabilities": {"tools": {}},
                        "instructions": INSTRUCTIONS,
                    },
                    stateless=True,
                )
            case "ping":
                return {}
            case "tools/list":
                listed = {"tools": await self._tools(), **(_NOT_KEPT if stateless else {})}
                return self._stamped(listed, stateless=stateless)
            case "tools/call":
                return self._stamped(await self._call(params), stateless=stateless)
            case "resources/list" | "resources/templates/list" | "prompts/list":
                key = {"prompts/list": "prompts", "resources/list": "resources"}
                nothing: Json = {key.get(method, "resourceTemplates"): []}
                return self._stamped(
                    {**nothing, **(_NOT_KEPT if stateless else {})}, stateless=stateless
                )
            case _:
                raise Refused(NO_METHOD, f"There is no method {method!r} here.")

    def _era(self, method: str, params: Json) -> bool:
        """Return whether a request is of the stateless era; notes who sends it."""
        given = params.get("_meta")
        meta: Json = given if isinstance(given, dict) else {}
        version = meta.get(_VERSION)
        if version is None:
            return False
        if version not in STATELESS:
            data = {"supported": [*STATELESS, *HANDSHAKE], "requested": str(version)[:100]}
            raise Refused(UNSUPPORTED_VERSION, "This version of MCP is not spoken here.", data)
        if self._caller is None:
            # Its people are asked by another way (`input_required`), which is not spoken here.
            self._know(meta.get(_CLIENT), None)
        return True

    def _initialize(self, params: Json) -> Json:
        self._know(params.get("clientInfo"), params.get("capabilities"))
        wanted = params.get("protocolVersion")
        return {
            "protocolVersion": wanted if wanted in HANDSHAKE else HANDSHAKE[0],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": self._about(),
            "instructions": INSTRUCTIONS,
        }

    def _know(self, info: Any, abilities: Any) -> None:
        if isinstance(info, dict):
            name = info.get("title") or info.get("name")
            if isinstance(name, str) and name.strip():
                self.client.name = " ".join(name.split())[:80]
        if isinstance(abilities, dict):
            self.client.abilities = abilities

    def _about(self) -> Json:
        return {"name": "jupyter-agent", "title": "Jupyter Agent", "version": self._version}

    def _stamped(self, result: Json, *, stateless: bool) -> Json:
        if not stateless:
            return result
        return {**result, "resultType": "complete", "_meta": {_SERVER: self._about()}}

    async def _hands(self) -> Caller:
        if self._caller is None:
            self._caller = asyncio.ensure_future(self._make_caller(self.client))
        return await asyncio.shield(self._caller)

    async def _tools(self) -> list[Json]:
        told = []
        for tool in await (await self._hands()).tools():
            known = definition(tool)
            told.append(
                {
                    "name": known.name,
                    "description": known.description,
                    "inputSchema": known.parameters,
                    "annotations": hints_of(tool, known),
                }
            )
        return told

    async def _call(self, params: Json) -> Json:
        name, arguments = params.get("name"), params.get("arguments", {})
        if not isinstance(name, str) or not isinstance(arguments, dict):
            raise Refused(BAD_PARAMS, "A call has a name, and an object of arguments.")
        hands = await self._hands()
        if name not in {tool.name for tool in await hands.tools()}:
            raise Refused(BAD_PARAMS, f"There is no tool {name[:100]!r}.")
        meta = params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        told = 0

        def progress(text: str) -> None:
            nonlocal told
            if token is not None:
                told += 1
                news = {"progressToken": token, "progress": told, "message": text[:500]}
                self._send({"method": "notifications/progress", "params": news})

        return _as_result(await hands.call(name, arguments, progress))


def _as_result(ended: ToolEnd) -> Json:
    content: list[Json] = []
    for part in ended.result.content:
        if isinstance(part, TextPart):
            content.append({"type": "text", "text": part.text})
        elif part.data is not None:
            content.append({"type": "image", "data": part.data, "mimeType": part.media_type})
    return {"content": content, "isError": ended.result.is_error}


async def serve_lines(server: McpServer, lines: asyncio.StreamReader) -> None:
    """Serve a client until its input ends."""
    try:
        while True:
            try:
                line = await lines.readuntil(b"\n")
            except asyncio.IncompleteReadError as end:
                line = end.partial
                if not line.strip():
                    return
            except asyncio.LimitOverrunError as over:
                with suppress(asyncio.IncompleteReadError):
                    await lines.readexactly(over.consumed)
                server.receive(b"too long")
                continue
            if line.strip():
                server.receive(line)
    finally:
        await server.aclose()
