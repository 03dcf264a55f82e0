"""A person's own functions as tools: the schema, the call, the result."""

import asyncio
import threading
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from jupyter_agent import tool
from jupyter_agent.protocol.messages import ImagePart
from jupyter_agent.tools.base import ToolCallContext, definition
from jupyter_agent.tools.function import LONGEST_RESULT, FunctionTool

CONTEXT = ToolCallContext(call_id="call", run_id="run", update=lambda text, cells: None)


@tool
def convert(grams: float, unit: Literal["lb", "oz"] = "lb", json: bool = False) -> float:
    """Convert a mass.

    Works for any mass.

    Args:
        grams: how heavy it is,
            in grams.
        unit (str): what to convert it to.

    Returns:
        The mass in the unit.
    """
    return grams / (453.6 if unit == "lb" else 28.35)


async def call(made, **arguments):
    return await made.run(made.arguments.model_validate(arguments), CONTEXT)


def text(output):
    return "".join(part.text for part in output.content)


def test_the_signature_becomes_the_schema_and_the_docstring_the_description():
    offered = definition(convert)
    assert offered.name == "convert"
    assert offered.description == "Convert a mass.\n\nWorks for any mass."
    properties = offered.parameters["properties"]
    assert properties["grams"] == {
        "type": "number",
        "description": "how heavy it is, in grams.",
    }
    assert properties["unit"]["enum"] == ["lb", "oz"]
    assert properties["unit"]["description"] == "what to convert it to."
    assert offered.parameters["required"] == ["grams"]
    assert offered.parameters["additionalProperties"] is False


def test_the_function_can_still_be_called():
    assert convert(453.6) == 1.0
    assert convert.__name__ == "convert"


async def test_a_call_gets_the_arguments_by_their_own_names():
    assert text(await call(convert, grams=28.35, unit="oz", json=True)) == "1.0"


@pytest.mark.parametrize("wrong", [{}, {"grams": "heavy"}, {"grams": 1, "colour": "red"}])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValidationError):
        convert.arguments.model_validate(wrong)


async def test_the_preview_is_the_call_as_python():
    preview = await convert.preview(convert.arguments.model_validate({"grams": 5, "unit": "oz"}))
    assert preview.blocks[0].text == "convert(grams=5.0, unit='oz')"


async def test_a_plain_function_does_not_hold_the_event_loop():
    entered, leave = threading.Event(), threading.Event()

    @tool
    def waits() -> str:
        """Wait."""
        entered.set()
        leave.wait()
        return "left"

    running = asyncio.create_task(call(waits))
    await asyncio.to_thread(entered.wait)
    leave.set()
    assert text(await running) == "left"


async def test_an_async_function_runs_on_the_loop():
    @tool(permission="read", name="where_am_i", deadline=None)
    async def where() -> bool:
        """Tell."""
        return threading.current_thread() is threading.main_thread()

    assert where.name == "where_am_i"
    assert where.deadline is None
    assert where.permissions(None) == {"read"}
    assert text(await call(where)) == "true"


def test_without_a_declared_permission_it_needs_exec():
    assert convert.permissions(None) == {"exec"}


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (None, "(nothing)"),
        ("words", "words"),
        ({"a": [1, 2]}, '{"a":[1,2]}'),
        (object, "<class 'object'>"),
    ],
)
async def test_whatever_comes_back_becomes_text(made, shown):
    @tool
    def returns() -> object:
        """Return it."""
        return made

    assert text(await call(returns)) == shown


async def test_a_long_result_is_cut_and_says_so():
    @tool
    def long() -> str:
        """Return much."""
        return "x" * (LONGEST_RESULT + 5)

    assert text(await call(long)).endswith("[5 more characters were cut]")


async def test_an_image_stays_an_image():
    picture = ImagePart(media_type="image/png", data="AAAA")

    @tool
    def draws() -> ImagePart:
        """Draw."""
        return picture

    assert (await call(draws)).content == (picture,)


def test_annotations_may_carry_bounds():
    @tool
    def bounded(n: Annotated[int, Field(ge=1)]) -> int:
        """Count."""
        return n

    assert definition(bounded).parameters["properties"]["n"]["minimum"] == 1


def untyped(value):
    """Take anything."""


def undocumented(value: int) -> int:
    return value


def starred(*values: int) -> int:
    """Add up."""
    return sum(values)


@pytest.mark.parametrize(
    ("function", "says"),
    [(untyped, "type for 'value'"), (undocumented, "docstring"), (starred, "needs a name")],
)
def test_what_a_model_could_not_use_is_refused_with_a_sentence(function, says):
    with pytest.raises(TypeError, match=says):
        FunctionTool(function)


def test_a_name_no_provider_takes_is_refused():
    with pytest.raises(TypeError, match="cannot be the name"):
        FunctionTool(lambda: None)
