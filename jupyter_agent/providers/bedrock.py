"""Amazon Bedrock: the Converse stream, framed in AWS event messages.

A Bedrock API key travels as a bearer token. Without one the call is signed (SigV4) by botocore, if
that is installed, with whatever credentials it finds.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import quote as quote_url

from ..protocol.errors import BadRequest, ProviderError, Unauthorized
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
from ._decode import Decoder, decode
from ._effort import clamp_effort
from ._errors import error_from_response
from ._eventstream import EventMessage, EventStreamFramer
from ._guards import require
from ._history import WireIds, WireNames, call_ids, split_system, tool_names
from ._http import Endpoint, HttpCall
from ._json import parse_json
from ._model_lists import model_info

API = "bedrock_converse"
_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/markdown": "md",
    "text/plain": "txt",
}
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
_BUDGET: dict[Effort, int] = {
    "minimal": 1024,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 32000,
}


# ---- what is sent ------------------------------------------------------------------------------


def create_stream(request: Request, *, base_url: str, capabilities: Capabilities) -> HttpCall:
    """Return the HTTP call that asks for a streamed answer."""
    names = WireNames(tool_names(request))
    system, messages = split_system(request.messages)
    settings = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
    }
    settings = {key: value for key, value in settings.items() if value is not None}
    extra = _thinking(request, capabilities)
    body: dict[str, Any] = {
        "messages": format_messages(messages, names),
        "system": [{"text": system}] if system else None,
        "inferenceConfig": settings or None,
        "toolConfig": _tool_config(request, names),
        "additionalModelRequestFields": extra or None,
    }
    body = {key: value for key, value in body.items() if value is not None}
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
    written: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        if message.tool_results:
            content = format_tool_results(message, ids)
        elif role == "assistant":
            content = list(_assistant(message.parts, names, ids))
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
                yield _part(part)


def _is_blank(part: Part) -> bool:
    return isinstance(part, TextPart) and not part.text.strip()


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart():
            form = _IMAGES.get(part.media_type)
            require(form and part.data, part.media_type, "images")
            return {"image": {"format": form, "source": {"bytes": part.data}}}
        case DocumentPart():
            form = _DOCUMENTS.get(part.media_type)
            require(form and part.data, part.media_type, "documents")
            # Names are limited to letters, digits, spaces, hyphens and brackets.
            name = "".join(c if c.isalnum() else "-" for c in (part.name or "document"))
            return {"document": {"format": form, "name": name, "source": {"bytes": part.data}}}
        case _:
            require(part.type != "audio", getattr(part, "media_type", ""), "sound")
            raise BadRequest(f"A {part.type} part cannot stand in this message.")


def _tool_choice(choice: str, names: WireNames) -> dict[str, Any]:
    if choice == "required":
        return {"any": {}}
    if choice == "auto":
        return {"auto": {}}
    return {"tool": {"name": names.to_wire(choice)}}


def _thinking(request: Request, capabilities: Capabilities) -> dict[str, Any]:
    """Write how hard to think; the field is the vendor's own, so only Anthropic's is known."""
    if request.effort is None or request.effort == "none" or not capabilities.thinking:
        return {}
    if "anthropic" not in request.model.split("."):
        return {}
    if request.tools and request.tool_choice not in (None, "auto", "none"):
        return {}
    effort = clamp_effort(request.effort, capabilities.effort_levels)
    if effort is not None:
        level = "low" if effort == "minimal" else effort
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": level}}
    budget = _BUDGET[request.effort]
    if request.max_tokens is not None:
        budget = max(1024, min(budget, request.max_tokens - 1))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


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


def should_continue(response: Response) -> bool:
    """Whether the model waits for tool results."""
    return bool(response.message.tool_calls)


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
