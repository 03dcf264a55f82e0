"""Which keys a kernel of a real server sees: those the person exported, unless they are hidden."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from server_process import ServerProcess
from tornado.websocket import websocket_connect

VARIABLES = ("OPENAI_API_KEY", "GEMINI_API_KEY", "GATEWAY_KEY", "UNRELATED")
CODE = f"import os; print(*[n for n in {VARIABLES!r} if n in os.environ])"


async def run_in_kernel(server: ServerProcess, code: str) -> str:
    """Start a kernel as a page does, run code in it and return what it prints."""
    kernel = server.http.post("api/kernels", json={"name": "python3"}).json()["id"]
    address = f"ws://{server.address}api/kernels/{kernel}/channels?token={server.token}"
    channel = await websocket_connect(address)
    header = {"msg_id": "m", "msg_type": "execute_request", "username": "", "session": "s"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    await channel.write_message(json.dumps({**message, "channel": "shell"}))
    printed = ""
    while (text := await channel.read_message()) is not None:
        answer: dict[str, Any] = json.loads(text)
        if answer["msg_type"] == "stream":
            printed += answer["content"]["text"]
            channel.close()
    return printed


@pytest.mark.R(37)
@pytest.mark.parametrize(
    ("hidden", "seen"), [(True, ["UNRELATED"]), (False, list(VARIABLES))], ids=["hidden", "shown"]
)
async def test_a_kernel_sees_exported_keys_unless_they_are_hidden(
    start_server: Callable[..., ServerProcess], hidden: bool, seen: list[str]
) -> None:
    server = start_server(
        f"--JupyterAgent.hide_provider_variables_from_kernels={hidden}",
        # A key that an administrator has put under a name of their own.
        "--JupyterAgent.providers={'openai': {'key_variable': 'GATEWAY_KEY'}}",
        **dict.fromkeys(VARIABLES, "sk-canary-0123456789"),
    )
    assert (await run_in_kernel(server, CODE)).split() == seen
    # What kernels do not see, the agent still has.
    rows = server.http.get("jupyter-agent/api/providers").json()["providers"]
    openai = next(row for row in rows if row["name"] == "openai")
    assert (openai["has_key"], openai["key_variable"]) == (True, "GATEWAY_KEY")
