"""Each seed's messages survive being read into ours and written back: nothing is lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_agent.interop import (
    go_api,
    go_provider,
    greentic,
    llm_backend,
    notebook_blocks,
)
from jupyter_agent.interop._shape import NoPlace
from jupyter_agent.protocol import codec
from jupyter_agent.protocol.errors import BadFrame
from jupyter_agent.protocol.messages import (
    AudioPart,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)

text = st.text(st.characters(codec="utf-8"), max_size=20)
number = st.integers(-(2**53), 2**53)
value = st.recursive(
    st.none() | st.booleans() | number | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(text, value, max_size=3)


def optional(strategy):
    return st.none() | strategy


def several(strategy, **sizes):
    return st.lists(strategy, max_size=3, **sizes)


def stored(message):
    """Return the message as it comes back from the store."""
    return codec.from_json(Message, codec.to_json(Message, message))


media = st.builds(go_provider.Media, URL=text, Base64=text, ContentType=text)
flat = st.builds(
    go_provider.FlatMessage,
    Role=st.sampled_from(["system", "user", "assistant", "tool"]),
    Content=text,
    Images=several(media),
    Audio=several(media),
    ToolCalls=several(st.builds(go_provider.ToolCall, ID=text, Name=text, Arguments=text)),
    ToolCallID=text,
)


@given(flat)
def test_round_trip_000_flat_messages(wire):
    assert go_provider.to_wire_messages(stored(go_provider.from_wire_message(wire))) == [wire]


part = st.one_of(
    st.builds(go_api.ContentPart, type=st.sampled_from(["text", "thinking"]), text=text),
    st.builds(go_api.ContentPart, type=st.just("image"), mimeType=text, data=text),
)
meta = st.builds(
    go_api.ApiMeta,
    generation_provider=optional(text),
    generation_model=optional(text),
    time_to_first_token=optional(st.integers(0, 2**62)),
    total_duration=optional(st.integers(0, 2**62)),
    thinking_signature=optional(text),
    reasoning_details=value,
)
api = st.builds(
    go_api.ApiMessage,
    Role=st.sampled_from(["system", "user", "assistant", "tool_call", "tool_result"]),
    Parts=several(part),
    ToolCalls=several(st.builds(go_api.ToolCall, id=text, name=text, parameters=arguments)),
    ToolResults=several(st.builds(go_api.ToolResult, toolCallID=text, toolName=text, result=text)),
    Metadata=meta,
)


@given(api)
def test_round_trip_001_parts_roles_and_metadata(wire):
    assert go_api.to_wire_message(stored(go_api.from_wire_message(wire))) == wire


request = st.builds(llm_backend.ToolCallRequest, id=text, name=text, arguments=arguments)
said = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": optional(text)},
    optional={"images": several(text), "created_at": st.datetimes()},
)
backend = st.one_of(
    said,
    st.fixed_dictionaries({"role": st.just("system"), "content": optional(text)}),
    st.fixed_dictionaries(
        {"role": st.just("assistant"), "content": optional(text)},
        optional={"tool_calls": several(request), "images": several(text)},
    ),
    st.fixed_dictionaries(
        {"role": st.just("tool"), "content": optional(text)},
        optional={"tool_call_id": text, "name": text, "created_at": st.datetimes()},
    ),
).map(lambda fields: llm_backend.BackendMessage(**fields))


@given(backend)
def test_round_trip_002_null_and_empty_stay_what_they_were(wire):
    assert llm_backend.to_wire_messages(stored(llm_backend.from_wire_message(wire))) == [wire]


@given(
    st.builds(
        llm_backend.LLMResponse,
        content=optional(text),
        tool_calls=optional(several(request)),
        finish_reason=text,
        thinking=optional(text),
    )
)
def test_round_trip_002_responses(wire):
    assert llm_backend.to_wire_response(llm_backend.from_wire_response(wire)) == wire


envelopes = st.builds(
    greentic.ToolEnvelope, tool_call_id=text, name=text, content=text, is_error=st.booleans()
).map(lambda envelope: json.dumps(envelope.model_dump()))
chat = st.builds(
    greentic.ChatMessage,
    role=st.sampled_from(["System", "User", "Assistant", "Tool"]),
    content=text | envelopes,
    images=several(
        st.builds(
            greentic.ChatImage,
            data_base64=text.filter(lambda data: not data.startswith("data:")),
            media_type=text,
        )
    ),
)


@given(chat)
def test_round_trip_003_images_and_tool_envelopes(wire):
    assert greentic.to_wire_messages(stored(greentic.from_wire_message(wire))) == [wire]


block = st.builds(
    notebook_blocks.ContentBlock,
    type=st.sampled_from(["text", "tool_use"]),
    text=optional(text),
    id=optional(text),
    name=optional(text),
    input=optional(arguments),
    metadata=optional(arguments),
)
result = st.builds(
    notebook_blocks.ToolResult,
    toolUseId=text,
    toolName=optional(text),
    content=text,
    isError=optional(st.booleans()),
)
results = several(result).map(lambda found: json.dumps([one.model_dump() for one in found]))
internal = st.builds(
    notebook_blocks.InternalMessage,
    role=st.sampled_from(["user", "assistant", "tool_result"]),
    content=text | results | several(block),
)


@given(internal)
def test_round_trip_004_text_and_blocks(wire):
    assert notebook_blocks.to_wire_message(stored(notebook_blocks.from_wire_message(wire))) == wire


@given(several(result.filter(lambda one: one.toolName != "" and one.isError is not False)))
def test_round_trip_004_tool_results(wires):
    message = notebook_blocks.from_wire_results(wires)
    assert notebook_blocks.to_wire_results(stored(message)) == wires


def test_a_message_that_was_changed_since_says_what_it_says_now():
    from dataclasses import replace

    came = llm_backend.from_wire_message({"role": "user", "content": None})
    changed = replace(came, parts=(TextPart(text="more"),))
    [wire] = llm_backend.to_wire_messages(changed)
    assert wire.content == "more"


def test_an_ordinary_message_needs_no_note():
    for made in (
        go_provider.from_wire_message({"Role": "user", "Content": "x"}),
        go_api.from_wire_message({"Role": "user", "Parts": [{"type": "text", "text": "x"}]}),
        greentic.from_wire_message({"role": "User", "content": "x"}),
        notebook_blocks.from_wire_message({"role": "user", "content": "x"}),
    ):
        assert made.metadata.extra is None and made.text == "x"


THINKS = Message(role="assistant", parts=(ThinkingPart(text="hm"),))
SOUND = Message(role="user", parts=(AudioPart(media_type="audio/wav", data="AAAA"),))
FAR = Message(role="user", parts=(ImagePart(media_type="image/png", url="https://x.org/a.png"),))
CALLS = Message(
    role="assistant", parts=(ToolCallPart(id="c", index=0, name="n", arguments_raw="{"),)
)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (go_provider.to_wire_messages, THINKS),
        (go_api.to_wire_message, SOUND),
        (go_api.to_wire_message, CALLS),
        (llm_backend.to_wire_messages, THINKS),
        (llm_backend.to_wire_messages, FAR),
        (greentic.to_wire_messages, CALLS),
        (greentic.to_wire_messages, FAR),
        (notebook_blocks.to_wire_message, FAR),
        (notebook_blocks.to_wire_message, Message(role="system", parts=())),
    ],
)
def test_what_a_shape_has_no_place_for_is_refused(write, message):
    with pytest.raises(NoPlace):
        write(message)


def test_several_results_become_a_message_each():
    answers = tuple(
        ToolResultPart(tool_call_id=id, tool_name="n", content=(TextPart(text=id),)) for id in "ab"
    )
    message = Message(role="tool", parts=answers)
    assert [wire.ToolCallID for wire in go_provider.to_wire_messages(message)] == ["a", "b"]
    assert [wire.tool_call_id for wire in llm_backend.to_wire_messages(message)] == ["a", "b"]
    assert len(greentic.to_wire_messages(message)) == 2
    assert len(notebook_blocks.to_wire_results(message)) == 2


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (go_provider.from_wire_message, {"Role": "developer"}),
        (go_api.from_wire_message, {"Role": "tool"}),
        (go_api.from_wire_message, {"Role": "user", "Parts": [{"type": "text", "data": "A"}]}),
        (greentic.from_wire_message, {"role": "User"}),
        (notebook_blocks.from_wire_message, {"role": "user", "content": "x", "colour": 1}),
    ],
)
def test_what_is_not_of_the_shape_is_refused(read, data):
    with pytest.raises(BadFrame):
        read(data)
