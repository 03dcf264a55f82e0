"""Letters that look like others: `рrint` with a Cyrillic letter is not `print`.

Marked are those in a word with Latin letters, and those in a name made of nothing else, unless it
stands between words of its own language or is all there is in a pair of quotes. So what people
write in Russian or Greek stays readable. The panel does the same (`visible-text.ts`); both are
tested with `tests/fixtures/lookalikes.json`.
"""

from __future__ import annotations

import re
import unicodedata

# Cyrillic, Greek, Armenian, Cherokee and phonetic letters that are drawn as a Latin one.
_LETTERS = frozenset(
    "аеорсухѕіјԁԛԝһӏѵАВЕКМНОРСТУХЅІЈԌҮԚԜ"
    "αγικνορυχϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ"
    "օոսհցզյՕՏՍ"
    "ᎠᎡᎢᎪᎫᎬᎳᎻᎽᎷᏀᏃᏔᏚᏟᏢᏦᏒᏙᏞᏴ"
    "ɑɡ"
)
_LISU = range(0xA4D0, 0xA4F8)
# Names of quantities, alone: nobody takes these for Latin letters.
_SYMBOLS = frozenset("αγικνρυχ")
# Ordinals, which people write in running text.
_ORDINALS = frozenset("ªº")

_WORD = re.compile(r"[^\W_]+")
_BEFORE = re.compile(r"([^\W\d_]+)[ \t]+$")
_AFTER = re.compile(r"[ \t]+([^\W\d_]+)")
_QUOTES = "'\"`"


def lookalikes(text: str) -> list[int]:
    """Return the places of letters that look like others."""
    if text.isascii():
        return []
    return [at for word in _WORD.finditer(text) for at in _in_word(text, word.start(), word.end())]


def _in_word(text: str, start: int, end: int) -> list[int]:
    word = text[start:end]
    if word.isascii():
        return []
    styled = [at for at, letter in enumerate(word, start) if _is_styled(letter)]
    alike = [at for at, letter in enumerate(word, start) if _is_alike(letter)]
    mixed = bool(styled) or any(letter.isascii() and letter.isalpha() for letter in word)
    if mixed or (_is_all_alike(word) and not _is_speech(text, start, end)):
        return sorted([*styled, *alike])
    return styled


def _is_styled(letter: str) -> bool:
    """Say whether Python reads a letter as an ASCII one: full-width, mathematical, ligatures."""
    if letter.isascii() or letter in _ORDINALS or unicodedata.category(letter) == "No":
        return False
    plain = unicodedata.normalize("NFKC", letter)
    return plain.isascii() and plain.isalnum()


def _is_alike(letter: str) -> bool:
    return letter in _LETTERS or ord(letter) in _LISU


def _is_all_alike(word: str) -> bool:
    return all(_is_alike(letter) or not letter.isalpha() for letter in word)


def _is_speech(text: str, start: int, end: int) -> bool:
    if text[start:end] in _SYMBOLS:
        return True
    quote = text[start - 1 : start]
    if quote and quote in _QUOTES and text[end : end + 1] == quote:
        return True
    neighbours = _BEFORE.search(text, max(0, start - 100), start), _AFTER.match(text, end)
    return any(found is not None and _is_foreign(found[1]) for found in neighbours)


def _is_foreign(word: str) -> bool:
    """Say whether a word is of another script, and not one that looks Latin."""
    return not any(letter.isascii() for letter in word) and not _is_all_alike(word)
