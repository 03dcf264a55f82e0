"""How much of each prompt a provider can take from its cache, over tasks of 20 and of 60 turns.

Each turn the model calls a tool and gets its result; a plot comes every fourth time, every second
time, or never. A request is written by each adapter, in the order in which prompts are cached
(tools, system, messages), and compared with the one before. The limit is all of the earlier request; the aim 95 % of it. Counted
in characters: tokens are proportional.

`python3 scripts/dev.py bench prompt_cache`
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from jupyter_agent.context.prompt import PromptFacts, system_prompt
from jupyter_agent.context.request import build_request
from jupyter_agent.digest.fence import Fence
from jupyter_agent.protocol.messages import (
    ImagePart,
    Message,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    user_message,
)
from jupyter_agent.protocol.models import ToolDefinition
from jupyter_agent.providers._adapter import HttpProvider
from jupyter_agent.providers._history import repair
from jupyter_agent.providers.registry import ProviderSpec, make_provider

TURNS = (20, 60)
AIM = 0.95
_SCHEMA = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
TOOLS = tuple(
    ToolDefinition(name=name, description="Does its work. " * 20, parameters=_SCHEMA)
    for name in ("read_cells", "edit_cells", "run_cells", "inspect_variables")
)
PROVIDERS = ("anthropic", "openai", "gemini", "deepseek", "ollama", "bedrock")


def turn(at: int, *, every: int) -> list[Message]:
    """Return a call and its result, with a plot `every` so many turns, 0 for never."""
    call = ToolCallPart(
        id=f"call_{at}",
        index=0,
        name="run_cells",
        arguments_raw=json.dumps({"code": f"step({at})"}),
        arguments={"code": f"step({at})"},
    )
    content: list[TextPart | ImagePart] = [TextPart(text=f"{at}: value = {at}\n" * 60)]
    if every and at % every == every - 1:
        content.append(ImagePart(media_type="image/png", data=f"plot{at}" * 400))
    result = ToolResultPart(tool_call_id=call.id, tool_name=call.name, content=tuple(content))
    return [
        Message(role="assistant", parts=(TextPart(text=f"Step {at}."), call)),
        Message(role="tool", parts=(result,)),
    ]


def shares(
    prompt: Callable[[Sequence[Message]], str], turns: int, every: int
) -> tuple[float, float]:
    """Return the cached share of what could be cached, and of all that was sent."""
    history: list[Message] = [user_message("Find out what drives the prices, and plot it.")]
    before = prompt(history)
    cached = possible = sent = 0
    for at in range(turns):
        history += turn(at, every=every)
        now = prompt(history)
        cached += len(os.path.commonprefix([before, now]))  # noqa: RUF071 - not a path
        possible += len(before)
        sent += len(now)
        before = now
    return cached / possible, cached / sent


def prompt_of(name: str) -> Callable[[Sequence[Message]], str]:
    """Return what writes a conversation as one provider is sent it, the cache's marks left out."""
    from dataclasses import replace

    spec = ProviderSpec(provider=name, model="m", api_key="x")
    provider = make_provider(spec)
    assert isinstance(provider, HttpProvider)
    able = replace(provider.capabilities, vision=True, tools=True)
    provider._capabilities = able
    fence = Fence()
    system = system_prompt(PromptFacts(mode="auto", notebook_path="a.ipynb"))

    def prompt(history: Sequence[Message]) -> str:
        request = build_request(history, model="m", system=system, fence=fence, tools=TOOLS)
        request = replace(request, messages=repair(request.messages, provider.name))
        call, _ = provider.prepare(request)
        body = unmarked(call.body)
        first = {key: body.pop(key) for key in ("tools", "toolConfig", "system") if key in body}
        talk = next(body.pop(key) for key in ("messages", "input", "contents") if key in body)
        return json.dumps([first, body, talk]).rstrip("]}")

    return prompt


def unmarked(value: Any) -> Any:
    """Leave out the marks that say how far to cache: they move, and are not part of the prompt."""
    if isinstance(value, list):
        return [
            unmarked(item)
            for item in value
            if not (isinstance(item, dict) and "cachePoint" in item)
        ]
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items() if key != "cache_control"}
    return value


def main() -> int:
    print("the share of the earlier prompt that is an unchanged prefix of the next (of all sent)")
    kept = True
    for turns in TURNS:
        heads = ("without plots", "a plot in four turns", "a plot in two")
        print(f"{f'{turns} turns':12}" + "".join(f"{head:>22}" for head in heads))
        for name in PROVIDERS:
            prompt = prompt_of(name)
            found = [shares(prompt, turns, every) for every in (0, 4, 2)]
            cells = "".join(f"{f'{part:.1%} ({whole:.0%})':>22}" for part, whole in found)
            print(f"{name:12}{cells}")
            kept = kept and all(part >= AIM for part, _ in found)
    print(f"aim: {AIM:.0%}      {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
