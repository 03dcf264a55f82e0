"""HTTP under an adapter: retries, deadlines, redirects, bodies, cancellation, keys."""

import asyncio
import gc
import logging
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from jupyter_agent.protocol.errors import Unauthorized
from jupyter_agent.protocol.messages import ImagePart, user_message
from jupyter_agent.protocol.models import Capabilities, Request, ToolDefinition
from jupyter_agent.providers._body import Timeouts
from jupyter_agent.providers.registry import ProviderSpec, make_provider

KEY = "sk-canary-0123456789abcdef"
REQUEST = Request(model="m", messages=(user_message("Hello"),))
ANSWER = (
    b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
QUICK = Timeouts(connect=2, first_event=0.4, gap=0.2)


@dataclass
class Server:
    """Answers on a real socket; `script` gets the reader and writer of each connection."""

    script: object
    connections: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            await self.script(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.closed.set()


@asynccontextmanager
async def serving(script):
    server = Server(script)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()


def head(status="200 OK", *lines):
    extra = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 {status}\r\nConnection: close\r\n{extra}\r\n".encode()


def provider(url, **more):
    spec = {"provider": "openai-compatible", "base_url": url, "api_key": KEY, "timeouts": QUICK}
    return make_provider(ProviderSpec(**{**spec, **more}))


def mocked(handler, **more):
    return provider("https://model.test/v1", transport=httpx.MockTransport(handler), **more)


async def events_of(made, request=REQUEST):
    try:
        return [event async for event in made.stream(request)]
    finally:
        await made.aclose()


def answers(*statuses, headers=None):
    """Answer with each status in turn, then well."""
    asked = []

    def handler(request):
        asked.append(request)
        if len(asked) <= len(statuses):
            default = {"retry-after-ms": "1"}
            return httpx.Response(statuses[len(asked) - 1], headers=headers or default)
        return httpx.Response(200, content=ANSWER)

    handler.asked = asked
    return handler


@pytest.mark.R(42)
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_seed_014_what_may_pass_is_tried_again(status):
    handler = answers(status, status)
    seen = []
    events = await events_of(mocked(handler, on_retry=lambda *told: seen.append(told)))
    assert events[-1].type == "done"
    assert len(handler.asked) == 3
    assert [told[0] for told in seen] == [1, 2]
    assert all(told[1] == 0.001 and told[2].status == status for told in seen)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_seed_014_what_stays_wrong_is_not_tried_again(status):
    handler = answers(status)
    events = await events_of(mocked(handler))
    assert [event.type for event in events] == ["error"]
    assert len(handler.asked) == 1


async def test_after_two_retries_it_is_an_error():
    handler = answers(500, 500, 500)
    [event] = await events_of(mocked(handler))
    assert (event.error.code, event.error.status) == ("overloaded", 500)
    assert len(handler.asked) == 3


async def test_the_server_may_forbid_or_demand_a_retry():
    handler = answers(500, headers={"x-should-retry": "false"})
    [event] = await events_of(mocked(handler))
    assert len(handler.asked) == 1 and not event.error.retryable
    handler = answers(400, headers={"x-should-retry": "true", "retry-after-ms": "1"})
    assert (await events_of(mocked(handler)))[-1].type == "done"


async def test_a_stop_between_retries_is_obeyed():
    retrying = asyncio.Event()
    handler = answers(429, headers={"retry-after": "60"})
    made = mocked(handler, on_retry=lambda *told: retrying.set())
    task = asyncio.create_task(events_of(made))
    await retrying.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert len(handler.asked) == 1


@pytest.mark.R(42)
async def test_after_the_first_event_nothing_is_tried_again():
    async def script(reader, writer):
        writer.write(head() + ANSWER[:50])

    async with serving(script) as server:
        events = await events_of(provider(server.url))
    assert [event.type for event in events] == ["text_delta", "error"]
    assert events[-1].error.code == "stream_interrupted"
    assert server.connections == 1


async def test_an_error_as_the_first_event_is_tried_again():
    bodies = [b'data: {"error":{"message":"overloaded","code":503}}\n\n', ANSWER]
    handler = lambda request: httpx.Response(200, content=bodies.pop(0))  # noqa: E731
    events = await events_of(mocked(handler))
    assert events[-1].type == "done"


@pytest.mark.R(41)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_refused_and_the_key_stays_here(status):
    asked = []

    def handler(request):
        asked.append(request.url.host)
        return httpx.Response(status, headers={"location": "https://evil.test/v1"})

    [event] = await events_of(mocked(handler))
    assert asked == ["model.test"]
    assert "redirects" in event.error.message


async def test_a_server_that_is_not_there_is_named():
    async with serving(None) as server:
        pass
    [event] = await events_of(provider(server.url, max_retries=0))
    assert event.error.code == "connection_failed"
    assert "127.0.0.1" in event.error.message and "running" in event.error.message


@pytest.mark.R(41)
async def test_an_untrusted_certificate_is_refused(tmp_path):
    context = ssl.create_default_context()
    assert context.verify_mode is ssl.CERT_REQUIRED

    def handler(request):
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")

    [event] = await events_of(mocked(handler))
    assert "certificate" in event.error.message and "CA bundle" in event.error.message


async def test_a_missing_ca_bundle_is_named():
    made = provider("https://model.test/v1", ca_bundle="/no/such/bundle.pem")
    [event] = await events_of(made)
    assert event.error.code == "connection_failed"
    assert "/no/such/bundle.pem" in event.error.message


async def test_headers_that_never_come_time_out():
    async def script(reader, writer):
        await asyncio.sleep(30)

    async with serving(script) as server:
        [event] = await asyncio.wait_for(events_of(provider(server.url, max_retries=0)), 10)
    assert event.error.code == "timed_out"
    assert "did not begin" in event.error.message


async def test_silence_in_the_middle_times_out():
    async def script(reader, writer):
        writer.write(head() + ANSWER[:50])
        await writer.drain()
        await asyncio.sleep(30)

    async with serving(script) as server:
        events = await asyncio.wait_for(events_of(provider(server.url)), 10)
    assert [event.type for event in events] == ["text_delta", "error"]
    assert "silent" in events[-1].error.message


@pytest.mark.parametrize("drip", [b"x", b": still here\n"])
async def test_a_drip_that_says_nothing_does_not_keep_the_stream(drip):
    async def script(reader, writer):
        writer.write(head() + ANSWER[:50])
        while True:
            writer.write(drip)
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(script) as server:
        events = await asyncio.wait_for(events_of(provider(server.url)), 10)
    assert events[-1].error.code == "timed_out"


async def test_a_reader_that_takes_its_time_is_not_the_servers_fault():
    async def script(reader, writer):
        for at in range(0, len(ANSWER), 60):
            writer.write((head() if at == 0 else b"") + ANSWER[at : at + 60])
            await writer.drain()

    async with serving(script) as server:
        made = provider(server.url)
        kinds = []
        async for event in made.stream(REQUEST):
            kinds.append(event.type)
            await asyncio.sleep(QUICK.gap * 2)
        await made.aclose()
    assert kinds == ["text_delta", "done"]


async def test_seed_011_closing_the_stream_closes_the_connection():
    async def script(reader, writer):
        writer.write(head() + ANSWER[:50])
        await writer.drain()
        await reader.read()  # returns when the client is gone

    async with serving(script) as server:
        made = provider(server.url, timeouts=Timeouts())
        stream = made.stream(REQUEST)
        assert (await anext(stream)).type == "text_delta"
        await stream.aclose()
        await asyncio.wait_for(server.closed.wait(), 5)
        await made.aclose()


async def test_seed_012_cancelling_closes_the_connection():
    asked = asyncio.Event()

    async def script(reader, writer):
        writer.write(head() + b": hello\n")
        await writer.drain()
        asked.set()
        await reader.read()

    async with serving(script) as server:
        task = asyncio.create_task(events_of(provider(server.url, timeouts=Timeouts())))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.closed.wait(), 5)


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", None])
async def test_the_content_type_does_not_matter(kind):
    headers = {"content-type": kind} if kind else {}
    made = mocked(lambda request: httpx.Response(200, content=ANSWER, headers=headers))
    assert (await events_of(made))[-1].type == "done"


async def test_no_compression_is_asked_and_its_header_is_not_believed():
    async def script(reader, writer):
        writer.write(head("200 OK", "Content-Encoding: gzip") + ANSWER)

    async with serving(script) as server:
        assert (await events_of(provider(server.url)))[-1].type == "done"
    handler = answers()
    await events_of(mocked(handler))
    assert handler.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b'{"error":{"message":"No such thing"}}', "bad_request", "No such thing"),
        (b"<!doctype html><p>Log in</p>", "parse_failed", "web page"),
        (b"hello", "parse_failed", "not a model's answer"),
        (b"", "stream_interrupted", "cut off"),
        (b'{"choices":[{"delta"', "stream_interrupted", "cut off"),
    ],
)
async def test_what_is_no_stream_at_status_200_is_an_error(body, code, words):
    made = mocked(lambda request: httpx.Response(200, content=body), max_retries=0)
    [event] = await events_of(made)
    assert event.error.code == code
    assert words in event.error.message


async def test_a_whole_answer_from_a_server_that_does_not_stream_is_taken():
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
    events = await events_of(mocked(lambda request: httpx.Response(200, json=body)))
    assert events[-1].response.message.text == "Hi"


@pytest.mark.R(9)
async def test_seed_061_the_key_is_in_no_repr_error_or_log(caplog):
    caplog.set_level(logging.DEBUG)
    echo = {"error": {"message": f"bad key {KEY} in {KEY[:20]}…"}}
    for status in (400, 401, 429, 500):
        made = mocked(lambda request, s=status: httpx.Response(s, json=echo), max_retries=0)
        [event] = await events_of(made)
        assert KEY not in repr(made) + repr(made.endpoint) + repr(event)
    spec = ProviderSpec(provider="openai", api_key=KEY, headers={"x-key": KEY})
    assert KEY not in repr(spec)
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", ["ключ", "two\nlines", "nul\x00"])
async def test_a_key_that_cannot_be_sent_is_said_so(key):
    [event] = await events_of(provider("http://127.0.0.1:9/v1", api_key=key))
    assert event.error.code == "bad_request"
    assert "characters" in event.error.message and key not in event.error.message


async def test_seed_057_guards_come_before_any_network():
    def handler(request):
        raise AssertionError("nothing may be sent")

    able = Capabilities(streaming=True)
    image = ImagePart(media_type="image/png", data="AAAA")
    tool = ToolDefinition(name="t", description="", parameters={})
    for request in (
        Request(model="m", messages=(user_message("x", image),)),
        Request(model="m", messages=(user_message("x"),), tools=(tool,)),
    ):
        [event] = await events_of(mocked(handler, capabilities=able), request)
        assert event.error.code == "unsupported_capability"


def test_a_provider_may_be_used_from_one_loop_after_another():
    made = mocked(lambda request: httpx.Response(200, content=ANSWER))

    async def ask():
        return [event async for event in made.stream(REQUEST)]

    for _ in range(2):
        assert asyncio.run(ask())[-1].type == "done"
    gc.collect()


async def test_user_headers_are_sent_and_win():
    handler = answers()
    await events_of(mocked(handler, headers={"Authorization": "Custom", "x-team": "a"}))
    assert handler.asked[0].headers["authorization"] == "Custom"
    assert handler.asked[0].headers["x-team"] == "a"


async def test_models_are_listed_and_errors_are_raised():
    rows = {"data": [{"id": "a", "context_length": 100}, {"id": 3}, "x"]}
    made = mocked(lambda request: httpx.Response(200, json=rows))
    [model] = await made.list_models()
    assert (model.id, model.context_window) == ("openai-compatible/a", 100)
    with pytest.raises(Unauthorized):
        await mocked(lambda request: httpx.Response(401)).list_models()
