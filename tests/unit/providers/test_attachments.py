"""No attachment is dropped in silence: it reaches the wire, or is refused before any call."""

import json
from dataclasses import replace

import pytest
from provider_rigs import ABLE, RUN, WIRES, ask

from jupyter_agent.protocol.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    user_message,
)

KINDS = {
    "image": (ImagePart, "image/png", "vision"),
    "audio": (AudioPart, "audio/wav", "audio"),
    "document": (DocumentPart, "application/pdf", "documents"),
}
SOURCES = {
    "data": {"data": "TUFSS0VE"},
    "address": {"url": "https://files.test/MARKED"},
    "s3": {"url": "s3://bucket/MARKED"},
}
MARKS = ("TUFSS0VE", "MARKED")

# What each wire takes, place by place: u(ser message), r(esult of a tool).
TAKEN = {
    "anthropic": {
        "image": {"data": "ur", "address": "ur"},
        "document": {"data": "ur", "address": "ur"},
    },
    "openai_chat": {
        "image": {"data": "ur", "address": "ur"},
        "audio": {"data": "ur"},
        "document": {"data": "ur"},
    },
    "openai_responses": {
        "image": {"data": "ur", "address": "ur"},
        "document": {"data": "ur", "address": "ur"},
    },
    "gemini": {
        "image": {"data": "ur", "address": "ur"},
        "audio": {"data": "ur", "address": "ur"},
        "document": {"data": "ur", "address": "ur"},
    },
    "gemini_openai": {
        "image": {"data": "ur", "address": "ur"},
        "audio": {"data": "ur"},
        "document": {"data": "ur"},
    },
    "ollama": {"image": {"data": "ur"}},
    "bedrock": {
        "image": {"data": "ur", "s3": "ur"},
        "audio": {"data": "u", "s3": "u"},
        "document": {"data": "ur", "s3": "ur"},
    },
    "deepseek": {
        "image": {"data": "ur", "address": "ur"},
        "audio": {"data": "ur"},
        "document": {"data": "ur"},
    },
    "openrouter": {
        "image": {"data": "ur", "address": "ur"},
        "audio": {"data": "ur"},
        "document": {"data": "ur", "address": "ur"},
    },
    "mistral": {
        "image": {"data": "ur", "address": "ur"},
        "audio": {"data": "ur", "address": "ur"},
        "document": {"data": "ur", "address": "ur"},
    },
}


def attachment(kind, source):
    part, media_type, _ = KINDS[kind]
    return part(media_type=media_type, **SOURCES[source])


def placed(part, place):
    """Return a conversation with the part in a user message or in a tool's result."""
    if place == "u":
        return (Message(role="user", parts=(part,)),)
    call = ToolCallPart(id="call_1", index=0, name="run", arguments_raw="{}", arguments={})
    content = (TextPart(text="Here it is."), part)
    result = ToolResultPart(tool_call_id="call_1", tool_name="run", content=content)
    return (
        user_message("Look."),
        Message(role="assistant", parts=(call,)),
        Message(role="tool", parts=(result,)),
    )


@pytest.mark.parametrize("place", ["u", "r"])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wire", WIRES)
async def test_seed_002_it_reaches_the_wire_or_is_refused(wire, kind, source, place):
    history = placed(attachment(kind, source), place)
    last, bodies = await ask(wire, history, tools=(RUN,))
    if bodies:
        sent = json.dumps(bodies[0])
        assert sum(sent.count(mark) for mark in MARKS) == 1
    else:
        assert last.error.code == "unsupported_capability"
        assert last.error.message.endswith(".")
    if source == "s3" and wire != "bedrock":
        return  # an address like any other; whether it can be fetched is the vendor's affair
    assert bool(bodies) == (place in TAKEN[wire].get(kind, {}).get(source, ""))


@pytest.mark.parametrize("place", ["u", "r"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wire", WIRES)
async def test_seed_057_a_model_that_cannot_take_it_is_never_asked(wire, kind, place):
    blind = replace(ABLE, **{KINDS[kind][2]: False})
    history = placed(attachment(kind, "data"), place)
    last, bodies = await ask(wire, history, capabilities=blind, tools=(RUN,))
    assert (last.error.code, bodies) == ("unsupported_capability", [])
    assert last.error.details == {"capability": KINDS[kind][2]}


@pytest.mark.parametrize("role", ["system", "assistant"])
@pytest.mark.parametrize("wire", WIRES)
async def test_where_no_wire_has_a_place_for_it_it_is_refused(wire, role):
    message = Message(role=role, parts=(TextPart(text="x"), attachment("image", "data")))
    last, bodies = await ask(wire, (message, user_message("Look.")))
    assert (last.error.code, bodies) == ("unsupported_capability", [])


@pytest.mark.parametrize("kind", KINDS)
async def test_an_attachment_without_content_is_refused(kind):
    part, media_type, _ = KINDS[kind]
    last, bodies = await ask("anthropic", placed(part(media_type=media_type), "u"))
    assert (last.error.code, bodies) == ("bad_request", [])


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "part",
    [
        ImagePart(media_type="image/tiff", data="TUFSS0VE"),
        DocumentPart(media_type="application/x-unheard-of", data="TUFSS0VE"),
    ],
    ids=["image", "document"],
)
async def test_a_type_the_wire_does_not_know_is_refused(wire, part):
    last, bodies = await ask(wire, placed(part, "u"))
    if bodies:  # Gemini and Ollama look at the data themselves
        assert "TUFSS0VE" in json.dumps(bodies[0])
    else:
        assert last.error.code == "unsupported_capability"


async def test_bedrock_names_each_document_once_and_puts_words_beside_it():
    report = DocumentPart(media_type="application/pdf", data="JVBERg==", name="Bericht  (März).pdf")
    history = [Message(role="user", parts=(report, report))]
    _, [body] = await ask("bedrock", history)
    *documents, words, _ = body["messages"][0]["content"]
    assert [d["document"]["name"] for d in documents] == ["Bericht-M-rz-pdf", "Bericht-M-rz-pdf-2"]
    assert words["text"]
