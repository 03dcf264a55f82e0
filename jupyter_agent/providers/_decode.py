"""What every reader of a wire shares: bytes in, provider events out, without any network.

An adapter subclasses `JsonDecoder` (or `Decoder`) and says what each payload means. The same
object reads live answers and recordings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from ..protocol.errors import ParseFailed, ProviderError
from ..protocol.provider_events import ProviderEvent
from ._assemble import Assembler
from ._errors import error_from_body
from ._json import parse_json
from ._sse import SseFramer

# Well-formed JSON of the wrong shape fails where it is used: checking each field beforehand would
# cost every chunk of every answer.
_FAULTS = (ProviderError, KeyError, IndexError, TypeError, AttributeError, ValueError)


class Decoder(ABC):
    """Reads one answer. Feed it until `ended`, then call `finish` once."""

    def __init__(self, assembler: Assembler, *, provider: str, model: str) -> None:
        self.assembler = assembler
        self.provider = provider
        self.model = model

    @property
    def ended(self) -> bool:
        """Whether the terminal event was given out."""
        return self.assembler.ended

    @property
    @abstractmethod
    def frames(self) -> int:
        """How many frames have come, keep-alives too."""

    @abstractmethod
    def _read(self, chunk: bytes) -> None:
        """Frame a piece and put its content into the assembler."""

    @abstractmethod
    def _close(self) -> None:
        """Put what the end of the stream leaves into the assembler."""

    def feed(self, chunk: bytes) -> list[ProviderEvent]:
        """Return the events that this piece of the body completes."""
        try:
            self._read(chunk)
        except _FAULTS as error:
            self._fault(error)
        return self.assembler.take()

    def finish(self) -> list[ProviderEvent]:
        """Return the last events: the body has ended."""
        try:
            if not self.assembler.ended:
                self._close()
            self.assembler.end()
        except _FAULTS as error:
            self._fault(error)
        return self.assembler.take()

    def _fault(self, error: Exception) -> None:
        """End in an error: what the server got wrong is never an exception here."""
        if not isinstance(error, ProviderError):
            error = ParseFailed(
                f"{self.provider} sent something that is not part of its API. Try again; if it "
                "happens each time, check the address and the kind of server.",
                cause=error,
            )
        self.assembler.fail(error)

    def fail(self, error: ProviderError) -> list[ProviderEvent]:
        """Return the last events when the transport broke: success only after the end mark."""
        if self.assembler.finished:
            return self.finish()
        self.assembler.fail(error)
        return self.assembler.take()

    def refuse(self, payload: Any, status: int | None = None) -> None:
        """End in the error that this payload describes."""
        self.assembler.fail(
            error_from_body(
                payload, status=status, provider=self.provider, model=self.model, in_stream=True
            )
        )


class SseDecoder(Decoder):
    """Reads server-sent events that hold JSON objects, up to an optional `[DONE]`."""

    def __init__(
        self, assembler: Assembler, *, provider: str, model: str, framer: SseFramer | None = None
    ) -> None:
        super().__init__(assembler, provider=provider, model=model)
        self._framer = framer or SseFramer()
        self._seen = False

    @property
    def frames(self) -> int:
        return self._framer.frames

    @abstractmethod
    def on_payload(self, name: str, payload: dict[str, Any]) -> None:
        """Take one event's JSON object."""

    def on_body(self, body: dict[str, Any]) -> bool:
        """Take a whole answer from a server that does not stream; False when it is none."""
        return False

    def on_done_mark(self) -> None:
        """Take `[DONE]`."""
        self.assembler.end()

    def _read(self, chunk: bytes) -> None:
        assembler = self.assembler
        for name, data in self._framer.feed(chunk):
            self._event(name, data)
            if assembler.ended:
                return

    def _event(self, name: str, data: bytes) -> None:
        if data.startswith(b"{"):
            try:
                payload = parse_json(data)
            except ValueError as error:
                raise ParseFailed(
                    "The answer holds broken JSON. Try again; if it happens each time, the server "
                    "is at fault.",
                    cause=error,
                ) from error
            self._seen = True
            self.on_payload(name, payload)
        elif data.strip() == b"[DONE]":
            self.on_done_mark()
        elif name == "error":
            self.refuse(data.decode("utf-8", errors="replace"))
        # Anything else is a keep-alive or noise, which clients are to skip.

    def _close(self) -> None:
        for name, data in self._framer.flush():
            if self.assembler.ended:
                return
            try:
                self._event(name, data)
            except ParseFailed:
                return  # the last event was cut: `end` decides
        stray = self._framer.stray.strip()
        if not self._seen and stray and not self.assembler.ended:
            self._no_stream(stray)

    def _no_stream(self, body: bytes) -> None:
        """Read what came instead of events: one JSON object, or no answer at all."""
        try:
            whole = parse_json(body)
        except ValueError:
            if body.startswith(b"{"):
                return  # an object that was cut: `end` decides
            whole = None
        if not (isinstance(whole, dict) and self.on_body(whole)):
            self.assembler.fail(_not_a_stream(body, self.provider, self.model))


def _not_a_stream(body: bytes, provider: str, model: str) -> ProviderError:
    """Say what came instead of a stream: a JSON error body, a web page, or something else."""
    if body.startswith((b"{", b"[")):
        return error_from_body(body, status=None, provider=provider, model=model, in_stream=True)
    page = body[:1] == b"<"
    what = "with a web page" if page else "with something that is not a model's answer"
    return ParseFailed(
        f"The address answered {what}. Check the address of {provider}.",
        provider=provider,
        model=model,
        body=body[:2000].decode("utf-8", errors="replace"),
        details={"fault": "address"} if page else None,
    )


def decode(decoder: Decoder, chunks: Iterable[bytes]) -> Iterator[ProviderEvent]:
    """Read a whole body in pieces: what recordings are replayed with."""
    for chunk in chunks:
        yield from decoder.feed(chunk)
        if decoder.ended:
            return
    yield from decoder.finish()
