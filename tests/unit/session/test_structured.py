"""An answer as a value: every kind that a program may ask for, and what models make of it."""

import json
from dataclasses import dataclass

import pytest
from pydantic import BaseModel

from jupyter_agent import Agent
from jupyter_agent.protocol.errors import WrongShape
from jupyter_agent.providers.replay import EVERYTHING, Call, Finish, Say, ScriptedProvider
from jupyter_agent.runtime.answer_shapes import shape_of
from jupyter_agent.session.structured import json_in


class Species(BaseModel):
    name: str
    mass: float


@dataclass
class Counted:
    count: int


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def agent(*answers, **more):
    """An agent whose model says “Done.”, and then these answers when it is asked for a value."""
    left = list(answers)

    def script(request):
        return left.pop(0) if request.response_schema else "Done."

    provider = ScriptedProvider(script, capabilities=EVERYTHING)
    return Agent(provider, **more), provider


@pytest.mark.parametrize(
    ("output", "answer", "value"),
    [
        (Species, '{"name": "Gentoo", "mass": 5.1}', Species(name="Gentoo", mass=5.1)),
        (Counted, '{"count": 3}', Counted(count=3)),
        (list[int], '{"answer": [1, 2]}', [1, 2]),
        (list[int], "[1, 2]", [1, 2]),
        (float, '{"answer": 0.5}', 0.5),
        (SCHEMA, '{"n": 7}', {"n": 7}),
        (list[Species], '{"answer": []}', []),
        (Counted, '```json\n{"count": 3}\n```', Counted(count=3)),
        (Counted, 'Here it is: {"count": 3} as you asked.', Counted(count=3)),
    ],
)
async def test_an_answer_is_read_as_what_was_asked_for(output, answer, value):
    mine, provider = agent(answer)
    async with mine:
        result = await mine.run("Count.", output=output)
    assert (result.text, result.status, result.output) == ("Done.", "done", value)
    assert provider.requests[-1].response_schema.schema["type"] == "object"
    assert result.usage.input > 0


async def test_a_table_is_a_data_frame():
    pandas = pytest.importorskip("pandas")
    mine, _ = agent('{"columns": ["a", "b"], "rows": [[1, "x"], [2, null]]}')
    async with mine:
        result = await mine.run("Table.", output=pandas.DataFrame)
    assert list(result.output.columns) == ["a", "b"] and len(result.output) == 2


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('{"name": "Gentoo"}', "mass"),
        ("I cannot say.", "no whole JSON value"),
        ('{"name": "Gentoo", "mass": 5', "no whole JSON value"),
        ('{"name": "Gentoo", "mass": "heavy"}', "mass"),
    ],
)
async def test_an_answer_that_does_not_fit_is_asked_for_once_more_with_what_is_wrong(wrong, told):
    mine, provider = agent(wrong, '{"name": "Gentoo", "mass": 5.1}')
    async with mine:
        result = await mine.run("Which?", output=Species)
        assert result.output.mass == 5.1
        assert told in provider.requests[-1].messages[-1].text
        # The conversation holds the person's prompts and the answers to them alone.
        assert [message.role for message in result.messages] == ["user", "assistant"]
        assert "JSON" not in json.dumps([message.text for message in mine.session.history])


async def test_two_answers_that_do_not_fit_are_an_error_that_says_why():
    mine, _ = agent("no", "no")
    async with mine:
        with pytest.raises(WrongShape, match="Species, asked 2 times"):
            await mine.run("Which?", output=Species)
        assert (await mine.run("Still there?")).status == "done"


async def test_a_run_that_was_not_done_has_no_value():
    def script(request):
        return [Call("nothing_of_that_name", {})]

    mine = Agent(ScriptedProvider(script), max_turns=2)
    async with mine:
        result = await mine.run("Go.", output=Species)
    assert (result.status, result.output) == ("limit", None)


async def test_a_cut_off_answer_does_not_pass_for_a_whole_one():
    mine, _ = agent(
        [Say('{"name": "Gentoo", "mass": 5'), Finish(kind="length")],
        '{"name": "Gentoo", "mass": 5.1}',
    )
    async with mine:
        assert (await mine.run("Which?", output=Species)).output.mass == 5.1


class NotJson:
    pass


@pytest.mark.parametrize("output", [NotJson, {"type": "nonsense"}, {"properties": 3}])
def test_what_no_answer_can_be_is_refused_before_the_model_is_asked(output):
    with pytest.raises(TypeError):
        shape_of(output)


@pytest.mark.parametrize("text", ["", "{", '[1, {"a": 2}', "nothing", "}{"])
def test_what_holds_no_whole_value_is_refused(text):
    with pytest.raises(ValueError, match="no whole JSON value"):
        json_in(text)


def test_a_script_without_a_loop_gets_it_too():
    mine, _ = agent('{"count": 3}')
    try:
        assert mine.run_sync("Count.", output=Counted).output == Counted(count=3)
    finally:
        mine.close()
