"""Ollama's own API: the only way to set the context size and to read what a model can do.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from ..protocol.errors import BadRequest, ParseFailed, ProviderError
from ..protocol.messages import (
    AudioPart,
    DocumentPart,
    Effort,
    ImagePart,
    Message,
    Part,
    TextPart,
    ToolResultPart,
)
from ..protocol.models import Capabilities, ModelInfo, Request, ToolDefinition
from ..protocol.provider_events import ProviderEvent
from ..protocol.usage import FinishKind
from ._adapter import HttpProvider
from ._assemble import Assembler
from ._decode import Decoder, decode
from ._effort import clamp_effort
from ._errors import error_from_response
from ._guards import require
from ._history import WireNames, call_ids, result_text, split_system, tool_names
from ._http import Endpoint, HttpCall
from ._json import compact_json, parse_json
from ._model_lists import model_info
from ._ndjson import NdjsonFramer
from ._think_tags import ThinkTags
from .base import waits_for_results

API = "ollama_chat"
# A window as large as the model allows can fill the memory of a laptop; a setting overrides this.
DEFAULT_WINDOW = 32_768
_ASKED_AT_ONCE = 4

# Families that are told how hard to think; the others only whether to.
_LEVELS: dict[Any, tuple[Effort, ...]] = {"gptoss": ("low", "medium", "high")}
_FINISH: dict[str, FinishKind] = {"stop": "stop", "length": "length"}


@dataclass(frozen=True, slots=True)
class Learned:
    """What the server told of a model."""

    capabilities: Capabilities
    context_window: int | None


# ---- what is sent ------------------------------------------------------------------------------


def create_stream(
    request: Request, *, base_url: str, capabilities: Capabilities, num_ctx: int | None = None
) -> HttpCall:
    """Return the HTTP call that asks for a streamed answer.

    Tools cannot be demanded here; where one is, it is the only one offered.
    """
    names = WireNames(tool_names(request))
    options = {
        "num_ctx": num_ctx,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "num_predict": request.max_tokens,
        "stop": list(request.stop) or None,
    }
    body: dict[str, Any] = {
        "model": request.model,
        "messages": format_messages(request.messages, names),
        "stream": True,
        "options": {key: value for key, value in options.items() if value is not None},
    }
    tools = [tool for tool in request.tools if _is_offered(tool, request.tool_choice)]
    if tools:
        body["tools"] = format_tools(tools, names)
    if request.response_schema is not None:
        body["format"] = request.response_schema.schema
    if capabilities.thinking and request.effort is not None:
        body["think"] = _think(request, capabilities)
    return HttpCall(url=f"{_root(base_url)}/api/chat", body=body)


def format_tools(tools: Sequence[ToolDefinition], names: WireNames) -> list[dict[str, Any]]:
    """Write the tools offered."""
    return [
        {
            "type": "function",
            "function": {
                "name": names.to_wire(tool.name),
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in tools
    ]


def _is_offered(tool: ToolDefinition, choice: str | None) -> bool:
    return choice in (None, "auto", "required", tool.name)


def format_messages(messages: Sequence[Message], names: WireNames) -> list[dict[str, Any]]:
    """Write a repaired conversation."""
    system, rest = split_system(messages)
    written: list[dict[str, Any]] = []
    if system:
        written.append({"role": "system", "content": system})
    for message in rest:
        if message.role == "assistant":
            written.append(_assistant(message, names))
        elif message.tool_results:
            written.extend(format_tool_results(message, names))
        else:
            written.append(_user(message))
    return written


def format_tool_results(message: Message, names: WireNames) -> list[dict[str, Any]]:
    """Write one message for each result, in the order of the calls: there are no ids here."""
    return [_result(result, names) for result in message.tool_results]


def _result(result: ToolResultPart, names: WireNames) -> dict[str, Any]:
    written: dict[str, Any] = {
        "role": "tool",
        "tool_name": names.to_wire(result.tool_name),
        "content": result_text(result),
    }
    images = _images(result.content)
    return {**written, "images": images} if images else written


def _assistant(message: Message, names: WireNames) -> dict[str, Any]:
    written: dict[str, Any] = {"role": "assistant", "content": message.text}
    if message.tool_calls:
        if message.thinking:
            written["thinking"] = message.thinking
        written["tool_calls"] = [
            {"function": {"name": names.to_wire(call.name), "arguments": call.arguments or {}}}
            for call in message.tool_calls
        ]
    return written


def _user(message: Message) -> dict[str, Any]:
    images = _images(message.parts)
    written: dict[str, Any] = {"role": "user", "content": message.text}
    return {**written, "images": images} if images else written


def _images(parts: Iterable[Part]) -> list[str]:
    """Return the data of the images: the API has no other files, and no addresses."""
    images = []
    for part in parts:
        match part:
            case TextPart():
                pass
            case ImagePart():
                require(part.data, part.media_type, "images by address")
                images.append(part.data or "")
            case AudioPart() | DocumentPart():
                require(False, part.media_type, "files")
            case _:
                raise BadRequest(f"A {part.type} part cannot stand in this message.")
    return images


def _think(request: Request, capabilities: Capabilities) -> bool | str:
    """Write whether to think; models with levels take one of three."""
    if request.effort == "none":
        return False
    effort = clamp_effort(request.effort, capabilities.effort_levels)
    if effort is None:
        return True
    return {"minimal": "low", "xhigh": "high"}.get(effort, effort)


def _root(base_url: str) -> str:
    """Return the address without `/v1` or `/api`: people give it either way."""
    return base_url.rstrip("/").removesuffix("/v1").removesuffix("/api")


# ---- what comes back ---------------------------------------------------------------------------


class OllamaDecoder(Decoder):
    """Reads one streamed answer: a JSON object a line, the last one `"done": true`."""

    def __init__(
        self,
        assembler: Assembler,
        *,
        provider: str,
        model: str,
        names: WireNames | None = None,
        think_tags: bool = False,
    ) -> None:
        super().__init__(assembler, provider=provider, model=model)
        self._framer = NdjsonFramer()
        self._names = names
        self._tags = ThinkTags(assembler) if think_tags else None
        self._count = 0

    @property
    def frames(self) -> int:
        return self._framer.frames

    def _read(self, chunk: bytes) -> None:
        for line in self._framer.feed(chunk):
            self._line(line)

    def _close(self) -> None:
        for line in self._framer.flush():
            try:
                self._line(line)
            except ParseFailed:
                return  # the last line was cut: `end` decides

    def _line(self, line: bytes) -> None:
        if self.assembler.ended:
            return
        try:
            payload = parse_json(line)
        except ValueError as error:
            raise ParseFailed(
                "The address answered with something that is not Ollama's API. Check the address.",
                cause=error,
            ) from error
        if payload.get("error"):
            self.refuse(payload)
            return
        message = payload.get("message") or {}
        if thinking := message.get("thinking"):
            self.assembler.thinking(thinking)
        content = message.get("content") or ""
        if self._tags is None:
            self.assembler.text(content)
        else:
            self._tags.feed(content)
        for call in message.get("tool_calls") or ():
            self._call(call)
        if payload.get("done") is True:
            self._done(payload)

    def _call(self, call: dict[str, Any]) -> None:
        """Take a call, which comes whole."""
        function = call["function"]
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            arguments = compact_json(arguments or {}).decode()
        name = function.get("name") or ""
        self._count += 1
        self.assembler.call(
            self._count,
            id=call.get("id"),
            name=self._names.from_wire(name) if self._names else name,
            arguments=arguments,
        )
        self.assembler.end_call(self._count)

    def _done(self, payload: dict[str, Any]) -> None:
        if self._tags is not None:
            self._tags.flush()
        self.assembler.usage(
            input=payload.get("prompt_eval_count"), output=payload.get("eval_count")
        )
        reason = payload.get("done_reason")
        self.assembler.finish(_FINISH.get(reason or "stop", "other"), reason)
        self.assembler.end()


def new_decoder(*, provider: str = "ollama", model: str = "") -> OllamaDecoder:
    """Return a reader of one answer, for recordings."""
    assembler = Assembler(provider=provider, model=model)
    return OllamaDecoder(assembler, provider=provider, model=model)


def parse_stream_events(chunks: Iterable[bytes]) -> Iterator[ProviderEvent]:
    """Read a recorded body: bytes in pieces of any size → events."""
    return decode(new_decoder(), chunks)


should_continue = waits_for_results


def format_error(
    status: int, headers: Mapping[str, str], body: bytes, *, provider: str, model: str
) -> ProviderError:
    """Return the error for an HTTP error answer; a model that is not there can be pulled."""
    error = error_from_response(status, headers, body, provider=provider, model=model)
    if status == 404 and model:
        error.user_message = (
            f"Ollama does not have the model {model}. Run `ollama pull {model}`, or choose another."
        )
    return error


def read_show(body: Any) -> Learned:
    """Read `/api/show`: what a model can do, and the size of its window."""
    able = set(body.get("capabilities") or ())
    window = next(
        (
            value
            for key, value in (body.get("model_info") or {}).items()
            if key.endswith(".context_length") and isinstance(value, int)
        ),
        None,
    )
    tools = "tools" in able
    family = (body.get("details") or {}).get("family")
    return Learned(
        Capabilities(
            streaming=True,
            system_prompt=True,
            tools=tools,
            parallel_tools=tools,
            vision="vision" in able,
            thinking="thinking" in able,
            effort_levels=_LEVELS.get(family, ()),
        ),
        window,
    )


class OllamaProvider(HttpProvider):
    """A server of Ollama's own API."""

    api = API

    def __init__(
        self,
        *,
        name: str = "ollama",
        capabilities: Capabilities,
        endpoint: Endpoint,
        adjust: Callable[[Capabilities], Capabilities] | None = None,
        context_window: int | None = None,
    ) -> None:
        """Take the endpoint.

        Args:
            name: the provider's name.
            capabilities: what the model can do until the server has been asked.
            endpoint: where the server is.
            adjust: what people say of the model, applied to what the server tells.
            context_window: tokens to make room for; else the model's own, up to 32,768.
        """
        super().__init__(name=name, capabilities=capabilities, endpoint=endpoint)
        self._default = capabilities
        self._adjust = adjust or (lambda told: told)
        self._context_window = context_window
        self._learned: dict[str, Learned] = {}

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.api_key
        return {"Authorization": f"Bearer {key}"} if key else {}

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        learned = await self._learn(request.model)
        self._capabilities = self._adjust(learned.capabilities) if learned else self._default
        async with aclosing(super().stream(request)) as events:
            async for event in events:
                yield event

    def prepare(self, request: Request) -> tuple[HttpCall, OllamaDecoder]:
        call = create_stream(
            request,
            base_url=self.endpoint.base_url,
            capabilities=self.capabilities,
            num_ctx=self._window(request.model),
        )
        assembler = Assembler(
            provider=self.name,
            model=request.model,
            effort=request.effort,
            taken_ids=call_ids(request.messages),
        )
        names = WireNames(tool_names(request))
        return call, OllamaDecoder(
            assembler, provider=self.name, model=request.model, names=names, think_tags=True
        )

    async def list_models(self) -> list[ModelInfo]:
        body = await self.get_json(f"{_root(self.endpoint.base_url)}/api/tags")
        rows = body.get("models") if isinstance(body, dict) else None
        names = [row["name"] for row in rows or () if isinstance(row, dict) and row.get("name")]
        limit = asyncio.Semaphore(_ASKED_AT_ONCE)

        async def describe(name: str) -> ModelInfo:
            async with limit:
                learned = await self._learn(name)
            return model_info(
                self.name,
                name,
                context_window=learned.context_window if learned else None,
                capabilities=learned.capabilities if learned else None,
            )

        return list(await asyncio.gather(*map(describe, names)))

    async def _learn(self, model: str) -> Learned | None:
        """Ask once what a model can do; None when the server does not tell."""
        if model not in self._learned:
            url = f"{_root(self.endpoint.base_url)}/api/show"
            try:
                body = await self.ask_json(HttpCall(url=url, body={"model": model}))
            except ProviderError:
                return None  # the question itself will meet the same fault, and report it
            if not isinstance(body, dict):
                return None
            self._learned[model] = read_show(body)
        return self._learned[model]

    def _window(self, model: str) -> int | None:
        if self._context_window is not None:
            return self._context_window
        learned = self._learned.get(model)
        if learned is None or learned.context_window is None:
            return None
        return min(learned.context_window, DEFAULT_WINDOW)
