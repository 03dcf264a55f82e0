"""What is handed out: a wheel with every asset once, an sdist that needs no Node."""

import json
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
ASSETS = ".data/data/share/jupyter/labextensions/jupyter-agent/"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and an sdist, both made from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--sdist", "--wheel"]
    outcome = subprocess.run(
        [*command, "--outdir", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    [path] = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def sdist_names(built: Path) -> set[str]:
    [path] = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_the_wheel_holds_every_asset_once(wheel: zipfile.ZipFile):
    names = wheel.namelist()
    assets = [name.partition(ASSETS)[2] for name in names if ASSETS in name]
    assert {"install.json", "package.json", "static/style.js"} <= set(assets)
    assert len([name for name in assets if name.startswith("static/remoteEntry.")]) == 1
    assert [name for name in names if name.startswith("jupyter_agent/labextension")] == []
    repeated = [
        name
        for name, count in Counter(PurePosixPath(name).name for name in names).items()
        if count > 1 and name.endswith((".js", ".css", ".map"))
    ]
    assert repeated == []


def test_the_wheels_front_end_is_loadable(wheel: zipfile.ZipFile):
    [path] = [name for name in wheel.namelist() if name.endswith(ASSETS + "package.json")]
    package = json.loads(wheel.read(path))
    build = package["jupyterlab"]["_build"]
    assert build["extension"] == "./extension"
    assert build["style"] == "./style"
    assert path.removesuffix("package.json") + build["load"] in wheel.namelist()


def test_the_wheel_enables_the_server_extension(wheel: zipfile.ZipFile):
    end = "etc/jupyter/jupyter_server_config.d/jupyter_agent.json"
    [path] = [name for name in wheel.namelist() if name.endswith(end)]
    settings = json.loads(wheel.read(path))
    assert settings == {"ServerApp": {"jpserver_extensions": {"jupyter_agent": True}}}


def test_the_wheel_holds_everything_of_the_package(wheel: zipfile.ZipFile):
    ignored = {"__pycache__", "labextension"}
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "jupyter_agent").rglob("*")
        if path.is_file() and not ignored & set(path.relative_to(ROOT).parts)
    }
    assert expected - set(wheel.namelist()) == set()


def test_the_wheel_holds_the_demo(wheel: zipfile.ZipFile):
    folder = "jupyter_agent/demo/assets"
    assert {f"{folder}/penguins.csv", f"{folder}/penguins.ipynb"} <= set(wheel.namelist())


def test_the_wheel_holds_the_licence_and_nothing_of_development(wheel: zipfile.ZipFile):
    names = wheel.namelist()
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    tops = {name.split("/")[0] for name in names} - {"jupyter_agent"}
    assert {PurePosixPath(name).suffix for name in tops} == {".data", ".dist-info"}
    strays = ("node_modules", "__pycache__", "build_log.json", "tests/")
    assert [name for name in names if any(stray in name for stray in strays)] == []


def test_the_wheel_is_small(wheel: zipfile.ZipFile):
    assert sum(entry.compress_size for entry in wheel.infolist()) < 5_000_000


def test_the_sdist_holds_sources_and_built_assets(sdist_names: set[str]):
    static = "jupyter_agent/labextension/static"
    assert {f"{static}/built-from.txt", f"{static}/style.js", "LICENSE"} <= sdist_names
    assert {"hatch_build.py", "labextension/yarn.lock", "labextension/src/index.ts"} <= sdist_names
    assert [name for name in sdist_names if "node_modules" in name] == []
