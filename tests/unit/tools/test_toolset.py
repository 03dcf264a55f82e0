"""What every request carries of our tools: no more than a model needs to use them."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from jupyter_agent.context.budget import CHARACTERS_PER_SCHEMA_TOKEN
from jupyter_agent.tools.base import definition
from jupyter_agent.tools.toolset import build_tools

NOWHERE = cast("Any", object())
TOOLS = [definition(tool) for tool in build_tools(NOWHERE, kernels=NOWHERE, checkpoints=NOWHERE)]
# By three tokenizers 2,491 to 2,730 tokens (`bench prompt_tokens`); the aim is 3,000.
LARGEST = 9_000


def test_all_tools_fit_into_three_thousand_tokens() -> None:
    written = [json.dumps(tool.parameters, separators=(",", ":")) for tool in TOOLS]
    words = sum(len(tool.name) + len(tool.description) for tool in TOOLS)
    characters = words + sum(map(len, written))
    assert len(TOOLS) == 17
    assert characters <= LARGEST
    assert characters // CHARACTERS_PER_SCHEMA_TOKEN >= 2_730  # the estimate is not below


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_schema_says_what_there_is_and_leaves_the_bounds_to_us(tool: Any) -> None:
    text = json.dumps(tool.parameters)
    for word in ("additionalProperties", "maxLength", "minItems", "$ref", '"title"'):
        assert word not in text
    assert tool.parameters["type"] == "object" and tool.description.endswith((".", ")"))
