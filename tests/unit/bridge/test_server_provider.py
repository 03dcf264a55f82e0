"""A model reached through the server, when the server says something else than it should."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from jupyter_agent.bridge.client import Bridge, find_bridge
from jupyter_agent.bridge.provider import ServerProvider
from jupyter_agent.protocol.bridge import AskingAgain, BridgeLine, ModelQuestion, Waiting
from jupyter_agent.protocol.bridge_address import SECRET_HEADER, SECRET_VARIABLE, URL_VARIABLE
from jupyter_agent.protocol.codec import from_json, to_json
from jupyter_agent.protocol.errors import ErrorInfo
from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import ModelInfo, Request
from jupyter_agent.protocol.provider_events import Done, Failed, ProviderEvent, TextDelta
from jupyter_agent.providers._http import Endpoint, HttpClient
from jupyter_agent.providers.replay import Call, Say, ScriptedProvider

INFO = ModelInfo(id="xai/grok", provider="xai", name="grok", label="Grok")
REQUEST = Request(model="grok", messages=(user_message("Hi"),))


class Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces; an exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


async def whole_answer() -> list[ProviderEvent]:
    def script(request: Request) -> Any:
        yield Say("Hello there. ")
        yield Call("list_files", {"pattern": "*"})

    return [event async for event in ScriptedProvider(script).stream(REQUEST)]


def line(event: Any) -> bytes:
    return to_json(BridgeLine, event) + b"\n"


async def ask(
    *pieces: bytes | Exception,
    status: int = 200,
    on_retry: Callable[[int, float, ErrorInfo], None] | None = None,
    seen: list[httpx.Request] | None = None,
) -> list[ProviderEvent]:
    """Return the events of an answer with this body."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(status, stream=Pieces(*pieces))

    bridge = Bridge("http://127.0.0.1:1/base/", "s3cret")
    endpoint = Endpoint(base_url=bridge.url, transport=httpx.MockTransport(answer), direct=True)
    provider = ServerProvider(bridge, HttpClient(endpoint, "server", "bridge"), INFO, on_retry)
    try:
        return [event async for event in provider.stream(REQUEST)]
    finally:
        await provider.aclose()


async def test_lines_become_events_however_they_are_cut() -> None:
    expected = await whole_answer()
    body = b"".join(line(event) for event in expected)
    for size in (1, 7, 100, len(body)):
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        assert await ask(*pieces) == expected


async def test_the_question_carries_model_run_and_secret() -> None:
    seen: list[httpx.Request] = []
    events = [line(event) for event in await whole_answer()]
    await ask(*events, seen=seen)
    await ask(*events, seen=seen)
    assert str(seen[0].url) == "http://127.0.0.1:1/base/jupyter-agent/bridge/answer"
    assert seen[0].headers[SECRET_HEADER] == "s3cret"
    assert "authorization" not in seen[0].headers
    questions = [from_json(ModelQuestion, request.content) for request in seen]
    assert (questions[0].model, questions[0].request) == ("xai/grok", REQUEST)
    assert questions[0].run != questions[1].run


@pytest.mark.R(40)
async def test_an_answer_cut_anywhere_is_a_failure() -> None:
    body = b"".join(line(event) for event in await whole_answer())
    for end in range(0, len(body) - 1, 23):
        *before, failed = await ask(body[:end])
        assert isinstance(failed, Failed)
        assert failed.error.code == "stream_interrupted"
        assert failed.error.retryable
        assert (failed.error.provider, failed.error.model) == ("xai", "grok")
        assert not any(isinstance(event, Done | Failed) for event in before)


@pytest.mark.R(40)
@pytest.mark.parametrize("error", [httpx.ReadError("gone"), httpx.RemoteProtocolError("gone")])
async def test_a_server_that_goes_away_is_a_stream_that_broke(error: Exception) -> None:
    events = await ask(line(TextDelta(text="Hel")), error)
    assert [event.type for event in events] == ["text_delta", "error"]
    assert events[-1].error.code == "stream_interrupted"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "bad",
    [
        b"<html>Log in</html>\n",
        b'{"type":"text_delta"}\n',
        b'{"type":"nonesuch","text":"x"}\n',
        b"[]\n",
        b"\xff\xfe\n",
        b'{"type":"done","response":{}}\n',
    ],
)
async def test_what_is_no_event_ends_the_answer(bad: bytes) -> None:
    events = await ask(line(TextDelta(text="a")), bad, line(TextDelta(text="b")))
    assert [event.type for event in events] == ["text_delta", "error"]
    assert events[-1].error.code == "parse_failed"  # type: ignore[union-attr]


async def test_nothing_is_read_after_the_end() -> None:
    expected = await whole_answer()
    body = b"".join(line(event) for event in expected)
    assert await ask(body + b"<html>\n" + body) == expected


async def test_signs_of_life_are_no_events_and_retries_are_told() -> None:
    told: list[tuple[int, float, ErrorInfo]] = []
    error = ErrorInfo(code="overloaded", message="Full.", retryable=True)
    expected = await whole_answer()
    found = await ask(
        line(Waiting()),
        line(AskingAgain(attempt=1, delay=0.5, error=error)),
        line(Waiting()),
        *(line(event) for event in expected),
        on_retry=lambda *given: told.append(given),
    )
    assert found == expected
    assert told == [(1, 0.5, error)]


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, b'{"code":"missing_key","message":"xAI needs a key."}', "missing_key"),
        (409, b'{"code":"budget_exceeded","message":"Enough."}', "budget_exceeded"),
        (403, b'{"message":"Forbidden","reason":null}', "not_allowed"),
        (403, b"", "not_allowed"),
        (404, b"<html>", "not_allowed"),
        (302, b"", "connection_failed"),
        (500, b'{"message":"Unhandled error"}', "connection_failed"),
    ],
)
async def test_a_refusal_is_the_servers_own_error_or_one_that_says_what_to_do(
    status: int, body: bytes, code: str
) -> None:
    [failed] = await ask(body, status=status)
    assert isinstance(failed, Failed)
    assert failed.error.code == code


@pytest.mark.parametrize(
    ("url", "secret", "found"),
    [
        ("http://127.0.0.1:8888/", "s", True),
        ("http://127.0.0.1:8888/", "", False),
        ("", "s", False),
        ("https://127.0.0.1:8888/", "s", False),
        ("http+unix://%2Ftmp%2Fx/", "s", False),
    ],
)
def test_a_server_is_found_in_the_environment(url: str, secret: str, found: bool) -> None:
    environment = {URL_VARIABLE: url, SECRET_VARIABLE: secret}
    assert (find_bridge(environment) is not None) is found
    assert find_bridge({}) is None


async def test_no_proxy_is_asked_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client = Bridge("http://10.255.255.1:8888/", "s")._client(1.0)
    found = client._ready()
    assert not found.trust_env and not found.follow_redirects
    url = httpx.URL("http://10.255.255.1:8888/")
    assert found._transport_for_url(url) is found._transport
    await client.aclose()
