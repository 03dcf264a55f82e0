"""What the model is told of a prompt's mentions: after the person's words, fenced as data.

How they are read is `runtime/mentions.py`'s business.
"""

from __future__ import annotations

from dataclasses import replace

from ..digest.fence import Fence
from ..protocol.messages import ImagePart, MentionPart, Message, Part, TextPart

_HEAD = "What the user mentions, as it is now:"


def with_mentions(message: Message, fence: Fence) -> Message:
    """Return the message with each mention as text and images, in order, behind all else."""
    mentions = [part for part in message.parts if isinstance(part, MentionPart)]
    if not mentions:
        return message
    parts: list[Part] = [part for part in message.parts if not isinstance(part, MentionPart)]
    text = f"\n\n{_HEAD}"
    for mention in mentions:
        images = [part for part in mention.content if isinstance(part, ImagePart)]
        # The label is made of names in files and notebooks: inside the fence, and cleaned there.
        text += f"\n{fence.wrap(mention.text, mention.mention.label)}"
        if images:
            parts += [TextPart(text=text), *images]
            text = ""
    if text:
        parts.append(TextPart(text=text))
    return replace(message, parts=tuple(parts))
