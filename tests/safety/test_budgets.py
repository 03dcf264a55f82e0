"""R43: a run's limits hold, one call too many at most, also when the provider counts falsely."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from jupyter_agent.access.model_access import Access, ModelAccess
from jupyter_agent.agent.limits import Limits
from jupyter_agent.config import Settings
from jupyter_agent.models.credentials import Credentials
from jupyter_agent.protocol.models import ModelInfo, Price, Request
from jupyter_agent.protocol.usage import Usage
from jupyter_agent.providers.replay import (
    EVERYTHING,
    Call,
    Report,
    ScriptedProvider,
    Step,
)
from jupyter_agent.runtime.build import build_manager
from jupyter_agent.tools.base import Preview, ToolCallContext, ToolOutput, text_output

# Dollars for a million tokens: one for each token, so that estimates are easy to follow.
PRICE = Price(input=1_000_000.0, output=1_000_000.0, cache_read=1_000_000.0)
FALSE: dict[str, Usage | None] = {
    "none": None,
    "zero": Usage(),
    "negative": Usage(input=-10_000, output=-10_000, total=-20_000),
    "negative input": Usage(input=-1_000_000, output=5, total=5),
    "negative parts": Usage(input=1, output=1, total=2, cache_read=-(10**9), cache_write=-5),
    "huge": Usage(input=10**400, output=10**400, total=10**400),
    "true": Usage(input=4_000, output=10, total=4_010),
}


class Nothing(BaseModel):
    number: int = 0


class Counter:
    """A tool that does nothing, and counts how often."""

    name = "nothing"
    description = "Do nothing. " + "Really nothing. " * 400  # so a question is some 1,600 tokens
    deadline: float | None = None
    parallel = False
    arguments = Nothing

    def __init__(self) -> None:
        self.ran = 0

    def permissions(self, arguments: Any) -> frozenset[Any]:
        return frozenset({"read"})

    def always_ask(self, arguments: Any) -> bool:
        return False

    async def preview(self, arguments: Any) -> Preview:
        return Preview(title="Nothing")

    async def run(self, arguments: Any, context: ToolCallContext) -> ToolOutput:
        self.ran += 1
        return text_output("nothing")


class Endless(ModelAccess):
    """A model that calls the tool for ever, and reports what it is told to."""

    def __init__(
        self,
        folder: Path,
        usage: Usage | None,
        *,
        same: bool,
        calls: int = 1,
        price: Price | None = PRICE,
    ) -> None:
        settings = Settings(discover_local_servers=False)
        super().__init__(settings, Credentials(folder, environment={}, find_keyring=lambda: None))
        numbers = count()

        def script(request: Request) -> Iterator[Step]:
            for _ in range(calls):
                yield Call("nothing", {"number": 0 if same else next(numbers)})
            if usage is not None:
                yield Report(usage)

        self.provider = ScriptedProvider(script, name="endless", model="endless")
        self._price = price

    def open(self, model_id: str, on_retry: Any = None) -> Access:
        info = ModelInfo(
            id=model_id,
            provider="endless",
            name=model_id,
            label=model_id,
            capabilities=EVERYTHING,
            price=self._price,
        )
        return Access(provider=self.provider, model=info)


async def run(folder: Path, access: Endless, **limits: Any) -> tuple[Any, Counter, list[Any]]:
    """Run until a limit ends it; returns the end, the tool and the events."""
    tool = Counter()
    manager = build_manager(
        access.settings,
        root=folder,
        store_path=None,
        extra_tools=(tool,),
        limits=Limits(**limits),
    )
    manager.access = access
    events: list[Any] = []
    try:
        made = await manager.create(owner="me", model="endless")
        session = await manager.get(made.id, owner="me")
        session.journal.attach(lambda seq, event, data: events.append(event), session.journal.seq)
        await session.prompt("go")
        await session.wait()
    finally:
        await manager.aclose()
    (end,) = [event for event in events if event.type == "run_end"]
    return end, tool, events


@pytest.mark.parametrize("told", FALSE)
@pytest.mark.parametrize("limit", ["max_tokens", "max_cost"])
async def test_tokens_and_cost_hold_whatever_the_provider_counts(
    limit: str, told: str, tmp_path: Path
) -> None:
    access = Endless(tmp_path, FALSE[told], same=False)
    end, tool, events = await run(tmp_path, access, **{limit: 12_000}, max_turns=60)
    if told == "negative parts":  # a small number can be true, and then other limits hold
        assert end.error.details["limit"] in (limit, "max_turns")
    else:
        assert end.status == "limit" and end.error.details == {"limit": limit}
        # Its own estimate of a question is more than 1,600 tokens.
        assert len(access.provider.requests) <= 12_000 // 1_600 + 1
    assert tool.ran <= len(access.provider.requests)
    budgets = [event for event in events if event.type == "budget"]
    spent = [(budget.usage.input, budget.usage.output, budget.cost) for budget in budgets]
    assert spent == sorted(spent) and all(min(each) >= 0 for each in spent)
    assert budgets[-1].usage.total <= 10**14


async def test_a_cost_that_cannot_be_counted_is_told_once(tmp_path: Path) -> None:
    access = Endless(tmp_path, FALSE["true"], same=False, price=None)
    end, _, events = await run(tmp_path, access, max_cost=0.5, max_turns=3)
    assert end.error.details == {"limit": "max_turns"}
    told = [event.text for event in events if event.type == "notice"]
    assert len(told) == 1 and "price" in told[0] and "$0.50" in told[0]


@pytest.mark.parametrize("told", FALSE)
async def test_turns_hold(told: str, tmp_path: Path) -> None:
    access = Endless(tmp_path, FALSE[told], same=False)
    end, tool, _ = await run(tmp_path, access, max_turns=3)
    assert end.status == "limit" and end.error.details == {"limit": "max_turns"}
    assert len(access.provider.requests) == 3 and tool.ran == 3


@pytest.mark.parametrize(
    ("limits", "same"),
    [({"max_calls": 5}, False), ({"max_identical_calls": 5}, True)],
)
@pytest.mark.parametrize("calls", [1, 4, 40])
async def test_calls_hold_also_within_one_answer(
    limits: dict[str, int], same: bool, calls: int, tmp_path: Path
) -> None:
    access = Endless(tmp_path, FALSE["true"], same=same, calls=calls)
    end, tool, events = await run(tmp_path, access, **limits)
    assert end.status == "limit" and end.error.details == {"limit": next(iter(limits))}
    assert tool.ran == 5
    started = [event.call_id for event in events if event.type == "tool_start"]
    assert len(started) == 5


async def test_time_holds(tmp_path: Path) -> None:
    access = Endless(tmp_path, None, same=False)
    end, tool, _ = await run(tmp_path, access, max_seconds=0.0)
    assert end.status == "limit" and end.error.details == {"limit": "max_seconds"}
    assert tool.ran == 0 and access.provider.requests == []
