"""What servers of OpenAI's list say of their models, each in its own words."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_agent.protocol.models import Capabilities, ModelInfo, Price
from jupyter_agent.providers._model_lists import read_openai_list

DEFAULT = Capabilities(tools=True)


def read(*rows: dict[str, Any]) -> list[ModelInfo]:
    return read_openai_list({"data": list(rows)}, provider="p", default=DEFAULT)


@pytest.mark.parametrize(
    "row",
    [
        {"type": "embedding"},
        {"type": "image"},
        {"type": "rerank"},
        {"type": "transcribe"},
        {"active": False},
        {"supports_chat": False},
        {"capabilities": {"completion_chat": False}},
        {"architecture": {"output_modalities": ["image"]}},
    ],
)
def test_models_that_do_not_chat_are_left_out_where_the_list_says_so(row: dict[str, Any]) -> None:
    assert read({"id": "m", **row}) == []


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"type": "model"},
        {"type": "chat"},
        {"type": "language"},
        {"active": True},
        {"architecture": {"output_modalities": ["image", "text"]}},
        {"architecture": None, "capabilities": None},
    ],
)
def test_others_are_listed(row: dict[str, Any]) -> None:
    assert [model.name for model in read({"id": "m", **row})] == ["m"]


@pytest.mark.parametrize(
    ("row", "able"),
    [
        (
            {
                "supported_parameters": ["tools", "reasoning"],
                "architecture": {"input_modalities": ["text", "image", "file", "audio"]},
            },
            "tools vision documents audio thinking",
        ),
        ({"capabilities": {"function_calling": True, "vision": True}}, "tools vision"),
        ({"supports_tools": True, "supports_image_input": True}, "tools vision"),
        ({"tags": ["tool-use", "reasoning", "file-input"]}, "tools thinking documents"),
        ({"capabilities": ["tool_use", "vision"]}, "tools vision"),
        ({"supports_image_in": True, "supports_reasoning": True}, "tools vision thinking"),
        (
            {"architecture": {}, "providers": [{}, {"supports_tools": True}, "odd"]},
            "tools",
        ),
        ({"supported_parameters": ["temperature"]}, ""),
    ],
)
def test_abilities_are_read(row: dict[str, Any], able: str) -> None:
    [model] = read({"id": "m", **row})
    names = ("tools", "vision", "documents", "audio", "thinking")
    assert {n for n in names if getattr(model.capabilities, n)} == set(able.split())
    assert model.capabilities is not DEFAULT


@pytest.mark.parametrize(
    "row",
    [
        {"tags": [], "aliases": ["m"], "meta": {"n_ctx": 8192, "n_ctx_train": 8192}},  # llama.cpp
        {"tags": ["chat"]},
        {"architecture": {"input_modalities": ["text"], "output_modalities": ["text"]}},
        {"capabilities": ["completion", "multimodal"]},
        {"capabilities": {"completion_chat": True}},
        {"supported_parameters": []},
        {"supports_reasoning": True},
        {"supports_tools": None},
        {"providers": [{"context_length": 7}]},
    ],
)
def test_silence_about_tools_keeps_the_default(row: dict[str, Any]) -> None:
    [model] = read({"id": "m", **row})
    assert model.capabilities.tools is DEFAULT.tools is True


@pytest.mark.parametrize(
    "row",
    [
        {"supports_tools": False},
        {"capabilities": {"function_calling": False}},
        {"capabilities": {"trained_for_tool_use": False}},
        {"supported_parameters": ["temperature"]},
        {"providers": [{"supports_tools": False}, {}]},
    ],
)
def test_a_field_that_speaks_of_tools_may_say_no(row: dict[str, Any]) -> None:
    [model] = read({"id": "m", **row})
    assert model.capabilities.tools is False and model.capabilities.tool_choice is False


@pytest.mark.parametrize(
    ("row", "size"),
    [
        ({"meta": {"n_ctx": 8192, "n_ctx_train": 131072}}, 8192),
        ({"loaded_context_length": 4096, "max_context_length": 131072}, 4096),
        ({"max_context_length": 131072}, 131072),
        ({"max_model_len": 4096}, 4096),
        ({"meta": None}, None),
        ({"meta": {"n_ctx": "many"}}, None),
    ],
)
def test_the_context_size_is_that_of_the_loaded_model(
    row: dict[str, Any], size: int | None
) -> None:
    [model] = read({"id": "m", **row})
    assert model.context_window == size


def test_a_server_that_says_nothing_leaves_the_default() -> None:
    [model] = read({"id": "m", "capabilities": {}})
    assert model.capabilities is DEFAULT and model.price is None


def test_a_routers_hosts_tell_the_window() -> None:
    [model] = read({"id": "m", "architecture": {}, "providers": [{"context_length": 7}]})
    assert model.context_window == 7


@pytest.mark.parametrize(
    ("told", "price"),
    [
        (
            {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003"},
            Price(input=3, output=15, cache_read=0.3),
        ),
        ({"input": "0.000001", "output": "0.000002"}, Price(input=1, output=2)),
        (
            {"input": 10, "output": 50, "cache_write": 12.5, "unit": "usd_per_1m_tokens"},
            Price(input=10, output=50, cache_write=12.5),
        ),
        ({"prompt": "0", "completion": "0"}, Price(input=0, output=0)),
        ({"prompt": "-1", "completion": "-1"}, None),
        ({"input": 3, "output": 15}, None),  # of what, it does not say
        ({"prompt": "free", "completion": "free"}, None),
        ({"prompt": "1"}, None),
        ("cheap", None),
    ],
)
def test_prices_are_read_where_their_unit_is_known(told: Any, price: Price | None) -> None:
    [model] = read({"id": "m", "pricing": told})
    assert model.price == price
