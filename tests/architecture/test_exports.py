"""The public names are few, and importing the package costs nothing."""

import json
import subprocess
import sys

import pytest

import jupyter_agent

PUBLIC = {"Agent", "Result", "__version__", "tool"}


def test_public_names_are_pinned():
    assert len(jupyter_agent.__all__) <= 15
    assert len(jupyter_agent.__all__) == len(set(jupyter_agent.__all__))
    assert set(jupyter_agent.__all__) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_leads_somewhere(name: str):
    assert getattr(jupyter_agent, name)
    assert name in dir(jupyter_agent)


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="no attribute 'Agnet'"):
        _ = jupyter_agent.Agnet


def test_importing_the_package_imports_nothing_else():
    program = (
        "import json, sys; before = set(sys.modules); import jupyter_agent; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    command = [sys.executable, "-c", program]
    outcome = subprocess.run(command, capture_output=True, text=True, check=True)
    new = set(json.loads(outcome.stdout))
    assert {module for module in new if module.startswith("jupyter_agent")} == {"jupyter_agent"}
    assert {module.split(".")[0] for module in new} - set(sys.stdlib_module_names) == {
        "jupyter_agent"
    }
    assert not {module for module in new if module.startswith(("asyncio", "importlib.metadata"))}


def test_jupyter_finds_its_doors():
    assert jupyter_agent._jupyter_labextension_paths() == [
        {"src": "labextension", "dest": "jupyter-agent"}
    ]
    [point] = jupyter_agent._jupyter_server_extension_points()
    assert point["module"] == "jupyter_agent"
    assert point["app"].name == "jupyter_agent"
