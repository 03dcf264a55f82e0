"""History → request: the system prompt in front, what is data fenced, old images replaced.

Nothing here changes the history itself: what people see is never shortened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..digest.fence import Fence
from ..digest.tokens import CHARACTERS_PER_TOKEN, letters
from ..protocol.messages import (
    AudioPart,
    DocumentPart,
    Effort,
    ImagePart,
    MentionPart,
    Message,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    system_message,
)
from ..protocol.models import Request, ToolDefinition
from .mentions import with_mentions
from .small_window import shortened

IMAGE_TOKENS = 500
IMAGES_AT_A_TIME = 8


def build_request(
    history: Sequence[Message],
    *,
    model: str,
    system: str,
    fence: Fence,
    tools: Sequence[ToolDefinition],
    effort: Effort | None = None,
    max_tokens: int | None = None,
    keep_images: int = 4,
    window: int | None = None,
) -> Request:
    """Make the question to the model.

    Args:
        history: the conversation, oldest first.
        model: the model's name at its provider.
        system: the system prompt, given anew with each request.
        fence: what tells data from instructions in this session.
        tools: what the model may call.
        effort: how much to think, None for the model's own way.
        max_tokens: bound of the answer, None for the provider's.
        keep_images: how many of the latest images of results and mentions are sent again at
            least; up to seven more are, see `_drop_old_images`.
        window: tokens the model can read; results are shortened for a small one.
    """
    messages = [
        _fence_results(message, fence, window)
        if message.role == "tool"
        else with_mentions(message, fence)
        for message in _drop_old_images(history, keep_images)
    ]
    return Request(
        model=model,
        messages=(system_message(system), *messages),
        tools=tuple(tools),
        tool_choice="auto" if tools else None,
        effort=effort,
        max_tokens=max_tokens,
    )


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Estimate the size of messages: 500 tokens an image, and text by what it is made of."""
    characters = 0.0
    images = 0
    for message in messages:
        for part in message.parts:
            more, seen = _size(part)
            characters += more
            images += seen
    return int(characters / CHARACTERS_PER_TOKEN) + images * IMAGE_TOKENS


def _size(part: Part) -> tuple[float, int]:
    """Return the size of a part in letters, and its images."""
    if isinstance(part, (ToolResultPart, MentionPart)):
        sizes = [_size(inner) for inner in part.content]
        return sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    if isinstance(part, (ImagePart, AudioPart, DocumentPart)):
        return 0, 1
    if isinstance(part, ToolCallPart):
        return letters(part.arguments_raw), 0
    return letters(part.text), 0


def _fence_results(message: Message, fence: Fence, window: int | None) -> Message:
    parts = []
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            part = shortened(part, window)
            content = tuple(
                replace(inner, text=fence.wrap(inner.text, f"result of {part.tool_name}"))
                if isinstance(inner, TextPart)
                else inner
                for inner in part.content
            )
            part = replace(part, content=content)
        parts.append(part)
    return replace(message, parts=tuple(parts))


def _drop_old_images(history: Sequence[Message], keep: int) -> list[Message]:
    """Replace the oldest images of results and mentions by a short text.

    They go several at a time, because each time the prompt changes from there on, and a provider's
    cache of it is lost.
    """
    count = sum(
        isinstance(inner, ImagePart) for message in history for inner in _shown_again(message)
    )
    dropped = max(0, count - keep) // IMAGES_AT_A_TIME * IMAGES_AT_A_TIME
    if not dropped:
        return list(history)
    kept: list[Message] = []
    for message in history:
        parts = []
        for part in message.parts:
            if dropped and isinstance(part, (ToolResultPart, MentionPart)):
                content = []
                for inner in part.content:
                    if dropped and isinstance(inner, ImagePart):
                        inner = TextPart(text="[an image you have already looked at]")
                        dropped -= 1
                    content.append(inner)
                part = replace(part, content=tuple(content))
            parts.append(part)
        kept.append(replace(message, parts=tuple(parts)))
    return kept


def _shown_again(message: Message) -> Iterator[Part]:
    for part in message.parts:
        if isinstance(part, (ToolResultPart, MentionPart)):
            yield from part.content
