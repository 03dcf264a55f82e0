"""Calls to tabs: the right one is asked, answers come back, and a tab that goes fails its calls."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_agent.notebook.frontend import TabGone
from jupyter_agent.protocol.errors import ErrorInfo, StaleCells
from jupyter_agent.protocol.frames import OpenNotebook, RpcProgress, RpcResult
from jupyter_agent.server.browser import Tabs


class FakeTab:
    """A tab that notes what it is sent."""

    def __init__(self, owner: str = "local") -> None:
        self.owner = owner
        self.sent: list[dict[str, Any]] = []
        self.asked = asyncio.Event()

    def send(self, frame: bytes) -> None:
        self.sent.append(json.loads(frame))
        self.asked.set()


def tab(tabs: Tabs, focused_at: int = 0, path: str = "n.ipynb", owner: str = "local") -> FakeTab:
    made = FakeTab(owner)
    tabs.join(made)
    tabs.set_notebooks(made, [OpenNotebook(path=path, focused_at=focused_at)])
    return made


def ask(tabs: Tabs, owner: str | None = None, **more: Any) -> asyncio.Task[Any]:
    call = tabs.for_owner(owner).call(
        "n.ipynb", "notebook.read", {"path": "n.ipynb"}, op_id="op", **{"deadline": 5.0, **more}
    )
    return asyncio.ensure_future(call)


async def test_the_tab_focused_last_is_asked() -> None:
    tabs = Tabs()
    tab(tabs, focused_at=5)
    owner = tab(tabs, focused_at=9)
    tab(tabs, focused_at=7)
    tab(tabs, focused_at=99, path="other.ipynb")
    task = ask(tabs)
    await owner.asked.wait()
    [call] = owner.sent
    assert (call["type"], call["method"], call["op_id"]) == ("rpc", "notebook.read", "op")
    assert call["params"] == {"path": "n.ipynb"}
    tabs.answered(owner, RpcResult(id=call["id"], result={"cells": []}))
    assert await task == {"cells": []}


def ask_for(tabs: Tabs, session: str, method: str = "notebook.read") -> asyncio.Task[Any]:
    call = tabs.for_owner("local", session).call(
        "n.ipynb", method, {"path": "n.ipynb"}, op_id="op", deadline=5.0
    )
    return asyncio.ensure_future(call)


async def answer(tabs: Tabs, one: FakeTab, task: asyncio.Task[Any]) -> None:
    await one.asked.wait()
    tabs.answered(one, RpcResult(id=one.sent[-1]["id"], result="done"))
    assert await task == "done"


async def test_the_tab_that_asked_acts_whichever_was_focused_since() -> None:
    tabs = Tabs()
    first, second = tab(tabs, focused_at=1), tab(tabs, focused_at=9)
    tabs.asked(first, "s1")
    await answer(tabs, first, ask_for(tabs, "s1"))
    await answer(tabs, second, ask_for(tabs, "s2"))
    # Without the notebook it is no use, and once it is gone it is forgotten.
    tabs.set_notebooks(first, [])
    second.asked.clear()
    await answer(tabs, second, ask_for(tabs, "s1"))
    tabs.set_notebooks(first, [OpenNotebook(path="n.ipynb")])
    tabs.leave(first, returns=False)
    second.asked.clear()
    await answer(tabs, second, ask_for(tabs, "s1"))


async def test_the_tab_that_asked_is_the_same_after_a_reconnect() -> None:
    tabs = Tabs()
    first = await returned(tabs, "page", "n.ipynb")
    tab(tabs, focused_at=9)
    tabs.asked(first, "s1")
    tabs.leave(first)
    again = await returned(tabs, "page", "n.ipynb")
    await answer(tabs, again, ask_for(tabs, "s1"))


async def test_other_tabs_are_told_of_a_change_and_of_nothing_else() -> None:
    tabs = Tabs()
    other, elsewhere = tab(tabs, owner="user:ada"), tab(tabs, path="other.ipynb")
    acting = tab(tabs, focused_at=9)
    tabs.asked(acting, "s1")
    await answer(tabs, acting, ask_for(tabs, "s1"))
    assert other.sent == []
    acting.asked.clear()
    await answer(tabs, acting, ask_for(tabs, "s1", "notebook.apply"))
    [told] = other.sent
    assert (told["method"], told["params"]) == ("notebook.saved_elsewhere", {"path": "n.ipynb"})
    assert elsewhere.sent == [] and len(acting.sent) == 2


async def test_of_tabs_never_focused_the_latest_is_asked() -> None:
    tabs = Tabs()
    tab(tabs)
    latest = tab(tabs)
    task = ask(tabs)
    await latest.asked.wait()
    tabs.answered(latest, RpcResult(id=latest.sent[0]["id"]))
    assert await task is None


async def test_without_a_tab_the_call_fails_at_once() -> None:
    tabs = Tabs()
    with pytest.raises(TabGone):
        await ask(tabs)
    closed = tab(tabs)
    assert tabs.for_owner(None).has_tab("n.ipynb")
    tabs.set_notebooks(closed, [])
    assert not tabs.for_owner(None).has_tab("n.ipynb")
    with pytest.raises(TabGone):
        await ask(tabs)


async def test_a_tab_that_goes_fails_its_calls_at_once_and_no_others() -> None:
    tabs = Tabs()
    going, staying = tab(tabs, focused_at=2), tab(tabs, focused_at=1, owner="user:ada")
    lost, kept = ask(tabs), ask(tabs, owner="user:ada")
    await going.asked.wait()
    await staying.asked.wait()
    tabs.leave(going)
    with pytest.raises(TabGone):
        await lost
    tabs.answered(staying, RpcResult(id=staying.sent[0]["id"], result=1))
    assert await kept == 1


async def returned(tabs: Tabs, page: str, *paths: str, owner: str = "local") -> FakeTab:
    """Connect a page again, and say what it has open."""
    made = FakeTab(owner)
    tabs.join(made)
    tabs.set_notebooks(made, [OpenNotebook(path=path) for path in paths], page)
    return made


async def test_a_call_is_repeated_on_the_socket_a_page_comes_back_with() -> None:
    tabs = Tabs()
    first = await returned(tabs, "page", "n.ipynb")
    other = tab(tabs)
    tabs.set_notebooks(first, [OpenNotebook(path="n.ipynb", focused_at=9)], "page")
    news: list[Any] = []
    task = ask(tabs, on_progress=news.append)
    await first.asked.wait()
    tabs.leave(first)
    assert tabs.for_owner(None).has_tab("n.ipynb")
    again = await returned(tabs, "page", "n.ipynb")
    await again.asked.wait()
    assert other.sent == [], "another page would act a second time"
    [before], [call] = first.sent, again.sent
    assert (call["op_id"], call["params"]) == (before["op_id"], before["params"])
    tabs.progressed(again, RpcProgress(id=call["id"], data="repeated"))
    tabs.answered(first, RpcResult(id=before["id"], result="late"))
    tabs.answered(again, RpcResult(id=call["id"], result="once"))
    assert await task == "once" and news == ["repeated"]


async def test_a_page_whose_old_socket_is_not_known_to_be_lost_gets_its_calls_on_the_new() -> None:
    tabs = Tabs()
    first = await returned(tabs, "page", "n.ipynb")
    task = ask(tabs)
    await first.asked.wait()
    again = await returned(tabs, "page", "n.ipynb")
    await again.asked.wait()
    tabs.leave(first)
    tabs.answered(again, RpcResult(id=again.sent[0]["id"], result=1))
    assert await task == 1
    assert tabs.for_owner(None).has_tab("n.ipynb")


async def test_a_page_is_waited_for_so_long_and_no_longer() -> None:
    tabs = Tabs(patience=0.05)
    gone = await returned(tabs, "page", "n.ipynb")
    tabs.leave(gone)
    with pytest.raises(TabGone):
        await ask(tabs)
    assert not tabs.for_owner(None).has_tab("n.ipynb")


async def test_a_page_that_was_closed_is_not_waited_for() -> None:
    tabs = Tabs()
    closed = await returned(tabs, "page", "n.ipynb")
    task = ask(tabs)
    await closed.asked.wait()
    tabs.leave(closed, returns=False)
    with pytest.raises(TabGone):
        await task
    assert not tabs.for_owner(None).has_tab("n.ipynb")


async def test_a_notebook_closed_while_the_page_was_away_is_closed() -> None:
    tabs = Tabs()
    first = await returned(tabs, "page", "n.ipynb", "m.ipynb")
    task = ask(tabs)
    await first.asked.wait()
    tabs.leave(first)
    again = await returned(tabs, "page", "m.ipynb")
    with pytest.raises(TabGone):
        await task
    assert again.sent == []


@pytest.mark.R(7)
async def test_nobody_takes_another_persons_place_by_its_name() -> None:
    tabs = Tabs()
    tabs.leave(await returned(tabs, "page", "n.ipynb", owner="user:bob"))
    await returned(tabs, "page", "n.ipynb", owner="user:eve")
    task = ask(tabs, owner="user:bob")
    back = await returned(tabs, "page", "n.ipynb", owner="user:bob")
    await back.asked.wait()
    tabs.answered(back, RpcResult(id=back.sent[0]["id"], result="bob's"))
    assert await task == "bob's"


async def test_two_names_of_one_file_are_one_notebook(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text("")
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "n.ipynb")
    tabs = Tabs(tmp_path)
    asked = tab(tabs, path="link.ipynb")
    task = ask(tabs)
    await asked.asked.wait()
    # The tab knows it by the name it was opened with.
    assert asked.sent[0]["params"] == {"path": "link.ipynb"}
    tabs.answered(asked, RpcResult(id=asked.sent[0]["id"], result={}))
    await task
    assert not tabs.for_owner(None).has_tab("other.ipynb")


async def test_a_notebook_that_only_others_have_open_is_known(tmp_path: Path) -> None:
    tabs = Tabs()
    ada = tabs.for_owner("user:ada")
    assert not ada.only_others_have("n.ipynb")
    tab(tabs, owner="user:bob")
    assert ada.only_others_have("n.ipynb")
    assert not tabs.for_owner("user:bob").only_others_have("n.ipynb")
    tab(tabs, owner="user:ada")
    assert not ada.only_others_have("n.ipynb")


async def test_an_error_of_the_tab_is_raised_as_ours() -> None:
    tabs = Tabs()
    asked = tab(tabs)
    task = ask(tabs)
    await asked.asked.wait()
    error = ErrorInfo(code="STALE_CELL", message="Changed.", details={"cells": {"c1": "x = 1"}})
    tabs.answered(asked, RpcResult(id=asked.sent[0]["id"], error=error))
    with pytest.raises(StaleCells) as caught:
        await task
    assert caught.value.details == {"cells": {"c1": "x = 1"}}


async def test_progress_reaches_the_caller() -> None:
    tabs = Tabs()
    asked, other = tab(tabs, focused_at=1), tab(tabs)
    news: list[Any] = []
    task = ask(tabs, on_progress=news.append)
    await asked.asked.wait()
    call_id = asked.sent[0]["id"]
    tabs.progressed(asked, RpcProgress(id=call_id, data={"state": "sent"}))
    tabs.progressed(other, RpcProgress(id=call_id, data="forged"))
    tabs.progressed(asked, RpcProgress(id="unknown", data="stray"))
    tabs.answered(asked, RpcResult(id=call_id))
    await task
    assert news == [{"state": "sent"}]


async def test_one_tab_cannot_answer_for_another() -> None:
    tabs = Tabs()
    other, asked = tab(tabs), tab(tabs, focused_at=1)
    task = ask(tabs)
    await asked.asked.wait()
    call_id = asked.sent[0]["id"]
    tabs.answered(other, RpcResult(id=call_id, result="forged"))
    tabs.answered(asked, RpcResult(id=call_id, result="true"))
    tabs.answered(asked, RpcResult(id=call_id, result="again"))
    assert await task == "true"


async def test_a_tab_that_does_not_answer_is_given_up_at_the_deadline() -> None:
    tabs = Tabs()
    asked = tab(tabs)
    with pytest.raises(asyncio.TimeoutError):
        await ask(tabs, deadline=0.01)
    tabs.answered(asked, RpcResult(id=asked.sent[0]["id"], result="late"))


@pytest.mark.R(7)
async def test_an_owners_agent_sees_only_that_owners_tabs() -> None:
    tabs = Tabs()
    tab(tabs, focused_at=9, owner="user:bob")
    assert tabs.for_owner("user:bob").has_tab("n.ipynb")
    assert not tabs.for_owner("user:ada").has_tab("n.ipynb")
    with pytest.raises(TabGone):
        await ask(tabs, owner="user:ada")


async def test_a_notebook_is_opened_in_the_tab_used_last() -> None:
    tabs = Tabs()
    channel = tabs.for_owner("local")
    assert await channel.open("new.ipynb") is False
    tab(tabs, focused_at=1)
    latest = tab(tabs, focused_at=2, path="other.ipynb")
    task = asyncio.ensure_future(channel.open("new.ipynb"))
    await latest.asked.wait()
    call = latest.sent[0]
    assert (call["method"], call["params"]) == ("notebook.open", {"path": "new.ipynb"})
    tabs.answered(latest, RpcResult(id=call["id"], result={}))
    assert await task is True
    assert channel.has_tab("new.ipynb")


async def test_a_tab_that_cannot_open_it_is_no_error() -> None:
    tabs = Tabs()
    asked = tab(tabs)
    task = asyncio.ensure_future(tabs.for_owner("local").open("new.ipynb"))
    await asked.asked.wait()
    error = ErrorInfo(code="NOTEBOOK_MISSING", message="Not there.")
    tabs.answered(asked, RpcResult(id=asked.sent[0]["id"], error=error))
    assert await task is False
    assert not tabs.for_owner("local").has_tab("new.ipynb")


async def test_calls_travel_over_a_real_socket(
    manager: Any, browser: Any, agent_app: Any, until: Any
) -> None:
    client = await browser.open()
    await client.welcome()
    channel = agent_app.tabs.for_owner("local")
    await client.send({"type": "notebooks", "notebooks": [{"path": "n.ipynb", "focused_at": 1}]})
    await until(lambda: channel.has_tab("n.ipynb"))
    call = asyncio.ensure_future(
        channel.call("n.ipynb", "notebook.save", {"path": "n.ipynb"}, op_id="o", deadline=10)
    )
    frame = await client.read_until("rpc")
    await client.send({"type": "rpc_result", "id": frame["id"], "result": {"saved": True}})
    assert await call == {"saved": True}
    call = asyncio.ensure_future(
        channel.call("n.ipynb", "notebook.save", {"path": "n.ipynb"}, op_id="o", deadline=60)
    )
    await client.read_until("rpc")
    client.close()
    with pytest.raises(TabGone):
        await call
