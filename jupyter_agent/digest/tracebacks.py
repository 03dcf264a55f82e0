"""Error outputs cut to what helps: the exception, the notebook's own frames, the last library one.

Knows IPython's layouts (`Cell In[3], line 1`, `File path:12, in name`) and plain Python's; a
traceback of another language is shown as text, head and tail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .text import cut, one_line, strip_ansi

_CELL = re.compile(
    r"^\s{0,2}(?:Cell )?In\s?\[(\d+)\]|^Input In \[(\d+)\]|^<ipython-input-(\d+)-|^File <ipython-input-(\d+)-"
)
_FILE = re.compile(r"^\s{0,2}File (?:\"(?P<quoted>[^\"]+)\"|(?P<path>[^\n:]+(?::\\[^\n:]+)?)):?")
_OLD_FILE = re.compile(r"^(?P<path>[~/][^\n]*\.py|[A-Za-z]:\\[^\n]*\.py) in \S")
_CHAIN = re.compile(
    r"^(?:During handling of the above exception|The above exception was the direct cause).*$",
    re.MULTILINE,
)
_LIBRARY = re.compile(
    r"site-packages|dist-packages|[/\\]lib[/\\]python|<frozen |[/\\]ipykernel|\.p(?:yx|xi)\b"
)
_RULE = re.compile(r"^-{20,}$")
_FRAME_LINES = 14
_OWN_FRAMES = 8
_EXCEPTION = 2_000


@dataclass(slots=True)
class _Frame:
    lines: list[str]
    own: bool

    @property
    def text(self) -> str:
        lines = self.lines
        if len(lines) > _FRAME_LINES:
            lines = [*lines[: _FRAME_LINES - 4], "…", *lines[-3:]]
        return "\n".join(line for line in lines if line.strip())


def exception_line(name: str, value: str, limit: int = 300) -> str:
    """Return `Name: value` on one line."""
    return one_line(f"{name}: {value[:4_000]}" if value else name, limit)


def digest_traceback(
    name: str,
    value: str,
    traceback: str,
    *,
    limit: int,
    window: int,
    cells: Mapping[int, str],
) -> tuple[str, bool]:
    """Return the traceback for a model, and whether something of it was left out.

    Args:
        name: The exception's name.
        value: Its message.
        traceback: All its lines, with colours.
        limit: Characters to return, about.
        window: Raw characters to look at from either end.
        cells: Cell id by execution count, to name the notebook's frames.
    """
    whole = f"{name}: {value}" if value else name
    exception = strip_ansi(whole[: _EXCEPTION * 2])[:_EXCEPTION].rstrip()
    shortened = len(whole) > _EXCEPTION
    raw = traceback
    if len(raw) > 2 * window:
        raw = f"{raw[:window]}\n{raw[-window:]}"
        shortened = True
    plain = strip_ansi(raw)
    sections = [_frames(section) for section in _CHAIN.split(plain)]
    if not any(sections):
        piece = cut(traceback, limit, window)
        text = piece.head if not piece.skipped else f"{piece.head}\n…\n{piece.tail}"
        if name and name not in text:
            text = f"{exception}\n{text}".rstrip()
        return text.strip() or exception, bool(piece.skipped)
    blocks: list[str] = []
    for frames in sections[:-1][-2:]:
        own = [frame for frame in frames if frame.own]
        if own:
            blocks.append(f"(while handling an earlier exception from)\n{own[-1].text}")
    kept, dropped = _chosen(sections[-1])
    shortened = shortened or dropped > 0 or len(sections) > 1
    blocks.extend(kept)
    text = _named("\n\n".join(blocks), cells)
    if len(text) > limit:
        half = limit // 2
        text, shortened = f"{text[:half]}\n…\n{text[-half:]}", True
    return f"{exception}\n\n{text}" if text else exception, shortened


def _frames(section: str) -> list[_Frame]:
    frames: list[_Frame] = []
    for line in section.split("\n"):
        if _RULE.match(line):
            continue
        if _CELL.match(line):
            frames.append(_Frame(lines=[line], own=True))
        elif (found := _FILE.match(line) or _OLD_FILE.match(line)) is not None:
            cell = "ipykernel_" in line or "<ipython-input" in line or 'File "<' in line
            library = not cell and _LIBRARY.search(found.group()) is not None
            frames.append(_Frame(lines=[line], own=not library))
        elif frames:
            frames[-1].lines.append(line)
    if frames:
        _drop_exception(frames[-1])
    return frames


def _drop_exception(frame: _Frame) -> None:
    """Remove what follows the last frame's code: the exception, which is told first anyway."""
    for index, line in enumerate(frame.lines[1:], 1):
        if not line.strip():
            del frame.lines[index:]
            return


def _chosen(frames: list[_Frame]) -> tuple[list[str], int]:
    """Choose own frames (folded) and the last library frame, in order."""
    last = frames[-1] if frames else None
    wanted = [frame for frame in frames if frame.own or frame is last]
    texts: list[str] = []
    counts: list[int] = []
    for frame in wanted:
        text = frame.text
        if texts and texts[-1] == text:
            counts[-1] += 1
        else:
            texts.append(text)
            counts.append(1)
    folded = [
        text if count == 1 else f"{text}\n(this frame ×{count})"
        for text, count in zip(texts, counts, strict=True)
    ]
    dropped = len(frames) - len(wanted)
    if len(folded) > _OWN_FRAMES:
        middle = len(folded) - _OWN_FRAMES
        dropped += middle
        folded = [*folded[:4], f"… {middle} more frames …", *folded[-(_OWN_FRAMES - 4) :]]
    return folded, dropped


def _named(text: str, cells: Mapping[int, str]) -> str:
    if not cells:
        return text

    def name(found: re.Match[str]) -> str:
        count = int(next(group for group in found.groups() if group))
        return f"{found.group()} (id={cells[count]})" if count in cells else found.group()

    return re.sub(_CELL.pattern, name, text, flags=re.MULTILINE)
