"""A verification in words: its headline, and the first difference with what shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..digest.limits import DEFAULT_LIMITS
from ..digest.outputs import Digest, digest_outputs
from ..notebook.cells import label_of, short_ids
from ..notebook.diff import unified
from .cell_lines import seconds
from .syntax import ends_the_kernel

if TYPE_CHECKING:
    from ..protocol.rpc import NotebookState
    from .verification import Bounds, Difference, Verification

_DIFF_LINES, _DIFF_WIDTH = 40, 300
_NAMED = 20
NOT_COMPARED = (
    "Not compared: times, durations, addresses and random ids; of pictures and widgets only that "
    "they are there."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """What to tell. `headline` is one sentence; `lines` explain the first difference."""

    headline: str
    lines: tuple[str, ...]
    digest: Digest | None = None


def report(
    found: Verification, state: NotebookState, *, bounds: Bounds, vision: bool
) -> VerificationReport:
    """Put a verification into words."""
    if found.passed:
        return VerificationReport(headline=_passed(found), lines=(_counts(found),))
    first = found.differences[0]
    lines = [_what(first, state, bounds), *_evidence(first), _counts(found)]
    others = [label_of(other.cell.id, state.cells) for other in found.differences[1:]]
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        lines.append(f"Different after it: {', '.join(others[:_NAMED])}{more}.")
        if (last := found.differences[-1]).kind != "changed":
            lines.append(f"The run ended there: {_what(last, state, bounds)}")
    if first.kind == "changed":
        lines.append(NOT_COMPARED)
    return VerificationReport(
        headline=_failed(first, state),
        lines=tuple(line for line in lines if line),
        digest=_digest(first, state, vision),
    )


def _passed(found: Verification) -> str:
    same = "with the same results" if found.equal else "without an error"
    return f"The notebook runs from the top {same}."


def _failed(first: Difference, state: NotebookState) -> str:
    name = label_of(first.cell.id, state.cells)
    words = {
        "failed": f"{name} fails",
        "missing_name": f"{name} needs {first.name}, which is missing there",
        "changed": f"{name} shows something else",
        "too_long": f"{name} takes too long",
        "kernel_died": f"the kernel dies in {name}",
        "asked_for_input": f"{name} asks for input",
    }
    return f"From the top the notebook does not give the same: {words[first.kind]}."


def _what(found: Difference, state: NotebookState, bounds: Bounds) -> str:
    short = short_ids(state.cells)
    name = f"{label_of(found.cell.id, state.cells)} id={short[found.cell.id]}"
    if found.kind == "missing_name":
        return f"{name}: {_origin(found, state, short)}"
    words = {
        "failed": "failed in a new kernel.",
        "changed": "ran, but its outputs are not those that the notebook shows.",
        "too_long": f"did not end within {bounds.cell:g} s, or {bounds.whole:g} s for all cells.",
        "kernel_died": "ended the new kernel itself."
        if ends_the_kernel(found.cell.source)
        else "the new kernel died (often out of memory).",
        "asked_for_input": "asks for input, which nobody gives when all cells run.",
    }
    text = f"{name}: {words[found.kind]}"
    if found.kind == "failed" and "error" in found.cell.output_kinds:
        text += " The notebook shows an error there too; tag the cell raises-exception if it should fail."
    return text


def _origin(found: Difference, state: NotebookState, short: dict[str, str]) -> str:
    if found.defined_in is None:
        return (
            f"the name {found.name} is missing. No cell defines it: it was only in the live kernel."
        )
    other = f"{label_of(found.defined_in.id, state.cells)} id={short[found.defined_in.id]}"
    order = [cell.id for cell in state.cells]
    if order.index(found.defined_in.id) > order.index(found.cell.id):
        return f"the name {found.name} is missing. {other} defines it, which stands further down."
    return f"the name {found.name} is missing, although {other} looks as if it defined it."


def _evidence(found: Difference) -> list[str]:
    """Return the lines that differ, `-` as the notebook shows it, `+` as it came."""
    if found.kind != "changed":
        return []
    lines = unified(found.shown, found.fresh, context=1).splitlines()
    kept = [line[:_DIFF_WIDTH] for line in lines[:_DIFF_LINES]]
    if len(lines) > len(kept):
        kept.append(f"[{len(lines) - len(kept):,} more lines differ]")
    return ["- in the notebook, + in the new kernel:", *kept]


def _digest(found: Difference, state: NotebookState, vision: bool) -> Digest | None:
    if found.kind == "changed" or not found.record.outputs:
        return None
    return digest_outputs(
        found.record.outputs,
        cell_id=short_ids(state.cells)[found.cell.id],
        vision=vision,
        limits=replace(DEFAULT_LIMITS, call=DEFAULT_LIMITS.call // 2),
    )


def _counts(found: Verification) -> str:
    words = [f"{found.equal} of {found.total} code cells gave the same"]
    if found.unseen:
        words.append(f"{found.unseen} ran that had no result to compare with")
    if found.differences:
        words.append(f"{len(found.differences)} differ")
    if found.not_run:
        words.append(f"{found.not_run} did not run")
    return f"{'; '.join(words)} ({seconds(found.seconds)})."
