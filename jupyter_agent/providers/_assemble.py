"""The one assembler: normalised pieces of an answer in, provider events out.

Adapters say what the wire said (text, thinking, fragments of calls under whatever key their API
gives, counts, the finish word); ids, the one parse of arguments, bounds, the final message and
the single terminal event are decided here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Container, Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from ..protocol.codec import parse_arguments
from ..protocol.errors import ErrorInfo, ParseFailed, ProviderError, StreamInterrupted
from ..protocol.messages import Effort, MessageMeta, ProviderMetadata, new_id
from ..protocol.provider_events import (
    Done,
    Failed,
    ProviderEvent,
    Response,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageUpdate,
)
from ..protocol.reduce import MessageBuilder
from ..protocol.usage import Finish, FinishKind, Usage

MAX_ARGUMENTS = 1 << 20  # characters of one call's arguments
MAX_CALLS = 256  # calls in one answer
MAX_ANSWER = 8 << 20  # characters of text and thinking
MAX_PIECES = 500_000  # of text and thinking: each is an object of its own
MAX_COUNT = 1 << 53  # tokens; what is more is not a count
MAX_ID = 512  # characters of an id or a name taken from the wire


@dataclass(slots=True)
class _Call:
    """A tool call still growing. Its start is announced once its name is known."""

    index: int
    id: str = ""
    name: str = ""
    started: bool = False
    ended: bool = False
    size: int = 0
    fragments: list[str] = field(default_factory=list)
    metadata: ProviderMetadata | None = None


class Assembler:
    """Turns the pieces of one answer into events.

    Every method may add to `take()`'s next result; none does after the terminal event. What is not
    text where text belongs is a TypeError: adapters pass on what the wire holds, unchecked.
    """

    def __init__(
        self,
        *,
        provider: str,
        model: str,
        effort: Effort | None = None,
        taken_ids: Container[str] = (),
    ) -> None:
        """Start one answer.

        Args:
            provider: stamped on the message, so that later its opaque data goes back to it alone.
            model: the model asked.
            effort: the effort asked.
            taken_ids: call ids of the conversation so far; one seen again gets a fresh id.
        """
        self._provider = provider
        self._model = model
        self._effort = effort
        self._taken = taken_ids
        self._used: set[str] = set()
        self._builder = MessageBuilder("assistant")
        self._out: list[ProviderEvent] = []
        self._calls: dict[Hashable, _Call] = {}
        self._counts: dict[str, int] = {}
        self._counts_told: dict[str, int] = {}
        self._thinking_open = False
        self._finish: Finish | None = None
        self._started_at = time.monotonic()
        self._first_at: float | None = None
        self._size = 0
        self._pieces = 0
        self.ended = False
        self.reasoning_details: Any = None
        self.extra: dict[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether the wire said why the answer ended."""
        return self._finish is not None

    def take(self) -> list[ProviderEvent]:
        """Return the events since the last call."""
        out = self._out
        self._out = []
        return out

    # ---- content -------------------------------------------------------------------------------

    def text(self, text: str, metadata: ProviderMetadata | None = None) -> None:
        """Add answer text. Metadata closes the text part."""
        if self.ended or (not text and metadata is None):
            return
        if self._thinking_open:
            self.end_thinking()
        self._content(text)
        self._builder.append_content(text, metadata)
        self._out.append(TextDelta(text=text, provider_metadata=metadata))

    def thinking(self, text: str) -> None:
        """Add thinking."""
        if self.ended or not text:
            return
        self._content(text)
        self._thinking_open = True
        self._builder.append_reasoning(text)
        self._out.append(ThinkingDelta(text=text))

    def end_thinking(
        self,
        signature: str | None = None,
        redacted_data: str | None = None,
        metadata: ProviderMetadata | None = None,
    ) -> None:
        """Close the open thinking block, or add an empty one that only carries its seal."""
        signature, redacted_data = _optional(signature), _optional(redacted_data)
        sealed = bool(signature or redacted_data or metadata)
        if self.ended or not (self._thinking_open or sealed):
            return
        self._thinking_open = False
        event = ThinkingEnd(
            signature=signature or None,
            redacted_data=redacted_data or None,
            provider_metadata=metadata,
        )
        self._builder.append(event)
        self._out.append(event)

    def has_call(self, key: Hashable) -> bool:
        """Whether a call is known under this key."""
        return key in self._calls

    def has_arguments(self, key: Hashable) -> bool:
        """Whether any argument text has come under this key."""
        call = self._calls.get(key)
        return call is not None and call.size > 0

    def is_whole(self, key: Hashable) -> bool:
        """Whether the arguments under this key are a whole JSON object already."""
        call = self._calls.get(key)
        if call is None:
            return False
        raw = "".join(call.fragments)
        return bool(raw.strip()) and parse_arguments(raw)[0] is not None

    def call(
        self,
        key: Hashable,
        *,
        id: str | None = None,
        name: str | None = None,
        arguments: str = "",
        metadata: ProviderMetadata | None = None,
    ) -> None:
        """Add a fragment of the call known under `key`; a new key begins a new call.

        The first id and the first name count: some servers repeat both in every fragment.
        """
        if self.ended:
            return
        call = self._calls.get(key)
        if call is None:
            call = self._begin_call(key)
            if call is None:
                return
        if call.ended:
            return
        if metadata is not None:
            call.metadata = {**(call.metadata or {}), **metadata}
        if id and not call.id:
            call.id = self._own_id(_text(id))
        if name and not call.name:
            call.name = _text(name)[:MAX_ID]
        if arguments:
            call.size += len(_text(arguments))
            if call.size > MAX_ARGUMENTS:
                self.fail(self._too_much("The arguments of a tool call are larger than 1 MiB."))
                return
            call.fragments.append(arguments)
        if call.started:
            if arguments:
                self._call_delta(call, arguments)
        elif call.name:
            self._start_call(call)

    def end_call(self, key: Hashable, arguments: str | None = None) -> None:
        """Mark a call whole. Arguments given here are the whole text and win over fragments."""
        call = self._calls.get(key)
        if self.ended or call is None or call.ended:
            return
        if arguments is not None:
            sent = "".join(call.fragments)
            if len(_text(arguments)) > MAX_ARGUMENTS:
                self.fail(self._too_much("The arguments of a tool call are larger than 1 MiB."))
                return
            if arguments.startswith(sent):
                rest = arguments[len(sent) :]
                if rest and call.started:
                    self._call_delta(call, rest)
            call.fragments = [arguments]
        if not call.started:
            self._start_call(call)
        self._finish_call(call)

    # ---- counts and the end --------------------------------------------------------------------

    def usage(
        self,
        *,
        input: int | None = None,
        output: int | None = None,
        total: int | None = None,
        cache_read: int | None = None,
        cache_write: int | None = None,
        reasoning: int | None = None,
    ) -> None:
        """Take token counts; what is not None replaces what was known.

        The first are told at once and the last when the answer ends, those between are not: some
        servers count anew with each piece of text.
        """
        if self.ended:
            return
        news = {
            "input": input,
            "output": output,
            "total": total,
            "cache_read": cache_read,
            "cache_write": cache_write,
            "reasoning": reasoning,
        }
        for name, value in news.items():
            if isinstance(value, int) and 0 <= value < MAX_COUNT:
                self._counts[name] = value
        if not self._counts_told:
            self._tell_usage()

    def finish(self, kind: FinishKind, raw: str | None = None) -> None:
        """Take why the answer ended: the wire's own end mark. `end()` follows."""
        self._finish = Finish(kind=kind, raw=_optional(raw))

    def end(self) -> None:
        """End the answer: `done` when the wire said that it ended, else an error."""
        if self.ended:
            return
        if self._finish is None:
            self.fail(
                StreamInterrupted(
                    "The answer was cut off before its end. Nothing of it was run; try again.",
                    provider=self._provider,
                    model=self._model,
                )
            )
            return
        if self._thinking_open:
            self.end_thinking()
        for call in self._calls.values():
            if not call.started:
                self._start_call(call)
            if not call.ended:
                self._finish_call(call)
        self._tell_usage()
        self._out.append(Done(response=self._response(self._finish)))
        self.ended = True

    def fail(self, error: ProviderError | ErrorInfo) -> None:
        """End the answer in an error."""
        if self.ended:
            return
        info = error if isinstance(error, ErrorInfo) else error.info()
        info = replace(
            info, provider=info.provider or self._provider, model=info.model or self._model
        )
        self._tell_usage()
        self._out.append(Failed(error=info))
        self.ended = True

    # ---- inside --------------------------------------------------------------------------------

    def _content(self, text: str) -> None:
        """Note that content came, and stop an answer that is no answer any more."""
        if self._first_at is None:
            self._first_at = time.monotonic()
        if not isinstance(text, str):
            raise TypeError("text expected")
        self._size += len(text)
        self._pieces += 1
        if self._size > MAX_ANSWER or self._pieces > MAX_PIECES:
            raise self._too_much("The answer is longer than any model writes.")

    def _begin_call(self, key: Hashable) -> _Call | None:
        if len(self._calls) >= MAX_CALLS:
            self.fail(self._too_much(f"The model called more than {MAX_CALLS} tools at once."))
            return None
        if self._thinking_open:
            self.end_thinking()
        self._content("")
        call = self._calls[key] = _Call(index=len(self._calls))
        return call

    def _own_id(self, id: str) -> str:
        """Keep the wire's id unless it is unusable: this answer or an older one has it already."""
        if len(id) > MAX_ID or id in self._used or id in self._taken:
            id = new_id("call")
        self._used.add(id)
        return id

    def _start_call(self, call: _Call) -> None:
        call.id = call.id or self._own_id(new_id("call"))
        call.started = True
        name = call.name or "unknown"
        self._builder.start_call(call.id, call.index, name)
        self._out.append(ToolCallStart(id=call.id, index=call.index, name=name))
        if call.fragments:
            self._call_delta(call, "".join(call.fragments))

    def _call_delta(self, call: _Call, arguments: str) -> None:
        self._builder.append_call(call.id, arguments)
        self._out.append(ToolCallDelta(id=call.id, index=call.index, json=arguments))

    def _finish_call(self, call: _Call) -> None:
        raw = "".join(call.fragments)
        cut = self._finish is not None and self._finish.kind not in ("stop", "tool_calls", "other")
        arguments, fault = parse_arguments(raw)
        if not call.name:
            arguments, fault = None, "the call names no tool"
        elif cut and not raw.strip():
            arguments, fault = None, "the answer was cut off before the arguments"
        elif arguments is not None and "\\u" in raw and not _is_text(arguments):
            arguments, fault = None, "the arguments hold half a character (a lone surrogate)"
        call.ended = True
        event = ToolCallEnd(
            id=call.id,
            index=call.index,
            name=call.name or "unknown",
            arguments_raw=raw,
            arguments=arguments,
            parse_error=fault,
            provider_metadata=call.metadata,
        )
        self._builder.append(event)
        self._out.append(event)

    def _tell_usage(self) -> None:
        """Add the counts to the events, unless they were told already."""
        usage = self._usage()
        if usage is not None and self._counts != self._counts_told:
            self._counts_told = dict(self._counts)
            self._out.append(UsageUpdate(usage=usage))

    def _usage(self) -> Usage | None:
        counts = self._counts
        if not counts:
            return None
        total = counts.get("input", 0) + counts.get("output", 0)
        return Usage(**{"total": total, **counts})

    def _response(self, finish: Finish) -> Response:
        if finish.kind == "stop" and self._calls:
            finish = replace(finish, kind="tool_calls")
        elif finish.kind == "tool_calls" and not self._calls:
            finish = replace(finish, kind="stop")
        first = self._first_at
        meta = MessageMeta(
            provider=self._provider,
            model=self._model,
            time_to_first_token=None if first is None else first - self._started_at,
            total_duration=time.monotonic() - self._started_at,
            usage=self._usage(),
            finish=finish,
            effort=self._effort,
            reasoning_details=self.reasoning_details,
            extra=self.extra or None,
        )
        return Response(message=self._builder.build(meta), finish=finish, usage=self._usage())

    def _too_much(self, what: str) -> ParseFailed:
        return ParseFailed(
            f"{what} The answer was stopped; try again or choose another model.",
            provider=self._provider,
            model=self._model,
        )


def _text(value: str) -> str:
    if isinstance(value, str):
        return value
    raise TypeError("text expected")


def _optional(value: str | None) -> str | None:
    return None if value is None else _text(value)


def _is_text(arguments: dict[str, Any]) -> bool:
    """Whether every string in it can be written as UTF-8."""
    try:
        json.dumps(arguments, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
