"""What the script knows: the task at hand, and every tool result since it began.

The script keeps nothing between two requests. All of this is read from the messages each time, so
a run that was cut off goes on from whatever the conversation holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..protocol.messages import Message, TextPart, ToolResultPart
from ..protocol.models import Request

_FENCE = re.compile(r"\A<data-(\w+)[^>\n]*>\n(.*)\n</data-\1>\Z", re.DOTALL)
_CODE = re.compile(r"([A-Z][A-Z_]+): ")
_MODE = re.compile(r"^Mode (\w+):", re.MULTILINE)
_GO_ON = re.compile(r"(please |ok,? |yes,? )?(continue|resume|go on|carry on|try again|retry)\b")
_NOTEBOOK = re.compile(r"^The session's notebook: (.+)$", re.MULTILINE)
_LANGUAGE = re.compile(r"^Its kernel's language: (.+)$", re.MULTILINE)

# After these the script cannot trust what it knew, and looks at the notebook again.
# What a call tells that Stop or a crash cut off, or kept from beginning.
_CUT_OFF = frozenset({"INTERRUPTED", "NOT_RUN"})
_START_OVER = _CUT_OFF | {"STALE_CELL", "UNKNOWN_CELL", "UNCONFIRMED"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A tool call of this task, and its result."""

    name: str
    arguments: dict[str, Any]
    text: str
    is_error: bool
    rejected: bool

    @property
    def code(self) -> str:
        """What kind of error it is, such as STALE_CELL; empty when it is none."""
        found = _CODE.match(self.text) if self.is_error else None
        return found[1] if found else ""


@dataclass(slots=True)
class Task:
    """A prompt, and what happened since.

    `attached` is the text that came with the prompt, such as cells that it mentions.
    `news` is what the person said while the work went on and has had no answer yet. `outcomes`
    holds only what came after the last interruption; `restarts` counts those.
    """

    prompt: str
    attached: str = ""
    outcomes: list[Outcome] = field(default_factory=list)
    news: list[str] = field(default_factory=list)
    restarts: int = 0
    last_restart: str = ""
    answered: bool = False

    def latest(self, name: str) -> Outcome | None:
        """Return the latest result of a tool that did not fail."""
        return next(
            (made for made in reversed(self.outcomes) if made.name == name and not made.is_error),
            None,
        )

    def add(self, outcome: Outcome) -> None:
        """Take a result; one that shakes what is known drops the earlier ones."""
        if outcome.code in _START_OVER:
            self.start_over(outcome.code)
        else:
            self.outcomes.append(outcome)

    def start_over(self, reason: str) -> None:
        """Drop what is known: from here on the notebook and the kernel may be different."""
        self.outcomes.clear()
        self.restarts += 1
        self.last_restart = reason


def current_task(messages: Sequence[Message]) -> Task | None:
    """Return the task that the messages end in, None when nobody has asked for anything."""
    task: Task | None = None
    calls: dict[str, tuple[str, dict[str, Any]]] = {}
    stopped = False
    for message in messages:
        if message.role == "user":
            text = _prompt_text(message)
            if task is None or ((task.answered or stopped) and not is_go_on(text)):
                task = Task(prompt=text, attached=message.text)
            elif task.answered or stopped:
                task.answered = False
            else:
                task.news.append(text)
            stopped = False
        elif message.role == "assistant" and task is not None:
            task.news.clear()
            stopped = bool(message.metadata.interrupted)
            if stopped:
                task.start_over("INTERRUPTED")
            task.answered = not message.tool_calls and not stopped
            calls.update(
                {call.id: (call.name, call.arguments or {}) for call in message.tool_calls}
            )
        elif message.role == "tool" and task is not None:
            stopped = False
            for result in message.tool_results:
                outcome = _outcome(result, calls)
                if not (stopped and outcome.code in _CUT_OFF):  # one interruption, many calls
                    task.add(outcome)
                stopped = outcome.code in _CUT_OFF
    return task


def is_go_on(text: str) -> bool:
    """Tell whether a prompt asks for no more than to go on."""
    return _GO_ON.match(text.strip().lower()) is not None


@dataclass(frozen=True, slots=True)
class Setting:
    """What the request says of the session: mode, notebook, its kernel's language ("" where it is
    not known), and the tools offered.
    """

    mode: str
    notebook: str | None
    tools: frozenset[str]
    language: str = ""


def setting_of(request: Request) -> Setting:
    """Return the setting, as far as the system prompt names it."""
    system = "\n".join(message.text for message in request.messages if message.role == "system")
    mode, notebook = _MODE.search(system), _NOTEBOOK.search(system)
    language = _LANGUAGE.search(system)
    return Setting(
        mode=mode[1] if mode else "",
        notebook=notebook[1].strip() if notebook else None,
        language=language[1].strip().lower() if language else "",
        tools=frozenset(tool.name for tool in request.tools),
    )


def _prompt_text(message: Message) -> str:
    first = next((part.text for part in message.parts if isinstance(part, TextPart)), "")
    return first.strip()


def _outcome(result: ToolResultPart, calls: dict[str, tuple[str, dict[str, Any]]]) -> Outcome:
    texts = (part.text for part in result.content if isinstance(part, TextPart))
    text = "\n".join(_FENCE.sub(r"\2", text) for text in texts)
    name, arguments = calls.get(result.tool_call_id, (result.tool_name, {}))
    return Outcome(
        name=name,
        arguments=arguments,
        text=text.strip(),
        is_error=result.is_error,
        rejected=result.rejected,
    )
