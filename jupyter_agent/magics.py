"""`%agent` and `%%agent`: the agent in the person's own shell, in any IPython.

The loop runs in the kernel's process; answers stream into the cell's own output, approvals are
asked with `input()`, and interrupting the kernel stops. There is no live notebook here: the model
can run code in the shell, look at variables, read and write files, and ask.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields
from typing import Any

from .api import Agent, Result
from .blocking import LoopHere
from .config import MODES, load_settings
from .kernel import rewriting
from .protocol import session_events as events
from .protocol.errors import AgentError, ConfigError, NotAllowed
from .protocol.exhaustive import assert_never
from .protocol.messages import new_id
from .rendering.inert import inert_markdown
from .rendering.terminal import Progress, visible

USAGE = """\
%agent PROMPT             ask in one line
%%agent                   the rest of the cell is the prompt
x = %agent PROMPT         keep the result: x.text, x.cost, x.messages …

Options, before the prompt:
  --model NAME            such as anthropic/claude-sonnet-5, ollama/qwen3 or demo
  --mode MODE             plan (only read), ask (the default), edits or auto

The conversation goes on from cell to cell, with the model and mode last chosen:
  %agent model NAME       choose a model; without a name, say which it is
  %agent mode MODE        choose a mode; without one, say which it is
  %agent reset            begin a new conversation
  %agent --help           show this

The agent works in this shell: it runs code here, looks at your variables, reads and writes files.
It asks before it changes anything, as the mode says. Interrupt the kernel to stop it. Cells of the
notebook itself can only be edited from the panel in JupyterLab.
"""

REDRAW = 0.1  # seconds between two updates of an answer that streams
_OPTIONS = ("--model", "--mode")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_MARKS = {"ok": "✓", "error": "✗", "rejected": "⊘"}


class AgentFailed(Exception):
    """A run that failed. IPython shows its sentence, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResult(Result):
    """A result whose answer the cell has shown: as the cell's value it is not shown again.

    `shell` ran the cell; `count` was its execution count then.
    """

    shell: Any
    count: int

    def _ipython_display_(self) -> None:
        if self.shell.execution_count != self.count:
            data = {"text/markdown": inert_markdown(self.text), "text/plain": self.text}
            self.shell.display_pub.publish(data=data)


class AgentMagics:
    """What `%agent` and `%%agent` do in one shell; keeps the conversation."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._agent: Agent | None = None
        self._chosen: dict[str, str] = {}
        self._here = LoopHere()

    def agent(self, line: str, cell: str | None = None) -> ShownResult | None:
        """Ask the agent. `%agent --help` says how."""
        try:
            return self._here.result(self._call(line.strip(), cell))
        except KeyboardInterrupt:
            raise AgentFailed("Stopped.") from None
        except AgentError as error:
            raise AgentFailed(error.user_message) from error

    def agent_async(
        self, line: str, cell: str | None = None
    ) -> Coroutine[Any, Any, ShownResult | None]:
        """Do the same as `%agent`, as a coroutine: other tasks of the event loop go on."""
        return self._call(line.strip(), cell)

    async def _call(self, line: str, cell: str | None) -> ShownResult | None:
        if line in ("--help", "-h", "?") or (not line and not (cell or "").strip()):
            print(USAGE)
            return None
        try:
            if cell is None and await self._command(line.split()):
                return None
            options, rest = _options(line)
            prompt = "\n".join(part for part in (rest, cell or "") if part.strip())
            await self._choose(options)
            return await self._work(prompt) if prompt.strip() else None
        except AgentError as error:
            raise AgentFailed(error.user_message) from error

    async def _command(self, words: list[str]) -> bool:
        """Do what `%agent reset`, `model` or `mode` says; returns whether it was one of them."""
        if words == ["reset"]:
            await self.aclose()
            print("A new conversation.")
        elif words and f"--{words[0]}" in _OPTIONS and len(words) <= 2:
            if len(words) == 2:
                await self._choose({words[0]: words[1]})
            print(await self._settled(words[0]))
        else:
            return False
        return True

    async def _settled(self, what: str) -> str:
        """Say which model or mode the conversation has."""
        chosen: str | None = self._chosen.get(what)
        if self._agent is not None:
            chosen = str(getattr((await self._agent.open_session()).settled, what))
        elif chosen is None and what == "mode":
            chosen = load_settings().default_mode
        if chosen is None:
            return "No model is chosen yet: the one set, or the first that is ready, will answer."
        return f"The {what} is {chosen}."

    async def _choose(self, options: dict[str, str]) -> None:
        """Take a model and a mode for the conversation from now on.

        Raises:
            AgentError: one of them cannot be used; all stays as it was.
        """
        mode = options.get("mode", "ask")
        if mode not in MODES:
            raise ConfigError(f"There is no mode {mode!r}: {', '.join(MODES)}.")
        if "mode" in options and mode not in load_settings().allowed_modes:
            raise NotAllowed(f"Mode {mode} is not allowed here.")
        if self._agent is not None and options:
            session = await self._agent.open_session()
            await session.configure(**options)  # type: ignore[arg-type]
        elif "model" in options:
            agent = Agent(**(self._chosen | options))  # type: ignore[arg-type]
            await agent.open_session()  # refuses a model that cannot be used
            self._agent = agent
        self._chosen |= options

    async def _work(self, prompt: str) -> ShownResult:
        agent = self._agent or Agent(**self._chosen)  # type: ignore[arg-type]
        await agent.open_session()
        self._agent = agent
        view = _view(self._shell)
        try:
            result = await agent.run(prompt, on_event=view.show)
        except asyncio.CancelledError:
            # The kernel was interrupted. Cells behind this one do not run, as after any error.
            if isinstance(view, CellView):
                view.close()
            raise AgentFailed("Stopped.") from None
        if result.status != "done":
            raise AgentFailed("Stopped." if result.error is None else result.error.message)
        told = {field.name: getattr(result, field.name) for field in fields(Result)}
        return ShownResult(**told, shell=self._shell, count=self._shell.execution_count)

    async def aclose(self) -> None:
        """End the conversation."""
        agent, self._agent = self._agent, None
        if agent is not None:
            await agent.aclose()


class CellView:
    """Shows a run in a cell's output: answers as Markdown that grows, a line for each tool call.

    Args:
        publish: the shell's `display_pub.publish`, taken before anything captures outputs.
        updates: whether what is shown can be changed; else only what is final is shown.
    """

    def __init__(self, publish: Callable[..., None], *, updates: bool = True) -> None:
        self._publish = publish
        self._updates = updates
        self._text = ""
        self._text_id: str | None = None
        self._redraw: asyncio.TimerHandle | None = None
        self._tools: dict[str, tuple[str, str]] = {}  # display id and title by call

    def show(self, event: events.SessionEvent) -> None:
        """Show an event, if there is something to see."""
        match event:
            case events.MessageTextDelta():
                self._on_text_delta(event)
            case events.MessageEnd():
                self._on_message_end(event)
            case events.ToolStart():
                self._on_tool_start(event)
            case events.ToolUpdate():
                self._on_tool_update(event)
            case events.ToolEnd():
                self._on_tool_end(event)
            case events.Notice():
                self._on_notice(event)
            case events.Retry():
                self._on_retry(event)
            case (
                events.RunStart()
                | events.RunEnd()
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
                | events.QuestionStart()
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
        """Show a line of its own."""
        self._close_text()
        self._put(f"{mark} {_plain(text)}", new_id("agent"), new=True)

    def close(self) -> None:
        """Show what is still open as stopped."""
        self._close_text()
        for display_id, title in self._tools.values():
            self._put(f"■ {title} · stopped", display_id, new=not self._updates)
        self._tools.clear()

    def _on_text_delta(self, event: events.MessageTextDelta) -> None:
        self._text += event.text
        if self._redraw is None and self._updates:
            self._redraw = asyncio.get_running_loop().call_later(REDRAW, self._draw_text)

    def _on_message_end(self, event: events.MessageEnd) -> None:
        self._close_text()

    def _on_tool_start(self, event: events.ToolStart) -> None:
        display_id, title = new_id("agent"), _plain(event.title)
        self._tools[event.call_id] = display_id, title
        if self._updates:
            self._put(f"● {title}", display_id, new=True)

    def _on_tool_update(self, event: events.ToolUpdate) -> None:
        if event.call_id in self._tools and self._updates:
            self._put(f"● {_plain(event.text)}", self._tools[event.call_id][0])

    def _on_tool_end(self, event: events.ToolEnd) -> None:
        kind = "rejected" if event.result.rejected else "error" if event.result.is_error else "ok"
        words = [event.title, *([event.summary] if event.summary else [])]
        if event.duration is not None and event.duration >= 1:
            words.append(f"{event.duration:.1f} s")
        line = f"{_MARKS[kind]} {_plain(' · '.join(words))}"
        if event.call_id in self._tools:
            self._put(line, self._tools.pop(event.call_id)[0], new=not self._updates)
        else:
            self._put(line, new_id("agent"), new=True)

    def _on_notice(self, event: events.Notice) -> None:
        self.line("!" if event.level != "info" else "·", event.text)

    def _on_retry(self, event: events.Retry) -> None:
        self.line("!", f"{event.error.message} Trying again in {max(1.0, event.delay):.0f} s.")

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
        elif not self._updates:
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


def _updates_displays(shell: Any) -> bool:
    """Whether the front end shows what is published later for an earlier display.

    Those that run in a browser do, and their requests have plain UUIDs. What is built on
    jupyter_client has ids of another form: Jupyter console shows the first state alone, and
    nobody watches nbclient.
    """
    header = getattr(shell, "parent_header", {}).get("header", {})
    return _UUID.fullmatch(str(header.get("msg_id"))) is not None


def _view(shell: Any) -> CellView | Progress:
    if hasattr(shell, "kernel"):
        return CellView(shell.display_pub.publish, updates=_updates_displays(shell))
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


def load(shell: Any) -> None:
    """Register the magics in a shell; again does nothing."""
    if "agent" in shell.magics_manager.magics["cell"]:
        return
    magics = AgentMagics(shell)
    shell.register_magic_function(magics.agent, "line_cell", "agent")
    shell.register_magic_function(magics.agent_async, "line_cell", "agent_async")
    rewriting.install(shell)
    rewriting.answer_questions(shell, magics.agent)


def unload(shell: Any) -> None:
    """Remove the magics; a run that goes on is not touched."""
    for kind in ("line", "cell"):
        for name in ("agent", "agent_async"):
            shell.magics_manager.magics[kind].pop(name, None)
    rewriting.remove(shell)
