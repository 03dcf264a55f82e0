"""What people say of models: understood or refused with a sentence, kept, and stronger than all else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from jupyter_agent.config import JupyterAgent
from jupyter_agent.models.overrides import FILE, ModelOverrides
from jupyter_agent.protocol.errors import ConfigError, NotAllowed
from jupyter_agent.protocol.models import Capabilities, ModelInfo, ModelOverride, Price
from jupyter_agent.protocol.overrides import apply_override, read_override, write_override

WHOLE = {
    "label": "Mine",
    "context_window": 8000,
    "max_output": 1000,
    "price": {"input": 1, "output": 2, "cache_read": 0.1},
    "capabilities": {"vision": True, "tools": False, "effort_levels": ["low", "high"]},
}


def test_all_that_can_be_said_is_read_and_written() -> None:
    override = read_override("openai/gpt-x", WHOLE)
    assert override.price == Price(input=1, output=2, cache_read=0.1)
    assert read_override("openai/gpt-x", write_override(override)) == override


def test_what_is_said_wins_and_the_rest_stays() -> None:
    model = ModelInfo(
        id="openai/gpt-x",
        provider="openai",
        name="gpt-x",
        label="GPT X",
        context_window=1,
        max_output=5,
        capabilities=Capabilities(tools=True, thinking=True),
    )
    found = apply_override(model, read_override("openai/gpt-x", {**WHOLE, "max_output": None}))
    assert (found.label, found.context_window, found.max_output) == ("Mine", 8000, 5)
    able = found.capabilities
    assert (able.tools, able.vision, able.thinking) == (False, True, True)
    assert able.effort_levels == ("low", "high")
    assert apply_override(model, None) is model


@pytest.mark.parametrize(
    ("name", "said", "words"),
    [
        ("gpt-x", {}, "provider/name"),
        ("openai/", {}, "provider/name"),
        ("http://host/v1", {}, "address#name"),
        ("openai/x", {"contxt_window": 1}, "'contxt_window'. Known are label, context_window"),
        ("openai/x", {"price": {"in": 1}}, "price, has an unknown key 'in'. Known are input"),
        ("openai/x", {"capabilities": {"eyes": True}}, "'eyes'. Known are tools"),
        ("openai/x", {"capabilities": {"vision": "often"}}, "vision"),
        ("openai/x", {"capabilities": {"vision": ["low"]}}, "vision"),
        ("openai/x", {"capabilities": {"effort_levels": ["huge"]}}, "effort_levels"),
        ("openai/x", {"context_window": 0}, "above zero"),
        ("openai/x", {"context_window": "much"}, "context_window"),
        ("openai/x", {"price": {"input": 1}}, "output"),
        ("openai/x", {"price": {"input": -1, "output": 1}}, "0 or more"),
        ("openai/x", "big", "not a set of names"),
    ],
)
def test_what_cannot_be_understood_is_said(name: str, said: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")):
        read_override(name, said)


def test_the_trait_is_checked_when_settings_are_read() -> None:
    def settings(models: Any) -> Any:
        return JupyterAgent(config=Config({"JupyterAgent": {"models": models}})).settings()

    assert settings({"openai/x": {"context_window": 5}}).models == {
        "openai/x": ModelOverride(context_window=5)
    }
    with pytest.raises(ConfigError, match="openai/x"):
        settings({"openai/x": {"size": 5}})


def test_what_is_stored_is_added_to_found_in_any_case_and_forgotten(tmp_path: Path) -> None:
    overrides = ModelOverrides(tmp_path, {})
    assert overrides.find("openai/x") is None
    overrides.store("openai/X", {"context_window": 5, "capabilities": {"vision": True}})
    overrides.store("openai/x", {"capabilities": {"tools": False}})
    again = ModelOverrides(tmp_path, {})
    found = again.find("OpenAI/x")
    assert found == ModelOverride(context_window=5, capabilities={"vision": True, "tools": False})
    assert list(again.all()) == ["openai/x"]
    assert again.remove("openai/X") and not again.remove("openai/X")
    assert again.all() == {}


def test_the_settings_are_stronger_and_cannot_be_changed_from_here(tmp_path: Path) -> None:
    ModelOverrides(tmp_path, {}).store("openai/x", {"context_window": 5})
    overrides = ModelOverrides(tmp_path, {"OpenAI/x": ModelOverride(context_window=9)})
    assert overrides.all() == {"OpenAI/x": ModelOverride(context_window=9)}
    found = overrides.find("openai/x")
    assert found is not None and found.context_window == 9
    for change in (lambda: overrides.store("openai/x", {}), lambda: overrides.remove("openai/x")):
        with pytest.raises(NotAllowed, match="configuration"):
            change()


def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    overrides = ModelOverrides(tmp_path, {})
    overrides.store("openai/x", {"context_window": 5})
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(ConfigError):
        overrides.store("openai/x", {"context_window": -5})
    assert (tmp_path / FILE).read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"models": {"x": {}}})])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError):
        ModelOverrides(tmp_path, {}).all()
