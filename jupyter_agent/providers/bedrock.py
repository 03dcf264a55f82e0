"""Amazon Bedrock: the Converse stream, framed in AWS event messages.

A Bedrock API key travels as a bearer token. Without one the call is signed (SigV4) by botocore, if
that is installed, with whatever credentials it finds.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any
from urllib.parse import quote as quote_url

from ..protocol.errors import BadRequest, ErrorInfo, ProviderError, Unauthorized
from ..protocol.messages import (
    AudioPart,
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
from ._claude import always_thinks, claude_thinking, room_for, thinks
from ._decode import Decoder, decode
from ._effort import clamp_effort
from ._errors import error_from_response
from ._eventstream import EventMessage, EventStreamFramer
from ._guards import require
from ._history import WireIds, WireNames, call_ids, split_system, tool_names
from ._http import Endpoint, HttpCall
from ._json import parse_json
from ._model_lists import model_info
from .base import waits_for_results

API = "bedrock_converse"
_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/markdown": "md",
    "text/plain": "txt",
}
_LONGEST_TITLE = 190  # characters; the API takes 200
_CACHE_POINT = {"cachePoint": {"type": "default"}}
_ANY_OBJECT = {"json": {"type": "object"}}

_FINISH: dict[str, FinishKind] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "model_context_window_exceeded": "context_overflow",
}
_AUDIO = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": "mp4",
    "audio/webm": "webm",
}
# Which vendors' models keep the beginning of a prompt when they are told where it ends.
_CACHING = ("anthropic",)
# Claude models of before prompt caching, and what follows `anthropic.` in their names.
_NO_CACHING = ("claude-3-haiku", "claude-3-opus", "claude-3-sonnet", "claude-3-5-sonnet-2024062")
# A request takes at most four marks; tools and system have one each.
_CACHED_TURNS = 2


# ---- what is sent ------------------------------------------------------------------------------


def create_stream(request: Request, *, base_url: str, capabilities: Capabilities) -> HttpCall:
    """Return the HTTP call that asks for a streamed answer."""
    names = WireNames(tool_names(request))
    system, messages = split_system(request.messages)
    extra = _thinking(request, capabilities)
    limit = request.max_tokens
    settings = {
        "maxTokens": None if limit is None else room_for(extra, limit),
        "temperature": None if thinks(extra) else request.temperature,
        "topP": None if thinks(extra) else request.top_p,
        "stopSequences": list(request.stop) or None,
    }
    settings = {key: value for key, value in settings.items() if value is not None}
    body: dict[str, Any] = {
        "messages": format_messages(messages, names),
        "system": [{"text": system}] if system else None,
        "inferenceConfig": settings or None,
        "toolConfig": _tool_config(request, names),
        "additionalModelRequestFields": extra or None,
    }
    body = {key: value for key, value in body.items() if value is not None}
    if _caches(request.model):
        _mark_prefix(body)
    model = quote_url(request.model, safe="")
    return HttpCall(url=f"{base_url.rstrip('/')}/model/{model}/converse-stream", body=body)


def format_tools(tools: Sequence[ToolDefinition], names: WireNames) -> list[dict[str, Any]]:
    """Write the tools offered."""
    return [
        {
            "toolSpec": {
                "name": names.to_wire(tool.name),
                "description": tool.description or tool.name,
                "inputSchema": {"json": tool.parameters},
            }
        }
        for tool in tools
    ]


def _tool_config(request: Request, names: WireNames) -> dict[str, Any] | None:
    """Write the tools; a conversation with calls needs some, even when none may be called now."""
    if request.tools and request.tool_choice != "none":
        config: dict[str, Any] = {"tools": format_tools(request.tools, names)}
        if request.tool_choice is not None:
            config["toolChoice"] = _tool_choice(request.tool_choice, names)
        return config
    called = {call.name: None for message in request.messages for call in message.tool_calls}
    if not called:
        return None
    specs = [
        {"toolSpec": {"name": names.to_wire(name), "inputSchema": _ANY_OBJECT}} for name in called
    ]
    return {"tools": specs}


def format_messages(messages: Sequence[Message], names: WireNames) -> list[dict[str, Any]]:
    """Write a repaired conversation without its system part; turns of one side are joined."""
    ids = WireIds()
    titles = _Titles()
    written: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if message.tool_results:
            content = format_tool_results(message, ids, titles)
        elif role == "assistant":
            content = list(_assistant(message.parts, names, ids))
        else:
            content = _user(message.parts, titles)
        if not content:
            continue
        if written and written[-1]["role"] == role:
            written[-1]["content"].extend(content)
        else:
            written.append({"role": role, "content": content})
    return written


class _Titles:
    """The names of a conversation's documents: each once, of letters, digits and hyphens."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, name: str | None) -> str:
        """Return a name for the next document."""
        plain = re.sub(r"[^A-Za-z0-9]+", "-", name or "").strip("-")[:_LONGEST_TITLE] or "document"
        title, count = plain, 1
        while title in self._taken:
            count += 1
            title = f"{plain}-{count}"
        self._taken.add(title)
        return title


def _user(parts: Iterable[Part], titles: _Titles) -> list[dict[str, Any]]:
    """Write what the person said; the API wants words beside each document."""
    content = [_part(part, titles) for part in parts if not _is_blank(part)]
    if any("document" in block for block in content) and not any("text" in b for b in content):
        content.append({"text": "(See the document.)"})
    return content


def format_tool_results(message: Message, ids: WireIds, titles: _Titles) -> list[dict[str, Any]]:
    """Write the results of a turn: blocks of one user message."""
    return [_result(result, ids, titles) for result in message.tool_results]


def _result(result: ToolResultPart, ids: WireIds, titles: _Titles) -> dict[str, Any]:
    parts: tuple[Part, ...] = result.content
    require(all(part.type != "audio" for part in parts), "audio", "results of tools")
    content = [_part(part, titles) for part in parts if not _is_blank(part)]
    block: dict[str, Any] = {
        "toolUseId": ids.to_wire(result.tool_call_id),
        "content": content or [{"text": "(no output)"}],
    }
    if result.is_error:
        block["status"] = "error"
    return {"toolResult": block}


def _assistant(parts: Iterable[Part], names: WireNames, ids: WireIds) -> Iterator[dict[str, Any]]:
    for part in parts:
        match part:
            case ThinkingPart(redacted_data=str()):
                yield {"reasoningContent": {"redactedContent": part.redacted_data}}
            case ThinkingPart(signature=str()):
                sealed = {"text": part.text, "signature": part.signature}
                yield {"reasoningContent": {"reasoningText": sealed}}
            case ThinkingPart():
                pass
            case ToolCallPart():
                yield {
                    "toolUse": {
                        "toolUseId": ids.to_wire(part.id),
                        "name": names.to_wire(part.name),
                        "input": part.arguments or {},
                    }
                }
            case _ if not _is_blank(part):
                yield _part(part, _Titles())


def _is_blank(part: Part) -> bool:
    return isinstance(part, TextPart) and not part.text.strip()


def _part(part: Part, titles: _Titles) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart():
            return {"image": _file(part, _IMAGES, "images")}
        case AudioPart():
            return {"audio": _file(part, _AUDIO, "sound")}
        case DocumentPart():
            file = _file(part, _DOCUMENTS, "documents")
            return {"document": {**file, "name": titles.new(part.name)}}
        case _:
            raise BadRequest(f"A {part.type} part cannot stand in this message.")


def _file(
    part: ImagePart | AudioPart | DocumentPart, formats: Mapping[str, str], what: str
) -> dict[str, Any]:
    """Write a file: its data, or its place in Amazon S3; other addresses are not fetched."""
    form = formats.get(part.media_type)
    place = part.url or ""
    require(form and (place.startswith("s3://") or not place), part.media_type, what)
    source = {"s3Location": {"uri": place}} if place else {"bytes": part.data}
    return {"format": form, "source": source}


def _tool_choice(choice: str, names: WireNames) -> dict[str, Any]:
    if choice == "required":
        return {"any": {}}
    if choice == "auto":
        return {"auto": {}}
    return {"tool": {"name": names.to_wire(choice)}}


def _thinking(request: Request, capabilities: Capabilities) -> dict[str, Any]:
    """Write how hard to think: the field is the vendor's own."""
    if request.effort is None or not capabilities.thinking:
        return {}
    vendors = request.model.split(".")
    if "anthropic" in vendors:
        return claude_thinking(request, capabilities)
    effort = clamp_effort(request.effort, capabilities.effort_levels)
    if effort is None:
        return {}
    if "openai" in vendors:
        return {"reasoning_effort": effort}
    if "amazon" in vendors:
        if effort == "none":
            return {"reasoningConfig": {"type": "disabled"}}
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": effort}}
    return {}


def _caches(model: str) -> bool:
    vendors = model.split(".")
    return any(vendor in vendors for vendor in _CACHING) and not vendors[-1].startswith(_NO_CACHING)


def _mark_prefix(body: dict[str, Any]) -> None:
    """Mark the ends of tools, system and the last user turns: all before them can be kept."""
    if "toolConfig" in body:
        body["toolConfig"]["tools"].append(_CACHE_POINT)
    if "system" in body:
        body["system"].append(_CACHE_POINT)
    users = [message for message in body["messages"] if message["role"] == "user"]
    for message in users[-_CACHED_TURNS:]:
        message["content"].append(_CACHE_POINT)


# ---- what comes back ---------------------------------------------------------------------------


class ConverseDecoder(Decoder):
    """Reads one streamed answer. Counts come after `messageStop`, so the body's end ends it."""

    def __init__(
        self, assembler: Assembler, *, provider: str, model: str, names: WireNames | None = None
    ) -> None:
        super().__init__(assembler, provider=provider, model=model)
        self._framer = EventStreamFramer()
        self._names = names
        self._thinking: dict[int, str] = {}  # signatures of the open thinking blocks

    @property
    def frames(self) -> int:
        return self._framer.frames

    def _read(self, chunk: bytes) -> None:
        for message in self._framer.feed(chunk):
            if self.assembler.ended:
                return
            self._message(message)

    def _close(self) -> None:
        """Nothing to do: a message that was cut is none."""

    def _message(self, message: EventMessage) -> None:
        headers = message.headers
        payload = parse_json(message.payload) if message.payload else {}
        kind = headers.get(":message-type", "event")
        if kind != "event":
            name = headers.get(":exception-type") or headers.get(":error-code") or ""
            words = payload.get("message") or headers.get(":error-message") or ""
            self.refuse({"type": name, "message": words}, _STATUS.get(name))
            return
        match headers.get(":event-type"):
            case "contentBlockDelta":
                self._delta(payload["contentBlockIndex"], payload["delta"])
            case "contentBlockStart":
                self._start(payload["contentBlockIndex"], payload.get("start") or {})
            case "contentBlockStop":
                self._stop(payload["contentBlockIndex"])
            case "messageStop":
                reason = payload.get("stopReason") or ""
                self.assembler.finish(_FINISH.get(reason, "other"), reason)
            case "metadata":
                self._usage(payload.get("usage") or {})

    def _start(self, index: int, start: dict[str, Any]) -> None:
        tool = start.get("toolUse")
        if tool and tool.get("type") != "server_tool_use":  # the provider runs those itself
            name = tool.get("name") or ""
            name = self._names.from_wire(name) if self._names else name
            self.assembler.call(index, id=tool.get("toolUseId"), name=name)

    def _delta(self, index: int, delta: dict[str, Any]) -> None:
        if "text" in delta:
            self.assembler.text(delta["text"])
        elif "toolUse" in delta:
            if self.assembler.has_call(index):
                self.assembler.call(index, arguments=delta["toolUse"].get("input") or "")
        elif "reasoningContent" in delta:
            thought = delta["reasoningContent"]
            self._thinking.setdefault(index, "")
            self.assembler.thinking(thought.get("text") or "")
            self._thinking[index] += thought.get("signature") or ""
            if thought.get("redactedContent"):
                self.assembler.end_thinking(redacted_data=thought["redactedContent"])

    def _stop(self, index: int) -> None:
        if index in self._thinking:
            self.assembler.end_thinking(signature=self._thinking.pop(index))
        self.assembler.end_call(index)

    def _usage(self, usage: dict[str, Any]) -> None:
        """Take the counts; a frame with metrics alone changes nothing."""
        if usage.get("inputTokens") is None:
            return
        read, written = usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")
        self.assembler.usage(
            input=usage["inputTokens"] + (read or 0) + (written or 0),
            output=usage.get("outputTokens"),
            cache_read=read,
            cache_write=written,
        )


_STATUS = {
    "throttlingException": 429,
    "serviceUnavailableException": 503,
    "modelTimeoutException": 504,
    "internalServerException": 500,
    "modelStreamErrorException": 500,
    "validationException": 400,
    "accessDeniedException": 403,
}


def new_decoder(*, provider: str = "bedrock", model: str = "") -> ConverseDecoder:
    """Return a reader of one answer, for recordings."""
    assembler = Assembler(provider=provider, model=model)
    return ConverseDecoder(assembler, provider=provider, model=model)


def parse_stream_events(chunks: Iterable[bytes]) -> Iterator[ProviderEvent]:
    """Read a recorded body: bytes in pieces of any size → events."""
    return decode(new_decoder(), chunks)


should_continue = waits_for_results


def format_error(
    status: int, headers: Mapping[str, str], body: bytes, *, provider: str, model: str
) -> ProviderError:
    """Return the error for an HTTP error answer."""
    return error_from_response(status, headers, body, provider=provider, model=model)


def read_models(body: Any, *, provider: str) -> list[ModelInfo]:
    """Read the foundation models that write text and stream."""
    rows = body.get("modelSummaries") if isinstance(body, dict) else None
    return [
        model_info(
            provider,
            row["modelId"],
            label=row.get("modelName"),
            capabilities=Capabilities(
                streaming=True,
                system_prompt=True,
                tools=True,
                vision="IMAGE" in (row.get("inputModalities") or ()),
                requires_key=True,
            ),
        )
        for row in rows or ()
        if isinstance(row, dict)
        and row.get("modelId")
        and row.get("responseStreamingSupported")
        and "TEXT" in (row.get("outputModalities") or ())
    ]


class BedrockProvider(HttpProvider):
    """Amazon Bedrock's runtime in one region."""

    api = API

    def __init__(
        self,
        *,
        name: str = "bedrock",
        capabilities: Capabilities,
        endpoint: Endpoint,
        region: str = "us-east-1",
    ) -> None:
        super().__init__(name=name, capabilities=capabilities, endpoint=endpoint)
        self._region = region

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.api_key
        return {"Authorization": f"Bearer {key}"} if key else {}

    async def sign(self, call: HttpCall) -> Mapping[str, str]:
        # In a thread: botocore reads files, and may ask the machine's metadata service.
        return self.auth_headers() or await asyncio.to_thread(_signature, call, self._region)

    def prepare(self, request: Request) -> tuple[HttpCall, ConverseDecoder]:
        call = create_stream(
            request, base_url=self.endpoint.base_url, capabilities=self.capabilities
        )
        assembler = Assembler(
            provider=self.name,
            model=request.model,
            effort=request.effort,
            taken_ids=call_ids(request.messages),
        )
        names = WireNames(tool_names(request))
        return call, ConverseDecoder(
            assembler, provider=self.name, model=request.model, names=names
        )

    def amended(self, request: Request, failure: ErrorInfo) -> Request | None:
        if always_thinks(request, failure.message):
            return replace(request, effort="minimal")
        return super().amended(request, failure)

    async def list_models(self) -> list[ModelInfo]:
        # The list lives beside the runtime, on the control plane.
        root = self.endpoint.base_url.rstrip("/").replace("//bedrock-runtime.", "//bedrock.")
        return read_models(await self.get_json(f"{root}/foundation-models"), provider=self.name)


def _signature(call: HttpCall, region: str) -> dict[str, str]:
    """Sign a call with the AWS credentials that botocore finds.

    Raises:
        Unauthorized: botocore is not installed, or finds none.
    """
    try:
        auth = import_module("botocore.auth")
        request_kind = import_module("botocore.awsrequest").AWSRequest
        session = import_module("botocore.session").get_session()
    except ImportError as error:
        raise Unauthorized(
            "Amazon Bedrock needs an API key (AWS_BEARER_TOKEN_BEDROCK). To use other AWS "
            "credentials, install botocore: `pip install botocore`."
        ) from error
    credentials = session.get_credentials()
    if credentials is None:
        raise Unauthorized(
            "No AWS credentials were found. Set AWS_BEARER_TOKEN_BEDROCK, or sign in with the AWS "
            "command line."
        )
    headers = {"Content-Type": "application/json"} if call.body is not None else {}
    signed = request_kind(method=call.method, url=call.url, data=call.content, headers=headers)
    auth.SigV4Auth(credentials, "bedrock", region).add_auth(signed)
    return dict(signed.headers.items())
