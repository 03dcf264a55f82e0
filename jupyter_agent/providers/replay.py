"""Answers without a network: recordings read by the adapters, and a provider played by a script.

The script streams through the same assembler as the adapters do, so nothing behind it can tell.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from contextlib import aclosing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..protocol.errors import ConfigError, ErrorInfo, ProviderError
from ..protocol.models import Capabilities, ModelInfo, Request
from ..protocol.provider_events import ProviderEvent
from ..protocol.usage import Finish, Usage
from ._assemble import Assembler
from ._guards import check_request

_PIECE = re.compile(r"\S+\s*|\s+")
_ARGUMENT_PIECE = 24  # characters

EVERYTHING = Capabilities(
    tools=True,
    streaming=True,
    vision=True,
    audio=True,
    documents=True,
    thinking=True,
    effort_levels=("xhigh", "high", "medium", "low", "minimal", "none"),
    tool_choice=True,
    parallel_tools=True,
    prefill=True,
    system_prompt=True,
    structured_output=True,
)


@dataclass(frozen=True, slots=True)
class Say:
    """Answer text, streamed word by word."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """Thinking, streamed word by word; a signature closes its block."""

    text: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. A string is sent as it is, so a script can also write broken arguments."""

    name: str
    arguments: dict[str, Any] | str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fail:
    """The answer ends in this error."""

    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class Report:
    """Token counts."""

    usage: Usage


# A `Finish` says why the answer ended; without one it is `stop`, or `tool_calls`.
Step = Say | Think | Call | Wait | Fail | Report | Finish
Steps = str | Iterable[Step] | AsyncIterable[Step]
Script = Callable[[Request], Steps]


class ScriptedProvider:
    """Plays a script. It is called anew for each request and reads `request.messages`.

    `requests` keeps what was asked, for tests. What the script raises is not caught: a fault of
    the script should be seen; a `ProviderError` it raises becomes the answer's error.
    """

    def __init__(
        self,
        script: Script,
        name: str = "demo",
        *,
        model: str = "demo",
        pace: float = 0.0,
        capabilities: Capabilities = EVERYTHING,
    ) -> None:
        """Take the script.

        Args:
            script: returns the steps of one answer, or its text.
            name: the provider's name.
            model: the one model it offers.
            pace: seconds between two pieces of text.
            capabilities: what it claims to be able to do.
        """
        self._script = script
        self._name = name
        self._model = model
        self._pace = pace
        self._capabilities = capabilities
        self.requests: list[Request] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def list_models(self) -> list[ModelInfo]:
        return [
            ModelInfo(
                id=f"{self._name}/{self._model}",
                provider=self._name,
                name=self._model,
                label=self._model,
                capabilities=self._capabilities,
            )
        ]

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        self.requests.append(request)
        assembler = Assembler(provider=self._name, model=request.model, effort=request.effort)
        try:
            check_request(request, self._capabilities, self._name)
            async with aclosing(_steps(self._script(request))) as steps:
                async for step in steps:
                    async with aclosing(self._play(step, assembler)) as events:
                        async for event in events:
                            yield event
                    if assembler.ended:
                        return
            if not assembler.finished:
                assembler.finish("stop")
            assembler.end()
        except ProviderError as error:
            assembler.fail(error)
        for event in assembler.take():
            yield event

    async def _play(self, step: Step, assembler: Assembler) -> AsyncGenerator[ProviderEvent, None]:
        pieces: list[tuple[Callable[[str], None], str]]
        match step:
            case Say():
                pieces = [(assembler.text, piece) for piece in _PIECE.findall(step.text)]
            case Think():
                pieces = [(assembler.thinking, piece) for piece in _PIECE.findall(step.text)]
            case Wait():
                pieces = []
                await asyncio.sleep(step.seconds)
            case Call():
                pieces = _call_pieces(step, assembler)
            case Fail() | Report() | Finish():
                pieces = []
            case _:
                raise TypeError(
                    "A script returns a text, or steps such as Say and Call, "
                    f"not {type(step).__name__}."
                )
        for put, piece in pieces:
            put(piece)
            for event in assembler.take():
                yield event
            await asyncio.sleep(self._pace)
        _close(step, assembler)
        for event in assembler.take():
            yield event

    async def aclose(self) -> None:
        """Nothing is open."""


def _call_pieces(step: Call, assembler: Assembler) -> list[tuple[Callable[[str], None], str]]:
    raw = step.arguments if isinstance(step.arguments, str) else json.dumps(step.arguments)
    key = id(step)
    while assembler.has_call(key):
        key += 1

    def put(piece: str) -> None:
        assembler.call(key, id=step.id, name=step.name, arguments=piece)

    def end(_: str) -> None:
        assembler.end_call(key)

    starts = range(0, len(raw), _ARGUMENT_PIECE)
    cuts = [raw[start : start + _ARGUMENT_PIECE] for start in starts] or [""]
    return [*((put, cut) for cut in cuts), (end, "")]


def _close(step: Step, assembler: Assembler) -> None:
    match step:
        case Think():
            assembler.end_thinking(step.signature)
        case Fail():
            assembler.fail(step.error)
        case Report(usage=usage):
            assembler.usage(
                input=usage.input,
                output=usage.output,
                total=usage.total or usage.input + usage.output,
                cache_read=usage.cache_read,
                cache_write=usage.cache_write,
                reasoning=usage.reasoning,
            )
        case Finish():
            assembler.finish(step.kind, step.raw)
        case _:
            pass


async def _steps(steps: Steps) -> AsyncGenerator[Step, None]:
    if isinstance(steps, str):
        yield Say(steps)
        return
    if isinstance(steps, AsyncIterable):
        iterator: AsyncIterator[Step] = aiter(steps)
        try:
            async for step in iterator:
                yield step
        finally:
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()
        return
    for step in steps:
        yield step


# ---- recordings --------------------------------------------------------------------------------

_ERRORS = "errors"
_BODIES = (".sse", ".ndjson", ".bin", ".body")
_ADAPTERS = {
    "anthropic": "anthropic",
    "bedrock_converse": "bedrock",
    "gemini": "gemini",
    "ollama_chat": "ollama",
    "openai_chat": "openai_chat",
    "openai_responses": "openai_responses",
}


class UnknownRecording(ConfigError):
    """The path holds no recording, or nothing tells which API it is of."""

    code = "unknown_recording"


def read_recordings(path: str | Path, *, api: str | None = None) -> Iterator[dict[str, Any]]:
    """Read each recording under a path the way a live answer is read.

    A recording is a file of bytes as received, ending in .sse, .ndjson, .bin or .body. Which API
    it is of is told by `api`, by `<name>.request.json` beside it, or by its folder's name.

    Args:
        path: one recording, or a folder that is searched for them.
        api: anthropic, bedrock_converse, gemini, ollama_chat, openai_chat or openai_responses.

    Yields:
        For each: name, api, text, thinking, tool_calls (name, arguments), finish, usage
        (input_tokens, output_tokens) and error; a list of models has `models` instead. In a folder
        `errors`, `api` is "errors", and `wire` the API.

    Raises:
        UnknownRecording: there is none, or its API is unknown.
    """
    root = Path(path)
    files = sorted(f for f in root.rglob("*") if f.suffix in _BODIES) if root.is_dir() else [root]
    if not files or not files[0].is_file():
        raise UnknownRecording(f"No recording at {root}: a file ending in {', '.join(_BODIES)}.")
    for file in files:
        yield _read_recording(file, api)


def read_events(body: Iterable[bytes], *, api: str) -> Iterator[ProviderEvent]:
    """Read a body, in pieces of any size, as the named API's adapter does."""
    events: Iterator[ProviderEvent] = _adapter_of(api).parse_stream_events(body)
    return events


def _read_recording(file: Path, api: str | None) -> dict[str, Any]:
    about_file = file.with_suffix(".request.json")
    about = json.loads(about_file.read_bytes()) if about_file.is_file() else {}
    api = api or about.get("api") or file.parent.name
    # Error bodies of all APIs stand in one folder, which is their kind; the API is beside it.
    in_errors = file.parent.name == _ERRORS
    head = {"name": file.stem, **({"api": _ERRORS, "wire": api} if in_errors else {"api": api})}
    body = file.read_bytes()
    status = about.get("status") or 200
    if file.suffix == ".body" and status < 400:
        return {**head, "models": _listed(json.loads(body)), "error": None}
    adapter = _adapter_of(api)
    if status >= 400:
        error = adapter.format_error(
            status,
            about.get("headers") or {},
            body,
            provider=about.get("dialect") or api,
            model=(about.get("request") or {}).get("model") or "",
        )
        return {**head, **_NOTHING, "error": error.user_message}
    return {**head, **summarise(adapter.parse_stream_events([body]))}


def _listed(body: Any) -> list[str]:
    """Return the names in a list of models as the API writes them."""
    rows = body.get("data") or body.get("models") if isinstance(body, dict) else body
    return [row.get("id") or row["name"] for row in rows or ()]


_NOTHING: dict[str, Any] = {
    "text": "",
    "thinking": "",
    "tool_calls": [],
    "finish": None,
    "usage": None,
}


def summarise(events: Iterable[ProviderEvent]) -> dict[str, Any]:
    """Return what an answer came to. After an error its tool calls are left out: none may run."""
    text: list[str] = []
    thinking: list[str] = []
    found = dict(_NOTHING)
    for event in events:
        match event.type:
            case "text_delta":
                text.append(event.text)
            case "thinking_delta":
                thinking.append(event.text)
            case "usage":
                usage = event.usage
                found["usage"] = {"input_tokens": usage.input, "output_tokens": usage.output}
            case "done":
                found["finish"] = event.response.finish.kind
                found["tool_calls"] = [
                    {"name": call.name, "arguments": call.arguments}
                    for call in event.response.message.tool_calls
                ]
            case "error":
                found["error"] = event.error.message
            case _:
                pass
    return {
        **found,
        "text": "".join(text),
        "thinking": "".join(thinking),
        "error": found.get("error"),
    }


def _adapter_of(api: str) -> Any:
    if api not in _ADAPTERS:
        raise UnknownRecording(
            f"Nothing tells which API this recording is of (found {api!r}). Name one of: "
            f"{', '.join(_ADAPTERS)}."
        )
    return import_module(f".{_ADAPTERS[api]}", __package__)
