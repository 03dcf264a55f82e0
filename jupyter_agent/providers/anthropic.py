"""Anthropic's Messages API.

Source: https://docs.anthropic.com/en/api/messages and /en/api/messages-streaming
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote as quote_url

from ..protocol.errors import BadRequest, ErrorInfo, ParseFailed, ProviderError
from ..protocol.messages import (
    DocumentPart,
    Effort,
    ImagePart,
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from ..protocol.models import Capabilities, ModelInfo, Request, ToolDefinition
from ..protocol.provider_events import ProviderEvent, Response
from ..protocol.usage import FinishKind
from ._adapter import HttpProvider
from ._assemble import Assembler
from ._claude import always_thinks, claude_thinking, room_for, thinks
from ._decode import SseDecoder, decode
from ._errors import error_from_response
from ._guards import require
from ._history import WireIds, WireNames, call_ids, split_system, tool_names
from ._http import Endpoint, HttpCall
from ._json import compact_json
from ._model_lists import model_info
from ._structured import closed
from .base import PAUSED, waits_for_results

API = "anthropic"
VERSION = "2023-06-01"
VERTEX_VERSION = "vertex-2023-10-16"
IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
DEFAULT_MAX_TOKENS = 8192
# The API takes at most four cache marks; with the system prompt's, two turns remain reusable.
_CACHED_TURNS = 2

_FINISH: dict[str, FinishKind] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    PAUSED: "other",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_overflow",
}


# ---- what is sent ------------------------------------------------------------------------------


def create_stream(
    request: Request,
    *,
    base_url: str,
    capabilities: Capabilities,
    max_output: int | None = None,
    vertex: bool = False,
) -> HttpCall:
    """Return the HTTP call that asks for a streamed answer.

    On Vertex AI (`vertex`) the model stands in the address, and the version in the body.
    """
    names = WireNames(tool_names(request))
    system, messages = split_system(request.messages)
    limit = request.max_tokens if request.max_tokens is not None else max_output
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": DEFAULT_MAX_TOKENS if limit is None else limit,
        "stream": True,
    }
    if system:
        body["system"] = [_cached({"type": "text", "text": system})]
    body["messages"] = _mark_turns(format_messages(messages, names))
    if request.tools:
        body["tools"] = format_tools(request.tools, names)
        if request.tool_choice is not None:
            body["tool_choice"] = _tool_choice(request.tool_choice, names)
    thinking = claude_thinking(request, capabilities)
    body.update(thinking)
    body["max_tokens"] = room_for(thinking, body["max_tokens"], max_output)
    if not thinks(thinking):
        sampling = {"temperature": request.temperature, "top_p": request.top_p}
        body.update({key: value for key, value in sampling.items() if value is not None})
    if request.response_schema is not None:
        wanted = {"type": "json_schema", "schema": closed(request.response_schema.schema)}
        body["output_config"] = {**body.get("output_config", {}), "format": wanted}
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if vertex:
        model = quote_url(body.pop("model"), safe="@")
        url = f"{base_url.rstrip('/')}/models/{model}:streamRawPredict"
        return HttpCall(url=url, body={"anthropic_version": VERTEX_VERSION, **body})
    return HttpCall(
        url=f"{_root(base_url)}/v1/messages",
        body=body,
        headers={"anthropic-version": VERSION},
    )


def format_tools(tools: Sequence[ToolDefinition], names: WireNames) -> list[dict[str, Any]]:
    """Write the tools offered; the last carries the cache mark of them all."""
    written: list[dict[str, Any]] = [
        {
            "name": names.to_wire(tool.name),
            "description": tool.description,
            "input_schema": tool.parameters,
        }
        for tool in tools
    ]
    return [*written[:-1], *(_cached(tool) for tool in written[-1:])]


def format_messages(messages: Sequence[Message], names: WireNames) -> list[dict[str, Any]]:
    """Write a repaired conversation without its system part; turns of one side are joined."""
    ids = WireIds()
    written: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if message.tool_results:
            content = format_tool_results(message, ids)
        elif role == "assistant":
            content = _assistant(message.parts, names, ids)
        else:
            content = [_part(part) for part in message.parts if not _is_blank(part)]
        if not content:
            continue
        if written and written[-1]["role"] == role:
            written[-1]["content"].extend(content)
        else:
            written.append({"role": role, "content": content})
    return written


def format_tool_results(message: Message, ids: WireIds) -> list[dict[str, Any]]:
    """Write the results of a turn: blocks of one user message."""
    return [_result(result, ids) for result in message.tool_results]


def _result(result: ToolResultPart, ids: WireIds) -> dict[str, Any]:
    content = [_part(part) for part in result.content if not _is_blank(part)]
    block: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": ids.to_wire(result.tool_call_id),
        "content": content,
    }
    if result.is_error:
        block["is_error"] = True
        # An error without words is refused by the API.
        block["content"] = content or [{"type": "text", "text": "Error"}]
    return block


def _assistant(parts: Iterable[Part], names: WireNames, ids: WireIds) -> list[dict[str, Any]]:
    """Write an assistant turn: sealed thinking first, unchanged; unsealed thinking stays here."""
    blocks: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case ThinkingPart(redacted_data=str()):
                blocks.append({"type": "redacted_thinking", "data": part.redacted_data})
            case ThinkingPart(signature=str()):
                block = {"type": "thinking", "thinking": part.text, "signature": part.signature}
                blocks.append(block)
            case ThinkingPart():
                pass
            case ToolCallPart():
                blocks.append(
                    {
                        "type": "tool_use",
                        "id": ids.to_wire(part.id),
                        "name": names.to_wire(part.name),
                        "input": part.arguments or {},
                    }
                )
            case _ if not _is_blank(part):
                blocks.append(_part(part))
    return blocks


def _is_blank(part: Part) -> bool:
    """Whether it is text of white space alone, which the API refuses."""
    return isinstance(part, TextPart) and not part.text.strip()


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            require(part.url or part.media_type in IMAGE_TYPES, part.media_type, "images")
            return {"type": "image", "source": _source(part)}
        case DocumentPart():
            require(part.url or part.media_type == "application/pdf", part.media_type, "documents")
            block = {"type": "document", "source": _source(part)}
            return {**block, "title": part.name} if part.name else block
        case _:
            require(part.type != "audio", getattr(part, "media_type", ""), "sound")
            raise BadRequest(f"A {part.type} part cannot stand in this message.")


def _source(part: ImagePart | DocumentPart) -> dict[str, Any]:
    if part.url:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": part.media_type, "data": part.data}


def _tool_choice(choice: str, names: WireNames) -> dict[str, Any]:
    if choice == "required":
        return {"type": "any"}
    if choice in ("auto", "none"):
        return {"type": choice}
    return {"type": "tool", "name": names.to_wire(choice)}


def _cached(block: dict[str, Any]) -> dict[str, Any]:
    return {**block, "cache_control": {"type": "ephemeral"}}


def _mark_turns(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mark the ends of the last user turns, so that all before them is read from the cache."""
    users = [message for message in messages if message["role"] == "user"]
    for message in users[-_CACHED_TURNS:]:
        message["content"][-1] = _cached(message["content"][-1])
    return messages


def _root(base_url: str) -> str:
    """Return the address without `/v1`: people give it either way."""
    return base_url.rstrip("/").removesuffix("/v1")


# ---- what comes back ---------------------------------------------------------------------------


class MessagesDecoder(SseDecoder):
    """Reads one streamed answer."""

    def __init__(
        self, assembler: Assembler, *, provider: str, model: str, names: WireNames | None = None
    ) -> None:
        super().__init__(assembler, provider=provider, model=model)
        self._names = names
        self._message_id: str | None = None
        self._blocks: dict[int, str] = {}  # the kinds of the open blocks
        self._signatures: dict[int, str] = {}
        self._inputs: dict[int, Any] = {}
        self._usage: dict[str, int] = {}
        self._stop: str | None = None

    def on_payload(self, name: str, payload: dict[str, Any]) -> None:
        match payload.get("type"):
            case "content_block_delta":
                self._delta(payload["index"], payload["delta"])
            case "content_block_start":
                self._start(payload["index"], payload["content_block"])
            case "content_block_stop":
                self._end(payload["index"])
            case "message_start":
                self._message_start(payload["message"])
            case "message_delta":
                self._message_delta(payload)
            case "message_stop":
                stop = self._stop
                self.assembler.finish(_FINISH.get(stop, "other") if stop else "stop", stop)
                self.assembler.end()
            case "error":
                self.refuse(payload)
            case _ if name == "error" or "error" in payload:
                self.refuse(payload)

    def _message_start(self, message: dict[str, Any]) -> None:
        id = message.get("id")
        if self._message_id is not None and id != self._message_id:
            raise ParseFailed("Two answers came in one. Try again.")
        self._message_id = id
        self._count(message.get("usage"))

    def _message_delta(self, payload: dict[str, Any]) -> None:
        delta = payload.get("delta") or {}
        self._stop = delta.get("stop_reason") or self._stop
        if delta.get("stop_details"):
            self.assembler.extra["stop_details"] = delta["stop_details"]
        self._count(payload.get("usage"))

    def _count(self, usage: dict[str, Any] | None) -> None:
        """Take counts that are totals so far; our input holds what the cache gave and took."""
        for key, value in (usage or {}).items():
            if isinstance(value, int):
                self._usage[key] = value
        known = self._usage
        read, written = (
            known.get("cache_read_input_tokens"),
            known.get("cache_creation_input_tokens"),
        )
        self.assembler.usage(
            input=known.get("input_tokens", 0) + (read or 0) + (written or 0),
            output=known.get("output_tokens"),
            cache_read=read,
            cache_write=written,
        )

    def _start(self, index: int, block: dict[str, Any]) -> None:
        kind = block.get("type") or ""
        self._blocks[index] = kind
        match kind:
            case "text":
                self.assembler.text(block.get("text") or "")
            case "thinking":
                self.assembler.thinking(block.get("thinking") or "")
                self._signatures[index] = block.get("signature") or ""
            case "redacted_thinking":
                self.assembler.end_thinking(redacted_data=block.get("data"))
            case "tool_use":
                name = block.get("name") or ""
                name = self._names.from_wire(name) if self._names else name
                self._inputs[index] = block.get("input")
                self.assembler.call(index, id=block.get("id"), name=name)

    def _delta(self, index: int, delta: dict[str, Any]) -> None:
        kind = self._blocks.get(index)
        match delta.get("type"):
            case "text_delta" if kind == "text":
                self.assembler.text(delta["text"])
            case "input_json_delta" if kind == "tool_use":
                self.assembler.call(index, arguments=delta["partial_json"])
            case "thinking_delta" if kind == "thinking":
                self.assembler.thinking(delta["thinking"])
            case "signature_delta" if kind == "thinking":
                self._signatures[index] = self._signatures.get(index, "") + delta["signature"]

    def _end(self, index: int) -> None:
        match self._blocks.pop(index, None):
            case "thinking":
                self.assembler.end_thinking(signature=self._signatures.pop(index, None))
            case "tool_use":
                whole = self._inputs.pop(index, None)
                if whole and not self.assembler.has_arguments(index):
                    # Compatible servers may give the whole input at the start of the block.
                    self.assembler.call(index, arguments=compact_json(whole).decode())
                self.assembler.end_call(index)


def new_decoder(*, provider: str = "anthropic", model: str = "") -> MessagesDecoder:
    """Return a reader of one answer, for recordings."""
    assembler = Assembler(provider=provider, model=model)
    return MessagesDecoder(assembler, provider=provider, model=model)


def parse_stream_events(chunks: Iterable[bytes]) -> Iterator[ProviderEvent]:
    """Read a recorded body: bytes in pieces of any size → events."""
    return decode(new_decoder(), chunks)


def should_continue(response: Response) -> bool:
    """Whether to ask again: the model waits for tool results, or paused a long turn."""
    return waits_for_results(response) or response.finish.raw == PAUSED


def format_error(
    status: int, headers: Mapping[str, str], body: bytes, *, provider: str, model: str
) -> ProviderError:
    """Return the error for an HTTP error answer."""
    return error_from_response(status, headers, body, provider=provider, model=model)


def read_models(
    body: Any, *, provider: str, default: Capabilities | None = None
) -> list[ModelInfo]:
    """Read a list of models with their sizes and capabilities; `default` where none are told."""
    rows = body.get("data") if isinstance(body, dict) else None
    return [
        model_info(
            provider,
            row["id"],
            label=row.get("display_name"),
            context_window=row.get("max_input_tokens"),
            max_output=row.get("max_tokens"),
            capabilities=_listed_capabilities(row["capabilities"])
            if row.get("capabilities")
            else default,
        )
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and isinstance(row.get("id"), str)
    ]


def _listed_capabilities(listed: dict[str, Any]) -> Capabilities:
    def has(*path: str) -> bool:
        node: Any = listed
        for step in path:
            node = node.get(step) if isinstance(node, dict) else None
        return isinstance(node, dict) and bool(node.get("supported"))

    adaptive = has("thinking", "types", "adaptive")
    levels: tuple[Effort, ...] = ("low", "medium", "high", "xhigh")
    found = tuple(level for level in levels if adaptive and has("effort", level))
    return Capabilities(
        tools=True,
        streaming=True,
        tool_choice=True,
        parallel_tools=True,
        system_prompt=True,
        requires_key=True,
        vision=has("image_input"),
        documents=has("pdf_input"),
        thinking=adaptive or has("thinking", "types", "enabled"),
        effort_levels=(*found, "none") if found else (),
    )


class AnthropicProvider(HttpProvider):
    """Anthropic, or a server that speaks the Messages API."""

    api = API

    def __init__(
        self,
        *,
        name: str = "anthropic",
        capabilities: Capabilities,
        endpoint: Endpoint,
        max_output: int | None = None,
        vertex: bool = False,
    ) -> None:
        super().__init__(name=name, capabilities=capabilities, endpoint=endpoint)
        self._max_output = max_output
        self._vertex = vertex

    def should_continue(self, response: Response) -> bool:
        """Whether to ask again; see the function of this name."""
        return should_continue(response)

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.api_key
        if not key:
            return {}
        return {"Authorization": f"Bearer {key}"} if self._vertex else {"x-api-key": key}

    def prepare(self, request: Request) -> tuple[HttpCall, MessagesDecoder]:
        call = create_stream(
            request,
            base_url=self.endpoint.base_url,
            capabilities=self.capabilities,
            max_output=self._max_output,
            vertex=self._vertex,
        )
        assembler = Assembler(
            provider=self.name,
            model=request.model,
            effort=request.effort,
            taken_ids=call_ids(request.messages),
        )
        names = WireNames(tool_names(request))
        return call, MessagesDecoder(
            assembler, provider=self.name, model=request.model, names=names
        )

    def amended(self, request: Request, failure: ErrorInfo) -> Request | None:
        if always_thinks(request, failure.message):
            return replace(request, effort="minimal")
        return super().amended(request, failure)

    async def list_models(self) -> list[ModelInfo]:
        if self._vertex:
            return []  # Vertex lists what a project may deploy, not what it may ask
        url = f"{_root(self.endpoint.base_url)}/v1/models?limit=1000"
        body = await self.get_json(url, {"anthropic-version": VERSION})
        return read_models(body, provider=self.name, default=self.capabilities)
