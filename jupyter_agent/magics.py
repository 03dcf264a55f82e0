"""`%agent` and `%%agent`: the agent in the person's own shell, in any IPython.

The loop runs in the kernel's process; answers stream into the cell's own output, approvals are
asked with `input()`, and interrupting the kernel stops. There is no live notebook here: the model
can run code in the shell, look at variables, read and write files, and ask.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tokenize
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any

from IPython.core.inputtransformer2 import (
    TokenTransformBase,
    assemble_continued_line,
    find_end_of_continued_line,
)

from .api import Agent
from .config import MODES
from .protocol.errors import AgentError, ConfigError
from .protocol.messages import new_id
from .protocol.session_events import RunEnd, SessionEvent
from .runtime.inert import inert_markdown
from .runtime.terminal import Progress, visible

USAGE = """\
%agent PROMPT             ask in one line
%%agent                   the rest of the cell is the prompt

Options, before the prompt:
  --model NAME            such as anthropic/claude-sonnet-5, ollama/qwen3 or demo
  --mode MODE             plan (only read), ask (the default), edits or auto

The conversation goes on from cell to cell, with the model and mode last chosen:
  %agent model NAME       choose a model
  %agent mode MODE        choose a mode
  %agent reset            begin a new conversation
  %agent --help           show this

The agent works in this shell: it runs code here, looks at your variables, reads and writes files.
It asks before it changes anything, as the mode says. Interrupt the kernel to stop it. Cells of the
notebook itself can only be edited from the panel in JupyterLab.
"""

REDRAW = 0.1  # seconds between two updates of an answer that streams
_OPTIONS = ("--model", "--mode")
_CELL = re.compile(r"%%agent(?=\s|$)")
_MARKS = {"ok": "✓", "error": "✗", "rejected": "⊘"}


class AgentFailed(Exception):
    """A run that failed. IPython shows its sentence, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class AgentMagics:
    """What `%agent` and `%%agent` do in one shell; keeps the conversation."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._agent: Agent | None = None
        self._chosen: dict[str, str] = {}

    def agent(self, line: str, cell: str | None = None) -> Coroutine[Any, Any, None]:
        """Ask the agent. `%agent --help` says how."""
        return self._call(line.strip(), cell)

    async def _call(self, line: str, cell: str | None) -> None:
        if line in ("--help", "-h", "?") or (not line and not (cell or "").strip()):
            print(USAGE)
            return
        try:
            if cell is None and await self._command(line.split()):
                return
            options, rest = _options(line)
            prompt = "\n".join(part for part in (rest, cell or "") if part.strip())
            await self._choose(options)
            if prompt.strip():
                await self._work(prompt)
        except AgentError as error:
            raise AgentFailed(error.user_message) from error

    async def _command(self, words: list[str]) -> bool:
        """Do what `%agent reset`, `model` or `mode` says; returns whether it was one of them."""
        if words == ["reset"]:
            await self.aclose()
            print("A new conversation.")
        elif len(words) == 2 and f"--{words[0]}" in _OPTIONS:
            await self._choose({words[0]: words[1]})
            print(f"The {words[0]} is {words[1]}.")
        else:
            return False
        return True

    async def _choose(self, options: dict[str, str]) -> None:
        """Take a model and a mode for the conversation from now on."""
        if options.get("mode", "ask") not in MODES:
            raise ConfigError(f"There is no mode {options['mode']!r}: {', '.join(MODES)}.")
        if self._agent is not None and options:
            session = await self._agent.open_session()
            await session.configure(**options)  # type: ignore[arg-type]
        self._chosen |= options

    async def _work(self, prompt: str) -> None:
        agent = self._agent or Agent(**self._chosen)  # type: ignore[arg-type]
        await agent.open_session()
        self._agent = agent
        view = _view(self._shell)
        async with aclosing(agent.stream(prompt)) as events:
            try:
                async for event in events:
                    view.show(event)
            except asyncio.CancelledError:
                # The kernel was interrupted. Cells behind this one do not run, as after any error.
                if isinstance(view, CellView):
                    view.close()
                raise AgentFailed("Stopped.") from None
        if isinstance(event, RunEnd) and event.status != "done":
            raise AgentFailed("Stopped." if event.error is None else event.error.message)

    async def aclose(self) -> None:
        """End the conversation."""
        agent, self._agent = self._agent, None
        if agent is not None:
            await agent.aclose()


class CellView:
    """Shows a run in a cell's output: answers as Markdown that grows, a line for each tool call.

    Args:
        publish: the shell's `display_pub.publish`, taken before anything captures outputs.
    """

    def __init__(self, publish: Callable[..., None]) -> None:
        self._publish = publish
        self._text = ""
        self._text_id: str | None = None
        self._redraw: asyncio.TimerHandle | None = None
        self._tools: dict[str, tuple[str, str]] = {}  # display id and title by call

    def show(self, event: SessionEvent) -> None:
        """Show an event, if there is something to see."""
        handler = getattr(self, f"_on_{event.type}", None)
        if handler is not None:
            handler(event)

    def line(self, mark: str, text: str) -> None:
        """Show a line of its own."""
        self._close_text()
        self._put(f"{mark} {_plain(text)}", new_id("agent"), new=True)

    def close(self) -> None:
        """Show what is still open as stopped."""
        self._close_text()
        for display_id, title in self._tools.values():
            self._put(f"■ {title} · stopped", display_id)
        self._tools.clear()

    def _on_text_delta(self, event: Any) -> None:
        self._text += event.text
        if self._redraw is None:
            self._redraw = asyncio.get_running_loop().call_later(REDRAW, self._draw_text)

    def _on_message_end(self, event: Any) -> None:
        self._close_text()

    def _on_tool_start(self, event: Any) -> None:
        display_id, title = new_id("agent"), _plain(event.title)
        self._tools[event.call_id] = display_id, title
        self._put(f"● {title}", display_id, new=True)

    def _on_tool_update(self, event: Any) -> None:
        if event.call_id in self._tools:
            self._put(f"● {_plain(event.text)}", self._tools[event.call_id][0])

    def _on_tool_end(self, event: Any) -> None:
        kind = "rejected" if event.result.rejected else "error" if event.result.is_error else "ok"
        words = [event.title, *([event.summary] if event.summary else [])]
        if event.duration is not None and event.duration >= 1:
            words.append(f"{event.duration:.1f} s")
        line = f"{_MARKS[kind]} {_plain(' · '.join(words))}"
        if event.call_id in self._tools:
            self._put(line, self._tools.pop(event.call_id)[0])
        else:
            self._put(line, new_id("agent"), new=True)

    def _on_notice(self, event: Any) -> None:
        self.line("!" if event.level != "info" else "·", event.text)

    def _on_retry(self, event: Any) -> None:
        self.line("!", f"{event.error.message} Trying again in {event.delay:.0f} s.")

    def _draw_text(self) -> None:
        self._redraw = None
        if self._text.strip():
            new = self._text_id is None
            self._text_id = self._text_id or new_id("agent")
            self._put(inert_markdown(self._text), self._text_id, new=new)

    def _close_text(self) -> None:
        if self._redraw is not None:
            self._redraw.cancel()
            self._draw_text()
        self._text, self._text_id = "", None

    def _put(self, markdown: str, display_id: str, *, new: bool = False) -> None:
        self._publish(
            data={"text/markdown": markdown, "text/plain": markdown},
            transient={"display_id": display_id},
            update=not new,
        )


def _plain(text: str) -> str:
    """Return a line of text in which Markdown has no meaning."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$!&])", r"\\\1", visible(" ".join(text.split())))


def _view(shell: Any) -> CellView | Progress:
    if hasattr(shell, "kernel"):
        return CellView(shell.display_pub.publish)
    stdout = sys.stdout  # taken now: while code runs, sys.stdout is captured

    def write(text: str) -> None:
        stdout.write(text)
        stdout.flush()

    return Progress(write)


def _options(line: str) -> tuple[dict[str, str], str]:
    """Split a line into the options at its start and the prompt."""
    options: dict[str, str] = {}
    while line.startswith("--"):
        name, _, rest = line.partition(" ")
        name, equals, value = name.partition("=")
        if name not in _OPTIONS:
            raise ConfigError(f"%agent has no option {name}. `%agent --help` lists them.")
        if not equals:
            value, _, rest = rest.strip().partition(" ")
        if not value:
            raise ConfigError(f"{name} needs a value.")
        options[name.removeprefix("--")] = value
        line = rest.strip()
    return options, line


# -- the shell ------------------------------------------------------------------------------------


def _await_cell(lines: list[str]) -> list[str]:
    """Rewrite a `%%agent` cell so that it is awaited: magics themselves are synchronous."""
    if not lines or not _CELL.match(lines[0]):
        return lines
    line, cell = lines[0].removeprefix("%%agent").strip(), "".join(lines[1:])
    if not cell.strip():  # IPython refuses a cell magic without a cell
        return [f"await get_ipython().run_line_magic('agent', {line!r})\n"]
    return [f"await get_ipython().run_cell_magic('agent', {line!r}, {cell!r})\n"]


# Not while a terminal asks whether the cell is complete: that still is a cell magic's own rule.
_await_cell.has_side_effects = True  # type: ignore[attr-defined]


class _AwaitLine(TokenTransformBase):
    """Rewrites a `%agent` line so that it is awaited.

    Comes before the rules for other line magics, and for a question mark at the end: prompts are
    often questions.
    """

    priority = 4

    @classmethod
    def find(cls, tokens_by_line: Any) -> _AwaitLine | None:
        """Return the first `%agent` that begins a statement."""
        for line in tokens_by_line:
            tokens = [t for t in line if t.type not in (tokenize.INDENT, tokenize.DEDENT)]
            words = [token.string for token in tokens[:3]]
            if words[:2] == ["%", "agent"] and words[2:] != ["?"]:
                return cls(tokens[0].start)
        return None

    def transform(self, lines: list[str]) -> list[str]:
        """Return the lines with this one rewritten."""
        start, column = self.start_line, self.start_col
        end = find_end_of_continued_line(lines, start)
        line = assemble_continued_line(lines, (start, column), end).removeprefix("%")
        prompt = line.strip().removeprefix("agent").strip()
        call = f"await get_ipython().run_line_magic('agent', {prompt!r})\n"
        return [*lines[:start], lines[start][:column] + call, *lines[end + 1 :]]


def load(shell: Any) -> None:
    """Register the magics in a shell; again does nothing."""
    if "agent" in shell.magics_manager.magics["cell"]:
        return
    shell.register_magic_function(AgentMagics(shell).agent, "line_cell", "agent")
    shell.input_transformers_cleanup.append(_await_cell)
    shell.input_transformer_manager.token_transformers.append(_AwaitLine)


def unload(shell: Any) -> None:
    """Remove the magics; a run that goes on is not touched."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("agent", None)
    for transformers, ours in (
        (shell.input_transformers_cleanup, _await_cell),
        (shell.input_transformer_manager.token_transformers, _AwaitLine),
    ):
        if ours in transformers:
            transformers.remove(ours)
