"""Answers as they were given, for interfaces that cannot hold all of one.

A model's thinking, its signatures and a vendor's own marks must go back as they came, or the next
request is refused. Most foreign messages have no place for them. What was answered is therefore
remembered here, and put in the place of the foreign message that it became.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from ..protocol.messages import Message

LIMIT = 1000  # answers

# The text of an answer and the ids of its calls: what every interface holds of it.
Key = tuple[str, tuple[str, ...]]


class Memory:
    """The latest answers of one provider.

    Args:
        limit: how many are kept.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._answers: OrderedDict[Key, Message] = OrderedDict()
        self._callers: dict[str, Message] = {}

    def note(self, answer: Message) -> None:
        """Remember an answer."""
        key = _key(answer)
        self._answers[key] = answer
        self._answers.move_to_end(key)
        for call in answer.tool_calls:
            self._callers[call.id] = answer
        while len(self._answers) > self._limit:
            _, oldest = self._answers.popitem(last=False)
            for call in oldest.tool_calls:
                if self._callers.get(call.id) is oldest:
                    del self._callers[call.id]

    def recall(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """Return a conversation with the remembered answers in it, its results joined by turn.

        A result whose call stands nowhere (an interface without calls in its messages) is put
        behind the answer that asked for it.
        """
        told: list[Message] = []
        for message in messages:
            if message.role == "assistant":
                told.append(self._answers.get(_key(message), message))
            elif message.role == "tool":
                self._add_results(told, message)
            else:
                told.append(message)
        return tuple(told)

    def _add_results(self, told: list[Message], message: Message) -> None:
        for result in message.tool_results:
            caller = self._callers.get(result.tool_call_id)
            if caller is None or _asks(told, result.tool_call_id):
                continue
            if told and told[-1].role == "assistant" and _is_rest_of(told[-1], caller):
                told[-1] = caller
            else:
                told.append(caller)
        if told and told[-1].role == "tool":
            told[-1] = replace(told[-1], parts=(*told[-1].parts, *message.parts))
        else:
            told.append(message)


def _key(message: Message) -> Key:
    return message.text, tuple(call.id for call in message.tool_calls)


def _asks(told: list[Message], call_id: str) -> bool:
    """Whether the latest answer of a conversation holds a call."""
    answers = (message for message in reversed(told) if message.role == "assistant")
    latest = next(answers, None)
    return latest is not None and any(call.id == call_id for call in latest.tool_calls)


def _is_rest_of(message: Message, answer: Message) -> bool:
    """Whether a message is an answer without its calls."""
    return not message.tool_calls and message.text == answer.text
