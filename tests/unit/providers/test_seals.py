"""What only a provider can read comes back to it word for word, also after a save and a reload.

Each answer is read by the real decoder, written to JSON, read again and sent with the next
question. What the wire gave must stand in it where the wire wants it, and nowhere for another.
"""

import json

import pytest
from provider_rigs import ANSWERS, SEALS, TOOLS, WIRES, Server, answer, ask, results, sse

from jupyter_agent.protocol import codec
from jupyter_agent.protocol.messages import (
    Message,
    MessageMeta,
    TextPart,
    ThinkingPart,
    user_message,
)


async def next_body(wire):
    """Return what the wire is sent once its calls are answered."""
    history = [user_message("Look.")]
    history.append(await answer(wire, history))
    history.append(results(history[-1], "x = 1", "done"))
    _, [body] = await ask(wire, history)
    return body


async def test_seed_082_anthropic_thinking_signed_redacted_and_unseen():
    turn = (await next_body("anthropic"))["messages"][1]
    assert turn["content"][:3] == [
        {"type": "thinking", "thinking": "THOUGHT", "signature": "SEAL-1"},
        {"type": "redacted_thinking", "data": "SEAL-2"},
        {"type": "thinking", "thinking": "", "signature": "SEAL-3"},
    ]
    assert [block["type"] for block in turn["content"][3:]] == ["text", "tool_use", "tool_use"]


async def test_seed_082_bedrock_reasoning_signed_and_redacted():
    turn = (await next_body("bedrock"))["messages"][1]
    assert turn["content"][:2] == [
        {"reasoningContent": {"reasoningText": {"text": "THOUGHT", "signature": "SEAL-1"}}},
        {"reasoningContent": {"redactedContent": "SEAL-2"}},
    ]


async def test_seed_082_responses_reasoning_items_and_phases():
    items = (await next_body("openai_responses"))["input"]
    sent = next(json.loads(line[6:]) for line in ANSWERS["openai_responses"].decode().split("\n\n"))
    assert items[1] == sent["item"]
    assert items[2] == {"role": "assistant", "content": "I look.", "phase": "SEAL-2"}
    assert [item.get("type") for item in items[3:5]] == ["function_call"] * 2


async def test_seed_082_openrouter_reasoning_details():
    turn = (await next_body("openrouter"))["messages"][1]
    assert turn["reasoning_details"] == [
        {"type": "reasoning.text", "text": "THOUGHT", "signature": "SEAL-1", "index": 0},
        {"type": "reasoning.encrypted", "data": "SEAL-2", "index": 1},
    ]


async def test_deepseek_reasoning_content():
    turn = (await next_body("deepseek"))["messages"][1]
    assert (turn["reasoning_content"], turn["content"]) == ("THOUGHT", "I look.")


async def test_ollama_thinking():
    turn = (await next_body("ollama"))["messages"][1]
    assert (turn["thinking"], turn["content"]) == ("THOUGHT", "I look.")


async def test_seed_081_gemini_signatures_each_on_its_own_part():
    turn = (await next_body("gemini"))["contents"][1]

    def call(name, **sealed):
        return {"functionCall": {"name": name, "args": {"id": "a"}}, **sealed}

    assert turn["parts"] == [
        {"text": "I "},
        {"text": "look.", "thoughtSignature": "SEAL-1"},
        call("notebook_read", thoughtSignature="SEAL-2"),
        call("run"),
        {"text": "", "thoughtSignature": "SEAL-3"},
    ]


async def test_seed_081_gemini_signatures_by_its_compatible_endpoint_too():
    first, second = (await next_body("gemini_openai"))["messages"][1]["tool_calls"]
    assert first["extra_content"] == {"google": {"thought_signature": "SEAL-1"}}
    assert "extra_content" not in second


async def test_seed_081_a_signature_that_comes_after_its_call_belongs_to_it():
    call = {"id": "c1", "function": {"name": "run", "arguments": "{}"}}
    alone = {"extra_content": {"google": {"thought_signature": "SEAL-1"}}}
    body = sse(
        *({"choices": [{"delta": delta}]} for delta in ({"tool_calls": [call]}, alone)),
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    )
    history = [user_message("Look.")]
    last, _ = await ask("gemini_openai", history, Server([body]))
    history += [last.response.message, results(last.response.message, "done")]
    _, [sent] = await ask("gemini_openai", history)
    assert sent["messages"][1]["tool_calls"][0]["extra_content"] == alone["extra_content"]


FOREIGN = [
    (wire, other)
    for wire in WIRES
    for other in WIRES
    if WIRES[wire].provider != WIRES[other].provider
]


@pytest.mark.parametrize(("wire", "other"), FOREIGN)
async def test_seed_082_no_other_provider_sees_a_seal(wire, other):
    history = [user_message("Look.")]
    history.append(await answer(wire, history))
    history.append(results(history[-1], "x = 1", "done"))
    _, [body] = await ask(other, history)
    sent = json.dumps(body)
    assert not [seal for seal in (*SEALS[wire], "THOUGHT") if seal in sent]


SEALED = Message(
    role="assistant",
    parts=(ThinkingPart(text="hm", signature="SEAL"), TextPart(text="I look.")),
    metadata=MessageMeta(provider="anthropic"),
)
REFUSALS = {
    "another beginning": "messages.1.content.0: Invalid `signature` in `thinking` block. The "
    "block is bound to a different conversation. Remove the block.",
    "another account": "messages.1.content.0: Invalid `signature` in `thinking` block",
}


@pytest.mark.parametrize("why", REFUSALS)
async def test_a_seal_the_provider_refuses_is_left_out_and_asked_again(why):
    """After a summary of older turns, or with another key, what was sealed is no good any more."""
    fault = {"type": "error", "error": {"type": "invalid_request_error", "message": REFUSALS[why]}}

    class Refusing(Server):
        def __call__(self, request):
            self.status = 400 if b"SEAL" in request.content else 200
            self.bodies = (
                [json.dumps(fault).encode()] if self.status == 400 else [ANSWERS["anthropic"]]
            )
            return super().__call__(request)

    server = Refusing()
    history = (user_message("Look."), SEALED, user_message("More."))
    last, asked = await ask("anthropic", history, server)
    assert last.type == "done"
    assert ["SEAL" in json.dumps(body) for body in asked] == [True, False]
    assert asked[1]["messages"][1]["content"] == [{"type": "text", "text": "I look."}]


async def test_other_refusals_are_not_asked_again():
    fault = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens"}}
    server = Server([json.dumps(fault).encode()], status=400)
    last, asked = await ask("anthropic", (user_message("Look."), SEALED, user_message("?")), server)
    assert (last.type, len(asked)) == ("error", 1)


async def test_a_model_that_always_thinks_is_asked_to_think_little():
    words = '"thinking.type.disabled" is not supported for this model.'
    fault = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}

    class Refusing(Server):
        def __call__(self, request):
            refused = b"disabled" in request.content
            self.status = 400 if refused else 200
            self.bodies = [json.dumps(fault).encode() if refused else ANSWERS["anthropic"]]
            return super().__call__(request)

    last, asked = await ask("anthropic", (user_message("Look."),), Refusing(), effort="none")
    assert last.type == "done"
    assert asked[0]["thinking"] == {"type": "disabled"}
    assert asked[1]["output_config"] == {"effort": "low"}


@pytest.mark.parametrize(
    ("wire", "call", "talk"),
    [("gemini", b"functionCall", "contents"), ("gemini_openai", b'"tool_calls"', "messages")],
)
async def test_calls_of_another_model_in_the_turn_under_way_are_told_to_gemini_in_words(
    wire, call, talk
):
    """Another model answers in the middle of a run, and Gemini 3 wants signatures on all calls."""
    words = "Function call is missing a thought_signature in functionCall parts."
    fault = {"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}

    class Refusing(Server):
        def __call__(self, request):
            refused = call in request.content
            self.status = 400 if refused else 200
            self.bodies = [json.dumps(fault).encode() if refused else ANSWERS[wire]]
            return super().__call__(request)

    history = [user_message("Look.")]
    history.append(await answer("mistral", history))
    history.append(results(history[-1], "x = 1", "done"))
    last, asked = await ask(wire, history, Refusing())
    assert last.type == "done" and len(asked) == 2
    model = "model" if wire == "gemini" else "assistant"
    assert [turn["role"] for turn in asked[1][talk]] == ["user", model, "user"]
    sent = json.dumps(asked[1][talk])
    assert "x = 1" in sent and "notebook.read" in sent and "ignature" not in sent


async def test_unsigned_thinking_of_ones_own_does_not_go_back():
    """An answer that was cut off has no signature yet, and the API refuses it without one."""
    body = sse(
        {"type": "message_start", "message": {"id": "m"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "hm"},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text"}},
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "text_delta", "text": "Well"},
        },
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    )
    last, _ = await ask("anthropic", (user_message("Hi"),), Server([body]))
    saved = codec.from_json(Message, codec.to_json(Message, last.response.message))
    _, [asked] = await ask("anthropic", (user_message("Hi"), saved, user_message("More")))
    assert asked["messages"][1]["content"] == [{"type": "text", "text": "Well"}]


def test_the_tools_of_the_rigs_need_mapping():
    assert [tool.name for tool in TOOLS] == ["notebook.read", "run"]
