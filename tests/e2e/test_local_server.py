"""A person adds a model server of their own in the panel; its models misbehave."""

from __future__ import annotations

import pytest
from awkward_server import ANSWER, awkward_server
from playwright.sync_api import expect
from real_lab import choose_mode, panel_state, say

LAST = ".jp-Agent-message[data-role='assistant']"


@pytest.fixture
def server():
    with awkward_server() as made:
        yield made


def ask(page, server, model: str) -> None:
    server.model(model)  # its counts begin anew
    page.locator(".jp-Agent-modelPicker").click()
    page.get_by_role("option").filter(has_text=model).first.click()
    say(page, f"What is in this notebook? ({model})")
    panel_state(page, "idle")


def test_a_server_is_added_and_each_of_its_models_answers_or_says_why_not(bench, server):
    notebook = bench(["x = 1"])
    page = notebook.open()
    page.get_by_role("button", name="Models and keys").click()
    card = page.locator(".jp-Agent-setupCard")
    card.get_by_label("Provider").select_option("own")
    card.get_by_label("Address").fill(server.model("silent-list").partition("#")[0])
    card.get_by_role("button", name="Add this server").click()
    expect(card.locator(".jp-Agent-testResult")).to_contain_text("13 models")
    card.get_by_role("button", name="Back to the conversation").click()
    choose_mode(page, "auto")
    transcript = page.locator(".jp-Agent-transcript")

    ask(page, server, "call-as-text")
    expect(page.locator(LAST).last).to_contain_text(ANSWER)
    expect(transcript).not_to_contain_text("<tool_call>")
    expect(transcript).to_contain_text("tool parser")

    for model in ("silent-list", "thinks-only", "says-nothing", "null-arguments", "no-system-role"):
        ask(page, server, model)
        expect(page.locator(LAST).last).to_contain_text(ANSWER)
    assert server.asked[0]["tools"]

    ask(page, server, "no-tools-404")
    expect(transcript).to_contain_text("does not let no-tools-404 use tools")
    ask(page, server, "strict-roles")
    expect(transcript).to_contain_text("memory")
    say(page, "Once more.")
    panel_state(page, "idle")
    expect(page.locator(LAST).last).to_contain_text(ANSWER)
