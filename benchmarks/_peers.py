"""The vendors' SDKs, in an environment of their own: what the benchmarks compare us with.

`run_inside` runs a benchmark again with that environment's Python, where our package (from this
checkout) and the SDKs are imported side by side. The environment is kept in the system's temporary
folder; delete it to get newer SDKs.
"""

# ruff: noqa: TID251 (the SDKs are what is compared)
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("anthropic", "openai", "google-genai", "httpx", "orjson", "pydantic")
SDKS = {
    "anthropic": "anthropic",
    "openai_chat": "openai",
    "openai_responses": "openai",
    "gemini": "google-genai",
}
_ASK = [{"role": "user", "content": "?"}]


def make_environment() -> Path:
    """Return the Python of the peers' environment; made when it is missing."""
    folder = Path(tempfile.gettempdir()) / "jupyter-agent-peers"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed.txt"
    if not done.exists() or done.read_text(encoding="utf-8") != " ".join(PACKAGES):
        print("installing", ", ".join(PACKAGES), flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
        done.write_text(" ".join(PACKAGES), encoding="utf-8")
    return python


def environment() -> dict[str, str]:
    """Return the environment variables that put this checkout on the path."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def run_inside(script: str) -> int:
    """Run a script in the peers' environment."""
    command = [str(make_environment()), script, *sys.argv[1:]]
    return subprocess.run(command, env=environment(), check=False).returncode


def is_inside() -> bool:
    """Whether this Python is the peers'."""
    return Path(sys.prefix).name == "jupyter-agent-peers"


def versions() -> str:
    """Say what is compared with what."""
    return ", ".join(f"{name} {version(name)}" for name in PACKAGES)


# ---- the SDKs, each asked for one stream of typed events ----------------------------------------


def read(api: str, pieces: list[bytes], *, live: bool = False) -> int:
    """Read a stream with the vendor's SDK through its own transport mock; return its events.

    `live` asks Anthropic's for parsed arguments after each delta.
    """
    import httpx2

    def answer(_: Any) -> httpx2.Response:
        return httpx2.Response(
            200, headers={"content-type": "text/event-stream"}, content=iter(pieces)
        )

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    return sum(1 for _ in _ask(api, client, live=live))


def _ask(api: str, client: Any, *, live: bool) -> Iterator[Any]:
    if api == "anthropic":
        import anthropic

        messages = anthropic.Anthropic(api_key="x", http_client=client).messages
        if live:
            with messages.stream(model="m", max_tokens=9, messages=_ASK) as stream:
                yield from stream
        else:
            yield from messages.create(model="m", max_tokens=9, messages=_ASK, stream=True)
    elif api == "gemini":
        from google import genai
        from google.genai import types

        options = types.HttpOptions(httpx_client=client)
        models = genai.Client(api_key="x", http_options=options).models
        yield from models.generate_content_stream(model="m", contents="?")
    else:
        import openai

        asked = openai.OpenAI(api_key="x", http_client=client)
        if api == "openai_chat":
            yield from asked.chat.completions.create(model="m", messages=_ASK, stream=True)
        else:
            yield from asked.responses.create(model="m", input="?", stream=True)


class HttpReader:
    """A vendor's asynchronous SDK with a client that is kept, asking a server at `url`."""

    def __init__(self, api: str, url: str) -> None:
        self._api = api
        self._client: Any = _client(api, url)

    async def read(self) -> int:
        """Read one stream; return its events."""
        count = 0
        async for _ in await self._ask():
            count += 1
        return count

    async def _ask(self) -> AsyncIterator[Any]:
        client = self._client
        match self._api:
            case "anthropic":
                ask = client.messages.create(model="m", max_tokens=9, messages=_ASK, stream=True)
            case "gemini":
                ask = client.aio.models.generate_content_stream(model="m", contents="?")
            case "openai_chat":
                ask = client.chat.completions.create(model="m", messages=_ASK, stream=True)
            case _:
                ask = client.responses.create(model="m", input="?", stream=True)
        return await ask


def _client(api: str, url: str) -> Any:
    if api == "anthropic":
        import anthropic

        return anthropic.AsyncAnthropic(api_key="x", base_url=url)
    if api == "gemini":
        from google import genai
        from google.genai import types

        return genai.Client(api_key="x", http_options=types.HttpOptions(base_url=url))
    import openai

    return openai.AsyncOpenAI(api_key="x", base_url=url)
