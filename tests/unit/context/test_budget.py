"""The window's bounds: summarised at 80 %, refused at 92 %, untouched when it is unknown."""

from __future__ import annotations

import pytest

from jupyter_agent.context.budget import ContextBudget, request_tokens
from jupyter_agent.context.compaction import start_of
from jupyter_agent.digest.fence import Fence
from jupyter_agent.protocol.errors import ContextOverflow, Overloaded
from jupyter_agent.protocol.messages import Message, TextPart, user_message
from jupyter_agent.protocol.models import Request, ToolDefinition

WINDOW = 2_000


def make(messages):
    return Request(model="m", messages=tuple(messages))


class Rig:
    """A conversation of so many turns, 100 tokens each, and a model that summarises it."""

    def __init__(self, turns, answer="A summary."):
        self.history = []
        for number in range(turns):
            self.history.append(user_message(f"{number:04}" + "u" * 196))
            said = TextPart(text="a" * 200)
            self.history.append(Message(role="assistant", parts=(said,)))
        self.events, self.recorded, self.asked = [], [], []
        self.answer = answer
        self.budget = ContextBudget(
            history=self.history,
            fence=Fence(),
            emit=self.events.append,
            record=self._record,
        )

    async def _record(self, message):
        self.recorded.append(message)

    async def _summarise(self, request):
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def request(self, window=WINDOW, make=make):
        return await self.budget.request(make, window=window, summarise=self._summarise)


@pytest.mark.parametrize(("turns", "compacted"), [(15, False), (16, True)])
async def test_seed_046_at_four_fifths_older_turns_are_summarised(turns, compacted):
    rig = Rig(turns)
    before = list(rig.history)
    request = await rig.request()
    assert bool(rig.asked) is compacted
    assert [event.type for event in rig.events] == ["context_compacted"] * compacted
    assert [m.parts for m in rig.history] == [m.parts for m in before]
    if compacted:
        [event] = rig.events
        assert 1_600 < event.before < 1_700 and event.after == request_tokens(request) < 1_400
        start, summary = start_of(rig.history)
        assert summary == "A summary." and rig.recorded == [rig.history[start]]
        assert request.messages[-1] is rig.history[-1]


async def test_the_providers_own_count_wins_when_it_is_larger():
    rig = Rig(8)
    rig.budget.reported = 1_600
    await rig.request()
    assert rig.events[0].before == 1_600
    assert rig.budget.reported == 0
    await rig.request()
    assert len(rig.asked) == 1


async def test_the_prefix_is_stable_until_the_next_summary():
    rig = Rig(16)
    first = await rig.request()
    rig.history.append(user_message("more"))
    second = await rig.request()
    assert second.messages[: len(first.messages)] == first.messages
    assert len(rig.asked) == 1


async def test_a_second_summary_holds_the_first():
    rig = Rig(16)
    await rig.request()
    rig.history += Rig(10).history
    rig.answer = "Another."
    await rig.request()
    assert len(rig.asked) == 2 and "A summary." in rig.asked[1].messages[1].text
    assert start_of(rig.history)[1] == "Another."


async def test_a_summary_that_fails_is_replaced_by_a_list_of_what_was_done():
    rig = Rig(16, Overloaded("No capacity."))
    request = await rig.request()
    assert [event.type for event in rig.events] == ["notice", "context_compacted"]
    assert "No capacity" in rig.events[0].text
    assert "said: aaaa" in request.messages[0].text
    assert "- 0000uuu" in request.messages[0].text


async def test_a_summary_that_is_too_long_is_cut():
    rig = Rig(16, "long " * 10_000)
    request = await rig.request()
    assert request_tokens(request) < WINDOW * 0.8


async def test_what_does_not_fit_is_refused_with_what_to_do():
    rig = Rig(0)
    rig.history.append(user_message("x" * int(WINDOW * 4 * 0.92)))
    with pytest.raises(ContextOverflow, match="Start a new session") as caught:
        await rig.request()
    assert "1,840 of 2,000" in caught.value.user_message
    assert rig.asked == []


async def test_just_below_the_refusal_it_is_sent():
    rig = Rig(0)
    rig.history.append(user_message("x" * int(WINDOW * 4 * 0.91)))
    assert (await rig.request()).messages == tuple(rig.history)


async def test_a_huge_prompt_does_not_block_the_next_one():
    rig = Rig(0)
    rig.history.append(user_message("x" * 40_000))
    rig.history.append(user_message("something smaller"))
    request = await rig.request()
    assert request.messages[-1].text.endswith("something smaller")
    assert request_tokens(request) < WINDOW * 0.8


async def test_an_unknown_window_bounds_nothing():
    rig = Rig(200)
    rig.budget.reported = 10**9
    assert (await rig.request(window=None)).messages == tuple(rig.history)
    assert rig.events == []


async def test_tools_count_too():
    tool = ToolDefinition(name="t", description="d" * 400, parameters={})

    def with_tools(messages):
        return Request(model="m", messages=tuple(messages), tools=(tool,))

    rig = Rig(15)
    await rig.request(make=with_tools)
    assert [event.type for event in rig.events] == ["context_compacted"]
