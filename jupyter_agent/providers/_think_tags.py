"""Thinking inside the text: `<think>…</think>` at its start, in pieces of any size."""

from __future__ import annotations

from typing import Literal, Protocol

_OPEN = "<think>"
_CLOSE = "</think>"


class Content(Protocol):
    """Takes the text and the thinking of an answer."""

    def text(self, text: str) -> None:
        """Add text."""

    def thinking(self, text: str) -> None:
        """Add thinking."""

    def end_thinking(self) -> None:
        """Close the open thinking block."""


class ThinkTags:
    """Passes text on and turns a leading `<think>` block into thinking.

    A closing tag without its opener is dropped: some chat templates write the opener into the
    prompt. What stood before it has been streamed as text by then and stays text.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self._state: Literal["start", "thinking", "text", "gap", "done"] = "start"
        self._held = ""

    def feed(self, text: str) -> None:
        """Take a piece of text."""
        if self._state == "done" or (self._state == "text" and not self._held and "<" not in text):
            self._content.text(text)
            return
        if self._state == "gap":
            self._after_thinking(text)
            return
        self._held += text
        if self._state == "start":
            stripped = self._held.lstrip()
            if stripped.startswith(_OPEN):
                self._state = "thinking"
                self._held = stripped[len(_OPEN) :]
            elif _OPEN.startswith(stripped):
                return  # it may still become the opener
            else:
                self._state = "text"
        self._seek_close()

    def flush(self) -> None:
        """Give out what was held back: the text has ended."""
        held, self._held = self._held, ""
        self._put(held)

    def _seek_close(self) -> None:
        before, tag, rest = self._held.partition(_CLOSE)
        if not tag:
            keep = len(before) - _overlap(before)
            self._held = before[keep:]
            self._put(before[:keep])
            return
        self._put(before)
        self._held = ""
        if self._state == "thinking":
            self._content.end_thinking()
            self._after_thinking(rest)
        else:
            self._state = "done"
            self._content.text(rest)

    def _after_thinking(self, text: str) -> None:
        """Drop the blank lines between thinking and answer."""
        text = text.lstrip()
        self._state = "done" if text else "gap"
        self._content.text(text)

    def _put(self, text: str) -> None:
        if self._state == "thinking":
            self._content.thinking(text)
        else:
            self._content.text(text)


def _overlap(text: str) -> int:
    """Return how many of the last characters may begin a closing tag."""
    for size in range(min(len(_CLOSE) - 1, len(text)), 0, -1):
        if _CLOSE.startswith(text[-size:]):
            return size
    return 0
