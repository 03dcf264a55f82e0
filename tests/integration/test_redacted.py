"""What a cell prints of a key: the notebook has it, and neither the model nor what is kept does."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest

DONE = 0
EXPORTED = "canary-of-the-gateway-0123"
ENTERED = "canary-entered-45678901"
LITERAL = "sk-" + "canaryLiteral0123456789"
SECRETS = (EXPORTED, ENTERED, LITERAL)
SOURCE = f'literal = "{LITERAL}"'


@pytest.mark.R(9, 13)
def test_keys_reach_neither_the_model_nor_the_store_and_stay_in_the_notebook(command: Any) -> None:
    command.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    command.environment["GATEWAY_KEY"] = EXPORTED
    command.configure(
        scripts={"leaks": "command_scripts:leaks"},
        providers={"openai": {"key_variable": "GATEWAY_KEY"}},
    )
    assert command.run("keys", "set", "groq", stdin=ENTERED).returncode == DONE
    prints = (
        'import os, sys; print(os.environ["GATEWAY_KEY"], "' + ENTERED + '", literal)\n'
        'print("Authorization: Bearer abcdefgh01234567", file=sys.stderr)\n'
        'raise ValueError(os.environ["GATEWAY_KEY"])'
    )
    cells = [
        nbformat.v4.new_code_cell(SOURCE, id="first"),
        nbformat.v4.new_code_cell(prints, id="second"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), command.notebook)

    run = ("run", "work.ipynb", "--model", "script/leaks", "--yes", "--json", "-p", "go")
    outcome = command.run(*run, "--store", str(command.folder / "sessions.db"))
    assert outcome.returncode == DONE, outcome.stderr

    said = "".join(
        event["text"] for event in command.events(outcome.stdout) if event["type"] == "text_delta"
    )
    assert "[redacted: GATEWAY_KEY] [redacted: key of groq] [redacted: API key]" in said
    assert "Bearer [redacted: credentials]" in said and "ValueError: [redacted" in said
    assert "EDIT_REFUSED" in said and "stands for a key" in said
    kept = b"".join(path.read_bytes() for path in command.folder.glob("sessions.db*"))
    for secret in (EXPORTED, ENTERED):
        assert secret not in outcome.stdout + outcome.stderr
    for event in command.events(outcome.stdout):
        # What would run is shown as it is to whoever is to allow it, and nothing else is.
        if event["type"] not in ("approval_start", "tool_call_end"):
            assert not [secret for secret in SECRETS if secret in json.dumps(event)], event["type"]
    assert EXPORTED.encode() not in kept

    notebook = command.read_notebook()
    assert notebook.cells[0].source == SOURCE
    printed = json.dumps(notebook.cells[1].outputs)
    assert all(secret in printed for secret in SECRETS)
