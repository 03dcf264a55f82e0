"""Telling what the kernel holds: what `inspect_variables` says, quoted and nothing added."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..providers.replay import Call, Say, Step
from .conversation import Setting, Task
from .results import error_line

_NAMED = re.compile(r"what(?: is|'s|’s) in (?:the (?:variable|table|frame) )?[`@]?(\w+)", re.I)


def tell_variables(task: Task, setting: Setting) -> Iterator[Step]:
    """Yield the next step: look, tell."""
    if "inspect_variables" not in setting.tools:
        yield Say("Here I have no way to look at variables.")
        return
    looked = task.outcomes[-1] if task.outcomes else None
    if looked is None:
        named = _NAMED.search(task.prompt)
        yield Say("I'll look.")
        yield Call("inspect_variables", {"names": [named[1]], "detail": True} if named else {})
    elif looked.rejected:
        yield Say("That was not allowed, so I did not look.")
    elif looked.is_error:
        yield Say(f"I could not look: “{error_line(looked.text)}”.")
    else:
        yield Say(f"This is what the kernel holds:\n\n```text\n{looked.text}\n```")
