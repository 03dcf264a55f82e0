"""Chat Completions, as OpenAI defined it and as everybody else speaks it.

How servers differ is data (`dialects.py`) where it must be known beforehand; what the bytes
themselves tell is read from the bytes.
Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..protocol.errors import ErrorInfo, Overloaded, ProviderError
from ..protocol.messages import ImagePart, Message, Part, TextPart, ToolCallPart
from ..protocol.models import Capabilities, ModelInfo, Request, ToolDefinition
from ..protocol.provider_events import ProviderEvent
from ..protocol.usage import FinishKind
from ._adapter import HttpProvider
from ._assemble import Assembler
from ._chat_media import to_wire_content, to_wire_part
from ._chat_pieces import API, EXTRA, CallKeys, ReasoningDetails
from ._decode import SseDecoder, decode
from ._effort import clamp_effort
from ._errors import error_from_response
from ._habits import Habits
from ._history import (
    WireIds,
    WireNames,
    call_ids,
    conversation_key,
    misses_seal,
    result_text,
    retold,
    split_system,
    tool_names,
)
from ._http import Endpoint, HttpCall
from ._model_lists import read_openai_list
from ._own_facts import with_own_windows
from ._structured import json_schema_format
from ._text_calls import TextCalls
from ._think_tags import ThinkTags
from .base import waits_for_results
from .dialects import DIALECTS, Dialect

# What the model is taken to have said between a tool's result and the person's next words.
BRIDGE = "OK."

_FINISH: dict[str, FinishKind] = {
    "stop": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "stop_sequence": "stop",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "context_overflow",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "refusal": "refusal",
}
# A message's content on the wire: text, or parts.
Content = str | list[dict[str, Any]]
_NO_SYSTEM_ROLE = re.compile(
    r"system.{0,40}(not (be )?(supported|allowed)|unsupported)|only user and assistant roles"
    r"|roles must alternate",
    re.I,
)
_BROKEN = ("error", "network_error", "insufficient_system_resource")


@dataclass(frozen=True, slots=True)
class Wire:
    """How one conversation is written for one server: names, ids, and what it does not accept."""

    dialect: Dialect
    names: WireNames
    ids: WireIds
    habits: Habits = field(default_factory=Habits)


def wire_for(request: Request, dialect: Dialect, habits: Habits | None = None) -> Wire:
    """Map the tools and calls of a request to what the dialect accepts."""
    names, ids = WireNames(tool_names(request)), WireIds(dialect.call_id, length=9)
    return Wire(dialect, names, ids, habits or Habits())


# ---- what is sent ------------------------------------------------------------------------------


def create_stream(
    request: Request, *, base_url: str, capabilities: Capabilities, wire: Wire
) -> HttpCall:
    """Return the HTTP call that asks for a streamed answer."""
    dialect = wire.dialect
    body: dict[str, Any] = {
        "model": request.model,
        "messages": format_messages(request.messages, wire, _is_thinking(request, capabilities)),
        "stream": True,
    }
    if request.model.startswith(dialect.cache_marks):
        _mark_turns(body["messages"])
    if dialect.stream_options and not wire.habits.no_usage_option:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = format_tools(request.tools, wire.names)
        if request.tool_choice is not None:
            body["tool_choice"] = _tool_choice(request.tool_choice, wire)
    if dialect.sampling_while_thinking or not capabilities.thinking:
        body["temperature"] = request.temperature
        body["top_p"] = request.top_p
    body[dialect.max_tokens_field] = request.max_tokens
    body["stop"] = list(request.stop) or None
    if request.response_schema is not None:
        wanted = json_schema_format(request.response_schema)
        body["response_format"] = {"type": "json_schema", "json_schema": wanted}
    body.update(_effort(request, capabilities, dialect))
    if dialect.cache_key:
        body["prompt_cache_key"] = conversation_key(request)
    body = {key: value for key, value in body.items() if value is not None}
    return HttpCall(url=f"{base_url.rstrip('/')}/chat/completions", body=body)


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


def format_messages(
    messages: Sequence[Message], wire: Wire, thinking: bool = False
) -> list[dict[str, Any]]:
    """Write a repaired conversation.

    Args:
        messages: the conversation.
        wire: the names on this server's wire.
        thinking: whether thinking is on; some servers then miss it in turns with calls.
    """
    system, rest = split_system(messages)
    written: list[dict[str, Any]] = []
    if system:
        role = "user" if wire.habits.no_system_role else wire.dialect.system_role
        written.append({"role": role, "content": system})
    for message in rest:
        if message.role == "assistant":
            written.append(_assistant(message, wire, thinking))
        elif message.tool_results:
            written.extend(format_tool_results(message, wire))
        else:
            content = to_wire_content(message.parts, wire.dialect)
            written.append({"role": "user", "content": content})
    written = _joined(written)
    return _bridged(written) if wire.dialect.bridge else written


def _joined(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join neighbouring messages of the user: strict chat templates insist that roles alternate.

    They stand side by side after a prompt that failed, or that was stopped before the first word.
    """
    written: list[dict[str, Any]] = []
    for message in messages:
        last = written[-1] if written else None
        if last is not None and last["role"] == message["role"] == "user":
            written[-1] = {**last, "content": _both(last["content"], message["content"])}
        else:
            written.append(message)
    return written


def _both(first: Content, second: Content) -> Content:
    """Return the content of two messages as that of one."""
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_as_parts(first), *_as_parts(second)]


def _as_parts(content: Content) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _bridged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the model speak between a tool's result and the person."""
    written: list[dict[str, Any]] = []
    for message in messages:
        if written and (written[-1]["role"], message["role"]) == ("tool", "user"):
            written.append({"role": "assistant", "content": BRIDGE})
        written.append(message)
    return written


def _mark_turns(messages: list[dict[str, Any]]) -> None:
    """Mark the ends of the system text and of the last two turns that are not the model's."""
    marked = [message for message in messages if message["role"] != "assistant"]
    for message in marked:  # all of them in the same form, so that the prompt's beginning stays
        if isinstance(message["content"], str):
            text = message["content"] or "(no output)"  # what is empty cannot be marked
            message["content"] = [{"type": "text", "text": text}]
    for message in {id(message): message for message in (*marked[:1], *marked[-2:])}.values():
        message["content"][-1]["cache_control"] = {"type": "ephemeral"}


def format_tool_results(message: Message, wire: Wire) -> list[dict[str, Any]]:
    """Write one message for each result. Files follow in a user message: `tool` takes text."""
    written: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    for result in message.tool_results:
        attached: list[Part] = [part for part in result.content if not isinstance(part, TextPart)]
        text = result_text(result)
        if attached:
            images = all(isinstance(part, ImagePart) for part in attached)
            text = f"{text}\n(Its {'images' if images else 'files'} follow.)".lstrip()
            label = f"{'Images' if images else 'Files'} of the result of"
            name = wire.names.to_wire(result.tool_name)
            files.append({"type": "text", "text": f"{label} {name}:"})
            files.extend(to_wire_part(part, wire.dialect) for part in attached)
        written.append(
            {
                "role": "tool",
                "tool_call_id": wire.ids.to_wire(result.tool_call_id),
                "content": text,
            }
        )
    if files:
        written.append({"role": "user", "content": files})
    return written


def _assistant(message: Message, wire: Wire, thinking: bool) -> dict[str, Any]:
    calls = [_call(call, wire) for call in message.tool_calls]
    written: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    if not calls:
        return written
    written["tool_calls"] = calls
    echo = wire.dialect.thinking_echo
    if echo == "reasoning_content" and (message.thinking or thinking):
        # Empty when there was none, or another provider's: without the field it is an error 400.
        written[echo] = message.thinking
    elif echo == "reasoning_details" and message.metadata.reasoning_details:
        written[echo] = message.metadata.reasoning_details
    return written


def _call(call: ToolCallPart, wire: Wire) -> dict[str, Any]:
    # Servers with chat templates parse the arguments: what is not JSON would be their error 500.
    usable = call.arguments is not None and call.arguments_raw.strip()
    arguments = call.arguments_raw if usable else json.dumps(call.arguments or {})
    written: dict[str, Any] = {
        "id": wire.ids.to_wire(call.id),
        "type": "function",
        "function": {"name": wire.names.to_wire(call.name), "arguments": arguments},
    }
    if extra := _extra(call):
        written[EXTRA] = extra
    return written


def _extra(call: ToolCallPart) -> Any:
    """Return what Gemini wants back with a call: its signature.

    Source: https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    ours = (call.provider_metadata or {}).get(API)
    return ours.get(EXTRA) if isinstance(ours, dict) else None


def _is_unsigned(message: Message) -> bool:
    """Whether it calls tools and the first call, which carries the signature, has none."""
    return bool(message.tool_calls) and not _extra(message.tool_calls[0])


def _tool_choice(choice: str, wire: Wire) -> str | dict[str, Any]:
    if choice == "required":
        return wire.dialect.required_choice
    if choice in ("auto", "none"):
        return choice
    return {"type": "function", "function": {"name": wire.names.to_wire(choice)}}


def _effort(request: Request, capabilities: Capabilities, dialect: Dialect) -> dict[str, Any]:
    """Write the effort the way the dialect takes it."""
    effort = clamp_effort(request.effort, capabilities.effort_levels)
    field = dialect.effort_field
    if field is None or request.effort is None:
        return {}
    if field in ("reasoning_effort", "reasoning"):
        if effort is None:
            return {}
        return {field: effort} if field == "reasoning_effort" else {field: {"effort": effort}}
    if not capabilities.thinking:
        return {}
    thinks = request.effort != "none"
    if field == "enable_thinking":
        return {"enable_thinking": thinks}
    mode: dict[str, Any] = {"thinking": {"type": "enabled" if thinks else "disabled"}}
    if thinks and effort is not None and dialect.effort_levels:
        mode["reasoning_effort"] = effort
    return mode


def _is_thinking(request: Request, capabilities: Capabilities) -> bool:
    return capabilities.thinking and request.effort != "none"


# ---- what comes back ---------------------------------------------------------------------------


class ChatDecoder(SseDecoder):
    """Reads one streamed answer."""

    def __init__(
        self,
        assembler: Assembler,
        *,
        provider: str,
        model: str,
        names: WireNames | None = None,
        think_tags: bool = False,
        readable_details: bool = False,
        calls_in_text: Mapping[str, str] | None = None,
    ) -> None:
        """Start one answer.

        Args:
            assembler: takes the pieces.
            provider: named in errors.
            model: named in errors.
            names: maps tool names back.
            think_tags: whether `<think>` in the text begins thinking.
            readable_details: whether `reasoning_details` are also shown, when nothing else is.
            calls_in_text: tools whose calls are also read from text: name on the wire → our name.
        """
        super().__init__(assembler, provider=provider, model=model)
        self._readable_details = readable_details
        self._names = names
        self._text_calls = TextCalls(assembler, calls_in_text) if calls_in_text else None
        self._content = self._text_calls or assembler
        self._tags = ThinkTags(self._content) if think_tags else None
        self._calls = CallKeys(assembler)
        self._details = ReasoningDetails()
        self._streamed = False
        self._refusal: list[str] = []

    def on_payload(self, name: str, payload: dict[str, Any]) -> None:
        error = payload.get("error")
        if error or name == "error":
            self.refuse(payload)
            return
        choices = payload.get("choices")
        if choices:
            choice = choices[0]
            delta = choice.get("delta")
            if delta:
                self._delta(delta)
            elif "message" in choice and not self._streamed:
                self._delta(choice["message"] or {})
            if choice.get("error"):
                self.refuse(choice)
                return
            if reason := choice.get("finish_reason"):
                self._finish(reason)
        usage = payload.get("usage") or (payload.get("x_groq") or {}).get("usage")
        if usage:
            self._usage(usage)

    def on_done_mark(self) -> None:
        if not self.assembler.finished:
            self._finish("")
        self.assembler.end()

    def on_body(self, body: dict[str, Any]) -> bool:
        if "choices" not in body:
            return False
        self.on_payload("", body)
        return True

    def _delta(self, delta: dict[str, Any]) -> None:
        content = delta.get("content")
        thinking = delta.get("reasoning_content") or delta.get("reasoning")
        details = delta.get("reasoning_details")
        if details:
            text = self._details.add(details)
            if self._readable_details:
                thinking = thinking or text
        if thinking:
            self._streamed = True
            self._content.thinking(thinking)
        if content:
            self._streamed = True
            if isinstance(content, str):
                self._text(content)
            else:
                self._content_list(content)
        if refusal := delta.get("refusal"):
            self._refusal.append(refusal)
        for fragment in delta.get("tool_calls") or ():
            self._streamed = True
            self._calls.add(fragment, self._names)
        if call := delta.get("function_call"):
            self._calls.add({"index": "legacy", "function": call}, self._names)
        if extra := delta.get(EXTRA):
            self._calls.seal(extra)

    def _text(self, text: str) -> None:
        if self._tags is None:
            self._content.text(text)
        else:
            self._tags.feed(text)

    def _content_list(self, content: list[Any]) -> None:
        """Read Mistral's blocks: text, and thinking made of text."""
        for block in content:
            if not isinstance(block, dict):
                continue
            if block.get("type") == "text":
                self._text(block.get("text") or "")
            elif block.get("type") == "thinking":
                inner = block.get("thinking") or ""
                if isinstance(inner, list):
                    inner = "".join(piece.get("text") or "" for piece in inner)
                self.assembler.thinking(inner)

    def _finish(self, reason: str) -> None:
        if reason in _BROKEN:
            self.assembler.fail(
                Overloaded(
                    f"{self.provider} stopped in the middle of the answer. Try again.",
                    provider=self.provider,
                    model=self.model,
                )
            )
            return
        if self._tags is not None:
            self._tags.flush()
        kind = _FINISH.get(reason, "other") if reason else "stop"
        if self._text_calls is not None:
            self._text_calls.finish(cut=kind not in ("stop", "tool_calls"))
        if self._refusal:
            kind = "refusal"
            self.assembler.extra["refusal"] = "".join(self._refusal)
        self.assembler.reasoning_details = self._details.merged() or None
        self.assembler.finish(kind, reason or None)

    def _usage(self, usage: dict[str, Any]) -> None:
        prompt = usage.get("prompt_tokens_details") or {}
        completion = usage.get("completion_tokens_details") or {}
        cached = prompt.get("cached_tokens")
        self.assembler.usage(
            input=usage.get("prompt_tokens"),
            output=usage.get("completion_tokens"),
            total=usage.get("total_tokens"),
            cache_read=cached if cached is not None else usage.get("prompt_cache_hit_tokens"),
            cache_write=prompt.get("cache_write_tokens"),
            reasoning=completion.get("reasoning_tokens"),
        )


def new_decoder(*, provider: str = "openai", model: str = "") -> ChatDecoder:
    """Return a reader of one answer, for recordings."""
    assembler = Assembler(provider=provider, model=model)
    return ChatDecoder(assembler, provider=provider, model=model)


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
    """Read a list of models, as far as the server describes them; `default` for the others."""
    return read_openai_list(body, provider=provider, default=default)


class OpenAIChatProvider(HttpProvider):
    """A server of the Chat Completions API."""

    api = API
    versioned = True

    def __init__(
        self,
        *,
        name: str,
        capabilities: Capabilities,
        endpoint: Endpoint,
        dialect: Dialect = DIALECTS["openai"],
    ) -> None:
        super().__init__(name=name, capabilities=capabilities, endpoint=endpoint)
        self._dialect = dialect

    def auth_headers(self) -> dict[str, str]:
        key = self.endpoint.api_key
        if not key:
            return {}
        if self._dialect.auth_header == "Authorization":
            return {"Authorization": f"Bearer {key}"}
        return {self._dialect.auth_header: key}

    def prepare(self, request: Request) -> tuple[HttpCall, ChatDecoder]:
        wire = wire_for(request, self._dialect, self.endpoint.habits)
        call = create_stream(
            request, base_url=self.base_url, capabilities=self.capabilities, wire=wire
        )
        assembler = Assembler(
            provider=self.name,
            model=request.model,
            effort=request.effort,
            taken_ids=call_ids(request.messages),
        )
        decoder = ChatDecoder(
            assembler,
            provider=self.spoken_name,
            model=request.model,
            names=wire.names,
            think_tags=self._dialect.think_tags,
            readable_details=True,
            calls_in_text=self._names_in_text(request, wire.names),
        )
        return call, decoder

    def _names_in_text(self, request: Request, names: WireNames) -> dict[str, str]:
        """Return the tools whose calls may come as text; a vendor's own server has a parser."""
        if not self.endpoint.plain_schemas or request.tool_choice == "none":
            return {}
        return {names.to_wire(tool.name): tool.name for tool in request.tools}

    def amended(self, request: Request, failure: ErrorInfo) -> Request | None:
        """Ask without what the server does not accept, and remember that.

        Gemini, behind this API too, refuses calls without its signature: they are told in words.
        """
        habits = self.endpoint.habits
        if misses_seal(failure):
            return retold(request, _is_unsigned)
        if "stream_options" in failure.message and not habits.no_usage_option:
            habits.no_usage_option = True
            return request
        if _NO_SYSTEM_ROLE.search(failure.message) and not habits.no_system_role:
            habits.no_system_role = True
            return request
        return super().amended(request, failure)

    async def list_models(self) -> list[ModelInfo]:
        body = await self.get_list(self._dialect.models_path)
        models = read_models(body, provider=self.name, default=self.capabilities)
        return await with_own_windows(
            models, self._dialect.own_facts, base_url=self.base_url, get=self.get_json
        )
