"""What each adapter sends: common cases × adapters, compared with `snapshots/<api>.json`.

After a change that is meant, run with UPDATE_SNAPSHOTS=1 and read the difference.
"""

import json
import os
from datetime import datetime, timezone
from pathlib import Path

import httpx
import pytest

from jupyter_agent.protocol.messages import (
    DocumentPart,
    ImagePart,
    Message,
    MessageMeta,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from jupyter_agent.protocol.models import Capabilities, Request, ToolDefinition
from jupyter_agent.providers.registry import ProviderSpec, make_provider

SNAPSHOTS = Path(__file__).parent / "snapshots"
THEN = datetime(2026, 1, 2, tzinfo=timezone.utc)
CAPABILITIES = Capabilities(
    tools=True,
    streaming=True,
    vision=True,
    documents=True,
    thinking=True,
    effort_levels=("none", "low", "medium", "high"),
    tool_choice=True,
    parallel_tools=True,
    system_prompt=True,
)
# name → provider and API, so that every adapter and every kind of dialect is seen
ADAPTERS = {
    "anthropic": ("anthropic", None),
    "openai_chat": ("openai", "openai_chat"),
    "openai_responses": ("openai", None),
    "openrouter": ("openrouter", None),
    "deepseek": ("deepseek", None),
    "mistral": ("mistral", None),
    "alibaba": ("alibaba", None),
    "gemini": ("gemini", None),
    "ollama": ("ollama", None),
    "bedrock": ("bedrock", None),
}

PNG = ImagePart(media_type="image/png", data="iVBORw0KGgo=")
READ = ToolDefinition(
    name="notebook.read_cells",
    description="Read cells.",
    parameters={
        "type": "object",
        "properties": {
            "ids": {"type": "array", "items": {"type": "string"}},
            "depth": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["ids"],
    },
)
RUN = ToolDefinition(
    name="run", description="Run a cell.", parameters={"type": "object", "properties": {}}
)


def said(role, *parts, provider=None, **meta):
    return Message(
        role=role,
        parts=tuple(TextPart(text=part) if isinstance(part, str) else part for part in parts),
        id="msg_1",
        created_at=THEN,
        metadata=MessageMeta(provider=provider, **meta),
    )


def call(id="call_aB3.x", name=READ.name, index=0, raw='{"ids":["a"]}', **more):
    arguments = {} if raw == "" else json.loads(raw) if raw.endswith("}") else None
    return ToolCallPart(
        id=id, index=index, name=name, arguments_raw=raw, arguments=arguments, **more
    )


def result(*content, id="call_aB3.x", name=READ.name, **more):
    parts = tuple(TextPart(text=part) if isinstance(part, str) else part for part in content)
    return ToolResultPart(tool_call_id=id, tool_name=name, content=parts, **more)


HELLO = said("user", "Hello")


def cases(own):
    """Return the requests by name; `own` is the provider whose sealed thinking is replayed."""
    sealed = ThinkingPart(text="Let me see.", signature="SEAL")
    details = [{"type": "reasoning.text", "text": "Let me see.", "signature": "SEAL", "index": 0}]
    loop = (
        HELLO,
        said("assistant", sealed, "I look.", call(), provider=own, reasoning_details=details),
        said("tool", result("x = 1")),
    )
    yield "simple", {"messages": (HELLO,)}
    yield "multi_turn", {"messages": (HELLO, said("assistant", "Hi."), said("user", "More"))}
    yield (
        "system",
        {"messages": (said("system", "Be brief."), said("system", "Use SI units."), HELLO)},
    )
    yield "image", {"messages": (said("user", "What is it?", PNG),)}
    yield (
        "image_url",
        {"messages": (said("user", ImagePart(media_type="image/png", url="https://x.org/a.png")),)},
    )
    yield (
        "document",
        {
            "messages": (
                said(
                    "user",
                    "Sum up.",
                    DocumentPart(media_type="application/pdf", data="JVBERg==", name="a.pdf"),
                ),
            )
        },
    )
    yield "tools", {"messages": (HELLO,), "tools": (READ, RUN)}
    for choice in ("auto", "required", "none", READ.name):
        yield (
            f"tool_choice_{choice.split('.')[0]}",
            {"messages": (HELLO,), "tools": (READ, RUN), "tool_choice": choice},
        )
    yield "tool_call_and_result", {"messages": loop, "tools": (READ, RUN)}
    yield (
        "parallel_calls",
        {
            "messages": (
                HELLO,
                said(
                    "assistant",
                    call("c1"),
                    call("c2", RUN.name, 1, ""),
                    call("c3", RUN.name, 2, '{"half": '),
                    provider=own,
                ),
                said(
                    "tool",
                    result("second", id="c2", name="run"),
                    result("first", PNG, id="c1"),
                    result("not run", id="c3", name="run", is_error=True),
                ),
            ),
            "tools": (READ, RUN),
        },
    )
    yield (
        "error_result",
        {"messages": (*loop[:2], said("tool", result("No such cell.", is_error=True)))},
    )
    yield (
        "unanswered_call_and_orphan_result",
        {"messages": (*loop[:2], said("tool", result("x", id="gone")), said("user", "Go on"))},
    )
    yield (
        "foreign_thinking_is_dropped",
        {
            "messages": (
                HELLO,
                said(
                    "assistant",
                    sealed,
                    TextPart(text="I look.", provider_metadata={"seal": 1}),
                    call(provider_metadata={"seal": 2}),
                    provider="another",
                    reasoning_details=details,
                ),
                said("tool", result("x = 1")),
            )
        },
    )
    yield (
        "redacted_thinking",
        {
            "messages": (
                HELLO,
                said("assistant", ThinkingPart(text="", redacted_data="R"), "Hi.", provider=own),
                said("user", "More"),
            )
        },
    )
    yield (
        "empty_assistant_turn",
        {"messages": (HELLO, said("assistant", ""), said("user", "Still there?"))},
    )
    for effort in ("none", "minimal", "low", "medium", "high", "xhigh"):
        yield f"effort_{effort}", {"messages": (HELLO,), "effort": effort}
    yield (
        "sampling",
        {
            "messages": (HELLO,),
            "temperature": 0,
            "top_p": 0.5,
            "max_tokens": 0,
            "stop": ("END",),
        },
    )


class Recorder:
    """Answers each request with status 400 and keeps what was asked."""

    def __init__(self):
        self.requests = []

    def __call__(self, request):
        if request.url.path != "/api/show":  # Ollama's question about the model
            self.requests.append(request)
        return httpx.Response(400, json={"error": {"message": "enough"}})


async def sent(adapter, fields):
    """Return what goes over the wire for a request."""
    provider, api = ADAPTERS[adapter]
    recorder = Recorder()
    made = make_provider(
        ProviderSpec(
            provider=provider,
            api=api,
            api_key="key-for-tests",
            capabilities=CAPABILITIES,
            max_output=64000,
            context_window=32768,
            region="eu-west-1",
            transport=httpx.MockTransport(recorder),
        )
    )
    request = Request(model="model-1", **fields)
    events = [event async for event in made.stream(request)]
    await made.aclose()
    if not recorder.requests:
        return {"refused": events[-1].error.code}
    [seen] = recorder.requests
    assert "key-for-tests" not in repr(made)
    return {"url": str(seen.url), "body": json.loads(seen.content)}


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_requests_are_as_in_the_snapshot(adapter):
    found = {name: await sent(adapter, fields) for name, fields in cases(ADAPTERS[adapter][0])}
    file = SNAPSHOTS / f"{adapter}.json"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        lines = (f"{json.dumps(name)}: {json.dumps(body)}" for name, body in found.items())
        file.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    expected = json.loads(file.read_text(encoding="utf-8"))
    for name, body in found.items():
        assert body == expected[name], name
    assert list(found) == list(expected)


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_seed_005_none_is_left_off_and_zero_is_sent(adapter):
    plain = json.dumps((await sent(adapter, {"messages": (HELLO,)}))["body"])
    assert "null" not in plain
    fields = dict(cases("x"))["simple"]
    with_zero = await sent(adapter, {**fields, "temperature": 0, "max_tokens": 0})
    assert ": 0" in json.dumps(with_zero["body"])


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_requests_do_not_change_from_turn_to_turn(adapter):
    """An unchanged prefix is what prompt caches live on."""
    fields = dict(cases(ADAPTERS[adapter][0]))["tool_call_and_result"]
    assert await sent(adapter, fields) == await sent(adapter, fields)
