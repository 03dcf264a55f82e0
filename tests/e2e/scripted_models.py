"""Models for the browser tests: each function is one, played by `script/<name>`.

A script is asked anew for each answer and sees the whole conversation; what it does next depends
on what the tools returned, like a model's answer does.
"""

from __future__ import annotations

import json
import re

from hostile_markdown import answers, payloads

from jupyter_agent.protocol.errors import ErrorInfo
from jupyter_agent.providers.replay import Call, Fail, Say, Think, Wait


def since_prompt(request):
    """Return the messages after the person's last words."""
    messages = [message for message in request.messages if message.role != "system"]
    last = max(i for i, message in enumerate(messages) if message.role == "user")
    return messages[last], messages[last + 1 :]


def results(request):
    """Return the tool results since the person's last words, in order."""
    _, after = since_prompt(request)
    return [result for message in after for result in message.tool_results]


def turn(request):
    """Return how many answers there have been since the person's last words."""
    _, after = since_prompt(request)
    return sum(message.role == "assistant" for message in after)


def insert(source, *, run="none", after="end"):
    return Call(
        "edit_cells",
        {
            "ops": [{"op": "insert", "after": after, "source": source}],
            "reason": "test",
            "run": run,
        },
    )


def last_words(request):
    text = " | ".join(result.text for result in results(request)[-1:])
    return Say(f"The tool said: {text}")


def model_stream(request):
    """Streams a long answer."""
    for number in range(120):
        yield Say(f"word{number} ")
        yield Wait(0.02)
    yield Say("the end.")


def model_insert(request):
    """Inserts and runs one cell, then repeats the result."""
    if turn(request) == 0:
        return [Think("I need a cell."), insert("answer = 6 * 7\nanswer", run="changed")]
    return [last_words(request)]


def model_twice(request):
    """Inserts and runs two cells, one a turn."""
    if turn(request) < 2:
        return [insert(f"step = {turn(request)}\nstep", run="changed")]
    return [Say("Both are done.")]


def model_endless(request):
    """Runs a cell that never ends."""
    if turn(request) == 0:
        return [insert("while True:\n    pass", run="changed")]
    return [Say("It ended.")]


def model_slow(request):
    """Runs a cell that prints for a few seconds, and says what it printed."""
    if turn(request) == 0:
        source = "import time\nfor i in range(30):\n    print('tick', i, flush=True)\n    time.sleep(0.15)"
        return [Say("Starting. "), insert(source, run="changed")]
    ticks = len(re.findall(r"tick \d+", results(request)[-1].text))
    return [Say(f"I saw the ticks: {ticks > 0}. All over.")]


def model_conflict(request):
    """Reads the first cell, waits while the person types, then tries to replace it."""
    done = turn(request)
    if done == 0:
        return [Call("notebook_overview", {})]
    first = re.search(r"id=(\S+)", results(request)[0].text).group(1)
    if done == 1:
        return [Call("read_cells", {"ids": [first]})]
    if done == 2:
        return [
            Say("Reading is done. "),
            Wait(6.0),
            Call(
                "edit_cells",
                {
                    "ops": [{"op": "replace", "id": first, "source": "agent = True"}],
                    "reason": "test",
                    "run": "none",
                },
            ),
        ]
    return [last_words(request)]


def model_replace(request):
    """Reads the first cell and replaces one word in it."""
    done = turn(request)
    if done == 0:
        return [Call("notebook_overview", {})]
    first = re.search(r"id=(\S+)", results(request)[0].text).group(1)
    if done == 1:
        return [Call("read_cells", {"ids": [first]})]
    if done == 2:
        return [
            Call(
                "edit_cells",
                {
                    "ops": [{"op": "str_replace", "id": first, "old": "old", "new": "new"}],
                    "reason": "test",
                    "run": "none",
                },
            )
        ]
    return [last_words(request)]


def model_question(request):
    """Asks the person, and repeats the answer."""
    if turn(request) == 0:
        return [Call("ask_user", {"question": "Which column?", "options": ["mass", "length"]})]
    return [last_words(request)]


def model_count(request):
    """Runs a cell that counts how often it ran."""
    if turn(request) == 0:
        source = "runs = globals().get('runs', 0) + 1\nprint('runs', runs)"
        return [insert(source, run="changed")]
    return [last_words(request)]


def model_shell(request):
    """Run the prompt as code in the shell; one that begins with SAY is said instead."""
    prompt, _ = since_prompt(request)
    if turn(request):
        return [last_words(request)]
    if prompt.text.startswith("SAY "):
        return [Say(prompt.text.removeprefix("SAY "))]
    return [Call("run_code", {"code": prompt.text})]


def model_hostile(request):
    """Says the hostile answer that the prompt names by its number."""
    prompt, _ = since_prompt(request)
    return [Say(answers()[int(prompt.text)]), Say("\n\nThat was it.")]


def model_hostile_tools(request):
    """Fills plans, questions and cards with hostile text."""
    words = payloads()
    if turn(request) == 0:
        items = [{"text": text[:200], "status": "open"} for text in words[:20]]
        return [Call("update_plan", {"items": items})]
    if turn(request) == 1:
        return [Call("run_code", {"code": f"print({words[:40]!r})"})]
    if turn(request) == 2:
        options = [text[:80] for text in words[-10:]]
        return [Call("ask_user", {"question": "\n".join(words[-20:])[:1_900], "options": options})]
    return [Say("That was it.")]


def model_fails(request):
    """Fails at once, as a provider does."""
    return [Fail(ErrorInfo(code="overloaded", message="There is no capacity.", retryable=False))]


def model_review(request):
    """Reads all cells; edits the first two, inserts one behind the first, deletes the last."""
    done = turn(request)
    if done == 0:
        return [Call("notebook_overview", {})]
    ids = re.findall(r"id=(\S+)", results(request)[0].text)
    if done == 1:
        return [Call("read_cells", {"ids": ids})]
    if done == 2:
        ops = [
            {"op": "replace", "id": ids[0], "source": "agent = 1"},
            {"op": "replace", "id": ids[1], "source": "agent = 2"},
            {"op": "insert", "after": ids[0], "source": "agent = 'new'"},
            {"op": "delete", "id": ids[-1]},
        ]
        return [Call("edit_cells", {"ops": ops, "reason": "test", "run": "none"})]
    return [Say("Edited.")]


def model_told(request):
    """Repeats what it was told beside the person's words, without the fences' tokens."""
    prompt, _ = since_prompt(request)
    text = re.sub(r"data-[0-9a-f]{16}", "data", "".join(prompt.text.split("\n\n", 1)[1:]))
    images = sum(part.type == "image" for part in prompt.parts)
    return [Say(f"I was told: {text or 'nothing else'}. Images: {images}.")]


def model_blind_edit(request):
    """Edits the cell that was mentioned without reading it; says what came of it."""
    prompt, _ = since_prompt(request)
    if turn(request) == 0:
        mentioned = re.search(r"id=(\S+)", prompt.text).group(1)
        op = {"op": "str_replace", "id": mentioned, "old": "old", "new": "new"}
        return [Call("edit_cells", {"ops": [op], "reason": "test", "run": "none"})]
    return [last_words(request)]


def model_repair(request):
    """Repairs the cell that the prompt names by replacing its zero."""
    prompt, _ = since_prompt(request)
    named = re.search(r"id=([\w-]+)", prompt.text).group(1)
    done = turn(request)
    if done == 0:
        return [Call("read_cells", {"ids": [named]})]
    if done == 1:
        op = {"op": "str_replace", "id": named, "old": "/ 0", "new": "/ 2"}
        return [Call("edit_cells", {"ops": [op], "reason": "test", "run": "changed"})]
    return [Say("It is repaired.")]


def model_create(request):
    """Makes the notebook the prompt names, looks around for a moment, and says so."""
    prompt, _ = since_prompt(request)
    if turn(request) == 0:
        path = prompt.text.split()[-1]
        arguments = {"path": path, "kernel": "python3", "cells": ["made = True"]}
        return [Call("create_notebook", arguments)]
    return [Say("It is there. "), Wait(3.0), Say("All done.")]


def model_run_all(request):
    """Runs all cells, also after one has failed, and repeats what came of it."""
    if turn(request) == 0:
        return [Call("run_cells", {"scope": "all", "stop_on_error": False})]
    return [last_words(request)]


def model_insert_soon(request):
    """Says that it will, waits for a moment, and inserts a cell."""
    if turn(request) == 0:
        return [Say("Soon. "), Wait(1.5), insert("agent = 1")]
    return [last_words(request)]


def model_change_kernel(request):
    """Changes the kernel, then runs all cells in the new one."""
    if turn(request) == 0:
        return [Call("kernel", {"action": "select", "name": "python3"})]
    if turn(request) == 1:
        return [Call("run_cells", {"scope": "all"})]
    return [last_words(request)]


def model_program(request):
    """Plays the turns that the prompt gives as JSON, then repeats what the tools returned.

    A turn is a list of steps: `[tool, arguments]`, words, or a number of seconds to wait.
    """
    prompt, _ = since_prompt(request)
    turns = json.JSONDecoder().raw_decode(prompt.text[prompt.text.index("[[") :])[0]
    done = turn(request)
    if done >= len(turns):
        told = "\n".join(f"{result.tool_name}: {result.text}" for result in results(request))
        return [Say(f"~~~~text\n{told}\n~~~~\n\nThat is all.")]
    steps = {str: Say, int: Wait, float: Wait, list: lambda step: Call(*step)}
    return [steps[type(step)](step) for step in turns[done]]
