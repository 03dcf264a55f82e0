"""How many tokens a text takes, about: pure arithmetic on what the text is made of.

Four letters are a token, but so is a single digit or mark, and a character of most scripts but the
Latin one takes one to three. A table of numbers takes four times what its length suggests. The weights
are fitted to the most wasteful of three tokenizers (`benchmarks/prompt_tokens.py`), so that the
estimate is seldom too low.
"""

from __future__ import annotations

import re

CHARACTERS_PER_TOKEN = 4

# What a character takes, in letters. A character beyond ASCII is known by its first byte in UTF-8.
_BLANK, _LINE_END, _DIGIT, _MARK, _CAPITAL = 0.6, 2.5, 5.8, 4.65, 2.3
_BLANKS, _LINE_ENDS, _DIGITS = b" ", b"\n\r\t", b"0123456789"
_CAPITALS = bytes(range(ord("A"), ord("Z") + 1))
_MARKS = bytes(
    sorted({*range(0x21, 0x7F)} - {*_DIGITS, *_CAPITALS, *range(ord("a"), ord("z") + 1)})
)
_SCRIPTS = tuple(
    (bytes(range(first, last + 1)), weight)
    for first, last, weight in (
        (0xC2, 0xC2, 8.0),  # signs such as ± and °
        (0xC3, 0xCA, 10.0),  # Latin letters with accents
        (0xCB, 0xCF, 5.0),  # Greek
        (0xD0, 0xD3, 3.5),  # Cyrillic
        (0xD4, 0xD7, 5.0),  # Armenian, Hebrew
        (0xD8, 0xDF, 5.2),  # Arabic
        (0xE0, 0xE0, 7.9),  # Indian scripts, Thai
        (0xE1, 0xE1, 8.5),  # Vietnamese letters, Georgian, Ethiopic
        (0xE2, 0xE2, 10.8),  # mathematical symbols, arrows
        (0xE3, 0xE9, 7.4),  # Chinese, Japanese
        (0xEA, 0xED, 11.2),  # Korean
        (0xEE, 0xEF, 8.0),
        (0xF0, 0xFF, 15.5),  # emoji
    )
)
_ASCII = bytes(range(0x80))
# Of the symbols: dashes and quotation marks, box drawing, blocks. Tokenizers have words of these.
_PLAIN_SYMBOLS = (b"\xe2\x80", b"\xe2\x94", b"\xe2\x95", b"\xe2\x96")
_PLAIN_LESS = 10.8 - 5.2
# Words of other languages in Latin letters take more. How many there are shows in the accents: where
# they are so many of the letters, all words are taken for such.
_ACCENTS, _ALL_ACCENTED, _ACCENTED_WORD = bytes(range(0xC3, 0xCB)), 0.012, 0.5

# Base64, hexadecimal digits, sequences, keys: no tokenizer has words for these.
_SHORTEST_CODE = 24
_CODE = re.compile(rb"[A-Za-z0-9+/=_-]{%d,}" % _SHORTEST_CODE)
_CODE_LETTER = 3.65
_CODE_MAP = bytes(
    ord("a") if byte in b"+/=_-" or (byte < 0x80 and chr(byte).isalnum()) else ord(" ")
    for byte in range(256)
)
_CODE_HINT = b"a" * _SHORTEST_CODE
_DISTINCT = 8  # letters; a row of one letter is no code
_MIXED = 3  # digits and capitals, which a name of words joined by - or _ has not


def letters(text: str) -> float:
    """Return how many letters would take as many tokens as a text does."""
    data = text.encode("utf-8", "surrogatepass")
    size = 0.0
    if _CODE_HINT in data.translate(_CODE_MAP):
        data, code = _without_code(data)
        size = _CODE_LETTER * code
    for kind, weight in (
        (_BLANKS, _BLANK),
        (_LINE_ENDS, _LINE_END),
        (_DIGITS, _DIGIT),
        (_CAPITALS, _CAPITAL),
        (_MARKS, _MARK),
    ):
        rest = data.translate(None, kind)
        size += weight * (len(data) - len(rest))
        data = rest
    return size + (len(data) if data.isascii() else _foreign(data))


def characters_for(text: str, tokens: float) -> int:
    """Return how many characters of a text take so many tokens."""
    share = len(text) / letters(text) if text else 1.0
    return int(tokens * CHARACTERS_PER_TOKEN * share)


def _without_code(data: bytes) -> tuple[bytes, int]:
    """Return text without what looks like base64 and the like, and how long that was."""
    rest = _CODE.sub(lambda found: b"" if _is_code(found.group()) else found.group(), data)
    return rest, len(data) - len(rest)


def _is_code(word: bytes) -> bool:
    if b"_" in word or b"-" in word:
        return _count(word, _DIGITS) >= _MIXED and _count(word, _CAPITALS) >= _MIXED
    return len(set(word)) >= _DISTINCT


def _foreign(data: bytes) -> float:
    """Return the size of words and characters of other languages, in letters."""
    plain = _count(data, _ASCII)
    share = min(1.0, _count(data, _ACCENTS) / max(plain, 1) / _ALL_ACCENTED)
    size = plain * (1 + _ACCENTED_WORD * share)
    for kind, weight in _SCRIPTS:
        size += weight * _count(data, kind)
    return size - _PLAIN_LESS * sum(map(data.count, _PLAIN_SYMBOLS))


def _count(data: bytes, kind: bytes) -> int:
    return len(data) - len(data.translate(None, kind))
