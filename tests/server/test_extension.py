"""The extension: cheap to start, set up by traits from Jupyter's folders alone, closed at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config
from traitlets.config.loader import DeferredConfigList

from jupyter_agent.protocol.errors import ConfigError


def test_starting_a_server_loads_nothing_heavy() -> None:
    code = """
import sys
import jupyter_server.serverapp
before = set(sys.modules)
import jupyter_agent
jupyter_agent._jupyter_server_extension_points()
new = {name.partition(".")[0] for name in set(sys.modules) - before}
assert "jupyter_agent" in new
heavy = new & {"pydantic", "httpx", "IPython", "sqlite3", "ipywidgets"}
assert not heavy, heavy
rooms = {n.split(".")[1] for n in sys.modules if n.startswith("jupyter_agent.")}
assert rooms <= {"config", "protocol", "server"}, rooms
"""
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_traits_reach_the_settings(agent_app: Any) -> None:
    assert agent_app.agent_settings.store_path() is None
    assert agent_app.agent_settings.discover_local_servers is False


@pytest.mark.R(11)
async def test_the_folder_the_server_was_started_in_sets_nothing(agent_app: Any) -> None:
    assert os.getcwd() not in agent_app.config_file_paths
    assert agent_app.config_file_name == "jupyter_agent_config"


class TestWrongSettings:
    @pytest.fixture(
        params=[
            ({"default_mode": "auto", "allowed_modes": ["plan"]}, b"allowed_modes"),
            ({"demo_pace": "fast"}, b"demo_pace"),
            ({"demo_pace": DeferredConfigList(["0", "1"])}, b"demo_pace"),
            ({"providers": {"openai": {"adress": "x"}}}, b"openai"),
        ]
    )
    def wrong(self, request: pytest.FixtureRequest) -> Any:
        return request.param

    @pytest.fixture
    def jp_server_config(self, wrong: Any) -> Config:
        extensions = {"jpserver_extensions": {"jupyter_agent": True}}
        return Config({"ServerApp": extensions, "JupyterAgent": wrong[0]})

    async def test_they_are_told_and_the_server_lives(
        self, agent_app: Any, browser: Any, wrong: Any
    ) -> None:
        with pytest.raises(ConfigError):
            _ = agent_app.agent_settings
        response = await browser.fetch("status")
        assert response.code == 400
        assert wrong[1] in response.body


async def test_sockets_are_closed_with_the_server(
    manager: Any, browser: Any, agent_app: Any
) -> None:
    client = await browser.open()
    await client.welcome()
    await agent_app.stop_extension()
    assert await client.closed() == 1001
    assert manager.closed


@pytest.mark.R(46)
async def test_what_a_crash_left_is_put_in_order_before_the_first_answer(
    manager: Any, browser: Any
) -> None:
    client = await browser.open()
    await client.welcome()
    assert manager.started


def test_the_module_is_found_by_the_server(tmp_path: Path) -> None:
    import jupyter_agent

    [point] = jupyter_agent._jupyter_server_extension_points()
    assert point["app"].name == "jupyter_agent"
