"""The doctor: what is set up, and whether a provider answers as it should, in words.

`check_setup` asks nobody but the ports of this machine. `check_provider` speaks to one provider,
because the person asked it to: it lists the models, and with a model named it asks up to three
questions that cost a few hundred tokens.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from ..context.small_window import SMALL_WINDOW, is_small
from ..models.discover import LOCAL_SERVERS, listening
from ..models.resolve import DEMO, SCRIPT_PREFIX
from ..protocol.errors import (
    AgentError,
    BadRequest,
    ProviderError,
    UnsupportedCapability,
    error_from_info,
)
from ..protocol.messages import ImagePart, Part, user_message
from ..protocol.models import ModelInfo, Request, ToolDefinition

if TYPE_CHECKING:
    from ..config import Settings
    from ..providers.base import Provider
    from .model_access import Access, ModelAccess

Outcome = Literal["ok", "warning", "failed", "skipped"]

COUNT = "Count from 1 to 40 in digits, separated by spaces. Write nothing else."
PING = ToolDefinition(
    name="ping",
    description="Answers pong. Call it when you are asked to.",
    parameters={"type": "object", "properties": {}},
)
# An answer that took longer than this and came in one piece was held back on its way.
SLOW = 1.5
AT_ONCE = 0.05
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_ANY_MODEL = "any"
# Seconds for one question; a model that does not stop is cut off then. All take at most twice that.
QUESTION_SECONDS = 25.0
# Room for a model that thinks before it counts or calls.
_MAX_TOKENS = 2_000
# Certificates and signed requests forgive a clock that is wrong by this many seconds.
CLOCK = 300
COLOUR = "Which colour fills this picture? Answer with one English word."


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at, and what was found, for people."""

    name: str
    outcome: Outcome
    message: str


# -- what is set up ---------------------------------------------------------------------------------


async def check_setup(
    access: ModelAccess, environment: Mapping[str, str] = os.environ
) -> list[Check]:
    """Look at settings, keys, proxy, certificates and the model servers of this machine."""
    return [
        _default_model(access),
        *await _keys(access),
        await _local_servers(access),
        _proxy(access.settings, environment),
        *_certificates(access.settings, environment),
    ]


def _default_model(access: ModelAccess) -> Check:
    model = access.settings.default_model
    if not model:
        return Check(
            name="model", outcome="ok", message="No default model is set: the first ready one."
        )
    try:
        access.open(model)
    except AgentError as error:
        return Check(name="model", outcome="failed", message=f"{model}: {error.user_message}")
    return Check(name="model", outcome="ok", message=f"The default model is {model}.")


async def _keys(access: ModelAccess) -> list[Check]:
    rows = [row for row in await access.keys.rows() if row["requires_key"]]
    found = [
        Check(name="key", outcome="ok", message=f"{row['label']}: a key was found.")
        for row in rows
        if row["has_key"]
    ]
    names = ", ".join(row["name"] for row in rows if not row["has_key"])
    if names:
        found.append(Check(name="key", outcome="skipped", message=f"No key for: {names}."))
    return found


async def _local_servers(access: ModelAccess) -> Check:
    if not access.settings.discover_local_servers:
        return Check(name="local", outcome="skipped", message="Local servers are not looked for.")
    there = await listening()
    if there:
        ports = ", ".join(f"{server.label} (port {server.port})" for server in there)
        return Check(
            name="local", outcome="ok", message=f"Something answers where to expect {ports}."
        )
    ports = ", ".join(f"{server.label} {server.port}" for server in LOCAL_SERVERS)
    return Check(
        name="local", outcome="skipped", message=f"No local server on the ports of {ports}."
    )


def _proxy(settings: Settings, environment: Mapping[str, str]) -> Check:
    given = [("settings", settings.proxy)] if settings.proxy else []
    given += [(name, environment[name]) for name in _PROXIES if environment.get(name)]
    if not given:
        return Check(name="proxy", outcome="ok", message="No proxy is set.")
    place, url = given[0]
    # Its password, if any, is nobody's business.
    parts = urlsplit(url if "://" in url else f"http://{url}")
    shown = f"{parts.scheme}://{parts.hostname or '?'}" + (f":{parts.port}" if parts.port else "")
    return Check(name="proxy", outcome="ok", message=f"Proxy {shown} (from {place}).")


def _certificates(settings: Settings, environment: Mapping[str, str]) -> list[Check]:
    given = {
        "settings": settings.ca_bundle,
        "SSL_CERT_FILE": environment.get("SSL_CERT_FILE"),
        "SSL_CERT_DIR": environment.get("SSL_CERT_DIR"),
    }
    found = []
    for place, path in given.items():
        if not path:
            continue
        there = Path(path).expanduser().exists()
        words = f"Certificates from {path} ({place})" + ("." if there else ": nothing is there.")
        found.append(Check(name="certificates", outcome="ok" if there else "failed", message=words))
    return found


# -- one provider -----------------------------------------------------------------------------------


async def check_provider(
    access: ModelAccess, target: str, *, question_seconds: float = QUESTION_SECONDS
) -> AsyncIterator[Check]:
    """Ask a provider, and yield what was found step by step; ends at the first that fails.

    Args:
        access: opens models.
        target: `openai`, `openai/gpt-5`, `http://host/v1`, `http://host/v1#model`, or `demo`.
        question_seconds: bound of each question to the model; all together take twice as long.

    Raises:
        UnknownModel: there is no such provider.
    """
    if target.strip().lower() == DEMO or target.startswith(SCRIPT_PREFIX):
        yield _script(access, target.strip())
        return
    target = access.endpoints.spelled_out(target)
    mark = "#" if "://" in target else "/"
    place, _, model = target.partition(mark)
    if mark == "/":
        place = access.endpoints.canonical(place)
    try:
        opened = access.open(f"{place}{mark}{model or _ANY_MODEL}")
    except AgentError as error:
        yield Check(name="setup", outcome="failed", message=error.user_message)
        return
    yield Check(name="setup", outcome="ok", message=f"{place} can be asked: {_key_words(opened)}.")
    try:
        async for check in _ask(access, opened, place, model, question_seconds):
            yield check
            if check.outcome == "failed":
                return
    finally:
        await opened.provider.aclose()


def _script(access: ModelAccess, target: str) -> Check:
    try:
        access.open(target)
    except AgentError as error:
        return Check(name="setup", outcome="failed", message=error.user_message)
    words = f"{target} is a script: it needs no key and asks no server. There is nothing to check."
    return Check(name="setup", outcome="ok", message=words)


def _key_words(opened: Access) -> str:
    needed = opened.model.capabilities.requires_key
    return "its key is there" if needed else "it is not known to need a key"


async def _ask(
    access: ModelAccess, opened: Access, place: str, model: str, question_seconds: float
) -> AsyncIterator[Check]:
    models = await _models(opened.provider, place, model)
    # A wrong clock may be why the list was refused, so it is told before.
    if (clock := _clock(opened.provider, place)) is not None:
        yield clock
    yield models
    if not model:
        message = "Name a model to have streaming and tools checked too; it costs a few tokens."
        yield Check(name="answer", outcome="skipped", message=message)
        return
    opened = await access.refine(opened)  # a server on this machine knows its models best
    yield Check(name="model", outcome="ok", message=_facts(opened.model))
    questions = _Questions(opened, question_seconds, left=2 * question_seconds)
    yield await _streaming(questions)
    yield await _tools(questions)
    yield await _images(questions)


def _facts(model: ModelInfo) -> str:
    """Return what is known of a model before it is asked."""
    if model.context_window is None:
        return (
            f"The context window of {model.label} is not known; a request that is too long is "
            "shortened when the server refuses it."
        )
    words = f"{model.label} reads {model.context_window:,} tokens at a time."
    if is_small(model.context_window):
        words += (
            f" That is little: below {SMALL_WINDOW:,} it gets only the most important tools. Start "
            "its server with a larger window (llama.cpp: `-c 16384`; Ollama: `num_ctx`)."
        )
    return words


def _clock(provider: Provider, place: str) -> Check | None:
    """Compare the clocks; None when the server did not tell the time."""
    ahead = getattr(provider, "clock_ahead", None)
    if ahead is None:
        return None
    if abs(ahead) <= CLOCK:
        words = f"The clock of this machine agrees with that of {place}."
        return Check(name="clock", outcome="ok", message=words)
    words = (
        f"The clock of this machine is {_span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} "
        f"that of {place}. Set it right: certificates and signed requests depend on it."
    )
    return Check(name="clock", outcome="warning", message=words)


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 60:.0f} minutes"


def _failed(name: str, error: AgentError) -> Check:
    """Report an error, under the name of what is at fault where that is known."""
    name = str((error.details or {}).get("fault", name))
    return Check(name=name, outcome="failed", message=error.user_message)


async def _models(provider: Provider, place: str, model: str) -> Check:
    started = time.monotonic()
    try:
        names = [info.name for info in await provider.list_models()]
    except ProviderError as error:
        if model and error.status in (404, 405, 501):
            # Some gateways have no list; the question to the model decides.
            words = f"{place} has no list of models."
            return Check(name="models", outcome="warning", message=words)
        return _failed("models", error)
    seconds = time.monotonic() - started
    words = f"{place} answers and lists {len(names)} models ({seconds:.1f} s)"
    if not model or model in names or f"{model}:latest" in names:
        return Check(name="models", outcome="ok", message=f"{words}.")
    near = get_close_matches(model, names, n=3)
    hint = f"; near it are {', '.join(near)}" if near else ""
    return Check(name="models", outcome="warning", message=f"{words}, but not {model}{hint}.")


@dataclass(slots=True)
class _Answer:
    """How an answer came in; times in seconds after the question. `cut`: it did not end in time."""

    cut: bool = False
    pieces: int = 0
    first: float = 0.0
    last: float = 0.0
    text: str = ""
    calls: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Questions:
    """Puts questions to one model, bounded in time and length."""

    opened: Access
    seconds: float  # for one
    left: float  # for all that follow

    async def put(self, text: str, *attached: Part, **more: Any) -> _Answer:
        """Ask the model; an answer that does not end in time is `cut`.

        Raises:
            AgentError: it failed.
        """
        request = Request(
            model=self.opened.model.name,
            messages=(user_message(text, *attached),),
            max_tokens=_MAX_TOKENS,
            **more,
        )
        answer, started = _Answer(), time.monotonic()
        try:
            seconds = min(self.seconds, max(self.left, 0.1))
            await asyncio.wait_for(self._read(request, answer, started), seconds)
        except asyncio.TimeoutError:
            answer.cut = True
        self.left -= time.monotonic() - started
        return answer

    async def _read(self, request: Request, answer: _Answer, started: float) -> None:
        async with aclosing(self.opened.provider.stream(request)) as events:
            async for event in events:
                if event.type == "error":
                    raise error_from_info(event.error)
                if event.type in ("text_delta", "thinking_delta"):
                    answer.last = time.monotonic() - started
                    answer.first = answer.first or answer.last
                    answer.pieces += 1
                    answer.text += event.text if event.type == "text_delta" else ""
                elif event.type == "tool_call_end":
                    answer.calls.append(event.name)


async def _streaming(questions: _Questions) -> Check:
    try:
        answer = await questions.put(COUNT)
    except AgentError as error:
        return _failed("answer", error)
    if answer.cut:
        return Check(name="answer", outcome="warning", message=_cut_words(answer))
    if not answer.pieces:
        words = "The model answered with nothing at all."
        return Check(name="answer", outcome="warning", message=words)
    if answer.first > SLOW and answer.last - answer.first < AT_ONCE:
        words = (
            f"The answer came all at once after {answer.last:.1f} s: a proxy or gateway on the way "
            "may hold streams back."
        )
        return Check(name="answer", outcome="warning", message=words)
    words = f"The answer streams: {answer.pieces} pieces, the first after {answer.first:.1f} s."
    return Check(name="answer", outcome="ok", message=words)


def _cut_words(answer: _Answer) -> str:
    if not answer.pieces:
        return "The model did not begin to answer in time: it is loading, or slow. Local models are faster with a smaller window or a smaller model."
    return (
        f"The model did not stop: after {answer.last:.0f} s and {answer.pieces} pieces it was cut "
        "off. Small models repeat themselves; its chat template may be wrong for it."
    )


async def _tools(questions: _Questions) -> Check:
    words = "Call the tool `ping` now."
    try:
        try:
            able = questions.opened.model.capabilities.tool_choice
            choice = "required" if able else None
            answer = await questions.put(words, tools=(PING,), tool_choice=choice)
        except BadRequest:  # some models take tools, but refuse to be made to call one
            answer = await questions.put(words, tools=(PING,))
    except UnsupportedCapability as error:
        known = questions.opened.model.capabilities.tools
        words = "This model is not known to take tools: it can talk, but not work on a notebook."
        if known:  # the server itself refused them, as it will refuse every run
            return _failed("tools", error)
        return Check(name="tools", outcome="warning", message=words)
    except AgentError as error:
        return _failed("tools", error)
    if PING.name in answer.calls:
        return Check(name="tools", outcome="ok", message="The model calls tools.")
    if answer.cut:
        return Check(name="tools", outcome="warning", message=_cut_words(answer))
    words = (
        "The model did not call the tool it was given: it cannot, or a gateway took the tools "
        "out of the request."
    )
    return Check(name="tools", outcome="warning", message=words)


async def _images(questions: _Questions) -> Check:
    if not questions.opened.model.capabilities.vision:
        words = "This model is not known to see images, so it was shown none."
        return Check(name="images", outcome="skipped", message=words)
    try:
        answer = await questions.put(COLOUR, RED)
    except AgentError as error:
        return _failed("images", error)
    if "red" in answer.text.lower():
        return Check(name="images", outcome="ok", message="The model sees images.")
    said = " ".join(answer.text.split())[:60]
    words = (
        f"The model was shown a red picture and said “{said}”: it cannot see, or a gateway took "
        "the picture out of the request."
    )
    return Check(name="images", outcome="warning", message=words)


def _red_square(side: int = 64) -> ImagePart:
    """Draw a PNG: large enough for the APIs that refuse tiny pictures."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)  # 8 bits of each of three colours
    rows = (b"\0" + b"\xff\0\0" * side) * side
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    png += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return ImagePart(media_type="image/png", data=base64.b64encode(png).decode())


RED = _red_square()
