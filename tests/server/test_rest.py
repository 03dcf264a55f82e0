"""REST: what goes in reaches the manager, what comes out is JSON, errors have their status."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("manager")


def body(response: Any) -> Any:
    return json.loads(response.body)


async def test_the_manager_is_made_at_the_first_request(manager: Any, browser: Any) -> None:
    assert not manager.started
    response = await browser.fetch("status")
    assert response.code == 200
    assert body(response)["modes"] == ["plan", "ask"]
    assert manager.started


async def test_a_session_is_created_listed_renamed_and_deleted(manager: Any, browser: Any) -> None:
    given = {"notebook_path": "a/b.ipynb", "model": "demo", "mode": "plan", "title": "T"}
    made = await browser.fetch("sessions", "POST", given)
    assert made.code == 201
    assert manager.called == [("create", given)]
    session_id = body(made)["id"]
    renamed = await browser.fetch(f"sessions/{session_id}", "PATCH", {"title": "New"})
    assert (renamed.code, renamed.body) == (204, b"")
    listed = await browser.fetch("sessions?notebook=a%2Fb.ipynb")
    assert [session["title"] for session in body(listed)["sessions"]] == ["New"]
    assert manager.called[-1] == ("sessions", "a/b.ipynb")
    assert (await browser.fetch(f"sessions/{session_id}", "DELETE")).code == 204
    assert body(await browser.fetch("sessions"))["sessions"] == []


async def test_sessions_are_searched(manager: Any, browser: Any) -> None:
    manager.add("s1")
    found = await browser.fetch("search?query=bill%20depth")
    assert body(found) == {"found": {"s1": "bill depth"}}
    assert (await browser.fetch(f"search?query={'x' * 501}")).code == 400


async def test_a_session_is_forked_and_exported(manager: Any, browser: Any) -> None:
    manager.add("s1").title = "Päper"
    forked = await browser.fetch("sessions/s1/fork", "POST", {"message_id": "m1"})
    assert (forked.code, body(forked)["id"]) == (201, "forked")
    await browser.fetch("sessions/s1/fork", "POST", {"message_id": "m2", "before": True})
    assert [call for call in manager.called if "fork" in call[0]] == [
        ("fork", "m1"),
        ("fork before", "m2"),
    ]
    exported = await browser.fetch("sessions/s1/export?format=markdown")
    assert exported.body.decode() == "# Päper\n"
    assert exported.headers["Content-Type"].startswith("text/markdown")
    notebook = await browser.fetch("sessions/s1/export?format=notebook")
    assert body(notebook)["cells"][0]["source"] == ["# Päper"]
    assert notebook.headers["Content-Type"].startswith("application/x-ipynb+json")
    assert (await browser.fetch("sessions/none/export?format=notebook")).code == 404
    assert (await browser.fetch("sessions/s1/export?format=exe")).code == 400


async def test_models_and_providers_are_listed(browser: Any) -> None:
    assert body(await browser.fetch("models"))["models"][0]["id"] == "demo"
    assert body(await browser.fetch("providers")) == {
        "providers": [{"name": "openai", "has_key": True}]
    }


async def test_providers_are_asked_only_when_that_is_wanted(manager: Any, browser: Any) -> None:
    for path in ("models", "models?live=0"):
        assert body(await browser.fetch(path))["failures"] == []
    live = body(await browser.fetch("models?live=1"))
    assert live["live"] is True
    assert live["failures"] == [{"provider": "openai", "label": "OpenAI", "message": "Down."}]
    assert (await browser.fetch("models?live=yes")).code == 400
    assert manager.access.asked_live == [False, False, True]


async def test_what_can_be_mentioned_is_listed(manager: Any, browser: Any) -> None:
    (manager.world.root / "a b.csv").touch()
    unnamed = body(await browser.fetch("variables"))
    assert (unnamed["variables"], unnamed["problem"]) == ([], "No notebook was named.")
    found = body(await browser.fetch("variables?notebook=a%20b.ipynb"))
    assert found["problem"] == "No kernel may be used here."
    assert body(await browser.fetch("files?query=a%20b")) == {"files": ["a b.csv"], "more": False}


async def test_what_a_person_says_of_a_model_is_kept_and_forgotten(
    manager: Any, browser: Any
) -> None:
    said = {"context_window": 8000}
    assert (await browser.fetch("models/openai%2Fgpt-x", "PATCH", said)).code == 204
    assert manager.called == [("say", ("openai/gpt-x", said))]
    assert (await browser.fetch("models/openai%2Fgpt-x", "DELETE")).code == 204
    assert manager.called[-1] == ("say", ("openai/gpt-x", None))


@pytest.mark.R(10)
async def test_a_key_goes_in_and_never_comes_out(manager: Any, browser: Any) -> None:
    saved = await browser.fetch("providers/openai", "PUT", {"key": "sk-canary"})
    assert (saved.code, saved.body) == (204, b"")
    assert manager.called == [("store", ("openai", "sk-canary", None))]
    for path in ("providers", "models", "status", "providers/openai"):
        assert b"sk-canary" not in (await browser.fetch(path)).body
    assert (await browser.fetch("providers/openai", "DELETE")).code == 204
    tested = await browser.fetch("providers/openai/test", "POST", {"model": "m"})
    assert body(tested) == {"ok": True, "message": "openai m False"}


async def test_a_providers_name_may_be_an_address(manager: Any, browser: Any) -> None:
    await browser.fetch("providers/https%3A%2F%2Fhost%2Fv1", "PUT", {"key": "k"})
    assert manager.called == [("store", ("https://host/v1", "k", None))]
    path = "providers/https%3A%2F%2Fhost%2Fv1/test"
    tested = body(await browser.fetch(path, "POST", {"key": "sk-canary"}))
    assert tested == {"ok": True, "message": "https://host/v1 None True"}


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("sessions/none", "PATCH"),
        ("sessions/none", "DELETE"),
        ("sessions/none/fork", "POST"),
        ("sessions/none/export", "GET"),
    ],
)
async def test_an_unknown_session_is_a_404_that_says_so(
    browser: Any, path: str, method: str
) -> None:
    sent = None if method in ("GET", "DELETE") else {"title": "x", "message_id": "m"}
    response = await browser.fetch(path, method, sent)
    assert response.code == 404
    assert body(response)["code"] == "unknown_session"
    assert body(response)["message"]


@pytest.mark.R(7)
async def test_another_owners_session_is_not_there(manager: Any, browser: Any) -> None:
    manager.add("theirs", owner="user:bob")
    assert (await browser.fetch("sessions/theirs", "DELETE")).code == 404
    assert body(await browser.fetch("sessions"))["sessions"] == []
    assert "theirs" in manager.kept


@pytest.mark.parametrize(
    ("sent", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"title": 5}', "application/json", 400),
        ("{}", "application/json", 400),
        ('{"title": "x"}', "text/plain", 415),
        ('{"title": "x"}', "", 415),
        ("title=x", "application/x-www-form-urlencoded", 415),
    ],
)
async def test_a_body_that_is_not_understood_is_refused(
    manager: Any, browser: Any, sent: str, content_type: str, status: int
) -> None:
    session = manager.add("s1")
    response = await browser.fetch(
        "sessions/s1", "PATCH", sent, Content_Type=content_type or "none/none"
    )
    assert response.code == status
    assert session.title == ""


async def test_a_mode_that_does_not_exist_is_refused(browser: Any) -> None:
    response = await browser.fetch("sessions", "POST", {"mode": "yolo"})
    assert response.code == 400
    assert body(response)["code"] == "bad_frame"


@pytest.mark.R(8)
async def test_answers_carry_the_headers_that_keep_them_data(browser: Any) -> None:
    for path in ("status", "sessions/none/export"):
        headers = (await browser.fetch(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


async def test_the_manager_is_closed_with_the_server(
    manager: Any, browser: Any, agent_app: Any
) -> None:
    await browser.fetch("status")
    await agent_app.stop_extension()
    assert manager.closed
