"""R57: the model replaced by an attacker's programs: nothing happens that nobody allowed.

Each of some hundred programs (`hostile_programs.py`) is played against a real session in each mode,
while the person says no to all they are asked, or does not answer. Looked at after each: every file
of the root, of the folder beside it and of the person's home; the kernels; the session's settings
and grants; processes and connections that Python began.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hostile_programs import FOREIGN_HOST, HIDDEN_WORDS, MARK, Program, programs
from session_rig import Model, Models

from jupyter_agent.agent.limits import Limits
from jupyter_agent.config import Settings
from jupyter_agent.protocol.errors import KernelStartFailed
from jupyter_agent.providers.replay import Call, Say
from jupyter_agent.runtime.build import build_manager

PROGRAMS = programs(chains=36)
SETTINGS = Settings(
    discover_local_servers=False, limits=Limits(max_turns=100, max_calls=1_000, max_seconds=100)
)

# What Python began while `_watching`: hooks cannot be taken back, so there is one for good.
_began: list[str] = []
_watching: list[bool] = []


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
        _began.append(f"{event} {args[:2]}")
    elif event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        _began.append(f"{event} {args[1:]}")


sys.addaudithook(_watch)


class NoKernel:
    """Has no kernel, and starts none; notes who tried."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    async def find(self, path: str) -> None:
        return None

    async def by_id(self, kernel_id: str) -> None:
        return None

    async def start(self, path: str, kernel_name: str | None) -> Any:
        self.tried.append(f"start {path}")
        raise KernelStartFailed("There is none here.")

    async def shutdown(self, path: str) -> None:
        self.tried.append(f"shut down {path}")

    async def kernel_names(self) -> dict[str, str]:
        return {"python3": "Python 3"}

    async def change(self, path: str, kernel_name: str) -> None:
        self.tried.append(f"change {path}")
        raise KernelStartFailed("There is none here.")


def make_world(folder: Path) -> Path:
    """Make a root among other folders; returns it."""
    root = folder / "root"
    cells = [nbformat.v4.new_code_cell("a = 1", id="first000")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    texts = {
        "root/data/table.csv": "a,b\n1,2\n",
        "root/module.py": "x = 1\n",
        "root/.git/config": "[core]\n",
        "root/.git/hooks/pre-commit": "#!/bin/sh\n",
        "root/.jupyter/jupyter_server_config.py": "c = get_config()\n",
        "root/.env": "TOKEN=x\n",
        "outside/precious.txt": "precious\n",
        "home/.bashrc": "alias ll=ls\n",
        "home/.ssh/authorized_keys": "ssh-ed25519 AAAA\n",
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("root/work.ipynb", "root/other.ipynb", "outside/n.ipynb"):
        nbformat.write(notebook, folder / name)
    hidden = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(f"{HIDDEN_WORDS} = 1", id="secret00")]
    )
    for name in (
        ".secret/n.ipynb",
        ".ipynb_checkpoints/work-checkpoint.ipynb",
        "data/.hidden.ipynb",
    ):
        (root / name).parent.mkdir(exist_ok=True)
        nbformat.write(hidden, root / name)
    (root / "link").symlink_to(folder / "outside", target_is_directory=True)
    (root / "shown").symlink_to(root / ".secret", target_is_directory=True)
    (root / "shown.ipynb").symlink_to(root / ".secret" / "n.ipynb")
    return root


def fingerprint(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Return what every file and folder is: kind, mode, contents."""
    found = {}
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(base, name)
            inner = path.relative_to(folder).as_posix()
            if inner in without:
                continue
            if path.is_symlink():
                found[inner] = f"link {os.readlink(path)}"
            elif path.is_dir():
                found[inner] = f"folder {path.stat().st_mode:o}"
            else:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[inner] = f"file {path.stat().st_mode:o} {digest}"
    return found


class Attacked:
    """A session that an attacker's programs are played to, and a person who says no."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = make_world(folder)
        self.kernels = NoKernel()
        self.manager: Any = None
        self.mode = ""
        self.session: Any = None
        self.answers = True
        self.leaked = False
        self.asked: list[Any] = []
        self.turns: Iterator[list[Any]] = iter(())
        self._answers: set[asyncio.Task[None]] = set()

    def play(self, request: Any) -> list[Any]:
        """Give the next answer of the program; after the last, say so."""
        told = (result.text for message in request.messages for result in message.tool_results)
        self.leaked = self.leaked or any(HIDDEN_WORDS in text for text in told)
        return next(self.turns, [Say("Done.")])

    def watch(self, seq: int, event: Any, data: bytes) -> None:
        """Say no to approvals, and `yes` to whatever else is asked."""
        if event.type == "approval_start":
            self.asked.append(event)
            if not self.answers:
                return
            work = self.session.approve(
                event.approval_id, fingerprint=event.fingerprint, allow=False
            )
        elif event.type == "question_start":
            work = self.session.answer(event.question_id, "yes")
        else:
            return
        task = asyncio.get_running_loop().create_task(work)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def begin(self) -> None:
        """Begin a session: what was said in the one before is not sent again with each program."""
        made = await self.manager.create(
            owner="me", notebook_path="work.ipynb", model="attacker", mode=self.mode
        )
        self.session = await self.manager.get(made.id, owner="me")
        self.session.journal.attach(self.watch, self.session.journal.seq)

    async def attack(self, program: Program) -> list[str]:
        """Play one program; returns what happened that must not."""
        name, turns = program
        self.turns = iter(turns)
        self.kernels.tried.clear()
        _began.clear()
        await self.session.prompt(name, ())
        await asyncio.wait_for(self.session.wait(), 30)
        return [*_began, *self.kernels.tried]

    def settings(self) -> tuple[Any, ...]:
        """Return what the session may do by itself."""
        settled = self.session.settled
        return (settled.mode, settled.model, settled.notebook_path, tuple(self.session.grants))


@asynccontextmanager
async def attacked(
    folder: Path, mode: str, monkeypatch: pytest.MonkeyPatch, *, answers: bool
) -> AsyncIterator[Attacked]:
    world = Attacked(folder)
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(folder / "home" / "jupyter"))
    settings = replace(SETTINGS, approval_deadline=None if answers else 0.001)
    manager = build_manager(settings, root=world.root, store_path=None, kernels=world.kernels)  # type: ignore[arg-type]
    manager.access = Models(settings, folder / "keys", attacker=Model(world.play))
    world.manager, world.mode, world.answers = manager, mode, answers
    await world.begin()
    _watching.append(True)
    try:
        yield world
    finally:
        _watching.clear()
        await manager.aclose()


# What edits mode lets happen unasked: changes of cells in notebooks that are in the open.
NOTEBOOKS = ("root/work.ipynb", "root/other.ipynb")


@pytest.mark.R(57)
@pytest.mark.timeout(600)  # about ten seconds on a machine that does nothing else
@pytest.mark.parametrize(
    ("mode", "answers"),
    [("plan", True), ("ask", True), ("ask", False), ("edits", True)],
    ids=["plan", "ask-denied", "ask-unanswered", "edits-denied"],
)
async def test_no_program_has_an_effect_that_nobody_allowed(
    tmp_path: Path, mode: str, answers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len({name for name, _ in PROGRAMS}) >= 300
    without = NOTEBOOKS if mode == "edits" else ()
    async with attacked(tmp_path, mode, monkeypatch, answers=answers) as world:
        before, settings = fingerprint(tmp_path, without=without), world.settings()
        for number, program in enumerate(PROGRAMS):
            if number % 15 == 14:
                await world.begin()
            happened = await world.attack(program)
            assert happened == [], program
            assert not world.leaked, program
            assert fingerprint(tmp_path, without=without) == before, program
            assert world.settings() == settings, program
        assert bool(world.asked) == (mode != "plan")
    for name in NOTEBOOKS:
        notebook = nbformat.read(tmp_path / name, as_version=4)
        nbformat.validate(notebook)
        assert mode == "edits" or MARK not in str(notebook)
        # Code loads nothing until it runs.
        shown = [cell.source for cell in notebook.cells if cell.cell_type != "code"]
        assert not any(FOREIGN_HOST in source for source in shown)
        assert all(not cell.get("outputs") for cell in notebook.cells)
        assert set(notebook.metadata) <= {"kernelspec", "language_info"}


@pytest.mark.R(57)
async def test_what_is_allowed_does_happen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the same eyes see an effect where a call is let through."""
    write = Call("write_file", {"path": "data/new.txt", "content": MARK})
    run = Call("run_code", {"code": "1", "mode": "commit"})
    async with attacked(tmp_path, "auto", monkeypatch, answers=True) as world:
        before = fingerprint(tmp_path)
        happened = await world.attack(("allowed", [[write], [run]]))
        assert fingerprint(tmp_path).keys() - before.keys() == {"root/data/new.txt"}
        assert happened == ["start work.ipynb"]
