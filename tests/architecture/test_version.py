"""The version is written down once, in the front end's package.json."""

import json
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import jupyter_agent

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "labextension" / "package.json"
VERSION = json.loads(SOURCE.read_text(encoding="utf-8"))["version"]


def test_package_and_metadata_say_the_same():
    assert jupyter_agent.__version__ == VERSION
    assert version("jupyter-agent") == VERSION


def test_the_version_is_found_by_the_pattern_that_the_build_uses():
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [pattern] = re.findall(r"^pattern = '(.+)'$", settings, re.MULTILINE)
    assert re.findall(pattern, SOURCE.read_text(encoding="utf-8")) == [VERSION]


def test_no_python_file_repeats_it():
    written = re.compile(rf"""["']{re.escape(VERSION)}["']""")
    files = [*(ROOT / "jupyter_agent").rglob("*.py"), ROOT / "hatch_build.py"]
    assert [path for path in files if written.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs tomllib")
def test_the_version_is_dynamic_in_the_metadata():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dynamic"] == ["version"]
    assert "version" not in project


def test_the_widget_asks_for_the_front_end_that_the_extension_brings():
    from jupyter_agent.widget import FRONT_END, FRONT_END_VERSION

    brought = json.loads(SOURCE.read_text(encoding="utf-8"))["dependencies"][FRONT_END]
    plugin = SOURCE.parent / "src" / "plugins" / "chat-widget.ts"
    assert f"const VERSION = '{brought}';" in plugin.read_text(encoding="utf-8")
    assert f"~{brought}" == FRONT_END_VERSION
