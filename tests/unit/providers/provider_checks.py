"""Whether a request is valid, by each API's own rules: judges that share nothing with our code.

Ids and names are legal, each call is answered once and at once, nothing else is answered, roles
alternate where they must, and no block is empty.
"""

import json
import re
from itertools import pairwise

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_turns(messages, calls_of, results_of):
    """Each turn's calls are answered once, in the next message; nothing else is answered."""
    seen = set()
    for at, message in enumerate(messages):
        calls = calls_of(message)
        assert not seen & set(calls) and len(set(calls)) == len(calls), "an id stands twice"
        seen |= set(calls)
        if calls:
            assert sorted(results_of(messages[at + 1])) == sorted(calls), "not answered at once"
        expected = sorted(calls_of(messages[at - 1])) if at else []
        assert sorted(results_of(message)) == expected, "an answer to nothing"


def check_alternation(messages):
    roles = [message["role"] for message in messages]
    assert roles[0] == "user"
    assert all(one != next for one, next in pairwise(roles)), roles


def check_anthropic(body):
    messages = body["messages"]
    check_alternation(messages)
    for message in messages:
        kinds = [block["type"] for block in message["content"]]
        assert kinds
        for block in message["content"]:
            if block["type"] == "text":
                assert block["text"].strip()
            elif block["type"] == "thinking":
                assert block["signature"] and message["role"] == "assistant"
            elif block["type"] == "tool_use":
                assert re.fullmatch(r"[A-Za-z0-9_-]+", block["id"])
                assert NAME.fullmatch(block["name"]) and isinstance(block["input"], dict)
        if "tool_result" in kinds:  # results come first
            assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result")

    def ids(kind, key):
        return lambda message: [b[key] for b in message["content"] if b["type"] == kind]

    check_turns(messages, ids("tool_use", "id"), ids("tool_result", "tool_use_id"))
    assert isinstance(body["max_tokens"], int)
    assert json.dumps(body).count("cache_control") <= 4


def check_bedrock(body):
    messages = body["messages"]
    check_alternation(messages)
    for message in messages:
        for block in message["content"]:
            [kind] = block
            if kind == "text":
                assert block["text"].strip()
            elif kind == "toolUse":
                assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", block[kind]["toolUseId"])
                assert NAME.fullmatch(block[kind]["name"])
                assert isinstance(block[kind]["input"], dict)
            elif kind == "toolResult":
                assert block[kind]["content"]

    def ids(kind):
        return lambda message: [b[kind]["toolUseId"] for b in message["content"] if kind in b]

    check_turns(messages, ids("toolUse"), ids("toolResult"))
    assert body["toolConfig"]["tools"]
    assert json.dumps(body).count("cachePoint") <= 4


def check_chat(body, *, ids=r".{1,40}", bridge=False):
    messages = body["messages"]
    assert messages[0]["role"] in ("system", "developer")
    open_calls = []
    seen = set()
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            assert message["tool_call_id"] in open_calls, "an answer to nothing"
            open_calls.remove(message["tool_call_id"])
            assert isinstance(message["content"], str)
            continue
        assert not open_calls, "calls left without an answer"
        if bridge and message["role"] == "user":
            assert messages[at - 1]["role"] != "tool"
        assert message.get("content") or message.get("tool_calls")
        for call in message.get("tool_calls", ()):
            assert re.fullmatch(ids, call["id"]) and call["id"] not in seen
            seen.add(call["id"])
            open_calls.append(call["id"])
            assert NAME.fullmatch(call["function"]["name"])
            assert isinstance(json.loads(call["function"]["arguments"]), dict)
    assert not open_calls


def check_deepseek(body):
    check_chat(body, ids=".+")
    for message in body["messages"]:
        assert ("reasoning_content" in message) == bool(message.get("tool_calls"))


def check_responses(body):
    assert body["store"] is False and body["instructions"]
    waiting, seen = [], set()
    for item in body["input"]:
        kind = item.get("type", "message")
        if kind == "function_call_output":
            waiting.remove(item["call_id"])
            continue
        if kind == "function_call":
            assert 0 < len(item["call_id"]) <= 64 and item["call_id"] not in seen
            assert NAME.fullmatch(item["name"]) and "id" not in item
            json.loads(item["arguments"])
            seen.add(item["call_id"])
            waiting.append(item["call_id"])
            continue
        assert not waiting, "calls left without an answer"
        if kind == "reasoning":
            assert item["encrypted_content"]
        else:
            assert item["role"] in ("user", "assistant") and item["content"]
    assert not waiting


def check_gemini(body):
    assert body["systemInstruction"]
    contents = body["contents"]
    assert contents[0]["role"] == "user"
    for at, content in enumerate(contents):
        assert content["role"] in ("user", "model") and content["parts"]
        calls = [p["functionCall"] for p in content["parts"] if "functionCall" in p]
        for part in content["parts"]:
            if "text" in part:
                assert part["text"] or "thoughtSignature" in part
        if calls:
            assert content["role"] == "model"
            answers = [p.get("functionResponse") for p in contents[at + 1]["parts"]]
            assert [a["name"] for a in answers] == [c["name"] for c in calls]
            assert all(isinstance(a["response"], dict) for a in answers)
            assert all(NAME.fullmatch(call["name"]) for call in calls)
        if any("functionResponse" in part for part in content["parts"]):
            assert any("functionCall" in part for part in contents[at - 1]["parts"])


def check_ollama(body):
    waiting = []
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_name"] == waiting.pop(0)
            continue
        assert not waiting
        assert isinstance(message["content"], str)
        for call in message.get("tool_calls", ()):
            assert isinstance(call["function"]["arguments"], dict)
            waiting.append(call["function"]["name"])
    assert not waiting


CHECKS = {
    "anthropic": check_anthropic,
    "bedrock": check_bedrock,
    "openai_chat": check_chat,
    "openai_responses": check_responses,
    "gemini": check_gemini,
    "ollama": check_ollama,
    "deepseek": check_deepseek,
    "openrouter": lambda body: check_chat(body, ids=".+"),
    "mistral": lambda body: check_chat(body, ids="[A-Za-z0-9]{9}", bridge=True),
    "gemini_openai": lambda body: check_chat(body, ids=".{1,128}"),
}
