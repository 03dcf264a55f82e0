"""Google's Gemini: the Gemini API and Vertex AI.

Source: https://ai.google.dev/api/generate-content and /gemini-api/docs/thought-signatures
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote as quote_url

from ..protocol.errors import BadRequest, ErrorInfo, ParseFailed, ProviderError, Refused
from ..protocol.messages import (
    AudioPart,
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
from ..protocol.provider_events import ProviderEvent
from ..protocol.usage import FinishKind
from ._adapter import HttpProvider
from ._assemble import Assembler
from ._decode import SseDecoder, decode
from ._effort import clamp_effort
from ._errors import error_from_response
from ._gemini_args import PartialArguments
from ._gemini_schema import to_gemini_schema
from ._guards import require
from ._history import WireNames, call_ids, misses_seal, retold, split_system, tool_names
from ._http import Endpoint, HttpCall
from ._json import compact_json
from ._model_lists import model_info
from ._sse import SseFramer
from .base import waits_for_results

API = "gemini"
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")
MAX_LINE = 4 << 20

_FINISH: dict[str, FinishKind] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
}
_BROKEN = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE")
# For models that take a budget of tokens instead of a level.
_BUDGET: dict[Effort, int] = {
    "none": 0,
    "minimal": 512,
    "low": 1024,
    "medium": 8192,
    "high": 16384,
    "xhigh": 24576,
}


# ---- what is sent ------------------------------------------------------------------------------


def create_stream(request: Request, *, base_url: str, capabilities: Capabilities) -> HttpCall:
    """Return the HTTP call that asks for a streamed answer."""
    names = WireNames(tool_names(request), allowed=r"[A-Za-z0-9_-]", longest=64)
    system, messages = split_system(request.messages)
    body: dict[str, Any] = {"contents": format_messages(messages, names)}
    if system:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if request.tools:
        body["tools"] = [{"functionDeclarations": format_tools(request.tools, names)}]
        if request.tool_choice is not None:
            body["toolConfig"] = {"functionCallingConfig": _tool_choice(request.tool_choice, names)}
    settings = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "maxOutputTokens": request.max_tokens,
        "stopSequences": list(request.stop) or None,
        "thinkingConfig": _thinking(request, capabilities),
        **_response_format(request),
    }
    settings = {key: value for key, value in settings.items() if value is not None}
    if settings:
        body["generationConfig"] = settings
    model = quote_url(request.model.removeprefix("models/"), safe="")
    return HttpCall(
        url=f"{base_url.rstrip('/')}/models/{model}:streamGenerateContent?alt=sse", body=body
    )


def _response_format(request: Request) -> dict[str, Any]:
    wanted = request.response_schema
    if wanted is None:
        return {}
    return {"responseMimeType": "application/json", "responseJsonSchema": wanted.schema}


def format_tools(tools: Sequence[ToolDefinition], names: WireNames) -> list[dict[str, Any]]:
    """Write the tools offered; type names are upper-case here."""
    written = []
    for tool in tools:
        declaration: dict[str, Any] = {
            "name": names.to_wire(tool.name),
            "description": tool.description,
        }
        parameters = to_gemini_schema(tool.parameters)
        if parameters is not None:
            declaration["parameters"] = parameters
        written.append(declaration)
    return written


def format_messages(messages: Sequence[Message], names: WireNames) -> list[dict[str, Any]]:
    """Write a repaired conversation without its system part; a turn is one content."""
    contents: list[dict[str, Any]] = []
    ids: dict[str, str] = {}  # our call id → the id Gemini gave, if it gave one
    for message in messages:
        if message.role == "assistant":
            for call in message.tool_calls:
                given = _ours(call).get("id")
                if given:
                    ids[call.id] = given
            parts = [piece for part in message.parts for piece in _model_part(part, names)]
            if parts:
                contents.append({"role": "model", "parts": parts})
        elif message.tool_results:
            contents.extend(format_tool_results(message, names, ids))
        else:
            contents.append({"role": "user", "parts": [_part(part) for part in message.parts]})
    return contents


def format_tool_results(
    message: Message, names: WireNames, ids: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Write the results of a turn as one content; their files follow in another."""
    responses = [_response_part(result, names, ids) for result in message.tool_results]
    contents = [{"role": "user", "parts": responses}]
    files: list[dict[str, Any]] = []
    for result in message.tool_results:
        attached = [part for part in result.content if not isinstance(part, TextPart)]
        if attached:
            images = all(isinstance(part, ImagePart) for part in attached)
            label = f"{'Images' if images else 'Files'} of the result of"
            files.append({"text": f"{label} {names.to_wire(result.tool_name)}:"})
            files += [_part(part) for part in attached]
    if files:
        contents.append({"role": "user", "parts": files})
    return contents


def _response_part(
    result: ToolResultPart, names: WireNames, ids: Mapping[str, str]
) -> dict[str, Any]:
    response: dict[str, Any] = {
        "name": names.to_wire(result.tool_name),
        "response": {"error" if result.is_error else "result": result.text},
    }
    if result.tool_call_id in ids:
        response["id"] = ids[result.tool_call_id]
    return {"functionResponse": response}


def _model_part(part: Part, names: WireNames) -> Iterator[dict[str, Any]]:
    """Write a part of a model's turn, its signature on exactly the piece it came with."""
    ours = _ours(part)
    sealed = {"thoughtSignature": ours["signature"]} if "signature" in ours else {}
    match part:
        case TextPart():
            own = ours.get("length", len(part.text))
            head, tail = part.text[: len(part.text) - own], part.text[len(part.text) - own :]
            if head:
                yield {"text": head}
            if tail or sealed:
                yield {"text": tail, **sealed}
        case ThinkingPart() if sealed:
            yield {"text": part.text, "thought": True, **sealed}
        case ToolCallPart():
            call = {"name": names.to_wire(part.name), "args": part.arguments or {}}
            if "id" in ours:
                call["id"] = ours["id"]
            yield {"functionCall": call, **sealed}
        case _:
            pass


def _is_unsigned(message: Message) -> bool:
    """Whether it calls tools and the first call, which carries the signature, has none."""
    calls = message.tool_calls
    return bool(calls) and "signature" not in _ours(calls[0])


def _ours(part: Part) -> dict[str, Any]:
    ours: dict[str, Any] = (part.provider_metadata or {}).get(API, {})
    return ours


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart() | AudioPart() | DocumentPart():
            if isinstance(part, ImagePart):
                require(part.url or part.media_type in IMAGE_TYPES, part.media_type, "images")
            if part.url:
                return {"fileData": {"mimeType": part.media_type, "fileUri": part.url}}
            return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
        case _:
            raise BadRequest(f"A {part.type} part cannot stand in this message.")


def _tool_choice(choice: str, names: WireNames) -> dict[str, Any]:
    modes = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
    if choice in modes:
        return {"mode": modes[choice]}
    return {"mode": "ANY", "allowedFunctionNames": [names.to_wire(choice)]}


def _thinking(request: Request, capabilities: Capabilities) -> dict[str, Any] | None:
    """Write how hard to think: a level, or a budget for models without levels."""
    if not capabilities.thinking or request.effort is None:
        return None
    shown = {"includeThoughts": request.effort != "none"}
    effort = clamp_effort(request.effort, capabilities.effort_levels)
    if effort is None or effort == "none":
        return {**shown, "thinkingBudget": _BUDGET[request.effort]}
    return {**shown, "thinkingLevel": "high" if effort == "xhigh" else effort}


# ---- what comes back ---------------------------------------------------------------------------


class GeminiDecoder(SseDecoder):
    """Reads one streamed answer. There is no end event: the body ends after `finishReason`."""

    def __init__(
        self, assembler: Assembler, *, provider: str, model: str, names: WireNames | None = None
    ) -> None:
        super().__init__(
            assembler, provider=provider, model=model, framer=SseFramer(max_line=MAX_LINE)
        )
        self._names = names
        self._count = 0  # calls so far; the last is the one under way
        self._open: PartialArguments | None = None
        self._content = False

    def on_payload(self, name: str, payload: dict[str, Any]) -> None:
        if payload.get("error") or name == "error":
            self.refuse(payload)
            return
        usage = payload.get("usageMetadata")
        if usage:
            self._usage(usage)
        candidates = payload.get("candidates")
        if candidates:
            candidate = candidates[0]
            for part in (candidate.get("content") or {}).get("parts") or ():
                self._part(part)
            if reason := candidate.get("finishReason"):
                self._finish(reason)
        elif (payload.get("promptFeedback") or {}).get("blockReason"):
            self.assembler.fail(
                Refused(
                    "The safety system of Google refused this request. Word it differently.",
                    provider=self.provider,
                    model=self.model,
                )
            )

    def _part(self, part: dict[str, Any]) -> None:
        signature = part.get("thoughtSignature")
        text = part.get("text")
        if "functionCall" in part:
            self._content = True
            self._call(part["functionCall"], signature)
        elif part.get("thought"):
            self.assembler.thinking(text or "")
            if signature:
                self.assembler.end_thinking(metadata={API: {"signature": signature}})
        elif text is not None:
            self._content = self._content or bool(text)
            # The length says which end of the joined text the signature belongs to.
            seal = {API: {"signature": signature, "length": len(text)}} if signature else None
            self.assembler.text(text, seal)

    def _call(self, call: dict[str, Any], signature: str | None) -> None:
        name = call.get("name")
        if name:
            self._close()
            self._count += 1
            ours = {"signature": signature, "id": call.get("id")}
            ours = {key: value for key, value in ours.items() if value}
            self.assembler.call(
                self._count,
                id=call.get("id"),
                name=self._names.from_wire(name) if self._names else name,
                metadata={API: ours} if ours else None,
            )
            self._open = PartialArguments()
        if call.get("args"):
            self.assembler.call(self._count, arguments=compact_json(call["args"]).decode())
        if self._open is not None and call.get("partialArgs"):
            self._open.add(call["partialArgs"])
        if not call.get("willContinue"):
            self._close()

    def _close(self) -> None:
        """End the call under way: its arguments are whole."""
        if self._open is None:
            return
        built = self._open.build()
        self._open = None
        self.assembler.end_call(self._count, compact_json(built).decode() if built else None)

    def _finish(self, reason: str) -> None:
        if reason in _BROKEN and not self._content:
            self.assembler.fail(
                ParseFailed(
                    "The model tried to call a tool and wrote the call wrongly. Try again.",
                    provider=self.provider,
                    model=self.model,
                )
            )
            return
        self._close()
        self.assembler.finish(_FINISH.get(reason, "other"), reason)

    def _usage(self, usage: dict[str, Any]) -> None:
        # Each report stands for itself: a count left out of it is zero, not as before.
        candidates, thoughts = usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount")
        known = candidates is not None or thoughts is not None
        output = (candidates or 0) + (thoughts or 0) if known else None
        self.assembler.usage(
            input=usage.get("promptTokenCount"),
            output=output,
            total=usage.get("totalTokenCount"),
            cache_read=usage.get("cachedContentTokenCount"),
            reasoning=thoughts,
        )


def new_decoder(*, provider: str = "gemini", model: str = "") -> GeminiDecoder:
    """Return a reader of one answer, for recordings."""
    assembler = Assembler(provider=provider, model=model)
    return GeminiDecoder(assembler, provider=provider, model=model)


def parse_stream_events(chunks: Iterable[bytes]) -> Iterator[ProviderEvent]:
    """Read a recorded body: bytes in pieces of any size → events."""
    return decode(new_decoder(), chunks)


should_continue = waits_for_results


def format_error(
    status: int, headers: Mapping[str, str], body: bytes, *, provider: str, model: str
) -> ProviderError:
    """Return the error for an HTTP error answer; a bad key is a 400 here."""
    return error_from_response(status, headers, body, provider=provider, model=model)


def read_models(body: Any, *, provider: str) -> list[ModelInfo]:
    """Read the models that can chat, with their sizes."""
    rows = body.get("models") or body.get("publisherModels") if isinstance(body, dict) else None
    found = []
    for row in rows if isinstance(rows, list) else ():
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(name, str):
            continue
        if "generateContent" not in row.get("supportedGenerationMethods", ["generateContent"]):
            continue
        found.append(
            model_info(
                provider,
                name.rpartition("models/")[2],
                label=row.get("displayName"),
                context_window=row.get("inputTokenLimit"),
                max_output=row.get("outputTokenLimit"),
                capabilities=Capabilities(
                    streaming=True,
                    system_prompt=True,
                    tools=True,
                    tool_choice=True,
                    parallel_tools=True,
                    vision=True,
                    audio=True,
                    documents=True,
                    requires_key=True,
                    thinking=bool(row.get("thinking")),
                ),
            )
        )
    return found


class GeminiProvider(HttpProvider):
    """The Gemini API with a key, or Vertex AI with an access token."""

    api = API

    def __init__(
        self,
        *,
        name: str = "gemini",
        capabilities: Capabilities,
        endpoint: Endpoint,
        bearer: bool = False,
    ) -> None:
        super().__init__(name=name, capabilities=capabilities, endpoint=endpoint)
        self._bearer = bearer

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.api_key
        if not key:
            return {}
        return {"Authorization": f"Bearer {key}"} if self._bearer else {"x-goog-api-key": key}

    def prepare(self, request: Request) -> tuple[HttpCall, GeminiDecoder]:
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
        return call, GeminiDecoder(assembler, provider=self.name, model=request.model, names=names)

    def amended(self, request: Request, failure: ErrorInfo) -> Request | None:
        """Tell calls of the turn under way in words, when they came from a model without seals.

        Gemini 3 refuses a call of the turn under way that has no signature of its own, and one
        must not be made up: https://ai.google.dev/gemini-api/docs/thought-signatures
        """
        if misses_seal(failure):
            return retold(request, _is_unsigned)
        return super().amended(request, failure)

    async def list_models(self) -> list[ModelInfo]:
        url = f"{self.endpoint.base_url.rstrip('/')}/models?pageSize=1000"
        return read_models(await self.get_json(url), provider=self.name)
