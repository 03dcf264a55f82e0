"""Arguments as small models write them, read as they are meant."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from jupyter_agent.agent.arguments import read_arguments
from jupyter_agent.protocol.codec import parse_arguments


class Insert(BaseModel):
    op: Literal["insert"]
    source: str


class Delete(BaseModel):
    op: Literal["delete"]
    id: str


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ids: list[str] = []
    ops: list[Insert | Delete] = []
    text: str = ""


@pytest.mark.parametrize("raw", ["", "  ", "null", " null ", "{}", '"{}"'])
def test_nothing_at_all_is_an_empty_object(raw: str) -> None:
    assert parse_arguments(raw) == ({}, None)


def test_an_object_written_as_a_string_is_that_object() -> None:
    assert parse_arguments('"{\\"ids\\": [\\"a\\"]}"') == ({"ids": ["a"]}, None)


@pytest.mark.parametrize(
    "raw", ['"[1]"', '"text"', '"{\\"a\\": 1, \\"a\\": 2}"', '"\\"{}\\""', "[]", "1", '"{"']
)
def test_anything_else_in_a_string_is_refused(raw: str) -> None:
    arguments, fault = parse_arguments(raw)
    assert arguments is None and fault


def test_a_list_given_as_text_is_read_as_a_list() -> None:
    given = {"ids": '["a", "b"]'}
    assert read_arguments(Arguments, given) == Arguments(ids=["a", "b"])
    assert given == {"ids": '["a", "b"]'}


def test_objects_inside_a_list_given_as_text() -> None:
    delete = '{"op": "delete", "id": "x"}'
    expected = Arguments(ops=[Delete(op="delete", id="x")])
    assert read_arguments(Arguments, {"ops": [delete]}) == expected
    assert read_arguments(Arguments, {"ops": f"[{delete}]"}) == expected


def test_text_stays_text_where_text_is_wanted() -> None:
    assert read_arguments(Arguments, {"text": '["a"]'}) == Arguments(text='["a"]')


@pytest.mark.parametrize("ids", ["a, b", "[a]", '["a", 1]', '{"a": 1}', '["a"', '"a"', 5])
def test_nothing_is_guessed(ids: object) -> None:
    with pytest.raises(ValidationError) as refused:
        read_arguments(Arguments, {"ids": ids})
    assert refused.value.errors()[0]["loc"] == ("ids",)  # as it came, for the model to mend
