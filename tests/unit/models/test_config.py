"""Traits become one frozen `Settings`; contradictions are found at the start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from traitlets import TraitError
from traitlets.config import Config

from jupyter_agent.config import JupyterAgent, Limits, Settings, load_settings
from jupyter_agent.protocol.errors import ConfigError


def settings(**traits: object) -> Settings:
    return JupyterAgent(config=Config({"JupyterAgent": traits})).settings()


def test_nothing_set_is_the_default() -> None:
    assert settings() == Settings()


def test_what_is_set_arrives() -> None:
    found = settings(
        default_model="ollama/qwen3",
        fallback_models=["openai/gpt-5.2", "demo"],
        record_to="kept",
        max_cost=1.5,
        max_turns=5,
        allowed_providers=["Ollama"],
        providers={"OpenAI": {"base_url": "https://gateway.corp/v1", "headers": {"x-team": "d"}}},
        store="memory",
    )
    assert found.default_model == "ollama/qwen3"
    assert found.fallback_models == ("openai/gpt-5.2", "demo")
    assert found.record_to == "kept"
    assert found.limits == Limits(max_turns=5, max_cost=1.5)
    assert found.allowed_providers == frozenset({"ollama"})
    assert found.providers["openai"].base_url == "https://gateway.corp/v1"
    assert found.store_path() is None


def test_secrets_in_headers_are_not_shown() -> None:
    found = settings(providers={"openai": {"headers": {"authorization": "canary"}}})
    assert "canary" not in repr(found)


def test_a_default_mode_that_is_not_allowed_is_an_error() -> None:
    with pytest.raises(ConfigError, match="allowed_modes"):
        settings(allowed_modes=["plan"])


def test_an_unknown_override_is_an_error() -> None:
    with pytest.raises(ConfigError, match="base_url"):
        settings(providers={"openai": {"url": "https://x"}})


@pytest.mark.R(22)
@pytest.mark.parametrize("rule", [{}, {"effect": "forbid"}, {"effect": "deny", "tols": "run_*"}])
def test_a_rule_that_is_not_understood_is_an_error(rule: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="rules"):
        settings(rules=[rule])


def test_the_panel_opens_the_first_time_unless_told_otherwise() -> None:
    assert settings().open_panel == "first"
    assert settings(open_panel="never").open_panel == "never"
    with pytest.raises(TraitError):
        settings(open_panel="sometimes")


def test_a_mode_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(TraitError):
        settings(default_mode="yolo")


def test_the_store_is_in_jupyters_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert Settings().store_path() == tmp_path / "jupyter_agent" / "sessions.db"
    assert Settings(store=str(tmp_path / "x.db")).store_path() == tmp_path / "x.db"


@pytest.fixture
def config_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


def test_a_kernel_reads_the_same_files(config_folder: Path) -> None:
    (config_folder / "jupyter_agent_config.py").write_text("c.JupyterAgent.max_turns = 7\n")
    assert load_settings().limits.max_turns == 7


@pytest.mark.R(11)
def test_a_projects_folder_is_not_searched(
    config_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "jupyter_agent_config.json").write_text('{"JupyterAgent": {"max_turns": 7}}')
    monkeypatch.chdir(project)
    assert load_settings().limits.max_turns == 25


@pytest.mark.parametrize("content", ["c.JupyterAgent.max_turns = 0\n", "this is not python"])
def test_a_wrong_file_is_named(config_folder: Path, content: str) -> None:
    (config_folder / "jupyter_agent_config.py").write_text(content)
    with pytest.raises(ConfigError):
        load_settings()


def test_importing_it_reads_no_file_and_needs_no_jupyter() -> None:
    code = (
        "import sys, jupyter_agent.config as c; "
        "assert 'pydantic' not in sys.modules and 'jupyter_core' not in sys.modules and 'sqlite3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
