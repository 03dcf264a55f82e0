"""`Agent` in a plain process, on a real file and a real kernel."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from jupyter_agent import Agent, tool
from jupyter_agent.policy.broker import Answer
from jupyter_agent.protocol.errors import (
    AgentError,
    ConfigError,
    MissingKey,
    NotAllowed,
    NotANotebook,
    NotebookMissing,
    UnknownModel,
)
from jupyter_agent.providers.replay import EVERYTHING, Call, Say, ScriptedProvider, Wait

CELL = {"op": "insert", "after": "end", "type": "code", "source": "open('ran.log', 'a').write('x')"}


def edits(request):
    """Insert and run a cell, once a prompt."""
    if request.messages[-1].role == "tool":
        yield Say(f"Finished after {len([m for m in request.messages if m.role == 'user'])}.")
    else:
        yield Call("edit_cells", {"ops": [CELL], "reason": "test", "run": "changed"})


def converts(request):
    """Call a tool of the person's own."""
    if request.messages[-1].role == "tool":
        yield Say(request.messages[-1].tool_results[0].text)
    else:
        yield Call("to_pounds", {"grams": 4536})


def waits(request):
    """Fall silent in the middle of an answer."""
    yield Say("One moment. ")
    yield Wait(60)


def loops(request):
    """Never come to an end."""
    yield Call("list_files", {"pattern": f"*{len(request.messages)}"})


def endless(request):
    """Run a cell that never ends."""
    if request.messages[-1].role == "tool":
        yield Say("It ended.")
    else:
        ops = [{**CELL, "source": "open('ran.log', 'a').write('x')\nwhile True: pass"}]
        yield Call("edit_cells", {"ops": ops, "reason": "test", "run": "changed"})


def repeats(request):
    """Say the prompt."""
    yield Say(f"You said {request.messages[-1].text}.")


def calls(name):
    """Make a script that calls a tool and tells what came of it."""

    def script(request):
        if request.messages[-1].role == "tool":
            yield Say(request.messages[-1].tool_results[0].text)
        else:
            yield Call(name, {})

    return script


SCRIPTS = {
    name: f"test_api_agent:{name}" for name in ("edits", "converts", "waits", "loops", "endless")
}


@tool(permission="read")
def to_pounds(grams: float) -> str:
    """Convert grams to pounds."""
    return f"{grams / 453.6:.1f} lb"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.chdir(tmp_path)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])
    nbformat.write(notebook, tmp_path / "work.ipynb")
    return tmp_path


def agent(name: str, **settings) -> Agent:
    settings = {"scripts": SCRIPTS, "discover_local_servers": False, **settings}
    return Agent(f"script/{name}", notebook="work.ipynb", **settings)


def runs(folder: Path) -> int:
    log = folder / "ran.log"
    return len(log.read_text()) if log.exists() else 0


async def test_a_run_edits_and_runs_and_says_how_it_ended(folder):
    async with agent("edits", mode="auto") as made:
        result = await made.run("go")
    assert (result.status, result.error) == ("done", None)
    assert result.text == str(result) == "Finished after 1."
    assert result.finish.kind == "stop"
    assert [message.role for message in result.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert result.usage.input > 0
    notebook = nbformat.read(folder / "work.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert len(notebook.cells) == 2
    assert runs(folder) == 1


async def test_the_conversation_goes_on_from_run_to_run():
    async with agent("edits", mode="auto") as made:
        await made.run("first")
        result = await made.run("second")
    assert result.text == "Finished after 2."
    assert [m.text for m in result.messages if m.role == "user"] == ["second"]


async def test_stream_yields_each_event_and_ends_with_run_end():
    async with agent("edits", mode="auto") as made:
        types = [event.type async for event in made.stream("go")]
    assert types[0] == "run_start"
    assert types[-1] == "run_end"
    assert {"text_delta", "tool_start", "tool_end", "notebook_change"} <= set(types)


async def test_leaving_the_stream_stops_the_run():
    async with agent("waits") as made:
        events = made.stream("go")
        async for event in events:
            if event.type == "text_delta":
                break
        await events.aclose()
        assert not (await made.open_session()).running


async def test_stop_ends_a_run_from_outside():
    async with agent("waits") as made:
        async for event in made.stream("go"):
            if event.type == "text_delta":
                made.stop()
        assert event.status == "stopped"


async def test_a_cancelled_run_is_stopped():
    async with agent("waits") as made:
        session, begun = await made.open_session(), asyncio.Event()
        session.journal.attach(
            lambda seq, event, data: begun.set() if event.type == "text_delta" else None, None
        )
        running = asyncio.create_task(made.run("go"))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not session.running


async def test_outside_ipython_what_needs_approval_is_denied(folder):
    before = (folder / "work.ipynb").read_bytes()
    async with agent("edits") as made:
        result = await made.run("go")
    assert "Nobody is there" in result.messages[2].tool_results[0].text
    assert (folder / "work.ipynb").read_bytes() == before
    assert runs(folder) == 0


async def yes(approval):
    return True


@pytest.mark.parametrize(
    ("confirm", "times"),
    [
        (lambda approval: True, 1),
        (lambda approval: False, 0),
        (yes, 1),
        (lambda approval: Answer(allow=False, reason="not today"), 0),
    ],
)
async def test_confirm_decides_with_the_exact_code_before_it(folder, confirm, times):
    asked = []

    def ask(approval):
        asked.append(approval)
        return confirm(approval)

    async with agent("edits", confirm=ask) as made:
        await made.run("go")
    assert CELL["source"] in [block.text for block in asked[0].preview]
    assert runs(folder) == times


async def test_a_function_of_ones_own_is_called():
    async with agent("converts", tools=[to_pounds]) as made:
        assert "10.0 lb" in (await made.run("go")).text


async def test_a_limit_ends_the_run_with_an_error_to_read():
    async with agent("loops", max_turns=3) as made:
        result = await made.run("go")
    assert result.status == "limit"
    assert result.error.details == {"limit": "max_turns"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"model": "nonesuch/model"}, UnknownModel),
        ({"model": "anthropic/claude-sonnet-5"}, MissingKey),
        ({"model": "demo", "notebook": "none.ipynb"}, NotebookMissing),
        ({"model": "demo", "notebook": "text.ipynb"}, NotANotebook),
        ({}, UnknownModel),
        ({"model": "demo", "mode": "auto", "allowed_modes": ("plan", "ask")}, NotAllowed),
    ],
)
async def test_what_keeps_it_from_beginning_is_raised(folder, arguments, error):
    (folder / "text.ipynb").write_text("no notebook")
    made = Agent(**{"discover_local_servers": False, **arguments})
    with pytest.raises(error) as caught:
        await made.run("go")
    assert isinstance(caught.value, AgentError)
    assert caught.value.user_message.endswith((".", "neither."))


def test_a_setting_or_mode_that_does_not_exist_is_refused_at_once():
    with pytest.raises(TypeError, match="max_turn"):
        Agent("demo", max_turn=3)
    with pytest.raises(ConfigError, match="yolo"):
        Agent("demo", mode="yolo")


async def test_a_second_run_at_the_same_time_is_refused():
    async with agent("waits") as made:
        async for event in made.stream("go"):
            if event.type == "text_delta":
                with pytest.raises(NotAllowed, match="at work already"):
                    await made.run("and this")
                made.stop()


def test_run_sync_works_without_a_loop(folder):
    made = agent("edits", mode="auto")
    assert made.run_sync("first").text == "Finished after 1."
    assert made.run_sync("second").text == "Finished after 2."
    made.close()
    assert runs(folder) == 2


async def test_run_sync_works_inside_a_running_loop():
    made = agent("edits", mode="auto")
    assert made.run_sync("go").text == "Finished after 1."
    made.close()


async def test_an_agent_belongs_to_one_loop():
    async with agent("edits", mode="auto") as made:
        await made.open_session()
        with pytest.raises(NotAllowed, match="another event loop"):
            made.run_sync("go")
        made._blocking.end()


# -- settings and models that a program gives ----------------------------------------------------------


def test_settings_are_checked_as_those_of_files_are(folder):
    made = Agent(
        "demo",
        providers={"openai": {"base_url": "http://gateway.test/v1"}},
        models={"openai/x": {"context_window": 1000}},
        connect_timeout=1,
    )
    assert made.session is None
    for wrong, says in [
        ({"providers": {"openai": {"url": "http://x"}}}, "unknown key"),
        ({"providers": {"openai": 3}}, "providers"),
        ({"models": {"openai/x": {"size": 1}}}, "unknown key"),
        ({"scripts": {"x": 3}}, "scripts"),
        ({"rules": [{"effect": "forbid"}]}, "rule"),
        ({"max_turns": "many"}, "max_turns"),
        ({"effort": "much"}, "effort"),
    ]:
        with pytest.raises(ConfigError, match=says):
            Agent("demo", **wrong)
    with pytest.raises(TypeError, match="'max_turns'"):
        Agent("demo", max_turn=3)
    with pytest.raises(TypeError, match="Provider"):
        Agent(3)


async def test_a_script_may_be_a_function():
    async with agent("repeats", scripts={"repeats": repeats}) as made:
        assert (await made.run("hi")).text == "You said hi."


async def test_a_provider_may_be_the_model():
    provider = ScriptedProvider(repeats, name="mine", model="parrot")
    async with Agent(provider, notebook="work.ipynb") as made:
        assert (await made.run("one")).text == "You said one."
        assert (await made.run("two")).text == "You said two."
        assert (await made.open_session()).settled.model == "mine/parrot"
    assert len(provider.requests) == 2


# -- one run at a time -----------------------------------------------------------------------------------


async def test_of_two_runs_at_once_one_is_refused_and_the_other_answers_its_own_prompt():
    async with agent("repeats", scripts={"repeats": repeats}) as made:
        outcomes = await asyncio.gather(made.run("one"), made.run("two"), return_exceptions=True)
        assert outcomes[0].text == "You said one."
        assert isinstance(outcomes[1], NotAllowed) and "at work already" in str(outcomes[1])
        assert (await made.run("three")).text == "You said three."


async def test_after_a_stream_was_left_by_break_the_agent_runs_again():
    def script(request):
        if request.messages[-1].text == "slow":
            yield Say("One moment. ")
            yield Wait(60)
        yield Say("Here.")

    async with agent("own", scripts={"own": script}) as made:
        for _ in range(3):
            async for event in made.stream("slow"):
                if event.type == "text_delta":
                    break
            result = await made.run("fast")
            assert (result.text, result.status) == ("Here.", "done")
            assert [message.role for message in result.messages] == ["user", "assistant"]


# -- tools and `confirm` of one's own --------------------------------------------------------------------


@tool(permission="read")
def picture():
    """Draw a figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    return figure


@tool(permission="read")
def table():
    """Return a table."""
    import pandas

    return pandas.DataFrame({"group": range(200), "mean": [0.5] * 200})


@tool(permission="read")
def both():
    """Return a table and a figure."""
    return ["Two things:", table(), picture()]


@tool(permission="read")
def fails():
    """Fail."""
    raise ValueError("no such currency")


async def result_of(given, **more):
    async with agent("own", scripts={"own": calls(given.name)}, tools=[given], **more) as made:
        result = await made.run("go")
    return result.messages[2].tool_results[0].content


async def test_a_figure_of_a_tool_reaches_the_model_as_an_image():
    content = await result_of(picture)
    assert [part.media_type for part in content if part.type == "image"] == ["image/png"]
    capabilities = replace(EVERYTHING, vision=False)
    provider = ScriptedProvider(calls("picture"), model="blind", capabilities=capabilities)
    async with Agent(provider, notebook="work.ipynb", tools=[picture]) as made:
        result = await made.run("go")
    assert result.status == "done", result.error
    assert "cannot look at images" in result.text


async def test_a_table_of_a_tool_reaches_the_model_as_a_digest():
    [text] = await result_of(table)
    assert "DataFrame 200 × 2" in text.text and "group" in text.text
    assert len(text.text) < 2_000


async def test_several_things_of_a_tool_reach_the_model_in_order():
    content = await result_of(both)
    assert [part.type for part in content] == ["text", "text", "text", "image"]
    assert content[0].text == "Two things:"


async def test_a_tool_that_raises_is_told_with_its_place_and_without_a_traceback(caplog):
    [text] = await result_of(fails)
    assert text.text.startswith(
        "fails raised ValueError: no such currency (test_api_agent.py, line"
    )
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


async def test_a_confirm_that_raises_denies_and_ends_the_run_in_words(folder):
    def confirm(approval):
        raise KeyError("who")

    async with agent("edits", confirm=confirm) as made:
        result = await made.run("go")
    assert result.status == "failed"
    assert result.error.code == "confirm_failed"
    assert result.error.message.startswith(
        "`confirm` raised KeyError: 'who' (test_api_agent.py, line"
    )
    assert "server" not in result.error.message
    assert runs(folder) == 0


# -- time ------------------------------------------------------------------------------------------------


async def test_the_limit_of_time_ends_an_endless_cell(folder):
    async with agent("endless", mode="auto", max_seconds=6) as made:
        began = time.monotonic()
        result = await made.run("go")
        took = time.monotonic() - began
        assert result.status == "limit"
        assert result.error.details == {"limit": "max_seconds"}
        assert runs(folder) == 1
        assert took < 30
        # The kernel was interrupted and is free again.
        session = await made.open_session()
        [record] = session.workspace.runs.values()
        assert await record.run.wait(10)
        assert record.run.cells[0].status == "interrupted"
