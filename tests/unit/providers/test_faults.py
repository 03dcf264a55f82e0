"""What goes wrong on the way: certificates, proxies, names. Real sockets on this machine."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone

import pytest
import trustme

from jupyter_agent.protocol.errors import ProviderError
from jupyter_agent.protocol.messages import user_message
from jupyter_agent.protocol.models import Request
from jupyter_agent.providers._body import Timeouts
from jupyter_agent.providers._faults import proxy_for, shown
from jupyter_agent.providers.registry import ProviderSpec, make_provider

NOW = datetime.now(timezone.utc)
DAY = timedelta(days=1)


@asynccontextmanager
async def serving(answer, tls=None):
    """Serve one answer to whatever is asked; yields the port."""

    async def serve(reader, writer):
        try:
            await reader.read(1 << 16)
            writer.write(answer)
            await writer.drain()
        except OSError:
            pass  # the client has seen enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


LIST = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 26\r\n"
    b'Connection: close\r\n\r\n{"data": [{"id": "tiny"}]}'
)


async def fault(base_url, **more):
    """Return the error of asking for the models, None when there is none."""
    provider = make_provider(
        ProviderSpec(
            provider="openai-compatible",
            base_url=base_url,
            max_retries=0,
            timeouts=Timeouts(connect=2, first_event=2),
            **more,
        )
    )
    try:
        await provider.list_models()
    except ProviderError as error:
        assert error.code == "connection_failed"
        return error
    finally:
        await provider.aclose()
    return None


def context(leaf):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(made)
    return made


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def bundle(authority, tmp_path):
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return str(file)


async def test_an_authority_of_ones_own_is_named_and_accepted(authority, bundle):
    async with serving(LIST, context(authority.issue_cert("127.0.0.1"))) as port:
        url = f"https://127.0.0.1:{port}/v1"
        error = await fault(url)
        assert "authority is not known" in error.user_message
        assert "ca_bundle" in error.user_message and "SSL_CERT_FILE" in error.user_message
        assert error.details == {"fault": "certificates"} and not error.retryable
        assert await fault(url, ca_bundle=bundle) is None


async def test_a_self_signed_certificate_is_called_that(authority, tmp_path):
    file = tmp_path / "own.pem"
    authority.private_key_pem.write_to_path(file)
    authority.cert_pem.write_to_path(file, append=True)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(file)
    async with serving(LIST, own) as port:
        error = await fault(f"https://127.0.0.1:{port}/v1")
    assert "self-signed" in error.user_message and "ca_bundle" in error.user_message


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        ({"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, ("expired", "clock")),
        ({"not_before": NOW + DAY, "not_after": NOW + 9 * DAY}, ("not valid yet", "clock")),
    ],
    ids=["expired", "not yet valid"],
)
async def test_dates_point_to_the_clock(authority, bundle, dates, words):
    async with serving(LIST, context(authority.issue_cert("127.0.0.1", **dates))) as port:
        error = await fault(f"https://127.0.0.1:{port}/v1", ca_bundle=bundle)
    assert all(word in error.user_message for word in words)


async def test_a_certificate_of_another_name(authority, bundle):
    async with serving(LIST, context(authority.issue_cert("elsewhere.test"))) as port:
        error = await fault(f"https://127.0.0.1:{port}/v1", ca_bundle=bundle)
    assert "another name" in error.user_message


async def test_certificates_that_cannot_be_read(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    error = await fault("https://127.0.0.1:9/v1")
    assert "SSL_CERT_FILE" in error.user_message and error.details == {"fault": "certificates"}


async def test_https_to_a_server_that_speaks_http():
    async with serving(LIST) as port:
        error = await fault(f"https://127.0.0.1:{port}/v1")
    assert "http://" in error.user_message and error.details == {"fault": "address"}


async def test_nobody_there():
    async with serving(LIST) as port:
        pass
    error = await fault(f"http://127.0.0.1:{port}/v1")
    assert "Is the server running" in error.user_message


async def test_a_proxy_that_is_not_there_is_at_fault_and_not_the_server():
    async with serving(LIST) as port:
        pass
    proxy = f"http://me:secret@127.0.0.1:{port}"
    error = await fault("https://models.test/v1", proxy=proxy)
    assert f"http://127.0.0.1:{port}" in error.user_message
    assert "secret" not in error.user_message
    assert error.details == {"fault": "proxy"}


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_password(scheme):
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with serving(refusal) as port:
        error = await fault(f"{scheme}://models.test/v1", proxy=f"http://127.0.0.1:{port}")
    assert "user name and a password" in error.user_message


async def test_a_proxy_that_refuses():
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    async with serving(refusal) as port:
        error = await fault("https://models.test/v1", proxy=f"http://127.0.0.1:{port}")
    assert "refused the connection" in error.user_message and "403" in error.user_message


@pytest.mark.parametrize("proxy", ["ftp://127.0.0.1:1", "socks5://127.0.0.1:1", "127.0.0.1:1"])
async def test_a_proxy_setting_that_cannot_work_is_an_error_event(proxy):
    spec = ProviderSpec(
        provider="openai-compatible",
        base_url="https://models.test/v1",
        proxy=proxy,
        max_retries=0,
    )
    provider = make_provider(spec)
    request = Request(model="m", messages=(user_message("x"),))
    [event] = [event async for event in provider.stream(request)]
    assert event.error.code == "connection_failed" and "proxy" in event.error.message


def test_which_proxy_a_call_goes_through(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    assert proxy_for("https://models.test/v1", None) is None
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy.test:3128")
    monkeypatch.setenv("no_proxy", "inside.test")
    assert proxy_for("https://models.test/v1", None) == "http://me:secret@proxy.test:3128"
    assert proxy_for("https://inside.test/v1", None) is None
    assert proxy_for("http://models.test/v1", None) is None
    assert proxy_for("https://127.0.0.1:1/v1", None) is None
    assert proxy_for("https://models.test/v1", "http://other:1") == "http://other:1"
    assert shown("http://me:secret@proxy.test:3128") == "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Wed, 21 Oct 2015 07:28:00 GMT", True),
        ("Wed, 21 Oct 2115 07:28:00 GMT", False),
        ("nonsense", None),
        ("Wed, 21 Oct 99999999999 07:28:00 +99999999999", None),
        ("Wed, 21 Oct 2015 07:28:00", None),
        (None, None),
    ],
)
async def test_the_servers_clock_is_known_after_an_answer(date, ahead):
    line = f"Date: {date}\r\n".encode() if date else b""
    async with serving(LIST.replace(b"Connection", line + b"Connection")) as port:
        url = f"http://127.0.0.1:{port}/v1"
        provider = make_provider(ProviderSpec(provider="openai-compatible", base_url=url))
        assert provider.clock_ahead is None
        await provider.list_models()
        await provider.aclose()
    found = provider.clock_ahead
    assert (found is None) if ahead is None else (found > 0) == ahead
