"""Numbers read from what the demo's cells printed. Tolerant: what cannot be read is left out."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

_SIZE = re.compile(r"^(\d+) rows, (\d+) columns$", re.MULTILINE)
_MASS = re.compile(r"^(\S.*?) +(\d+) +(-?\d+\.\d+) +(-?\d+\.\d+|NaN)$", re.MULTILINE)
_WORDS = re.compile(r"^(.+): (\d+) of (\d+) are (\[.*\])$", re.MULTILINE)
_COUNT = re.compile(r"^(\S.*?) +(\d+)$", re.MULTILINE)
_RELATION = re.compile(r"^(.+): r = ([+-]\d+\.\d+), n = (\d+)$", re.MULTILINE)
_ERROR = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Interrupt)): ?(.*)")

TOGETHER = "all together"


@dataclass(frozen=True, slots=True)
class Mass:
    """Body mass of one species, in grams."""

    species: str
    count: int
    mean: float
    spread: float | None


@dataclass(frozen=True, slots=True)
class Words:
    """Values of a column of numbers that are not numbers."""

    column: str
    count: int
    rows: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """Correlation of bill length and depth in a group of `count` penguins."""

    name: str
    r: float
    count: int


def read_size(text: str) -> tuple[int, int] | None:
    """Return rows and columns of the table."""
    found = _SIZE.search(text)
    return (int(found[1]), int(found[2])) if found else None


def read_species(text: str) -> dict[str, int]:
    """Return the rows of each species."""
    size = _SIZE.search(text)
    return {name: int(count) for name, count in _COUNT.findall(text[size.end() :] if size else "")}


def read_masses(text: str) -> list[Mass]:
    """Return the species, heaviest first."""
    masses = [
        Mass(name, int(count), float(mean), None if spread == "NaN" else float(spread))
        for name, count, mean, spread in _MASS.findall(text)
    ]
    return sorted(masses, key=lambda mass: -mass.mean)


def read_words(text: str) -> list[Words]:
    """Return the columns of numbers in which something else stands."""
    found = []
    for column, count, rows, values in _WORDS.findall(text):
        try:
            parsed = ast.literal_eval(values)
        except (ValueError, SyntaxError):
            continue
        found.append(Words(column, int(count), int(rows), tuple(str(value) for value in parsed)))
    return found


def read_missing(text: str) -> dict[str, int]:
    """Return the missing values of each column that has any."""
    return {column: int(count) for column, count in _COUNT.findall(text)}


def read_relations(text: str) -> list[Relation]:
    """Return the correlations, that of all penguins last."""
    relations = [Relation(name, float(r), int(count)) for name, r, count in _RELATION.findall(text)]
    return sorted(relations, key=lambda relation: relation.name == TOGETHER)


def read_error(text: str) -> tuple[str, str] | None:
    """Return the name and message of the first exception in a result."""
    found = _ERROR.search(text)
    return (found[1], found[2].strip()) if found else None
