"""Prompts that grow only at their end, so that what was read once is read from a cache again."""

import json
from itertools import pairwise

import pytest
from provider_rigs import ANSWERS, WIRES, Server, answer, ask, results

from jupyter_agent.protocol.messages import Message, TextPart, user_message

TURNS = 10
# Where the conversation stands in a body, and what goes before it.
CONVERSATION = {"openai_responses": "input", "gemini": "contents"}
BEFORE = ("system", "instructions", "systemInstruction", "tools", "toolConfig")


def without_marks(value):
    """Return a body without its marks: they move on, and are no part of the prompt."""
    if isinstance(value, list):
        return [without_marks(item) for item in value if item != MARK]
    if isinstance(value, dict):
        return {k: without_marks(v) for k, v in value.items() if k != "cache_control"}
    return value


MARK = {"cachePoint": {"type": "default"}}


async def ten_turns(wire):
    """Return what the wire is sent over a conversation of ten turns, each with two calls.

    Twice a turn it is asked: with the question, and with the results.
    """
    history = [Message(role="system", parts=(TextPart(text="Be brief."),))]
    bodies = []
    for turn in range(TURNS):
        history.append(user_message(f"Question {turn}"))
        last, asked = await ask(wire, history, Server([ANSWERS[wire]]))
        bodies += asked
        history.append(last.response.message)
        history.append(results(history[-1], f"x = {turn}", "done"))
        _, asked = await ask(wire, history)
        bodies += asked
        history.append(Message(role="assistant", parts=(TextPart(text="Seen."),)))
    return bodies


@pytest.mark.parametrize("wire", WIRES)
async def test_each_request_begins_with_the_whole_one_before(wire):
    bodies = await ten_turns(wire)
    assert len(bodies) == 2 * TURNS
    key = CONVERSATION.get(wire, "messages")
    before = None
    for body in map(without_marks, bodies):
        head = json.dumps({name: body.get(name) for name in BEFORE})
        text = json.dumps(body[key]).removesuffix("]")
        if before is not None:
            assert head == before[0]
            assert text.startswith(before[1]) and len(text) > len(before[1])
        before = head, text


@pytest.mark.parametrize(
    ("wire", "word"), [("anthropic", "cache_control"), ("bedrock", "cachePoint")]
)
async def test_marks_stand_at_the_end_of_tools_system_and_the_last_turns(wire, word):
    bodies = await ten_turns(wire)
    for body in bodies:
        assert json.dumps(body).count(word) <= 4  # more is an error 400
        tools = body["tools"] if wire == "anthropic" else body["toolConfig"]["tools"]
        assert word in json.dumps(tools[-1])
        assert word in json.dumps(body["system"][-1])
        assert word in json.dumps(body["messages"][-1]["content"][-1])

    def marked(body):
        return [at for at, message in enumerate(body["messages"]) if word in json.dumps(message)]

    # What one request wrote to the cache, the next one reads: the marks overlap.
    for one, two in pairwise(bodies):
        assert marked(one)[-1] == len(one["messages"]) - 1
        assert marked(one)[-1] in marked(two)


async def test_claude_behind_openrouter_is_given_marks_too():
    history = [Message(role="system", parts=(TextPart(text="Be brief."),)), user_message("Look.")]
    model = "anthropic/claude-sonnet-5"
    _, [first] = await ask("openrouter", history, model=model)
    history += [await answer("openrouter", history)]
    history += [results(history[-1], "x = 1", "done"), user_message("And?")]
    _, [second] = await ask("openrouter", history, model=model)
    for body in (first, second):
        assert 2 <= json.dumps(body).count("cache_control") <= 4
        assert "cache_control" in json.dumps(body["messages"][0])
        assert "cache_control" in json.dumps(body["messages"][-1])
    before, after = (json.dumps(without_marks(body["messages"]))[:-1] for body in (first, second))
    assert after.startswith(before)
    _, [other] = await ask("openrouter", history, model="openai/gpt-5.5")
    assert "cache_control" not in json.dumps(other)


async def test_models_of_amazon_that_cannot_cache_get_no_marks():
    for model in ("meta.llama3-70b-instruct-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"):
        _, [body] = await ask("bedrock", (user_message("x"),), model=model)
        assert "cachePoint" not in json.dumps(body)


@pytest.mark.parametrize("wire", ["openai_responses", "openai_chat", "mistral"])
async def test_the_cache_key_is_one_for_each_conversation(wire):
    keys = {body["prompt_cache_key"] for body in await ten_turns(wire)}
    assert len(keys) == 1 and len(keys.pop()) <= 64
    first, second = [(await ask(wire, (user_message("Same words"),)))[1][0] for _ in range(2)]
    assert first["prompt_cache_key"] != second["prompt_cache_key"]


@pytest.mark.parametrize("wire", ["ollama", "deepseek", "openrouter", "anthropic"])
async def test_servers_that_do_not_know_the_key_do_not_get_it(wire):
    _, [body] = await ask(wire, (user_message("x"),))
    assert "prompt_cache_key" not in body


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire != "ollama"])
async def test_what_the_cache_gave_is_reported(wire):
    """Our input holds it: everything the model read."""
    last, _ = await ask(wire, (user_message("x"),), Server([ANSWERS[wire]]))
    usage = last.response.usage
    assert usage.cache_read == 70
    assert usage.input == (80 if wire == "bedrock" else 100)
    assert usage.cache_write == (20 if wire == "anthropic" else None)


async def test_deepseek_counts_its_cache_in_a_field_of_its_own():
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 7}
    choice = {"delta": {"content": "x"}, "finish_reason": "stop"}
    body = f"data: {json.dumps({'choices': [choice], 'usage': usage})}\n\ndata: [DONE]\n\n"
    last, _ = await ask("deepseek", (user_message("x"),), Server([body.encode()]))
    assert last.response.usage.cache_read == 7
