"""Taking back what the agent did: exactly, cell by cell or all at once, and never the person's work."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_agent.notebook.changes import apply_changes
from jupyter_agent.notebook.review import (
    MOST_OUTPUTS,
    Baseline,
    Undone,
    note_changes,
    note_run,
    put_back,
    undo,
)
from jupyter_agent.notebook.reviewed import (
    kind_of,
    merged,
    open_parts,
    review_cell,
    undo_parts,
    with_state,
)
from jupyter_agent.protocol.rpc import (
    CellState,
    ClearOutputs,
    DeleteCell,
    InsertCell,
    MoveCell,
    SetCellType,
    SetSource,
)
from jupyter_agent.testing import code_cell, markdown_cell, stream

SEEDS = st.integers(0, 2**32)


def notebook(chance: random.Random) -> tuple[CellState, ...]:
    """Make a notebook of code with outputs and of markdown with attachments."""
    cells = []
    for number in range(chance.randint(1, 7)):
        if chance.random() < 0.7:
            outputs = [stream(f"out {number}")] if chance.random() < 0.6 else []
            cells.append(
                code_cell(
                    f"x = {number}",
                    id=f"c{number}",
                    outputs=outputs,
                    execution_count=number or None,
                    metadata={"tags": [f"t{number}"]} if chance.random() < 0.5 else {},
                )
            )
        else:
            cell = markdown_cell(f"# {number}", id=f"c{number}")
            attached = {"a.png": {"image/png": "x"}} if chance.random() < 0.3 else None
            cells.append(replace(cell, attachments=attached))
    return tuple(cells)


class Agent:
    """Does random things, noting each first, in one baseline a prompt."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.baselines = [Baseline(path="n")]
        self.made = 0

    def next_prompt(self) -> None:
        self.baselines.append(Baseline(path="n"))

    def act(self, cells: tuple[CellState, ...]) -> tuple[CellState, ...]:
        if self.chance.random() < 0.25:
            return self._run(cells)
        changes = self._changes(cells)
        if not apply_changes(cells, changes):
            return cells
        self.baselines[-1] = note_changes(self.baselines[-1], cells, changes)
        return apply_changes(cells, changes)

    def _run(self, cells: tuple[CellState, ...]) -> tuple[CellState, ...]:
        code = [cell for cell in cells if cell.cell_type == "code"]
        if not code:
            return cells
        ran = self.chance.choice(code)
        self.baselines[-1] = note_run(self.baselines[-1], cells, [ran.id])
        self.made += 1
        outputs = (stream(f"ran {self.made}"),)
        new = replace(
            ran, outputs=outputs, output_kinds=("stream",), execution_count=100 + self.made
        )
        return tuple(new if cell.id == ran.id else cell for cell in cells)

    def _changes(self, cells: tuple[CellState, ...]):
        chance, ids = self.chance, [cell.id for cell in cells]
        one = chance.choice(ids)
        self.made += 1
        kind = chance.choice(["insert", "source", "source", "delete", "move", "type", "clear"])
        if kind == "insert":
            after = chance.choice([None, *ids])
            noted = {"jupyter_agent": {"session": "s"}}
            new = InsertCell(
                id=f"a{self.made}", cell_type="code", source="new", after=after, metadata=noted
            )
            return [new, SetSource(id=new.id, source=f"new {self.made}")]
        if kind == "source":
            noted = {"jupyter_agent": {"turn": self.made}}
            return [SetSource(id=one, source=f"agent {self.made}", metadata=noted)]
        if kind == "delete":
            return [DeleteCell(id=one)]
        if kind == "move":
            return [MoveCell(id=one, after=chance.choice([None, *[i for i in ids if i != one]]))]
        if kind == "type":
            return [SetCellType(id=one, cell_type=chance.choice(["code", "markdown"]))]
        return [ClearOutputs(id=one)]


def everything(agent: Agent) -> list[set[str]]:
    return [set(baseline.cells) for baseline in agent.baselines]


def carried_out(cells, target: Undone):
    """Do what a document would be told to do."""
    back = put_back(cells, target)
    by_id = {item.cell_id: item for item in back.outputs}
    after = apply_changes(cells, back.changes)
    return tuple(
        replace(
            cell,
            outputs=by_id[cell.id].outputs,
            execution_count=by_id[cell.id].execution_count,
            output_kinds=cell.output_kinds,
        )
        if cell.id in by_id
        else cell
        for cell in after
    )


def plain(cells):
    """Return cells without what follows from the rest."""
    return [
        replace(cell, output_kinds=(), metadata=cell.metadata or {}, outputs=cell.outputs or ())
        for cell in cells
    ]


@settings(deadline=None)
@given(SEEDS)
def test_undoing_all_of_several_prompts_is_exact(seed):
    chance = random.Random(seed)
    start = cells = notebook(chance)
    agent = Agent(chance)
    for _ in range(chance.randint(1, 3)):
        for _ in range(chance.randint(0, 6)):
            cells = agent.act(cells)
        agent.next_prompt()
    target = undo_parts(agent.baselines, everything(agent), cells)
    assert not target.conflicts
    assert plain(carried_out(cells, target)) == plain(start)


@settings(deadline=None)
@given(SEEDS)
def test_undoing_one_after_another_in_any_order_is_exact(seed):
    chance = random.Random(seed)
    start = cells = notebook(chance)
    agent = Agent(chance)
    for _ in range(chance.randint(1, 8)):
        cells = agent.act(cells)
    [baseline] = agent.baselines
    left = sorted(baseline.cells)
    chance.shuffle(left)
    for cell_id in left:
        target = undo(baseline, cells, [cell_id])
        assert target.undone == {cell_id}
        cells = carried_out(cells, target)
        rest = {one: item for one, item in baseline.cells.items() if one != cell_id}
        baseline = replace(baseline, cells=rest)
    by_id = {cell.id: cell for cell in plain(cells)}
    assert by_id == {cell.id: cell for cell in plain(start)}


@settings(deadline=None)
@given(SEEDS)
def test_what_the_person_did_elsewhere_or_since_is_never_lost(seed):
    chance = random.Random(seed)
    cells = notebook(chance)
    agent = Agent(chance)
    typed: dict[str, str] = {}
    for number in range(chance.randint(1, 10)):
        if chance.random() < 0.5:
            cells = agent.act(cells)
        elif chance.random() < 0.6:
            one = chance.choice(cells)
            typed[one.id] = f"person {number}"
            cells = tuple(replace(c, source=typed[c.id]) if c is one else c for c in cells)
        else:
            new = code_cell(f"person {number}", id=f"p{number}")
            typed[new.id] = new.source
            at = chance.randint(0, len(cells))
            cells = (*cells[:at], new, *cells[at:])
        if chance.random() < 0.2:
            agent.next_prompt()
    # Only what the agent overwrote or deleted afterwards, having read it, may look different now.
    now = {cell.id: cell.source for cell in cells}
    typed = {cell_id: text for cell_id, text in typed.items() if now.get(cell_id) == text}
    target = undo_parts(agent.baselines, everything(agent), cells)
    after = {cell.id: cell.source for cell in carried_out(cells, target)}
    assert {cell_id: after.get(cell_id) for cell_id in typed} == typed
    assert list(after) == [cell.id for cell in target.cells]


@settings(deadline=None)
@given(SEEDS)
def test_the_changes_lead_exactly_to_what_is_meant(seed):
    chance = random.Random(seed)
    cells = notebook(chance)
    agent = Agent(chance)
    for _ in range(chance.randint(1, 8)):
        cells = agent.act(cells)
    some = [{one for one in part if chance.random() < 0.6} for part in everything(agent)]
    target = undo_parts(agent.baselines, some, cells)
    assert plain(carried_out(cells, target)) == plain(target.cells)
    back = put_back(cells, target)
    named = {change.id for change in back.changes} | {item.cell_id for item in back.outputs}
    assert named <= set().union(*some)


def noted(cells, changes, *, baseline=None):
    baseline = note_changes(baseline or Baseline(path="n"), cells, changes)
    return baseline, apply_changes(cells, changes)


CELLS = (code_cell("a", id="a"), code_cell("b", id="b"), code_cell("c", id="c"))


def test_a_cell_the_person_changed_since_is_a_conflict_until_forced():
    baseline, cells = noted(CELLS, [SetSource(id="a", source="agent")])
    typed = tuple(replace(c, source="person") if c.id == "a" else c for c in cells)
    left = undo(baseline, typed, ["a"])
    assert left.conflicts == {"a"} and left.cells == typed and not left.undone
    forced = undo(baseline, typed, ["a"], force=True)
    assert [cell.source for cell in forced.cells] == ["a", "b", "c"]
    cell = with_state(
        review_cell("n", "a", baseline.cells["a"], typed, baseline.order),
        baseline.cells["a"],
        typed[0],
    )
    assert (cell.state, cell.before, cell.after, cell.current) == (
        "conflict",
        "a",
        "agent",
        "person",
    )


def test_a_cell_undone_by_hand_is_no_conflict():
    baseline, _ = noted(CELLS, [SetSource(id="a", source="agent")])
    target = undo(baseline, CELLS, ["a"])
    assert not target.conflicts and put_back(CELLS, target).changes == ()


def test_a_cell_the_person_deleted_comes_back_only_when_forced():
    baseline, cells = noted(CELLS, [SetSource(id="b", source="agent")])
    without = tuple(cell for cell in cells if cell.id != "b")
    assert undo(baseline, without, ["b"]).conflicts == {"b"}
    forced = undo(baseline, without, ["b"], force=True)
    assert [cell.source for cell in forced.cells] == ["a", "b", "c"]


def test_two_edits_are_one_change_against_the_first_source():
    first, cells = noted(CELLS, [SetSource(id="a", source="one")])
    second, cells = noted(cells, [SetSource(id="a", source="two")])
    item = merged([first, second])["a"]
    assert kind_of(item) == "edited" and item.before is not None and item.before.source == "a"
    assert item.written is not None and item.written.source == "two"
    target = undo_parts([first, second], open_parts([first, second]), cells)
    assert target.cells[0].source == "a"


def test_typing_between_two_prompts_accepts_the_first():
    first, cells = noted(CELLS, [SetSource(id="a", source="one")])
    typed = tuple(replace(c, source="person") if c.id == "a" else c for c in cells)
    second, cells = noted(typed, [SetSource(id="a", source="two")])
    assert open_parts([first, second]) == [set(), {"a"}]
    target = undo_parts([first, second], open_parts([first, second]), cells)
    assert target.cells[0].source == "person" and not target.conflicts


def test_what_was_inserted_and_deleted_again_needs_no_review():
    first, cells = noted(CELLS, [InsertCell(id="n", cell_type="code", source="n", after="a")])
    baseline, cells = noted(cells, [DeleteCell(id="n")], baseline=first)
    assert merged([baseline]) == {}
    assert undo(baseline, cells, ["n"]).cells == cells


def test_a_run_alone_is_no_change_to_review_but_its_outputs_can_come_back():
    cells = (code_cell("1", id="a", outputs=[stream("old")], execution_count=1),)
    baseline = note_run(Baseline(path="n"), cells, ["a"])
    assert merged([baseline]) == {}
    ran = (replace(cells[0], outputs=(stream("new"),), execution_count=2),)
    assert carried_out(ran, undo(baseline, ran, ["a"])) == cells


def test_a_restored_cell_is_not_trusted():
    trusted = (code_cell("a", id="a", metadata={"trusted": True, "tags": []}), CELLS[1])
    baseline, cells = noted(trusted, [DeleteCell(id="a")])
    assert undo(baseline, cells, ["a"]).cells[0].metadata == {"tags": []}


def test_outputs_beyond_the_bound_stay_as_they_are():
    large = code_cell("a", id="a", outputs=[stream("x" * (MOST_OUTPUTS + 1))], execution_count=1)
    small = code_cell("b", id="b", outputs=[stream("y")], execution_count=2)
    changes = [SetSource(id="a", source="1"), SetSource(id="b", source="2")]
    baseline, _ = noted((large, small), changes)
    sizes = {one: item.before and item.before.outputs for one, item in baseline.cells.items()}
    assert sizes == {"a": None, "b": small.outputs}
