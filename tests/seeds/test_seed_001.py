"""Statements 15 to 37: the Go api package."""

import base64
from dataclasses import replace

import pytest
from seed_rigs import (
    ABLE,
    HELLO,
    TURN,
    Echo,
    Rig,
    Server,
    assistant,
    call,
    events_of,
    result,
    results,
    sent,
    sse,
    turns,
)

from jupyter_agent import Agent, tool
from jupyter_agent.interop import go_api
from jupyter_agent.models.catalogue import known_models
from jupyter_agent.policy.broker import Answer
from jupyter_agent.policy.rules import CallFacts, decide
from jupyter_agent.protocol import codec
from jupyter_agent.protocol.messages import (
    ImagePart,
    Message,
    MessageMeta,
    Part,
    TextPart,
    ThinkingPart,
    extract_text,
    extract_thinking,
)
from jupyter_agent.protocol.models import Request
from jupyter_agent.protocol.provider_events import ToolCallDelta
from jupyter_agent.protocol.reduce import MessageBuilder
from jupyter_agent.protocol.session_events import SessionEvent
from jupyter_agent.providers.registry import PROVIDERS
from jupyter_agent.providers.replay import Call, Fail, Say, ScriptedProvider, Think
from jupyter_agent.tools.base import definition

PARTS = (
    ThinkingPart(text="why "),
    TextPart(text="a"),
    ImagePart(media_type="image/png", data="AAAA"),
    ThinkingPart(text="not"),
    TextPart(text="b"),
)


def test_seed_015_each_extractor_joins_only_its_own_parts():
    assert extract_text(PARTS) == "ab"
    assert extract_thinking(PARTS) == "why not"
    message = assistant(*PARTS, call())
    assert (message.text, message.thinking) == ("ab", "why not")


def test_seed_016_an_agent_has_a_notebook_instructions_and_tools(tmp_path):
    """Ours has no name or `Code` flag: the panel names it, and it always may write code."""

    @tool
    def look(x: int) -> int:
        """Look."""
        return x

    agent = Agent("demo", notebook=tmp_path / "a.ipynb", instructions="Be brief.", tools=[look])
    assert agent.notebook == (tmp_path / "a.ipynb").resolve()
    assert definition(look).name == "look"


async def test_seed_017_streaming_gives_pieces_and_the_whole_message():
    events = await events_of(ScriptedProvider(lambda request: [Think("hm"), Say("one two")]))
    builder = MessageBuilder()
    for event in events[:-1]:
        builder.append(event)
    assert builder.parts() == events[-1].response.message.parts
    assert [event.type for event in events].count("text_delta") == 2


async def test_seed_018_chunks_are_content_thinking_and_partial_json_with_counts():
    usage = {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    body = TURN.replace(b"data: [DONE]\n\n", sse(usage, done=True))
    events = {event.type: event for event in await events_of(Server(body).provider())}
    assert events["text_delta"].text == "Hi"
    assert events["thinking_delta"].text == "hm"
    assert events["tool_call_delta"] == ToolCallDelta(id="c", index=0, json='{"x": 1}')
    assert events["usage"].usage.output == 2


def test_seed_019_parts_are_tagged_and_empty_fields_are_left_out():
    parts = [codec.to_data(Part, part) for part in PARTS[:3]]
    assert parts == [
        {"type": "thinking", "text": "why "},
        {"type": "text", "text": "a"},
        {"type": "image", "media_type": "image/png", "data": "AAAA"},
    ]
    data = base64.b64encode(b"\x89PNG").decode()
    wire = go_api.ContentPart(type="image", mimeType="image/png", data=data)
    message = go_api.from_wire_message({"role": "user", "parts": [wire.model_dump()]})
    assert message.parts == (ImagePart(media_type="image/png", data=data),)
    assert wire.model_dump(exclude_defaults=True) == {
        "type": "image",
        "mimeType": "image/png",
        "data": data,
    }


def test_seed_020_older_texts_become_parts_and_each_kind_has_its_constructor():
    assert go_api.build_content_parts("so", "hm") == (ThinkingPart(text="hm"), TextPart(text="so"))
    assert go_api.build_content_parts("", "") == ()
    made = go_api.assistant_message("so", "hm")
    assert (made.role, made.text, made.thinking) == ("assistant", "so", "hm")
    asking = go_api.tool_call_message("", call())
    assert (asking.text, asking.tool_calls) == ("", (call(),))


async def test_seed_021_a_step_tells_chunks_the_whole_answer_or_an_error():
    rig = Rig(turns([Say("Hi"), Call("echo", {"text": "a"})]), Echo())
    await rig.loop.run()
    types = rig.types()
    assert types.index("text_delta") < types.index("tool_call_end") < types.index("message_end")
    delta = next(event for event in rig.events if event.type == "text_delta")
    assert set(codec.to_data(SessionEvent, delta)) == {"type", "message_id", "text"}
    assert rig.history[1].tool_calls
    from jupyter_agent.protocol.errors import ErrorInfo

    outcome = await Rig(lambda r: [Fail(ErrorInfo(code="overloaded", message="No."))]).loop.run()
    assert (outcome.status, outcome.error.code) == ("failed", "overloaded")


def test_seed_022_a_message_is_parts_role_calls_results_and_metadata():
    asking = assistant(TextPart(text="a"), call(), metadata=MessageMeta(model="m"))
    answering = results(result())
    assert asking.tool_calls == (call(),) and asking.tool_results == ()
    assert answering.tool_results == (result(),) and answering.tool_calls == ()
    assert asking.metadata.model == "m"


def test_seed_023_the_five_roles_are_read_and_have_names_for_people():
    ours = {
        role: go_api.from_wire_message({"role": role}).role
        for role in ("system", "user", "assistant", "tool_call", "tool_result")
    }
    assert ours == {
        "system": "system",
        "user": "user",
        "assistant": "assistant",
        "tool_call": "assistant",
        "tool_result": "tool",
    }
    labels = [go_api.friendly_role(role) for role in (*ours, "tool")]
    assert all(label and label[0].isupper() for label in labels)
    assert [role for role in ours if go_api.is_user(role)] == ["user"]
    assert [role for role in ours if go_api.is_system(role)] == ["system"]
    assert [role for role in ours if go_api.is_assistant(role)] == ["assistant", "tool_call"]


def test_seed_024_the_builder_appends_builds_and_resets_and_hands_out_fresh_parts():
    builder = MessageBuilder("assistant")
    builder.append_reasoning("h")
    builder.append_reasoning("m")
    builder.append_content("a")
    before = builder.parts()
    builder.append_content("b")
    assert extract_text(before) == "a"
    assert extract_text(builder.parts()) == "ab"
    assert builder.parts() is not builder.parts()
    built = builder.build()
    assert (built.role, built.thinking, built.text) == ("assistant", "hm", "ab")
    builder.reset()
    assert builder.parts() == () and builder.build().role == "assistant"


def test_seed_025_a_prefill_continues_the_same_message_without_doubling():
    builder = MessageBuilder("assistant")
    builder.init_from_parts((ThinkingPart(text="h"), TextPart(text="The answer ")))
    builder.append_content("is 4.")
    assert builder.parts() == (ThinkingPart(text="h"), TextPart(text="The answer is 4."))


def test_seed_026_metadata_survives_saving_and_absent_values_are_left_out():
    details = [{"type": "reasoning.text", "text": "hm", "n": 1.5}]
    wire = {
        "generation_provider": "openrouter",
        "generation_model": "m",
        "time_to_first_token": 1_234_567_890,
        "total_duration": 2_000_000_001,
        "thinking_signature": "S",
        "reasoning_details": details,
    }
    message = go_api.from_wire_message({"role": "assistant", "metadata": wire})
    assert message.metadata.time_to_first_token == 1.23456789
    saved = codec.from_json(Message, codec.to_json(Message, message))
    assert saved == message
    assert go_api.to_wire_message(saved).Metadata.model_dump() == wire
    assert codec.to_data(MessageMeta, MessageMeta(model="m")) == {"model": "m"}


def test_seed_027_models_have_names_and_limits_and_providers_labels():
    """Temperature is a field of the request, not of the model."""
    for model in known_models():
        assert model.name and model.label and model.id == f"{model.provider}/{model.name}"
        assert model.provider in PROVIDERS
        assert model.max_output is None or model.max_output > 0
    assert all(entry.label for entry in PROVIDERS.values())


LEVELS = ("xhigh", "high", "medium", "low", "minimal", "none")


@pytest.mark.parametrize("effort", LEVELS)
@pytest.mark.parametrize("name", ["anthropic", "openai", "gemini"])
async def test_seed_028_every_effort_is_mapped_and_clamped(name, effort):
    able = replace(ABLE, effort_levels=("low", "high", "none"))
    nearest = {"xhigh": "high", "medium": "low", "minimal": "low"}.get(effort, effort)
    assert await sent(name, effort=effort, capabilities=able, max_tokens=9000) == await sent(
        name, effort=nearest, capabilities=able, max_tokens=9000
    )
    if effort != "none":
        assert await sent(name, effort=effort, capabilities=able) != await sent(
            name, effort="none", capabilities=able
        )


async def test_seed_028_none_disables_thinking():
    able = replace(ABLE, effort_levels=("low", "high"))
    body = await sent("anthropic", effort="none", capabilities=able)
    assert body["thinking"] == {"type": "disabled"}


def test_seed_029_a_request_has_model_effort_temperature_and_limit():
    request = replace(HELLO, effort="low", temperature=0.5, max_tokens=9)
    assert codec.from_json(Request, codec.to_json(Request, request)) == request
    assert (HELLO.effort, HELLO.temperature, HELLO.max_tokens) == (None, None, None)


@pytest.mark.parametrize("word", ["parameters", "arguments", "input"])
def test_seed_030_the_parameters_of_a_call_are_an_object(word):
    wire = {"role": "tool_call", "tool_calls": [{"id": "c", "name": "look", word: {"x": 1}}]}
    [found] = go_api.from_wire_message(wire).tool_calls
    assert (found.id, found.name, found.arguments) == ("c", "look", {"x": 1})


async def test_seed_031_one_confirmation_for_each_call_or_nothing_runs():
    calls = [call(id=id, name="echo", arguments='{"text": "x"}') for id in "abc"]
    for wrong in (2, 4):
        with pytest.raises(ValueError, match="exactly one"):
            go_api.answers(calls, [go_api.ToolConfirmation(Approved=True)] * wrong)
    decided = [
        go_api.ToolConfirmation(Approved=True),
        go_api.ToolConfirmation(Approved=False, Reason="not this one"),
        go_api.ToolConfirmation(Approved=True),
    ]
    echo = Echo(permission="exec")
    script = turns([Call("echo", {"text": id}, id=id) for id in "abcd"])
    rig = Rig(script, echo, answer=go_api.answers(calls, decided))
    await rig.loop.run()
    assert echo.ran == ["a", "c"]
    assert [found.rejected for found in rig.results()] == [False, True, False, True]
    assert "not this one" in rig.results()[1].text


async def test_seed_032_of_a_mixed_batch_only_the_approved_run_and_reasons_reach_the_model():
    echo = Echo(permission="exec")

    def answer(approval):
        text = approval.arguments["text"]
        reasons = {"b": "not this one", "c": None}
        return Answer(allow=text not in reasons, reason=reasons.get(text))

    rig = Rig(turns([Call("echo", {"text": text}) for text in "abcd"]), echo, answer=answer)
    await rig.loop.run()
    assert echo.ran == ["a", "d"]
    assert [found.rejected for found in rig.results()] == [False, True, True, False]
    ids = [one.id for one in rig.history[1].tool_calls]
    assert [found.tool_call_id for found in rig.results()] == ids
    told = rig.provider.requests[1].messages[-1].tool_results
    assert "not this one" in told[1].text
    assert told[2].is_error and told[2].text


def test_seed_033_tool_parameters_become_json_schema():
    schema = go_api.parameters_schema(
        go_api.ToolParameter(name="path", type="string", required=True, description="Where."),
        go_api.ToolParameter(name="how", type="string", enum=["a", "b"]),
        go_api.ToolParameter(name="n", type="integer"),
        go_api.ToolParameter(name="all", type="boolean"),
        go_api.ToolParameter(name="ids", type="array", items=go_api.Items(type="string")),
    )
    assert schema == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where."},
            "how": {"type": "string", "enum": ["a", "b"]},
            "n": {"type": "integer"},
            "all": {"type": "boolean"},
            "ids": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["path"],
    }


@pytest.mark.parametrize(
    ("permission", "effect"), [("read", "allow"), ("write", "ask"), ("exec", "ask")]
)
def test_seed_034_reading_is_allowed_and_writing_and_running_ask(permission, effect):
    facts = CallFacts(tool_name="t", permissions=frozenset({permission}))
    assert decide(facts, mode="ask").effect == effect


def test_seed_035_a_result_names_its_call_and_tool():
    wire = {"toolCallID": "c", "toolName": "look", "result": "ok"}
    message = go_api.from_wire_message({"role": "tool_result", "tool_results": [wire]})
    assert message.tool_results == (result(),)
    assert [one.model_dump() for one in go_api.to_wire_message(message).ToolResults] == [wire]


async def test_seed_036_what_a_tool_raises_becomes_an_error_result():
    @tool(permission="read")
    def broken(x: int) -> int:
        """Fail."""
        raise ValueError(f"no {x}")

    rig = Rig(turns([Call("broken", {"x": 1})]), broken)
    assert (await rig.loop.run()).status == "done"
    [found] = rig.results()
    assert found.is_error and "no 1" in found.text


@pytest.mark.parametrize("ping", [b": ping\n\n", b'data: {"choices":[]}\n\n'])
async def test_seed_037_pings_make_no_event_and_calls_without_text_persist(ping):
    quiet = await events_of(Server(TURN).provider())
    noisy = await events_of(Server(ping + TURN.replace(b"\n\n", b"\n\n" + ping)).provider())
    assert [event.type for event in noisy] == [event.type for event in quiet]
    assert all(event.text for event in noisy if event.type == "text_delta")
    rig = Rig(turns([Call("echo", {"text": "a"})]), Echo())
    await rig.loop.run()
    assert rig.history[1].text == "" and len(rig.history[1].tool_calls) == 1
    body = await sent("openai", *HELLO.messages, rig.history[1])
    assert body["messages"][1]["tool_calls"]
