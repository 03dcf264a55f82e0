"""`jupyter agent mcp`: our tools for another agent, over MCP on standard input and output.

Nothing but the protocol goes to standard output; what a person should know goes to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shlex
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..config import IN_MEMORY, MODES, load_settings
from ..kernel.managed import ManagedKernels
from ..mcp.hands import Calls, Hands
from ..mcp.server import MAX_LINE, Client, McpServer, serve_lines
from ..policy.broker import Answer
from ..protocol.errors import NotAllowed, NotANotebook
from ..protocol.session_events import ApprovalStart
from ..rendering.terminal import describe_approval, unmistakable
from ..runtime.build import build_manager
from ..runtime.given import given_model
from ..runtime.sessions import Sessions
from . import exits
from .sessions import owner_of

DESCRIPTION = """\
Give another agent (Claude Code, Codex, Gemini CLI, Cursor, VS Code) the tools of this one: it reads,
edits and runs notebooks by cell, with the same approvals, checkpoints and undo. It is started by the
other agent; --print-config prints what to tell it.

examples:
  jupyter agent mcp --print-config claude
  jupyter agent mcp --root ~/analysis --mode edits
"""
CLIENTS = ("claude", "codex", "gemini", "cursor", "vscode")
# A run of the loop stands for the whole conversation of a client.
_ENDLESS = 10**9
_HOW_TO_ALLOW = (
    "Start the server with `--mode edits` or `--mode auto`, or allow it by a rule in the settings."
)
_QUESTION = {
    "type": "object",
    "properties": {"allow": {"type": "boolean", "title": "Allow this"}},
    "required": ["allow"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--root",
        default=".",
        metavar="FOLDER",
        help="where notebooks and files are (default: here)",
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        help="plan: only read; ask: edits and runs are asked about, by the other agent if it can "
        "(the default); edits: runs are; auto: everything is allowed",
    )
    parser.add_argument(
        "--store", metavar="PATH", help="file of the sessions, or `memory` to keep none"
    )
    parser.add_argument(
        "--print-config", choices=CLIENTS, metavar="CLIENT", help=f"one of {', '.join(CLIENTS)}"
    )


def main(arguments: argparse.Namespace) -> int:
    """Serve one client, or print its configuration."""
    root = Path(arguments.root).expanduser()
    if not root.is_dir():
        raise NotANotebook(f"{arguments.root} is not a folder.")
    if arguments.print_config:
        print(configuration(arguments.print_config, arguments))
        return exits.DONE
    return asyncio.run(_serve(root.resolve(), arguments))


def configuration(client: str, arguments: argparse.Namespace) -> str:
    """Return what a client is to be told, as it is pasted."""
    command, words = sys.executable, ["-m", "jupyter_agent.cli.main", "mcp"]
    if arguments.root != ".":
        words += ["--root", str(Path(arguments.root).expanduser().resolve())]
    if arguments.mode:
        words += ["--mode", arguments.mode]
    if client == "claude":
        return f"claude mcp add jupyter -- {shlex.join([command, *words])}"
    if client == "codex":
        listed = json.dumps(words)
        return f"[mcp_servers.jupyter]\ncommand = {json.dumps(command)}\nargs = {listed}"
    key = "servers" if client == "vscode" else "mcpServers"
    server: dict[str, Any] = {"command": command, "args": words}
    if client == "vscode":
        server = {"type": "stdio", **server}
    return json.dumps({key: {"jupyter": server}}, indent=2)


async def _serve(root: Path, arguments: argparse.Namespace) -> int:
    output = _take_stdout()
    lines = await _stdin_lines()
    kernels = ManagedKernels(root)
    opened: list[Sessions] = []
    hands: list[Hands] = []

    async def caller(client: Client) -> Hands:
        calls = Calls()
        made = await _sessions(arguments, calls, server, root=root, kernels=kernels)
        opened.append(made)
        model = f"mcp/{client.name}"
        hands.append(Hands(made, calls, owner=owner_of(root), client=client.name, model=model))
        return hands[-1]

    server = McpServer(output.write, version=version("jupyter-agent"), caller=caller)
    try:
        await serve_lines(server, lines)
    except BrokenPipeError:  # the client has gone
        pass
    finally:
        for one in hands:
            await one.stop()
        for sessions in opened:
            await sessions.aclose()
        await kernels.aclose()
    return exits.DONE


async def _sessions(
    arguments: argparse.Namespace,
    calls: Calls,
    server: McpServer,
    *,
    root: Path,
    kernels: ManagedKernels,
) -> Sessions:
    settings, client = load_settings(), server.client
    if arguments.store is not None:
        settings = replace(settings, store=arguments.store)
    limits = replace(
        settings.limits, max_turns=_ENDLESS, max_calls=_ENDLESS, max_identical_calls=_ENDLESS
    )
    mode = arguments.mode or "ask"
    if mode not in settings.allowed_modes:
        raise NotAllowed(f"Mode {mode} is not allowed here.")
    settings = replace(settings, limits=limits, default_mode=mode, fallback_models=())

    async def ask(approval: ApprovalStart) -> Answer:
        return await _ask(approval, client, server)

    return build_manager(
        settings,
        root=root,
        store_path=None if settings.store == IN_MEMORY else settings.store_path(),
        kernels=kernels,
        given=await given_model(calls.provider(client.name)),
        ask=ask,
        attended=lambda: client.asks_people,
        memory_instead=True,
    )


async def _ask(approval: ApprovalStart, client: Client, server: McpServer) -> Answer:
    """Settle an approval: by the client's person, or not at all."""
    if not client.asks_people:
        return Answer(
            allow=False,
            reason=f"{client.name} cannot put a question to its person. {_HOW_TO_ALLOW}",
        )
    said = await server.ask(unmistakable(describe_approval(approval)), _QUESTION)
    content = said.get("content")
    allowed = isinstance(content, dict) and content.get("allow") is True
    if said.get("action") == "accept" and allowed:
        return Answer(allow=True)
    return Answer(allow=False, reason="The person did not allow it.")


class _Output:
    """Standard output, for the protocol alone."""

    def __init__(self, descriptor: int) -> None:
        self._stream = os.fdopen(descriptor, "wb", buffering=0)

    def write(self, data: bytes) -> None:
        """Send a line."""
        with suppress(BrokenPipeError):  # noticed where the input ends
            view = memoryview(data)
            while view:
                view = view[self._stream.write(view) :]


def _take_stdout() -> _Output:
    """Keep standard output for the protocol; what else is printed goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return _Output(kept)


async def _stdin_lines() -> asyncio.StreamReader:
    """Return standard input as a stream, read in a thread: Windows has no other way for pipes."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=MAX_LINE)
    descriptor = sys.stdin.fileno()

    def feed() -> None:
        with suppress(RuntimeError):  # the loop has ended
            while data := _read(descriptor):
                loop.call_soon_threadsafe(lines.feed_data, data)
            loop.call_soon_threadsafe(lines.feed_eof)

    threading.Thread(target=feed, name="stdin", daemon=True).start()
    return lines


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # it was closed
        return b""
