"""Models that misbehave, met by the command line and by `Agent`, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from awkward_server import ANSWER, MODELS, Server, awkward_server

PROMPT = "What is in this notebook?"
# What is to be seen beside the answer: the code of a notice.
NOTICES = {"call-as-text": "calls_in_text"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with awkward_server() as made:
        yield made


@pytest.mark.parametrize("model", MODELS)
def test_the_command_line_gets_an_answer_or_a_reason(
    server: Server, command: Any, model: str
) -> None:
    address = server.model(model)
    outcome = command.run(
        "run", "work.ipynb", "-p", PROMPT, "--model", address, "--mode", "plan", "--json",
        "--store", "memory",
    )  # fmt: skip
    events = [json.loads(line) for line in outcome.stdout.splitlines()]
    text = "".join(event["text"] for event in events if event["type"] == "text_delta")
    notices = [event["code"] for event in events if event["type"] == "notice"]
    said = outcome.stdout[-2_000:] + outcome.stderr
    if model == "strict-roles":
        # Out of memory: another attempt would end as this one did.
        assert outcome.returncode != 0 and "memory" in said.lower(), said
        return
    if model in ("no-tools", "no-tools-404"):
        assert outcome.returncode == 5, said
        assert f"does not let {model} use tools" in said and "Choose another model" in said, said
        return
    assert outcome.returncode == 0, said
    assert ANSWER in text, said
    assert "<tool_call>" not in text
    if (expected := NOTICES.get(model)) is not None:
        assert expected in notices, notices
    if model in ("call-as-text", "null-arguments", "list-as-text"):
        [ended] = [event for event in events if event["type"] == "tool_end"]
        assert ended["tool_name"] in ("notebook_overview", "read_cells")
        assert "parse" not in json.dumps(ended["result"]).lower()


def test_after_a_question_that_failed_the_next_one_is_answered(
    server: Server, command: Any
) -> None:
    """With a template that wants users and assistants to alternate."""
    from jupyter_agent import Agent

    agent = Agent(server.model("strict-roles"), notebook=command.notebook, mode="plan")
    try:
        assert agent.run_sync("first").status == "failed"
        result = agent.run_sync("second")
        assert (result.status, result.text) == ("done", ANSWER)
    finally:
        agent.close()


def test_a_full_window_that_nobody_knew_of_is_learned_and_the_session_goes_on(
    server: Server, command: Any
) -> None:
    from jupyter_agent import Agent

    agent = Agent(server.model("small-window"), notebook=command.notebook, mode="plan")
    try:
        assert agent.run_sync("word " * 6_000).status in ("done", "failed")
        result = agent.run_sync("thanks")
        assert (result.status, result.text) == ("done", ANSWER)
    finally:
        agent.close()
