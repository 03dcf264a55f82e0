"""Paths that tools never touch, and those that they write only when a person has said yes.

Never: hidden ones, and what configures this machine. A tool that could write Jupyter's
configuration, a git hook or a start-up file could give itself any permission (R23). Each time a
person is asked: what runs by itself later, such as a module that Python finds before the package
of that name. Names are compared in a folded form, as file systems do.
"""

from __future__ import annotations

import fnmatch
import sys
import unicodedata
from collections.abc import Sequence
from importlib.machinery import PathFinder
from itertools import pairwise

# Nothing beneath these is written, wherever they stand.
_FOLDERS = frozenset(
    {
        "site-packages",
        "dist-packages",
        "jupyter-config",
        "jupyter_config",
        "jupyter_server_config.d",
        "jupyter_notebook_config.d",
        "labconfig",
        "nbconfig",
        "githooks",
        "git-hooks",
        "hooks",
        "kernelspecs",
        "profile_default",
        "startup",
        "labextensions",
        "nbextensions",
        "sitecustomize",
        "usercustomize",
    }
)
# Two folders that mean something only together, such as `share/jupyter`.
_PAIRS = frozenset(
    {
        ("share", "jupyter"),
        ("etc", "jupyter"),
        ("etc", "ipython"),
        ("library", "jupyter"),
        ("roaming", "jupyter"),
        ("programdata", "jupyter"),
        ("library", "launchagents"),
        ("jupyter", "kernels"),
        ("jupyter", "runtime"),
        ("jupyter", "lab"),
    }
)
_FILES = (
    "jupyter*config*.py",
    "jupyter*config*.json",
    "ipython*config*.py",
    "ipython*config*.json",
    "kernel.json",
    "mcp.json",
    "mcp_settings.json",
    "mcp-settings.json",
    "mcp_config.json",
    "claude_desktop_config.json",
    "jupyter-agent*.json",
    "jupyter_agent*.json",
    "jupyter-agent*.toml",
    "jupyter_agent*.toml",
    "jupyter_agent*config*",
    "sitecustomize*",
    "usercustomize*",
    "pyvenv.cfg",
    "*.pth",
    "overrides.json",
    "page_config.json",
    "*.jupyterlab-settings",
    "*.jupyterlab-workspace",
    "pip.conf",
    "pip.ini",
    "crontab",
    "authorized_keys",
    # The secrets and addresses of running servers and kernels.
    "*cookie_secret*",
    "notebook_secret",
    "nbsignatures.db*",
    "jpserver-*",
    "nbserver-*",
    "kernel-*.json",
)
# Read and run by programs that a person or a service starts for another reason.
_RUN_BY = {
    "conftest.py": "pytest runs it",
    "pytest.ini": "it configures what pytest runs",
    "tox.ini": "it says what tox and pytest run",
    "noxfile.py": "nox runs it",
    "setup.py": "installing the folder runs it",
    "setup.cfg": "it configures what installing and testing run",
    "pyproject.toml": "it says what building, installing and testing run",
    "tasks.py": "invoke runs it",
    "fabfile.py": "fabric runs it",
    "dodo.py": "doit runs it",
    "manage.py": "Django's commands run it",
    "__main__.py": "Python runs it when the folder is started",
    "makefile": "make runs it",
    "gnumakefile": "make runs it",
    "*.mk": "make runs it",
    "justfile": "just runs it",
    "snakefile": "snakemake runs it",
    "dockerfile": "building the image runs it",
    "docker-compose*.y*ml": "it says which containers start",
    "compose.y*ml": "it says which containers start",
    "package.json": "npm runs the scripts in it",
    "postbuild": "Binder runs it",
    "jenkinsfile": "Jenkins runs it",
    "rprofile.site": "R runs it when it starts",
    "startup.jl": "Julia runs it when it starts",
    "*.desktop": "the desktop starts what is in it",
}
# Beside a notebook, a module of such a name is imported in the place of the package, whether or
# not this process can import the package: the kernel's environment may be another.
_PACKAGES = frozenset(
    """
    numpy pandas scipy matplotlib seaborn sklearn torch tensorflow keras jax polars pyarrow plotly
    bokeh altair statsmodels xgboost lightgbm requests httpx aiohttp yaml tqdm PIL cv2 skimage
    sympy networkx numba dask xarray h5py openpyxl sqlalchemy bs4 lxml nltk spacy transformers
    datasets ipywidgets IPython ipykernel traitlets jupyter_client jupyter_core nbformat zmq
    tornado jupyter_agent pkg_resources setuptools pip pytest
    """.casefold().split()
)
_MODULES = (".py", ".pyw", ".pyc", ".pyd", ".so")
_SYSTEM = frozenset({"proc", "sys", "dev"})
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}
)


def unreadable_reason(parts: Sequence[str]) -> str | None:
    """Return why a path beneath the folder is not even read, None when it may be."""
    for part in parts:
        if _folded(part).startswith("."):
            return "hidden files and folders are none of the agent's business"
        if ":" in part:
            return "a colon is not part of a file name here"
        if _folded(part).partition(".")[0] in _DEVICES:
            return "this is the name of a device"
    return None


def system_reason(parts: Sequence[str], *, write: bool) -> str | None:
    """Return why a whole path, of which the folder is a part, is not used; None when it may be."""
    names = [_folded(part) for part in parts]
    if names and names[0] in _SYSTEM:
        return "this belongs to the operating system"
    if write and any(pair in _PAIRS for pair in pairwise(names)):
        return "this configures Jupyter"
    return None


def protected_reason(parts: Sequence[str]) -> str | None:
    """Return why a path beneath the folder is never written, None when it may be."""
    names = [_folded(part) for part in parts]
    if not names:
        return "this is the folder itself"
    for given, name in zip(parts, names, strict=True):
        if given != given.rstrip(". ") or "~" in name:
            return "the name can mean another file on some systems"
    for name in names[:-1]:
        if name in _FOLDERS:
            return f"files in {name} configure this machine or run by themselves"
    for pair in pairwise(names):
        if pair in _PAIRS:
            return "this configures Jupyter"
    if any(fnmatch.fnmatchcase(names[-1], pattern) for pattern in _FILES):
        return "this file configures what runs here"
    return None


def runs_by_itself_reason(parts: Sequence[str]) -> str | None:
    """Return why a file beneath the folder may run without being asked for, None when it may not."""
    names = [_folded(part) for part in parts]
    if not names:
        return None
    if names[-2:] in (["custom", "custom.js"], ["custom", "custom.css"]):
        return "Jupyter loads it into its pages"
    for pattern, reason in _RUN_BY.items():
        if fnmatch.fnmatchcase(names[-1], pattern):
            return reason
    if not names[-1].endswith(_MODULES):
        return None
    module = names[-1].partition(".")[0]
    if module == "__init__":
        module = names[-2] if len(names) > 1 else ""
    if _importable(module):
        return f"Python would import it in the place of {module}"
    return None


def _importable(name: str) -> bool:
    """Return whether a program that imports this name means something that is installed."""
    if name in _STANDARD or name in _PACKAGES:
        return True
    if not name.isidentifier():
        return False
    # Only what is installed counts: the working folder may hold a module that is to be replaced.
    installed = [folder for folder in sys.path if "-packages" in folder]
    return PathFinder.find_spec(name, installed) is not None


_STANDARD = frozenset(name.casefold() for name in sys.stdlib_module_names)


def is_notebook(name: str) -> bool:
    """Return whether a file of this name is a notebook, as a careless file system sees it."""
    return _folded(name).endswith(".ipynb")


def _folded(name: str) -> str:
    """Return a name as a careless file system compares it."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    # Zero-width and other format characters are ignored by some file systems.
    plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    return plain.rstrip(". ") or plain
