"""Every recorded answer, read whole, byte by byte, in random pieces, and cut off.

The recordings are data kept elsewhere: set JUPYTER_AGENT_RECORDINGS to their folder.
"""

import copy
import itertools
import json
import os
import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from provider_checks import CHECKS
from provider_rigs import WIRES, ask, results

from jupyter_agent.protocol import codec
from jupyter_agent.protocol.messages import Message, system_message, user_message
from jupyter_agent.providers import (
    anthropic,
    bedrock,
    gemini,
    ollama,
    openai_chat,
    openai_responses,
)
from jupyter_agent.providers.replay import read_events, read_recordings, summarise

ROOT = Path(os.environ.get("JUPYTER_AGENT_RECORDINGS") or "/nonexistent")
pytestmark = pytest.mark.skipif(
    not ROOT.is_dir(), reason="JUPYTER_AGENT_RECORDINGS does not name a folder of recordings"
)
ADAPTERS = {
    "anthropic": anthropic,
    "openai_chat": openai_chat,
    "openai_responses": openai_responses,
    "gemini": gemini,
    "bedrock_converse": bedrock,
    "ollama_chat": ollama,
}
END_MARKS = {
    "anthropic": rb"message_stop",
    "openai_chat": rb'"finish_reason":\s*"\w+"|\[DONE\]',
    "openai_responses": rb"response\.(completed|incomplete)",
    "gemini": rb'"finishReason":\s*"\w+"',
    "bedrock_converse": rb"messageStop",
    "ollama_chat": rb'"done":\s*true',
}
SHORT = 1500  # bytes: cut at every one of them
RANDOM_CUTS = 200
MAX_REREAD = 40_000  # bytes: above this, a half-read decoder is copied instead of read anew


@dataclass(frozen=True)
class Recording:
    api: str
    file: Path

    @property
    def body(self) -> bytes:
        return self.file.read_bytes()

    @property
    def expected(self) -> dict:
        return json.loads(self.file.with_suffix(".expected.json").read_bytes())

    @property
    def dialect(self) -> str:
        return json.loads(self.file.with_suffix(".request.json").read_bytes())["dialect"]


def streams():
    for api in ADAPTERS:
        for file in sorted((ROOT / api).glob("*")):
            if file.suffix in (".sse", ".ndjson", ".bin"):
                yield pytest.param(Recording(api, file), id=f"{api}/{file.stem}")


def bodies(folder):
    for file in sorted((ROOT / folder).glob("*.body")):
        about = json.loads(file.with_suffix(".request.json").read_bytes())
        if about["api"] in ADAPTERS or folder == "models":
            yield pytest.param(Recording(about["api"], file), id=f"{folder}/{file.stem}")


def assert_matches(found, expected):
    assert found["text"] == expected["text"]
    assert found["thinking"].strip() == expected["thinking"].strip()
    calls = [{"name": c["name"], "arguments": c["arguments"]} for c in expected["tool_calls"]]
    assert found["tool_calls"] == calls
    assert bool(found["error"]) == (expected["status"] == "error")
    usage = expected["usage"] or {}
    ours = found["usage"] or {}
    if usage.get("input_tokens") is not None:
        cached = (usage.get("cache_read") or 0) + (usage.get("cache_write") or 0)
        assert ours["input_tokens"] - usage["input_tokens"] in (0, cached)
    if usage.get("output_tokens") is not None:
        assert ours["output_tokens"] == usage["output_tokens"]


def pieces(body, seed):
    chance = random.Random(seed)
    at = 0
    while at < len(body):
        size = chance.choice((1, 2, 7, 40, 300, 4000))
        yield body[at : at + size]
        at += size


@pytest.mark.parametrize("recording", list(streams()))
def test_whole_and_in_random_pieces(recording):
    expected = recording.expected
    body = recording.body
    assert_matches(summarise(read_events([body], api=recording.api)), expected)
    for seed in range(2):
        events = list(read_events(pieces(body, seed), api=recording.api))
        assert_matches(summarise(events), expected)
        assert [event.type for event in events if event.type in ("done", "error")] == [
            events[-1].type
        ]


@pytest.mark.parametrize("recording", list(streams()))
def test_byte_by_byte(recording):
    body = recording.body
    single = (body[at : at + 1] for at in range(len(body)))
    assert_matches(summarise(read_events(single, api=recording.api)), recording.expected)


def cut_points(body, api):
    if len(body) <= SHORT:
        return range(len(body))
    chance = random.Random(len(body))
    return sorted(chance.randrange(len(body)) for _ in range(RANDOM_CUTS))


@pytest.mark.R(40)
@pytest.mark.parametrize("recording", list(streams()))
def test_cut_off(recording):
    """Before the end mark there is never a success; nothing of a cut answer may run."""
    body, api = recording.body, recording.api
    found = re.search(END_MARKS[api], body)
    mark_ends = found.end() if found else len(body) + 1
    at = 0
    decoder = ADAPTERS[api].new_decoder()
    for cut in cut_points(body, api):
        decoder.feed(body[at:cut])
        at = cut
        if cut >= mark_ends:
            break
        assert not decoder.assembler.finished
        if decoder.ended:
            assert recording.expected["status"] == "error"
            continue
        if len(body) > MAX_REREAD:
            events = copy.deepcopy(decoder).finish()
        else:
            events = list(read_events([body[:cut]], api=api))
        assert events[-1].type == "error"
        assert not any(event.type == "done" for event in events)


@pytest.mark.R(40)
@pytest.mark.parametrize("recording", list(streams()))
def test_cut_off_at_each_event(recording):
    """At no boundary before the end mark does the decoder believe that the answer is whole."""
    body, api = recording.body, recording.api
    found = re.search(END_MARKS[api], body)
    mark_starts = found.start() if found else len(body)
    decoder = ADAPTERS[api].new_decoder()
    for line in body[:mark_starts].splitlines(keepends=True):
        events = decoder.feed(line)
        assert not decoder.assembler.finished
        assert not any(event.type == "done" for event in events)
    events = decoder.finish()
    assert decoder.ended
    assert not any(event.type == "done" for event in events)


def sealed(message):
    """Return all that its provider must see again, as it stands in the message."""
    for part in message.parts:
        if part.type == "thinking":
            yield from filter(None, (part.signature, part.redacted_data))
        for ours in (part.provider_metadata or {}).values():
            yield from filter(None, (ours.get("signature"), ours.get("phase")))
            yield from filter(None, [(ours.get("item") or {}).get("encrypted_content")])


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


OWN = {"bedrock_converse": "bedrock", "ollama_chat": "ollama"}


@pytest.mark.parametrize("api", ADAPTERS)
async def test_seed_082_an_answer_saved_and_reloaded_goes_on_with_any_model(api):
    """Its own provider gets every seal again, word for word; each other one a valid request."""
    own = OWN.get(api, api)
    others = itertools.cycle(wire for wire in WIRES if wire != own)
    for parameter in streams():
        [recording] = parameter.values
        if recording.api != api:
            continue
        last = list(read_events([recording.body], api=api))[-1]
        if last.type != "done" or not (
            last.response.message.text or last.response.message.tool_calls
        ):
            continue
        said = last.response.message
        saved = codec.from_json(Message, codec.to_json(Message, said))
        assert saved == said, parameter.id
        history = [system_message("Be brief."), user_message("Look."), saved]
        if saved.tool_calls:
            history.append(results(saved, *("done" for _ in saved.tool_calls)))
        else:
            history.append(user_message("And?"))
        for wire in (own, next(others)):
            end, bodies = await ask(wire, history)
            assert bodies, (parameter.id, wire, end)
            CHECKS[wire](bodies[0])
            found = set(strings(bodies[0]))
            if wire == own:
                assert set(sealed(saved)) <= found, parameter.id
            elif WIRES[wire].provider != WIRES[own].provider:
                long = {seal for seal in sealed(saved) if len(seal) > 20}
                assert not long & found, (parameter.id, wire)


@pytest.mark.parametrize("recording", list(bodies("errors")))
def test_an_error_body_becomes_a_sentence(recording):
    [found] = read_recordings(recording.file)
    assert found["error"].endswith((".", "?"))
    assert "{" not in found["error"] and "sk-" not in found["error"]
    assert (found["tool_calls"], found["text"]) == ([], "")


@pytest.mark.parametrize("recording", list(bodies("models")))
def test_a_list_of_models_is_read(recording):
    [found] = read_recordings(recording.file)
    assert found["models"] == recording.expected["models"]


def test_a_folder_is_read_as_a_whole():
    found = list(read_recordings(ROOT / "anthropic"))
    assert len(found) == len(list((ROOT / "anthropic").glob("*.sse")))
    assert {line["api"] for line in found} == {"anthropic"}
    assert list(found[0]) == [
        "name",
        "api",
        "text",
        "thinking",
        "tool_calls",
        "finish",
        "usage",
        "error",
    ]


def test_every_recording_has_been_counted(record_property):
    """How many there are for each API and dialect is printed at the end of the test run."""
    found = Counter()
    for parameter in streams():
        [recording] = parameter.values
        found[recording.api, recording.dialect] += 1
    on_disk = sum(len(list((ROOT / api).glob("*.request.json"))) for api in ADAPTERS)
    assert sum(found.values()) == on_disk
    for folder in ("errors", "models"):
        for parameter in bodies(folder):
            found[folder, parameter.values[0].dialect] += 1
    for (api, dialect), count in sorted(found.items()):
        record_property("recordings", f"{api} {dialect} {count}")
