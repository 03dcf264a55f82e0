"""`jupyter agent keys` and the lists of `models`, as child processes: no key on a command line or in what is printed."""

import json
import os
import stat
import sys

import pytest
from listing_server import row, serving

DONE, USAGE, PROVIDER = 0, 2, 5
KEY = "sk-canary-0123456789"


def listed(command, *arguments):
    outcome = command.run("keys", "--json", *arguments)
    assert outcome.returncode == DONE, outcome.stderr
    assert KEY not in outcome.stdout + outcome.stderr
    return {row["name"]: row for row in map(json.loads, outcome.stdout.splitlines())}


@pytest.fixture
def command(command):
    # A keyring of the machine the tests run on must not get a test's key.
    command.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    return command


def test_keys_are_listed_with_where_they_come_from(command):
    command.environment["MISTRAL_API_KEY"] = KEY
    kept = command.run("keys", "set", "GROQ", stdin=f"{KEY}\n")
    assert kept.returncode == DONE, kept.stderr
    assert "only you can read" in kept.stdout
    rows = listed(command)
    assert (rows["groq"]["has_key"], rows["groq"]["key_source"]) == (True, "file")
    assert (rows["mistral"]["key_source"], rows["openai"]["key_source"]) == ("environment", None)
    shown = command.run("keys").stdout
    assert "key from the file" in shown and "key from the environment" in shown
    assert KEY not in shown
    if os.name == "posix":
        path = command.folder / "data" / "jupyter_agent" / "credentials.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_is_removed_and_one_of_the_environment_is_said_to_stay(command):
    command.run("keys", "set", "groq", stdin=KEY)
    command.environment["GROQ_API_KEY"] = KEY
    outcome = command.run("keys", "remove", "groq")
    assert outcome.returncode == DONE
    assert "Forgotten: groq." in outcome.stdout and "GROQ_API_KEY is still there" in outcome.stdout
    assert "Nothing was stored" in command.run("keys", "remove", "groq").stdout


def test_a_key_entered_under_one_of_the_environment_is_said_to_come_second(command):
    command.environment["GROQ_API_KEY"] = "sk-other"
    assert "comes first" in command.run("keys", "set", "groq", stdin=KEY).stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("set", "gogle"), KEY, "Did you mean google"),
        (("test", "opnai"), None, "Did you mean openai"),
        (("remove", "opnai"), None, "Did you mean openai"),
        (("set", "gpu.corp:8000/v1"), KEY, "http://gpu.corp:8000/v1 if"),
        (("set", "groq"), "", "No key was entered"),
        (("set", "groq"), "two words", "no blanks"),
        (("set", "groq", "--base-url", "ftp://x"), KEY, "https://"),
        (("set", "http://me:secret@host/v1"), KEY, "must not contain a name or a password"),
        (("set", "groq", "--key", KEY), None, "unrecognized arguments"),
        (("list",), None, "invalid choice"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(command, arguments, stdin, words):
    outcome = command.run("keys", *arguments, stdin=stdin)
    assert outcome.returncode == USAGE
    assert words in outcome.stderr and "Traceback" not in outcome.stderr
    assert not any(row["has_key"] for row in listed(command).values())


def test_a_provider_at_another_address_is_tested(command):
    with serving(row("llama-9")) as server:
        outcome = command.run("keys", "set", "groq", "--base-url", server.url, stdin=KEY)
        assert outcome.returncode == DONE and server.url in outcome.stdout
        tested = command.run("keys", "test", "groq")
        assert (tested.returncode, tested.stdout) == (DONE, "✓ Groq answers: 1 model.\n")
        assert command.run("keys", "test", "groq", "--model", "llama-9").returncode == DONE
        missing = command.run("keys", "test", "groq", "--model", "lama-9")
        assert missing.returncode == PROVIDER and "llama-9" in missing.stdout
        assert server.keys[-1] == f"Bearer {KEY}"
    gone = command.run("keys", "test", "groq")
    assert gone.returncode == PROVIDER and gone.stdout.startswith("✗")
    assert "Needs a key" not in gone.stdout and KEY not in gone.stdout + gone.stderr
    moved = command.run("keys", "set", "groq", "--base-url", "", stdin="")
    assert "asked at https://api.groq.com" in moved.stdout and "Needs a key" in moved.stdout


def test_a_provider_without_a_key_is_told_what_it_needs(command):
    outcome = command.run("keys", "test", "groq")
    assert outcome.returncode == PROVIDER and "GROQ_API_KEY" in outcome.stdout


def test_an_address_of_ones_own_needs_no_key_and_its_models_are_listed(command):
    with serving(row("qwen")) as server:
        # On this machine the scheme may be left out.
        kept = command.run("keys", "set", server.url.removeprefix("http://"), stdin="")
        assert kept.returncode == DONE, kept.stderr
        assert listed(command)[server.url]["own"]
        assert command.run("keys", "test", server.url).returncode == DONE
        models = command.run("models", "--live", "--json")
        assert models.returncode == DONE, models.stderr
        assert f"{server.url}#qwen" in {json.loads(x)["id"] for x in models.stdout.splitlines()}
    failed = command.run("models", "--live")
    assert failed.returncode == PROVIDER
    assert "did not answer" in failed.stderr and "demo" in failed.stdout
    assert command.run("keys", "remove", server.url).returncode == DONE
    assert server.url not in listed(command)


def test_an_administrators_address_is_refused_before_a_key_is_read(command):
    command.configure(providers={"groq": {"base_url": "https://gateway.corp/v1"}})
    outcome = command.run("keys", "set", "groq", "--base-url", "https://evil.test", stdin=KEY)
    assert outcome.returncode == USAGE and "administrator" in outcome.stderr
    assert not listed(command)["groq"]["has_key"]
    command.configure(forbidden_providers=["groq"])
    outcome = command.run("keys", "set", "groq", stdin=KEY)
    assert outcome.returncode == USAGE and "does not allow" in outcome.stderr
    assert "groq" not in listed(command)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
def test_a_key_typed_at_a_terminal_is_not_shown(command):
    import pty

    arguments = [sys.executable, "-m", "jupyter_agent.cli.main", "keys", "set", "groq"]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(command.folder)
        os.execve(sys.executable, arguments, command.environment)
    seen = b""
    while b"Key for groq: " not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, f"{KEY}\n".encode())
    try:
        while chunk := os.read(terminal, 1024):
            seen += chunk
    except OSError:  # the other end is closed
        pass
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == DONE
    assert KEY.encode() not in seen and b"is kept" in seen
    assert listed(command)["groq"]["has_key"]


def test_providers_are_listed_with_what_their_models_can_do(command):
    command.environment["GROQ_API_KEY"] = KEY
    outcome = command.run("models", "--providers", "--json")
    rows = {row["name"]: row for row in map(json.loads, outcome.stdout.splitlines())}
    nine = "openai anthropic deepseek gemini cohere ollama groq perplexity xai".split()
    assert set(nine) <= set(rows)
    assert rows["groq"]["ready"] and not rows["xai"]["ready"]
    assert "XAI_API_KEY" in rows["xai"]["reason"]
    assert rows["anthropic"]["capabilities"]["vision"]
    assert not rows["perplexity"]["capabilities"]["tools"]
    table = command.run("models", "--providers").stdout
    assert "anthropic_" not in table and "openai_responses" in table
    [line] = [line for line in table.splitlines() if line.startswith("perplexity ")]
    assert "no tools" in line and "PERPLEXITY_API_KEY" in line
    assert KEY not in table + outcome.stdout


def test_what_is_said_of_a_model_is_kept_and_forgotten(command):
    said = {"context_window": 8000, "capabilities": {"vision": True}}
    assert command.run("models", "--set", "grok/mine", json.dumps(said)).returncode == DONE
    [model] = [
        json.loads(line)
        for line in command.run("models", "--json").stdout.splitlines()
        if '"xai/mine"' in line
    ]
    assert model["context_window"] == 8000 and model["capabilities"]["vision"]
    assert command.run("models", "--reset", "xai/mine").returncode == DONE
    assert '"xai/mine"' not in command.run("models", "--json").stdout
    for facts in ("{", "[]", '{"size": 1}'):
        outcome = command.run("models", "--set", "xai/mine", facts)
        assert outcome.returncode == USAGE and "Traceback" not in outcome.stderr
