"""R3: forged requests. A page elsewhere, with the person's cookies, changes and reads nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

WRITES = [
    ("sessions", "POST", {"title": "x"}),
    ("sessions/s1", "PATCH", {"title": "x"}),
    ("sessions/s1", "DELETE", None),
    ("sessions/s1/fork", "POST", {"message_id": "m"}),
    ("providers/openai", "PUT", {"key": "k"}),
    ("providers/openai", "DELETE", None),
    ("providers/openai/test", "POST", {}),
]
READS = ["status", "models", "sessions", "sessions/s1/export", "providers"]

FOREIGN = [
    "null",
    "http://evil.example",
    "https://evil.example",
    "http://{host}.evil.example",
    "http://evil.example/{host}",
    "http://evil-{host}",
    "http://{host}@evil.example",
    "http://127.0.0.1:1",
    "http://localhost:1",
    "http://[::1]:1",
    "file://",
    "chrome-extension://abcdef",
    "data:text/html,x",
]

# What a forged request lacks or gets wrong; each alone must be enough.
TAMPERED: list[tuple[str, dict[str, str]]] = [
    ("no token", {}),
    ("an empty token", {"X_XSRFToken": ""}),
    ("a token of one's own", {"X_XSRFToken": "a"}),
    ("a token of the right shape", {"X_XSRFToken": "2|aaaaaaaa|" + "b" * 32 + "|1700000000"}),
    ("as a form", {"Content_Type": "application/x-www-form-urlencoded"}),
    ("as plain text", {"Content_Type": "text/plain"}),
    ("as a file", {"Content_Type": "multipart/form-data; boundary=x"}),
    ("not for a page", {"Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Site": "cross-site"}),
    ("as a script's", {"X_Requested_With": "XMLHttpRequest"}),
]


@pytest.fixture
def session(manager: Any) -> Any:
    return manager.add("s1")


def untouched(manager: Any) -> bool:
    return list(manager.kept) == ["s1"] and manager.kept["s1"].title == "" and not manager.called


@pytest.mark.R(3)
@pytest.mark.parametrize("request_", WRITES, ids=lambda request: " ".join(request[1::-1]))
async def test_a_foreign_origin_changes_nothing(
    session: Any, manager: Any, browser: Any, request_: tuple[str, str, Any]
) -> None:
    path, method, body = request_
    for pattern in FOREIGN:
        origin = pattern.format(host=browser.host)
        response = await browser.fetch(path, method, body, Origin=origin)
        assert response.code in (403, 404), origin
        assert response.headers.get("Access-Control-Allow-Origin") is None, origin
    assert untouched(manager)


@pytest.mark.R(3)
@pytest.mark.parametrize("request_", WRITES, ids=lambda request: " ".join(request[1::-1]))
async def test_a_request_without_the_pages_token_changes_nothing(
    session: Any, manager: Any, browser: Any, request_: tuple[str, str, Any]
) -> None:
    path, method, body = request_
    for what, headers in TAMPERED:
        response = await browser.fetch(path, method, body, xsrf=False, **headers)
        # 400: tornado finds the multipart body malformed before anybody looks at the token.
        assert response.code in (400, 403), what
    assert untouched(manager)


@pytest.mark.R(3)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
async def test_only_json_is_read_even_with_the_pages_token(
    session: Any, manager: Any, browser: Any, content_type: str
) -> None:
    for path, method, body in WRITES:
        if body:
            response = await browser.fetch(path, method, body, Content_Type=content_type)
            assert response.code == 415, path
    assert untouched(manager)


@pytest.mark.R(3)
@pytest.mark.parametrize("path", READS)
async def test_a_foreign_page_reads_nothing(session: Any, browser: Any, path: str) -> None:
    for pattern in FOREIGN:
        origin = pattern.format(host=browser.host)
        response = await browser.fetch(path, Origin=origin)
        assert response.code in (403, 404), origin
        assert response.headers.get("Access-Control-Allow-Origin") is None


@pytest.mark.R(3)
async def test_a_foreign_page_opens_no_socket(manager: Any, browser: Any) -> None:
    for pattern in FOREIGN:
        with pytest.raises(HTTPClientError, match="403"):
            await browser.open(Origin=pattern.format(host=browser.host))
    assert not manager.watchers


async def test_the_servers_own_page_may(session: Any, manager: Any, browser: Any) -> None:
    """The control: the same requests from the right page go through."""
    origin = f"http://{browser.host}"
    for path in READS:
        assert (await browser.fetch(path, Origin=origin)).code == 200
    for path, method, body in WRITES:
        if method != "DELETE":
            response = await browser.fetch(path, method, body, Origin=origin)
            assert response.code in (200, 201, 204), path
