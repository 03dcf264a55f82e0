"""Printed text made readable: what a terminal would show, repeats folded, head and tail kept.

Of a log that is too long, the lines that decide are kept from the part that is cut (`log_lines.py`).

Offsets always count characters of the raw text, so reading on from one costs only what is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .folding import Row, fold_numbers
from .log_lines import notable_lines

_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)
_UNFINISHED_ESCAPE = re.compile(r"\x1b[^@-Z\\^-~]{0,64}\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MOVE = re.compile(r"\r\n|\n|\r|\x1b\[(\d{0,4})A")
# Lines of a folded log that are shown for their numbers: fewer, if it fits then.
_STANDING_OUT = (12, 4, 1)
_ERASE = re.compile(r"\x1b\[[0-2]?K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Text that fits. `skipped` raw characters between head and tail begin at `offset`.

    `notable` are lines from between them, `folded` counts lines that stand folded in head and tail,
    the first of them at `folded_at`.
    """

    head: str
    tail: str = ""
    offset: int = 0
    skipped: int = 0
    notable: tuple[str, ...] = ()
    folded: int = 0
    folded_at: int = 0


def strip_ansi(text: str) -> str:
    """Remove escape sequences and control characters; tabs and line ends stay."""
    return _CONTROL.sub("", _ESCAPE.sub("", text)) if _CONTROL.search(text) else text


def clean(text: str) -> str:
    """Return text as a terminal would show it at the end, with repeated lines folded."""
    return "\n".join(fold(row.text for row in rows(text)))


def rows(text: str, base: int = 0) -> list[Row]:
    r"""Split text into the lines a terminal shows: `\r`, `\b`, erase and cursor-up are obeyed.

    Linear in the text's length, also for a million overwritten progress bars.
    """
    screen: list[list[tuple[int, int]]] = [[]]
    row = position = 0
    for move in _MOVE.finditer(text):
        screen[row].append((position, move.start()))
        position = move.end()
        mark = move.group()
        if mark[0] == "\x1b":
            row = max(0, row - int(move.group(1) or 1))
        elif mark != "\r":
            row += 1
            if row == len(screen):
                screen.append([])
    screen[row].append((position, len(text)))
    return [_row(text, pieces, base) for pieces in screen]


def _row(text: str, pieces: list[tuple[int, int]], base: int) -> Row:
    start, end = pieces[0][0], pieces[-1][1]
    written = ""
    plain = len(pieces) == 1
    # From the last piece backwards: an earlier one shows only where it is longer.
    for piece_start, piece_end in reversed(pieces):
        if piece_start == piece_end:
            continue
        piece = text[piece_start:piece_end]
        if _CONTROL.search(piece):
            plain = False
            erases = _ERASE.search(piece) is not None
            piece = _CONTROL.sub("", _backspaced(_ESCAPE.sub("", piece)))
        else:
            erases = False
        if len(piece) > len(written):
            written += piece[len(written) :]
        if erases:
            break
    return Row(
        text=written.rstrip() if not plain else written,
        start=base + start,
        end=base + end,
        plain=plain,
    )


def _backspaced(text: str) -> str:
    if "\b" not in text:
        return text
    kept: list[str] = []
    for character in text:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)


def fold(lines: Iterable[str]) -> list[str]:
    """Write runs of equal lines once, with `(×N)`; blank runs become one blank line."""
    folded: list[str] = []
    previous: str | None = None
    count = 0

    def close() -> None:
        if previous is None:
            return
        folded.append(previous if count == 1 or not previous.strip() else f"{previous} (×{count})")

    for line in lines:
        if line == previous:
            count += 1
            continue
        close()
        previous, count = line, 1
    close()
    return folded


def cut(text: str, limit: int, window: int) -> Cut:
    """Clean text and keep at most about `limit` characters of it, as head and tail.

    At most `window` raw characters are looked at from either end.
    """
    if len(text) <= 2 * window:
        whole = rows(text)
        for standing_out in _STANDING_OUT:
            found, folded = fold_numbers(whole, standing_out)
            cleaned = "\n".join(fold(row.text for row in found))
            if len(cleaned) <= limit:
                return Cut(
                    head=cleaned,
                    folded=sum(one.count for one in folded),
                    folded_at=folded[0].start if folded else 0,
                )
            if not folded:
                break
    first, folded = fold_numbers(rows(text[: _line_end(text, window)]), _STANDING_OUT[0])
    head, offset, tail, tail_start = _ends(text, first, limit, window)
    room = limit // 6
    notable = notable_lines(text, offset, tail_start, room)
    if notable:
        head, offset, tail, tail_start = _ends(text, first, limit - room, window)
        notable = notable_lines(text, offset, tail_start, room)
    shown = [one for one in folded if one.start < offset]
    return Cut(
        head=head,
        tail=tail,
        offset=offset,
        skipped=tail_start - offset,
        notable=notable,
        folded=sum(one.count for one in shown),
        folded_at=shown[0].start if shown else 0,
    )


def _ends(text: str, first: Sequence[Row], limit: int, window: int) -> tuple[str, int, str, int]:
    """Return head and tail with the offsets between which the rest lies."""
    tail_size = limit // 3
    head, offset = _head(first, limit - tail_size)
    if text.startswith("\n", offset):
        offset += 1
    tail, tail_start = _tail(text, offset, tail_size, window)
    return head, offset, tail, tail_start


def _line_end(text: str, at: int) -> int:
    """Return the end of the last whole line before a place; the place itself in one endless line."""
    end = text.rfind("\n", 0, at + 1)
    return end if end > 0 and at < len(text) else at


def _line_begin(text: str, at: int) -> int:
    """Return the begin of the first whole line behind a place; the place itself in the last one."""
    begin = text.find("\n", max(at, 0)) + 1
    return begin if at > 0 and 0 < begin < len(text) else at


def _head(found: Sequence[Row], size: int) -> tuple[str, int]:
    taken: list[str] = []
    used = 0
    folded_as: str | None = None
    for row in found:
        cost = 0 if row.text == folded_as else len(row.text) + 1
        if used + cost > size:
            rest = size - used
            if rest > size // 2:  # one endless line: part of it
                rest = _word_end(row.text, rest)
                taken.append(row.text[:rest])
                return "\n".join(fold(taken)), row.start + (rest if row.plain else 0)
            return "\n".join(fold(taken)), row.start
        taken.append(row.text)
        used += cost
        folded_as = row.text
    return "\n".join(fold(taken)), found[-1].end


def _tail(text: str, offset: int, size: int, window: int) -> tuple[str, int]:
    base = max(offset, _line_begin(text, len(text) - window))
    found, _ = fold_numbers(rows(text[base:], base), _STANDING_OUT[-1])
    taken: list[str] = []
    used = 0
    start = len(text)
    folded_as: str | None = None
    for row in reversed(found):
        cost = 0 if row.text == folded_as else len(row.text) + 1
        if used + cost > size:
            rest = size - used
            if rest > size // 2:
                rest = len(row.text) - _word_start(row.text, len(row.text) - rest)
                taken.append(row.text[-rest:])
                start = row.end - rest if row.plain else row.start
            break
        taken.append(row.text)
        used += cost
        folded_as = row.text
        start = row.start
    return "\n".join(fold(reversed(taken))), max(start, offset)


def read_on(text: str, offset: int, length: int) -> tuple[str, int]:
    """Return the cleaned text from a raw offset, and the raw offset where it ends."""
    start = max(offset, 0)
    piece = text[start : start + length]
    if start + len(piece) < len(text):
        if unfinished := _UNFINISHED_ESCAPE.search(piece):
            piece = piece[: unfinished.start()] or piece
        shorter = text[start : _word_end(text, start + len(piece))]
        if shorter and not _UNFINISHED_ESCAPE.search(shorter):
            piece = shorter
    return clean(piece), start + len(piece)


# A key that is cut in two is known by neither half, so cuts are made between words.
_LONGEST_WORD = 400
_WORD = re.compile(r"[\w.~+/=-]")


def _word_end(text: str, at: int) -> int:
    """Return the end of the last word before a place; the place itself in what has no words."""
    if at < len(text) and _WORD.match(text[at]) is None:
        return at
    end = at
    while end > max(0, at - _LONGEST_WORD):
        if _WORD.match(text[end - 1]) is None:
            return end
        end -= 1
    return at


def _word_start(text: str, at: int) -> int:
    """Return where the first word behind a place begins; the place itself in what has no words."""
    for start in range(at, min(len(text), at + _LONGEST_WORD)):
        if _WORD.match(text[start]) is None:
            return start
    return at


def one_line(text: str, limit: int) -> str:
    """Return text as one line of at most `limit` characters."""
    line = " ".join(strip_ansi(text[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
