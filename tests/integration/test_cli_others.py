"""`jupyter agent` and its commands `models`, `replay` and `demo`, as child processes."""

import json
import os
import signal
import subprocess
import sys
import urllib.parse

import pytest

from jupyter_agent.providers.registry import PROVIDERS

DONE, FAILED, USAGE = 0, 1, 2


def test_help_lists_commands_and_exit_codes(command):
    outcome = command.run("--help")
    assert outcome.returncode == DONE
    for name in ("run", "demo", "models", "keys", "doctor", "sessions", "undo", "mcp", "record"):
        assert f"  {name} " in outcome.stdout
    assert "3    something needed approval and was denied" in outcome.stdout


@pytest.mark.parametrize(
    "name",
    ["run", "demo", "models", "keys", "doctor", "sessions", "undo", "mcp", "record", "replay"],
)
def test_every_command_explains_itself(command, name):
    outcome = command.run(name, "--help")
    assert outcome.returncode == DONE
    assert outcome.stdout.startswith(f"usage: jupyter agent {name}")


def test_without_a_command_it_is_a_usage_error(command):
    assert command.run().returncode == USAGE


def test_help_imports_no_heavy_package(command):
    program = (
        "import sys; from jupyter_agent.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted(n for n in ('httpx', 'sqlite3', 'jupyter_client', 'IPython', 'nbformat') "
        "if n in sys.modules), file=sys.stderr)"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert outcome.stderr.strip() == "[]"


def test_models_lists_what_is_ready_first_and_says_what_is_missing(command):
    outcome = command.run("models", "--json")
    assert outcome.returncode == DONE
    models = [json.loads(line) for line in outcome.stdout.splitlines()]
    ready = [model["available"] for model in models]
    assert ready == sorted(ready, reverse=True)
    assert "demo" in [model["id"] for model in models if model["available"]]
    assert all(model["reason"] for model in models if not model["available"])
    shown = command.run("models").stdout
    assert "Not ready:" in shown and "enter one here" not in shown
    assert "run `jupyter agent keys set openai`, or set OPENAI_API_KEY" in shown


def test_models_lists_every_provider_with_what_its_models_can_do(command):
    models = [json.loads(line) for line in command.run("models", "--json").stdout.splitlines()]
    able = {model["provider"]: model["capabilities"] for model in models}
    assert set(PROVIDERS) <= set(able)
    assert all("tools" in capabilities for capabilities in able.values())
    table = command.run("models").stdout
    assert [name for name in PROVIDERS if f"  {name}: " not in table] == []


ANSWER = (
    'data: {"choices": [{"index": 0, "delta": {"content": "Hello"}}]}\n\n'
    'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
    "data: [DONE]\n\n"
)


def test_replay_prints_a_line_for_each_recording(command):
    folder = command.folder / "openai_chat"
    folder.mkdir()
    (folder / "whole.sse").write_text(ANSWER)
    (folder / "cut.sse").write_text(ANSWER.partition('"finish_reason"')[0])
    outcome = command.run("replay", str(folder))
    assert outcome.returncode == DONE, outcome.stderr
    cut, whole = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert (whole["name"], whole["text"], whole["finish"]) == ("whole", "Hello", "stop")
    assert whole["error"] is None
    assert cut["error"]


@pytest.mark.parametrize("name", ["nothing.sse", "config", "work.ipynb"])
def test_replay_refuses_what_is_no_recording(command, name):
    outcome = command.run("replay", name)
    assert outcome.returncode == USAGE
    assert "Traceback" not in outcome.stderr
    assert outcome.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send the signal")
def test_demo_opens_a_fresh_copy_and_ends_at_ctrl_c(command):
    # Somebody worked in the first folder: it must stay as it is.
    mine = command.folder / "jupyter-agent-demo"
    mine.mkdir()
    (mine / "penguins.ipynb").write_text("mine")
    command.environment["JUPYTER_RUNTIME_DIR"] = str(command.folder / "runtime")
    child = command.start("demo", "--no-browser", "--port", "0")
    assert child.stderr is not None
    address = next(
        line.decode().strip() for line in child.stderr if b"/lab/tree/penguins.ipynb" in line
    )
    assert urllib.parse.urlsplit(address.split()[-1]).port
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)
    assert child.returncode == DONE
    assert (mine / "penguins.ipynb").read_text() == "mine"
    copied = command.folder / "jupyter-agent-demo-2"
    assert sorted(os.listdir(copied)) == ["penguins.csv", "penguins.ipynb"]


def closed_early(command, *arguments):
    """Run a command whose reader leaves before it reads anything; return code and errors."""
    child = command.start(*arguments)
    child.stdout.close()
    errors = child.stderr.read().decode()
    return child.wait(60), errors


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("replay", "openai_chat"),
        ("models",),
        ("models", "--json"),
        ("models", "--providers"),
        ("keys",),
        ("keys", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        ("sessions", "--json"),
        ("undo", "work.ipynb"),
        ("verify", "work.ipynb"),
    ],
    ids=" ".join,
)
def test_nobody_left_to_read_the_output_is_no_fault(command, arguments):
    folder = command.folder / "openai_chat"
    folder.mkdir()
    (folder / "whole.sse").write_text(ANSWER)
    run = ("run", "work.ipynb", "-p", "go", "--model", "script/edits", "--yes", "--json")
    if arguments[0] in ("undo", "sessions"):
        assert command.run(*run).returncode == DONE
    code, errors = closed_early(command, *arguments)
    assert code in (DONE, FAILED), errors
    assert "pipe" not in errors.lower() and "Traceback" not in errors
