"""Two users of a hub: each has the agent under the hub's prefix, and neither reaches the other's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
from playwright.sync_api import Browser, expect
from real_lab import choose_model, panel_state, say, wait_until

pytestmark = pytest.mark.timeout(240)

API = "jupyter-agent/api"
SESSIONS = f"{API}/sessions"
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def write_notebook(home: Path) -> Path:
    file = home / "work.ipynb"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(metadata=metadata), file)
    return file


@pytest.mark.parametrize("user", ["ada", "bob"])
def test_an_approval_counts_with_the_hubs_cookie(hub: Any, browser: Browser, user: str) -> None:
    hub.client(user).close()  # has the server started
    file = write_notebook(hub.homes / user)
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"{hub.url}/hub/login")
    page.fill("input[name='username']", user)
    page.fill("input[name='password']", "x")
    page.click("#login_submit")
    page.wait_for_url(f"**/user/{user}/**")
    page.goto(f"{hub.url}/user/{user}/lab/tree/work.ipynb?reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.locator(".jp-Agent-panel").wait_for()
    choose_model(page, "script/cells")
    say(page, "Go on.")
    for code in ("mark_0 = 0", "mark_1 = 1"):
        approval = page.locator(".jp-Agent-approval", has_text=code)
        approval.locator("[data-action='allow-once']").click()
        approval.wait_for(state="detached")
    panel_state(page, "idle")
    expect(page.locator(".jp-Agent-message[data-role='assistant']").last).to_contain_text("ran")
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells.filter(has_text="mark_1 = 1").locator(".jp-InputPrompt")).to_have_text("[2]:")
    wait_until(lambda: "mark_1 = 1" in file.read_text(), what="the saved cells")
    context.close()


@pytest.fixture(scope="module")
def ada(hub: Any) -> Iterator[httpx.Client]:
    client = hub.client("ada")
    yield client
    client.close()


@pytest.fixture(scope="module")
def session(ada: httpx.Client) -> str:
    """The id of a session of Ada's."""
    made = ada.post(f"/user/ada/{SESSIONS}", json={"notebook_path": "own.ipynb"}, headers=xsrf(ada))
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def xsrf(client: httpx.Client) -> dict[str, str]:
    """Return the header with which a page of a user's server shows that it is one."""
    tokens = [c.value for c in client.cookies.jar if c.name == "_xsrf" and "/user/" in c.path]
    return {"X-XSRFToken": str(tokens[0])}


def sessions(client: httpx.Client, user: str) -> list[str]:
    found = client.get(f"/user/{user}/{SESSIONS}")
    return [one["id"] for one in found.raise_for_status().json()["sessions"]]


def test_the_hubs_cookie_alone_changes_nothing(ada: httpx.Client, session: str) -> None:
    """A page of another site has the browser send the cookie, but cannot read the XSRF token."""
    address = f"/user/ada/{SESSIONS}/{session}"
    assert ada.delete(address).status_code == 403
    assert session in sessions(ada, "ada")
    socket = ada.get(f"/user/ada/{API}/socket", headers=HANDSHAKE | {"Origin": "http://evil.test"})
    assert socket.status_code == 403


def test_nobody_else_reaches_a_users_agent(hub: Any, ada: httpx.Client, session: str) -> None:
    with closing(hub.client("bob")) as bob, closing(hub.client(None)) as nobody:
        assert session not in sessions(bob, "bob")
        own = f"/user/bob/{SESSIONS}/{session}"
        assert bob.get(f"{own}/export").status_code == 404
        for client, headers in ((bob, xsrf(bob)), (nobody, {}), (nobody, xsrf(ada))):
            for address in (SESSIONS, f"{SESSIONS}/{session}/export", f"{API}/status"):
                refused(client, "GET", f"/user/ada/{address}", headers)
            refused(client, "GET", f"/user/ada/{API}/socket", headers | HANDSHAKE)
            refused(client, "DELETE", f"/user/ada/{SESSIONS}/{session}", headers)
    assert session in sessions(ada, "ada")


def refused(client: httpx.Client, method: str, address: str, headers: dict[str, str]) -> None:
    """Check that a request ends at a refusal or at the hub's login, with nothing of the agent."""
    found = client.request(method, address, headers=headers)
    login = "/hub/login" in str(found.url) and 'name="password"' in found.text
    assert found.status_code in (401, 403) or login, (address, found.status_code, found.text)
