"""The catalogue's generator: what is chosen of a source, and that corrections win."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture(scope="module")
def scripts() -> Any:
    sys.path.insert(0, str(SCRIPTS))
    try:
        import catalogue_sources
        import generate_catalogue
    finally:
        sys.path.remove(str(SCRIPTS))
    return catalogue_sources, generate_catalogue


TODAY = date(2026, 11, 26)
CHAT = {
    "mode": "chat",
    "litellm_provider": "vendor",
    "max_input_tokens": 200_000,
    "max_output_tokens": 8_000,
    "input_cost_per_token": 3e-06,
    "output_cost_per_token": 1.5e-05,
    "cache_read_input_token_cost": 3e-07,
    "supports_function_calling": True,
    "supports_vision": True,
}
FACTS = {
    "big-2": {**CHAT, "supports_reasoning": True, "supports_minimal_reasoning_effort": True},
    "big-2-2026-01-01": CHAT,
    "big-10": CHAT,
    "only-20260101": CHAT,
    "old": {**CHAT, "deprecation_date": "2026-11-26"},
    "small": {**CHAT, "max_input_tokens": 8_000},
    "toolless": {**CHAT, "supports_function_calling": False},
    "big-embedding": CHAT,
    "painter": {**CHAT, "mode": "image_generation"},
}
PRICES = """
providers: list[Provider] = [
    Provider(
        id='vendor',
        models=[ModelInfo(id='big-2', name='Big 2', prices=ModelPrice())],
    ),
    Provider(
        id='openrouter',
        models=[
            ModelInfo(
                id='vendor/big.2',
                name='Vendor: Big 2',
                context_window=100000,
                prices=[
                    ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('9'), output_mtok=Decimal('9'))),
                    ConditionalPrice(
                        constraint=StartDateConstraint(start_date=datetime.date(2026, 1, 1)),
                        prices=ModelPrice(
                            input_mtok=TieredPrices(base=Decimal('1'), tiers=[]),
                            output_mtok=Decimal('2'),
                        ),
                    ),
                    ConditionalPrice(
                        constraint=StartDateConstraint(start_date=datetime.date(2027, 1, 1)),
                        prices=ModelPrice(input_mtok=Decimal('5'), output_mtok=Decimal('5')),
                    ),
                ],
            ),
            ModelInfo(id='vendor/unheard-of', context_window=100000, prices=ModelPrice()),
            ModelInfo(id='vendor/big-10', context_window=1, prices=ModelPrice(), deprecated=True),
        ],
    ),
]
"""
CORRECTIONS: dict[str, Any] = {
    "note": "n",
    "not_chat": ["*embed*"],
    "providers": {
        "ours": {"from": ["vendor"], "labels": "vendor"},
        "openrouter": {"priced": ["openrouter"]},
    },
    "models": [
        {"id": "ours/mine", "label": "Mine", "able": {"tools": True}},
        {"id": "ours/big-2", "context_window": 5_000, "able": {"vision": False}},
    ],
}


def made(scripts: Any, corrections: dict[str, Any] | None = None) -> dict[str, Any]:
    sources, generator = scripts
    facts = sources.Source(name="litellm", version="1", licence="MIT", text=json.dumps(FACTS))
    prices = sources.Source(name="genai-prices", version="2", licence="MIT", text=PRICES)
    return generator.make(facts, prices, corrections or CORRECTIONS, TODAY)


def test_current_models_that_chat_are_chosen_corrected_first_later_versions_next(
    scripts: Any,
) -> None:
    catalogue = made(scripts)
    assert [row["id"] for row in catalogue["models"]] == [
        "ours/mine",
        "ours/big-2",
        "ours/big-10",
        "ours/only-20260101",
        "openrouter/vendor/big.2",
    ]
    assert catalogue["date"] == "2026-11-26"
    assert catalogue["sources"][0] == {"name": "litellm", "version": "1", "licence": "MIT"}


def test_corrections_win_and_the_source_fills_the_rest(scripts: Any) -> None:
    rows = {row["id"]: row for row in made(scripts)["models"]}
    assert rows["ours/mine"] == CORRECTIONS["models"][0]
    assert rows["ours/big-2"] == {
        "id": "ours/big-2",
        "label": "Big 2",
        "context_window": 5_000,
        "price": {"input": 3, "output": 15, "cache_read": 0.3},
        "able": {
            "tools": True,
            "tool_choice": True,
            "parallel_tools": True,
            "thinking": True,
            "effort_levels": ["minimal", "low", "medium", "high"],
        },
    }


def test_a_routers_model_has_its_own_price_and_the_abilities_of_its_twin(scripts: Any) -> None:
    row = made(scripts)["models"][-1]
    assert (row["label"], row["context_window"]) == ("Big 2", 100_000)
    assert row["price"] == {"input": 1, "output": 2}
    assert row["able"]["vision"]


def test_what_would_change_is_said(scripts: Any) -> None:
    _, generator = scripts
    before = made(scripts)
    assert list(generator.differences(before, {**before, "date": "2030-01-01"})) == []
    changed = json.loads(json.dumps(before))
    changed["models"][0]["label"] = "Ours"
    del changed["models"][-1]
    said = list(generator.differences(before, changed))
    assert said == ["~ ours/mine: label Mine -> Ours", "- openrouter/vendor/big.2"]
    assert json.loads(generator.write(before)) == before


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("global.openai.gpt-6-sol", "GPT 6 Sol"),
        ("qwen.qwen3-coder-480b-a35b-v1:0", "Qwen3 Coder 480B A35B"),
        ("accounts/fireworks/models/glm-5", "GLM 5"),
    ],
)
def test_a_label_is_made_of_a_name(scripts: Any, name: str, label: str) -> None:
    assert scripts[1].label_of(name) == label


def test_the_catalogue_shipped_agrees_with_its_corrections() -> None:
    corrections = json.loads((SCRIPTS / "catalogue_corrections.json").read_text("utf-8"))
    shipped = Path(__file__).parents[3] / "jupyter_agent" / "models" / "catalogue.json"
    rows = {row["id"]: row for row in json.loads(shipped.read_text("utf-8"))["models"]}
    for correction in corrections["models"]:
        row = rows[correction["id"]]
        for key, value in correction.items():
            if key == "able":
                assert {name: row["able"].get(name, False) for name in value} == value
            else:
                assert row[key] == value
