"""How answers end, beside the ordinary way: what people are told, and what counts as no answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..protocol.errors import ParseFailed
from ..protocol.session_events import Notice

if TYPE_CHECKING:
    from ..protocol.messages import Message
    from ..protocol.provider_events import Response

_EXPLAINED = {
    "length": "The answer was cut at the model's output limit. Say “go on” to continue.",
    "content_filter": "The provider's content filter cut this answer.",
    "refusal": "The model declined to answer this.",
    "context_overflow": "The conversation no longer fits the model. Start a new session.",
}
EMPTY = Notice(
    level="info",
    text="The model's answer was empty. It is asked once more.",
    code="empty_answer",
)
ENDED_EMPTY = Notice(
    level="warning",
    text="The model ended without a word after its last tool call.",
    code="empty_answer",
)
CALLS_IN_TEXT = Notice(
    level="info",
    text="The model's server passes tool calls on as text; they are read as calls. A tool parser "
    "makes this reliable (llama.cpp: `--jinja`; vLLM: `--enable-auto-tool-choice` and "
    "`--tool-call-parser`).",
    code="calls_in_text",
)


def explained(response: Response) -> Notice | None:
    """Return what a person should know about how an answer ended; None when it simply ended."""
    kind = response.finish.kind
    text = _EXPLAINED.get(kind)
    return None if text is None else Notice(level="warning", text=text, code=kind)


def says_nothing(response: Response) -> bool:
    """Return whether an answer that ended in order has neither words nor calls."""
    ended = response.finish.kind in ("stop", "tool_calls", "other")
    return ended and _is_empty(response.message)


def follows_calls(history: Sequence[Message]) -> bool:
    """Return whether the last thing that happened, empty answers aside, is a tool call."""
    last = next((one for one in reversed(history) if not _is_empty(one)), None)
    return last is not None and last.role == "tool"


def empty_answer(response: Response) -> ParseFailed:
    """Return the error for a model that answered a prompt twice with nothing."""
    return ParseFailed(
        "The model answered twice with nothing, or with nothing but thinking. Put the question in "
        "other words, or choose another model.",
        provider=response.message.metadata.provider or "",
        model=response.message.metadata.model or "",
    )


def has_calls_in_text(response: Response) -> bool:
    """Return whether calls of an answer had to be read from its text."""
    return bool((response.message.metadata.extra or {}).get("calls_in_text"))


def _is_empty(message: Message) -> bool:
    return message.role == "assistant" and not message.tool_calls and not message.text.strip()
