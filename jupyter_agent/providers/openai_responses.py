"""OpenAI's Responses API: conversation items in, item events out.

Nothing is stored at the provider; reasoning travels back and forth encrypted.
Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..protocol.errors import BadRequest, ProviderError, UnsupportedCapability
from ..protocol.messages import (
    DocumentPart,
    ImagePart,
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from ..protocol.models import Capabilities, ModelInfo, Request, ToolDefinition
from ..protocol.provider_events import ProviderEvent
from ..protocol.usage import FinishKind
from ._adapter import HttpProvider
from ._assemble import Assembler
from ._decode import SseDecoder, decode
from ._effort import clamp_effort
from ._errors import error_from_response
from ._guards import require
from ._history import (
    WireIds,
    WireNames,
    call_ids,
    conversation_key,
    result_text,
    split_system,
    tool_names,
)
from ._http import Endpoint, HttpCall
from ._model_lists import read_openai_list
from ._sse import SseFramer
from ._structured import json_schema_format
from .base import waits_for_results

API = "openai_responses"
IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# The last event repeats the whole answer in one line.
MAX_LINE = 4 << 20

_INCOMPLETE: dict[str, FinishKind] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}


# ---- what is sent ------------------------------------------------------------------------------


def create_stream(
    request: Request, *, base_url: str, capabilities: Capabilities, cache_key: bool = False
) -> HttpCall:
    """Return the HTTP call that asks for a streamed answer.

    With `cache_key` the server is told which conversation this is, so that the request reaches a
    machine which has the conversation's beginning in its cache.

    Raises:
        UnsupportedCapability: stop sequences are given; the API has none.
    """
    if request.stop:
        raise UnsupportedCapability(
            "The Responses API has no stop sequences. Leave them out, or set the provider's `api` to "
            "openai_chat.",
            details={"capability": "stop"},
        )
    names = WireNames(tool_names(request))
    system, messages = split_system(request.messages)
    body: dict[str, Any] = {
        "model": request.model,
        "instructions": system or None,
        "input": format_messages(messages, names),
        "stream": True,
        "store": False,
        "max_output_tokens": request.max_tokens,
        "prompt_cache_key": conversation_key(request) if cache_key else None,
    }
    if request.tools:
        body["tools"] = format_tools(request.tools, names)
        if request.tool_choice is not None:
            body["tool_choice"] = _tool_choice(request.tool_choice, names)
    if request.response_schema is not None:
        wanted = json_schema_format(request.response_schema)
        body["text"] = {"format": {"type": "json_schema", **wanted}}
    if capabilities.thinking:
        body["include"] = ["reasoning.encrypted_content"]
        body["reasoning"] = _reasoning(request, capabilities)
    else:
        body["temperature"] = request.temperature
        body["top_p"] = request.top_p
    body = {key: value for key, value in body.items() if value is not None}
    return HttpCall(url=f"{base_url.rstrip('/')}/responses", body=body)


def format_tools(tools: Sequence[ToolDefinition], names: WireNames) -> list[dict[str, Any]]:
    """Write the tools offered."""
    return [
        {
            "type": "function",
            "name": names.to_wire(tool.name),
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,
        }
        for tool in tools
    ]


def format_messages(messages: Sequence[Message], names: WireNames) -> list[dict[str, Any]]:
    """Write a repaired conversation without its system part, as items."""
    ids = WireIds()
    items: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "assistant":
            items.extend(_assistant(message.parts, names, ids))
        elif message.tool_results:
            items.extend(format_tool_results(message, ids))
        else:
            items.append({"role": "user", "content": [_part(part) for part in message.parts]})
    return items


def format_tool_results(message: Message, ids: WireIds) -> list[dict[str, Any]]:
    """Write one item for each result."""
    return [
        {
            "type": "function_call_output",
            "call_id": ids.to_wire(result.tool_call_id),
            "output": _output(result),
        }
        for result in message.tool_results
    ]


def _output(result: ToolResultPart) -> str | list[dict[str, Any]]:
    text = result_text(result)
    files = [_part(part) for part in result.content if not isinstance(part, TextPart)]
    if not files:
        return text
    return [{"type": "input_text", "text": text}, *files] if text else files


def _assistant(parts: Iterable[Part], names: WireNames, ids: WireIds) -> Iterator[dict[str, Any]]:
    """Write an assistant turn: its items in order, reasoning just before what it led to."""
    for part in _words_first(tuple(parts)):
        ours = (part.provider_metadata or {}).get(API, {})
        match part:
            case ThinkingPart():
                # Without its encrypted content the provider would look for the item and find none.
                item = ours.get("item")
                if item and item.get("encrypted_content"):
                    yield item
            case TextPart() if part.text:
                yield {"role": "assistant", "content": part.text, **ours}
            case ToolCallPart():
                usable = part.arguments is not None and part.arguments_raw.strip()
                yield {
                    "type": "function_call",
                    "call_id": ids.to_wire(part.id),
                    "name": names.to_wire(part.name),
                    "arguments": part.arguments_raw if usable else json.dumps(part.arguments or {}),
                }
            case _:
                pass


def _words_first(parts: tuple[Part, ...]) -> Iterable[Part]:
    """Put words that stand between calls before them: other APIs speak there, this one does not."""
    calls = next(
        (at for at, part in enumerate(parts) if isinstance(part, ToolCallPart)), len(parts)
    )
    late = [part for part in parts[calls:] if isinstance(part, TextPart)]
    rest = [part for part in parts[calls:] if not isinstance(part, TextPart)]
    return (*parts[:calls], *late, *rest)


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            require(part.url or part.media_type in IMAGE_TYPES, part.media_type, "images")
            url = part.url or f"data:{part.media_type};base64,{part.data}"
            return {"type": "input_image", "image_url": url}
        case DocumentPart(url=str()):
            return {"type": "input_file", "file_url": part.url}
        case DocumentPart():
            require(part.media_type == "application/pdf", part.media_type, "documents")
            data = f"data:{part.media_type};base64,{part.data}"
            return {
                "type": "input_file",
                "filename": part.name or "document.pdf",
                "file_data": data,
            }
        case _:
            require(part.type != "audio", getattr(part, "media_type", ""), "sound")
            raise BadRequest(f"A {part.type} part cannot stand in this message.")


def _tool_choice(choice: str, names: WireNames) -> str | dict[str, Any]:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "name": names.to_wire(choice)}


def _reasoning(request: Request, capabilities: Capabilities) -> dict[str, Any] | None:
    """Write the effort, with a summary to read; accounts that may not see one stay usable."""
    effort = clamp_effort(request.effort, capabilities.effort_levels)
    if effort is None:
        return None
    return {"effort": effort} if effort == "none" else {"effort": effort, "summary": "auto"}


# ---- what comes back ---------------------------------------------------------------------------


class ResponsesDecoder(SseDecoder):
    """Reads one streamed answer. Items are known by their index: some servers rotate ids."""

    def __init__(
        self, assembler: Assembler, *, provider: str, model: str, names: WireNames | None = None
    ) -> None:
        super().__init__(
            assembler, provider=provider, model=model, framer=SseFramer(max_line=MAX_LINE)
        )
        self._names = names
        self._sent: dict[tuple[str, int, int], int] = {}  # characters of each text streamed so far
        self._thinking: dict[int, str] = {}  # which of its two channels an item thinks in
        self._done: set[int] = set()
        self._refusal = ""

    def on_payload(self, name: str, payload: dict[str, Any]) -> None:
        kind = payload.get("type") or name
        match kind:
            case "response.output_text.delta":
                self._text(payload, payload["delta"])
            case "response.output_text.done":
                self._text_rest(payload, payload.get("text"))
            case "response.function_call_arguments.delta":
                self.assembler.call(_at(payload), arguments=payload["delta"])
            case "response.function_call_arguments.done":
                self.assembler.end_call(_at(payload), payload.get("arguments"))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                self._think(kind, payload, payload["delta"])
            case "response.reasoning_summary_text.done" | "response.reasoning_text.done":
                self._think_rest(kind, payload, payload.get("text"))
            case "response.reasoning_summary_part.added" if payload.get("summary_index"):
                self.assembler.end_thinking()
            case "response.refusal.done":
                self._refusal = payload.get("refusal") or ""
            case "response.output_item.added":
                self._added(_at(payload), payload["item"])
            case "response.output_item.done":
                self._item_done(_at(payload), payload["item"])
            case "response.completed" | "response.incomplete":
                self._completed(payload["response"])
            case "response.failed":
                self.refuse(payload["response"])
            case "error":
                self.refuse(payload)
            case _ if "error" in payload:
                self.refuse(payload)

    def on_body(self, body: dict[str, Any]) -> bool:
        if body.get("object") != "response":
            return False
        self._completed(body)
        return True

    def _text(self, payload: dict[str, Any], text: str) -> None:
        self._count("text", payload, text)
        self.assembler.text(text)

    def _text_rest(self, payload: dict[str, Any], whole: str | None) -> None:
        """Take what a server did not stream of a text that is done."""
        rest = (whole or "")[self._sent.get(("text", *_place(payload)), 0) :]
        if rest:
            self._text(payload, rest)

    def _think(self, kind: str, payload: dict[str, Any], text: str) -> None:
        """Take thinking from the channel an item began in: some servers use both."""
        channel = kind.rpartition(".")[0]
        if self._thinking.setdefault(_at(payload), channel) == channel:
            self._count(channel, payload, text)
            self.assembler.thinking(text)

    def _think_rest(self, kind: str, payload: dict[str, Any], whole: str | None) -> None:
        channel = kind.rpartition(".")[0]
        rest = (whole or "")[self._sent.get((channel, *_place(payload)), 0) :]
        if rest:
            self._think(kind, payload, rest)

    def _count(self, channel: str, payload: dict[str, Any], text: str) -> None:
        key = (channel, *_place(payload))
        self._sent[key] = self._sent.get(key, 0) + len(text)

    def _sent_of_item(self, channel: str, index: int) -> int:
        """Return the characters streamed of an item: servers count its parts in different ways."""
        return sum(
            size for (kind, at, _), size in self._sent.items() if (kind, at) == (channel, index)
        )

    def _added(self, index: int, item: dict[str, Any]) -> None:
        if item.get("type") == "function_call":
            self._start_call(index, item)

    def _start_call(self, index: int, item: dict[str, Any]) -> None:
        name = item.get("name") or ""
        name = self._names.from_wire(name) if self._names else name
        self.assembler.call(index, id=item.get("call_id"), name=name)

    def _item_done(self, index: int, item: dict[str, Any]) -> None:
        self._done.add(index)
        match item.get("type"):
            case "function_call":
                self._start_call(index, item)
                self.assembler.end_call(index, item.get("arguments"))
            case "reasoning":
                self._reasoning_done(index, item)
            case "message":
                content = item.get("content") or ()
                for part in content:
                    self._refusal = part.get("refusal") or self._refusal
                whole = "".join(part.get("text") or "" for part in content)
                rest = whole[self._sent_of_item("text", index) :]
                self._text({"output_index": index}, rest)
                if item.get("phase"):
                    self.assembler.text("", {API: {"phase": item["phase"]}})

    def _reasoning_done(self, index: int, item: dict[str, Any]) -> None:
        """Close the thinking block; the whole item is kept, to be sent back unchanged."""
        channels = (("summary", "response.reasoning_summary_text"), ("content", _RAW))
        for field, channel in channels:
            whole = "".join(part.get("text") or "" for part in item.get(field) or ())
            rest = whole[self._sent_of_item(channel, index) :]
            if rest:
                self._think(f"{channel}.done", {"output_index": index}, rest)
        self.assembler.end_thinking(metadata={API: {"item": item}})

    def _completed(self, response: dict[str, Any]) -> None:
        error = response.get("error")
        if error:
            self.refuse(response)
            return
        if not self._sent and not self._done:  # nothing was streamed: all is in here
            for index, item in enumerate(response.get("output") or ()):
                self._item_done(index, item)
        usage = response.get("usage") or {}
        prompt = usage.get("input_tokens_details") or {}
        self.assembler.usage(
            input=usage.get("input_tokens"),
            output=usage.get("output_tokens"),
            total=usage.get("total_tokens"),
            cache_read=prompt.get("cached_tokens"),
            cache_write=prompt.get("cache_write_tokens"),
            reasoning=(usage.get("output_tokens_details") or {}).get("reasoning_tokens"),
        )
        status = response.get("status") or "completed"
        reason = (response.get("incomplete_details") or {}).get("reason")
        kind: FinishKind = "stop"
        if status == "incomplete" or reason:
            kind = _INCOMPLETE.get(reason or "", "other")
        if self._refusal:
            kind = "refusal"
            self.assembler.extra["refusal"] = self._refusal
        self.assembler.finish(kind, reason or status)
        self.assembler.end()


_RAW = "response.reasoning_text"


def _at(payload: dict[str, Any]) -> int:
    return payload.get("output_index") or 0


def _place(payload: dict[str, Any]) -> tuple[int, int]:
    part = payload.get("summary_index") or payload.get("content_index") or 0
    return _at(payload), part


def new_decoder(*, provider: str = "openai", model: str = "") -> ResponsesDecoder:
    """Return a reader of one answer, for recordings."""
    assembler = Assembler(provider=provider, model=model)
    return ResponsesDecoder(assembler, provider=provider, model=model)


def parse_stream_events(chunks: Iterable[bytes]) -> Iterator[ProviderEvent]:
    """Read a recorded body: bytes in pieces of any size → events."""
    return decode(new_decoder(), chunks)


should_continue = waits_for_results


def format_error(
    status: int, headers: Mapping[str, str], body: bytes, *, provider: str, model: str
) -> ProviderError:
    """Return the error for an HTTP error answer."""
    return error_from_response(status, headers, body, provider=provider, model=model)


def read_models(
    body: Any, *, provider: str, default: Capabilities | None = None
) -> list[ModelInfo]:
    """Read a list of models; `default` for those of which the server says nothing."""
    return read_openai_list(body, provider=provider, default=default)


class OpenAIResponsesProvider(HttpProvider):
    """OpenAI, or a server of the Responses API."""

    api = API
    versioned = True

    def __init__(
        self,
        *,
        name: str = "openai",
        capabilities: Capabilities,
        endpoint: Endpoint,
        auth_header: str = "Authorization",
        cache_key: bool = False,
    ) -> None:
        super().__init__(name=name, capabilities=capabilities, endpoint=endpoint)
        self._auth_header = auth_header
        self._cache_key = cache_key

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.api_key
        if not key:
            return {}
        bearer = self._auth_header == "Authorization"
        return {self._auth_header: f"Bearer {key}" if bearer else key}

    def prepare(self, request: Request) -> tuple[HttpCall, ResponsesDecoder]:
        call = create_stream(
            request,
            base_url=self.base_url,
            capabilities=self.capabilities,
            cache_key=self._cache_key,
        )
        assembler = Assembler(
            provider=self.name,
            model=request.model,
            effort=request.effort,
            taken_ids=call_ids(request.messages),
        )
        names = WireNames(tool_names(request))
        return call, ResponsesDecoder(
            assembler, provider=self.name, model=request.model, names=names
        )

    async def list_models(self) -> list[ModelInfo]:
        body = await self.get_list("models")
        return read_models(body, provider=self.name, default=self.capabilities)
