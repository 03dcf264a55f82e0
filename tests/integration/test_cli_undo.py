"""`jupyter agent undo` as a child process, and `await agent.undo()`, on real files."""

import json

import nbformat
import pytest

from jupyter_agent import Agent
from jupyter_agent.protocol.errors import NotAllowed

DONE, FAILED, USAGE = 0, 1, 2


def edit(command):
    outcome = command.run(
        "run", "work.ipynb", "-p", "go", "--model", "script/edits", "--yes", "--json"
    )
    assert outcome.returncode == DONE, outcome.stderr


def test_undo_brings_the_file_back_byte_by_byte_and_then_has_nothing_more(command):
    before = command.notebook.read_bytes()
    edit(command)
    assert command.notebook.read_bytes() != before
    outcome = command.run("undo", "work.ipynb")
    assert outcome.returncode == DONE, outcome.stderr
    assert outcome.stdout == "work.ipynb: 1 cell as before.\n"
    assert command.notebook.read_bytes() == before
    again = command.run("undo", "work.ipynb")
    assert again.returncode == USAGE and "on record" in again.stderr


def test_undo_refuses_to_overwrite_what_was_changed_since_unless_forced(command):
    before = command.notebook.read_bytes()
    edit(command)
    changed = command.read_notebook()
    changed.cells[-1].source = "mine"
    nbformat.write(changed, command.notebook)
    held = command.notebook.read_bytes()
    outcome = command.run("undo", "work.ipynb")
    assert outcome.returncode == FAILED and "was changed since" in outcome.stderr
    assert command.notebook.read_bytes() == held
    assert command.run("undo", "work.ipynb", "--force").returncode == DONE
    assert command.notebook.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.ipynb"], "no notebook none.ipynb"),
        (["work.ipynb"], "on record"),
        (["work.ipynb", "--session", "ses_none"], ""),
    ],
)
def test_a_wrong_call_is_a_sentence(command, arguments, says):
    outcome = command.run("undo", *arguments)
    assert outcome.returncode == USAGE and says in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_sessions_say_how_many_checkpoints_they_have(command):
    edit(command)
    assert "1 checkpoint" in command.run("sessions").stdout


async def test_an_agent_in_python_takes_its_last_run_back(tmp_path):
    path = tmp_path / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")]), path)
    before = path.read_bytes()
    async with Agent("demo", notebook=path, mode="auto") as agent:
        with pytest.raises(NotAllowed):
            await agent.undo()
        session = await agent.open_session()
        document = await session.workspace.document(path.name)
        [cell] = (await document.read()).cells
        session.checkpoints.begin("run", None)
        from jupyter_agent.protocol.rpc import SetSource

        await document.apply((SetSource(id=cell.id, source="y"),), (), op_id="o")
        assert path.read_bytes() != before
        done = await agent.undo()
        assert (done.cells, done.conflicts) == (1, ())
        assert path.read_bytes() == before


def test_a_session_is_exported_as_markdown_and_as_a_notebook(command):
    missing = command.run("sessions", "--export", "ses_none")
    assert missing.returncode == USAGE and "no such session" in missing.stderr
    edit(command)
    [session] = map(json.loads, command.run("sessions", "--json").stdout.splitlines())
    text = command.run("sessions", "--export", session["id"])
    assert text.returncode == DONE and "## You\n\ngo\n" in text.stdout
    made = command.run("sessions", "--export", session["id"], "--format", "notebook")
    assert made.returncode == DONE, made.stderr
    notebook = nbformat.reads(made.stdout, as_version=4)
    nbformat.validate(notebook)
    [code] = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert "ran.log" in code and code == command.read_notebook().cells[-1].source
