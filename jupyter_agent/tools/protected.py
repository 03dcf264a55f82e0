"""Paths that tools never touch: hidden ones, and what configures this machine or runs by itself.

A tool that could write Jupyter's configuration, a git hook or a start-up file could give itself
any permission (R23). Names are compared in a folded form, as file systems do.
"""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Sequence
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
    "sitecustomize.py",
    "usercustomize.py",
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
)
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


def is_notebook(name: str) -> bool:
    """Return whether a file of this name is a notebook, as a careless file system sees it."""
    return _folded(name).endswith(".ipynb")


def _folded(name: str) -> str:
    """Return a name as a careless file system compares it."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    # Zero-width and other format characters are ignored by some file systems.
    plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    return plain.rstrip(". ") or plain
