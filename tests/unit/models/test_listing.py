"""Two lists become one: the provider's facts win, the catalogue fills what it leaves out."""

from __future__ import annotations

from dataclasses import replace

from jupyter_agent.models import catalogue
from jupyter_agent.models.listing import LiveModel, live_models, merge, merge_lists
from jupyter_agent.protocol.models import Capabilities, ModelInfo, Price

DEFAULT = Capabilities(tools=True, streaming=True, requires_key=True)
KNOWN = catalogue.find("anthropic", "claude-haiku-4-5")
assert KNOWN is not None


def info(name: str, provider: str = "anthropic", **facts: object) -> ModelInfo:
    base = ModelInfo(id=f"{provider}/{name}", provider=provider, name=name, label=name)
    return replace(base, capabilities=DEFAULT, **facts)  # type: ignore[arg-type]


def live(name: str, *, described: bool = False, **facts: object) -> LiveModel:
    return LiveModel(info=info(name, **facts), described=described)


def test_what_is_no_chat_model_is_left_out_unless_the_catalogue_has_it() -> None:
    listed = [info("claude-haiku-4-5"), info("text-embedding-9"), info("tomorrow")]
    assert [m.info.name for m in live_models(listed, DEFAULT)] == ["claude-haiku-4-5", "tomorrow"]


def test_whether_a_list_describes_a_model_is_told_from_the_default() -> None:
    told = replace(info("b"), capabilities=replace(DEFAULT))
    assert [m.described for m in live_models([info("a"), told], DEFAULT)] == [False, True]


def test_sizes_and_price_of_the_provider_win() -> None:
    price = Price(input=9, output=99)
    found = merge(KNOWN, live(KNOWN.name, context_window=7, max_output=3, price=price))
    assert (found.context_window, found.max_output, found.price) == (7, 3, price)
    assert found.label == KNOWN.label
    assert found.capabilities == KNOWN.capabilities


def test_what_the_provider_leaves_out_is_filled() -> None:
    found = merge(KNOWN, live(KNOWN.name))
    assert found == KNOWN


def test_tools_and_vision_are_told_other_abilities_only_added() -> None:
    blind = LiveModel(
        info=replace(info(KNOWN.name), capabilities=Capabilities(tools=False, audio=True)),
        described=True,
    )
    able = merge(KNOWN, blind).capabilities
    assert not able.tools and not able.vision and not able.tool_choice and not able.parallel_tools
    assert able.audio and able.thinking and able.documents and able.requires_key


def test_catalogue_first_then_what_else_the_provider_lists() -> None:
    known = [KNOWN, replace(KNOWN, id="anthropic/gone", name="gone")]
    found = merge_lists(known, [live("new"), live(KNOWN.name)], label="Anthropic")
    assert [model.name for model in found] == [KNOWN.name, "gone", "new"]
    assert [model.reason for model in found] == [None, "Not in the list Anthropic gives now.", None]
    assert all(model.available for model in found)


def test_a_snapshot_is_the_model_it_is_of() -> None:
    snapshot = live(f"{KNOWN.name}-20251001", context_window=5)
    [found] = merge_lists([KNOWN], [snapshot], label="Anthropic")
    assert (found.name, found.context_window, found.reason) == (KNOWN.name, 5, None)
    both = [live("x"), live("x-2026-01-01"), live("y-2026-01-01")]
    assert [m.name for m in merge_lists([], both, label="A")] == ["x", "y-2026-01-01"]


def test_a_list_without_models_says_nothing_of_the_catalogue() -> None:
    assert merge_lists([KNOWN], [], label="Anthropic") == [KNOWN]
