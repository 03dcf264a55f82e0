"""R61: importing and starting reach no address but this machine's; lock files are whole.

Python's audit hooks see each connection and each look-up of a name before it is made. The child
processes here refuse those that lead elsewhere, and report them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]

# Put before what runs in the child. `reached` is what it tried, loopback and own names left out.
WATCH = """
import atexit, ipaddress, json, os, socket, sys
reached = []
own = {"", "localhost", "0.0.0.0", "::", socket.gethostname(), None}
def _is_own(host):
    if isinstance(host, bytes):
        host = host.decode()
    if host in own:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
def _watch(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # a path: a Unix socket
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        host = args[0]
    else:
        return
    if not _is_own(host):
        reached.append(f"{event} {host}")
        with open(os.environ["REACHED"], "a") as file:
            file.write(json.dumps(reached[-1]) + "\\n")
        raise PermissionError(f"the network is out of reach here: {event} {host}")
sys.addaudithook(_watch)
"""
IMPORT_ALL = """
import importlib, pkgutil, jupyter_agent
names = [name for _, name, _ in pkgutil.walk_packages(jupyter_agent.__path__, "jupyter_agent.")]
for name in names:
    importlib.import_module(name)
assert len(names) > 150
"""
SERVE = """
import sys
from jupyterlab.labapp import main
sys.exit(main())
"""
CONTROL = """
try:
    socket.create_connection(("example.invalid", 80), timeout=1)
except OSError:
    pass
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
except OSError:
    pass
"""


def environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.endswith("_KEY")}
    places = {
        name: str(folder / name.lower())
        for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    return {**kept, **places, "IPYTHONDIR": str(folder / "i"), "REACHED": str(folder / "reached")}


def reached(folder: Path) -> list[str]:
    noted = folder / "reached"
    return [json.loads(line) for line in noted.read_text().splitlines()] if noted.exists() else []


def run(folder: Path, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCH + code],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]


@pytest.mark.R(61)
def test_the_watch_sees_what_leads_elsewhere(tmp_path: Path) -> None:
    """The control: without it the tests below would pass on anything."""
    run(tmp_path, CONTROL)
    assert reached(tmp_path) == [
        "socket.getaddrinfo example.invalid",
        "socket.getaddrinfo 192.0.2.1",
    ]


@pytest.mark.R(61)
def test_importing_everything_reaches_nothing(tmp_path: Path) -> None:
    run(tmp_path, IMPORT_ALL)
    assert reached(tmp_path) == []


@pytest.mark.R(61)
def test_starting_the_server_reaches_nothing(tmp_path: Path) -> None:
    """With the panel's first requests, which build everything and look for local models."""
    token = "t" * 32
    log = tmp_path / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [
                sys.executable,
                "-c",
                WATCH + SERVE,
                "--no-browser",
                "--allow-root",
                "--ip=127.0.0.1",
                "--port=0",
                f"--notebook-dir={tmp_path}",
                f"--IdentityProvider.token={token}",
            ],
            env=environment(tmp_path),
            cwd=tmp_path,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        address = _address(server, log)
        headers = {"Authorization": f"token {token}"}
        with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60) as http:
            for path in ("status", "models", "sessions", "providers"):
                http.get(f"jupyter-agent/api/{path}").raise_for_status()
            http.get("lab").raise_for_status()
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)
    assert reached(tmp_path) == []


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    pattern = re.compile(r"http://127\.0\.0\.1:\d+/")
    while server.poll() is None:
        found = pattern.search(log.read_text(errors="replace"))
        if found is not None:
            return found.group()
        time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace")[-2_000:])


# ---- lock files and requirements -----------------------------------------------------------------


def locked() -> list[tuple[str, str]]:
    """Return each entry of the front end's lock file: its first line and its text."""
    text = (ROOT / "labextension" / "yarn.lock").read_text(encoding="utf-8")
    entries = [entry for entry in text.split("\n\n") if "\n  resolution:" in entry]
    return [(entry.strip().splitlines()[0], entry) for entry in entries]


# Yarn keeps no checksum for packages that no installation of the writer's platform fetches.
FOR_OTHER_PLATFORMS = re.compile(r"^  conditions: ", re.MULTILINE)
CHECKSUM = re.compile(r"^  checksum: [0-9a-f]{128}$", re.MULTILINE)
FROM_REGISTRY = re.compile(
    r'^  resolution: "(@?[\w./-]+)@(?:npm:[\w.+-]+|patch:\1@npm%3A[\w.+-]+#~builtin<[^"]*)"$',
    re.MULTILINE,
)
OWN = re.compile(r'^  resolution: "jupyter-agent(?:-dev)?@workspace:(?:\.|dev)"$', re.MULTILINE)


@pytest.mark.R(61)
def test_each_locked_package_is_from_the_registry_and_has_a_checksum() -> None:
    entries = locked()
    assert len(entries) > 500
    for name, entry in entries:
        if OWN.search(entry):
            continue
        assert FROM_REGISTRY.search(entry), name
        assert CHECKSUM.search(entry) or FOR_OTHER_PLATFORMS.search(entry), name


@pytest.mark.R(61)
@pytest.mark.parametrize("name", ["package.json", "dev/package.json"])
def test_the_front_end_names_versions_and_no_addresses(name: str) -> None:
    package = json.loads((ROOT / "labextension" / name).read_text(encoding="utf-8"))
    for group in ("dependencies", "devDependencies", "resolutions", "peerDependencies"):
        for dependency, version in package.get(group, {}).items():
            assert re.fullmatch(r"[\^~]?\d+(\.\d+)*", version), (group, dependency, version)


@pytest.mark.R(61)
@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs tomllib")
def test_python_requirements_name_no_addresses() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted: list[Any] = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(line for group in project["project"]["optional-dependencies"].values() for line in group),
    ]
    for file in ROOT.glob("tests/real/*/requirements.txt"):
        lines = file.read_text(encoding="utf-8").splitlines()
        wanted += filter(None, (line.partition("#")[0].strip() for line in lines))
    assert len(wanted) > 20
    for requirement in wanted:
        assert not re.search(r"@|://|^-|^\.|/", requirement), requirement
