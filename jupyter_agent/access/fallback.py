"""The model that answers a run, and those that stand in when it is not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ..agent.retry import may_fall_back
from ..context.small_window import SMALL_WINDOW, is_small
from ..protocol.errors import ConfigError, ErrorInfo, UnknownModel
from ..protocol.messages import ImagePart, Message, Part
from ..protocol.session_events import Notice, SessionEvent

if TYPE_CHECKING:
    from ..protocol.models import ModelInfo
    from ..providers.base import Provider
    from .endpoints import OnRetry
    from .model_access import Access, ModelAccess


class Answering:
    """Opens the models of one run, one after another. Whoever stands in does so to its end.

    Args:
        access: opens models; its settings name those that stand in.
        history: the conversation; with images in it, a model must be able to look at them.
        tools: whether there are tools to use.
        emit: shows who answers, and what it cannot do.
        on_retry: called before a provider asks again.
        on_model: told which model answers from now on.
        warned: what was said of which model already; filled in here.
    """

    def __init__(
        self,
        access: ModelAccess,
        history: Sequence[Message],
        *,
        tools: bool,
        emit: Callable[[SessionEvent], None],
        on_retry: OnRetry,
        on_model: Callable[[ModelInfo], None],
        warned: set[str],
    ) -> None:
        self._access = access
        self._history = history
        self._tools = tools
        self._emit = emit
        self._on_retry = on_retry
        self._on_model = on_model
        self._warned = warned
        self._left = list(access.settings.fallback_models)
        self._opened: list[Provider] = []
        self._current: Access | None = None

    @property
    def current(self) -> Access:
        """The model that answers now."""
        assert self._current is not None, "open() comes first"
        return self._current

    async def open(self, model_id: str) -> None:
        """Open the session's model, or the first that stands in for one that does not exist.

        Raises:
            UnknownModel: there is neither.
            MissingKey, ConfigError: it cannot be used.
        """
        self._left = [other for other in self._left if other != model_id]
        try:
            access = await self._open(model_id)
        except UnknownModel as error:
            if not self._left or await self._next(error.info(), model_id) is None:
                raise
            return
        self._use(access)
        self._warn(access.model)

    def _warn(self, model: ModelInfo) -> None:
        """Tell once a conversation what the model cannot do or is not given."""
        if not self._tools:
            return
        if not model.capabilities.tools:
            self._warn_once(
                model,
                "no_tools",
                "warning",
                f"{model.label} is not known to take tools, so it gets none: it can talk, but neither "
                "read nor change the notebook. Choose another model, or, if this one takes tools, say "
                "so under “Correct what is known of a model” in the model settings (elsewhere: "
                f'`jupyter agent models --set {model.id} \'{{"capabilities": {{"tools": true}}}}\'`).',
            )
        elif is_small(model.context_window):
            self._warn_once(
                model,
                "small_window",
                "info",
                f"{model.label} reads {model.context_window:,} tokens at a time, so it gets only the "
                "most important tools, and shorter results. With a window of "
                f"{SMALL_WINDOW:,} tokens or more it gets everything.",
            )

    def _warn_once(
        self, model: ModelInfo, code: str, level: Literal["info", "warning"], text: str
    ) -> None:
        if (said := f"{code} {model.id}") not in self._warned:
            self._warned.add(said)
            self._emit(Notice(level=level, text=text, code=code))

    async def fall_back(self, error: ErrorInfo) -> Provider | None:
        """Return the next model's provider when another may answer for this failure."""
        if not may_fall_back(error):
            return None
        self._tools = self._tools and self.current.model.capabilities.tools
        return await self._next(error, self.current.model.id)

    def with_window(self, window: int) -> Provider:
        """Take in that the current model reads only so many tokens; returns its provider."""
        self._access.learn_window(self.current.model.id, window)
        self._use(replace(self.current, model=replace(self.current.model, context_window=window)))
        return self.current.provider

    async def aclose(self) -> None:
        """Close every provider that was opened."""
        for provider in self._opened:
            await provider.aclose()
        self._opened.clear()

    async def _next(self, error: ErrorInfo, name: str) -> Provider | None:
        while self._left:
            other = self._left.pop(0)
            try:
                access = await self._open(other)
            except ConfigError as problem:
                self._say(f"{other} cannot stand in: {problem.user_message}", "fallback_skipped")
                continue
            lacking = self._lacking(access.model)
            if lacking is not None:
                self._say(f"{other} cannot stand in: it {lacking}.", "fallback_skipped")
                continue
            self._say(
                f"{name} does not answer: {error.message} {access.model.id} answers instead, "
                "until this run ends.",
                "fallback",
            )
            self._use(access)
            return access.provider
        return None

    async def _open(self, model_id: str) -> Access:
        await self._access.learn(model_id)
        access = self._access.open(model_id, self._on_retry)
        self._opened.append(access.provider)
        return self._access.with_learned_window(await self._access.refine(access))

    def _use(self, access: Access) -> None:
        self._current = access
        self._on_model(access.model)

    def _lacking(self, model: ModelInfo) -> str | None:
        if self._tools and not model.capabilities.tools:
            return "is not known to take tools"
        if not model.capabilities.vision and _has_images(self._history):
            return "cannot look at the images of this conversation"
        return None

    def _say(self, text: str, code: str) -> None:
        self._emit(Notice(level="warning", text=text, code=code))


def _has_images(history: Sequence[Message]) -> bool:
    parts: list[Part] = [part for message in history for part in message.parts]
    parts += [inner for message in history for r in message.tool_results for inner in r.content]
    return any(isinstance(part, ImagePart) for part in parts)
