"""The reducers against the fixtures that `labextension/src/protocol/reduce.spec.ts` reads too."""

import json
from pathlib import Path

import pytest

from jupyter_agent.protocol.codec import from_data, to_data
from jupyter_agent.protocol.messages import Message
from jupyter_agent.protocol.reduce import reduce_message
from jupyter_agent.protocol.session_events import SessionEvent
from jupyter_agent.protocol.transcript import Transcript, TranscriptBuilder

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures" / "events").glob("*.json"))


def load(path):
    fixture = json.loads(path.read_text(encoding="utf-8"))
    return fixture, [from_data(SessionEvent, event) for event in fixture["events"]]


def named(prefix):
    found = [path for path in FIXTURES if path.name.startswith(prefix)]
    assert len(found) >= 10
    return pytest.mark.parametrize("path", found, ids=lambda path: path.stem)


@named("message-")
def test_events_make_the_message_that_typescript_makes(path):
    fixture, events = load(path)
    assert to_data(Message, reduce_message(events)) == fixture["message"]


@named("transcript-")
def test_events_make_the_transcript_that_typescript_makes(path):
    fixture, events = load(path)
    start = from_data(Transcript, fixture["start"]) if "start" in fixture else None
    builder = TranscriptBuilder(start)
    for event in events:
        builder.apply(event)
    assert to_data(Transcript, builder.snapshot()) == fixture["transcript"]


@named("transcript-")
def test_looking_at_the_transcript_does_not_change_what_comes_next(path):
    fixture, events = load(path)
    start = from_data(Transcript, fixture["start"]) if "start" in fixture else None
    builder = TranscriptBuilder(start)
    for event in events:
        builder.apply(event)
        builder.snapshot()
    assert to_data(Transcript, builder.snapshot()) == fixture["transcript"]


@named("transcript-")
def test_a_client_that_joins_at_any_moment_ends_up_with_the_same(path):
    fixture, events = load(path)
    start = from_data(Transcript, fixture["start"]) if "start" in fixture else None
    for joined_after in range(len(events)):
        builder = TranscriptBuilder(start)
        for event in events[:joined_after]:
            builder.apply(event)
        late = TranscriptBuilder(builder.snapshot())
        for event in events[joined_after:]:
            late.apply(event)
        assert to_data(Transcript, late.snapshot()) == fixture["transcript"], joined_after
