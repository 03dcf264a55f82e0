"""`AgentChat`: the chat as a widget, for notebooks in any front end (`agent.chat()`).

The agent works as tasks on the kernel's event loop; nothing here waits for the front end. The
front end (`widget_assets/chat.js`) only draws the blocks it is sent, and sends what was clicked.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ipywidgets
from traitlets import Unicode

from .api import Agent
from .protocol.errors import AgentError
from .protocol.messages import ImagePart, Message, TextPart, ToolResultPart, new_id
from .protocol.session_events import ApprovalStart, QuestionStart, SessionEvent
from .protocol.tools import PreviewBlock
from .protocol.transcript import Entry, ToolState, Transcript
from .rendering.record import mime_bundle
from .rendering.terminal import preview_lines, unmistakable, visible
from .runtime.in_shell import find_ipython
from .session.session import Session

ASSETS = Path(__file__).parent / "widget_assets"
# The front end is anywidget's: JupyterLab and Notebook have it from our own extension, others fetch
# it by this name and version.
FRONT_END = "anywidget"
FRONT_END_VERSION = "~0.11.0"
VIEW = "application/vnd.jupyter.widget-view+json"
REDRAW = 0.1  # seconds between two updates of an answer that streams
KEEP = 1.0  # seconds between two updates of the document beside the view, while a run goes on
LONGEST_RESULT = 4_000  # characters of a tool's result that a card shows
# What a browser shows as a picture and nothing else.
_PICTURES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp"))

Block = dict[str, Any]


class AgentChat(ipywidgets.DOMWidget):  # type: ignore[misc]  # ipywidgets has no types
    """The chat with an agent.

    Beside the view it displays the conversation as a document: that is what a saved or exported
    notebook shows, and a front end without widgets. The view hides it.

    Code that the agent runs in the kernel without awaiting holds up everything, this chat too:
    interrupt the kernel to stop it.

    Args:
        agent: whose conversation is shown and gone on with.
    """

    _model_name = Unicode("AnyModel").tag(sync=True)
    _model_module = Unicode(FRONT_END).tag(sync=True)
    _model_module_version = Unicode(FRONT_END_VERSION).tag(sync=True)
    _view_name = Unicode("AnyView").tag(sync=True)
    _view_module = Unicode(FRONT_END).tag(sync=True)
    _view_module_version = Unicode(FRONT_END_VERSION).tag(sync=True)
    _anywidget_id = Unicode(f"{__name__}.AgentChat").tag(sync=True)
    _esm = Unicode().tag(sync=True)
    _css = Unicode().tag(sync=True)
    _record = Unicode().tag(sync=True)

    def __init__(self, agent: Agent) -> None:
        _allow_in_colab()
        super().__init__(
            _record=new_id("ja-Record"),
            _esm=(ASSETS / "chat.js").read_text(encoding="utf-8"),
            _css=(ASSETS / "chat.css").read_text(encoding="utf-8"),
        )
        self._agent = agent
        self._session: Session | None = None
        self._problem = ""
        self._shown: dict[str, Block] = {}
        self._order: list[str] = []
        self._redraw: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = _running_loop()
        self._kept: dict[str, str] | None = None
        self._keeping: asyncio.TimerHandle | None = None
        self.on_msg(self._on_message)
        if agent.session is not None:
            self._watch(agent.session)
        self._unwatch = agent.on_open(self._watch)

    def open(self) -> None:
        """Open the connection to a view, where one can be drawn."""
        if _can_be_drawn():
            super().open()

    def _ipython_display_(self, **more: Any) -> None:
        if self.comm is not None:
            view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
            _publish({VIEW: view, "text/plain": "Conversation with the agent:"})
        self._kept = self._bundle()
        _publish(self._kept, transient={"display_id": self._record})

    # -- what the front end sends ----------------------------------------------------------------

    def _on_message(self, widget: object, content: object, buffers: object) -> None:
        """Begin what was asked for, without waiting for anything.

        JupyterLab has widgets' messages handled by a subshell, on a thread and loop of its own;
        the agent belongs to the loop in which the person's cells run.
        """
        if not isinstance(content, dict):
            return
        handler = _HANDLERS.get(str(content.get("type")))
        if handler is not None:
            loop = self._loop or asyncio.get_running_loop()
            loop.call_soon_threadsafe(lambda: self._start(handler(self, content)))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        self._problem = ""
        try:
            await work
        except AgentError as error:
            self._problem = error.user_message
        self._draw()

    async def _opened(self) -> Session:
        """Return the agent's session, which is watched from its beginning."""
        return await self._agent.open_session()

    def _watch(self, session: Session) -> None:
        if session is self._session:
            return
        self._session = session

        def seen(seq: int, event: SessionEvent, data: bytes) -> None:
            if session is not self._session:
                return
            if event.type == "run_end":
                # Nothing may come after it: its loop may stand still from now on.
                self._draw()
                self._keep()
            else:
                self._draw_soon()

        session.journal.attach(seen, session.journal.seq, lambda snapshot: self._draw_soon())

    async def _ready(self, content: Block) -> None:
        """A view was made: send it everything."""
        self._shown, self._order = {}, []

    async def _prompt(self, content: Block) -> None:
        session = await self._opened()
        if not session.running:
            self._agent.answered_by_events = True
        await session.prompt(str(content.get("text", "")))

    async def _stop(self, content: Block) -> None:
        if self._session is not None:
            await self._session.stop()

    async def _approve(self, content: Block) -> None:
        session = await self._opened()
        await session.approve(
            str(content.get("id")),
            fingerprint=str(content.get("fingerprint")),
            allow=content.get("allow") is True,
            scope=content.get("scope") or "once",
            reason=str(content.get("reason") or "") or None,
        )

    async def _answer(self, content: Block) -> None:
        session = await self._opened()
        said = content.get("answer")
        await session.answer(str(content.get("id")), None if said is None else str(said))

    # -- what it is sent -------------------------------------------------------------------------

    def _draw_soon(self) -> None:
        loop = asyncio.get_running_loop()
        if self._redraw is None:
            self._redraw = loop.call_later(REDRAW, self._draw)
        if self._keeping is None:
            self._keeping = loop.call_later(KEEP, self._keep)

    def _bundle(self) -> dict[str, str]:
        transcript = Transcript() if self._session is None else self._session.journal.transcript
        return mime_bundle(blocks_of(transcript), name=self._record)

    def _keep(self) -> None:
        """Bring the document beside the view up to date, where it was displayed."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        if self._kept is None or (bundle := self._bundle()) == self._kept:
            return
        self._kept = bundle
        _publish(bundle, transient={"display_id": self._record}, update=True)

    def _draw(self) -> None:
        """Send the blocks that changed, and their order."""
        if self._redraw is not None:
            self._redraw.cancel()
            self._redraw = None
        transcript = Transcript()
        if self._session is not None:
            transcript = self._session.journal.transcript
        blocks = {block["key"]: block for block in blocks_of(transcript)}
        if self._problem:
            blocks["problem"] = _notice("problem", self._problem, "error")
        changed = [block for key, block in blocks.items() if self._shown.get(key) != block]
        order = list(blocks)
        message = {"type": "update", "status": _status(transcript), "blocks": changed}
        if order != self._order:
            message["order"] = order
        self._shown, self._order = blocks, order
        self.send(message)

    def close(self) -> None:
        """Take the widget away. The conversation stays with the agent."""
        for task in self._tasks:
            task.cancel()
        self._unwatch()
        self._session = None
        for timer in (self._redraw, self._keeping):
            if timer is not None:
                timer.cancel()
        super().close()


_HANDLERS = {
    "ready": AgentChat._ready,
    "prompt": AgentChat._prompt,
    "stop": AgentChat._stop,
    "approve": AgentChat._approve,
    "answer": AgentChat._answer,
}


def _can_be_drawn() -> bool:
    """Return whether there may be a front end that draws the view.

    Voila has no front end of ours, and anywidget's only where that package is installed; without
    it a view would be an error on the page. It shows the document.
    """
    voila = os.environ.get("SERVER_SOFTWARE", "").startswith("voila")
    return not voila or find_spec("anywidget") is not None


def _publish(data: dict[str, Any], **more: Any) -> None:
    """Display data; outside IPython there is nowhere to."""
    shell = find_ipython()
    if shell is not None:
        shell.display_pub.publish(data=data, **more)


def _allow_in_colab() -> None:
    """Colab, whose kernels have its package loaded, shows others' widgets only when asked to."""
    colab: Any = sys.modules.get("google.colab")
    if colab is not None:
        colab.output.enable_custom_widget_manager()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def blocks_of(transcript: Transcript) -> list[Block]:
    """Return what there is to draw, in order; each block has a `key` and a `kind`."""
    blocks: list[Block] = []
    for number, entry in enumerate(transcript.entries):
        blocks += _entry_blocks(entry, number, transcript.tools)
    blocks += [_approval_block(approval) for approval in transcript.approvals]
    blocks += [_question_block(question) for question in transcript.questions]
    return blocks


def _entry_blocks(entry: Entry, number: int, tools: dict[str, ToolState]) -> list[Block]:
    if entry.type == "message":
        return _message_blocks(entry.message, tools)
    if entry.type == "notice":
        return [_notice(f"entry-{number}", entry.text, entry.level)]
    words = entry.error.message if entry.error is not None else f"The run was {entry.status}."
    return [_notice(f"entry-{number}", words, "error" if entry.error else "info")]


def _message_blocks(message: Message, tools: dict[str, ToolState]) -> list[Block]:
    blocks: list[Block] = []
    for at, part in enumerate(message.parts):
        key = f"{message.id}-{at}"
        if part.type == "text" and part.text.strip():
            kind = "user" if message.role == "user" else "text"
            blocks.append({"key": key, "kind": kind, "text": part.text})
        elif part.type == "thinking" and part.text.strip():
            blocks.append({"key": key, "kind": "thinking", "text": part.text})
        elif part.type == "tool_call":
            tool = tools.get(part.id)
            state = tool or ToolState(
                call_id=part.id, tool_name=part.name, status="waiting", title=part.name
            )
            blocks.append(_tool_block(key, state))
    return blocks


def _tool_block(key: str, tool: ToolState) -> Block:
    words = [tool.title or tool.tool_name, *([tool.summary] if tool.summary else [])]
    if tool.duration is not None and tool.duration >= 1:
        words.append(f"{tool.duration:.1f} s")
    return {
        "key": key,
        "kind": "tool",
        "status": tool.status,
        "title": visible(tool.text or " · ".join(words)),
        "code": _preview(tool.preview),
        "result": _result_text(tool.result),
        "images": _pictures(tool.result),
    }


def _preview(blocks: tuple[PreviewBlock, ...]) -> list[Block]:
    return [
        {"label": visible(block.label or ""), "text": unmistakable("\n".join(preview_lines(block)))}
        for block in blocks
    ]


def _result_text(result: ToolResultPart | None) -> str:
    if result is None:
        return ""
    text = "\n".join(part.text for part in result.content if isinstance(part, TextPart))
    if len(text) > LONGEST_RESULT:
        text = f"{text[:LONGEST_RESULT]}\n… ({len(text) - LONGEST_RESULT:,} more characters)"
    return visible(text)


def _pictures(result: ToolResultPart | None) -> list[str]:
    """Return the images of a result as data URLs; never an address elsewhere."""
    return [
        f"data:{part.media_type};base64,{part.data}"
        for part in (result.content if result is not None else ())
        if isinstance(part, ImagePart) and part.data and part.media_type in _PICTURES
    ]


def _approval_block(approval: ApprovalStart) -> Block:
    code = _preview(approval.preview)
    if not code:
        given = "\n".join(f"{name} = {value!r}" for name, value in approval.arguments.items())
        code = [{"label": "", "text": unmistakable(given)}]
    return {
        "key": approval.approval_id,
        "kind": "approval",
        "title": unmistakable(approval.title),
        "permissions": ", ".join(approval.permissions),
        "code": code,
        "scopes": list(approval.scopes),
        "fingerprint": approval.fingerprint,
    }


def _question_block(question: QuestionStart) -> Block:
    return {
        "key": question.question_id,
        "kind": "question",
        "text": visible(question.question),
        "options": list(question.options),
    }


def _notice(key: str, text: str, level: str) -> Block:
    return {"key": key, "kind": "notice", "level": level, "text": visible(text)}


def _status(transcript: Transcript) -> Block:
    """Return the line under the chat: what goes on, and what it has cost."""
    words = []
    if transcript.approvals:
        words.append("Waiting for your answer")
    elif transcript.running:
        words.append("Working…")
    if transcript.model:
        words.append(transcript.model)
    if transcript.budget is not None:
        usage = transcript.budget.session_usage
        words.append(f"{usage.input + usage.output:,} tokens")
        if transcript.budget.session_cost is not None:
            words.append(f"${transcript.budget.session_cost:.4f}")
    return {"running": transcript.running, "text": " · ".join(words)}
