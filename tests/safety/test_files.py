"""File safety: confinement (R25), bounded reads (R26), protected paths (R23), saves (R27, R28)."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_agent.notebook.creation import create_notebook_file
from jupyter_agent.notebook.disk import Disk, write_atomically
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.errors import EditRefused, NotebookError, NotebookReadOnly
from jupyter_agent.protocol.rpc import SetSource
from jupyter_agent.testing import FakeWorkspace
from jupyter_agent.tools.base import ToolCallContext, failure
from jupyter_agent.tools.files import FileMissing, FileRefused, Folder
from jupyter_agent.tools.toolset import build_tools

SECRET = "the-secret-outside"
posix = pytest.mark.skipif(os.name == "nt", reason="links, pipes and modes are POSIX's")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Return a root with files inside, and secrets beside it."""
    root = tmp_path / "root"
    for folder in (root / "data" / "deep", tmp_path / "root-sibling", tmp_path / "outside"):
        folder.mkdir(parents=True)
    (root / "data" / "a.csv").write_text("x,y\n1,2\n")
    (root / "note.txt").write_text("hello\n")
    (root / ".env").write_text(SECRET)
    (root / ".git" / "hooks").mkdir(parents=True)
    (root / ".git" / "config").write_text(SECRET)
    for place in ("root-sibling", "outside"):
        (tmp_path / place / "secret.txt").write_text(SECRET)
    if os.name != "nt":
        (root / "link-out").symlink_to(tmp_path / "outside")
        (root / "link-file").symlink_to(tmp_path / "outside" / "secret.txt")
        (root / "link-up").symlink_to("..")
        (root / "link-etc").symlink_to("/etc")
        (root / "link-chain").symlink_to("link-out")
        (root / "link-hidden").symlink_to(".env")
        (root / "link-in").symlink_to("data")
        (root / "link-loop").symlink_to("link-loop")
        os.mkfifo(root / "pipe")
    return root


def outside_paths() -> Iterator[str]:
    """Yield paths that must lead nowhere: each form of leaving, in each disguise."""
    targets = ("outside/secret.txt", "root-sibling/secret.txt", "outside", "")
    prefixes = (
        "../",
        "./../",
        "data/../../",
        "data/deep/../../../",
        "..//",
        ".//..//./",
        "missing/../../",
        "data/./deep/.././../../",
        "link-up/",
        "link-up/root/../",
        "link-in/../../",
        "note.txt/../../",
    )
    yield from ("".join(pair) for pair in itertools.product(prefixes, targets))
    yield from ("../" * depth + "etc/passwd" for depth in range(1, 25))
    yield from (
        "/etc/passwd",
        "//etc/passwd",
        "/",
        "/proc/self/environ",
        "/proc/self/root/etc/passwd",
        "/proc/self/cwd/../secret.txt",
        "/dev/zero",
        "/dev/stdin",
        "/sys/kernel",
        "/root/.ssh/id_rsa",
        "link-out/secret.txt",
        "link-out",
        "link-out/../outside/secret.txt",
        "link-file",
        "link-chain/secret.txt",
        "link-etc/passwd",
        "link-loop",
        "link-loop/x",
        "link-hidden",
        ".env",
        "./.env",
        "data/../.env",
        ".git/config",
        ".git/hooks/pre-commit",
        "data/.hidden",
        "..",
        "../",
        "../root-sibling",
        "../ROOT/../outside/secret.txt",
        "..\\outside\\secret.txt",
        "data\\..\\..\\outside\\secret.txt",
        "C:\\Windows\\win.ini",
        "C:/Windows/win.ini",
        "note.txt:stream",
        "note.txt::$DATA",
        "\\\\server\\share\\x",
        "note.txt\0.png",
        "\0",
        "note.txt\n",
        "a\rb",
        "a\x1b[31m",
        "a\x7f",
        "con",
        "NUL",
        "data/aux.txt",
        "COM1.csv",
        "",
        "x" * 1_001,
        "d/" * 600,
        "y" * 400,
        "\ud800.txt",
        "．．/outside/secret.txt\0",
        "．env",
        "\u200b.env",
        "data/\u2060.git/config",
        "\u2024env",
    )
    yield from (f"~{name}" for name in ("/.ssh/id_rsa\0", "root/.ssh/x"))
    yield from (f"file:///etc/{name}" for name in ("passwd", "shadow"))
    yield from (f"{'./' * n}../outside/secret.txt" for n in range(1, 9))
    yield from (f"%2e%2e/{name}/.x" for name in ("a", "b"))


VECTORS = sorted(set(outside_paths()), key=lambda path: path.encode("utf-8", "surrogatepass"))


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 130


@pytest.mark.R(25)
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: ascii(path)[:60])
def test_no_path_leads_out(world: Path, path: str) -> None:
    folder = Folder(world)
    for act in (
        lambda: folder.read(folder.target(path), limit=1_000),
        lambda: folder.names(folder.target(path)),
        lambda: folder.write(folder.target(path, write=True), b"owned"),
    ):
        try:
            found = act()
        except (FileRefused, FileMissing):
            continue
        pytest.fail(f"{path!r} was accepted: {found!r}")
    assert _inside_only(world)


def _inside_only(root: Path) -> bool:
    beside = sorted(path.name for path in root.parent.iterdir())
    secrets = [root.parent / name / "secret.txt" for name in ("outside", "root-sibling")]
    kept = all(secret.read_text() == SECRET for secret in secrets)
    return beside == ["outside", "root", "root-sibling"] and kept


@pytest.mark.R(25)
@pytest.mark.parametrize(
    "path",
    ["note.txt", "./note.txt", "data/../note.txt", "data/a.csv", "new/deep/file.txt", "ü.txt"],
)
def test_what_lies_inside_works(world: Path, path: str) -> None:
    folder = Folder(world)
    folder.write(folder.target(path, write=True), b"written")
    assert folder.read(folder.target(path), limit=100) == b"written"
    absolute = str(world / path)
    assert folder.read(folder.target(absolute), limit=100) == b"written"


@posix
@pytest.mark.R(25)
def test_links_inside_the_folder_are_followed_once_and_kept(world: Path) -> None:
    folder = Folder(world)
    assert folder.read(folder.target("link-in/a.csv"), limit=100) == b"x,y\n1,2\n"
    folder.write(folder.target("link-in/a.csv", write=True), b"new")
    assert (world / "data" / "a.csv").read_bytes() == b"new"
    assert (world / "link-in").is_symlink()


@posix
@pytest.mark.R(25)
def test_a_folder_swapped_for_a_link_after_the_check_leads_nowhere(world: Path) -> None:
    folder = Folder(world)
    victim = world / "data"
    reading = folder.target("data/secret.txt")
    writing = folder.target("data/secret.txt", write=True)
    listing = folder.target("data")
    victim.rename(world / "data-before")
    victim.symlink_to(world.parent / "outside")
    for act in (
        lambda: folder.read(reading, limit=100),
        lambda: folder.write(writing, b"owned"),
        lambda: folder.names(listing),
    ):
        with pytest.raises((FileRefused, FileMissing)):
            act()
    assert _inside_only(world)


@posix
@pytest.mark.R(25)
def test_a_swap_race_never_reads_or_writes_outside(world: Path) -> None:
    folder = Folder(world)
    victim, aside = world / "race", world / "race-aside"
    victim.mkdir()
    (victim / "secret.txt").write_text("inside")
    trap = world / "trap"
    trap.symlink_to(world.parent / "outside")
    stopped = threading.Event()
    rounds: list[int] = []

    def swap() -> None:
        while not stopped.is_set():
            # A write may make the folder anew while it is away: then this round is over.
            with contextlib.suppress(OSError):
                victim.rename(aside)
                trap.rename(victim)
                victim.rename(trap)
            while aside.exists():
                with contextlib.suppress(OSError):
                    if victim.is_symlink():
                        victim.rename(trap)
                    shutil.rmtree(victim, ignore_errors=True)
                    aside.rename(victim)
            rounds.append(1)

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        for number in range(1_500):
            try:
                target = folder.target("race/secret.txt", write=True)
                if number % 2:
                    folder.write(target, b"inside")
                seen.add(folder.read(target, limit=100))
            except (FileRefused, FileMissing):
                continue
    finally:
        stopped.set()
        swapper.join()
    assert seen == {b"inside"}
    assert len(rounds) > 10
    assert _inside_only(world)


PROTECTED = [
    ".git/hooks/pre-commit",
    ".jupyter/jupyter_server_config.py",
    ".jupyter/x",
    ".ipython/profile_default/startup/00.py",
    ".bashrc",
    ".profile",
    ".config/x",
    ".mcp.json",
    ".vscode/mcp.json",
    ".vscode/settings.json",
    ".cursor/mcp.json",
    ".github/workflows/x.yml",
    ".husky/pre-commit",
    ".local/share/jupyter/kernels/x/kernel.json",
    ".ssh/authorized_keys",
    ".jupyter-agent/policy.json",
    "jupyter_server_config.py",
    "jupyter_server_config.json",
    "jupyter_notebook_config.py",
    "JUPYTER_SERVER_CONFIG.PY",
    "jupyter_config.py",
    "ipython_config.py",
    "ipython_kernel_config.py",
    "sub/jupyter_lab_config.py",
    "kernel.json",
    "Kernel.JSON",
    "share/jupyter/kernels/evil/kernel.json",
    "share/jupyter/x.txt",
    "Share/Jupyter/x.txt",
    "etc/jupyter/jupyter_server_config.d/x.json",
    "etc/ipython/x",
    "venv/lib/python3.11/site-packages/evil.py",
    "venv/lib/python3.11/site-packages/sub/evil.py",
    "Lib/Site-Packages/evil.py",
    "usr/lib/python3/dist-packages/evil.py",
    "evil.pth",
    "sitecustomize.py",
    "usercustomize.py",
    "venv/pyvenv.cfg",
    "githooks/pre-commit",
    "hooks/post-checkout",
    "mcp.json",
    "MCP.json",
    "mcp_settings.json",
    "claude_desktop_config.json",
    "jupyter_agent_config.py",
    "jupyter_agent.json",
    "jupyter-agent.toml",
    "profile_default/startup/00-x.py",
    "startup/00-x.py",
    "kernelspecs/x/y",
    "labconfig/default_setting_overrides.json",
    "overrides.json",
    "page_config.json",
    "Library/Jupyter/x",
    "AppData/Roaming/jupyter/x",
    "Library/LaunchAgents/x.plist",
    "notebook.ipynb.",
    "notebook.ipynb ",
    "kernel.json.",
    "kernel.json ",
    "ｋernel.json",
    "kernel\u200b.json",
    "JUPYTE~1/x",
    "pip.conf",
    "authorized_keys",
    ".",
    "",
    "data",
]


@pytest.mark.R(23)
@pytest.mark.parametrize("path", PROTECTED, ids=ascii)
def test_no_tool_writes_what_configures_the_machine(world: Path, path: str) -> None:
    folder = Folder(world)
    before = sorted(str(item) for item in world.rglob("*"))
    with pytest.raises(FileRefused):
        folder.write(folder.target(path, write=True), b"owned")
    assert sorted(str(item) for item in world.rglob("*")) == before


@pytest.mark.R(23)
def test_a_root_inside_jupyters_own_folders_is_not_written(tmp_path: Path) -> None:
    root = tmp_path / "share" / "jupyter" / "kernels"
    root.mkdir(parents=True)
    with pytest.raises(FileRefused, match="configures Jupyter"):
        Folder(root).target("innocent.txt", write=True)


async def call(root: Path, name: str, **arguments: Any) -> Any:
    tool = next(tool for tool in build_tools(FakeWorkspace(root=root)) if tool.name == name)
    context = ToolCallContext(call_id="c", run_id="r", update=lambda text, cells: None)
    given = tool.arguments.model_validate(arguments)
    try:
        await tool.preview(given)
        return await tool.run(given, context)
    except (FileRefused, FileMissing) as error:
        return failure(error)


@pytest.mark.R(23, 25)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read_file", {"path": "../outside/secret.txt"}),
        ("read_file", {"path": ".env"}),
        ("list_files", {"path": ".."}),
        ("list_files", {"path": "link-out"}),
        ("search_files", {"query": "secret", "path": "../outside"}),
        ("write_file", {"path": "../outside/new.txt", "content": "x"}),
        ("write_file", {"path": "a.ipynb", "content": "{}"}),
        ("write_file", {"path": "A.IPYNB", "content": "{}"}),
        ("write_file", {"path": "data/ａ.ｉpynb", "content": "{}"}),
        ("write_file", {"path": ".git/hooks/pre-commit", "content": "x"}),
        ("create_notebook", {"path": "../outside/a.ipynb"}),
        ("create_notebook", {"path": ".hidden/a.ipynb"}),
    ],
)
async def test_the_tools_refuse_as_results(
    world: Path, name: str, arguments: dict[str, Any]
) -> None:
    output = await call(world, name, **arguments)
    text = "".join(part.text for part in output.content)
    assert output.is_error
    assert SECRET not in text
    assert text.startswith(("FILE_REFUSED", "FILE_MISSING", "EDIT_REFUSED"))
    assert _inside_only(world)


@posix
@pytest.mark.R(25)
async def test_walking_never_follows_links(world: Path) -> None:
    listed = await call(world, "list_files", recursive=True)
    found = await call(world, "search_files", query="secret-outside")
    names = "".join(part.text for part in listed.content)
    assert "note.txt" in names and "data/a.csv" in names
    assert "link" not in names and ".env" not in names and "pipe" not in names
    assert "".join(part.text for part in found.content) == "not found"


# ---- R26: what is read is bounded ----------------------------------------------------------------


@posix
@pytest.mark.R(26)
def test_pipes_and_folders_are_not_read(world: Path) -> None:
    folder = Folder(world)
    for name in ("pipe", "data", "."):
        with pytest.raises(FileRefused):
            folder.read(folder.target(name), limit=100)


@pytest.mark.R(26)
def test_a_sparse_file_is_not_read_whole(world: Path) -> None:
    with (world / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    folder = Folder(world)
    with pytest.raises(FileRefused, match="too large"):
        folder.read(folder.target("sparse"), limit=1 << 20)


@pytest.mark.R(26)
async def test_long_lines_and_many_lines_are_cut(world: Path) -> None:
    (world / "long.txt").write_text("x" * 1_000_000 + "\n" + "line\n" * 100_000)
    output = await call(world, "read_file", path="long.txt")
    text = output.content[0].text
    assert len(text) < 30_000
    assert "go on with offset=" in text


@posix
@pytest.mark.R(26)
@pytest.mark.parametrize("path", ["proc/self/environ", "dev/zero", "sys/kernel/notes"])
def test_with_the_whole_disk_as_root_the_systems_files_stay_closed(path: str) -> None:
    folder = Folder(Path("/"))
    with pytest.raises((FileRefused, FileMissing)):
        folder.read(folder.target(path), limit=100_000)


# ---- R27, R28: a save leaves the old file or the new one ----------------------------------------

BEFORE = ("open_new", "write", "set_mode", "sync", "close", "open_old")
STEPS = (*BEFORE, "exchange" if os.name == "posix" else "replace", "sync_folder")
OLD = json.dumps(
    {
        "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "old"}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)


class FailingDisk(Disk):
    """Fails at one step; the step itself has its effect only where `late`."""

    def __init__(self, step: str, code: int, *, late: bool = False) -> None:
        self.reached = False
        real: Callable[..., Any] = getattr(self, step)

        def fail(*arguments: Any) -> Any:
            self.reached = True
            if late:
                real(*arguments)
            raise OSError(code, os.strerror(code))

        setattr(self, step, fail)


@pytest.mark.R(27, 28)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("step", STEPS)
async def test_an_error_at_any_step_leaves_the_old_or_the_new(
    tmp_path: Path, step: str, code: int
) -> None:
    file = tmp_path / "n.ipynb"
    _write(file, OLD)
    disk = FailingDisk(step, code)
    document = FileNotebook("n.ipynb", file, disk=disk)
    change = SetSource(id="a", source="new")
    if step == "sync_folder":  # the new file is in place by then
        await document.apply([change], [], op_id="1")
        assert _source(file) == "new"
    else:
        expected = NotebookReadOnly if code in (errno.EACCES, errno.EROFS) else NotebookError
        with pytest.raises(expected) as caught:
            await document.apply([change], [], op_id="1")
        assert "n.ipynb" in caught.value.user_message
        assert _text(file) == OLD
    assert disk.reached
    assert _names(tmp_path) == ["n.ipynb"]


@posix
@pytest.mark.R(27, 28)
@pytest.mark.parametrize("step", ["exchange", "replace"])
async def test_an_error_where_files_cannot_be_exchanged_leaves_the_old(
    tmp_path: Path, step: str
) -> None:
    class Plain(FailingDisk):
        def exchange(self, source: Path, target: Path) -> bool:
            return False

    file = tmp_path / "n.ipynb"
    _write(file, OLD)
    disk = Plain(step, errno.EIO)
    with pytest.raises(NotebookError):
        await FileNotebook("n.ipynb", file, disk=disk).apply(
            [SetSource(id="a", source="new")], [], op_id="1"
        )
    assert disk.reached
    assert _text(file) == OLD
    assert _names(tmp_path) == ["n.ipynb"]


@posix
@pytest.mark.R(27, 28)
@pytest.mark.parametrize("number", range(1, 6))
async def test_an_error_while_what_came_out_is_looked_at_leaves_the_old(
    tmp_path: Path, number: int
) -> None:
    class FailingLook(Disk):
        looks = 0

        def open_old(self, path: Path) -> int:
            self.looks += 1
            if self.looks == number:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().open_old(path)

    file = tmp_path / "n.ipynb"
    _write(file, OLD)
    disk = FailingLook()
    with pytest.raises(NotebookError):
        await FileNotebook("n.ipynb", file, disk=disk).apply(
            [SetSource(id="a", source="new")], [], op_id="1"
        )
    assert _text(file) == OLD
    assert _names(tmp_path) == ["n.ipynb"]


@posix
@pytest.mark.R(27)
async def test_a_temporary_file_that_cannot_be_removed_does_not_undo_the_save(
    tmp_path: Path,
) -> None:
    file = tmp_path / "n.ipynb"
    _write(file, OLD)
    disk = FailingDisk("remove", errno.EIO)
    await FileNotebook("n.ipynb", file, disk=disk).apply(
        [SetSource(id="a", source="new")], [], op_id="1"
    )
    assert disk.reached
    assert _source(file) == "new"


@pytest.mark.R(28)
@pytest.mark.parametrize("step", ["open_new", "write", "sync", "close", "place"])
async def test_a_notebook_that_cannot_be_created_leaves_its_name_free(
    tmp_path: Path, step: str
) -> None:
    file = tmp_path / "n.ipynb"
    disk = FailingDisk(step, errno.ENOSPC)
    with pytest.raises(NotebookError) as caught:
        await create_notebook_file(file, [], None, disk=disk)
    assert disk.reached
    assert type(caught.value) is NotebookError  # not NotebookReadOnly
    assert "disk is full" in caught.value.user_message
    assert _names(tmp_path) == []
    await create_notebook_file(file, [], None)
    with pytest.raises(EditRefused):
        await create_notebook_file(file, [], None)
    assert _names(tmp_path) == ["n.ipynb"]


@pytest.mark.R(27)
async def test_short_writes_are_continued(tmp_path: Path) -> None:
    class Short(Disk):
        def write(self, handle: int, data: memoryview) -> int:
            return os.write(handle, data[:7])

    file = tmp_path / "n.ipynb"
    _write(file, OLD)
    await FileNotebook("n.ipynb", file, disk=Short()).apply(
        [SetSource(id="a", source="new")], [], op_id="1"
    )
    assert _source(file) == "new"


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from jupyter_agent.notebook.disk import Disk
from jupyter_agent.notebook.file import FileNotebook
from jupyter_agent.protocol.rpc import SetSource

class Killing(Disk):
    pass

step, when, path = sys.argv[1:]

def kill(self, *arguments):
    if when == "after":
        getattr(Disk, step)(self, *arguments)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(Killing, step, kill)
document = FileNotebook("n.ipynb", Path(path), disk=Killing())
asyncio.run(document.apply([SetSource(id="a", source="new")], [], op_id="1"))
"""


@posix
@pytest.mark.R(27)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_sigkill_at_any_step_leaves_the_old_or_the_new(
    tmp_path: Path, step: str, when: str
) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(OLD)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, step, when, str(file)],
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    is_new = step not in (*BEFORE, "exchange") or (step, when) == ("exchange", "after")
    assert _source(file) == ("new" if is_new else "old")


@posix
@pytest.mark.R(28)
def test_a_folder_without_write_permission_keeps_the_file(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere; errors are injected above instead")
    file = tmp_path / "n.txt"
    file.write_text("old")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            write_atomically(file, b"new")
    finally:
        tmp_path.chmod(0o700)
    assert file.read_text() == "old"


def _write(file: Path, text: str) -> None:
    file.write_text(text)


def _text(file: Path) -> str:
    return file.read_text()


def _names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def _source(file: Path) -> str:
    return "".join(json.loads(file.read_text())["cells"][0]["source"])
