"""Answers of a shape: what each wire is asked, and what happens where a server refuses it."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import Request, ResponseSchema
from jupyter_agent.providers._habits import Habits
from jupyter_agent.providers._structured import closed, is_strict
from jupyter_agent.providers.registry import PROVIDERS, ProviderSpec, make_provider

LOOSE = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
STRICT = {**LOOSE, "additionalProperties": False}
OK = b'data: {"choices":[{"delta":{"content":"{}"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def request(schema=LOOSE):
    return Request(
        model="m",
        messages=(user_message("Count."),),
        response_schema=ResponseSchema(name="count", schema=schema),
    )


class Server:
    """Answers each request with the next of its answers, and keeps what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, http):
        if http.url.path.endswith("/api/show"):
            return httpx.Response(404)
        self.asked.append(json.loads(http.content))
        return self.answers.pop(0) if self.answers else httpx.Response(200, content=OK)


async def sent(name, asked=None, *answers, habits=None):
    server = Server(*answers)
    provider = make_provider(
        ProviderSpec(
            provider=name,
            api_key="k",
            max_retries=0,
            transport=httpx.MockTransport(server),
            habits=habits or Habits(),
        )
    )
    events = [event async for event in provider.stream(asked or request())]
    await provider.aclose()
    return server.asked, events


@pytest.mark.parametrize(
    ("name", "place", "expected"),
    [
        (
            "mistral",
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "count", "schema": LOOSE}},
        ),
        (
            "openai",
            "text",
            {"format": {"type": "json_schema", "name": "count", "schema": LOOSE}},
        ),
        ("anthropic", "output_config", {"format": {"type": "json_schema", "schema": STRICT}}),
        ("ollama", "format", LOOSE),
    ],
)
async def test_each_wire_asks_as_its_vendor_has_it(name, place, expected):
    [body], _ = await sent(name)
    assert body[place] == expected


async def test_gemini_asks_in_its_settings():
    [body], _ = await sent("gemini")
    settings = body["generationConfig"]
    assert settings["responseMimeType"] == "application/json"
    assert settings["responseJsonSchema"] == LOOSE


async def test_a_wire_without_such_a_field_asks_in_words():
    assert not PROVIDERS["bedrock"].capabilities.structured_output
    [body], _ = await sent("bedrock")
    text = json.dumps(body["messages"])
    assert "JSON Schema" in text and "integer" in text


async def test_openai_is_held_to_a_schema_that_is_strict_and_to_no_other():
    [strict], _ = await sent("mistral", request(STRICT))
    [loose], _ = await sent("mistral", request(LOOSE))
    assert strict["response_format"]["json_schema"]["strict"] is True
    assert "strict" not in loose["response_format"]["json_schema"]


@pytest.mark.parametrize(
    "words",
    [
        "Unrecognized request argument supplied: response_format",
        "This response_format type is unavailable now",
        "failed to parse grammar",
        "Invalid schema for response_format 'count'",
    ],
)
async def test_a_server_that_refuses_it_is_asked_in_words_once_and_for_good(words):
    habits = Habits()
    refusal = httpx.Response(400, json={"error": {"message": words}})
    asked, events = await sent("mistral", None, refusal, habits=habits)
    assert events[-1].type == "done"
    first, second = asked
    assert "response_format" in first and "response_format" not in second
    assert "JSON Schema" in second["messages"][-1]["content"]
    [again], _ = await sent("mistral", habits=habits)
    assert "response_format" not in again


async def test_another_refusal_is_told_as_it_is():
    refusal = httpx.Response(400, json={"error": {"message": "temperature must be below 2"}})
    asked, events = await sent("mistral", None, refusal)
    assert len(asked) == 1 and events[-1].type == "error"


schemas = st.recursive(
    st.sampled_from([{"type": "integer"}, {"type": "string"}, True, {"enum": [1, "a"]}]),
    lambda inner: (
        st.builds(
            lambda properties, required: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties)[:required],
            },
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            st.integers(0, 3),
        )
        | inner.map(lambda items: {"type": "array", "items": items})
    ),
    max_leaves=6,
)


@given(schemas)
def test_a_closed_schema_is_closed_everywhere_and_closing_twice_changes_nothing(schema):
    once = closed(schema)
    assert closed(once) == once
    assert is_strict(once) or "required" in json.dumps(once)
