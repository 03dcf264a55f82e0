"""How hard to think, which tool to call, when to stop: each in every wire's own words."""

from dataclasses import replace

import pytest
from provider_rigs import ABLE, READ, TOOLS, WIRES, ask

from jupyter_agent.protocol.messages import user_message
from jupyter_agent.providers._effort import clamp_effort

LADDER = ("none", "minimal", "low", "medium", "high", "xhigh")
# Levels of models that exist.
MODELS = {
    "all": LADDER,
    "three": ("low", "medium", "high"),
    "ends": ("low", "high"),
    "off and on": ("none", "high"),
    "one": ("medium",),
}


def nearest(effort, levels):
    """Return the level meant, written down anew: the same, the next lower, the lowest."""
    if effort in levels:
        return effort
    thinking = [level for level in levels if level != "none"]
    lower = [level for level in thinking if LADDER.index(level) < LADDER.index(effort)]
    return lower[-1] if lower else thinking[0]


@pytest.mark.parametrize("levels", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("effort", LADDER)
def test_seed_028_the_nearest_level(effort, levels):
    assert clamp_effort(effort, levels) == nearest(effort, levels)


def test_nothing_is_said_where_nothing_is_known():
    assert clamp_effort("high", ()) is None
    assert clamp_effort(None, LADDER) is None


def asked(wire, body):
    """Return the level a body asks for: "off", "on", a word, or None for nothing."""
    match wire:
        case "anthropic":
            off = body.get("thinking") == {"type": "disabled"}
            return "off" if off else body.get("output_config", {}).get("effort")
        case "bedrock":
            fields = body.get("additionalModelRequestFields", {})
            return asked("anthropic", fields)
        case "openai_responses":
            return body.get("reasoning", {}).get("effort")
        case "openrouter":
            return body.get("reasoning", {}).get("effort")
        case "openai_chat" | "gemini_openai" | "mistral":
            return body.get("reasoning_effort")
        case "deepseek":
            off = body.get("thinking") == {"type": "disabled"}
            return "off" if off else body.get("reasoning_effort")
        case "gemini":
            config = body.get("generationConfig", {}).get("thinkingConfig", {})
            return "off" if config.get("thinkingBudget") == 0 else config.get("thinkingLevel")
        case "ollama":
            think = body.get("think")
            return {True: "on", False: "off"}.get(think, think)


# Words a wire does not have: what is said for them instead.
OWN_WORDS = {
    "anthropic": {"minimal": "low"},
    "bedrock": {"minimal": "low"},
    "gemini": {"xhigh": "high"},
    "ollama": {"minimal": "low", "xhigh": "high"},
}
# These have a switch of their own, whatever the levels are.
SWITCHED = ("anthropic", "bedrock", "deepseek", "ollama")


@pytest.mark.parametrize("levels", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("wire", WIRES)
async def test_seed_028_each_wire_asks_for_the_nearest_level(wire, levels):
    able = replace(ABLE, effort_levels=levels)
    for effort in LADDER:
        _, [body] = await ask(wire, (user_message("x"),), capabilities=able, effort=effort)
        level = nearest(effort, levels)
        if (effort == "none" and wire in SWITCHED) or (level == "none" and wire == "gemini"):
            expected = "off"
        else:
            expected = OWN_WORDS.get(wire, {}).get(level, level)
        assert asked(wire, body) == expected, effort


@pytest.mark.parametrize("wire", WIRES)
async def test_a_model_that_does_not_think_is_not_told_to(wire):
    plain = replace(ABLE, thinking=False, effort_levels=())
    _, [body] = await ask(wire, (user_message("x"),), capabilities=plain, effort="high")
    assert asked(wire, body) is None


@pytest.mark.parametrize("wire", ["anthropic", "bedrock", "gemini"])
async def test_models_without_levels_get_a_budget_in_their_order(wire):
    able = replace(ABLE, effort_levels=())

    def budget(body):
        if wire == "gemini":
            return body["generationConfig"]["thinkingConfig"]["thinkingBudget"]
        fields = body if wire == "anthropic" else body["additionalModelRequestFields"]
        return fields["thinking"]["budget_tokens"]

    found = []
    for effort in LADDER[1:]:
        _, [body] = await ask(wire, (user_message("x"),), capabilities=able, effort=effort)
        found.append(budget(body))
    assert found == sorted(set(found))


async def test_bedrock_leaves_room_and_sends_no_temperature_while_thinking():
    able = replace(ABLE, effort_levels=())
    fields = {"effort": "low", "temperature": 0.2, "top_p": 0.5, "max_tokens": 500}
    _, [body] = await ask("bedrock", (user_message("x"),), capabilities=able, **fields)
    budget = body["additionalModelRequestFields"]["thinking"]["budget_tokens"]
    assert body["inferenceConfig"] == {"maxTokens": 500 + budget}


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("openai.gpt-oss-120b-1:0", {"reasoning_effort": "low"}),
        (
            "us.amazon.nova-2-lite-v1:0",
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
        ),
        ("meta.llama4-maverick-17b-instruct-v1:0", None),
    ],
)
async def test_bedrock_asks_each_vendors_models_in_their_words(model, fields):
    _, [body] = await ask("bedrock", (user_message("x"),), model=model, effort="low")
    assert body.get("additionalModelRequestFields") == fields


CHOICES = {
    "anthropic": ({"type": "any"}, {"type": "tool", "name": "notebook_read"}),
    "bedrock": ({"any": {}}, {"tool": {"name": "notebook_read"}}),
    "openai_chat": ("required", {"type": "function", "function": {"name": "notebook_read"}}),
    "openai_responses": ("required", {"type": "function", "name": "notebook_read"}),
    "mistral": ("any", {"type": "function", "function": {"name": "notebook_read"}}),
    "gemini": ({"mode": "ANY"}, {"mode": "ANY", "allowedFunctionNames": ["notebook_read"]}),
}


@pytest.mark.parametrize("wire", CHOICES)
async def test_seed_050_the_choice_of_a_tool(wire):
    def choice(body):
        match wire:
            case "bedrock":
                return body["toolConfig"]["toolChoice"]
            case "gemini":
                return body["toolConfig"]["functionCallingConfig"]
            case _:
                return body["tool_choice"]

    any_tool, one_tool = CHOICES[wire]
    _, [body] = await ask(wire, (user_message("x"),), tool_choice="required")
    assert choice(body) == any_tool
    _, [body] = await ask(wire, (user_message("x"),), tool_choice=READ.name)
    assert choice(body) == one_tool


async def test_seed_050_ollama_cannot_demand_a_tool_so_it_offers_that_one_alone():
    async def offered(choice):
        _, [body] = await ask("ollama", (user_message("x"),), tool_choice=choice)
        return [tool["function"]["name"] for tool in body.get("tools", ())]

    assert await offered(READ.name) == ["notebook_read"]
    assert await offered("none") == []
    assert len(await offered("required")) == len(TOOLS)


LIMITS = {
    "anthropic": "max_tokens",
    "openai_chat": "max_completion_tokens",
    "openai_responses": "max_output_tokens",
    "deepseek": "max_tokens",
    "openrouter": "max_tokens",
    "mistral": "max_tokens",
    "gemini_openai": "max_tokens",
    "gemini": "generationConfig.maxOutputTokens",
    "ollama": "options.num_predict",
    "bedrock": "inferenceConfig.maxTokens",
}
STOPS = {
    "anthropic": "stop_sequences",
    "openai_chat": "stop",
    "deepseek": "stop",
    "openrouter": "stop",
    "mistral": "stop",
    "gemini": "generationConfig.stopSequences",
    "ollama": "options.stop",
    "bedrock": "inferenceConfig.stopSequences",
}


def at(body, path):
    for step in path.split("."):
        body = body[step]
    return body


@pytest.mark.parametrize("wire", WIRES)
async def test_the_limit_of_an_answer(wire):
    _, [body] = await ask(wire, (user_message("x"),), max_tokens=77)
    assert at(body, LIMITS[wire]) == 77


@pytest.mark.parametrize("wire", STOPS)
async def test_the_words_that_end_an_answer(wire):
    _, [body] = await ask(wire, (user_message("x"),), stop=("END", "FIN"))
    assert at(body, STOPS[wire]) == ["END", "FIN"]


async def test_responses_has_no_such_words_and_says_so():
    last, bodies = await ask("openai_responses", (user_message("x"),), stop=("END",))
    assert (last.error.code, bodies) == ("unsupported_capability", [])
