"""Gemini: signatures on their own parts, ids made up, arguments in leaves, schemas."""

import json

import pytest

from jupyter_agent.protocol import codec
from jupyter_agent.protocol.messages import (
    Message,
    TextPart,
    ToolResultPart,
    user_message,
)
from jupyter_agent.protocol.models import Capabilities, Request
from jupyter_agent.providers._gemini_args import PartialArguments
from jupyter_agent.providers._gemini_schema import to_gemini_schema
from jupyter_agent.providers._history import repair
from jupyter_agent.providers.gemini import (
    create_stream,
    format_error,
    parse_stream_events,
    read_models,
    should_continue,
)


def chunk(*parts, finish=None, **fields):
    candidate = {"content": {"role": "model", "parts": list(parts)}}
    return {"candidates": [{**candidate, **({"finishReason": finish} if finish else {})}]} | fields


def read(*payloads):
    body = "".join(f"data: {json.dumps(payload)}\r\n\r\n" for payload in payloads)
    return list(parse_stream_events([body.encode()]))


def response(*payloads):
    last = read(*payloads)[-1]
    assert last.type == "done", last
    return last.response


def contents(*messages):
    request = Request(model="m", messages=repair(messages, "gemini"))
    return create_stream(request, base_url="https://x", capabilities=Capabilities()).body[
        "contents"
    ]


CALLS = chunk(
    {"text": "I think", "thought": True},
    {"functionCall": {"name": "one", "args": {"a": 1}}, "thoughtSignature": "S1"},
    {"functionCall": {"name": "two", "args": {}, "id": "given"}},
)


def test_seed_072_ids_are_made_up_and_stop_with_calls_is_a_tool_turn():
    found = response(CALLS, chunk({"text": ""}, finish="STOP"))
    first, second = found.message.tool_calls
    assert first.id.startswith("call_") and second.id == "given"
    assert found.finish.kind == "tool_calls" and should_continue(found)
    assert (found.message.thinking, found.message.text) == ("I think", "")


def test_seed_081_signatures_survive_the_disk_and_return_on_exactly_their_parts():
    found = response(CALLS, chunk(finish="STOP")).message
    saved = codec.from_json(Message, codec.to_json(Message, found))
    results = Message(
        role="tool",
        parts=tuple(
            ToolResultPart(
                tool_call_id=call.id, tool_name=call.name, content=(TextPart(text="ok"),)
            )
            for call in saved.tool_calls
        ),
    )
    _, model, answers = contents(user_message("x"), saved, results)
    assert model["parts"] == [
        {"functionCall": {"name": "one", "args": {"a": 1}}, "thoughtSignature": "S1"},
        {"functionCall": {"name": "two", "args": {}, "id": "given"}},
    ]
    assert [part["functionResponse"] for part in answers["parts"]] == [
        {"name": "one", "response": {"result": "ok"}},
        {"name": "two", "response": {"result": "ok"}, "id": "given"},
    ]


@pytest.mark.parametrize("last", ["end", ""])
def test_a_signature_on_text_stays_on_its_own_piece(last):
    found = response(
        chunk({"text": "begin "}),
        chunk({"text": last, "thoughtSignature": "S"}),
        chunk({"text": "after"}, finish="STOP"),
    ).message
    assert found.text == f"begin {last}after"
    [model] = contents(found)
    assert model["parts"] == [
        {"text": "begin "},
        {"text": last, "thoughtSignature": "S"},
        {"text": "after"},
    ]


def test_arguments_that_come_leaf_by_leaf():
    def part(**call):
        return chunk({"functionCall": call})

    found = response(
        part(name="one", willContinue=True),
        part(
            partialArgs=[{"jsonPath": "$.a", "stringValue": "he", "willContinue": True}],
            willContinue=True,
        ),
        part(
            partialArgs=[
                {"jsonPath": "$.a", "stringValue": "llo"},
                {"jsonPath": "$.b.c[0].d", "numberValue": 2},
                {"jsonPath": "$.b.c[1].d", "boolValue": True},
                {"jsonPath": "$['b'].e", "nullValue": None},
            ],
            willContinue=True,
        ),
        part(),
        part(name="two"),
        chunk(finish="STOP"),
    )
    assert [call.arguments for call in found.message.tool_calls] == [
        {"a": "hello", "b": {"c": [{"d": 2}, {"d": True}], "e": None}},
        {},
    ]


def test_leaf_arguments_are_bounded():
    arguments = PartialArguments()
    with pytest.raises(Exception, match="1 MiB"):
        for _ in range(2000):
            arguments.add([{"jsonPath": "$.a", "stringValue": "x" * 1000}])
    sparse = PartialArguments()
    sparse.add([{"jsonPath": "$.a[999999]", "stringValue": "x"}])
    assert sparse.build() == {"a": ["x"]}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("NEW", "other"),
    ],
)
def test_finish_reasons(reason, kind):
    finish = response(chunk({"text": "x"}, finish=reason)).finish
    assert (finish.kind, finish.raw) == (kind, reason)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "refused"),
        (chunk(finish="MALFORMED_FUNCTION_CALL"), "parse_failed"),
        ({"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}, "overloaded"),
        ({"candidates": [{"content": {"parts": [7]}}]}, "parse_failed"),
    ],
)
def test_no_answer_is_an_error(payload, code):
    events = read(payload)
    assert events[-1].error.code == code


def test_a_bad_key_is_a_400():
    body = b'[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}]'
    assert format_error(400, {}, body, provider="gemini", model="m").code == "unauthorized"


def test_output_holds_the_thinking():
    usage = {
        "promptTokenCount": 9,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 4,
        "totalTokenCount": 16,
    }
    found = response(chunk({"text": "x"}, finish="STOP", usageMetadata=usage)).usage
    assert (found.input, found.output, found.total, found.reasoning) == (9, 7, 16, 4)


def test_seed_072_type_names_are_upper_case_all_the_way_down():
    schema = {
        "type": "object",
        "$defs": {"P": {"type": "object", "properties": {"x": {"type": "number"}}}},
        "properties": {
            "a": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "d"},
            "b": {"type": ["string", "null"], "default": None},
            "c": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/P"}]},
            "d": {"type": "array", "items": {"$ref": "#/$defs/P"}, "minItems": 1},
            "e": {"enum": ["x", "y"]},
            "f": {"enum": [1, 2], "type": "integer"},
            "g": {"const": "z"},
            "h": {"allOf": [{"$ref": "#/$defs/P"}], "title": "H"},
            "i": {},
        },
        "required": ["a"],
        "additionalProperties": False,
        "$schema": "x",
    }
    point = {"type": "OBJECT", "properties": {"x": {"type": "NUMBER"}}}
    assert to_gemini_schema(schema) == {
        "type": "OBJECT",
        "required": ["a"],
        "properties": {
            "a": {"type": "INTEGER", "nullable": True, "description": "d"},
            "b": {"type": "STRING", "nullable": True},
            "c": {"anyOf": [{"type": "STRING"}, point]},
            "d": {"type": "ARRAY", "items": point, "minItems": 1},
            "e": {"type": "STRING", "enum": ["x", "y"]},
            "f": {"type": "INTEGER"},
            "g": {"type": "STRING", "enum": ["z"]},
            "h": {**point, "title": "H"},
            "i": {"type": "STRING"},
        },
    }


def test_schemas_that_refer_to_themselves_end():
    schema = {
        "type": "object",
        "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}},
        "properties": {"n": {"$ref": "#/$defs/N"}},
    }
    assert len(json.dumps(to_gemini_schema(schema))) < 10_000
    assert to_gemini_schema({"type": "object", "properties": {}}) is None


def test_models_that_cannot_chat_are_left_out():
    rows = [
        {
            "name": "models/a",
            "inputTokenLimit": 5,
            "supportedGenerationMethods": ["generateContent"],
        },
        {"name": "models/b", "supportedGenerationMethods": ["embedContent"]},
        {},
    ]
    [model] = read_models({"models": rows}, provider="gemini")
    assert (model.id, model.context_window) == ("gemini/a", 5)
