"""A run as plain text: its progress line by line, and approvals with their exact code.

For the command line and for shells without rich output. What a model or an output says cannot
move the cursor, change colours or hide: control and invisible characters are spelled out.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import shutil
import signal
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..policy.broker import Answer
from ..protocol import session_events as events
from ..protocol.exhaustive import assert_never
from .lookalikes import lookalikes

if TYPE_CHECKING:
    from ..protocol.tools import PreviewBlock

_COLOURS = {"✓": "32", "✗": "31", "⊘": "33"}
_HIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))
# In running text some invisible characters have a meaning: they join emoji and Persian letters.
_JOINERS = frozenset("\u200c\u200d")
TELL_EVERY = 30.0  # seconds between two lines about a call that goes on
NOBODY = "Nobody is there to allow it, so it was denied."

Write = Callable[[str], Any]
Ask = Callable[[str], str]


def visible(text: str, keep: frozenset[str] = frozenset()) -> str:
    """Return text in which control and invisible characters are spelled out by their code."""
    return "".join(
        character
        if character in "\n\t"
        or character in keep
        or unicodedata.category(character) not in _HIDDEN
        else _code(character)
        for character in text
    )


def unmistakable(text: str) -> str:
    """Return text as `visible` does, with their code behind letters that look like others."""
    pieces, before = [], 0
    for place in lookalikes(text):
        pieces += [visible(text[before : place + 1]), _code(text[place])]
        before = place + 1
    return "".join([*pieces, visible(text[before:])])


def _code(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


def describe_approval(approval: events.ApprovalStart) -> str:
    """Return what a person must read before allowing a call: the title, and all it would do."""
    needs = ", ".join(approval.permissions)
    lines = [f"{approval.title} ({needs})" if needs else approval.title]
    for block in approval.preview:
        if block.label:
            lines.append(f"  {block.label}")
        lines += [f"  │ {line}" for line in preview_lines(block)]
    if not approval.preview:
        lines += [f"  │ {name} = {value!r}" for name, value in approval.arguments.items()]
    return unmistakable("\n".join(lines))


def preview_lines(block: PreviewBlock) -> list[str]:
    """Return what a block shows, line by line; a diff is shown whole, with its marks."""
    if block.kind != "diff":
        return block.text.split("\n")
    before = (block.before or "").splitlines()
    after = block.text.splitlines()
    whole = max(len(before), len(after))
    return list(difflib.unified_diff(before, after, lineterm="", n=whole))[3:] or after


def read_line(prompt: str) -> str:
    """Read a line with `input()`, so that Ctrl-C or the kernel's interrupt ends the waiting.

    ipykernel answers an interrupt during an async cell by cancelling its task, which cannot be
    noticed while `input()` holds the event loop.

    Raises:
        KeyboardInterrupt: the person interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        return input(prompt)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(prompt)
    finally:
        signal.signal(signal.SIGINT, previous)


def ask_by_input(approval: events.ApprovalStart, ask: Ask = read_line) -> Answer:
    """Show an approval and read the answer.

    Raises:
        KeyboardInterrupt: the person interrupted instead of answering.
    """
    wider = [scope for scope in approval.scopes if scope != "once"]
    offers = "".join(f", {scope[0]} = this {scope}" for scope in wider)
    question = (
        f"{describe_approval(approval)}\nRun this? [y = yes{offers}, n = no, or say why not] "
    )
    try:
        said = ask(question).strip()
    except (EOFError, NotImplementedError):  # a front end without input boxes
        return Answer(allow=False, reason=NOBODY)
    word = said.lower()
    if word in ("y", "yes"):
        return Answer(allow=True)
    for scope in wider:
        if word in (scope[0], scope):
            return Answer(allow=True, scope=scope)
    return Answer(allow=False, reason=None if word in ("", "n", "no") else said)


def question_by_input(question: events.QuestionStart, ask: Ask = read_line) -> str | None:
    """Put the model's question and return the answer, None when there is none.

    Raises:
        KeyboardInterrupt: the person interrupted instead of answering.
    """
    lines = [question.question, *(f"  {n}. {o}" for n, o in enumerate(question.options, start=1))]
    try:
        said = ask(visible("\n".join(lines)) + "\n> ").strip()
    except (EOFError, NotImplementedError):
        return None
    if said.isdecimal() and 1 <= int(said) <= len(question.options):
        return question.options[int(said) - 1]
    return said or None


@dataclass(slots=True)
class _Call:
    """A tool call that runs: what it does, and when it began and was last told of."""

    words: str
    began: float
    told: float = field(default_factory=time.monotonic)


class Progress:
    """Writes a run's events as text, as they come.

    Args:
        write: takes pieces of text.
        colour: whether to colour the marks (a terminal).
        live: whether a line may be written over, so that it shows how long a call has run.
    """

    def __init__(self, write: Write, *, colour: bool = False, live: bool = False) -> None:
        self._write = write
        self._colour = colour
        self._live = live
        self._at_start = True
        self._calls: dict[str, _Call] = {}
        self._tick: asyncio.TimerHandle | None = None
        self._status = False  # whether the last line is the one that is written over

    def show(self, event: events.SessionEvent) -> None:
        """Write an event, if there is something to say about it."""
        match event:
            case events.MessageTextDelta():
                self._on_text_delta(event)
            case events.MessageEnd():
                self._on_message_end(event)
            case events.ToolStart():
                self._on_tool_start(event)
            case events.ToolUpdate():
                self._on_tool_update(event)
            case events.RunEnd():
                self._on_run_end(event)
            case events.ToolEnd():
                self._on_tool_end(event)
            case events.Notice():
                self._on_notice(event)
            case events.Retry():
                self._on_retry(event)
            case events.QuestionStart():
                self._on_question_start(event)
            case (
                events.RunStart()
                | events.TurnStart()
                | events.TurnEnd()
                | events.MessageStart()
                | events.MessageThinkingDelta()
                | events.MessageThinkingEnd()
                | events.MessageToolCallStart()
                | events.MessageToolCallDelta()
                | events.MessageToolCallEnd()
                | events.ApprovalStart()
                | events.ApprovalEnd()
                | events.QuestionEnd()
                | events.NotebookChange()
                | events.NotebookMove()
                | events.ReviewChange()
                | events.CheckpointChange()
                | events.ContextCompacted()
                | events.Budget()
                | events.QueueChange()
                | events.SessionChange()
            ):
                pass
            case _:
                assert_never(event)

    def line(self, mark: str, text: str) -> None:
        """Write a line of its own."""
        self._end_line()
        mark = self._coloured(mark, _COLOURS.get(mark))
        self._put(f"{mark} {visible(text)}".strip() + "\n")

    def _on_text_delta(self, event: events.MessageTextDelta) -> None:
        self._put(visible(event.text, _JOINERS))

    def _on_message_end(self, event: events.MessageEnd) -> None:
        self._end_line()

    def _on_tool_start(self, event: events.ToolStart) -> None:
        self._calls[event.call_id] = _Call(" ".join(event.title.split()), time.monotonic())
        if not self._live:
            self.line("●", event.title)
        self._show_calls()

    def _on_tool_update(self, event: events.ToolUpdate) -> None:
        if event.call_id in self._calls and event.text.strip():
            self._calls[event.call_id].words = " ".join(event.text.split())

    def _on_run_end(self, event: events.RunEnd) -> None:
        self._calls.clear()
        self._show_calls()

    def _on_tool_end(self, event: events.ToolEnd) -> None:
        self._calls.pop(event.call_id, None)
        mark = "✓"
        if event.result.rejected:
            mark = "⊘"
        elif event.result.is_error:
            mark = "✗"
        parts = [event.title]
        if event.summary:
            parts.append(event.summary)
        if event.duration is not None and event.duration >= 1:
            parts.append(f"{event.duration:.1f} s")
        self.line(mark, " · ".join(" ".join(part.split()) for part in parts))

    def _on_notice(self, event: events.Notice) -> None:
        self.line("!" if event.level != "info" else "·", event.text)

    def _on_retry(self, event: events.Retry) -> None:
        self.line("!", f"{event.error.message} Trying again in {max(1.0, event.delay):.0f} s.")

    def _on_question_start(self, event: events.QuestionStart) -> None:
        self.line("?", event.question)

    def _coloured(self, text: str, code: str | None) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code else text

    def _show_calls(self) -> None:
        """Show what runs and for how long: on one line that is written over, or now and then."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        if not self._calls:
            self._clear_status()
            return
        now = time.monotonic()
        if self._live:
            words = [f"{call.words} · {now - call.began:.0f} s" for call in self._calls.values()]
            columns = shutil.get_terminal_size().columns
            self._clear_status()
            if self._at_start:
                self._write(visible(f"● {'; '.join(words)}")[: columns - 1])
                self._status = True
        for call in self._calls.values():
            if not self._live and now - call.told >= TELL_EVERY:
                call.told = now
                self.line("●", f"{call.words} · {now - call.began:.0f} s")
        with contextlib.suppress(RuntimeError):  # without a loop nothing goes on meanwhile
            loop = asyncio.get_running_loop()
            self._tick = loop.call_later(1.0, self._show_calls)

    def _clear_status(self) -> None:
        if self._status:
            self._status = False
            self._write("\r\x1b[2K")

    def _put(self, text: str) -> None:
        self._clear_status()
        if text:
            self._write(text)
            self._at_start = text.endswith("\n")

    def _end_line(self) -> None:
        if not self._at_start:
            self._put("\n")
