"""Servers that refuse a part of what others take: asked again without it, once, and remembered."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from jupyter_agent.protocol.errors import ProviderError
from jupyter_agent.protocol.messages import Message, TextPart, system_message, user_message
from jupyter_agent.protocol.models import Request, ToolDefinition
from jupyter_agent.providers._habits import KnownHabits
from jupyter_agent.providers.base import Provider, complete
from jupyter_agent.providers.registry import ProviderSpec, make_provider

ANSWER = b'data: {"choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
URL = "http://127.0.0.1:9/v1"
BOUNDED = ToolDefinition(
    name="ask",
    description="Ask.",
    parameters={
        "type": "object",
        "properties": {
            "format": {"type": "string", "maxLength": 2000, "pattern": "^a", "format": "uri"},
            "items": {
                "type": "array",
                "maxItems": 32,
                "items": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]},
            },
            "kind": {"enum": ["maxLength", "b"], "type": "string"},
        },
        "required": ["items"],
        "additionalProperties": False,
    },
)


class Server:
    """Refuses a request for the reason that `refuse` gives; notes all bodies."""

    def __init__(self, refuse: Callable[[dict[str, Any]], str | None]) -> None:
        self.refuse = refuse
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        reason = self.refuse(body)
        if reason is not None:
            return httpx.Response(400, json={"error": {"message": reason}})
        return httpx.Response(200, content=ANSWER)


def provider(server: Server, known: KnownHabits | None = None, **spec: Any) -> Provider:
    habits = (known or KnownHabits()).of(URL, "m")
    spec = {"provider": "openai-compatible", "base_url": URL, **spec}
    transport = httpx.MockTransport(server)
    return make_provider(
        ProviderSpec(transport=transport, max_retries=0, model="m", habits=habits, **spec)
    )


async def ask(made: Provider, *messages: Message, tools: bool = True) -> str:
    request = Request(
        model="m", messages=messages or (user_message("hi"),), tools=(BOUNDED,) if tools else ()
    )
    events = [event async for event in made.stream(request)]
    await made.aclose()
    return events[-1].type


def parameters(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["tools"][0]["function"]["parameters"]
    return found


async def test_an_own_server_gets_schemas_without_bounds() -> None:
    server = Server(lambda body: None)
    assert await ask(provider(server)) == "done"
    schema = parameters(server.bodies[0])
    assert schema["properties"] == {
        "format": {"type": "string"},
        "items": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        "kind": {"enum": ["maxLength", "b"], "type": "string"},
    }
    assert schema["required"] == ["items"] and schema["additionalProperties"] is False


async def test_the_vendor_itself_gets_all_bounds() -> None:
    server = Server(lambda body: None)
    groq = provider(server, provider="groq", base_url=None, api_key="k")
    assert await ask(groq) == "done"
    assert parameters(server.bodies[0]) == BOUNDED.parameters


@pytest.mark.parametrize(
    "reason",
    [
        "failed to parse grammar",
        "Invalid schema for function 'ask'",
        "tools.0.input_schema: JSON schema is invalid",
    ],
)
async def test_a_schema_refused_is_asked_in_its_simplest_form_and_remembered(reason: str) -> None:
    known = KnownHabits()
    server = Server(lambda body: reason if "anyOf" in json.dumps(parameters(body)) else None)
    assert await ask(provider(server, known)) == "done"
    assert await ask(provider(server, known)) == "done"
    assert len(server.bodies) == 3
    assert parameters(server.bodies[-1])["properties"]["items"] == {"type": "array", "items": {}}


async def test_a_schema_refused_in_every_form_is_an_error_after_two_requests() -> None:
    server = Server(lambda body: "failed to parse grammar")
    assert await ask(provider(server)) == "error"
    assert len(server.bodies) == 2


async def test_usage_is_not_asked_for_where_that_is_refused() -> None:
    known = KnownHabits()
    reason = "Unrecognized request argument supplied: stream_options"
    server = Server(lambda body: reason if "stream_options" in body else None)
    assert await ask(provider(server, known)) == "done"
    assert await ask(provider(server, known)) == "done"
    assert len(server.bodies) == 3


async def test_the_system_text_goes_into_the_first_user_turn_where_the_role_is_refused() -> None:
    def refuse(body: dict[str, Any]) -> str | None:
        roles = [message["role"] for message in body["messages"]]
        return "System role not supported" if "system" in roles else None

    server = Server(refuse)
    assert await ask(provider(server), system_message("Rules."), user_message("hi")) == "done"
    assert server.bodies[-1]["messages"] == [{"role": "user", "content": "Rules.\n\nhi"}]


async def test_neighbouring_prompts_are_joined_so_that_roles_alternate() -> None:
    def refuse(body: dict[str, Any]) -> str | None:
        roles = [message["role"] for message in body["messages"]]
        pairs = itertools.pairwise(roles)
        return "Conversation roles must alternate" if ("user", "user") in pairs else None

    server = Server(refuse)
    failed, stopped = user_message("one"), user_message("two")
    said = Message(role="assistant", parts=(TextPart(text="yes"),))
    assert await ask(provider(server), failed, stopped, said, user_message("three")) == "done"
    assert [message["content"] for message in server.bodies[-1]["messages"]] == [
        "one\n\ntwo",
        "yes",
        "three",
    ]


def nothing_here(kind: str) -> httpx.Response:
    """Return how a server answers where it has no API."""
    if kind == "web page":
        return httpx.Response(200, content=b"<!doctype html><title>Chat</title>")
    if kind == "status 200":
        return httpx.Response(200, json={"error": "Unexpected endpoint or method. (POST /x)"})
    return httpx.Response(int(kind), json={"detail": "Not Found"})


class Below:
    """Has its API under `/v1` alone; notes the paths asked."""

    def __init__(self, kind: str, *, root: str = "") -> None:
        self.kind, self.root = kind, root
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == f"{self.root}/v1/chat/completions":
            return httpx.Response(200, content=ANSWER)
        if request.url.path == f"{self.root}/v1/models":
            return httpx.Response(200, json={"data": [{"id": "m", "context_length": 4096}]})
        return nothing_here(self.kind)


KINDS = ["404", "405", "web page", "status 200"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", ["http://h", "http://h/", "http://h/chat/completions"])
async def test_a_missing_v1_is_tried_and_remembered_for_all_models(kind: str, given: str) -> None:
    server, known = Below(kind), KnownHabits()
    for model in ("m", "other"):
        made = provider_at(given, server, known, model)
        assert await ask(made) == "done"
    path = "/chat/completions"
    assert server.asked == [path, f"/v1{path}", f"/v1{path}"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_list_is_looked_for_under_v1_too(kind: str) -> None:
    server = Below(kind, root="/gateway")
    made = provider_at("http://h/gateway", server)
    assert [model.name for model in await made.list_models()] == ["m"]
    assert await ask(made) == "done"
    assert server.asked[-1] == "/gateway/v1/chat/completions" and len(server.asked) == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_where_nothing_is_the_address_is_at_fault(kind: str) -> None:
    server, known = Below(kind, root="/elsewhere"), KnownHabits()
    made = provider_at("http://h", server, known)
    for _ in range(2):
        with pytest.raises(ProviderError, match=r"[Cc]heck the address") as caught:
            await complete(made, Request(model="m", messages=(user_message("hi"),)))
        assert (caught.value.details or {})["fault"] == "address"
    with pytest.raises(ProviderError, match=r"[Cc]heck the address"):
        await made.list_models()
    await made.aclose()
    plain = ["/chat/completions", "/v1/chat/completions"]
    assert server.asked == [*plain, *plain, "/models", "/v1/models"]


async def test_a_vendors_own_address_is_not_second_guessed() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return nothing_here("404")

    made = make_provider(
        ProviderSpec(provider="deepseek", api_key="k", transport=httpx.MockTransport(handler))
    )
    assert await ask(made) == "error" and asked == ["/chat/completions"]


def provider_at(url: str, handler: Any, known: KnownHabits | None = None, model: str = "m") -> Any:
    return make_provider(
        ProviderSpec(
            provider="openai-compatible",
            base_url=url,
            transport=httpx.MockTransport(handler),
            max_retries=0,
            habits=(known or KnownHabits()).of(url, model),
        )
    )


@pytest.mark.parametrize("route", ["", "/", "/chat/completions", "/chat/completions/", "/models"])
async def test_a_pasted_route_is_not_doubled(route: str) -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, content=ANSWER)

    made = make_provider(
        ProviderSpec(
            provider="openai-compatible",
            base_url=f"http://127.0.0.1:9/v1{route}",
            transport=httpx.MockTransport(handler),
        )
    )
    assert await ask(made) == "done" and asked == ["/v1/chat/completions"]


@pytest.mark.parametrize("status", [400, 401, 404, 500])
async def test_errors_name_an_own_server_by_its_address(status: int) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, json={"error": "no"}))
    made = make_provider(
        ProviderSpec(provider="openai-compatible", base_url=URL, transport=transport, max_retries=0)
    )
    request = Request(model="m", messages=(user_message("hi"),))
    [event] = [event async for event in made.stream(request)]
    await made.aclose()
    assert event.type == "error"
    assert "127.0.0.1:9" in event.error.message and "Another" not in event.error.message


async def test_a_server_that_loads_its_model_is_waited_for() -> None:
    busy = iter([True, True, True, False])
    told: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if next(busy):
            error = {"code": 503, "message": "Loading model", "type": "unavailable_error"}
            return httpx.Response(503, json={"error": error}, headers={"retry-after-ms": "1"})
        return httpx.Response(200, content=ANSWER)

    made = make_provider(
        ProviderSpec(
            provider="openai-compatible",
            base_url=URL,
            transport=httpx.MockTransport(handler),
            max_retries=1,  # fewer than it takes
            on_retry=lambda attempt, delay, error: told.append(error.message),
        )
    )
    assert await ask(made) == "done"
    assert len(told) == 3 and all("still loading m" in words for words in told)
