"""Statements 48 to 61: the Rust crate greentic-llm."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest
from seed_rigs import (
    ABLE,
    HELLO,
    SCHEMA,
    TOOL,
    TURN,
    WIRES,
    Server,
    assistant,
    call,
    events_of,
    result,
    results,
    said,
    sent,
)

from jupyter_agent.access.model_access import ModelAccess
from jupyter_agent.config import Settings
from jupyter_agent.interop import greentic
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.protocol import codec
from jupyter_agent.protocol.errors import (
    BadFrame,
    ConnectionFailed,
    MissingKey,
    ParseFailed,
    UnknownModel,
)
from jupyter_agent.protocol.messages import ImagePart, Message, TextPart, system_message
from jupyter_agent.protocol.models import Capabilities
from jupyter_agent.protocol.usage import Finish
from jupyter_agent.providers.base import complete
from jupyter_agent.providers.openai_chat import parse_stream_events
from jupyter_agent.providers.registry import PROVIDERS, ProviderSpec, find_provider, make_provider
from jupyter_agent.providers.replay import Call, Say, ScriptedProvider, Think


@pytest.mark.parametrize("role", ["System", "User", "Assistant", "Tool"])
def test_seed_048_messages_serialise(role):
    message = greentic.from_wire_message({"role": role, "content": "x"})
    assert message.role == role.lower()
    saved = codec.from_json(Message, codec.to_json(Message, message))
    assert greentic.to_wire_messages(saved)[0].model_dump() == {
        "role": role,
        "content": "x",
        "images": [],
    }


def test_seed_049_images_are_base64_without_a_prefix_and_no_images_are_an_empty_list():
    image = {"data_base64": "iVBOR", "media_type": "image/png"}
    message = greentic.from_wire_message({"role": "User", "content": "x", "images": [image]})
    assert message.parts[1] == ImagePart(media_type="image/png", data="iVBOR")
    with pytest.raises(BadFrame, match="prefix"):
        prefixed = {**image, "data_base64": "data:image/png;base64,iVBOR"}
        greentic.from_wire_message({"role": "User", "content": "x", "images": [prefixed]})
    [plain] = greentic.to_wire_messages(said("x"))
    assert plain.images == []
    assert json.loads(plain.model_dump_json(exclude_defaults=True)) == {
        "role": "User",
        "content": "x",
    }


CHOICES = {
    "openai": lambda body: body["tool_choice"],
    "anthropic": lambda body: body["tool_choice"]["type"],
    "gemini": lambda body: body["toolConfig"]["functionCallingConfig"]["mode"],
    "mistral": lambda body: body["tool_choice"],
}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("openai", ("auto", "required", "none")),
        ("anthropic", ("auto", "any", "none")),
        ("gemini", ("AUTO", "ANY", "NONE")),
        ("mistral", ("auto", "any", "none")),
    ],
)
async def test_seed_050_the_choice_of_a_tool_is_mapped(name, words):
    for choice, word in zip(("auto", "required", "none"), words, strict=True):
        body = await sent(name, tools=(TOOL,), tool_choice=choice)
        assert CHOICES[name](body) == word
    assert "look" in json.dumps(await sent(name, tools=(TOOL,), tool_choice="look"))
    named = await sent(name, tools=(TOOL,), tool_choice="look")
    assert named != await sent(name, tools=(TOOL,), tool_choice="required")


async def test_seed_050_a_tool_that_is_not_offered_cannot_be_chosen():
    server = Server(TURN)
    request = replace(HELLO, tools=(TOOL,), tool_choice="other")
    [event] = await events_of(server.provider(), request)
    assert event.error.code == "bad_request" and server.asked == []


@pytest.mark.parametrize("name", WIRES)
async def test_seed_051_limits_are_optional_and_arguments_any_json(name):
    value = {"a": [1, 2.5, None, True, {"b": "é"}], "c": "", "d": -1e10}
    asking = call(arguments=json.dumps(value))
    body = await sent(name, *HELLO.messages, assistant(asking), results(result()))
    text = json.dumps(body, ensure_ascii=False)
    assert "2.5" in text and ("é" in text or "\\u00e9" in text)
    if name != "anthropic":  # where it is required
        assert "max" not in text.lower().replace("maximum", "")


@pytest.mark.parametrize("value", [{"x": 1}, [1], "text", 5, None, True])
def test_seed_051_the_crates_arguments_may_be_any_value(value):
    found = greentic.from_wire_call({"id": "c", "name": "look", "arguments": value})
    assert (found.parse_error is None) is isinstance(value, dict)
    assert greentic.to_wire_call(found).arguments == value


async def test_seed_052_a_response_is_content_calls_and_why_it_ended():
    response = await complete(Server(TURN).provider(), HELLO)
    assert response.message.text == "Hi"
    assert [greentic.to_wire_call(one).arguments for one in response.message.tool_calls] == [
        {"x": 1}
    ]
    assert greentic.to_wire_finish(response.finish) == "ToolCalls"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("something new", "other"),
    ],
)
def test_seed_053_why_it_ended_is_our_word_and_the_providers_own(word, kind):
    chunk = {"choices": [{"delta": {"content": "x"}, "finish_reason": word}]}
    body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
    finish = list(parse_stream_events([body]))[-1].response.finish
    assert (finish.kind, finish.raw) == (kind, word)


@pytest.mark.parametrize(
    "wire", ["Stop", "ToolCalls", "Length", "ContentFilter", {"Other": "strange"}]
)
def test_seed_053_the_crates_five_reasons_round_trip(wire):
    assert greentic.to_wire_finish(greentic.from_wire_finish(wire)) == wire
    assert greentic.to_wire_finish(Finish(kind="refusal", raw="no")) == {"Other": "no"}


async def test_seed_054_a_call_starts_grows_and_ends_parsed():
    events = await events_of(Server(TURN).provider())
    text, start, delta, end, done = events[2:]
    assert text.text == "Hi"
    assert (start.id, start.name) == ("c", "look")
    assert (delta.id, delta.json) == ("c", '{"x": 1}')
    assert (end.id, end.arguments) == ("c", {"x": 1})
    assert done.response.finish.kind == "tool_calls"


async def test_seed_055_a_stream_outlives_the_one_who_asked_for_it():
    """In the server a run belongs to its session, not to the socket that asked."""

    async def handler():
        return ScriptedProvider(lambda request: [Say("one two")]).stream(HELLO)

    stream = await asyncio.create_task(handler())
    assert [event.type async for event in stream][-1] == "done"


async def test_seed_056_errors_say_what_went_wrong_and_keep_their_cause():
    def broken(request):
        raise httpx.ReadError("cable cut")

    spec = ProviderSpec(
        provider="groq", api_key="k", max_retries=0, transport=httpx.MockTransport(broken)
    )
    [event] = await events_of(make_provider(spec))
    assert event.error.code == ConnectionFailed.code
    [event] = await events_of(Server(b'{"error": "x"}', status=418).provider())
    assert (event.error.status, event.error.code) == (418, "bad_request")
    [event] = await events_of(Server(b"<html>hello").provider())
    assert event.error.code == ParseFailed.code
    cause = ValueError("inner")
    assert ParseFailed("x", cause=cause).__cause__ is cause
    request = replace(HELLO, tools=(TOOL,))
    [event] = await events_of(Server(TURN).provider(capabilities=Capabilities()), request)
    assert event.error.code == "unsupported_capability"
    assert event.error.details == {"capability": "tools"}


IMAGE = said("x", ImagePart(media_type="image/png", data="AAAA"))


@pytest.mark.parametrize("name", ["anthropic", "openai", "gemini", "bedrock"])
@pytest.mark.parametrize(
    ("missing", "request_"),
    [
        ("tools", replace(HELLO, tools=(TOOL,))),
        ("vision", replace(HELLO, messages=(IMAGE,))),
        (
            "vision",
            replace(
                HELLO,
                messages=(
                    *HELLO.messages,
                    assistant(call()),
                    results(replace(result(), content=(IMAGE.parts[1],))),
                ),
            ),
        ),
    ],
)
async def test_seed_057_capabilities_are_asked_before_the_network(name, missing, request_):
    server = Server(TURN)
    provider = server.provider(name, capabilities=replace(ABLE, **{missing: False}))
    [event] = await events_of(provider, request_)
    assert event.error.details == {"capability": missing}
    assert server.asked == []


async def test_seed_058_names_are_stable_and_one_provider_serves_many_at_once():
    provider = Server(TURN).provider()
    found = await asyncio.gather(*(complete(provider, HELLO) for _ in range(20)))
    await provider.aclose()
    assert provider.name == "openai"
    assert {response.message.metadata.model for response in found} == {"m"}
    assert {response.message.text for response in found} == {"Hi"}
    assert len({response.message.id for response in found}) == 20


@pytest.mark.parametrize(
    ("name", "tools", "vision"),
    [
        ("openai", True, True),
        ("anthropic", True, True),
        ("gemini", True, True),
        ("deepseek", True, False),
        ("cohere", True, False),
        ("groq", True, False),
        ("xai", True, False),
        ("ollama", False, False),
        ("perplexity", False, False),
    ],
)
def test_seed_059_the_nine_providers(name, tools, vision):
    """Ollama's row is what holds without knowledge; test_ollama.py: what it tells wins."""
    for spelling in (name, name.upper(), name.title()):
        assert find_provider(spelling).name == name
    able = make_provider(ProviderSpec(provider=name, api_key="k")).capabilities
    assert (able.tools, able.vision) == (tools, vision)
    assert able.streaming and able.system_prompt


def test_seed_059_names_round_trip_and_unknown_ones_are_rejected():
    assert all(entry.name == name for name, entry in PROVIDERS.items())
    with pytest.raises(UnknownModel):
        find_provider("antropic")


async def test_seed_060_the_double_is_settable_scripted_and_keeps_the_requests():
    answers = [[Think("hm"), Say("first")], [Call("look", {"x": 1}, id="own")]]

    def script(request):
        return answers.pop(0) if answers else [Say("fallback")]

    able = Capabilities(streaming=True)
    double = ScriptedProvider(script, "double", model="m-2", capabilities=able)
    assert (double.name, double.capabilities) == ("double", able)
    assert [model.name for model in await double.list_models()] == ["m-2"]
    found = [(await complete(double, HELLO)).message for _ in range(4)]
    assert [message.text for message in found] == ["first", "", "fallback", "fallback"]
    assert found[1].tool_calls[0].id == "own"
    assert double.requests == [HELLO] * 4
    exact = ScriptedProvider(lambda request: [Say("a b"), Call("look", {})])
    assert [event.type for event in await events_of(exact)] == [
        "text_delta",
        "text_delta",
        "tool_call_start",
        "tool_call_delta",
        "tool_call_end",
        "done",
    ]


async def test_seed_061_anthropics_limit_is_always_sent():
    assert (await sent("anthropic"))["max_tokens"] > 0


async def test_seed_061_a_result_without_an_id_fails_fast():
    server = Server(TURN)
    request = replace(HELLO, messages=(*HELLO.messages, results(result(id=""))))
    [event] = await events_of(server.provider(), request)
    assert event.error.code == "bad_request" and server.asked == []


async def test_seed_061_system_messages_are_joined_and_empty_turns_skipped():
    history = (
        system_message("one"),
        *HELLO.messages,
        assistant(),
        assistant(TextPart(text="")),
        system_message("two"),
    )
    body = await sent("openai", *history)
    assert [message["content"] for message in body["messages"]] == ["one\n\ntwo", "Hello"]
    assert "one\n\ntwo" in json.dumps((await sent("anthropic", *history))["system"]).replace(
        "\\n", "\n"
    )


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_seed_061_construction_is_offline_and_keys_are_never_shown(name):
    asked = []
    spec = ProviderSpec(
        provider=name,
        api_key="sk-canary",
        base_url="https://model.test/v1",
        transport=httpx.MockTransport(asked.append),
    )
    provider = make_provider(spec)
    assert asked == []
    assert "sk-canary" not in repr(provider) + repr(spec) + repr(vars(provider))


def test_seed_061_a_missing_key_is_a_settings_error():
    with pytest.raises(MissingKey, match="GROQ_API_KEY"):
        make_provider(ProviderSpec(provider="groq"))


async def test_seed_061_a_key_in_an_error_is_redacted():
    body = b'{"error": {"message": "Incorrect API key: sk-canary-0123456789abcdef"}}'
    provider = Server(body, status=401).provider(api_key="sk-canary-0123456789abcdef")
    [event] = await events_of(provider)
    assert event.error.code == "unauthorized"
    assert "canary" not in codec.to_json(type(event.error), event.error).decode()


def test_seed_061_no_key_outlives_its_replacement(tmp_path):
    """Keys are read anew whenever a model is opened, so a refused one is not held on to."""
    keys = Credentials(tmp_path, environment={}, find_keyring=lambda: None)
    access = ModelAccess(Settings(discover_local_servers=False), keys)
    used = []
    for key in ("old-key-0123456789", "new-key-0123456789"):
        keys.set_key("groq", key, PROVIDERS["groq"].base_url)
        used.append(access.open("groq/some-model").provider.auth_headers())
    assert "old-key" in str(used[0]) and "new-key" in str(used[1])


def test_seed_048_tools_and_their_schemas_serialise():
    tool = greentic.from_wire_tool({"name": "look", "description": "Look.", "schema": SCHEMA})
    assert tool == TOOL
    assert greentic.to_wire_tool(tool).model_dump(by_alias=True)["schema"] == SCHEMA
