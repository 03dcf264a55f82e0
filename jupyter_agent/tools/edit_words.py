"""A planned or applied batch of edits in words: title, preview, result lines, cell references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..notebook.cells import label, line_count, position, reference, short_ids, version
from ..notebook.diff import counts
from ..notebook.edits import Plan, Step
from ..protocol.rpc import ApplyResult, CellState, NotebookState
from ..protocol.tools import CellAction, CellRef, PreviewBlock
from .workspace_tool import join_words

_WORDS = {
    "insert": ("insert", "inserted"),
    "replace": ("edit", "edited"),
    "str_replace": ("edit", "edited"),
    "delete": ("delete", "deleted"),
    "move": ("move", "moved"),
    "set_type": ("change the type of", "changed the type of"),
    "clear_outputs": ("clear the outputs of", "cleared the outputs of"),
}
_ACTIONS: dict[str, CellAction] = {
    "insert": "inserted",
    "replace": "edited",
    "str_replace": "edited",
    "delete": "deleted",
    "move": "moved",
    "set_type": "edited",
    "clear_outputs": "edited",
}


def plan_title(batch: Plan, state: NotebookState, *, runs: bool = False) -> str:
    """Return what a batch would do in one sentence: `Edit [4] and insert a cell`.

    Args:
        batch: the edits.
        state: the notebook before them, whose numbers the sentence uses.
        runs: the code cells that the batch writes are run afterwards.
    """
    words = _phrases(batch, past=False, name=lambda step: _name(step, state))
    many = len(edited_cells(batch, replace(state, cells=tuple(batch.cells)))) if runs else 0
    if many == 1 and len(batch.steps) == 1:
        words.append("run it")
    title = join_words(words)
    if many and len(batch.steps) > 1:
        title += f", then run {many} {'cell' if many == 1 else 'cells'}"
    return title[:1].upper() + title[1:]


def result_title(
    batch: Plan, before: NotebookState, after: NotebookState, *, name_new: bool = True
) -> str:
    """Return what a batch did in one sentence: `Edited [4] and inserted cell 5`.

    The numbers are those that people see now. A deleted cell has none: it is named by its old
    number unless another cell has that number now.

    Args:
        batch: the edits.
        before: the notebook before them.
        after: the notebook as it is now.
        name_new: give the number of an inserted cell, if it is the only one.
    """
    labels = {cell.id: label(cell, number) for number, cell in enumerate(after.cells, 1)}
    # Only the cells of this call are linked: their numbers must not be taken for another's.
    taken = {labels.get(step.cell_id) for step in batch.steps}

    name_new = name_new and sum(step.op.op == "insert" for step in batch.steps) == 1

    def name(step: Step) -> str:
        if step.cell_id in labels:
            return labels[step.cell_id] if name_new or step.op.op != "insert" else ""
        old = _name(step, before)
        return "" if step.op.op == "insert" or old in taken else old

    title = join_words(_phrases(batch, past=True, name=name))
    return title[:1].upper() + title[1:]


def _phrases(batch: Plan, *, past: bool, name: Callable[[Step], str]) -> list[str]:
    """Return one phrase a verb; a cell whose name is empty is counted."""
    groups: dict[str, list[str]] = {}
    for step in batch.steps:
        names = groups.setdefault(_WORDS[step.op.op][past], [])
        found = name(step)
        if found not in names or not found:
            names.append(found)
    phrases = []
    for verb, names in groups.items():
        if len(names) > 4 or (len(names) > 1 and not all(names)):
            phrases.append(f"{verb} {len(names)} cells")
        else:
            phrases.append(f"{verb} {join_words(names) if names[0] else 'a cell'}")
    return phrases


def plan_blocks(batch: Plan, state: NotebookState) -> tuple[PreviewBlock, ...]:
    """Return the exact content of every op, whole."""
    return tuple(_block(step, batch, state) for step in batch.steps)


def edited_cells(batch: Plan, state: NotebookState) -> list[CellState]:
    """Return the code cells that ops wrote, in the notebook's order."""
    written = {
        step.cell_id
        for step in batch.steps
        if step.op.op in ("insert", "replace", "str_replace", "set_type")
    }
    return [
        cell
        for cell in state.cells
        if cell.id in written and cell.cell_type == "code" and cell.source.strip()
    ]


def result_lines(batch: Plan, before: NotebookState, result: ApplyResult) -> list[str]:
    """Return what was applied, from what was read back."""
    found = {cell.id: cell for cell in result.cells}
    known = {cell.id: cell for cell in before.cells}
    after = [found.get(cell_id) or known.get(cell_id) for cell_id in result.order]
    cells = tuple(cell for cell in after if cell is not None)
    short = short_ids((*cells, *before.cells))
    saved = "" if result.saved else " (not saved to disk yet)"
    lines = [f"applied rev {before.revision}→{result.revision}{saved}"]
    for step in batch.steps:
        lines.append(_result_line(step, cells, before, short))
    lines += [f"note: {note}" for note in result.notes]
    return lines


def result_references(
    batch: Plan, before: NotebookState, after: NotebookState
) -> tuple[CellRef, ...]:
    """Return the cells that were changed, each once, with their line counts summed."""
    touched: dict[str, list[Step]] = {}
    for step in batch.steps:
        if step.changed:
            touched.setdefault(step.cell_id, []).append(step)
    references = []
    for cell_id, steps in touched.items():
        cells: Sequence[CellState] = after.cells
        if not any(cell.id == cell_id for cell in cells):
            cells = before.cells
            if not any(cell.id == cell_id for cell in cells):
                continue  # made and deleted within the batch
        number = position(cell_id, cells)
        last = steps[-1].op.op
        first = steps[0].op.op
        action = "inserted" if first == "insert" and last != "delete" else _ACTIONS[last]
        references.append(
            reference(
                cells[number - 1],
                number,
                action,
                path=after.path,
                added=sum(step.added for step in steps),
                removed=sum(step.removed for step in steps),
            )
        )
    return tuple(references)


def _name(step: Step, state: NotebookState) -> str:
    """Return what people call a step's cell, empty for one that the step inserts."""
    if step.op.op == "insert":
        return ""
    for number, cell in enumerate(state.cells, 1):
        if cell.id == step.cell_id:
            return label(cell, number)
    return "the new cell"


def _place(step: Step, batch: Plan, state: NotebookState) -> str:
    """Say where a cell ends up: `at the start`, `after [3]`, `after the new cell`."""
    ids = [cell.id for cell in batch.cells]
    if step.cell_id not in ids:
        return "for a moment"
    index = ids.index(step.cell_id)
    if index == 0:
        return "at the start"
    known = {cell.id: label(cell, number) for number, cell in enumerate(state.cells, 1)}
    return f"after {known.get(ids[index - 1], 'the new cell')}"


def _block(step: Step, batch: Plan, state: NotebookState) -> PreviewBlock:
    op, name = step.op.op, _name(step, state)
    after, before = step.after, step.before
    if op == "insert" and after is not None:
        code = after.cell_type == "code"
        return PreviewBlock(
            kind="code" if code else "text",
            text=after.source,
            label=f"new {'' if code else after.cell_type + ' '}cell {_place(step, batch, state)}",
            language=state.language if code else after.cell_type,
        )
    if op in ("replace", "str_replace", "delete") and before is not None:
        return PreviewBlock(
            kind="diff",
            text=after.source if after else "",
            before=before.source,
            label=f"delete {name}" if op == "delete" else name,
            language=state.language if before.cell_type == "code" else before.cell_type,
            cell_id=step.cell_id,
        )
    text = {
        "move": f"Move {name}: {_place(step, batch, state)}.",
        "set_type": f"Make {name} a {step.op.type} cell.",
        "clear_outputs": f"Clear the outputs of {name}.",
    }[op]
    return PreviewBlock(kind="text", text=text, label=name, cell_id=step.cell_id)


def _result_line(
    step: Step, cells: tuple[CellState, ...], before: NotebookState, short: dict[str, str]
) -> str:
    names = {cell.id: label(cell, number) for number, cell in enumerate(before.cells, 1)}
    names |= {cell.id: label(cell, number) for number, cell in enumerate(cells, 1)}
    cell = next((cell for cell in cells if cell.id == step.cell_id), None)
    name = f"{names.get(step.cell_id, 'cell')} id={short.get(step.cell_id, step.cell_id)}"
    verb = _WORDS[step.op.op][1]
    if not step.changed:
        return f"unchanged {name}: it is so already"
    if cell is None:
        return f"deleted {name}"
    if step.op.op == "insert":
        return f"+{name} {version(cell)} {cell.cell_type} {line_count(cell.source)}L"
    if step.op.op in ("replace", "str_replace") and step.before is not None:
        size = counts(step.added, step.removed)
        return f"{verb} {name} {version(step.before)}→{version(cell)} ({size})"
    if step.op.op == "move":
        return f"{verb} {name} to position {position(cell.id, cells)}"
    return f"{verb} {name} {version(cell)} {cell.cell_type}"
