"""Streams that the benchmarks read: what each API sends, one piece of bytes an event.

Made here, so that no recording is needed; field by field like what the vendors' servers send.
`text` streams words of an answer, `arguments` the argument text of one tool call.
"""

from __future__ import annotations

import binascii
import json
import struct
from typing import Any

APIS = ("anthropic", "openai_chat", "openai_responses", "gemini", "ollama_chat", "bedrock_converse")
WITH_ARGUMENTS = ("anthropic", "openai_chat", "openai_responses", "bedrock_converse")
MEDIA = {
    "ollama_chat": "application/x-ndjson",
    "bedrock_converse": "application/vnd.amazon.eventstream",
}
_WORDS = (
    "The",
    " mean",
    " of",
    " the",
    " column",
    " is",
    " 4.2",
    ",",
    " so",
    " naïve",
    ".\n",
    " é",
)


def text(api: str, count: int) -> list[bytes]:
    """Return the pieces of an answer with `count` text deltas."""
    words = [_WORDS[at % len(_WORDS)] for at in range(count)]
    return _MAKERS[api]("text", words)


def arguments(api: str, count: int) -> list[bytes]:
    """Return the pieces of an answer whose one tool call comes in `count` deltas."""
    source = "".join(f"x{at} = {at % 97} + y\\n" for at in range(count))
    whole = ['{"source": "', *(source[at : at + 6] for at in range(0, len(source), 6))]
    return _MAKERS[api]("arguments", [*whole[: count - 1], '"}'])


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# ---- anthropic ---------------------------------------------------------------------------------


def _anthropic(kind: str, deltas: list[str]) -> list[bytes]:
    is_text = kind == "text"
    opened = {"type": "text", "text": ""}
    tool = {"type": "tool_use", "id": "toolu_01A09q90qw90lq917835lq9", "name": "run", "input": {}}
    field = ("text_delta", "text") if is_text else ("input_json_delta", "partial_json")
    usage = {"input_tokens": 25, "cache_read_input_tokens": 0, "output_tokens": 1}
    message = {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-sonnet-4-5",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    stop = {"stop_reason": "end_turn" if is_text else "tool_use", "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": opened if is_text else tool},
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": field[0], field[1]: delta},
            }
            for delta in deltas
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": len(deltas)}},
        {"type": "message_stop"},
    ]
    return [b"event: %b\ndata: %b\n\n" % (each["type"].encode(), _compact(each)) for each in events]


# ---- openai ------------------------------------------------------------------------------------


def _chat(kind: str, deltas: list[str]) -> list[bytes]:
    is_text = kind == "text"

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {
            "id": "chatcmpl-CqZQ2Fy7mQEGbCEnWbx1jLh6W5RQz",
            "object": "chat.completion.chunk",
            "created": 1766760000,
            "model": "gpt-4.1-2025-04-14",
            "service_tier": "default",
            "system_fingerprint": "fp_433e8c8649",
            "choices": [choice],
            "usage": None,
        }

    def call(piece: str) -> dict[str, Any]:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}

    function = {"name": "run", "arguments": ""}
    first = {"index": 0, "id": "call_x1", "type": "function", "function": function}
    opened = {"role": "assistant", "content": None, "tool_calls": [first]}
    counts = {"prompt_tokens": 25, "completion_tokens": len(deltas), "total_tokens": 99}
    events = [
        chunk({"role": "assistant", "content": "", "refusal": None} if is_text else opened),
        *(chunk({"content": delta} if is_text else call(delta)) for delta in deltas),
        chunk({}, "stop" if is_text else "tool_calls"),
        {**chunk({}), "choices": [], "usage": counts},
    ]
    return [*(b"data: %b\n\n" % _compact(each) for each in events), b"data: [DONE]\n\n"]


def _responses(kind: str, deltas: list[str]) -> list[bytes]:
    is_text = kind == "text"
    name = "output_text" if is_text else "function_call_arguments"
    id = "msg_67c9fdcf37fc8190ba82116e33fb28c501b8b0ad29f1c0ec"
    place = {"item_id": id, "output_index": 0, **({"content_index": 0} if is_text else {})}
    whole = "".join(deltas)
    part = {"type": "output_text", "text": whole, "annotations": [], "logprobs": []}
    message = {"id": id, "type": "message", "status": "completed", "role": "assistant"}
    call = {"id": id, "type": "function_call", "status": "completed", "call_id": "call_x1"}
    item = {**message, "content": [part]} if is_text else {**call, "name": "run"}
    empty = {**item, "status": "in_progress", **({"content": []} if is_text else {"arguments": ""})}
    whole_item = item if is_text else {**item, "arguments": whole}
    counts = {"input_tokens": 25, "output_tokens": len(deltas), "total_tokens": 99}
    response = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1766760000,
        "status": "in_progress",
        "model": "gpt-4.1-2025-04-14",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    done = {**response, "status": "completed", "output": [whole_item], "usage": counts}
    end = {"text": whole, "logprobs": []} if is_text else {"arguments": whole, "name": "run"}
    more = {"logprobs": []} if is_text else {}
    noise = {"obfuscation": "b1x9Qh2kLw"}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": empty},
        *(
            {"type": f"response.{name}.delta", **place, "delta": delta, **more, **noise}
            for delta in deltas
        ),
        {"type": f"response.{name}.done", **place, **end},
        {"type": "response.output_item.done", "output_index": 0, "item": whole_item},
        {"type": "response.completed", "response": done},
    ]
    return [
        b"event: %b\ndata: %b\n\n"
        % (each["type"].encode(), _compact({**each, "sequence_number": at}))
        for at, each in enumerate(events)
    ]


# ---- the others --------------------------------------------------------------------------------


def _gemini(kind: str, deltas: list[str]) -> list[bytes]:
    del kind  # calls come whole here
    usage = {"promptTokenCount": 25, "candidatesTokenCount": 9, "totalTokenCount": 34}
    pieces = []
    for at, delta in enumerate(deltas):
        candidate = {"content": {"parts": [{"text": delta}], "role": "model"}, "index": 0}
        if at == len(deltas) - 1:
            candidate["finishReason"] = "STOP"
        chunk = {
            "candidates": [candidate],
            "usageMetadata": {**usage, "candidatesTokenCount": at, "totalTokenCount": 25 + at},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "mAt0aZ2ZDtCWkdUP1Z6IoAQ",
        }
        pieces.append(b"data: %b\r\n\r\n" % _compact(chunk))
    return pieces


def _ollama(kind: str, deltas: list[str]) -> list[bytes]:
    del kind  # calls come whole here
    head = {"model": "qwen3:latest", "created_at": "2026-11-26T06:08:23.577476Z"}
    lines: list[dict[str, Any]] = [
        {**head, "message": {"role": "assistant", "content": delta}, "done": False}
        for delta in deltas
    ]
    counts = {"prompt_eval_count": 25, "eval_count": len(deltas)}
    last = {**head, "message": {"role": "assistant", "content": ""}, "done": True}
    lines.append({**last, "done_reason": "stop", **counts})
    return [_compact(line) + b"\n" for line in lines]


def _bedrock(kind: str, deltas: list[str]) -> list[bytes]:
    is_text = kind == "text"
    tool = {"toolUse": {"toolUseId": "tooluse_x1", "name": "run"}}
    events: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    if not is_text:
        events.append(("contentBlockStart", {"contentBlockIndex": 0, "start": tool}))
    for at, delta in enumerate(deltas):
        inner = {"text": delta} if is_text else {"toolUse": {"input": delta}}
        body = {"contentBlockIndex": 0, "delta": inner, "p": "abcdefghijklmnopqr"[: at % 18]}
        events.append(("contentBlockDelta", body))
    events += [
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn" if is_text else "tool_use"}),
        ("metadata", {"usage": {"inputTokens": 25, "outputTokens": 9, "totalTokens": 34}}),
    ]
    return [_event_message(name, _compact(body)) for name, body in events]


def _event_message(name: str, payload: bytes) -> bytes:
    named = {
        ":event-type": name,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    headers = b"".join(
        struct.pack(">B", len(key))
        + key.encode()
        + struct.pack(">BH", 7, len(value))
        + value.encode()
        for key, value in named.items()
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))


_MAKERS = {
    "anthropic": _anthropic,
    "openai_chat": _chat,
    "openai_responses": _responses,
    "gemini": _gemini,
    "ollama_chat": _ollama,
    "bedrock_converse": _bedrock,
}
