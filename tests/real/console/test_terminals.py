"""Jupyter console and IPython in a terminal, as a person types into them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from real_scripts import WHOLE, agent_home

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pseudo-terminal"),
]

SECONDS = 60


class Terminal:
    """A program in a terminal."""

    def __init__(self, folder: Path, *words: str) -> None:
        environment = agent_home(folder)
        self.asked = Path(environment["ASKED"])
        self._process = pexpect.spawn(
            sys.executable,
            ["-m", *words],
            cwd=str(folder),
            env=environment,
            encoding="utf-8",
            timeout=SECONDS,
            dimensions=(50, 200),
        )
        self.wait_for_prompt()

    def wait_for_prompt(self) -> str:
        self._process.expect(r"In ?\[\d+\]: ?")
        return str(self._process.before)

    def type(self, line: str) -> None:
        self._process.sendline(line)

    def say(self, line: str) -> str:
        """Type a line, and return what is shown until the next prompt."""
        self.type(line)
        return self.wait_for_prompt()

    def expect(self, text: str) -> None:
        self._process.expect_exact(text)

    def interrupt(self) -> None:
        self._process.sendintr()

    def close(self) -> None:
        self._process.close(force=True)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Terminal]:
    flag = "--ZMQTerminalInteractiveShell.simple_prompt=True"
    made = Terminal(tmp_path, "jupyter_console", flag)
    yield made
    made.close()


@pytest.fixture
def ipython(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path, "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor")
    yield made
    made.close()


def test_jupyter_console_shows_the_whole_answer(console: Terminal) -> None:
    console.say("%load_ext jupyter_agent")
    shown = console.say("%agent --mode auto --model script/repair Go on.")
    assert WHOLE in shown
    assert "ZeroDivisionError" in shown and "42" in shown
    assert shown.count("✗") == 1 and shown.count("✓") == 1


@pytest.mark.parametrize(
    "ask",
    [
        "%agent --mode auto --model script/sleeper Go on.",
        "await jupyter_agent.Agent('script/sleeper', mode='auto').run('Go on.')",
    ],
    ids=["magic", "API"],
)
def test_ctrl_c_in_ipython_stops_the_run(ipython: Terminal, ask: str) -> None:
    ipython.say("%load_ext jupyter_agent")
    ipython.say("import jupyter_agent")
    ipython.type(ask)
    ipython.expect("sleeping")
    ipython.interrupt()
    shown = ipython.wait_for_prompt()
    assert "It went on." not in shown and "KeyboardInterrupt" in shown
    assert ipython.asked.read_text() == "asked\n", "the model was asked again"
    assert "2" in ipython.say("1 + 1")
