"""What a program may ask an answer to be: a type, a JSON Schema, a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import JsonValue, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from ..session.structured import Shape

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# OpenAI wants an object at the top; other values are put into one.
_WRAPPED = "answer"
_TABLE: dict[str, JsonValue] = {
    "type": "object",
    "title": "Table",
    "properties": {
        "columns": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": {"type": "array", "items": {}}},
    },
    "required": ["columns", "rows"],
    "additionalProperties": False,
}


def shape_of(output: type[T] | dict[str, Any]) -> Shape[T]:
    """Return the shape that a program means.

    Args:
        output: a pydantic model, a dataclass, a TypedDict, any other type that JSON can hold (such
            as `list[float]`), `pandas.DataFrame`, or a JSON Schema.

    Raises:
        TypeError: no JSON can be read as this.
    """
    if isinstance(output, dict):
        return cast("Shape[T]", _of_schema(output))
    if output.__module__.partition(".")[0] == "pandas" and output.__name__ == "DataFrame":
        return Shape(name="table", schema=_TABLE, read=_table_reader(output))
    return _of_type(output)


def _of_type(output: type[T]) -> Shape[T]:
    name = getattr(output, "__name__", str(output))
    try:
        adapter: TypeAdapter[T] = TypeAdapter(output)
        schema = adapter.json_schema()
    except (
        PydanticSchemaGenerationError,
        PydanticInvalidForJsonSchema,
        PydanticUserError,
    ) as error:
        raise TypeError(
            f"An answer cannot be read as {name}: give a pydantic model, a dataclass, a type of "
            "plain values, pandas.DataFrame, or a JSON Schema."
        ) from error

    def read(value: JsonValue) -> T:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            raise ValueError(_faults(error)) from None

    return _wrapped(_plain_name(name), schema, read)


def _of_schema(schema: dict[str, Any]) -> Shape[JsonValue]:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise TypeError(f"This is no JSON Schema: {error.message}.") from None
    validator = Draft202012Validator(schema)

    def read(value: JsonValue) -> JsonValue:
        faults = [
            f"{'.'.join(map(str, fault.absolute_path)) or 'the whole'}: {fault.message}"
            for fault in validator.iter_errors(value)
        ]
        if faults:
            raise ValueError("; ".join(faults[:3]) + ".")
        return value

    return _wrapped(_plain_name(str(schema.get("title") or "answer")), schema, read)


def _wrapped(name: str, schema: dict[str, JsonValue], read: Callable[[JsonValue], T]) -> Shape[T]:
    """Return a shape with an object at the top."""
    if schema.get("type") == "object":
        return Shape(name=name, schema=schema, read=read)
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    outer: dict[str, JsonValue] = {
        "type": "object",
        "properties": {_WRAPPED: inner},
        "required": [_WRAPPED],
        "additionalProperties": False,
    }
    if "$defs" in schema:
        outer["$defs"] = schema["$defs"]

    def read_inner(value: JsonValue) -> T:
        # A model that was asked in words may leave the object around it out.
        bare = not (isinstance(value, dict) and value.keys() == {_WRAPPED})
        return read(value if bare else cast("dict[str, JsonValue]", value)[_WRAPPED])

    return Shape(name=name, schema=outer, read=read_inner)


def _table_reader(frame: Any) -> Callable[[JsonValue], Any]:
    def read(value: JsonValue) -> Any:
        columns = value.get("columns") if isinstance(value, dict) else None
        rows = value.get("rows") if isinstance(value, dict) else None
        if not isinstance(columns, list) or not isinstance(rows, list):
            raise ValueError("It needs `columns`, a list of names, and `rows`, a list of lists.")
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, list) or len(row) != len(columns):
                raise ValueError(f"Row {number} does not have {len(columns)} values.")
        return frame(rows, columns=columns)

    return read


def _faults(error: ValidationError) -> str:
    told = [
        f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)[:3]
    ]
    return "; ".join(told) + "."


def _plain_name(name: str) -> str:
    """Return a name of letters, digits, `_` and `-`, as servers want it."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    return kept.strip("_")[:64] or "answer"
