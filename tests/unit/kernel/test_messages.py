"""Messages off the wire: signed, of any size, cut before they are decoded."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_client.session import Session

from jupyter_agent.kernel.messages import BadMessage, decode


@pytest.fixture
def session() -> Session:
    return Session(key=b"secret")


def frames(session: Session, kind: str, content: dict[str, Any]) -> list[bytes]:
    message = session.msg(kind, content, parent=session.msg("execute_request", {}))
    return [b"topic", *session.serialize(message)]


def test_it_is_read_as_the_session_reads_it(session: Session) -> None:
    wire = frames(session, "stream", {"name": "stdout", "text": "ü\n"})
    found = decode(session, wire)
    _, parts = session.feed_identities(list(wire))
    same = session.deserialize(parts)
    assert found.kind == same["msg_type"] == "stream"
    assert found.parent_id == same["parent_header"]["msg_id"]
    assert found.content == same["content"]


def test_a_foreign_signature_is_refused(session: Session) -> None:
    wire = frames(Session(key=b"other"), "stream", {"name": "stdout", "text": "a"})
    with pytest.raises(BadMessage):
        decode(session, wire)


@pytest.mark.parametrize("wire", [[], [b"a"], [b"<IDS|MSG>"], [b"<IDS|MSG>", b"", b"{", b"{}"]])
def test_what_is_no_message_is_refused(session: Session, wire: list[bytes]) -> None:
    with pytest.raises(BadMessage):
        decode(session, wire)


@pytest.mark.parametrize("unit", ["x", "é", "😀", '"', "\\", "\n", "\x00"])
@pytest.mark.parametrize("kept", range(40, 60))
def test_a_huge_stream_is_cut_before_it_is_decoded(session: Session, unit: str, kept: int) -> None:
    wire = frames(session, "stream", {"name": "stderr", "text": unit * 600})
    found = decode(session, wire, largest=400, kept=kept)
    assert found.kind == "stream" and found.content["name"] == "stderr"
    text, note, _ = found.content["text"].partition("\n[… the rest of ")
    assert note
    assert text and set(text) == {unit}


def test_a_huge_picture_becomes_a_sentence(session: Session) -> None:
    content = {"data": {"image/png": "A" * 1_000}, "metadata": {}, "transient": {}}
    found = decode(session, frames(session, "display_data", content), largest=400)
    assert found.kind == "stream"
    assert "not kept" in found.content["text"]
