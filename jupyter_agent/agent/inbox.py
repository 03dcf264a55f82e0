"""What people said while the agent works: steering enters at the next step, the queue after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ..protocol.messages import ImagePart, MentionPart, Message
from ..protocol.session_events import QueueChange, QueuedPrompt, RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A prompt that waits for its turn."""

    message: Message
    delivery: Literal["steer", "queue", "held"]


class Inbox:
    """Two visible pulls, one list: `take_steering` within a run, `first` and `remove` between."""

    def __init__(self, emit: Callable[[QueueChange], None]) -> None:
        self._waiting: deque[Waiting] = deque()
        self._emit = emit

    def put(self, message: Message, delivery: Literal["steer", "queue"]) -> None:
        """Add a prompt."""
        self._waiting.append(Waiting(message=message, delivery=delivery))
        self._changed()

    def take_steering(self) -> list[Message]:
        """Remove and return what is meant for the current run, in order."""
        taken = [item.message for item in self._waiting if item.delivery == "steer"]
        if taken:
            self._waiting = deque(item for item in self._waiting if item.delivery != "steer")
            self._changed()
        return taken

    def queue_steering(self, unless: Callable[[Message], bool]) -> None:
        """Let what would steer wait for a run of its own, unless it may steer this one."""
        held = deque(item if unless(item.message) else _queue(item) for item in self._waiting)
        if held != self._waiting:
            self._waiting = held
            self._changed()

    @property
    def first(self) -> Message | None:
        """The prompt that would start the next run; it waits until it is removed."""
        return next((item.message for item in self._waiting if item.delivery != "held"), None)

    def run_ended(self, status: RunStatus) -> None:
        """Hold what waits, unless the run is done: it was said to a run that ended early.

        A later run would answer it behind a prompt that the person wrote after it.
        """
        if status != "done" and any(item.delivery != "held" for item in self._waiting):
            self._waiting = deque(replace(item, delivery="held") for item in self._waiting)
            self._changed()

    def remove(self, message_id: str) -> bool:
        """Take a prompt back; returns whether it still waited."""
        rest = deque(item for item in self._waiting if item.message.id != message_id)
        found = len(rest) != len(self._waiting)
        if found:
            self._waiting = rest
            self._changed()
        return found

    def __len__(self) -> int:
        return len(self._waiting)

    def _changed(self) -> None:
        self._emit(
            QueueChange(
                queued=tuple(_queued(item.message, item.delivery) for item in self._waiting)
            )
        )


def _queue(item: Waiting) -> Waiting:
    return replace(item, delivery="queue") if item.delivery == "steer" else item


def _queued(message: Message, delivery: Literal["steer", "queue", "held"]) -> QueuedPrompt:
    return QueuedPrompt(
        id=message.id,
        text=message.text,
        delivery=delivery,
        mentions=tuple(part.mention for part in message.parts if isinstance(part, MentionPart)),
        images=tuple(part for part in message.parts if isinstance(part, ImagePart)),
    )
