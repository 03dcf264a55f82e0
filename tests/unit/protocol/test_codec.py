"""Writing what JSON cannot hold, and refusing arguments that are not text."""

from __future__ import annotations

from dataclasses import replace

from jupyter_agent.protocol.codec import from_json, parse_arguments, to_json
from jupyter_agent.protocol.messages import Message, TextPart, user_message


def test_half_a_surrogate_pair_is_written_as_a_sign_and_everything_else_as_ever():
    message = user_message("a “ü” \U0001f600", metadata={"share": float("nan"), "none": None})
    odd = replace(message, parts=(TextPart(text="a “ü” \U0001f600\ud83d"),))
    assert to_json(Message, odd) == to_json(Message, message).replace(
        "\U0001f600".encode(), "\U0001f600\ufffd".encode()
    )
    assert from_json(Message, to_json(Message, odd)).text == "a “ü” \U0001f600\ufffd"


def test_arguments_with_half_a_character_are_refused_and_whole_ones_are_not():
    arguments, fault = parse_arguments('{"text": "\\ud83d"}')
    assert arguments is None and "surrogate" in fault
    assert parse_arguments('{"text": "\\ud83d\\ude00"}') == ({"text": "\U0001f600"}, None)
