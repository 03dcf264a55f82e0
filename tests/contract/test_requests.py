"""What each adapter sends: common cases × adapters, compared with `snapshots/<api>.json`.

After a change that is meant, run with UPDATE_SNAPSHOTS=1 and read the difference. `SOURCES` names
the vendor's page that each group of cases follows.
"""

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from jupyter_agent.protocol.messages import (
    AudioPart,
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
    audio=True,
    documents=True,
    thinking=True,
    effort_levels=("none", "low", "medium", "high"),
    tool_choice=True,
    parallel_tools=True,
    system_prompt=True,
)


class Adapter(NamedTuple):
    """How one is asked for."""

    provider: str
    api: str | None = None
    model: str = "model-1"
    base_url: str | None = None


# every adapter, every kind of dialect, and each place that speaks Responses
ADAPTERS = {
    "anthropic": Adapter("anthropic"),
    "openai_chat": Adapter("openai", "openai_chat"),
    "openai_responses": Adapter("openai"),
    "openrouter": Adapter("openrouter"),
    "openrouter_claude": Adapter("openrouter", model="anthropic/claude-sonnet-5"),
    "deepseek": Adapter("deepseek"),
    "mistral": Adapter("mistral"),
    "alibaba": Adapter("alibaba"),
    "perplexity": Adapter("perplexity"),
    "gemini": Adapter("gemini"),
    "gemini_openai": Adapter("gemini-openai"),
    "ollama": Adapter("ollama"),
    "bedrock": Adapter("bedrock"),
    "bedrock_claude": Adapter("bedrock", model="eu.anthropic.claude-sonnet-4-6"),
    "azure_chat": Adapter("azure", base_url="https://mine.openai.azure.com/openai/v1/"),
    "azure_responses": Adapter(
        "azure", "openai_responses", base_url="https://mine.openai.azure.com"
    ),
    "xai_responses": Adapter("xai", "openai_responses"),
    "lmstudio_responses": Adapter("lmstudio", "openai_responses"),
    "bedrock_openai": Adapter("bedrock-openai"),
}

_ANTHROPIC = "https://platform.claude.com/docs/en/"
_OPENAI = "https://platform.openai.com/docs/"
_GEMINI = "https://ai.google.dev/gemini-api/docs/"
_OLLAMA = "https://github.com/ollama/ollama/blob/main/docs/api.md"
_AWS = "https://docs.aws.amazon.com/bedrock/latest/"
_AZURE = "https://learn.microsoft.com/azure/foundry/openai/"
_CHAT = {
    "messages": _OPENAI + "api-reference/chat/create",
    "media": _OPENAI + "guides/audio and /guides/pdf-files",
    "tools": _OPENAI + "guides/function-calling?api-mode=chat",
    "thinking": _OPENAI + "guides/reasoning",
    "caching": _OPENAI + "guides/prompt-caching",
}
_RESPONSES = {
    "messages": _OPENAI + "api-reference/responses/create",
    "media": _OPENAI + "guides/pdf-files and /guides/images-vision",
    "tools": _OPENAI + "guides/function-calling",
    "thinking": _OPENAI + "guides/reasoning#encrypted-reasoning-items",
    "caching": _OPENAI + "guides/prompt-caching",
}
_BEDROCK = {
    "messages": _AWS + "APIReference/API_runtime_ConverseStream.html",
    "media": _AWS + "APIReference/API_runtime_DocumentBlock.html, …_ImageBlock, …_AudioBlock",
    "tools": _AWS + "APIReference/API_runtime_ToolConfiguration.html, …_ToolResultBlock",
    "thinking": _AWS + "userguide/claude-messages-adaptive-thinking.html",
    "caching": _AWS + "userguide/prompt-caching.html",
}
_OPENROUTER = {
    **_CHAT,
    "media": "https://openrouter.ai/docs/guides/overview/multimodal/pdfs and /audio",
    "thinking": "https://openrouter.ai/docs/guides/best-practices/reasoning-tokens",
    "caching": "https://openrouter.ai/docs/guides/best-practices/prompt-caching",
}
# adapter → group of cases → the page its shape follows
SOURCES = {
    "anthropic": {
        "messages": _ANTHROPIC + "api/messages/create",
        "media": _ANTHROPIC + "build-with-claude/vision and /pdf-support",
        "tools": _ANTHROPIC + "agents-and-tools/tool-use/define-tools",
        "thinking": _ANTHROPIC + "build-with-claude/adaptive-thinking and /effort",
        "caching": _ANTHROPIC + "build-with-claude/prompt-caching",
    },
    "openai_chat": _CHAT,
    "openai_responses": _RESPONSES,
    "openrouter": _OPENROUTER,
    "openrouter_claude": _OPENROUTER,
    "deepseek": {**_CHAT, "thinking": "https://api-docs.deepseek.com/guides/thinking_mode"},
    "mistral": {
        **_CHAT,
        "messages": "https://docs.mistral.ai/api/endpoint/chat",
        "media": "https://docs.mistral.ai/studio/document-processing/document_qna and "
        "/studio/audio/speech_to_text/offline_transcription",
        "caching": "https://docs.mistral.ai/studio/conversations/advanced/prompt-caching",
    },
    "alibaba": {
        **_CHAT,
        "thinking": "https://www.alibabacloud.com/help/en/model-studio/deep-thinking",
    },
    "perplexity": {
        **_CHAT,
        "media": "https://docs.perplexity.ai/guides/file-attachments",
        "caching": "https://docs.perplexity.ai/api-reference/chat-completions-post (none)",
    },
    "gemini": {
        "messages": "https://ai.google.dev/api/generate-content",
        "media": _GEMINI + "file-input-methods and /audio and /document-processing",
        "tools": _GEMINI + "function-calling",
        "thinking": _GEMINI + "thinking and /thought-signatures",
        "caching": _GEMINI + "caching (implicit: nothing is sent)",
    },
    "gemini_openai": {
        **_CHAT,
        "messages": _GEMINI + "openai",
        "media": _GEMINI + "openai (images and audio)",
        "tools": _GEMINI + "openai and /thought-signatures",
        "thinking": _GEMINI + "openai (reasoning_effort)",
        "caching": _GEMINI + "caching (implicit: nothing is sent)",
    },
    "ollama": dict.fromkeys(("messages", "media", "tools", "thinking", "caching"), _OLLAMA),
    "bedrock": _BEDROCK,
    "bedrock_claude": _BEDROCK,
    "azure_chat": {**_CHAT, "messages": _AZURE + "api-version-lifecycle"},
    "azure_responses": {**_RESPONSES, "messages": _AZURE + "how-to/responses"},
    "xai_responses": {
        **_RESPONSES,
        "thinking": "https://docs.x.ai/developers/model-capabilities/text/best-practices",
        "caching": "https://docs.x.ai/developers/model-capabilities/text/best-practices",
    },
    "lmstudio_responses": {
        **_RESPONSES,
        "messages": "https://lmstudio.ai/docs/developer/openai-compat/responses",
    },
    "bedrock_openai": {
        **_RESPONSES,
        "messages": _AWS + "userguide/inference-responses-api.html",
    },
}


def group(case):
    """Return the group of cases that one belongs to: a key of each adapter's `SOURCES`."""
    if case.startswith(("image", "audio", "document")):
        return "media"
    if case.startswith(("tool", "parallel", "error_result", "unanswered")):
        return "tools"
    if "thinking" in case or case.startswith("effort"):
        return "thinking"
    return "messages"


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
    pdf = DocumentPart(media_type="application/pdf", url="https://x.org/a.pdf", name="a.pdf")
    yield "document_url", {"messages": (said("user", "Sum up.", pdf),)}
    stored = DocumentPart(media_type="application/pdf", url="s3://bucket/a.pdf")
    yield "document_in_s3", {"messages": (said("user", stored),)}
    sound = AudioPart(media_type="audio/wav", data="UklGRg==")
    yield "audio", {"messages": (said("user", "What is said?", sound),)}
    linked = AudioPart(media_type="audio/mpeg", url="https://x.org/a.mp3")
    yield "audio_url", {"messages": (said("user", linked),)}
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
        },
    )
    yield "stop", {"messages": (HELLO,), "stop": ("END",)}


KEY_HEADERS = ("authorization", "api-key", "x-api-key", "x-goog-api-key")


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
    provider, api, model, base_url = ADAPTERS[adapter]
    recorder = Recorder()
    made = make_provider(
        ProviderSpec(
            provider=provider,
            api=api,
            base_url=base_url,
            api_key="key-for-tests",
            capabilities=CAPABILITIES,
            max_output=64000,
            context_window=32768,
            region="eu-west-1",
            transport=httpx.MockTransport(recorder),
        )
    )
    request = Request(model=model, **fields)
    events = [event async for event in made.stream(request)]
    await made.aclose()
    if not recorder.requests:
        return {"refused": events[-1].error.code}
    [seen] = recorder.requests
    assert "key-for-tests" not in repr(made)
    headers = [name for name in KEY_HEADERS if "key-for-tests" in seen.headers.get(name, "")]
    assert headers, "the key was not sent"
    return {"url": str(seen.url), "key": headers[0], "body": json.loads(seen.content)}


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_requests_are_as_in_the_snapshot(adapter):
    found = {
        name: await sent(adapter, fields) for name, fields in cases(ADAPTERS[adapter].provider)
    }
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
    fields = dict(cases(ADAPTERS[adapter].provider))["tool_call_and_result"]
    assert await sent(adapter, fields) == await sent(adapter, fields)


def test_each_shape_names_the_page_it_follows():
    groups = {group(name) for name, _ in cases("x")} | {"caching"}
    assert set(SOURCES) == set(ADAPTERS)
    for adapter, pages in SOURCES.items():
        assert set(pages) == groups, adapter
        assert all(page.startswith("https://") for page in pages.values()), adapter
