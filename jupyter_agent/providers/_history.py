"""Repair of a conversation before it is sent, and the names and ids of one provider's wire.

Every adapter sends through here, so each sees the same thing: every call answered, every result
asked for, nothing opaque that another provider wrote, no empty turn.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..protocol.errors import BadRequest, ErrorInfo
from ..protocol.messages import (
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    extract_text,
)
from ..protocol.models import Request

_MISSING_SEAL = re.compile(r"missing.{0,20}thought.?signature", re.I)
INTERRUPTED = "Interrupted: this call was stopped before it gave a result. It may have run in part."


def repair(messages: Sequence[Message], provider: str) -> tuple[Message, ...]:
    """Return the conversation as it can be sent to `provider`.

    Raises:
        BadRequest: a tool result does not say which call it answers.
    """
    kept = [clean for message in messages if (clean := _clean(message, provider)) is not None]
    return tuple(_pair(_distinct(kept), provider))


def has_seals(messages: Iterable[Message]) -> bool:
    """Whether anything opaque of a provider is in there."""
    return any(_unsealed(message) is not message for message in messages)


def without_seals(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return the conversation without all that only a provider can read."""
    return tuple(_unsealed(message) for message in messages)


def split_system(messages: Iterable[Message]) -> tuple[str, tuple[Message, ...]]:
    """Return all system text, joined by blank lines, and the other messages."""
    system: list[str] = []
    rest: list[Message] = []
    for message in messages:
        if message.role == "system":
            system.append(message.text)
        else:
            rest.append(message)
    return "\n\n".join(text for text in system if text.strip()), tuple(rest)


def calls_in_words(
    messages: Sequence[Message], is_foreign: Callable[[Message], bool]
) -> tuple[Message, ...]:
    """Tell in words what was called and what came of it, where a wire refuses foreign calls."""
    told: set[str] = set()

    def words(part: Part) -> tuple[Part, ...]:
        if isinstance(part, ToolCallPart) and part.id in told:
            return (TextPart(text=f"[I called the tool {part.name} with {part.arguments_raw}]"),)
        if isinstance(part, ToolResultPart) and part.tool_call_id in told:
            return (TextPart(text=f"[Result of {part.tool_name}:]\n"), *part.content)
        return (part,)

    written = []
    for message in messages:
        if is_foreign(message):
            told.update(call.id for call in message.tool_calls)
        parts = tuple(new for part in message.parts for new in words(part))
        role = "user" if message.role == "tool" and parts != message.parts else message.role
        written.append(replace(message, role=role, parts=parts))
    return tuple(written)


def misses_seal(failure: ErrorInfo) -> bool:
    """Whether Gemini refused calls that do not carry its signature."""
    return bool(_MISSING_SEAL.search(failure.message))


def retold(request: Request, is_foreign: Callable[[Message], bool]) -> Request | None:
    """Return the request with foreign calls in words; None when it has none."""
    messages = calls_in_words(request.messages, is_foreign)
    return None if messages == request.messages else replace(request, messages=messages)


def _clean(message: Message, provider: str) -> Message | None:
    """Drop what another provider sealed; None for a message that says nothing."""
    if message.metadata.provider not in (None, provider):
        message = _unsealed(message)
    parts = tuple(part for part in message.parts if not _is_empty(part))
    if not parts:
        return None
    if message.role == "assistant" and all(isinstance(part, ThinkingPart) for part in parts):
        return None
    return message if len(parts) == len(message.parts) else replace(message, parts=parts)


def _unsealed(message: Message) -> Message:
    """Return the message without thinking and seals; itself when it has none."""
    metadata = message.metadata
    sealed = metadata.reasoning_details is not None or metadata.thinking_signature is not None
    if not sealed and not any(
        isinstance(part, ThinkingPart) or part.provider_metadata for part in message.parts
    ):
        return message
    parts = tuple(
        replace(part, provider_metadata=None) if part.provider_metadata else part
        for part in message.parts
        if not isinstance(part, ThinkingPart)
    )
    metadata = replace(metadata, reasoning_details=None, thinking_signature=None)
    return replace(message, parts=parts, metadata=metadata)


def _is_empty(part: Part) -> bool:
    """Whether nothing would be lost without it. Text with metadata carries a seal: it stays."""
    return isinstance(part, TextPart) and not part.text and not part.provider_metadata


def _distinct(messages: Iterable[Message]) -> Iterable[Message]:
    """Give a call whose id is taken another one, and its result too: imported ids may repeat."""
    taken: set[str] = set()
    given: dict[str, list[str]] = {}  # id → the ids of this turn's calls that had it

    def rename(part: Part) -> Part:
        if isinstance(part, ToolCallPart):
            id, count = part.id, 1
            while id in taken:
                count += 1
                id = f"{part.id}_{count}"
            taken.add(id)
            given.setdefault(part.id, []).append(id)
            return part if id == part.id else replace(part, id=id)
        if isinstance(part, ToolResultPart) and (ids := given.get(part.tool_call_id)):
            id = ids.pop(0) if len(ids) > 1 else ids[0]
            return part if id == part.tool_call_id else replace(part, tool_call_id=id)
        return part

    for message in messages:
        if message.role == "assistant":
            given.clear()
        parts = tuple(rename(part) for part in message.parts)
        same = all(new is old for new, old in zip(parts, message.parts, strict=True))
        yield message if same else replace(message, parts=parts)


def _pair(messages: Iterable[Message], provider: str) -> Iterable[Message]:
    """Answer every call right after its turn, in order; drop results that nothing asked for."""
    waiting: dict[str, ToolCallPart] = {}
    results: list[ToolResultPart] = []
    holder: Message | None = None

    def settle() -> Iterable[Message]:
        nonlocal holder
        if waiting:
            found = {result.tool_call_id: result for result in results}
            answers = tuple(found.get(id) or _interrupted(call) for id, call in waiting.items())
            if holder is None:
                yield Message(role="tool", parts=answers, id=f"{next(iter(waiting))}_results")
            else:
                yield replace(holder, parts=answers)
        waiting.clear()
        results.clear()
        holder = None

    for message in messages:
        found = message.tool_results
        for result in found:
            if not result.tool_call_id:
                raise BadRequest(
                    f"A result of the tool {result.tool_name!r} does not say which call it answers.",
                    provider=provider,
                )
            if result.tool_call_id in waiting:
                results.append(result)
        if found:
            others = tuple(part for part in message.parts if not isinstance(part, ToolResultPart))
            if message.role == "tool" or not others:
                holder = holder or message
                continue
            message = replace(message, parts=others)
        yield from settle()
        yield message
        if message.role == "assistant":
            waiting.update({call.id: call for call in message.tool_calls})
    yield from settle()


def _interrupted(call: ToolCallPart) -> ToolResultPart:
    return ToolResultPart(
        tool_call_id=call.id,
        tool_name=call.name,
        content=(TextPart(text=INTERRUPTED),),
        is_error=True,
    )


class WireNames:
    """An invertible map of our names (of tools, or ids of calls) to those a wire accepts.

    A name the wire accepts stays as it is. Others are rewritten the same way each time, so that
    a conversation's prefix stays the same from turn to turn.
    """

    def __init__(self, names: Iterable[str], *, allowed: str = r"[A-Za-z0-9_-]", longest: int = 64):
        self._allowed = re.compile(allowed)
        self._whole = re.compile(f"{allowed}{{1,{longest}}}")
        self._longest = longest
        self._to_wire: dict[str, str] = {}
        self._from_wire: dict[str, str] = {}
        pending = []
        for name in dict.fromkeys(names):
            if self._whole.fullmatch(name):
                self._to_wire[name] = self._from_wire[name] = name
            else:
                pending.append(name)
        for name in pending:
            self._add(name)

    def to_wire(self, name: str) -> str:
        """Return the wire's form of our name."""
        return self._to_wire.get(name) or self._add(name)

    def from_wire(self, name: str) -> str:
        """Return our name; a name we never sent comes back as it is."""
        return self._from_wire.get(name, name)

    def _add(self, name: str) -> str:
        plain = "".join(c if self._allowed.fullmatch(c) else "_" for c in name)
        wire = plain
        if not self._whole.fullmatch(wire) or wire in self._from_wire:
            wire = f"{plain[: self._longest - 9]}_{_digest(name, 8)}"
        self._to_wire[name] = wire
        self._from_wire[wire] = name
        return wire


class WireIds:
    """An invertible map of call ids to the form a wire accepts.

    An id the wire accepts stays as it is, so that a server sees its own ids again.
    """

    def __init__(self, pattern: str = r"[A-Za-z0-9_-]{1,64}", *, length: int = 24) -> None:
        """Take the wire's rule.

        Args:
            pattern: what an id must match as a whole.
            length: characters of the ids made for those that do not, letters and digits.
        """
        self._fits = re.compile(pattern, re.DOTALL)
        self._length = length
        self._to_wire: dict[str, str] = {}
        self._from_wire: dict[str, str] = {}

    def to_wire(self, id: str) -> str:
        """Return the wire's form of our id."""
        if id not in self._to_wire:
            wire = id if self._fits.fullmatch(id) else _digest(id, self._length)
            salt = 0
            while wire in self._from_wire:  # another id has this form already
                salt += 1
                wire = _digest(f"{id} {salt}", self._length)
            self._to_wire[id] = wire
            self._from_wire[wire] = id
        return self._to_wire[id]

    def from_wire(self, wire: str) -> str:
        """Return our id; one we never sent comes back as it is."""
        return self._from_wire.get(wire, wire)


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()[:length]


def tool_names(request: Request) -> list[str]:
    """Return every tool name of a request: those offered, and those of the conversation."""
    names = [tool.name for tool in request.tools]
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                names.append(part.name)
            elif isinstance(part, ToolResultPart):
                names.append(part.tool_name)
    return names


def conversation_key(request: Request) -> str:
    """Return the same short word for all requests of one conversation, for caches of prompts."""
    first = next((message for message in request.messages if message.role != "system"), None)
    return _digest(first.id if first else request.model, 24)


def call_ids(messages: Iterable[Message]) -> frozenset[str]:
    """Return the ids of all calls of a conversation."""
    return frozenset(call.id for message in messages for call in message.tool_calls)


def result_text(result: ToolResultPart) -> str:
    """Return a result's text, marked as an error for wires that have no field for it."""
    text = extract_text(tuple(result.content))
    if result.is_error and not text.lower().startswith("error"):
        return f"Error: {text}"
    return text
