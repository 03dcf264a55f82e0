"""Models for tests inside a kernel: the prompt says what to do."""

from collections.abc import Iterator

from jupyter_agent.protocol.models import Request
from jupyter_agent.providers.replay import Call, Say, Step


def code(request: Request) -> Iterator[Step]:
    """Run the prompt as code in the shell, then repeat what came of it."""
    last = request.messages[-1]
    if last.role == "tool":
        yield Say("Result: " + "\n".join(result.text for result in last.tool_results))
    else:
        yield Say("I run it. ")
        yield Call("run_code", {"code": last.text})


def turns(request: Request) -> Iterator[Step]:
    """Say what was asked so far."""
    asked = [message.text for message in request.messages if message.role == "user"]
    yield Say(f"Turn {len(asked)}: {', '.join(asked)}.")
