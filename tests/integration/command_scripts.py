"""Models played by a script, for the command line's tests; named in the child's settings.

Each decides by the tool results it is shown, as a real model would. What ran is known from
`ran.log`, to which every cell appends a line.
"""

from collections.abc import Iterator

from jupyter_agent.protocol.models import Request
from jupyter_agent.providers.replay import Call, Say, Step, Wait

STEPS = 4


def _results(request: Request) -> list[str]:
    return [result.text for message in request.messages for result in message.tool_results]


def _cell(source: str) -> Call:
    ops = [{"op": "insert", "after": "end", "type": "code", "source": source}]
    return Call("edit_cells", {"ops": ops, "reason": "test", "run": "changed"})


def _log(word: str, *after: str) -> str:
    lines = [f"with open('ran.log', 'a') as log: log.write('{word}\\n')", *after]
    return "\n".join(lines)


def says(request: Request) -> Iterator[Step]:
    """Answer without doing anything."""
    yield Say("Nothing to do.")


def edits(request: Request) -> Iterator[Step]:
    """Insert and run one cell."""
    if _results(request):
        yield Say("Finished.")
    else:
        yield _cell(_log("once"))


def steps(request: Request) -> Iterator[Step]:
    """Insert and run one cell after another; whatever came of one, go on with the next."""
    done = len(_results(request))
    if done < STEPS:
        yield Say(f"Step {done}. ")
        yield _cell(_log(f"step {done}", "import time; time.sleep(0.1)"))
    else:
        yield Say("Finished.")


def hesitates(request: Request) -> Iterator[Step]:
    """Call a tool, and do not end the answer: nothing of it has been run yet."""
    said = [message.text for message in request.messages if message.role == "user"]
    if _results(request) or "go on" in said:
        yield Say("Finished.")
    else:
        yield _cell(_log("once"))
        yield Wait(60)


def sleeps(request: Request) -> Iterator[Step]:
    """Run a cell that does not end; told that it was interrupted, leave it at that."""
    if _results(request):
        yield Say(f"I was told: {_results(request)[-1].splitlines()[1]}")
    else:
        yield _cell(_log("once", "import time; time.sleep(60)"))


def saves(request: Request) -> Iterator[Step]:
    """Change the notebook, which is large, without running anything."""
    if _results(request):
        yield Say("Finished.")
        return
    ops = [{"op": "insert", "after": "start", "type": "markdown", "source": "added"}]
    yield Call("edit_cells", {"ops": ops, "reason": "test"})


def loops(request: Request) -> Iterator[Step]:
    """Never come to an end."""
    yield Call("list_files", {"pattern": f"*{len(request.messages)}"})


def waits(request: Request) -> Iterator[Step]:
    """Begin to answer, and fall silent."""
    yield Say("One moment. ")
    yield Wait(60)


def asks(request: Request) -> Iterator[Step]:
    """Ask the person something, and repeat the answer."""
    answers = _results(request)
    if answers:
        yield Say(f"Heard: {answers[-1]}")
    else:
        yield Call("ask_user", {"question": "Which colour?", "options": ["red", "blue"]})


def leaks(request: Request) -> Iterator[Step]:
    """Run all cells, read them, and write back what was read of the first."""
    done = len(_results(request))
    if done == 0:
        yield Call("run_cells", {"scope": "all"})
    elif done == 1:
        yield Call("read_cells", {"ids": ["first"], "outputs": "full"})
    elif done == 2:
        line = next(x for x in _results(request)[1].splitlines() if "literal" in x)
        ops = [{"op": "replace", "id": "first", "source": line.strip()}]
        yield Call("edit_cells", {"ops": ops, "reason": "test"})
    else:
        yield Say(f"I saw: {_results(request)}")


def leaves(request: Request) -> Iterator[Step]:
    """Begin a cell, which the prompt is, and end without waiting for it."""
    if _results(request):
        yield Say("I leave it running.")
        return
    source = next(message.text for message in request.messages if message.role == "user")
    ops = [{"op": "insert", "after": "end", "type": "code", "source": source}]
    yield Call("edit_cells", {"ops": ops, "reason": "test", "run": "changed", "wait_s": 0})


def runs(request: Request) -> Iterator[Step]:
    """Run all cells of the notebook."""
    if _results(request):
        yield Say(f"Finished: {_results(request)}")
    else:
        yield Call("run_cells", {"scope": "all"})
