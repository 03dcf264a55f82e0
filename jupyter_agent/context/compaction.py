"""What of a long conversation the model is still told: where it is cut, and what stands in for it.

The summary of what came before lies in the metadata of the first message that is told whole, so
that it is kept, reloaded and forked with the conversation. No message is ever taken out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..digest.fence import RULE, Fence
from ..digest.tokens import CHARACTERS_PER_TOKEN, characters_for, letters
from ..protocol.messages import (
    MentionPart,
    Message,
    MessageMeta,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    system_message,
    user_message,
)
from ..protocol.models import Request
from .request import estimate_tokens

SUMMARY_KEY = "summary_of_earlier"
# A prompt that the model could not read because it was too long. People still see it.
TOO_LONG_KEY = "too_long"

_PROMPT_LENGTH = 2_000
_LINE_LENGTH = 160
_RESULT_LENGTH = 1_200
_LEFT_OUT = "[…]"
# A single turn is cut in the middle only when it is long.
_LONG_TURN = 4_000  # tokens

_TASK = """\
You summarise the earlier part of a conversation between a user and an agent that works in Jupyter
notebooks, for the agent, which goes on without seeing that part. Keep: what was found out (names of
data, columns, variables, numbers), which cells and files were made or changed and why, what failed,
what was decided, what is still to do. Leave out pleasantries and code that stands in the notebook.
Write plain sentences or a list, at most {words} words, and nothing else.
"""


def start_of(history: Sequence[Message]) -> tuple[int, str | None]:
    """Return from which message on the model is told all, and the summary of those before."""
    for place in range(len(history) - 1, -1, -1):
        summary = (history[place].metadata.extra or {}).get(SUMMARY_KEY)
        if isinstance(summary, str):
            return place, summary
    return 0, None


def with_summary(message: Message, summary: str) -> Message:
    """Return the message with the summary of all before it."""
    extra = {**(message.metadata.extra or {}), SUMMARY_KEY: summary}
    return replace(message, metadata=replace(message.metadata, extra=extra))


def as_too_long(message: Message) -> Message:
    """Return a prompt marked as one that does not fit; it is no longer sent to the model."""
    extra = {**(message.metadata.extra or {}), TOO_LONG_KEY: True}
    return replace(message, metadata=replace(message.metadata, extra=extra))


def is_too_long(message: Message) -> bool:
    """Return whether a message is marked as one that does not fit the model."""
    return bool((message.metadata.extra or {}).get(TOO_LONG_KEY))


def told(history: Sequence[Message], fence: Fence, *, prompt_tokens: int = 2_000) -> list[Message]:
    """Return what the model is told: the user's earlier prompts, the summary, the rest whole.

    The prompts are the user's own words; the summary was made from outputs too, so it is data.
    """
    start, summary = start_of(history)
    rest = [message for message in history[start:] if not is_too_long(message)]
    if summary is None:
        return rest
    text = (
        "The earlier part of this conversation was summarised. The user had said:\n"
        f"{earlier_prompts(history[:start], prompt_tokens)}\n\nWhat came of it:\n"
        f"{fence.wrap(summary, 'summary of the earlier conversation')}\n\n"
    )
    first = rest[0] if rest else history[start]
    if (
        rest and first.role == "user"
    ):  # not two messages of the user: some models insist on taking turns
        joined = replace(first, parts=(TextPart(text=text + "The user now says:\n"), *first.parts))
        return [joined, *rest[1:]]
    # Nothing of it changes from one question to the next, or caches would not hold it.
    message = Message(
        role="user",
        parts=(TextPart(text=text + "Go on from there."),),
        id=f"{first.id}_earlier",
        created_at=first.created_at,
        metadata=MessageMeta(),
    )
    return [message, *rest]


def choose_cut(history: Sequence[Message], keep_tokens: int) -> int | None:
    """Return from which message on all is told whole, None when nothing more can be left out.

    A call stays with its result, so no cut is made before a tool's message. The turn of the user
    is preferred as a border when that does not give up most of what could be kept.
    """
    start, _ = start_of(history)
    borders = [i for i in range(start + 1, len(history)) if history[i].role != "tool"]
    if not borders:
        return None
    after = {i: estimate_tokens(history[i:]) for i in borders}
    fitting = [i for i in borders if after[i] <= keep_tokens]
    if not fitting:
        return borders[-1]
    first = fitting[0]
    turns = (i for i in fitting if history[i].role == "user" and after[i] * 2 >= after[first])
    return next(turns, first)


def choose_cut_now(history: Sequence[Message]) -> int | None:
    """Return the cut when a person asks for one: the last turn stays whole, or half of a long one.

    None when there is nothing before it that could be left out.
    """
    start, _ = start_of(history)
    last = max((i for i, one in enumerate(history) if one.role == "user"), default=0)
    if last > start:
        return last
    size = estimate_tokens(history[start:])
    return choose_cut(history, size // 2) if size >= _LONG_TURN else None


def earlier_prompts(messages: Sequence[Message], tokens: int) -> str:
    """Return the user's words, a block for each: the first, and of the others the latest."""
    entries = [
        f"- {_cut(message.text.strip(), _PROMPT_LENGTH)}"
        for message in messages
        if message.role == "user" and not is_too_long(message)
    ]
    if not entries:
        return f"- {_LEFT_OUT}"
    room = float(tokens * CHARACTERS_PER_TOKEN)
    first = _cut(entries[0], max(characters_for(entries[0], tokens / 2), _LINE_LENGTH))
    room -= letters(first)
    kept: list[str] = []
    for entry in reversed(entries[1:]):
        if letters(entry) > room:
            kept.append(f"- {_LEFT_OUT}")
            break
        room -= letters(entry)
        kept.append(entry)
    return "\n".join([first, *reversed(kept)])


def digest_of(history: Sequence[Message], cut: int, tokens: int) -> str:
    """Return what happened before the cut without asking a model: a line for each call.

    It begins with the summary so far; the latest lines are kept when there is room for some alone.
    """
    start, summary = start_of(history)
    lines = [summary] if summary else []
    results = {
        result.tool_call_id: result
        for message in history[start:cut]
        for result in message.tool_results
    }
    for message in history[start:cut]:
        if message.role != "assistant":
            continue
        if message.text.strip():
            lines.append(f"said: {_line(message.text)}")
        for call in message.tool_calls:
            lines.append(_call_line(call, results.get(call.id)))
    room = float(tokens * CHARACTERS_PER_TOKEN)
    kept: list[str] = []
    for line in reversed(lines):
        if letters(line) > room:
            kept.append(_LEFT_OUT)
            break
        room -= letters(line)
        kept.append(line)
    return "\n".join(reversed(kept)) or _LEFT_OUT


def summary_request(
    history: Sequence[Message], cut: int, *, model: str, fence: Fence, window: int
) -> Request:
    """Return the question that has everything before the cut summarised.

    It takes at most half of the model's window, the middle being left out if need be.
    """
    start, summary = start_of(history)
    parts = [f"Summary of what came before:\n{summary}"] if summary else []
    parts += [_rendered(message) for message in history[start:cut] if not is_too_long(message)]
    text = "\n\n".join(parts)
    room = max(characters_for(text, window / 2), 1_000)
    if len(text) > room:
        text = f"{text[: room // 2]}\n{_LEFT_OUT}\n{text[-room // 2 :]}"
    words = max(50, min(600, window // 30))
    return Request(
        model=model,
        messages=(
            system_message(f"{_TASK.format(words=words)}\n{RULE}"),
            user_message(
                f"{fence.wrap(text, 'earlier conversation')}\n\nSummarise it as you were told."
            ),
        ),
    )


def bounded(summary: str, tokens: int) -> str:
    """Return a summary that takes no more than so many tokens."""
    return _cut(summary.strip(), characters_for(summary, tokens))


def _rendered(message: Message) -> str:
    lines = []
    for part in message.parts:
        if isinstance(part, TextPart) and part.text.strip():
            lines.append(f"{message.role}: {part.text.strip()}")
        elif isinstance(part, ToolCallPart):
            lines.append(f"call {part.name} {_cut(part.arguments_raw, _RESULT_LENGTH)}")
        elif isinstance(part, MentionPart):
            lines.append(f"mentioned {part.mention.label}: {_cut(part.text, _RESULT_LENGTH)}")
        elif isinstance(part, ToolResultPart):
            state = "failed" if part.is_error else "result"
            lines.append(f"{state} of {part.tool_name}: {_cut(part.text, _RESULT_LENGTH)}")
    return "\n".join(lines)


def _call_line(call: ToolCallPart, result: ToolResultPart | None) -> str:
    came = "no result"
    if result is not None:
        came = f"{'failed' if result.is_error else 'ok'}: {_line(result.text)}"
    return f"{call.name} {_line(call.arguments_raw)} → {came}"


def _line(text: str) -> str:
    return _cut(" ".join(text.split()), _LINE_LENGTH)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - len(_LEFT_OUT)] + _LEFT_OUT
