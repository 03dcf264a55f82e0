"""The demo's conclusions in words. Every number comes from what the cells printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .facts import TOGETHER, Mass, Relation, Words

_NOTEWORTHY = 0.1  # correlations closer to zero than this count as none


@dataclass(slots=True)
class Findings:
    """What is known so far; empty where a step has not run."""

    rows: int | None = None
    words: list[Words] = field(default_factory=list)
    masses: list[Mass] = field(default_factory=list)
    missing: dict[str, int] | None = None
    relations: list[Relation] = field(default_factory=list)
    plotted: bool = False

    def paragraphs(self) -> list[str]:
        """Return the conclusions, one paragraph each."""
        found = [
            mass_sentence(self.masses),
            bill_sentence(self.relations),
            self._plot_sentence(),
            data_sentence(self.words, self.missing),
        ]
        return [paragraph for paragraph in found if paragraph]

    def _plot_sentence(self) -> str:
        if not self.plotted or not self.masses or len(self.relations) < 2:
            return ""
        top = self.masses[0]
        line = {1: "rises", -1: "falls", 0: "is almost flat"}[_sign(self.relations[-1].r)]
        lines = [f"{one.name} {_direction(one.r)}" for one in self.relations[:-1]]
        return (
            f"**In the plot**, left: the bars of {top.species} lie furthest to the right, around "
            f"{_grams(top.mean)}. Right: the dashed line through all penguins {line}; the "
            f"lines within the species: {', '.join(lines)}."
        )


def mass_sentence(masses: Sequence[Mass]) -> str:
    """Say which species is the heaviest, and by how much."""
    if not masses:
        return ""
    top, *others = masses
    spread = f", standard deviation {_grams(top.spread)}" if top.spread is not None else ""
    text = f"**{top.species} is the heaviest species**: {_grams(top.mean)} on average"
    text += f" (n = {top.count}{spread})."
    if others:
        second = others[0]
        lead = top.mean - second.mean
        text += f" That is {_grams(lead)}, or {lead / second.mean:.0%}, more than {second.species}"
        text += f" ({_grams(second.mean)}, n = {second.count})."
    if others[1:]:
        rest = (f"{mass.species} {_grams(mass.mean)} (n = {mass.count})" for mass in others[1:])
        text += f" Then: {', '.join(rest)}."
    return text


def bill_sentence(relations: Sequence[Relation]) -> str:
    """Say how bill length and depth go together, and whether the species hide it."""
    within = [one for one in relations if one.name != TOGETHER]
    overall = next((one for one in relations if one.name == TOGETHER), None)
    if overall is None or not within:
        return ""
    each = ", ".join(f"{one.name} r = {_signed(one.r)}" for one in within)
    together = f"r = {_signed(overall.r)}, n = {overall.count}"
    signs = {_sign(one.r) for one in within}
    if signs == {1} and _sign(overall.r) < 1:
        return (
            f"**A longer bill does go with a deeper one, within every species** ({each}). All "
            f"penguins together seem to say {_seeming(overall.r)} ({together}), and that is "
            "misleading: the species differ in length and depth at once, and mixing them hides "
            "what holds inside each (Simpson's paradox)."
        )
    if signs == {1}:
        return f"**A longer bill goes with a deeper one**, in every species ({each}) and in all of them together ({together})."
    if 1 not in signs:
        return f"**A longer bill does not go with a deeper one** in any species ({each}); all together: {together}."
    return f"**Whether a longer bill goes with a deeper one depends on the species**: {each}. All together ({together}) would hide that."


def data_sentence(words: Sequence[Words], missing: dict[str, int] | None) -> str:
    """Say what was wrong with the data, what was done about it, and what is missing."""
    parts = []
    if words:
        values = _listed(sorted({f"“{value}”" for one in words for value in one.values}))
        columns = _listed([f"`{one.column}`" for one in words])
        counts = sorted({one.count for one in words})
        number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        parts.append(
            f"{columns} arrived as text, because {number} of {words[0].rows} values in each "
            f"read {values}. I made those missing values; no row was dropped and nothing filled in."
            if len(words) > 1
            else f"{columns} arrived as text, because {number} of {words[0].rows} values read "
            f"{values}. I made those missing values; no row was dropped and nothing filled in."
        )
        if any(character.isdigit() for character in values):
            parts.append("Some of them contain digits: look whether a measurement hides in there.")
    if missing:
        counted = _listed([f"`{column}` {count}" for column, count in missing.items()])
        parts.append(f"Missing values now: {counted}. The averages leave them out.")
    elif missing is not None:
        parts.append("No value is missing.")
    return f"**The data**: {' '.join(parts)}" if parts else ""


def _sign(r: float) -> int:
    return 0 if abs(r) < _NOTEWORTHY else 1 if r > 0 else -1


def _direction(r: float) -> str:
    return {1: "rising", -1: "falling", 0: "almost flat"}[_sign(r)]


def _seeming(r: float) -> str:
    return "the opposite" if _sign(r) < 0 else "there is hardly any relation"


def _signed(r: float) -> str:
    return f"{r:+.2f}".replace("-", "−")


def _grams(grams: float) -> str:
    return f"{grams:,.0f} g"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
