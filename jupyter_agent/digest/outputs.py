"""Outputs of a cell → what the model sees and what people are told. Start reading here.

The parts: `text.py` (streams), `tracebacks.py` (errors), `rich.py` and `html.py` (mime bundles),
`images.py`. What is cut names the offset from which `output_slice` (the tool `read_cells`) goes on.
With images it takes up to seconds: callers on an event loop do it in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..protocol.messages import ImagePart, TextPart
from .images import RASTER, NotAnImage, picture
from .limits import DEFAULT_LIMITS, Limits, room_for
from .rich import as_text, chart_line, plain_text, svg_words, table_text
from .text import cut, one_line, read_on, strip_ansi
from .tracebacks import digest_traceback, exception_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A cell's outputs, digested. `error` is one line; `characters` counts the text of `content`.

    `kinds` are mime types, `stream` and `error`, each once, in order.
    """

    content: tuple[TextPart | ImagePart, ...]
    summary: str
    error: str | None = None
    error_name: str | None = None
    kinds: tuple[str, ...] = ()
    characters: int = 0


@dataclass(slots=True)
class _Writer:
    """Collects content within the limits of a call, and what to tell people."""

    cell_id: str
    vision: bool
    limits: Limits
    cells: Mapping[int, str]
    content: list[TextPart | ImagePart] = field(default_factory=list)
    used: int = 0
    images: int = 0
    lines: int = 0
    plots: int = 0
    tables: list[str] = field(default_factory=list)
    values: int = 0
    other: int = 0
    error: str | None = None
    error_name: str | None = None

    def write(self, text: str) -> None:
        if not text:
            return
        self.used += len(text) + 1
        last = self.content[-1] if self.content else None
        if isinstance(last, TextPart):
            self.content[-1] = TextPart(text=f"{last.text}\n{text}")
        else:
            self.content.append(TextPart(text=text))

    @property
    def room(self) -> int:
        """Characters one more output may take."""
        return max(0, min(self.limits.stream, self.limits.call - self.used))

    def handle(self, index: int, offset: int = 0) -> str:
        place = f'ids=["{self.cell_id}"], output_index={index}, offset={offset}'
        return f"read on with read_cells({place})"


def digest_outputs(
    outputs: Sequence[Mapping[str, Any]],
    *,
    cell_id: str,
    vision: bool,
    limits: Limits = DEFAULT_LIMITS,
    cells: Mapping[int, str] | None = None,
) -> Digest:
    """Digest a cell's nbformat outputs for a model.

    Args:
        outputs: The outputs, as a document or a kernel run holds them.
        cell_id: Named in handles, so that the model can read on.
        vision: Whether the model can look at images.
        limits: Bounds; of several cells in one call, each gets what the others left.
        cells: Cell id by execution count, to name the notebook's frames in tracebacks.
    """
    writer = _Writer(cell_id=cell_id, vision=vision, limits=limits, cells=cells or {})
    for index, output in enumerate(outputs):
        if index >= limits.outputs or writer.room < 100:
            _write_rest(writer, outputs, index)
            break
        _write_output(writer, index, output)
    return Digest(
        content=tuple(writer.content),
        summary=_summary(writer),
        error=writer.error,
        error_name=writer.error_name,
        kinds=output_kinds(outputs),
        characters=writer.used,
    )


def output_kinds(outputs: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what is there, each kind once: mime types, `stream`, `error`."""
    kinds: dict[str, None] = {}
    for output in outputs:
        kind = output.get("output_type")
        data = output.get("data")
        if kind in ("stream", "error"):
            kinds[str(kind)] = None
        elif isinstance(data, Mapping):
            kinds.update(dict.fromkeys(str(name) for name in data))
    return tuple(kinds)


def output_slice(
    outputs: Sequence[Mapping[str, Any]], output_index: int, offset: int, length: int
) -> str:
    """Return cleaned text of one output from a raw offset on, and how to read further.

    Args:
        outputs: The outputs of the cell.
        output_index: Which one, from 0.
        offset: Where to begin, in characters of its raw text, as a digest's handle says.
        length: How many raw characters to take at most.
    """
    if not 0 <= output_index < len(outputs):
        return f"There is no output {output_index}; the cell has {len(outputs)}."
    text = _raw_text(outputs[output_index])
    if not text:
        return f"Output {output_index} holds no text."
    if offset >= len(text) or offset < 0:
        return f"Output {output_index} has {len(text):,} characters; offset {offset} is outside."
    piece, end = read_on(text, offset, max(length, 1))
    if end >= len(text):
        return piece
    return f"{piece}\n[{len(text) - end:,} more characters; read on with offset={end}]"


def _raw_text(output: Mapping[str, Any]) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return as_text(output.get("text"))
    if kind == "error":
        lines = _traceback(output)
        return lines or f"{output.get('ename', '')}: {output.get('evalue', '')}"
    data = output.get("data")
    if not isinstance(data, Mapping):
        return ""
    _, text = plain_text(data, whole=True)
    return text or as_text(data.get("image/svg+xml"))


def _traceback(output: Mapping[str, Any]) -> str:
    lines = output.get("traceback")
    return "\n".join(str(line) for line in lines) if isinstance(lines, list) else ""


def _write_output(writer: _Writer, index: int, output: Mapping[str, Any]) -> None:
    kind = output.get("output_type")
    if kind == "stream":
        text = as_text(output.get("text"))
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        writer.lines += text.count("\n") + (not text.endswith("\n") and bool(text))
        _write_text(writer, index, name, text)
    elif kind == "error":
        _write_error(writer, index, output)
    else:
        data = output.get("data")
        label = "result" if kind == "execute_result" else "display"
        _write_bundle(writer, index, label, data if isinstance(data, Mapping) else {})


def _write_text(writer: _Writer, index: int, label: str, text: str) -> None:
    if not text.strip():
        return
    room = room_for(text, writer.room, writer.limits)
    found = cut(text, room, writer.limits.window)
    pieces = [f"{label}:", found.head]
    if found.skipped:
        notice = f"[… {found.skipped:,} of {len(text):,} characters cut; "
        pieces.append(f"{notice}{writer.handle(index, found.offset)} …]")
    if found.notable:
        pieces += [
            "[lines of note from the part that was cut:",
            *map(strip_ansi, found.notable),
            "]",
        ]
    pieces.append(found.tail)
    if found.folded:
        handle = writer.handle(index, found.folded_at)
        pieces.append(f"[{found.folded:,} lines folded; {handle}]")
    writer.write("\n".join(piece for piece in pieces if piece).rstrip())


def _write_error(writer: _Writer, index: int, output: Mapping[str, Any]) -> None:
    name, value = str(output.get("ename") or "Error"), as_text(output.get("evalue"))
    writer.error = exception_line(name, value)
    writer.error_name = one_line(name, 80)
    text, shortened = digest_traceback(
        name,
        value,
        _traceback(output),
        limit=writer.room,
        window=writer.limits.window,
        cells=writer.cells,
    )
    writer.write(f"error:\n{text}")
    if shortened:
        writer.write(f"[shortened; {writer.handle(index)}]")


def _write_bundle(writer: _Writer, index: int, label: str, data: Mapping[str, Any]) -> None:
    for kind in RASTER:
        if kind in data:
            _write_image(writer, index, kind, data)
            return
    if "image/svg+xml" in data:
        writer.plots += 1
        writer.write(svg_words(as_text(data["image/svg+xml"])))
        return
    if (line := chart_line(data)) is not None:
        writer.plots += 1
        writer.write(line)
        return
    if (table := table_text(data)) is not None:
        words, size, lacking = table
        writer.tables.append(size)
        _write_text(writer, index, label, words)
        if lacking:
            writer.write(f"[rows left out; {writer.handle(index)}]")
        return
    kind, text = plain_text(data)
    if not kind:
        writer.other += 1
        names = ", ".join(one_line(str(name), 60) for name in list(data)[:5])
        writer.write(f"{label}: [{names or 'nothing'}]")
        return
    writer.values += 1
    _write_text(writer, index, label, text)


def _write_image(writer: _Writer, index: int, kind: str, data: Mapping[str, Any]) -> None:
    writer.plots += 1
    words = one_line(as_text(data.get("text/plain", "")), 200)
    try:
        found = picture(kind, as_text(data[kind]), writer.limits)
    except NotAnImage as error:
        writer.write(f"[{kind} in output {index}: {error}. {words}]")
        return
    about = f"{kind}, {found.width}×{found.height} pixels"
    if not writer.vision:
        writer.write(
            f"[image: {about}, {found.size:,} bytes; not shown, as this model cannot look at images. {words}]"
        )
    elif found.part is None:
        writer.write(f"[image: {about}; too large to show. {words}]")
    elif writer.images >= writer.limits.images:
        writer.write(f"[image: {about}; not shown, {writer.images} others are. {words}]")
    else:
        writer.images += 1
        writer.write(f"[image: {about}] {words}".rstrip())
        writer.content.append(found.part)


def _write_rest(writer: _Writer, outputs: Sequence[Mapping[str, Any]], index: int) -> None:
    """Say what was left out; an error among it is told all the same."""
    left = len(outputs) - index
    kinds = ", ".join(output_kinds(outputs[index:])[:8])
    writer.write(f"[{left:,} more outputs ({kinds}); {writer.handle(index)}]")
    for output in outputs[-1:]:
        if output.get("output_type") == "error":
            name = str(output.get("ename") or "Error")
            writer.error = exception_line(name, as_text(output.get("evalue")))
            writer.error_name = one_line(name, 80)
            writer.write(f"error: {writer.error}")


def _summary(writer: _Writer) -> str:
    told: list[str] = []
    if writer.error_name:
        told.append(writer.error_name)
    if writer.plots:
        told.append(_count(writer.plots, "plot"))
    told.extend(f"table {size}" for size in writer.tables[:1])
    if len(writer.tables) > 1:
        told.append(_count(len(writer.tables) - 1, "more table"))
    if writer.values:
        told.append(_count(writer.values, "value"))
    if writer.lines:
        told.append(_count(writer.lines, "line"))
    if writer.other:
        told.append(_count(writer.other, "other output"))
    return ", ".join(told) or "no output"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
