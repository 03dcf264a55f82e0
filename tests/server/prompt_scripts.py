"""A model that does what the last prompt says: writes each file that it names, after `wait`."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_agent.protocol.models import Request
from jupyter_agent.providers.replay import Call, Say, Step, Wait


def obey(request: Request) -> Iterator[Step]:
    """Write one file a turn. `wait` in a prompt: half a second before the first; `sleep`: long."""
    last = max(i for i, said in enumerate(request.messages) if said.role == "user")
    words = request.messages[last].text.split()
    results = [part for said in request.messages[last + 1 :] for part in said.tool_results]
    done = sum(not result.is_error for result in results)
    if not results and ("wait" in words or "sleep" in words):
        yield Say("One moment.")
        yield Wait(0.5 if "wait" in words else 2)
    names = [word for word in words if word.endswith(".txt")]
    if any(result.rejected for result in results) or done == len(names):
        yield Say("Done.")
    else:
        yield Call("write_file", {"path": names[done], "content": "x"})
