"""Keeps what is sent within the model's window: older turns are summarised, what still does not
fit is refused before it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..digest.fence import Fence
from ..protocol.errors import AgentError, ContextOverflow, ErrorInfo, ParseFailed
from ..protocol.messages import Message
from ..protocol.models import Request
from ..protocol.provider_events import Response
from ..protocol.session_events import ContextCompacted, Notice, SessionEvent
from ..protocol.usage import Usage
from .compaction import (
    as_too_long,
    bounded,
    choose_cut,
    choose_cut_now,
    digest_of,
    start_of,
    summary_request,
    told,
    with_summary,
)
from .request import estimate_tokens

# JSON has more punctuation than prose: the tools' 12,200 characters are 4,072 tokens for llama.cpp.
CHARACTERS_PER_SCHEMA_TOKEN = 3
COMPACT_AT = 0.8
REFUSE_AT = 0.92
# Shares of the window after compaction; the rest is room for what comes.
_KEPT = 0.5  # with the system prompt and the tools
_SUMMARY = 0.1
_PROMPTS = 0.1
# Less than this is not worth a summary, unless the question would be refused.
_WORTH = 0.05
# A provider may count more tokens than we estimate, but hardly more than so many times as many.
_MOST_OFF = 4.0
# No answer costs more tokens than this; a larger number would not even be one to a browser.
_MOST_TOKENS = 10**12
# Stands in for a window that nobody knows, where a person asks for a summary.
_ASSUMED_WINDOW = 32_000


def request_tokens(request: Request) -> int:
    """Estimate the size of a question, with its tools."""
    tools = sum(
        len(tool.name)
        + len(tool.description)
        + len(json.dumps(tool.parameters, separators=(",", ":")))
        for tool in request.tools
    )
    return estimate_tokens(request.messages) + tools // CHARACTERS_PER_SCHEMA_TOKEN


def estimated_usage(request: Request, answer: Message) -> Usage:
    """Return what stands in for the usage that a provider does not tell."""
    sent, answered = request_tokens(request), estimate_tokens([answer])
    return Usage(input=sent, output=answered, total=sent + answered)


def counted_usage(told: Usage | None, estimate: Usage) -> Usage:
    """Return the usage to count: what the provider tells, where it can be true.

    Nothing is sent or answered for no or fewer tokens; limits must hold whatever a server claims.
    """
    if told is None:
        return estimate
    sent = min(told.input, _MOST_TOKENS) if told.input > 0 else estimate.input
    answered = min(told.output, _MOST_TOKENS) if told.output > 0 else estimate.output
    return Usage(
        input=sent,
        output=answered,
        total=sent + answered,
        cache_read=_share(told.cache_read, sent),
        cache_write=_share(told.cache_write, sent),
        reasoning=_share(told.reasoning, answered),
    )


def _share(part: int | None, whole: int) -> int | None:
    return None if part is None else max(0, min(part, whole))


def summary_of(response: Response) -> str:
    """Return the text of an answer that was to be a summary.

    Raises:
        ParseFailed: it is none.
    """
    text = response.message.text.strip()
    if not text or response.finish.kind not in ("stop", "length"):
        raise ParseFailed("it answered without a summary")
    return text


# How often one request is shortened and sent again after the provider refused it as too long.
_REFUSALS = 2
# The share of a refused request that is taken for the window when the provider names no size.
_GUESSED_WINDOW = 0.7


@dataclass(slots=True, kw_only=True)
class ContextBudget:
    """The bounds of one conversation.

    Attributes:
        reported: tokens of the last request, as its provider counted them; 0 when they are not
            known, or the conversation was summarised since.
    """

    history: list[Message]
    fence: Fence
    emit: Callable[[SessionEvent], None]
    record: Callable[[Message], Awaitable[None]]
    reported: int = 0
    _model: str = ""
    _estimate: int = 0
    _ratio: float = 1.0  # how many tokens the model's tokenizer makes of one that we estimate
    _refusals: int = 0

    async def request(
        self,
        make: Callable[[Sequence[Message]], Request],
        *,
        window: int | None,
        summarise: Callable[[Request], Awaitable[str]],
    ) -> Request:
        """Return the next question, with older turns summarised when the window is nearly full.

        Args:
            make: makes the question from what the model is told.
            window: tokens the model can read; None, unknown: nothing is summarised or refused.
            summarise: asks the model for a summary.

        Raises:
            ContextOverflow: it does not fit, even with the older turns summarised.
        """
        prompts = 2_000 if window is None else int(window * _PROMPTS)
        request = make(told(self.history, self.fence, prompt_tokens=prompts))
        if request.model != self._model:
            self._model, self._ratio, self._refusals = request.model, 1.0, 0
        estimate = self._estimate = request_tokens(request)
        if window is None:
            return request
        size = max(int(estimate * self._ratio), self.reported)
        if size < window * COMPACT_AT:
            return request
        cut = self._cut(request, window, size / max(estimate, 1))
        if cut is not None and (size >= window * REFUSE_AT or self._worth(cut, window)):
            await self._compact(cut, request.model, window, summarise)
            before, self.reported = size, 0
            request = make(told(self.history, self.fence, prompt_tokens=prompts))
            self._estimate = request_tokens(request)
            size = int(self._estimate * self._ratio)
            self.emit(ContextCompacted(before=before, after=size))
        if size >= window * REFUSE_AT:
            fixed = int(request_tokens(make([])) * self._ratio)
            raise _does_not_fit(request.model, size=size, fixed=fixed, window=window)
        return request

    def counted(self, tokens: int) -> None:
        """Take in how many tokens the provider counted for the last request; it was accepted."""
        self.reported = tokens
        self._refusals = 0

    def refused(self, error: ErrorInfo, known: int | None) -> int | None:
        """Take in that the provider refused the last request as too long.

        Args:
            error: the refusal; its details may name `window` and `prompt_tokens`.
            known: the window the model was thought to have, in tokens.

        Returns:
            The window to keep to from now on, in tokens; None when asking again cannot help.
        """
        self._refusals += 1
        if self._refusals > _REFUSALS:
            return None
        details = error.details or {}
        sent, window = details.get("prompt_tokens"), details.get("window")
        if isinstance(sent, int):
            ratio = sent / max(self._estimate, 1)
            self._ratio = min(max(self._ratio, ratio), _MOST_OFF)
        if not isinstance(window, int):
            window = int(self._estimate * self._ratio * _GUESSED_WINDOW)
        return min(window, known or window)

    async def leave_out_prompts(self, error: ErrorInfo) -> bool:
        """Mark the prompts that were refused as too long; returns whether there were any.

        They stay in the conversation that people see, and are not sent again. Where the window is
        too small for the instructions and tools alone, it is not the prompts' fault.
        """
        details = error.details or {}
        fixed, window = details.get("fixed_tokens"), details.get("window")
        if isinstance(fixed, int) and isinstance(window, int) and fixed >= window * REFUSE_AT:
            return False
        found = False
        for place in range(len(self.history) - 1, -1, -1):
            message = self.history[place]
            if message.role != "user":
                break
            self.history[place] = as_too_long(message)
            await self.record(self.history[place])
            found = True
        return found

    @property
    def compactable(self) -> bool:
        """Whether there are turns that a summary could stand for."""
        return choose_cut_now(self.history) is not None

    async def compact(
        self,
        make: Callable[[Sequence[Message]], Request],
        *,
        window: int | None,
        summarise: Callable[[Request], Awaitable[str]],
    ) -> int:
        """Summarise the turns before the last one now; returns the tokens of the next question.

        Takes what `request` takes.
        """
        window = window or _ASSUMED_WINDOW
        prompts = int(window * _PROMPTS)
        request = make(told(self.history, self.fence, prompt_tokens=prompts))
        before = max(request_tokens(request), self.reported)
        cut = choose_cut_now(self.history)
        if cut is None:
            return before
        await self._compact(cut, request.model, window, summarise)
        self.reported = 0
        after = request_tokens(make(told(self.history, self.fence, prompt_tokens=prompts)))
        self.emit(ContextCompacted(before=before, after=after))
        return after

    def _cut(self, request: Request, window: int, off: float) -> int | None:
        """Choose the cut. `off`: how many times more tokens the provider counts than we do."""
        conversation = estimate_tokens([m for m in request.messages if m.role != "system"])
        fixed = request_tokens(request) - conversation
        keep = int(window * _KEPT / min(max(off, 1.0), _MOST_OFF)) - fixed
        return choose_cut(self.history, max(keep, 0))

    def _worth(self, cut: int, window: int) -> bool:
        start, _ = start_of(self.history)
        return estimate_tokens(self.history[start:cut]) >= window * _WORTH

    async def _compact(
        self, cut: int, model: str, window: int, summarise: Callable[[Request], Awaitable[str]]
    ) -> None:
        tokens = int(window * _SUMMARY)
        question = summary_request(self.history, cut, model=model, fence=self.fence, window=window)
        try:
            summary = bounded(await summarise(question), tokens)
        except AgentError as error:
            summary = digest_of(self.history, cut, tokens)
            self.emit(
                Notice(
                    level="info",
                    text="The model could not summarise the older turns "
                    f"({error.user_message.rstrip('.')}). It is given a list of what was done.",
                    code="no_summary",
                )
            )
        self.history[cut] = with_summary(self.history[cut], summary)
        await self.record(self.history[cut])


def _does_not_fit(model: str, *, size: int, fixed: int, window: int) -> ContextOverflow:
    """Return the error for a request that is too long even when older turns are summarised.

    Args:
        model: the model's name.
        size: tokens of the request.
        fixed: tokens of the instructions and tools alone, which every request carries.
        window: tokens the model can read.
    """
    if fixed >= window * REFUSE_AT:
        advice = (
            f"{model} reads {window:,} tokens at a time, and the instructions and tools alone take "
            f"about {fixed:,}. Start the model's server with a larger window (llama.cpp: "
            "`-c 16384`; Ollama: `num_ctx`; LM Studio: context length), or choose another model."
        )
    else:
        advice = (
            f"The conversation no longer fits {model}: about {size:,} of {window:,} tokens. Start a "
            "new session, or choose a model with a larger window."
        )
    return ContextOverflow(
        advice,
        model=model,
        details={"window": window, "prompt_tokens": size, "fixed_tokens": fixed},
    )
