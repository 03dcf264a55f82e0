"""A model that makes the tool calls its prompt lists as JSON: `[[name, arguments], …]`, one a turn."""

from __future__ import annotations

import json
from collections.abc import Iterator

from jupyter_agent.protocol.models import Request
from jupyter_agent.providers.replay import Call, Say, Step


def steps(request: Request) -> Iterator[Step]:
    """Make the next call, or say that all are made."""
    last = max(i for i, said in enumerate(request.messages) if said.role == "user")
    text = request.messages[last].text
    calls, _ = json.JSONDecoder().raw_decode(text[text.index("[[") :])
    made = sum(said.role == "assistant" for said in request.messages[last + 1 :])
    if made < len(calls):
        yield Call(calls[made][0], calls[made][1])
    else:
        yield Say("Done.")
