"""The demo respects people: denials, modes, steering, interruptions, prompts it has no script for."""

from __future__ import annotations

import pytest

from jupyter_agent.agent.execute import interrupted_output, interrupted_result, refused_output
from jupyter_agent.demo.prompts import DEMO_PROMPT
from jupyter_agent.demo.script import script
from jupyter_agent.protocol.errors import NotebookReadOnly, StaleCells
from jupyter_agent.protocol.messages import Message, MessageMeta, TextPart, user_message
from jupyter_agent.protocol.models import Request
from jupyter_agent.tools.base import failure, text_output

FAILING = 'average = df["body_mass_g"].mean() + 0'


def answers(name, output, *, times=1, with_words=""):
    """Return an interceptor that answers the first calls of a tool in its place."""
    left = times

    def intercept(call):
        nonlocal left
        if call.name != name or left == 0 or with_words not in call.arguments_raw:
            return None
        left -= 1
        return output

    return intercept


async def test_a_denial_is_respected_and_its_reason_repeated(bench, table):
    scene = bench(table)
    scene.intercept = answers("edit_cells", refused_output("not in my notebook"))
    text = await scene.run()
    assert "not allowed" in text and "not in my notebook" in text
    assert len(scene.calls("edit_cells")) == 1
    assert len(scene.cells) == 4


async def test_when_the_first_step_is_denied_the_notebook_is_as_it_was(bench, table):
    scene = bench(table)
    scene.intercept = answers("run_cells", refused_output(None))
    before = (scene.workspace.root / "penguins.ipynb").read_bytes()
    assert "The notebook is as it was." in await scene.run()
    assert (scene.workspace.root / "penguins.ipynb").read_bytes() == before


async def test_what_is_known_is_told_when_a_later_step_is_denied(bench, table):
    scene = bench(table)
    scene.intercept = answers(
        "edit_cells", refused_output(None), with_words="# Bill length against"
    )
    text = await scene.run()
    assert "**Gentoo is the heaviest species**: 5,076 g" in text
    assert scene.calls()[-1].name == "edit_cells"


async def test_in_plan_mode_it_reads_and_makes_a_plan(bench, table):
    scene = bench(table, mode="plan")
    text = await scene.run()
    assert {call.name for call in scene.calls()} <= {
        "notebook_overview", "list_files", "read_cells", "read_file"
    }  # fmt: skip
    assert "1. " in text and "`penguins.csv`" in text
    assert "changed and run nothing" in text


async def test_a_denial_by_plan_mode_becomes_a_plan_too(bench, table):
    scene = bench(table)
    reason = "In plan mode the agent may only read. Nothing was done."
    scene.intercept = answers("run_cells", refused_output(reason))
    assert "1. " in await scene.run()


@pytest.mark.parametrize("turns", [5, 6, 8, 11, 12])
async def test_after_an_interruption_it_looks_again_and_doubles_nothing(bench, table, turns):
    scene = bench(table)
    scene.history.append(user_message(DEMO_PROMPT))
    for _ in range(turns):
        await scene.turn()
    # The last call did its work, but its result was lost in a crash.
    scene.history.pop()
    [call] = scene.history[-1].tool_calls
    scene.history.append(Message(role="tool", parts=(interrupted_result(call),)))

    before = len(scene.calls())
    text = await scene.go_on()
    assert scene.calls()[before].name == "notebook_overview"
    assert len(scene.titles()) == len(set(scene.titles()))
    assert "**Gentoo is the heaviest species**: 5,076 g" in text
    assert "cut off" in scene.transcript


async def test_a_cell_that_was_never_written_is_written_after_an_interruption(bench, table):
    scene = bench(table)
    scene.intercept = answers("edit_cells", interrupted_output())
    await scene.run()
    assert len(scene.titled("# First look at the table")) == 1


async def test_a_stale_cell_leads_to_reading_again(bench, table):
    scene = bench(table)
    scene.intercept = answers("edit_cells", failure(StaleCells("A cell changed.")))
    text = await scene.run()
    assert len(scene.calls("notebook_overview")) == 2
    assert "I read the notebook again" in scene.transcript
    assert "is the heaviest species" in text


@pytest.mark.parametrize("turns", [6, 9, 11])
async def test_a_restarted_kernel_is_filled_again_from_the_top(bench, table, turns):
    scene = bench(table)
    scene.history.append(user_message(DEMO_PROMPT))
    for _ in range(turns):
        await scene.turn()
    scene.workspace.namespace.clear()
    text = await scene.go_on()
    assert scene.transcript.count("lost its variables") == 1
    assert len(scene.titles()) == len(set(scene.titles()))
    assert "**Gentoo is the heaviest species**: 5,076 g" in text


async def test_after_an_answer_that_broke_off_it_looks_again(bench, table):
    scene = bench(table)
    scene.history.append(user_message(DEMO_PROMPT))
    for _ in range(6):
        await scene.turn()
    broken = Message(
        role="assistant", parts=(TextPart(text="That"),), metadata=MessageMeta(interrupted=True)
    )
    scene.history += [broken, user_message("Continue")]
    message = await scene.turn()
    assert [call.name for call in message.tool_calls] == ["notebook_overview", "list_files"]
    assert "is the heaviest species" in await scene.go_on()


async def test_endless_interruptions_come_to_an_end(bench, table):
    scene = bench(table)
    scene.intercept = answers("run_cells", interrupted_output(), times=99)
    assert "interrupted 4 times" in await scene.run()


async def test_a_refused_edit_is_told_as_it_is(bench, table):
    scene = bench(table)
    scene.intercept = answers("edit_cells", failure(NotebookReadOnly("It is locked.")))
    assert "NOTEBOOK_READ_ONLY: It is locked." in await scene.run()


async def test_a_cell_that_could_not_be_run_is_not_taken_for_one_that_failed(bench, table):
    scene = bench(table)
    busy = text_output(
        "applied rev 1→2\n+cell 6 id=3fa91c02 v81c0 code 3L\n"
        "the edit is applied, but not run: KERNEL_BUSY: it runs something else.",
        is_error=True,
    )
    scene.intercept = answers("edit_cells", busy)
    text = await scene.run()
    assert "“KERNEL_BUSY: it runs something else.”" in text
    assert len(scene.calls("edit_cells")) == 1


@pytest.mark.parametrize("prompt", [DEMO_PROMPT, "Explain this notebook.", "Fix it"])
async def test_a_notebook_that_cannot_be_read_is_told(bench, table, prompt):
    scene = bench(table)
    (scene.workspace.root / "penguins.ipynb").write_text("not a notebook")
    text = await scene.run(prompt)
    assert "NOT_A_NOTEBOOK" in text
    assert len(scene.calls("notebook_overview")) == 1


async def test_a_long_run_is_waited_for(bench, table):
    scene = bench(table)
    waiting = text_output(
        "[1] id=c7d83e10 running 60s\nstill running; go on with run_status(run_id=run_7)\n"
        "run_id=run_7"
    )
    scene.intercept = answers("run_cells", waiting)
    scene.history.append(user_message(DEMO_PROMPT))
    while not scene.calls("run_cells"):
        await scene.turn()
    message = await scene.turn()
    [call] = message.tool_calls
    assert (call.name, call.arguments["run_id"]) == ("run_status", "run_7")


async def test_steering_is_acknowledged_once_and_the_work_goes_on(bench, table):
    scene = bench(table)
    scene.history.append(user_message(DEMO_PROMPT))
    for _ in range(4):
        await scene.turn()
    scene.history.append(user_message("Use a red line, please."))
    text = await scene.go_on()
    assert scene.transcript.count("I read “Use a red line, please.”") == 1
    assert "cannot change course" in scene.transcript
    assert "is the heaviest species" in text


async def test_steering_to_stop_stops(bench, table):
    scene = bench(table)
    scene.history.append(user_message(DEMO_PROMPT))
    for _ in range(6):
        await scene.turn()
    scene.history.append(user_message("Stop, please"))
    message = await scene.turn()
    assert not message.tool_calls
    assert "so I stop here" in message.text


async def test_the_same_prompt_again_reuses_the_cells(bench, table):
    scene = bench(table)
    await scene.run()
    cells = len(scene.cells)
    text = await scene.run()
    assert len(scene.cells) == cells
    assert "**Gentoo is the heaviest species**: 5,076 g" in text


async def test_new_data_replace_the_findings(bench, table):
    scene = bench(table)
    await scene.run()
    rows = [line for line in table.splitlines() if not line.startswith("Gentoo")]
    (scene.workspace.root / "penguins.csv").write_text("\n".join(rows))
    text = await scene.run()
    [findings] = scene.titled("## What the table says")
    assert "Gentoo" not in text + findings.source
    assert "Chinstrap is the heaviest" in findings.source


@pytest.mark.parametrize("prompt", ["Write a poem about the sea.", "Train a neural network"])
async def test_a_prompt_without_a_script_gets_an_honest_sentence(bench, table, prompt):
    scene = bench(table)
    text = await scene.run(prompt)
    assert "script" in text and "not a language model" in text and "choose a model" in text
    assert not scene.calls()


async def test_a_greeting_is_answered(bench, table):
    assert (await bench(table).run("Hello there!")).startswith("Hello!")


async def test_another_prompt_after_the_demo_is_a_task_of_its_own(bench, table):
    scene = bench(table)
    await scene.run()
    assert "not a language model" in await scene.run("Book me a flight.")


async def test_explain_tells_what_stands_in_the_cells_and_changes_nothing(bench, table):
    scene = bench(table, mode="plan")
    text = await scene.run("Explain this notebook.")
    assert "4 cells, 2 of them code" in text
    assert "Penguins of the Palmer Archipelago" in text
    assert "reads `penguins.csv` into `df`" in text and "imports `pandas`" in text
    assert {call.name for call in scene.calls()} == {"notebook_overview", "read_cells"}


async def test_one_cell_is_explained_when_the_prompt_names_it(bench, table):
    scene = bench(table)
    text = await scene.run("Can you explain cell 2?")
    assert "reads `penguins.csv`" in text and "Questions" not in text


async def test_fix_repairs_a_cell_whose_numbers_were_read_as_text(bench, table):
    scene = bench(table)
    exec("import pandas as pd; df = pd.read_csv('penguins.csv')", scene.workspace.namespace)
    await scene.put(FAILING, run=True)
    text = await scene.run("/fix")
    assert text.startswith("Fixed:")
    assert "“not sampled”" in text
    assert scene.titles()[-2:] == ["# Read the measurements as numbers", FAILING]
    assert scene.ran[-1] == FAILING
    assert not any(output.output_type == "error" for output in scene.cells[-1].outputs)


async def test_fix_says_what_it_cannot_repair(bench, table):
    scene = bench(table)
    await scene.put("1 / 0", run=True)
    text = await scene.run("Fix this cell")
    assert "ZeroDivisionError" in text and "real model" in text
    assert not scene.calls("edit_cells")


async def test_fix_without_a_failed_cell_says_so(bench, table):
    assert "nothing to fix" in await bench(table).run("fix the error")


@pytest.mark.parametrize(
    ("prompt", "names"), [("Which variables are there?", None), ("what is in df?", ["df"])]
)
async def test_variables_are_told_as_the_tool_tells_them(bench, table, prompt, names):
    scene = bench(table)
    scene.intercept = answers("inspect_variables", text_output("df: DataFrame 344 × 8"))
    text = await scene.run(prompt)
    [call] = scene.calls()
    assert call.arguments.get("names") == names
    assert "df: DataFrame 344 × 8" in text


async def test_variables_that_cannot_be_seen_are_not_made_up(bench, table):
    text = await bench(table).run("Which variables are there?")
    assert text.startswith("I could not look: “NO_KERNEL")


def test_without_a_notebook_it_says_so():
    request = Request(model="demo", messages=(user_message(DEMO_PROMPT),))
    [step] = script(request)
    assert "no notebook" in step.text
