"""A conversation begun with one model goes on with any other: every ordered pair of wires."""

import json

import pytest
from provider_checks import CHECKS, check_anthropic, check_chat
from provider_rigs import SEALS, TOOLS, WIRES, ask, conversation


@pytest.mark.parametrize("to", WIRES)
@pytest.mark.parametrize("begun", WIRES)
async def test_a_conversation_goes_on_with_another_model(begun, to):
    history = await conversation(begun)
    last, bodies = await ask(to, history)
    assert bodies, last
    CHECKS[to](bodies[0])
    sent = json.dumps(bodies[0])
    assert all(words in sent for words in ("Look.", "look.", "x = 1", "Interrupted", "Stop."))
    if WIRES[begun].provider != WIRES[to].provider:
        assert not [seal for seal in SEALS[begun] if seal in sent]
    elif begun == to:
        assert all(seal in sent for seal in SEALS[begun])


@pytest.mark.parametrize("to", WIRES)
async def test_and_back_again(to):
    """The first provider gets its own seals again; the other's turns stand there without any."""
    begun = "anthropic"
    history = await conversation(begun)
    other = await conversation(to)
    _, [body] = await ask(begun, [*history, *other[2:]])
    CHECKS[begun](body)
    assert all(seal in json.dumps(body) for seal in SEALS[begun])


def test_the_checks_do_find_faults():
    """A judge that finds everything well would be none."""
    call = {"type": "tool_use", "id": "a", "name": "run", "input": {}}
    faulty = [
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{"type": "text", "text": "y"}]},
    ]
    with pytest.raises(AssertionError, match="not answered"):
        check_anthropic({"messages": faulty, "max_tokens": 1})
    calls = [{"id": "a", "function": {"name": "run", "arguments": "{}"}}]
    chat = [
        {"role": "system", "content": "s"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "user", "content": "y"},
    ]
    with pytest.raises(AssertionError, match="without an answer"):
        check_chat({"messages": chat})
    assert len(TOOLS) == 2
